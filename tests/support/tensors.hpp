// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <numeric>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

/// The same by a seed.
template <class T, std::size_t R>
Tensor<T, R> noise(const Shape<R>& shape, std::uint64_t seed = 3) {
    Random random(seed);
    return random_tensor<T, R>(random, shape);
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

/// The same of all arrays of two states.
template <class State>
bool identical_states(const State& a, const State& b) {
    using Arrays = std::vector<std::pair<Extents, std::vector<long double>>>;
    const auto arrays_of = [](const State& state) {
        Arrays arrays;
        visit_parameters(state, [&](std::string_view, const auto& array) {
            const auto values = values_of(array);
            arrays.emplace_back(shape_of(array), std::vector<long double>(values.begin(), values.end()));
        });
        return arrays;
    };
    const Arrays in_a = arrays_of(a);
    const Arrays in_b = arrays_of(b);
    return !in_a.empty() && std::equal(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                                       [](const auto& p, const auto& q) { return p.first == q.first && same_bits(p.second, q.second); });
}

/// Every value within `tolerance` · (1 + |expected|) of the expected ones; golden numbers have about seven digits.
template <class Y>
bool close(const Y& y, const std::vector<double>& expected, double tolerance = 1e-6) {
    const auto values = values_of(y);
    bool ok = values.size() == expected.size();
    for (std::size_t i = 0; ok && i < expected.size(); ++i) {
        const double value = static_cast<double>(values[i]);
        ok = value == expected[i] || (std::isfinite(expected[i]) && std::abs(value - expected[i]) <= tolerance * (1 + std::abs(expected[i])));
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
