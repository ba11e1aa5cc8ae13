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

/// Where windows from `first` on lie, counted through all items: so many elements from the first of `batch`, of whose cells windows are
/// `stride(axis)` apart.
template <class T, std::size_t N, class Stride>
void place_windows(const ConvPlan<N>& plan, const Batch<T, N + 1>& batch, const Stride& stride, index_t first, index_t count,
                   index_t* offsets) {
    OutputPosition<N> position = output_position(plan.axes, first);
    for (index_t i = 0; i < count; ++i) {
        offsets[i] = batch[position.item].data - batch.data();
        for (std::size_t axis = 0; axis < N; ++axis) {
            offsets[i] += position.window[axis] * stride(axis) * batch.item_strides()[axis + 1];
        }
        if (!advance(position.window, [&](std::size_t axis) { return plan.axes[axis].output; })) {
            ++position.item;
        }
    }
}

/// How far apart the windows of an item are when all of them lie at one distance, else 0.
template <std::size_t N, class Stride>
index_t even_step(const ConvPlan<N>& plan, const Shape<N + 1>& strides, const Stride& stride) {
    index_t step = 1;
    index_t count = 1;
    for (std::size_t axis = N; axis-- > 0;) {
        const index_t windows = plan.axes[axis].output;
        const index_t apart = stride(axis) * strides[axis + 1];
        if (windows > 1 && count > 1 && apart != step * count) {
            return 0;
        }
        step = windows > 1 && count == 1 ? apart : step;
        count *= windows;
    }
    return step;
}

}  // namespace detail

/// The depth of a convolution's product, C/G · ΠK, in blocks of whole channels: at most 512 deep, so that the panel of weights that is at
/// work stays in the L1 cache, or one channel.
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
/// element by element, which takes as long as a depth of 36 on Zen 3.
template <class T>
constexpr Rows rows_for(simd::Isa isa, index_t outputs, index_t windows, index_t depth) {
    const Tile tile = tile_of<T>(isa);
    const auto room = [](index_t count, index_t width) { return static_cast<double>(divide_up(count, width) * width); };
    const double writing = 1 + 36 / static_cast<double>(std::clamp<index_t>(depth, 1, 512));
    const double by_windows = writing * room(windows, tile.rows) * room(outputs, tile.columns);
    return by_windows < room(outputs, tile.rows) * room(windows, tile.columns) ? Rows::windows : Rows::outputs;
}

/// Of which arrays of a convolution the channels lie side by side.
struct ChannelsLast {
    bool x = false;
    bool y = false;
};

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

/// What a product reads and writes of a convolution's windows.
struct WindowSteps {
    bool lines;     ///< the windows are A's rows, whose elements lie side by side
    bool in_place;  ///< as they lie in x
    bool even;      ///< the windows of an item are `x` and `y` apart; else each has its own place
    index_t x;
    index_t y;
    index_t x_first;  ///< where the first window lies in an item of x
};

template <class T, std::size_t N>
WindowSteps window_steps(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const PackedConv<T>& weight, const Batch<T, N + 1>& y) {
    const bool by_windows = weight.rows == Rows::windows;
    const bool side_by_side = x.item_strides()[0] == 1;
    WindowSteps steps;
    steps.lines = by_windows && weight.depth.taps == 1 && side_by_side;
    steps.in_place = steps.lines;
    steps.x_first = 0;
    for (const WindowAxis& axis : plan.axes) {
        steps.in_place = steps.in_place && axis.inside(0, axis.output, 0);
    }
    for (std::size_t axis = 0; axis < N; ++axis) {
        steps.x_first += plan.axes[axis].position(0, 0) * x.item_strides()[axis + 1];
    }
    steps.x = even_step(plan, x.item_strides(), [&](std::size_t axis) { return plan.axes[axis].stride; });
    steps.y = even_step(plan, y.item_strides(), [](std::size_t) { return 1; });
    // A block of columns lies within one image; or it runs through several small ones.
    steps.even = (by_windows ? steps.y != 0 : steps.y == 1) && (!steps.in_place || steps.x != 0) &&
                 (y.count() == 1 || plan.windows() >= 8 * tile_of<T>(weight.isa).columns);
    return steps;
}

/// Packs `count` windows into panels, the last filled up with zeros.
template <class T, std::size_t N>
void pack_panels(const PackedConv<T>& weight, const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, index_t channel, index_t channels,
                 index_t first, index_t count, T* to) {
    const index_t width = weight.window_width();
    const index_t taps = weight.depth.taps;
    const index_t size = width * channels * taps;
    for (index_t window = 0; window < count; window += width, to += size) {
        const index_t together = std::min(width, count - window);
        if (together < width) {
            std::fill_n(to, size, T(0));
        }
        pack_windows(weight.isa, plan, x, channel, channels, first + window, together, {to, taps * width, width, 1});
    }
}

/// Applies `finish` to outputs of windows that lie at `offsets` from `y`, those that lie side by side together.
template <class T>
void finish_at(const Finish<T>& finish, T* y, index_t output_stride, index_t outputs, const index_t* offsets, index_t windows) {
    if (output_stride == 1) {
        for (index_t i = 0; i < windows; ++i) {
            finish(y + offsets[i], outputs);
        }
        return;
    }
    for (index_t output = 0; output < outputs; ++output, y += output_stride) {
        index_t together = 0;
        for (index_t i = 0; i < windows; i += together) {
            together = 1;
            while (i + together < windows && offsets[i + together] == offsets[i] + together) {
                ++together;
            }
            finish(y + offsets[i], together);
        }
    }
}

}  // namespace detail

/// y = w ⋆ x + bias. Items of x are (C, L₁ … L_N), of y (O, M₁ … M_N).
///
/// The im2col matrix is packed a block at a time, straight into the order in which the product reads it; padding is read as it is packed.
/// 1 × 1 windows of an x whose channels lie side by side are not packed at all. Nothing of the size of the image is built: scratch is, for
/// each worker, 128 KiB or one panel, and two indices for each column where x or y does not lie evenly. `bias` holds O elements, or is
/// null; `finish`, if any, is applied to the results. Without the folds of a plan.
template <class T, std::size_t N>
void conv(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const PackedConv<T>& weight, const T* bias, const Batch<T, N + 1>& y,
          Workspace& workspace, const Finish<T>& finish = {}) {
    const index_t at_once = detail::columns_at_once(weight);
    const detail::WindowSteps steps = detail::window_steps(plan, x, weight, y);
    const index_t windows = plan.windows();
    const index_t runs = steps.even ? y.count() : 1;
    const index_t length = steps.even ? windows : windows * y.count();
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
    const index_t column_count = steps.in_place ? 0 : at_once * weight.depth.deepest();
    T* const all_columns = frame.template take<T>(workers * column_count);
    const index_t offset_count = steps.even ? 0 : 2 * at_once;
    index_t* const all_offsets = frame.template take<index_t>(workers * offset_count);
    executor.for_each(runs * blocks * parts, [&](index_t task, index_t worker) {
        const index_t run = task / parts / blocks;
        const index_t first = task / parts % blocks * at_once;
        const index_t first_output = task % parts * part_outputs;
        const index_t output_count = std::min(part_outputs, weight.outputs - first_output);
        const index_t count = std::min(at_once, length - first);
        T* const columns = all_columns + worker * column_count;
        index_t* const offsets = steps.even ? nullptr : all_offsets + worker * offset_count;
        index_t* const x_offsets = steps.even ? nullptr : offsets + at_once;
        if (!steps.even) {
            detail::place_windows(
                plan, y, [](std::size_t) { return 1; }, first, count, offsets);
            if (steps.in_place) {
                detail::place_windows(
                    plan, x, [&](std::size_t axis) { return plan.axes[axis].stride; }, first, count, x_offsets);
            }
        }
        for (index_t group = 0; output_count > 0 && group < weight.groups; ++group) {
            const index_t output = group * weight.outputs + first_output;
            T* const outputs = y[run].data + (steps.even ? first * steps.y : 0) + output * output_stride;
            const bool by_outputs = weight.rows == Rows::outputs;
            const Spacing apart{output_stride};
            const Spacing along{steps.y, offsets};
            Product<T> product{.rows = by_outputs ? output_count : count,
                               .columns = by_outputs ? count : output_count,
                               .c = outputs,
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
                const index_t from = group * weight.depth.channels + channel;
                if (steps.in_place) {
                    product.a = x[run].data + steps.x_first + (steps.even ? first * steps.x : 0) + from;
                    product.a_rows = {steps.x, x_offsets};
                } else if (steps.lines) {
                    product.a_rows = {product.depth};
                    detail::pack_windows(weight.isa, plan, x, from, channels, run * length + first, count, {columns, 1, 0, channels});
                } else {
                    detail::pack_panels(weight, plan, x, from, channels, run * length + first, count, columns);
                }
                product.bounds = channel + channels == weight.depth.channels ? finish.bounds : nullptr;
                multiply(weight.isa, product);
                product.start = Start::c;
            });
            if (rest && steps.even) {
                finish_all(rest, View<T, 2>{outputs, {output_count, count}, {output_stride, steps.y}});
            }
            if (rest && !steps.even) {
                detail::finish_at(rest, outputs, output_stride, output_count, offsets, count);
            }
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
