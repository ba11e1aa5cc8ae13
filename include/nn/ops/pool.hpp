// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::min
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/padding.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/pool.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of a pool over N axes.
template <std::size_t N>
struct PoolOptions {
    PerAxis<N> window = 1;       ///< K, each ≥ 1
    PerAxis<N> stride = 0;       ///< s; 0 means the window
    Padding<N> padding = 0;      ///< cells that are no part of any answer; each ≥ 0
    bool count_padding = false;  ///< an average divides by the padding's cells too (Equinox, PyTorch's count_include_pad)
    bool ceil_mode = false;      ///< a last window may reach past the end, but not start there (PyTorch)
    Layout layout = Layout::channels_first;
};

namespace ops {

/// The kinds of pool: the kernel that joins the cells, and what is divided at the end.
struct MaxPooling {
    static constexpr std::string_view name = "nn::MaxPool";
    static constexpr std::string_view adaptive_name = "nn::AdaptiveMaxPool";
    static constexpr std::string_view global_name = "nn::GlobalMaxPool";
    using Kernel = kernels::Maximum;
    static constexpr bool average = false;
};
struct MinPooling {
    static constexpr std::string_view name = "nn::MinPool";
    using Kernel = kernels::Minimum;
    static constexpr bool average = false;
};
struct AvgPooling {
    static constexpr std::string_view name = "nn::AvgPool";
    static constexpr std::string_view adaptive_name = "nn::AdaptiveAvgPool";
    static constexpr std::string_view global_name = "nn::GlobalAvgPool";
    using Kernel = kernels::Total;
    static constexpr bool average = true;
};

/// The windows of a pool over items (C, L₁ … L_N) or (L₁ … L_N, C), in the item's order of axes; the channels' axis has a window of one.
template <std::size_t N>
struct PoolPlan {
    std::array<kernels::WindowAxis, N + 1> axes;
    std::array<index_t, N + 1> padded_end{};  ///< L + p₁

    Shape<N + 1> item() const {
        Shape<N + 1> shape{};
        for (std::size_t axis = 0; axis <= N; ++axis) {
            shape[axis] = axes[axis].output;
        }
        return shape;
    }
};

template <std::size_t N>
void check_pool_options(std::string_view who, const PoolOptions<N>& options) {
    for (std::size_t axis = 0; axis < N; ++axis) {
        const Pad pad = options.padding[axis];
        require<std::invalid_argument>(options.window[axis] >= 1, who, "window ", options.window, ", expected at least 1 along every axis");
        require<std::invalid_argument>(options.stride[axis] >= 0, who, "stride ", options.stride,
                                       ", expected at least 1 along every axis, or 0 for the window");
        require<std::invalid_argument>(pad.before >= 0 && pad.after >= 0, who, "padding ", pad, " of axis ", axis, " is negative");
    }
}

template <class T, std::size_t N>
PoolPlan<N> pool_plan(std::string_view who, const PoolOptions<N>& options, const Batch<const T, N + 1>& x) {
    check_pool_options(who, options);
    PoolPlan<N> plan;
    const std::size_t channels = options.layout == Layout::channels_first ? 0 : N;
    plan.axes[channels].input = plan.axes[channels].output = plan.padded_end[channels] = x.item()[channels];
    for (std::size_t axis = 0; axis < N; ++axis) {
        const std::size_t place = options.layout == Layout::channels_first ? axis + 1 : axis;
        kernels::WindowAxis& window = plan.axes[place];
        window.input = x.item()[place];
        window.kernel = options.window[axis];
        window.stride = options.stride[axis] == 0 ? options.window[axis] : options.stride[axis];
        const Pad pad = options.padding.resolve(axis, window.input, window.kernel, window.stride, 1);
        window.place(pad);
        plan.padded_end[place] = saturating_add(window.input, pad.after);
        const index_t rest = saturating_add(plan.padded_end[place], pad.before) - window.kernel;  // cells past the first window, or missing
        if (options.ceil_mode && rest > -window.stride && rest % window.stride != 0 && window.position(window.output, 0) < window.input) {
            ++window.output;
        }
    }
    return plan;
}

/// y = the maximum, minimum or mean of the cells of x under each window, for items of either layout and any leading axes.
template <class Kind, class T, std::size_t N>
void pool(const PoolOptions<N>& options, const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, std::string_view who = Kind::name) {
    const PoolPlan<N> plan = pool_plan(who, options, x);
    check_output(who, x, plan.item(), y);
    check_apart(who, "y", y, "x", x);
    if (y.empty()) {
        return;
    }
    for (index_t item = 0; item < x.count(); ++item) {
        const View<T, N + 1> to = y[item];
        kernels::transform(to, [] { return Kind::Kernel::template start<T>; });
        kernels::pool<typename Kind::Kernel>(plan.axes, x[item], to);
        if constexpr (Kind::average) {
            kernels::divide_by_counts(to, [&](std::size_t axis, index_t window) {
                const index_t first = plan.axes[axis].position(window, 0);
                const kernels::Range taps = kernels::detail::taps_inside(plan.axes[axis], window);
                return options.count_padding ? std::min(first + plan.axes[axis].kernel, plan.padded_end[axis]) - first
                                             : taps.last - taps.first;
            });
        }
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
