// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::copy_n, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <optional>   // std::optional

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/gemm.hpp>
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
void pack_run(const WindowAxis& axis, index_t window, index_t tap, index_t count, index_t channels, const T* from, index_t cell_stride,
              index_t channel_stride, T* to, index_t channel_step) {
    constexpr index_t width = tile_columns<T>;
    if (axis.inside(window, count, tap)) {
        from += axis.position(window, tap) * cell_stride;
        const index_t step = axis.stride * cell_stride;
        for (index_t c = 0; c < channels; ++c, from += channel_stride, to += channel_step) {
            if (step == 1 && count == width) {
                std::copy_n(from, width, to);  // a constant length: two vector moves
            } else {
                for (index_t j = 0; j < count; ++j) {
                    to[j] = from[j * step];
                }
            }
        }
        return;
    }
    std::array<index_t, static_cast<std::size_t>(width)> cells{};
    for (index_t j = 0; j < count; ++j) {
        cells[static_cast<std::size_t>(j)] = axis.cell(axis.position(window + j, tap));
    }
    for (index_t c = 0; c < channels; ++c, from += channel_stride, to += channel_step) {
        for (index_t j = 0; j < count; ++j) {
            const index_t cell = cells[static_cast<std::size_t>(j)];
            to[j] = cell < 0 ? T(0) : from[cell * cell_stride];
        }
    }
}

/// Packs `count` ≤ tile_columns<T> columns of the im2col matrix from output position `first` on: panel[channel · ΠK + tap][column].
/// Taps outside, channels inside: the geometry of a window is worked out once a tap, not once a channel.
template <class T, std::size_t N>
void pack_windows(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, index_t channel, index_t channels, index_t first, index_t count,
                  T* panel) {
    constexpr index_t width = tile_columns<T>;
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
                pack_run(row, position.window[N - 1], tap[N - 1], run, channels, from, item.strides[N], item.strides[0], to, taps * width);
            }
            to += width;
        } while (advance(tap, [&](std::size_t axis) { return plan.axes[axis].kernel; }));
    }
}

/// Columns that are packed at a time: a panel at least, and no more than fit beside A's panel in a cache of 512 KiB.
template <class T>
constexpr index_t columns_at_once(index_t depth) {
    constexpr index_t budget = 256 * 1024 / static_cast<index_t>(sizeof(T));
    constexpr index_t most = 64;
    return std::clamp<index_t>(budget / depth / tile_columns<T>, 1, most) * tile_columns<T>;
}

}  // namespace detail

/// Elements of scratch memory that `conv` takes: the packed weights of one group and a few panels of columns, whatever the image.
template <class T>
constexpr index_t conv_scratch(index_t outputs_per_group, index_t depth) {
    return saturating_add(packed_size(outputs_per_group, depth, tile_rows), saturating_multiply(detail::columns_at_once<T>(depth), depth));
}

/// y = w ⋆ x + bias. Items of x are (C, L₁ … L_N), of y (O, M₁ … M_N); `weight` is a matrix (O, C/G · ΠK).
///
/// The im2col matrix is packed a few panels at a time, straight into the order in which the product reads it; padding is read as it
/// is packed. Nothing of the size of the image is built.
template <class T, std::size_t N>
void conv(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const View<const T, 2>& weight,
          const std::optional<View<const T, 1>>& bias, const Batch<T, N + 1>& y, Workspace& workspace) {
    const index_t outputs = y.item()[0] / plan.groups;
    const index_t channels = x.item()[0] / plan.groups;
    const index_t depth = weight.shape[1];
    const index_t positions = y.count() * plan.windows();
    const index_t at_once = detail::columns_at_once<T>(depth);

    const auto frame = workspace.frame();
    T* const packed_weight = frame.template take<T>(packed_size(outputs, depth, tile_rows));
    T* const columns = frame.template take<T>(at_once * depth);
    index_t* const target = frame.template take<index_t>(at_once);  // of each column, from y's first element

    const auto shift = [&](index_t output) { return bias ? (*bias)(output) : T(0); };
    if (plan.folds) {
        for (index_t item = 0; item < y.count(); ++item) {
            for (index_t output = 0; output < y.item()[0]; ++output) {
                transform(at(y[item], output), [&] { return shift(output); });
            }
        }
    }
    for (index_t group = 0; group < plan.groups; ++group) {
        pack<tile_rows>(slice(weight, group * outputs, outputs), packed_weight);
        for (index_t first = 0; first < positions; first += at_once) {
            const index_t count = std::min(at_once, positions - first);
            for (index_t column = 0; column < count; column += tile_columns<T>) {
                detail::pack_windows(plan, x, group * channels, channels, first + column, std::min(tile_columns<T>, count - column),
                                     columns + column * depth);
            }
            for (index_t column = 0; column < count; ++column) {
                const detail::OutputPosition<N> position = detail::output_position(plan.axes, first + column);
                target[column] = y[position.item].data - y.data();
                for (std::size_t axis = 0; axis < N; ++axis) {
                    target[column] += plan.cell(axis, position.window[axis]) * y.item_strides()[axis + 1];
                }
            }
            multiply(outputs, count, depth, packed_weight, columns,
                     [&](index_t row, index_t rows, index_t column, index_t width, const T* tile) {
                         bool in_a_row = true;  // each of them: the last of a transposed run may lie as far off as that of a row
                         for (index_t j = 1; j < width; ++j) {
                             in_a_row = in_a_row && target[column + j] - target[column] == j;
                         }
                         for (index_t r = 0; r < rows; ++r, tile += tile_columns<T>) {
                             const index_t output = group * outputs + row + r;
                             T* const to = y.data() + output * y.item_strides()[0];
                             if (plan.folds) {
                                 for (index_t j = 0; j < width; ++j) {
                                     to[target[column + j]] += tile[j];
                                 }
                             } else if (in_a_row) {
                                 for (index_t j = 0; j < width; ++j) {
                                     to[target[column] + j] = tile[j] + shift(output);
                                 }
                             } else {
                                 for (index_t j = 0; j < width; ++j) {
                                     to[target[column + j]] = tile[j] + shift(output);
                                 }
                             }
                         }
                     });
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels
