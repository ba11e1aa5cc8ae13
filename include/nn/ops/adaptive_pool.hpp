// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/global_pool.hpp>
#include <nn/kernels/pool.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/ops/pool.hpp>

namespace nn::inline NN_ABI {

/// How an adaptive pool cuts an axis of L cells into M windows. They agree where M divides L.
enum class AdaptiveWindows {
    torch,    ///< from ⌊o·L / M⌋ to ⌈(o + 1)·L / M⌉: windows may share a cell
    equinox,  ///< apart: L mod M windows of ⌊L / M⌋ + 1 cells, then windows of ⌊L / M⌋; M ≤ L
};

/// Hyper-parameters of an adaptive pool over N axes.
template <std::size_t N>
struct AdaptivePoolOptions {
    PerAxis<N> output_size = 1;                        ///< M, each ≥ 1
    AdaptiveWindows windows = AdaptiveWindows::torch;  ///< how an axis is cut
    Layout layout = Layout::channels_first;            ///< where the channels stand in an item
};

/// Hyper-parameters of a global pool.
struct GlobalPoolOptions {
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item
};

namespace ops {

/// Refuses options that are wrong whatever the input.
template <std::size_t N>
void check_adaptive_pool_options(std::string_view who, const AdaptivePoolOptions<N>& options) {
    for (std::size_t axis = 0; axis < N; ++axis) {
        require<std::invalid_argument>(options.output_size[axis] >= 1, who, "output_size ", options.output_size,
                                       ", expected at least 1 along every axis");
    }
}

/// Extents of one item of y, in the item's order of axes.
template <class T, std::size_t N>
Shape<N + 1> adaptive_pool_item(std::string_view who, const AdaptivePoolOptions<N>& options, const Batch<const T, N + 1>& x) {
    check_adaptive_pool_options(who, options);
    Shape<N + 1> item = channels_first(x.item(), options.layout);
    for (std::size_t axis = 0; axis < N; ++axis) {
        const index_t least = options.windows == AdaptiveWindows::equinox ? options.output_size[axis] : 1;
        require(item[axis + 1] >= least, who, "x has ", item[axis + 1], " cells along axis ", axis, ", expected at least ", least, "  [x ",
                x.shape(), ", output_size ", options.output_size, "]");
        item[axis + 1] = options.output_size[axis];
    }
    return from_channels_first(item, options.layout);
}

/// y = the maximum, minimum or mean of the cells of x under each of `output_size` windows.
template <class Kind, class T, std::size_t N>
void adaptive_pool(const AdaptivePoolOptions<N>& options, const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace,
                   std::string_view who = "nn::ops::adaptive_pool") {
    check_output(who, x, adaptive_pool_item(who, options, x), y);
    check_apart(who, "y", y, "x", x);
    if (y.empty()) {
        return;  // of however many items
    }
    const auto from = x.channels_first(options.layout);
    const auto to = y.channels_first(options.layout);
    if (element_count(to.item()) == from.item()[0]) {  // one window
        for (index_t item = 0; item < x.count(); ++item) {
            const View<T, N + 1> one = to[item];
            kernels::global_pool<typename Kind::Kernel>(simd::machine(), from[item],
                                                        View<T, 1>{one.data, {one.shape[0]}, {one.strides[0]}});
        }
        return;
    }
    std::array<kernels::PoolAxis, N> axes;
    for (std::size_t axis = 0; axis < N; ++axis) {
        axes[axis].window.input = from.item()[axis + 1];
        axes[axis].window.output = options.output_size[axis];
        axes[axis].cut = options.windows == AdaptiveWindows::torch ? kernels::PoolAxis::Cut::overlapping : kernels::PoolAxis::Cut::apart;
    }
    kernels::pool<typename Kind::Kernel>(simd::machine(), axes, from, to, workspace);
}

/// y (…, C) = the maximum, minimum or mean over all spatial axes of x, added as `kernels::Mean` does.
template <class Kind, class T, std::size_t K>
void global_pool(const GlobalPoolOptions& options, const Batch<const T, K>& x, const Batch<T, 1>& y,
                 std::string_view who = "nn::ops::global_pool") {
    const auto from = x.channels_first(options.layout);
    check_output(who, x, Shape<1>{from.item()[0]}, y);
    check_apart(who, "y", y, "x", x);
    if (y.empty()) {
        return;  // of however many items
    }
    for (index_t item = 0; item < x.count(); ++item) {
        kernels::global_pool<typename Kind::Kernel>(simd::machine(), from[item], y[item]);
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
