// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::max
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

/// Hyper-parameters of `BatchNorm`.
struct BatchNormOptions {
    index_t size = 0;                        ///< C
    double eps = 1e-5;                       ///< added to the variance
    double momentum = 0.1;                   ///< weight of the new batch in the running statistics (PyTorch's and noxton's sense)
    bool unbiased_running_var = true;        ///< whether n − 1 divides the variance that is kept; blox: false
    bool use_weight = true;                  ///< whether there is a weight
    bool use_bias = true;                    ///< whether there is a bias
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item
};

namespace ops {

/// Refuses options that are wrong whatever the input.
inline void check_batch_norm_options(std::string_view who, const BatchNormOptions& options) {
    require<std::invalid_argument>(options.size >= 1, who, "size ", options.size, ", expected at least 1");
    require<std::invalid_argument>(options.eps >= 0, who, "eps ", options.eps, ", expected at least 0");
    require<std::invalid_argument>(options.momentum >= 0 && options.momentum <= 1, who, "momentum ", options.momentum, ", expected 0 … 1");
}

/// Refuses weight, bias and statistics that do not fit the options.
template <class T>
void check_batch_norm_arrays(std::string_view who, const BatchNormOptions& options, const ChannelParameters<T>& parameters,
                             const View<const T, 1>& mean, const View<const T, 1>& variance) {
    check_channel_parameters(who, options, options.size, "size", parameters);
    check_per_channel(who, "running_mean", mean, options.size, "size");
    check_per_channel(who, "running_var", variance, options.size, "size");
}

/// Extents of one item of y: those of x, whose channels are checked.
template <class T, std::size_t K>
Shape<K> batch_norm_item(std::string_view who, const BatchNormOptions& options, const Batch<const T, K>& x) {
    check_batch_norm_options(who, options);
    return channels_item(who, options.layout, options.size, "size", x);
}

/// y = (x − mean) / √(variance + eps) · weight + bias, channel by channel.
template <class T, std::size_t K>
void batch_norm(const BatchNormOptions& options, const Batch<const T, K>& x, const ChannelParameters<T>& parameters,
                const View<const T, 1>& mean, const View<const T, 1>& variance, const Batch<T, K>& y, Workspace& workspace,
                std::string_view who = "nn::ops::batch_norm") {
    check_output(who, x, batch_norm_item(who, options, x), y);
    check_batch_norm_arrays(who, options, parameters, mean, variance);
    check_apart_or_same(who, y, x);
    check_apart(who, "y", y, "running_mean", Batch<const T, 1>(mean));
    check_apart(who, "y", y, "running_var", Batch<const T, 1>(variance));
    if (y.empty()) {
        return;  // of however many items
    }
    const auto frame = workspace.frame();
    const auto from = x.channels_first(options.layout);
    const auto to = y.channels_first(options.layout);
    kernels::PerChannel<T> p(from[0], to[0], frame);
    for (index_t c = 0; c < options.size; ++c) {
        p.center[c] = mean(c);
        p.scale[c] = (parameters.weight ? (*parameters.weight)(c) : T(1)) / std::sqrt(variance(c) + static_cast<T>(options.eps));
        p.shift[c] = parameters.bias ? (*parameters.bias)(c) : T(0);
    }
    p.repeat();
    for (index_t item = 0; item < x.count(); ++item) {
        kernels::normalise(from[item], p, 0, options.size, to[item]);
    }
}

/// The same with the statistics of the batch itself, which are then mixed into the running ones:
///
///     running ← (1 − momentum) · running + momentum · batch
template <class T, std::size_t K>
void batch_norm_training(const BatchNormOptions& options, const Batch<const T, K>& x, const ChannelParameters<T>& parameters,
                         const View<T, 1>& running_mean, const View<T, 1>& running_var, const Batch<T, K>& y, Workspace& workspace,
                         std::string_view who = "nn::ops::batch_norm_training") {
    check_output(who, x, batch_norm_item(who, options, x), y);
    check_batch_norm_arrays<T>(who, options, parameters, running_mean, running_var);
    require(!x.empty(), who, "x has no elements to take statistics of  [x ", x.shape(), "]");
    check_apart(who, "y", y, "running_mean", Batch<T, 1>(running_mean));
    check_apart(who, "y", y, "running_var", Batch<T, 1>(running_var));
    const auto frame = workspace.frame();
    const auto mean = contiguous(frame.template take<T>(options.size), Shape<1>{options.size});
    const auto variance = contiguous(frame.template take<T>(options.size), Shape<1>{options.size});
    kernels::channel_statistics(x.channels_first(options.layout), mean.data, variance.data);
    batch_norm<T>(options, x, parameters, mean, variance, y, workspace, who);

    const index_t count = element_count(x.shape()) / options.size;
    const T bessel = options.unbiased_running_var ? static_cast<T>(count) / static_cast<T>(std::max<index_t>(count - 1, 1)) : T(1);
    const T momentum = static_cast<T>(options.momentum);
    for (index_t c = 0; c < options.size; ++c) {
        running_mean(c) = (T(1) - momentum) * running_mean(c) + momentum * mean(c);
        running_var(c) = (T(1) - momentum) * running_var(c) + momentum * bessel * variance(c);
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
