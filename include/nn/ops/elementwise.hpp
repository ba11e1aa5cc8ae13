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

/// y = f(x) for each element, where f has an `apply` that changes a number, or a vector of them, in place; y may be x.
template <class T, class F>
void apply(const Batch<const T, 0>& x, const F& f, const Batch<T, 0>& y, std::string_view who = "nn::ops::apply") {
    check_output(who, x, Shape<0>{}, y);
    check_apart_or_same(who, y, x);
    kernels::finish_all(kernels::finish_with<T>(f), x, y);
}

}  // namespace nn::inline NN_ABI::ops
