// SPDX-License-Identifier: MIT
#pragma once

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

/// How a layer that is built with a random engine draws an array of parameters: one of the values of `nn::init`, given as an option.
///
///     nn::Conv2d<float>({.in_channels = 3, .out_channels = 8, .weight_init = nn::init::he_normal, .bias_init = nn::init::zeros}, rng)
struct Initialiser {
    /// What the elements are drawn from.
    enum class Distribution { uniform, normal, truncated_normal, constant, orthogonal };

    /// What the spread is measured by. A weight (O, C, K…) has fan_in = C·ΠK and fan_out = O·ΠK. The recurrent and the input weight of
    /// an LSTM or GRU count as one matrix (gates, D + H).
    enum class Fan { none, in, out, average, equinox };

    Distribution distribution;  ///< what is drawn from
    Fan fan;                    ///< what the spread is divided by
    double scale;               ///< with a fan: variance · fan. Without: the limit, the standard deviation, the value, or the gain

    constexpr bool operator==(const Initialiser&) const = default;  ///< whether they draw alike
};

namespace init {

/// Variance scale / fan, of a fan that is not `none` and a distribution that draws from one. A truncated normal is cut at two standard
/// deviations and widened to keep the variance, as in JAX.
constexpr Initialiser variance_scaling(double scale, Initialiser::Fan fan, Initialiser::Distribution distribution) {
    return {distribution, fan, scale};
}

/// U(−1/√fan_in, 1/√fan_in), for weights and biases alike; 1/√H in LSTM and GRU. The default of Equinox and PyTorch.
inline constexpr Initialiser equinox{Initialiser::Distribution::uniform, Initialiser::Fan::equinox, 1.0 / 3};

/// Variance 1 / fan_in.
inline constexpr Initialiser lecun_uniform{Initialiser::Distribution::uniform, Initialiser::Fan::in, 1};
inline constexpr Initialiser lecun_normal{Initialiser::Distribution::truncated_normal, Initialiser::Fan::in, 1};

/// Variance 2 / (fan_in + fan_out), also called Xavier.
inline constexpr Initialiser glorot_uniform{Initialiser::Distribution::uniform, Initialiser::Fan::average, 1};
inline constexpr Initialiser glorot_normal{Initialiser::Distribution::truncated_normal, Initialiser::Fan::average, 1};

/// Variance 2 / fan_in, also called Kaiming.
inline constexpr Initialiser he_uniform{Initialiser::Distribution::uniform, Initialiser::Fan::in, 2};
inline constexpr Initialiser he_normal{Initialiser::Distribution::truncated_normal, Initialiser::Fan::in, 2};

/// U(−limit, limit)
constexpr Initialiser uniform(double limit) { return {Initialiser::Distribution::uniform, Initialiser::Fan::none, limit}; }
/// N(0, stddev²)
constexpr Initialiser normal(double stddev = 1) { return {Initialiser::Distribution::normal, Initialiser::Fan::none, stddev}; }
/// N(0, 1) cut at ±2, times stddev
constexpr Initialiser truncated_normal(double stddev = 1) {
    return {Initialiser::Distribution::truncated_normal, Initialiser::Fan::none, stddev};
}
/// Every element this value
constexpr Initialiser constant(double value) { return {Initialiser::Distribution::constant, Initialiser::Fan::none, value}; }
inline constexpr Initialiser zeros = constant(0);  ///< every element 0
inline constexpr Initialiser ones = constant(1);   ///< every element 1
/// The weight as a matrix (O, C·ΠK) with orthonormal rows or, where there are more rows than columns, columns, times gain
constexpr Initialiser orthogonal(double gain = 1) { return {Initialiser::Distribution::orthogonal, Initialiser::Fan::none, gain}; }

}  // namespace init

}  // namespace nn::inline NN_ABI
