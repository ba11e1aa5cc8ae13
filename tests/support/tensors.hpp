// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <exception>
#include <numeric>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nn/compose/parameters.hpp>
#include <nn/tensor.hpp>

#include "support/random.hpp"
#include "support/strided.hpp"

namespace nn::test {

/// A tensor of values in (−1, 1).
template <class T, std::size_t R>
Tensor<T, R> random_tensor(Random& random, const Shape<R>& shape) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    for (T& element : tensor) {
        element = random.real<T>();
    }
    return tensor;
}

/// A tensor of these values, row-major.
template <class T, std::size_t R>
Tensor<T, R> tensor_of_values(const Shape<R>& shape, const std::vector<T>& values) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    std::copy(values.begin(), values.end(), tensor.begin());
    return tensor;
}

/// 0, 1, 2, … row-major.
template <std::size_t R>
Tensor<double, R> arange(const Shape<R>& shape) {
    Tensor<double, R> tensor = make_tensor<double, R>(shape);
    std::iota(tensor.begin(), tensor.end(), 0.0);
    return tensor;
}

/// A layer, or statistics, with its arrays drawn: the same numbers for every scalar type.
template <class L>
L filled(Random& random, L layer) {
    visit_parameters(layer, [&](std::string_view, auto& array) {
        for (auto& element : array) {
            element = random.real<std::remove_reference_t<decltype(element)>>();
        }
    });
    return layer;
}

/// The values of anything that xtensor iterates over, row-major.
template <class X>
auto values_of(const X& x) {
    std::vector<typename X::value_type> values;
    for (auto it = x.template begin<xt::layout_type::row_major>(); it != x.template end<xt::layout_type::row_major>(); ++it) {
        values.push_back(*it);
    }
    return values;
}
template <class X>
Extents shape_of(const X& x) {
    return {x.shape().begin(), x.shape().end()};
}

/// Of one shape and equal to the bit. (Catch cannot take xtensor's own == apart.)
template <class A, class B>
bool identical(const A& a, const B& b) {
    return shape_of(a) == shape_of(b) && same_bits(values_of(a), values_of(b));
}

/// Every value within `tolerance` · (1 + |expected|) of the expected ones; golden numbers have about seven digits.
template <class Y>
bool close(const Y& y, const std::vector<double>& expected, double tolerance = 1e-6) {
    const auto values = values_of(y);
    bool ok = values.size() == expected.size();
    for (std::size_t i = 0; ok && i < expected.size(); ++i) {
        ok = std::abs(static_cast<double>(values[i]) - expected[i]) <= tolerance * (1 + std::abs(expected[i]));
    }
    return ok;
}

/// The text of the E that f throws; "" where it throws none.
template <class E, class F>
std::string error_of(const F& f) {
    try {
        f();
    } catch (const E& error) {
        return error.what();
    }
    return "";
}

}  // namespace nn::test
