// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/elementwise.hpp>

namespace nn::inline NN_ABI::ops {

/// y = f(x) for each element; y may be x.
template <class T, class F>
void transform(const Batch<const T, 0>& x, const F& f, const Batch<T, 0>& y, std::string_view who = "nn::ops::transform") {
    check_output(who, x, Shape<0>{}, y);
    check_apart_or_same(who, y, x);
    kernels::transform(y, f, x);
}

}  // namespace nn::inline NN_ABI::ops
