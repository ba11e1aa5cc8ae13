// SPDX-License-Identifier: MIT
#pragma once

// The cells that a block of windows reads, copied once each for a product that finds its elements by their offsets. The im2col matrix
// holds every cell up to ΠK times.

#include <algorithm>  // std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <numeric>    // std::gcd

#include <nn/core/view.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/im2col.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// A long step made an odd number of the 64 bytes of a cache's lines: those of an even number share too few of its sets.
template <class T>
constexpr index_t spread(index_t step) {
    constexpr index_t line = 64 / static_cast<index_t>(sizeof(T));
    return step < 4 * line ? step : saturating_multiply(divide_up(step, line) | 1, line);
}

/// The cells that so many windows of an axis read, and what lies between: every `apart`-th position from the first on.
struct CellAxis {
    index_t count;
    index_t apart;
    index_t window_step;  ///< cells from a window to the next
    index_t tap_step;

    static CellAxis of(const WindowAxis& axis, index_t windows) {
        const index_t stride = windows > 1 ? axis.stride : 0;
        const index_t dilation = axis.kernel > 1 ? axis.dilation : 0;
        const index_t apart = std::max<index_t>(std::gcd(stride, dilation), 1);
        const index_t reach = saturating_add(saturating_multiply(windows - 1, stride), saturating_multiply(axis.kernel - 1, dilation));
        return {reach / apart + 1, apart, stride / apart, dilation / apart};
    }
};

}  // namespace detail

/// The cells of some channels that a box of windows reads: `items` items, and so many windows of each along every axis. Cells lie side by
/// side, or channels do.
template <std::size_t N>
struct CellBox {
    index_t items;
    std::array<index_t, N> windows;
    index_t channels;
    std::array<detail::CellAxis, N> axes;
    index_t cells = 1;  ///< of an item
    index_t cell_step = 1;
    index_t channel_step = 1;
    index_t size;  ///< elements of all

    template <class T>
    static CellBox of(const ConvPlan<N>& plan, index_t items, const std::array<index_t, N>& windows, index_t channels, bool channels_last) {
        CellBox box;
        box.items = items;
        box.windows = windows;
        box.channels = channels;
        for (std::size_t axis = 0; axis < N; ++axis) {
            box.axes[axis] = detail::CellAxis::of(plan.axes[axis], windows[axis]);
            box.cells = saturating_multiply(box.cells, box.axes[axis].count);
        }
        const index_t all = saturating_multiply(items, box.cells);
        (channels_last ? box.cell_step : box.channel_step) = detail::spread<T>(channels_last ? channels : all);
        box.size = channels_last ? saturating_multiply(all, box.cell_step) : saturating_multiply(channels, box.channel_step);
        return box;
    }

    /// Copies the cells, from a channel and a window on.
    template <class T>
    void copy(simd::Isa isa, const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, index_t channel, index_t first, T* to) const {
        const detail::OutputPosition<N> position = detail::output_position(plan.axes, first);
        ConvPlan<N> each = plan;  // whose windows are the cells
        for (std::size_t axis = 0; axis < N; ++axis) {
            each.axes[axis].output = axes[axis].count;
            each.axes[axis].kernel = 1;
            each.axes[axis].stride = axes[axis].apart;
            each.axes[axis].before = -plan.axes[axis].position(position.window[axis], 0);
        }
        detail::pack_windows(isa, each, x, channel, channels, position.item * cells, items * cells, {to, channel_step, 0, cell_step});
    }

    /// Where the windows lie from the first.
    void place_windows(index_t* offsets) const {
        for (index_t item = 0; item < items; ++item) {
            offsets = place(
                item * cells * cell_step, windows, [](const detail::CellAxis& axis) { return axis.window_step; }, offsets);
        }
    }
    /// Where what a window reads lies from its first cell: channel by channel, tap by tap.
    void place_taps(const ConvPlan<N>& plan, index_t channels_, index_t* offsets) const {
        std::array<index_t, N> taps;
        for (std::size_t axis = 0; axis < N; ++axis) {
            taps[axis] = plan.axes[axis].kernel;
        }
        for (index_t channel = 0; channel < channels_; ++channel) {
            offsets = place(
                channel * channel_step, taps, [](const detail::CellAxis& axis) { return axis.tap_step; }, offsets);
        }
    }

private:
    /// Offsets from `first` on, row by row, of so many steps along each axis.
    template <class Step>
    index_t* place(index_t first, const std::array<index_t, N>& extent, const Step& step, index_t* offsets) const {
        const index_t last = step(axes[N - 1]) * cell_step;
        std::array<index_t, N> at{};
        do {
            index_t offset = 0;
            for (std::size_t axis = 0; axis < N; ++axis) {
                offset = offset * axes[axis].count + at[axis] * step(axes[axis]);
            }
            for (index_t i = 0; i < extent[N - 1]; ++i) {
                *offsets++ = first + offset * cell_step + i * last;
            }
        } while (detail::advance(at, [&](std::size_t axis) { return axis + 1 < N ? extent[axis] : 1; }));
        return offsets;
    }
};

}  // namespace nn::inline NN_ABI::kernels
