// SPDX-License-Identifier: MIT
#pragma once

// Functions of a number, or of a vector of them, in place: one definition for all who call it. Vectors of floats are computed by
// polynomials, with bounds in units in the last place that tests/kernels/math.cpp holds; numbers, and vectors of doubles lane by lane, by
// the C library. A NaN stays one.

#include <cmath>        // std::erfc, std::exp, std::expm1, std::log1p, std::tanh
#include <type_traits>  // std::is_same_v

#include <nn/kernels/math.hpp>
#include <nn/kernels/simd.hpp>

#if !NN_SIMD
namespace nn::inline NN_ABI::kernels {

// Never called: there are no vectors.
template <class V>
void exponential(V&);
template <class V>
void hyperbolic_tangent(V&);
namespace detail {
template <class V>
void exponential_minus_one(V&);
template <class V>
void log_of_one_plus(V&);
template <class V>
void normal_tail(V&);
}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
#endif

namespace nn::inline NN_ABI::kernels::elementary {

/// Whether V is a vector of floats.
template <class V>
inline constexpr bool of_floats = simd::available<float>&& std::is_same_v<simd::Element<V>, float> && !std::is_same_v<V, float>;

/// x ← eˣ, to 2 units.
template <class V>
NN_INLINE void exponential(V& x) {
    if constexpr (of_floats<V>) {
        kernels::exponential(x);
    } else {
        simd::each_lane(x, [](auto& lane) { lane = std::exp(lane); });
    }
}

/// x ← 1 / (1 + e⁻ˣ), to 3 units; for large −x the exponential is infinite and the result 0, as it should be.
template <class V>
NN_INLINE void logistic(V& x) {
    x = -x;
    elementary::exponential(x);
    x = simd::Element<V>(1) / (simd::Element<V>(1) + x);
}

/// x ← tanh x, to 3 units.
template <class V>
NN_INLINE void hyperbolic_tangent(V& x) {
    if constexpr (of_floats<V>) {
        kernels::hyperbolic_tangent(x);
    } else {
        simd::each_lane(x, [](auto& lane) { lane = std::tanh(lane); });
    }
}

/// x ← eˣ − 1 for x ≤ 0, to 2 units.
template <class V>
NN_INLINE void exponential_minus_one(V& x) {
    if constexpr (of_floats<V>) {
        detail::exponential_minus_one(x);
    } else {
        simd::each_lane(x, [](auto& lane) { lane = std::expm1(lane); });
    }
}

/// x ← ln(1 + eˣ), to 4 units, without overflow for large x nor loss for large −x.
template <class V>
NN_INLINE void softplus(V& x) {
    const V positive = x > V{} ? x : V{};
    x = x > V{} ? -x : x;
    elementary::exponential(x);
    if constexpr (of_floats<V>) {
        detail::log_of_one_plus(x);
    } else {
        simd::each_lane(x, [](auto& lane) { lane = std::log1p(lane); });
    }
    x += positive;
}

/// x ← Φ(−|x|), the normal distribution's tail, to 6 + x² units; results below 1.2e-38 too.
template <class V>
NN_INLINE void normal_tail(V& x) {
    using T = simd::Element<V>;
    x = x < V{} ? -x : x;
    if constexpr (of_floats<V>) {
        detail::normal_tail(x);
    } else {
        simd::each_lane(x, [](auto& lane) { lane = T(0.5) * std::erfc(lane * T(0.70710678118654752440084436210485L)); });
    }
}

}  // namespace nn::inline NN_ABI::kernels::elementary
