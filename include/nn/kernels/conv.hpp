// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::clamp, std::max, std::min
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/gemm.hpp>
#include <nn/kernels/im2col.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// Where the positions of a plan's windows lie in y, counted through all items: from y's first element.
template <class T, std::size_t N>
void place_columns(const ConvPlan<N>& plan, const Batch<T, N + 1>& y, index_t first, index_t count, index_t* offsets) {
    for (index_t column = 0; column < count; ++column) {
        const OutputPosition<N> position = output_position(plan.axes, first + column);
        offsets[column] = y[position.item].data - y.data();
        for (std::size_t axis = 0; axis < N; ++axis) {
            offsets[column] += position.window[axis] * y.item_strides()[axis + 1];
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

/// Which way a convolution lies in the tiles of its product.
enum class Rows : unsigned char { outputs, windows };

/// The way that wastes less of the tiles' room: 7 × 7 windows fill 49 of 64 columns, but 49 of 54 rows. A tile of windows is written
/// element by element, which takes as long as a depth of 24 on Zen 3.
template <class T>
constexpr Rows rows_for(simd::Isa isa, index_t outputs, index_t windows, index_t depth) {
    const Tile tile = tile_of<T>(isa);
    const auto room = [](index_t count, index_t width) { return static_cast<double>(divide_up(count, width) * width); };
    const double writing = 1 + 24 / static_cast<double>(std::clamp<index_t>(depth, 1, 512));
    const double by_windows = writing * room(windows, tile.rows) * room(outputs, tile.columns);
    return by_windows < room(outputs, tile.rows) * room(windows, tile.columns) ? Rows::windows : Rows::outputs;
}

/// The weight of a convolution in panels, for one instruction set: group by group, block by block of the depth.
template <class T>
struct PackedConv {
    simd::Isa isa;
    Rows rows;
    index_t groups;
    index_t outputs;  ///< of a group
    DepthBlocks depth;
    const T* panels;

    /// Outputs and windows of a panel.
    index_t output_width() const { return rows == Rows::outputs ? tile_of<T>(isa).rows : tile_of<T>(isa).columns; }
    index_t window_width() const { return rows == Rows::outputs ? tile_of<T>(isa).columns : tile_of<T>(isa).rows; }

    /// The same of so many taps.
    PackedConv with_taps(index_t taps) const {
        PackedConv packed = *this;
        packed.depth.taps = taps;
        return packed;
    }
    /// Elements of all panels.
    index_t size() const {
        return saturating_multiply(groups, packed_size(outputs, saturating_multiply(depth.channels, depth.taps), output_width()));
    }
    /// The panels of a group, from a channel at which a block begins.
    const T* block(index_t group, index_t channel) const {
        return panels + divide_up(outputs, output_width()) * output_width() * (group * depth.channels + channel) * depth.taps;
    }
};

/// Packs a weight (O, C/G · ΠK) into `out`.
template <class T>
PackedConv<T> pack_conv(PackedConv<T> packed, const View<const T, 2>& weight, T* out) {
    packed.panels = out;
    const index_t taps = packed.depth.taps;
    for (index_t group = 0; group < packed.groups; ++group) {
        const View<const T, 2> rows = slice(weight, group * packed.outputs, packed.outputs);
        packed.depth.each([&](index_t channel, index_t channels) {
            View<const T, 2> block = rows;
            block.data += channel * taps * rows.strides[1];
            block.shape[1] = channels * taps;
            pack(packed.isa, packed.output_width(), block, out);
            out += packed_size(packed.outputs, channels * taps, packed.output_width());
        });
    }
    return packed;
}

namespace detail {

/// Columns that are packed at a time: as many as take 128 KiB, half of a small L2 cache, and at least a panel.
template <class T>
index_t columns_at_once(const PackedConv<T>& weight) {
    constexpr index_t budget = 128 * 1024 / static_cast<index_t>(sizeof(T));
    const index_t width = weight.window_width();
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
/// Nothing of the size of the image is built: scratch is, for each worker, 128 KiB or one panel, and an index for each column where y does
/// not lie in rows. `bias` holds O elements, or is null; `finish`, if any, is applied to the results. Without the folds of a plan.
template <class T, std::size_t N>
void conv(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const PackedConv<T>& weight, const T* bias, const Batch<T, N + 1>& y,
          Workspace& workspace, const Finish<T>& finish = {}) {
    const index_t width = weight.window_width();
    const index_t at_once = detail::columns_at_once(weight);
    // A block of columns lies within one image, where its results are rows; or it runs through several small ones, or through an image that
    // does not lie in rows, and then each column has its own place.
    const index_t windows = plan.windows();
    const bool rows = detail::spatially_dense(y[0]) && (y.count() == 1 || windows >= 8 * tile_of<T>(weight.isa).columns);
    const index_t runs = rows ? y.count() : 1;
    const index_t length = rows ? windows : windows * y.count();
    const index_t blocks = divide_up(length, at_once);
    const index_t output_stride = y.item_strides()[0];

    // Where there are few blocks, each is cut into parts of its outputs.
    const ExecutorRef executor = workspace.executor();
    const index_t workers = executor.workers();
    const index_t panels = divide_up(weight.outputs, weight.output_width());
    const index_t parts = workers == 1 || runs * blocks >= 4 * workers ? 1 : std::min(workers, panels);
    const index_t part_outputs = divide_up(panels, parts) * weight.output_width();

    const Finish<T> rest = finish.beyond_bounds();

    const auto frame = workspace.frame();
    const index_t column_count = at_once * weight.depth.deepest();
    T* const all_columns = frame.template take<T>(workers * column_count);
    index_t* const all_offsets = rows ? nullptr : frame.template take<index_t>(workers * at_once);
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
            const bool by_outputs = weight.rows == Rows::outputs;
            const Spacing apart{output_stride};
            const Spacing along{1, offsets};
            Product<T> product{.rows = by_outputs ? output_count : count,
                               .columns = by_outputs ? count : output_count,
                               .c = rows ? outputs + first : outputs,
                               .row = by_outputs ? apart : along,
                               .column = by_outputs ? along : apart};
            if (bias != nullptr) {
                product.start = by_outputs ? Start::row_bias : Start::column_bias;
                product.bias = bias + output;
            }
            weight.depth.each([&](index_t channel, index_t channels) {
                product.depth = channels * weight.depth.taps;
                const T* const panel = weight.block(group, channel) + first_output * product.depth;
                product.a = by_outputs ? panel : columns;
                product.b = by_outputs ? columns : panel;
                for (index_t column = 0; column < count; column += width) {
                    detail::pack_windows(weight.isa, plan, x, group * weight.depth.channels + channel, channels,
                                         run * length + first + column, std::min(width, count - column), width,
                                         columns + column * product.depth);
                }
                product.bounds = channel + channels == weight.depth.channels ? finish.bounds : nullptr;
                multiply(weight.isa, product);
                product.start = Start::c;
            });
            for (index_t i = 0; i < output_count && rest; ++i) {
                T* const to = outputs + i * output_stride;
                if (rows) {
                    rest(to + first, count);
                } else {
                    detail::finish_at(rest, to, offsets, count);
                }
            }
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
