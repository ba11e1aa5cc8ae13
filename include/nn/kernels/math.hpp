// SPDX-License-Identifier: MIT
#pragma once

// Exponentials of vectors of floats, in place, where the compiler has vectors. Bounds in units in the last place of the result, held by
// tests/kernels/math.cpp. A NaN stays one.
//
// The polynomials are least squares over Chebyshev nodes, reweighted towards the least maximal relative error: 3.3e-9 for eʳ on
// |r| ≤ ln(2) / 2, 4.4e-9 for tanh(x) on |x| ≤ 0.625; half a unit in the last place of a float is 6e-8.

#include <cstring>  // std::memcpy

#include <nn/kernels/simd.hpp>

#if NN_SIMD

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// 2ⁿ, −126 ≤ n ≤ 127.
template <class V>
NN_INLINE void power_of_two(const simd::Integers<V>& n, V& y) {
    const simd::Integers<V> bits = (n + 127) << 23;
    std::memcpy(static_cast<void*>(&y), static_cast<const void*>(&bits), sizeof(V));
}

}  // namespace detail

/// eˣ, to 2 units; results below 1.2e-38 too, and infinity above 88.73.
template <class V>
NN_INLINE void exponential(V& x) {
    const V zero{};
    x = x < zero - 104.0F ? zero - 104.0F : x;
    x = x > zero + 104.0F ? zero + 104.0F : x;
    const V exponent = x * 1.44269504F + (x < zero ? zero - 0.5F : zero + 0.5F);
    simd::Integers<V> n;
    simd::convert(exponent, n);
    V k;
    simd::convert(n, k);
    const V r = (x - k * 0.693145752F) - k * 1.42860677e-6F;  // ln 2 in two parts, the first of 16 bits: k times it is exact
    V p = zero + 0.00138131357F;
    p = p * r + 0.00836941968F;
    p = p * r + 0.0416684570F;
    p = p * r + 0.166665148F;
    p = p * r + 0.499999930F;
    p = p * (r * r) + r;
    // In two steps: 2ⁿ itself may lie outside a float's exponents.
    const simd::Integers<V> half = n >> 1;
    V first;
    V second;
    detail::power_of_two(half, first);
    detail::power_of_two(n - half, second);
    x = (p + 1.0F) * first * second;
}

/// 1 / (1 + e⁻ˣ), to 3 units; below −88.73, where it is less than 3e-39, 0.
template <class V>
NN_INLINE void logistic(V& x) {
    x = -x;
    exponential(x);
    x = 1.0F / (1.0F + x);
}

/// tanh x, to 3 units.
template <class V>
NN_INLINE void hyperbolic_tangent(V& x) {
    const V zero{};
    const V magnitude = x < zero ? -x : x;
    const V square = x * x;
    V p = zero - 0.00570495282F;
    p = p * square + 0.0206390536F;
    p = p * square - 0.0537397035F;
    p = p * square + 0.133314420F;
    p = p * square - 0.333332819F;
    const V small = x * (1.0F + square * p);  // keeps the sign of 0
    V large = magnitude + magnitude;
    exponential(large);
    large = 1.0F - 2.0F / (large + 1.0F);
    x = magnitude < zero + 0.625F ? small : x < zero ? -large : large;
}

}  // namespace nn::inline NN_ABI::kernels

#endif
