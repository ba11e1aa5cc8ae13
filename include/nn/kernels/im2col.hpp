// SPDX-License-Identifier: MIT
#pragma once

// What the windows of a convolution read, in panels or in lines for a product.

#include <algorithm>  // std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/copy.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// Where what windows read is packed: the elements of a channel, a tap and a window are so far apart.
template <class T>
struct PackedWindows {
    T* to;
    index_t channel_step;
    index_t tap_step;
    index_t window_step;
};

template <class T>
void clear_windows(const PackedWindows<T>& out, index_t begin, index_t end, index_t channels) {
    for (index_t j = begin; j < end; ++j) {
        for (index_t c = 0; c < channels; ++c) {
            out.to[c * out.channel_step + j * out.window_step] = T(0);
        }
    }
}

/// Copies a run of `count` windows under one tap of the last axis, for `channels` channels; `from` is the row's first cell.
template <class T>
void pack_run(simd::Isa isa, const WindowAxis& axis, index_t window, index_t tap, index_t count, index_t channels, const T* from,
              index_t cell_stride, index_t channel_stride, const PackedWindows<T>& out) {
    const index_t position = axis.position(window, tap);
    if (axis.inside(window, count, tap)) {
        from += position * cell_stride;
        const index_t window_stride = step_between(count, axis.stride, cell_stride);
        if (out.window_step == 1) {
            copy_lines(isa, Lines<T>{channels, count, from, channel_stride, window_stride, out.to, out.channel_step});
        } else {
            copy_lines(isa, Lines<T>{count, channels, from, window_stride, channel_stride, out.to, out.window_step});
        }
        return;
    }
    if (axis.mode == PaddingMode::zeros && axis.input_dilation == 1) {
        const Range cells = axis.cells_among(position, axis.stride, count);
        clear_windows(out, 0, cells.first, channels);
        clear_windows(out, cells.last, count, channels);
        if (cells.size() > 0) {
            PackedWindows<T> inside = out;
            inside.to += cells.first * out.window_step;
            pack_run(isa, axis, window + cells.first, tap, cells.size(), channels, from, cell_stride, channel_stride, inside);
        }
        return;
    }
    for (index_t j = 0; j < count; ++j) {
        const index_t cell = axis.cell(axis.position(window + j, tap));
        for (index_t c = 0; c < channels; ++c) {
            out.to[c * out.channel_step + j * out.window_step] = cell < 0 ? T(0) : from[c * channel_stride + cell * cell_stride];
        }
    }
}

/// Packs some channels of `count` columns of the im2col matrix from output position `first` on. Channels lie side by side in it, or
/// windows do. Taps outside, channels inside: the geometry of a window is worked out once a tap, not once a channel.
template <class T, std::size_t N>
void pack_windows(simd::Isa isa, const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, index_t channel, index_t channels, index_t first,
                  index_t count, const PackedWindows<T>& out) {
    const WindowAxis& row = plan.axes[N - 1];
    const index_t skipped = channel * x.item_strides()[0];
    index_t run = 0;
    for (index_t column = 0; column < count; column += run) {
        const OutputPosition<N> position = output_position(plan.axes, first + column);
        run = std::min(count - column, row.output - position.window[N - 1]);
        const View<const T, N + 1> item = x[position.item];
        std::array<index_t, N> tap{};
        PackedWindows<T> to = out;
        to.to += column * out.window_step;
        do {
            const T* from = item.data + skipped;
            bool zeros = false;
            for (std::size_t axis = 0; axis + 1 < N; ++axis) {
                const index_t cell = plan.axes[axis].cell(plan.axes[axis].position(position.window[axis], tap[axis]));
                zeros = zeros || cell < 0;
                from += zeros ? 0 : cell * item.strides[axis + 1];
            }
            if (zeros) {
                clear_windows(to, 0, run, channels);
            } else {
                pack_run(isa, row, position.window[N - 1], tap[N - 1], run, channels, from, item.strides[N], item.strides[0], to);
            }
            to.to += out.tap_step;
        } while (advance(tap, [&](std::size_t axis) { return plan.axes[axis].kernel; }));
    }
}

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
