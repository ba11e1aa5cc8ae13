// SPDX-License-Identifier: MIT
#pragma once

// Exponentials and powers of vectors of floats, in place, where the compiler has vectors. Bounds in units in the last place of the result,
// held by tests/kernels/math.cpp. A NaN stays one.
//
// The polynomials are least squares over Chebyshev nodes, reweighted towards the least maximal relative error: 3.3e-9 for eʳ on
// |r| ≤ ln(2) / 2, 4.4e-9 for tanh(x) on |x| ≤ 0.625 and for ln(1 + x), 3.5e-9 for Φ(−x)·e^(x² / 2) on 0 ≤ x ≤ 14.6; half a unit in the
// last place of a float is 6e-8.

#include <cmath>    // std::exp2, std::log2
#include <cstring>  // std::memcpy
#include <limits>   // std::numeric_limits

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

/// eʳ − 1 and n, where x = n·ln 2 + r with |r| ≤ ln(2) / 2, for |x| ≤ 104.
template <class V>
NN_INLINE void reduced_exponential(const V& x, V& p, simd::Integers<V>& n) {
    const V zero{};
    const V exponent = x * 1.44269504F + (x < zero ? zero - 0.5F : zero + 0.5F);
    simd::convert(exponent, n);
    V k;
    simd::convert(n, k);
    V r = x - k * 0.693145752F;  // ln 2 in two parts, the first of 16 bits: k times it is exact
    simd::round_first(r);
    r = r - k * 1.42860677e-6F;
    p = zero + 0.00138131357F;
    p = p * r + 0.00836941968F;
    p = p * r + 0.0416684570F;
    p = p * r + 0.166665148F;
    p = p * r + 0.499999930F;
    p = p * (r * r) + r;
}

}  // namespace detail

/// eˣ, to 2 units; results below 1.2e-38 too, and infinity above 88.73.
template <class V>
NN_INLINE void exponential(V& x) {
    const V zero{};
    x = x < zero - 104.0F ? zero - 104.0F : x;
    x = x > zero + 104.0F ? zero + 104.0F : x;
    V p;
    simd::Integers<V> n;
    detail::reduced_exponential(x, p, n);
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

namespace detail {

/// eˣ − 1 for x ≤ 0, to 2 units.
template <class V>
NN_INLINE void exponential_minus_one(V& x) {
    const V zero{};
    x = x < zero - 20.0F ? zero - 20.0F : x;
    V p;
    simd::Integers<V> n;
    detail::reduced_exponential(x, p, n);
    V power;
    detail::power_of_two(n, power);
    V less = power - 1.0F;
    simd::round_first(less);
    x = p * power + less;
}

/// ln(1 + x) for 0 ≤ x ≤ 1, to 3 units: 2·artanh(x / (2 + x)).
template <class V>
NN_INLINE void log_of_one_plus(V& x) {
    const V s = x / (x + 2.0F);
    const V square = s * s;
    V p = V{} + 0.140059948F;
    p = p * square + 0.140009031F;
    p = p * square + 0.200107634F;
    p = p * square + 0.333332092F;
    x = s + s;
    x = x * (square * p) + x;
}

/// Φ(−x) for x ≥ 0: e^(−x² / 2) times a polynomial in 1 / (1 + 0.3·x).
template <class V>
NN_INLINE void normal_tail(V& x) {
    const V zero{};
    x = x > zero + 14.6F ? zero + 14.6F : x;  // where it is 0
    const V t = 1.0F / (x * 0.3F + 1.0F);
    V p = zero - 0.0206249021F;
    p = p * t + 0.112443671F;
    p = p * t - 0.228233248F;
    p = p * t + 0.191811785F;
    p = p * t - 0.0794471353F;
    p = p * t + 0.096170105F;
    p = p * t + 0.078384839F;
    p = p * t + 0.110236511F;
    p = p * t + 0.119571678F;
    p = p * t + 0.1196867F;
    x = x * x * -0.5F;
    kernels::exponential(x);
    x *= p * t;
}

}  // namespace detail

/// xᵖ to 2 + 1.25·p units, for 0 < p ≤ 64, x ≥ 1.2e-38 and a result ≥ 2.4e-38; infinity gives infinity.
///
/// The whole part of the logarithm times p is exact, so that its rounding does not grow with it: p in two parts, the first of 12 bits.
/// The polynomials' errors are 6.7e-9 for log₂(m) on 0.7 ≤ m ≤ 1.42 and 1.9e-9 for 2ᶠ on |f| ≤ 0.5.
class Power {
public:
    explicit Power(float p) : p_(p), limit_(p > 1.0F ? static_cast<float>(std::exp2(128.0 / p)) : infinity) {
        int bits = 0;
        std::memcpy(&bits, &p, sizeof(p));
        bits &= -4096;
        std::memcpy(&first_, &bits, sizeof(p));
        second_ = p - first_;
    }

    /// Whether x ≥ `least` to the power of p is within the bounds.
    static bool takes(float least, float p) {
        return p > 0.0F && p <= 64.0F && least >= 1.17549435e-38F && (least >= 1.0F || p * std::log2(least) > -125.0F);
    }

    template <class V>
    NN_INLINE void operator()(V& x) const {
        simd::Integers<V> bits;
        std::memcpy(static_cast<void*>(&bits), static_cast<const void*>(&x), sizeof(V));
        simd::Integers<V> n = (bits - 0x3f3504f3) >> 23;  // the whole part of the logarithm; the rest is that of m, 0.707 ≤ m < 1.414
        bits -= n << 23;
        V t;
        std::memcpy(static_cast<void*>(&t), static_cast<const void*>(&bits), sizeof(V));
        t -= 1.0F;
        // By pairs: the chain of dependent steps, not their number, is what it takes.
        const V t2 = t * t;
        const V t4 = t2 * t2;
        const V upper = (t * -0.23851943F + 0.287656665F) + t2 * (t * -0.210303336F + 0.217379376F) + t4 * 0.125412434F;
        const V log = t * ((t * -0.721347153F + 1.4426949F) + t2 * (t * -0.360721201F + 0.48092252F) + t4 * upper);
        V whole;
        simd::convert(n, whole);
        const V high = whole * first_;
        const V low = whole * second_ + log * p_;
        simd::convert(high + low + 128.5F, n);  // positive, so that it is rounded to the nearest
        n -= 128;
        simd::convert(n, whole);
        V f = high - whole;
        simd::round_first(f);
        f += low;
        const V f2 = f * f;
        V y = (f * 0.480453014F + 1.38629436F) + f2 * ((f * 0.0192360077F + 0.111006558F) + f2 * (f * 0.000309526018F + 0.00268005394F));
        V scale;
        detail::power_of_two(n - 1, scale);  // half, for 2¹²⁸ is none; y is twice 2ᶠ
        y = (y * f + 2.0F) * scale;
        x = x < limit_ ? y : x + infinity;  // a NaN stays one
    }

private:
    static constexpr float infinity = std::numeric_limits<float>::infinity();

    float p_;
    float first_ = 0;
    float second_ = 0;
    float limit_;  ///< from here on the result is infinity
};

/// x^(−3/4) of several vectors, to 3 units, for 1e-37 ≤ x; infinity gives 0. A quarter of the bits negated is x^(−1/4) to 3.2 %, and each
/// step takes the error h of x·y⁴ = 1 − h from y, or at last from y³, by the first terms of (1 − h)^(−1/4) and (1 − h)^(−3/4). Each step is
/// for all vectors before the next: one after another they wait for themselves, 155 µs of LocalResponseNorm instead of 130.
template <class V, std::size_t Count>
NN_INLINE void inverse_three_quarter_power(V (&x)[Count]) {
    const auto each = [](const auto& f) NN_INLINE_LAMBDA { simd::unrolled<static_cast<index_t>(Count)>(f); };
    V y[Count];
    V h[Count];
    V square[Count];
    const auto error = [&]() NN_INLINE_LAMBDA {
        each([&](auto i) NN_INLINE_LAMBDA { square[i] = y[i] * y[i]; });
        each([&](auto i) NN_INLINE_LAMBDA { h[i] = x[i] * square[i]; });
        each([&](auto i) NN_INLINE_LAMBDA { h[i] = 1.0F - h[i] * square[i]; });
    };
    const auto correct = [&](float first, float second) NN_INLINE_LAMBDA {
        V step[Count];
        each([&](auto i) NN_INLINE_LAMBDA { step[i] = y[i] * h[i]; });
        each([&](auto i) NN_INLINE_LAMBDA { h[i] = h[i] * second + first; });
        each([&](auto i) NN_INLINE_LAMBDA { y[i] = y[i] + step[i] * h[i]; });
    };
    each([&](auto i) NN_INLINE_LAMBDA {
        simd::Integers<V> bits;
        std::memcpy(static_cast<void*>(&bits), static_cast<const void*>(&x[i]), sizeof(V));
        bits = 0x4f586000 - (bits >> 2);
        std::memcpy(static_cast<void*>(&y[i]), static_cast<const void*>(&bits), sizeof(V));
    });
    error();
    correct(0.25F, 0.15625F);
    error();
    each([&](auto i) NN_INLINE_LAMBDA { y[i] *= square[i]; });
    correct(0.75F, 0.65625F);
    each([&](auto i) NN_INLINE_LAMBDA { x[i] = x[i] > std::numeric_limits<float>::max() ? V{} : y[i]; });
}

}  // namespace nn::inline NN_ABI::kernels

#endif
