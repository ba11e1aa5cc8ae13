// SPDX-License-Identifier: MIT
#pragma once

// How every benchmark goes: it answers once, some elements of the answer are checked against a plain sum in double, then it is timed.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <random>

#include <benchmark/benchmark.h>

#include <nn/nn.hpp>

#include "peak.hpp"

namespace nn::bench {

template <std::size_t R>
Tensor<float, R> noise(const Shape<R>& shape, unsigned seed = 1) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    Tensor<float, R> x = make_tensor<float, R>(shape);
    for (float& element : x) {
        element = normal(rng);
    }
    return x;
}

/// Whether y is `expected(index)` at places spread over it, the first and the last among them.
template <std::size_t R, class F>
bool agrees(const Tensor<float, R>& y, const F& expected, double tolerance = 1e-4) {
    const std::size_t places = std::min<std::size_t>(y.size(), 101);
    for (std::size_t place = 0; place < places; ++place) {
        std::size_t rest = places == 1 ? 0 : place * (y.size() - 1) / (places - 1);
        const float element = y.data()[rest];
        Shape<R> index{};
        for (std::size_t axis = R; axis-- > 0; rest /= y.shape(axis)) {
            index[axis] = static_cast<index_t>(rest % y.shape(axis));
        }
        const double right = expected(index);
        if (!(std::abs(static_cast<double>(element) - right) <= tolerance * (1 + std::abs(right)))) {
            return false;
        }
    }
    return y.size() > 0;
}

/// An element by its index.
template <class X, std::size_t R>
double at(const X& x, const Shape<R>& index) {
    return static_cast<double>(x.element(index.begin(), index.end()));
}

/// What bounds a call: multiply-adds, or bytes at a bandwidth.
struct Bound {
    const char* unit;
    double work;                   ///< of a call
    std::function<double()> peak;  ///< work per second, measured anew: clocks go up and down
};
inline Bound flop(double work) { return {"FLOP/s", work, multiply_add_rate}; }
inline Bound copied(double bytes) {
    return {"bytes/s", bytes, [=] { return copy_rate(static_cast<std::size_t>(bytes)); }};
}
inline Bound read(double bytes) {
    return {"bytes/s", bytes, [=] { return read_rate(static_cast<std::size_t>(bytes)); }};
}
template <class X, class Y>
Bound copied(const X& x, const Y& y) {
    return copied(static_cast<double>((x.size() + y.size()) * sizeof(float)));
}

/// The share of its bound that a call reaches: both are timed by turns, the call for a millisecond or more and warm; the median.
template <class Call>
double share_of(const Bound& bound, const Call& call) {
    const double once = seconds_of(call);
    const int calls = 1 + static_cast<int>(1e-3 / std::max(once, 1e-9));
    std::array<double, 15> shares;
    for (double& share : shares) {
        call();
        const double seconds = seconds_of([&] {
            for (int i = 0; i < calls; ++i) {
                call();
            }
        });
        share = calls * bound.work / seconds / bound.peak();
    }
    std::nth_element(shares.begin(), shares.begin() + shares.size() / 2, shares.end());
    return shares[shares.size() / 2];
}

/// Times y = layer(x), reported as work/s and its share of the bound. `expected(index)` is an element of y, made another way.
template <std::size_t R, class Layer, class X, class F, class B>
void measure(benchmark::State& state, const Layer& layer, const X& x, const F& expected, const B& bound) {
    Workspace workspace;
    Tensor<float, R> y;
    const auto call = [&] {
        layer.forward_into(x, y, workspace);
        benchmark::DoNotOptimize(y.data());
    };
    call();
    if (!agrees(y, expected)) {
        state.SkipWithError("the answer is wrong");
        return;
    }
    for (auto _ : state) {
        call();
    }
    const Bound chased = bound(y);
    state.counters[chased.unit] = benchmark::Counter(chased.work, benchmark::Counter::kIsIterationInvariantRate);
    state.counters["of peak"] = share_of(chased, call);
}

}  // namespace nn::bench
