// SPDX-License-Identifier: MIT
#pragma once

// What layers with one weight and one bias per channel have in common.

#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>

namespace nn::inline NN_ABI::ops {

/// Weight and bias (C), if any.
template <class T>
struct ChannelParameters {
    std::optional<View<const T, 1>> weight;  ///< what a channel is multiplied by
    std::optional<View<const T, 1>> bias;    ///< what is added to it
};

/// Refuses an array that is not of one element per channel; `size_name` is what the options call their number.
template <class T>
void check_per_channel(std::string_view who, std::string_view name, const View<const T, 1>& array, index_t channels,
                       std::string_view size_name) {
    require(array.shape[0] == channels, who, name, " ", array.shape, ", expected (", channels, ",) = (", size_name, ",)");
}

/// Refuses weight and bias that do not fit the options.
template <class T, class Options>
void check_channel_parameters(std::string_view who, const Options& options, index_t channels, std::string_view size_name,
                              const ChannelParameters<T>& parameters) {
    const auto check = [&](std::string_view name, const std::optional<View<const T, 1>>& array, bool expected) {
        check_given(who, name, array.has_value(), expected);
        if (array) {
            check_per_channel(who, name, *array, channels, size_name);
        }
    };
    check("weight", parameters.weight, options.use_weight);
    check("bias", parameters.bias, options.use_bias);
}

/// Extents of one item of y: those of x, whose channels are checked.
template <class T, std::size_t K>
Shape<K> channels_item(std::string_view who, Layout layout, index_t expected, std::string_view size_name, const Batch<const T, K>& x) {
    const index_t channels = x.channels_first(layout).item()[0];
    require(channels == expected, who, "x has ", channels, " channels, expected ", expected, " = ", size_name, "  [x ", x.shape(), "]");
    return x.item();
}

}  // namespace nn::inline NN_ABI::ops
