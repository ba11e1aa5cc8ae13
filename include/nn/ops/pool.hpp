// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::max
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/padding.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/pool.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of a pool over N axes.
template <std::size_t N>
struct PoolOptions {
    PerAxis<N> window = 0;                   ///< K, each ≥ 1: must be given
    PerAxis<N> stride = 0;                   ///< s; 0 means the window
    Padding<N> padding = 0;                  ///< cells that are no part of any answer; each ≥ 0
    bool count_padding = false;              ///< an average divides by the padding's cells too (Equinox, PyTorch's count_include_pad)
    bool ceil_mode = false;                  ///< a last window may reach past the end, but not start there (PyTorch)
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item
};

namespace ops {

/// The kinds of pool, and the kernel that joins the cells.
struct MaxPooling {
    static constexpr std::string_view name = "nn::MaxPool";
    static constexpr std::string_view adaptive_name = "nn::AdaptiveMaxPool";  ///< begins the error texts of that pool
    static constexpr std::string_view global_name = "nn::GlobalMaxPool";      ///< begins the error texts of that pool
    using Kernel = kernels::Maximum;                                          ///< joins the cells of a window
};
struct MinPooling {
    static constexpr std::string_view name = "nn::MinPool";
    using Kernel = kernels::Minimum;  ///< joins the cells of a window
};
struct AvgPooling {
    static constexpr std::string_view name = "nn::AvgPool";
    static constexpr std::string_view adaptive_name = "nn::AdaptiveAvgPool";  ///< begins the error texts of that pool
    static constexpr std::string_view global_name = "nn::GlobalAvgPool";      ///< begins the error texts of that pool
    using Kernel = kernels::Mean;                                             ///< joins the cells of a window
};

/// The windows of a pool over items (C, L₁ … L_N) or (L₁ … L_N, C).
template <std::size_t N>
struct PoolPlan {
    std::array<kernels::PoolAxis, N> axes;   ///< of space
    index_t channels = 0;                    ///< C
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item

    /// Extents of one item of y, in the item's order of axes.
    Shape<N + 1> item() const {
        Shape<N + 1> shape{channels};
        for (std::size_t axis = 0; axis < N; ++axis) {
            shape[axis + 1] = axes[axis].window.output;
        }
        return from_channels_first(shape, layout);
    }
};

/// Refuses options that are wrong whatever the input.
template <std::size_t N>
void check_pool_options(std::string_view who, const PoolOptions<N>& options) {
    for (std::size_t axis = 0; axis < N; ++axis) {
        const Pad pad = options.padding[axis];
        require<std::invalid_argument>(options.window[axis] >= 1, who, "window ", options.window, ", expected at least 1 along every axis");
        require<std::invalid_argument>(options.stride[axis] >= 0, who, "stride ", options.stride,
                                       ", expected at least 1 along every axis, or 0 for the window");
        require<std::invalid_argument>(options.window[axis] <= max_length, who, "window ", options.window, ", expected at most ",
                                       max_length, " along every axis");
        require<std::invalid_argument>(options.stride[axis] <= max_length, who, "stride ", options.stride, ", expected at most ",
                                       max_length, " along every axis");
        require<std::invalid_argument>(pad.before >= 0 && pad.after >= 0, who, "padding ", pad, " of axis ", axis, " is negative");
        require<std::invalid_argument>(std::max(pad.before, pad.after) <= max_length, who, "padding ", pad, " of axis ", axis,
                                       ", expected at most ", max_length, " cells");
    }
}

/// The windows of a pool over x, checked.
template <class T, std::size_t N>
PoolPlan<N> pool_plan(std::string_view who, const PoolOptions<N>& options, const Batch<const T, N + 1>& x) {
    check_pool_options(who, options);
    const Shape<N + 1> item = channels_first(x.item(), options.layout);
    PoolPlan<N> plan;
    plan.channels = item[0];
    plan.layout = options.layout;
    for (std::size_t axis = 0; axis < N; ++axis) {
        kernels::WindowAxis& window = plan.axes[axis].window;
        window.input = item[axis + 1];
        window.kernel = options.window[axis];
        window.stride = options.stride[axis] == 0 ? options.window[axis] : options.stride[axis];
        const Pad pad = options.padding.resolve(axis, window.input, window.kernel, window.stride, 1);
        window.place(pad);
        const index_t rest = window.beside_first(pad);
        // Where one more window would begin, in cells of x.
        const index_t next = window.output == 0 ? -pad.before : saturating_add(rest - rest % window.stride - pad.before, window.stride);
        if (options.ceil_mode && rest > -window.stride && rest % window.stride != 0 && next < window.input) {
            window.output = saturating_add(window.output, 1);
        }
        plan.axes[axis].counted_end = options.count_padding ? saturating_add(window.input, pad.after) : -1;
    }
    return plan;
}

/// y = the maximum, minimum or mean of the cells of x under each window, for items of either layout and any leading axes.
template <class Kind, class T, std::size_t N>
void pool(const PoolOptions<N>& options, const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace,
          std::string_view who = "nn::ops::pool") {
    const PoolPlan<N> plan = pool_plan(who, options, x);
    check_output(who, x, plan.item(), y);
    check_apart(who, "y", y, "x", x);
    kernels::pool<typename Kind::Kernel>(simd::machine(), plan.axes, x.channels_first(options.layout), y.channels_first(options.layout),
                                         workspace);
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
