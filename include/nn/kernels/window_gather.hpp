// SPDX-License-Identifier: MIT
#pragma once

// How the windows of a convolution come into its products, block by block.

#include <algorithm>  // std::fill_n, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <numeric>    // std::iota

#include <nn/core/view.hpp>
#include <nn/kernels/cells.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/im2col.hpp>
#include <nn/kernels/packed_conv.hpp>

namespace nn::inline NN_ABI::kernels {

/// Windows of all items, counted through in row-major order, in blocks: `at_once` indices of an axis that has `extent`, each with the
/// `inner` windows of the axes behind it, and this for every index of those before it.
struct WindowBlocks {
    index_t outer;
    index_t extent;
    index_t at_once;
    index_t inner;

    index_t parts() const { return divide_up(extent, at_once); }
    index_t count() const { return outer * parts(); }
    /// The first window of a block, and how many it has.
    index_t first(index_t block) const { return (block / parts() * extent + block % parts() * at_once) * inner; }
    index_t size(index_t block) const { return std::min(at_once, extent - block % parts() * at_once) * inner; }
    index_t largest() const { return std::min(at_once, extent) * inner; }
};

namespace detail {

/// Where windows from `first` on lie, counted through all items: so many elements from the first of `batch`, of whose cells windows are
/// `stride(axis)` apart.
template <class T, std::size_t N, class Stride>
void place_windows(const ConvPlan<N>& plan, const Batch<T, N + 1>& batch, const Stride& stride, index_t first, index_t count,
                   index_t* offsets) {
    index_t run = 0;
    for (index_t i = 0; i < count; i += run) {
        const OutputPosition<N> position = output_position(plan.axes, first + i);
        run = std::min(count - i, plan.axes[N - 1].output - position.window[N - 1]);
        index_t offset = batch[position.item].data - batch.data();
        for (std::size_t axis = 0; axis < N; ++axis) {
            offset += position.window[axis] * stride(axis) * batch.item_strides()[axis + 1];
        }
        const index_t step = stride(N - 1) * batch.item_strides()[N];
        for (index_t j = 0; j < run; ++j) {
            offsets[i + j] = offset + j * step;
        }
    }
}

/// What is packed or copied at a time, half of a small L2 cache; and the most windows of a block.
template <class T>
inline constexpr index_t block_budget = 128 * 1024 / static_cast<index_t>(sizeof(T));
inline constexpr index_t windows_at_once = 512;

/// How the windows of a convolution come into its product.
enum class Gather : unsigned char {
    nothing,  ///< rows of A, where they lie in x
    cells,    ///< rows of A, in cells that are copied once
    windows,  ///< rows of A, copied window by window: where windows lie further apart than they reach, or taps do
    panels,   ///< columns, packed
};

template <class T, std::size_t N>
struct WindowGather {
    const ConvPlan<N>& plan;
    const Batch<const T, N + 1>& x;
    const PackedConv<T>& weight;
    bool x_last;  ///< channels lie side by side in x
    Gather how;
    WindowBlocks blocks;

    WindowGather(const ConvPlan<N>& plan_, const Batch<const T, N + 1>& x_, const PackedConv<T>& weight_)
        : plan(plan_), x(x_), weight(weight_), x_last(x.item_strides()[0] == 1) {
        const index_t items = x.count();
        const index_t all = items * plan.windows();
        const index_t depth = weight.whole_depth();
        if (weight.rows == Rows::outputs) {
            how = Gather::panels;
            // A block of columns lies within one image; or it runs through several small ones.
            const index_t runs = plan.windows() >= 8 * weight.window_width() ? items : 1;
            blocks = {runs, all / runs, at_once(weight.depth.deepest()), 1};
            return;
        }
        bool inside = x_last && weight.depth.taps == 1;
        for (const WindowAxis& axis : plan.axes) {
            inside = inside && axis.inside(0, axis.output, 0);
        }
        how = Gather::nothing;
        blocks = {1, all, at_once(1), 1};
        if (!inside) {
            how = Gather::cells;
            blocks = cell_blocks();
            if (box(0).size > saturating_multiply(blocks.largest(), depth)) {
                how = Gather::windows;
                blocks = {1, all, at_once(depth), 1};
            }
        }
    }

    /// The cells that a block reads.
    CellBox<N> box(index_t block) const {
        std::array<index_t, N> windows;
        index_t left = blocks.size(block);
        for (std::size_t axis = N; axis-- > 0;) {
            windows[axis] = std::min(plan.axes[axis].output, left);
            left /= windows[axis];
        }
        return CellBox<N>::template of<T>(plan, left, windows, weight.depth.channels, x_last);
    }

    /// Where the windows of a block lie, as rows of A, and what each reads of the channels of a block of the depth.
    void place(index_t block, index_t* windows, index_t* taps) const {
        if (how == Gather::nothing) {
            place_windows(
                plan, x, [&](std::size_t axis) { return plan.axes[axis].stride; }, blocks.first(block), blocks.size(block), windows);
        } else if (how == Gather::cells) {
            const CellBox<N> cells = box(block);
            cells.place_windows(windows);
            cells.place_taps(plan, weight.depth.at_once(), taps);
        } else if (how == Gather::windows) {
            std::iota(windows, windows + blocks.size(block), index_t{0});
            for (index_t tap = 0; tap < weight.depth.deepest(); ++tap) {
                taps[tap] = tap * blocks.largest();
            }
        }
    }
    /// Copies what the windows of a block read of a group's channels, from `channel` on, to `to`; the first row of A.
    const T* rows(index_t block, index_t channel, T* to) const {
        if (how == Gather::nothing) {
            const T* from = x.data() + channel;
            for (std::size_t axis = 0; axis < N; ++axis) {
                from += plan.axes[axis].position(0, 0) * x.item_strides()[axis + 1];
            }
            return from;
        }
        if (how == Gather::cells) {
            box(block).copy(weight.isa, plan, x, channel, blocks.first(block), to);
        } else if (how == Gather::windows) {
            pack_windows(weight.isa, plan, x, channel, weight.depth.channels, blocks.first(block), blocks.size(block),
                         {to, channel_step(block), blocks.largest(), 1});
        }
        return to;
    }
    /// Packs some channels of a block's windows into panels, the last filled up with zeros.
    void pack(index_t block, index_t channel, index_t channels, T* to) const {
        const index_t width = weight.window_width();
        const index_t taps = weight.depth.taps;
        const index_t size = width * channels * taps;
        const index_t count = blocks.size(block);
        for (index_t window = 0; window < count; window += width, to += size) {
            const index_t together = std::min(width, count - window);
            if (together < width) {
                std::fill_n(to, size, T(0));
            }
            pack_windows(weight.isa, plan, x, channel, channels, blocks.first(block) + window, together, {to, taps * width, width, 1});
        }
    }
    /// Elements from a channel of the rows of A to the next.
    index_t channel_step(index_t block) const {
        return how == Gather::nothing ? 1 : how == Gather::cells ? box(block).channel_step : weight.depth.taps * blocks.largest();
    }

    /// Of scratch.
    index_t elements() const {
        switch (how) {
            case Gather::nothing: return 0;
            case Gather::cells: return box(0).size;
            case Gather::windows: return weight.depth.channels * weight.depth.taps * blocks.largest();
            case Gather::panels: break;
        }
        return weight.depth.deepest() * divide_up(blocks.largest(), weight.window_width()) * weight.window_width();
    }

private:
    /// So many windows, of which each takes so many elements, are gathered at a time: whole panels.
    index_t at_once(index_t elements) const {
        const index_t width = weight.window_width();
        return std::max<index_t>(std::min(block_budget<T> / elements, windows_at_once) / width, 1) * width;
    }
    /// Boxes along the first axis of which one index is not more than a block may be.
    WindowBlocks cell_blocks() const {
        std::array<index_t, N> windows;
        for (std::size_t axis = 0; axis < N; ++axis) {
            windows[axis] = plan.axes[axis].output;
        }
        const auto fits = [&](index_t count, const std::array<index_t, N>& box) {
            index_t together = count;
            for (const index_t each : box) {
                together = saturating_multiply(together, each);
            }
            return together <= windows_at_once &&
                   CellBox<N>::template of<T>(plan, count, box, weight.depth.channels, x_last).size <= block_budget<T>;
        };
        if (fits(1, windows)) {
            const index_t most = largest(1, x.count(), [&](index_t count) { return fits(count, windows); });
            return {1, x.count(), most, plan.windows()};
        }
        index_t outer = x.count();
        index_t inner = plan.windows();
        for (std::size_t axis = 0;; ++axis) {
            const index_t extent = plan.axes[axis].output;
            inner /= extent;
            windows[axis] = 1;
            if (axis + 1 == N || fits(1, windows)) {
                const index_t least = axis + 1 == N ? std::min(extent, weight.window_width()) : 1;
                const index_t most = largest(least, extent, [&](index_t count) {
                    windows[axis] = count;
                    return fits(1, windows);
                });
                return {outer, extent, divide_up(extent, divide_up(extent, most)), inner};
            }
            outer *= extent;
        }
    }
    /// The largest count of at least `least` and at most `most` that fits; `least` if none does.
    template <class Fits>
    static index_t largest(index_t least, index_t most, const Fits& fits) {
        while (least < most) {
            const index_t middle = least + (most - least + 1) / 2;
            (fits(middle) ? least : most) = fits(middle) ? middle : middle - 1;
        }
        return least;
    }
};

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
