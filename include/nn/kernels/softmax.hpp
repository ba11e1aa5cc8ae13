// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>  // std::log

#include <nn/core/view.hpp>
#include <nn/kernels/elementary.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/reduce.hpp>

namespace nn::inline NN_ABI::kernels {

/// y = eˣ / Σ eˣ or, with `logarithm`, x − ln Σ eˣ, along x. The largest x is subtracted first, so that nothing overflows. y may be x.
template <class T>
void softmax(const View<const T, 1>& x, bool logarithm, const View<T, 1>& y) {
    const T largest = largest_of(x);
    if (logarithm) {
        const T shift = std::log(sum_of(x, [largest](const auto& value, auto* terms) NN_INLINE_LAMBDA {
            terms[0] = value - largest;
            elementary::exponential(terms[0]);
        }));
        map<T>(
            y, [largest, shift](auto& value, const auto& from) NN_INLINE_LAMBDA { value = (from - largest) - shift; }, x);
    } else {
        map<T>(
            y,
            [largest](auto& value, const auto& from) NN_INLINE_LAMBDA {
                value = from - largest;
                elementary::exponential(value);
            },
            x);
        const View<const T, 1> powers = y;
        const T total = sum_of(powers, detail::Itself());
        map<T>(
            y, [total](auto& value, const auto& power) NN_INLINE_LAMBDA { value = power / total; }, powers);
    }
}

}  // namespace nn::inline NN_ABI::kernels
