// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>        // std::sqrt
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/normalise.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `LayerNorm` over R trailing axes.
template <std::size_t R>
struct LayerNormOptions {
    PerAxis<R> shape = 0;    ///< extents of the axes that are normalised, each ≥ 1
    double eps = 1e-5;       ///< added to the variance
    bool use_weight = true;  ///< whether there is a weight
    bool use_bias = true;    ///< whether there is a bias

    static constexpr std::string_view who = "nn::LayerNorm";  ///< begins the error texts
    static constexpr bool centred = true;                     ///< whether the mean is subtracted
};

/// Hyper-parameters of `RMSNorm` over R trailing axes.
template <std::size_t R>
struct RMSNormOptions {
    PerAxis<R> shape = 0;    ///< extents of the axes that are normalised, each ≥ 1
    double eps = 1e-5;       ///< added to the mean square
    bool use_weight = true;  ///< whether there is a weight
    bool use_bias = false;   ///< Equinox: true

    static constexpr std::string_view who = "nn::RMSNorm";  ///< begins the error texts
    static constexpr bool centred = false;                  ///< whether the mean is subtracted
};

namespace ops {

/// The arrays of a normalisation over R axes, of their shape, if any.
template <class T, std::size_t R>
struct LayerNormParameters {
    std::optional<View<const T, R>> weight;  ///< what an element is multiplied by
    std::optional<View<const T, R>> bias;    ///< what is added to it
};

/// Refuses options that are wrong whatever the input.
template <template <std::size_t> class Options, std::size_t R>
void check_layer_norm_options(std::string_view who, const Options<R>& options) {
    for (const index_t extent : options.shape.values()) {
        require<std::invalid_argument>(extent >= 1, who, "shape ", options.shape, ", expected at least 1 along every axis");
    }
    require<std::invalid_argument>(options.eps >= 0, who, "eps ", options.eps, ", expected at least 0");
}

/// Refuses arrays that do not fit the options.
template <template <std::size_t> class Options, class T, std::size_t R>
void check_layer_norm_parameters(std::string_view who, const Options<R>& options, const LayerNormParameters<T, R>& parameters) {
    const auto check = [&](std::string_view name, const std::optional<View<const T, R>>& array, bool expected) {
        check_given(who, name, array.has_value(), expected);
        require(!array || array->shape == options.shape.values(), who, name, " ", array ? array->shape : Shape<R>{}, ", expected ",
                options.shape.values(), " = shape");
    };
    check("weight", parameters.weight, options.use_weight);
    check("bias", parameters.bias, options.use_bias);
}

/// Extents of one item of y: those of x, checked.
template <template <std::size_t> class Options, class T, std::size_t R>
Shape<R> layer_norm_item(std::string_view who, const Options<R>& options, const Batch<const T, R>& x) {
    require(x.item() == options.shape.values(), who, "the last axes of x are ", x.item(), ", expected ", options.shape.values(),
            " = shape  [x ", x.shape(), "]");
    return x.item();
}

/// Normalises the R last axes of x: by mean and variance with `LayerNormOptions`, by the mean square with `RMSNormOptions`.
template <template <std::size_t> class Options, class T, std::size_t R>
void layer_norm(const Options<R>& options, const Batch<const T, R>& x, const LayerNormParameters<T, R>& parameters, const Batch<T, R>& y,
                std::string_view who = "nn::ops::layer_norm") {
    check_layer_norm_options(who, options);
    check_layer_norm_parameters(who, options, parameters);
    check_output(who, x, layer_norm_item(who, options, x), y);
    check_apart_or_same(who, y, x);
    const T one = 1;
    const View<const T, R> weight = parameters.weight.value_or(View<const T, R>{&one, x.item(), {}});
    for (index_t i = 0; i < x.count(); ++i) {
        T mean = 0;
        T square = 0;
        if constexpr (Options<R>::centred) {
            const kernels::Moments<T> moments = kernels::moments(x[i]);
            mean = moments.mean;
            square = moments.variance;
        } else {
            square = kernels::mean_square_of(x[i]);
        }
        const T scale = T(1) / std::sqrt(square + static_cast<T>(options.eps));
        const auto normalised = [=](const auto& from, auto& value) NN_INLINE_LAMBDA {
            value = from;
            if constexpr (Options<R>::centred) {
                value = from - mean;
            }
            value = value * scale;
        };
        if (parameters.bias) {
            const auto function = [normalised](auto& value, const auto& from, const auto& w, const auto& b) NN_INLINE_LAMBDA {
                normalised(from, value);
                value = value * w + b;
            };
            kernels::map<T>(y[i], function, x[i], weight, *parameters.bias);
        } else {
            const auto function = [normalised](auto& value, const auto& from, const auto& w) NN_INLINE_LAMBDA {
                normalised(from, value);
                value = value * w;
            };
            kernels::map<T>(y[i], function, x[i], weight);
        }
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
