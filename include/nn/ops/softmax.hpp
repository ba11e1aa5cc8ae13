// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/softmax.hpp>

namespace nn::inline NN_ABI::ops {

/// y = eˣ / Σ eˣ or, with `logarithm`, x − ln Σ eˣ, along the last axis; y may be x.
template <class T>
void softmax(const Batch<const T, 1>& x, bool logarithm, const Batch<T, 1>& y, std::string_view who = "nn::ops::softmax") {
    check_output(who, x, x.item(), y);
    check_apart_or_same(who, y, x);
    if (y.empty()) {
        return;  // of however many items
    }
    for (index_t i = 0; i < x.count(); ++i) {
        kernels::softmax(x[i], logarithm, y[i]);
    }
}

}  // namespace nn::inline NN_ABI::ops
