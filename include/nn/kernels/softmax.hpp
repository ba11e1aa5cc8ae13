// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>  // std::exp, std::log

#include <nn/core/view.hpp>
#include <nn/kernels/pool.hpp>
#include <nn/kernels/reduce.hpp>

namespace nn::inline NN_ABI::kernels {

/// y = eˣ / Σ eˣ or, with `logarithm`, x − ln Σ eˣ, along x. The largest x is subtracted first, so that nothing overflows. y may be x.
template <class T>
void softmax(const View<const T, 1>& x, bool logarithm, const View<T, 1>& y) {
    const index_t count = x.shape[0];
    T largest = Maximum::start<T>;
    for (index_t i = 0; i < count; ++i) {
        largest = Maximum::join(largest, x(i));
    }
    Sum<T> sum;
    for (index_t i = 0; i < count; ++i) {
        const T shifted = x(i) - largest;
        const T power = std::exp(shifted);
        sum.add(power);
        y(i) = logarithm ? shifted : power;
    }
    const T total = sum.total();
    const T shift = std::log(total);
    for (index_t i = 0; i < count; ++i) {
        y(i) = logarithm ? y(i) - shift : y(i) / total;
    }
}

}  // namespace nn::inline NN_ABI::kernels
