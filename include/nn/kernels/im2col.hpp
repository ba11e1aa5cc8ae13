// SPDX-License-Identifier: MIT
#pragma once

// What the windows of a convolution read, in panels for a product.

#include <algorithm>  // std::clamp, std::fill_n, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <optional>   // std::optional

#include <nn/core/view.hpp>
#include <nn/kernels/copy.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

/// A convolution whose numbers are all known: items x (C, L₁ … L_N), y (O, M₁ … M_N), weight (O, C/G · ΠK).
template <std::size_t N>
struct ConvPlan {
    std::array<WindowAxis, N> axes;
    index_t groups = 1;
    /// For the adjoint of a convolution that pads: the result is that of the padded image, and window o of an axis is added to the cell
    /// of y that its padding, position o − p₀, is a copy of. `input` is the extent of y.
    std::optional<std::array<WindowAxis, N>> folds = std::nullopt;

    /// The cell of y along an axis that a window belongs to, or −1.
    index_t cell(std::size_t axis, index_t window) const {
        return folds ? (*folds)[axis].cell((*folds)[axis].position(window, 0)) : window;
    }

    /// ΠM
    constexpr index_t windows() const {
        index_t count = 1;
        for (const WindowAxis& axis : axes) {
            count *= axis.output;
        }
        return count;
    }

    /// ΠK
    constexpr index_t taps() const {
        index_t count = 1;
        for (const WindowAxis& axis : axes) {
            count *= axis.kernel;
        }
        return count;
    }
};

namespace detail {

/// Where a column of the im2col matrix belongs: output positions of all items counted through in row-major order.
template <std::size_t N>
struct OutputPosition {
    index_t item = 0;
    std::array<index_t, N> window{};
};
template <std::size_t N>
OutputPosition<N> output_position(const std::array<WindowAxis, N>& axes, index_t flat) {
    OutputPosition<N> position;
    for (std::size_t axis = N; axis-- > 0;) {
        position.window[axis] = flat % axes[axis].output;
        flat /= axes[axis].output;
    }
    position.item = flat;
    return position;
}

/// Steps `counter` to the next index of an array with these extents, row-major; false after the last.
template <std::size_t N, class Extent>
bool advance(std::array<index_t, N>& counter, const Extent& extent) {
    for (std::size_t axis = N; axis-- > 0;) {
        if (++counter[axis] < extent(axis)) {
            return true;
        }
        counter[axis] = 0;
    }
    return false;
}

/// Copies a run of `count` windows under one tap of the last axis, for `channels` channels; `from` is the row's first cell.
template <class T>
void pack_run(simd::Isa isa, const WindowAxis& axis, index_t window, index_t tap, index_t count, index_t channels, const T* from,
              index_t cell_stride, index_t channel_stride, T* to, index_t channel_step) {
    if (axis.inside(window, count, tap)) {
        const index_t position = axis.position(window, tap);
        from += position * cell_stride;
        copy_lines(isa, Lines<T>{channels, count, from, channel_stride, axis.stride * cell_stride, to, channel_step});
        return;
    }
    if (axis.mode == PaddingMode::zeros && axis.input_dilation == 1) {
        const index_t position = axis.position(window, tap);
        const index_t first = position >= 0 ? 0 : std::min(count, divide_up(-position, axis.stride));
        const index_t last = position >= axis.input ? first : std::clamp(divide_up(axis.input - position, axis.stride), first, count);
        const auto clear = [&](index_t begin, index_t end) {
            for (index_t j = begin; j < end; ++j) {
                for (index_t c = 0; c < channels; ++c) {
                    to[c * channel_step + j] = T(0);
                }
            }
        };
        clear(0, first);
        clear(last, count);
        if (first < last) {
            pack_run(isa, axis, window + first, tap, last - first, channels, from, cell_stride, channel_stride, to + first, channel_step);
        }
        return;
    }
    for (index_t j = 0; j < count; ++j) {
        const index_t cell = axis.cell(axis.position(window + j, tap));
        for (index_t c = 0; c < channels; ++c) {
            to[c * channel_step + j] = cell < 0 ? T(0) : from[c * channel_stride + cell * cell_stride];
        }
    }
}

/// Packs `count` ≤ `width` columns of the im2col matrix from output position `first` on: panel[channel · ΠK + tap][column].
/// Taps outside, channels inside: the geometry of a window is worked out once a tap, not once a channel.
template <class T, std::size_t N>
void pack_windows(simd::Isa isa, const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, index_t channel, index_t channels, index_t first,
                  index_t count, index_t width, T* panel) {
    const WindowAxis& row = plan.axes[N - 1];
    const index_t taps = plan.taps();
    if (count < width) {
        std::fill_n(panel, channels * taps * width, T(0));
    }
    index_t run = 0;
    for (index_t column = 0; column < count; column += run) {
        const OutputPosition<N> position = output_position(plan.axes, first + column);
        run = std::min(count - column, row.output - position.window[N - 1]);
        const View<const T, N + 1> item = x[position.item];
        std::array<index_t, N> tap{};
        T* to = panel + column;
        do {
            const T* from = item.data + channel * item.strides[0];
            bool zeros = false;
            for (std::size_t axis = 0; axis + 1 < N; ++axis) {
                const index_t cell = plan.axes[axis].cell(plan.axes[axis].position(position.window[axis], tap[axis]));
                zeros = zeros || cell < 0;
                from += cell < 0 ? 0 : cell * item.strides[axis + 1];
            }
            if (zeros) {
                for (index_t c = 0; c < channels; ++c) {
                    std::fill_n(to + c * taps * width, run, T(0));
                }
            } else {
                pack_run(isa, row, position.window[N - 1], tap[N - 1], run, channels, from, item.strides[N], item.strides[0], to,
                         taps * width);
            }
            to += width;
        } while (advance(tap, [&](std::size_t axis) { return plan.axes[axis].kernel; }));
    }
}

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
