// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>        // std::sqrt
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/normalise.hpp>
#include <nn/ops/channels.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `GroupNorm`.
struct GroupNormOptions {
    index_t groups = 1;                      ///< G, divides channels
    index_t channels = 0;                    ///< C
    double eps = 1e-5;                       ///< added to the variance
    bool use_weight = true;                  ///< whether there is a weight
    bool use_bias = true;                    ///< whether there is a bias
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item
};

namespace ops {

/// Refuses options that are wrong whatever the input.
inline void check_group_norm_options(std::string_view who, const GroupNormOptions& options) {
    require<std::invalid_argument>(options.channels >= 1, who, "channels ", options.channels, ", expected at least 1");
    require<std::invalid_argument>(options.groups >= 1, who, "groups ", options.groups, ", expected at least 1");
    require<std::invalid_argument>(options.channels % options.groups == 0, who, "groups ", options.groups, " does not divide channels ",
                                   options.channels);
    require<std::invalid_argument>(options.eps >= 0, who, "eps ", options.eps, ", expected at least 0");
}

/// Extents of one item of y: those of x, whose channels are checked.
template <class T, std::size_t K>
Shape<K> group_norm_item(std::string_view who, const GroupNormOptions& options, const Batch<const T, K>& x) {
    return channels_item(who, options.layout, options.channels, "channels", x);
}

/// y = (x − μ) / √(σ² + eps) · weight + bias, with mean and biased variance of each group of channels of each item.
template <class T, std::size_t K>
void group_norm(const GroupNormOptions& options, const Batch<const T, K>& x, const ChannelParameters<T>& parameters, const Batch<T, K>& y,
                Workspace& workspace, std::string_view who = "nn::ops::group_norm") {
    check_group_norm_options(who, options);
    check_output(who, x, group_norm_item(who, options, x), y);
    check_channel_parameters(who, options, options.channels, "channels", parameters);
    check_apart_or_same(who, y, x);
    if (y.empty()) {
        return;
    }
    const auto frame = workspace.frame();
    const auto from = x.channels_first(options.layout);
    const auto to = y.channels_first(options.layout);
    kernels::PerChannel<T> p(from[0], to[0], frame);
    const index_t size = options.channels / options.groups;
    const bool by_group = to.item_strides()[0] != 1;  // while the group is in the cache; rows of channels are normalised as a whole
    for (index_t item = 0; item < x.count(); ++item) {
        for (index_t c = 0; c < options.channels; c += size) {
            const kernels::Moments<T> moments = kernels::moments(slice(from[item], c, size));
            const T inverse = T(1) / std::sqrt(moments.variance + static_cast<T>(options.eps));
            for (index_t i = c; i < c + size; ++i) {
                p.center[i] = moments.mean;
                p.scale[i] = inverse * (parameters.weight ? (*parameters.weight)(i) : T(1));
                p.shift[i] = parameters.bias ? (*parameters.bias)(i) : T(0);
            }
            if (by_group) {
                kernels::normalise(from[item], p, c, size, to[item]);
            }
        }
        if (!by_group) {
            p.repeat();
            kernels::normalise(from[item], p, 0, options.channels, to[item]);
        }
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
