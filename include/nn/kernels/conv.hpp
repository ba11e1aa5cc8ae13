// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::clamp, std::copy_n, std::fill_n, std::max, std::min
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
    if (axis.inside(window, count, tap)) {
        from += axis.position(window, tap) * cell_stride;
        const index_t step = axis.stride * cell_stride;
        for (index_t c = 0; c < channels; ++c, from += channel_stride, to += channel_step) {
            if (step == 1) {
                index_t j = 0;
                for (; j + 4 <= count; j += 4) {
                    std::copy_n(from + j, 4, to + j);  // a constant length: one vector move
                }
                for (; j < count; ++j) {
                    to[j] = from[j];
                }
            } else {
                for (index_t j = 0; j < count; ++j) {
                    to[j] = from[j * step];
                }
            }
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
void pack_windows(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, index_t channel, index_t channels, index_t first, index_t count,
                  index_t width, T* panel) {
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

/// Where the positions of a plan's windows lie in y, counted through all items: from y's first element.
template <class T, std::size_t N>
void place_columns(const ConvPlan<N>& plan, const Batch<T, N + 1>& y, index_t first, index_t count, index_t* offsets) {
    for (index_t column = 0; column < count; ++column) {
        const OutputPosition<N> position = output_position(plan.axes, first + column);
        offsets[column] = y[position.item].data - y.data();
        for (std::size_t axis = 0; axis < N; ++axis) {
            offsets[column] += plan.cell(axis, position.window[axis]) * y.item_strides()[axis + 1];
        }
    }
}

}  // namespace detail

/// The depth of a convolution's product, C/G · ΠK, in blocks of whole channels: at most 512 deep, so that the panel of weights that is
/// at work stays in the L1 cache, or one channel.
struct DepthBlocks {
    index_t channels;  ///< C/G
    index_t taps;      ///< ΠK

    index_t at_once() const { return std::clamp<index_t>(512 / taps, 1, channels); }
    index_t deepest() const { return at_once() * taps; }

    /// Calls f(channel, channels) block by block.
    template <class F>
    void each(const F& f) const {
        for (index_t channel = 0; channel < channels; channel += at_once()) {
            f(channel, std::min(at_once(), channels - channel));
        }
    }
};

/// The weight of a convolution in panels, for one instruction set: group by group, block by block of the depth.
template <class T>
struct PackedConv {
    simd::Isa isa;
    index_t groups;
    index_t outputs;  ///< of a group
    DepthBlocks depth;
    const T* panels;

    Tile tile() const { return tile_of<T>(isa); }
    /// The panels of a group, from a channel at which a block begins.
    const T* block(index_t group, index_t channel) const {
        const index_t rows = divide_up(outputs, tile().rows) * tile().rows;
        return panels + rows * (group * depth.channels + channel) * depth.taps;
    }
};

/// Elements of a weight when packed.
template <class T>
constexpr index_t packed_conv_size(simd::Isa isa, index_t groups, index_t outputs, index_t depth) {
    return saturating_multiply(groups, packed_size(outputs, depth, tile_of<T>(isa).rows));
}

/// Packs a weight (O, C/G · ΠK) into `out`.
template <class T>
PackedConv<T> pack_conv(simd::Isa isa, const View<const T, 2>& weight, index_t groups, index_t taps, T* out) {
    const PackedConv<T> packed{isa, groups, weight.shape[0] / groups, {weight.shape[1] / taps, taps}, out};
    for (index_t group = 0; group < groups; ++group) {
        const View<const T, 2> rows = slice(weight, group * packed.outputs, packed.outputs);
        packed.depth.each([&](index_t channel, index_t channels) {
            View<const T, 2> block = rows;
            block.data += channel * taps * rows.strides[1];
            block.shape[1] = channels * taps;
            pack(packed.tile().rows, block, out);
            out += packed_size(packed.outputs, channels * taps, packed.tile().rows);
        });
    }
    return packed;
}

namespace detail {

/// Columns that are packed at a time: as many as take 128 KiB, half of a small L2 cache, and at least a panel.
template <class T>
index_t columns_at_once(const PackedConv<T>& weight) {
    constexpr index_t budget = 128 * 1024 / static_cast<index_t>(sizeof(T));
    const index_t width = weight.tile().columns;
    return std::max<index_t>(budget / weight.depth.deepest() / width, 1) * width;
}

/// Finishes the elements at `offsets` from `to`, those side by side together.
template <class T>
void finish_at(const Finish<T>& finish, T* to, const index_t* offsets, index_t count) {
    index_t together = 0;
    for (index_t i = 0; i < count; i += together) {
        together = 1;
        while (i + together < count && offsets[i + together] == offsets[i] + together) {
            ++together;
        }
        finish(to + offsets[i], together);
    }
}

/// Whether the cells of an item (C, spatial…) lie in a row, channel by channel.
template <class T, std::size_t R>
bool spatially_dense(const View<T, R>& item) {
    index_t expected = 1;
    for (std::size_t axis = R; axis-- > 1;) {
        if (item.shape[axis] != 1 && item.strides[axis] != expected) {
            return false;
        }
        expected *= item.shape[axis];
    }
    return true;
}

}  // namespace detail

/// y = w ⋆ x + bias. Items of x are (C, L₁ … L_N), of y (O, M₁ … M_N).
///
/// The im2col matrix is packed a block at a time, straight into the order in which the product reads it; padding is read as it is packed.
/// Nothing of the size of the image is built: scratch is, for each worker, 128 KiB or one panel, an index for each column where y does not
/// lie in rows, and for the adjoint of a padding mode O/G rows of a block. `bias` holds O elements, or is null; `finish`, if any, is
/// applied to the results.
template <class T, std::size_t N>
void conv(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const PackedConv<T>& weight, const T* bias, const Batch<T, N + 1>& y,
          Workspace& workspace, const Finish<T>& finish = {}) {
    const index_t width = weight.tile().columns;
    const index_t at_once = detail::columns_at_once(weight);
    // A block of columns lies within one image, where its results are rows; or it runs through several small ones, or through an image that
    // does not lie in rows, and then each column has its own place.
    const index_t windows = plan.windows();
    const bool rows = !plan.folds && detail::spatially_dense(y[0]) && (y.count() == 1 || windows >= 8 * width);
    const index_t runs = rows ? y.count() : 1;
    const index_t length = rows ? windows : windows * y.count();
    const index_t blocks = divide_up(length, at_once);
    const index_t output_stride = y.item_strides()[0];

    // What is folded adds to cells that other blocks add to: one worker. Where there are few blocks, each is cut into parts of its outputs.
    const ExecutorRef executor = plan.folds ? ExecutorRef() : workspace.executor();
    const index_t workers = executor.workers();
    const index_t tiles = divide_up(weight.outputs, weight.tile().rows);
    const index_t parts = workers == 1 || runs * blocks >= 4 * workers ? 1 : std::min(workers, tiles);
    const index_t part_outputs = divide_up(tiles, parts) * weight.tile().rows;

    const auto frame = workspace.frame();
    const index_t column_count = at_once * weight.depth.deepest();
    T* const all_columns = frame.template take<T>(workers * column_count);
    index_t* const all_offsets = rows ? nullptr : frame.template take<index_t>(workers * at_once);
    T* const folded = plan.folds ? frame.template take<T>(weight.outputs * at_once) : nullptr;
    if (plan.folds) {
        for (index_t item = 0; item < y.count(); ++item) {
            for (index_t output = 0; output < y.item()[0]; ++output) {
                transform(at(y[item], output), [&] { return bias != nullptr ? bias[output] : T(0); });
            }
        }
    }
    executor.for_each(runs * blocks * parts, [&](index_t task, index_t worker) {
        const index_t run = task / parts / blocks;
        const index_t first = task / parts % blocks * at_once;
        const index_t first_output = task % parts * part_outputs;
        const index_t output_count = std::min(part_outputs, weight.outputs - first_output);
        const index_t count = std::min(at_once, length - first);
        T* const columns = all_columns + worker * column_count;
        index_t* const offsets = rows ? nullptr : all_offsets + worker * at_once;
        if (!rows) {
            detail::place_columns(plan, y, first, count, offsets);
        }
        for (index_t group = 0; output_count > 0 && group < weight.groups; ++group) {
            const index_t output = group * weight.outputs + first_output;
            T* const outputs = y[run].data + output * output_stride;
            Product<T> product{.rows = output_count, .columns = count, .b = columns};
            if (plan.folds) {
                product.c = folded;
                product.row.stride = at_once;
            } else {
                product.c = rows ? outputs + first : outputs;
                product.row.stride = output_stride;
                product.column.offsets = offsets;
                product.bias = bias != nullptr ? bias + output : nullptr;
                product.start = bias != nullptr ? Start::row_bias : Start::zero;
            }
            weight.depth.each([&](index_t channel, index_t channels) {
                product.depth = channels * weight.depth.taps;
                product.a = weight.block(group, channel) + first_output * product.depth;
                for (index_t column = 0; column < count; column += width) {
                    detail::pack_windows(plan, x, group * weight.depth.channels + channel, channels, run * length + first + column,
                                         std::min(width, count - column), width, columns + column * product.depth);
                }
                multiply(weight.isa, product);
                product.start = Start::c;
            });
            for (index_t i = 0; i < output_count && (plan.folds || finish); ++i) {
                T* const to = outputs + i * output_stride;
                if (plan.folds) {
                    for (index_t column = 0; column < count; ++column) {
                        to[offsets[column]] += folded[i * at_once + column];
                    }
                } else if (rows) {
                    finish(to + first, count);
                } else {
                    detail::finish_at(finish, to, offsets, count);
                }
            }
        }
    });
    for (index_t item = 0; plan.folds && finish && item < y.count(); ++item) {
        finish_all(finish, y[item]);
    }
}

}  // namespace nn::inline NN_ABI::kernels
