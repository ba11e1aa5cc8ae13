// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max, std::min
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/copy.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/gemm.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/packed_conv.hpp>
#include <nn/kernels/window_gather.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// Calls f(first, count) for windows that lie side by side at `offsets`.
template <class F>
void for_each_side_by_side(const index_t* offsets, index_t windows, const F& f) {
    index_t together = 0;
    for (index_t i = 0; i < windows; i += together) {
        together = 1;
        while (i + together < windows && offsets[i + together] == offsets[i] + together) {
            ++together;
        }
        f(i, together);
    }
}

/// Applies `finish` to outputs of windows that lie at `offsets` from `y`.
template <class T>
void finish_at(const Finish<T>& finish, T* y, index_t output_stride, index_t outputs, const index_t* offsets, index_t windows) {
    if (output_stride == 1) {
        for (index_t i = 0; i < windows; ++i) {
            finish(y + offsets[i], outputs);
        }
        return;
    }
    for (index_t output = 0; output < outputs; ++output, y += output_stride) {
        for_each_side_by_side(offsets, windows, [&](index_t i, index_t together) { finish(y + offsets[i], together); });
    }
}

/// Memory of a worker.
template <class T>
struct ConvScratch {
    T* elements;         ///< what `WindowGather` copies or packs
    T* sums;             ///< that are to be turned round
    index_t* y_offsets;  ///< of the windows of a block, from the first element of y
    index_t* x_offsets;  ///< of the same as rows of A
    index_t* tap_offsets;
};

/// A convolution by products, block of windows by block.
template <class T, std::size_t N>
struct ConvProducts {
    const WindowGather<T, N>& gather;
    const PackedConv<T>& weight;
    const T* bias;
    T* y;
    index_t output_stride;
    const Finish<T>& finish;

    /// Windows whose sums are made side by side before they are turned round.
    index_t turned_at_once() const { return 32 * weight.window_width(); }
    /// With windows as rows, as many outputs at a time as have their weights in half of a small L2 cache.
    index_t outputs_at_once() const {
        const index_t width = weight.output_width();
        return std::max<index_t>(block_budget<T> / weight.depth.deepest() / width, 1) * width;
    }
    /// Whether sums are turned round: outputs are columns, and lie apart in y.
    bool turns() const { return weight.rows == Rows::windows && output_stride != 1; }

    /// Some outputs of the windows of a block.
    void operator()(index_t block, index_t group, index_t first_output, index_t last_output, const ConvScratch<T>& scratch) const {
        if (weight.rows == Rows::outputs) {
            by_outputs(block, group, first_output, last_output - first_output, scratch);
            return;
        }
        const T* const rows = gather.rows(block, group * weight.depth.channels, scratch.elements);
        const index_t count = gather.blocks.size(block);
        const index_t windows = turns() ? turned_at_once() : count;
        const index_t step = gather.channel_step(block);
        for (index_t output = first_output; output < last_output; output += outputs_at_once()) {
            for (index_t window = 0; window < count; window += windows) {
                by_windows(rows, step, window, std::min(windows, count - window), group, output,
                           std::min(outputs_at_once(), last_output - output), scratch);
            }
        }
    }

private:
    void by_outputs(index_t block, index_t group, index_t output, index_t outputs, const ConvScratch<T>& scratch) const {
        const index_t count = gather.blocks.size(block);
        const index_t* const offsets = scratch.y_offsets;
        bool side_by_side = true;
        for_each_side_by_side(offsets, count, [&](index_t, index_t together) { side_by_side = together == count; });
        const index_t first_output = group * weight.outputs + output;
        T* const to = y + first_output * output_stride;
        Product<T> product{.rows = outputs,
                           .columns = count,
                           .b = scratch.elements,
                           .c = to + (side_by_side ? offsets[0] : 0),
                           .row = {output_stride},
                           .column = {1, side_by_side ? nullptr : offsets},
                           .a_rows = {weight.row_step()}};
        if (bias != nullptr) {
            product.start = Start::row_bias;
            product.bias = bias + first_output;
        }
        weight.depth.each([&](index_t channel, index_t channels) {
            gather.pack(block, group * weight.depth.channels + channel, channels, scratch.elements);
            multiply_block(product, group, output, channel, channels);
        });
        if (const Finish<T> rest = finish.beyond_bounds()) {
            finish_at(rest, to, output_stride, outputs, offsets, count);
        }
    }

    void by_windows(const T* rows, index_t channel_step, index_t window, index_t windows, index_t group, index_t output, index_t outputs,
                    const ConvScratch<T>& scratch) const {
        const index_t* const offsets = scratch.y_offsets + window;
        const index_t first_output = group * weight.outputs + output;
        T* const to = y + first_output * output_stride;
        Product<T> product{.rows = windows,
                           .columns = outputs,
                           .c = turns() ? scratch.sums : to,
                           .row = turns() ? Spacing{outputs} : Spacing{0, offsets},
                           .a_rows = {0, scratch.x_offsets + window},
                           .a_columns = {1, gather.how == Gather::nothing ? nullptr : scratch.tap_offsets}};
        if (bias != nullptr) {
            product.start = Start::column_bias;
            product.bias = bias + first_output;
        }
        // 1 × 1 convolutions fetch the weights of what comes next meanwhile, unless there are so many rows that waiting for them takes no
        // time: 5 % of MobileNetV2.
        const Tile tile = tile_of<T>(weight.isa);
        const index_t row_tiles = divide_up(windows, tile.rows);
        product.ahead_step = row_tiles > tile.columns ? 0 : divide_up(tile.columns, row_tiles);
        weight.depth.each([&](index_t channel, index_t channels) {
            product.a = rows + channel * channel_step;
            multiply_block(product, group, output, channel, channels);
        });
        const Finish<T> rest = finish.beyond_bounds();
        if (turns()) {
            if (rest) {
                rest(scratch.sums, windows * outputs);
            }
            for_each_side_by_side(offsets, windows, [&](index_t i, index_t together) {
                copy_turned(weight.isa,
                            Lines<T>{together, outputs, scratch.sums + i * outputs, outputs, 1, to + offsets[i], output_stride});
            });
        } else if (rest) {
            finish_at(rest, to, output_stride, outputs, offsets, windows);
        }
    }

    /// Adds what a block of the depth makes.
    void multiply_block(Product<T>& product, index_t group, index_t output, index_t channel, index_t channels) const {
        product.depth = channels * weight.depth.taps;
        (weight.rows == Rows::outputs ? product.a : product.b) = weight.panel(group, output, channel);
        const index_t next = channel + channels;
        const bool last = next == weight.depth.channels;
        product.ahead =
            last ? weight.panel(group, std::min(output + product.columns, weight.outputs - 1), 0) : weight.panel(group, output, next);
        product.bounds = last ? finish.bounds : nullptr;
        multiply(weight.isa, product);
        product.start = Start::c;
    }
};

}  // namespace detail

/// y = w ⋆ x + bias. Items of x are (C, L₁ … L_N), of y (O, M₁ … M_N).
///
/// Windows are done in blocks, of at most 512. Where they are columns of the product, the block's part of the im2col matrix is packed
/// straight into the order in which the product reads it. Where they are rows, the product reads them by offsets from a copy of the block's
/// cells, or from x itself where 1 × 1 windows have their channels side by side. Padding is read as this is copied. Nothing of the size of
/// the image is built: scratch is, for each worker, 128 KiB or what a panel of windows reads, the sums of 32 panels, and the offsets.
/// `bias` holds O elements, or is null; `finish`, if any, is applied to the results. Without the folds of a plan.
template <class T, std::size_t N>
void conv(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const PackedConv<T>& weight, const T* bias, const Batch<T, N + 1>& y,
          Workspace& workspace, const Finish<T>& finish = {}) {
    const detail::WindowGather<T, N> gather(plan, x, weight);
    const WindowBlocks& blocks = gather.blocks;
    const detail::ConvProducts<T, N> products{gather, weight, bias, y.data(), y.item_strides()[0], finish};

    // Where there are few blocks, each is cut into parts of its outputs.
    const ExecutorRef executor = workspace.executor();
    const index_t workers = executor.workers();
    const index_t panels = divide_up(weight.outputs, weight.output_width());
    const index_t parts = workers == 1 || blocks.count() >= 4 * workers ? 1 : std::min(workers, panels);
    const index_t part_outputs = divide_up(panels, parts) * weight.output_width();

    const auto frame = workspace.frame();
    const index_t elements = gather.elements();
    const index_t sums =
        products.turns() ? std::min(products.turned_at_once(), blocks.largest()) * std::min(products.outputs_at_once(), part_outputs) : 0;
    const index_t windows = blocks.largest();
    T* const memory = frame.template take<T>(workers * (elements + sums));
    index_t* const offsets = frame.template take<index_t>(workers * (2 * windows + weight.depth.deepest()));
    executor.for_each(blocks.count() * parts, [&](index_t task, index_t worker) {
        detail::ConvScratch<T> scratch;
        scratch.elements = memory + worker * (elements + sums);
        scratch.sums = scratch.elements + elements;
        scratch.y_offsets = offsets + worker * (2 * windows + weight.depth.deepest());
        scratch.x_offsets = scratch.y_offsets + windows;
        scratch.tap_offsets = scratch.x_offsets + windows;

        const index_t block = task / parts;
        const index_t first_output = task % parts * part_outputs;
        const index_t last_output = std::min(first_output + part_outputs, weight.outputs);
        if (first_output < last_output) {
            detail::place_windows(
                plan, y, [](std::size_t) { return 1; }, blocks.first(block), blocks.size(block), scratch.y_offsets);
            gather.place(block, scratch.x_offsets, scratch.tap_offsets);
            for (index_t group = 0; group < weight.groups; ++group) {
                products(block, group, first_output, last_output, scratch);
            }
        }
    });
}

NN_KERNEL(void conv(const ConvPlan<1>&, const Batch<const float, 2>&, const PackedConv<float>&, const float*, const Batch<float, 2>&,
                    Workspace&, const Finish<float>&));
NN_KERNEL(void conv(const ConvPlan<2>&, const Batch<const float, 3>&, const PackedConv<float>&, const float*, const Batch<float, 3>&,
                    Workspace&, const Finish<float>&));
NN_KERNEL(void conv(const ConvPlan<1>&, const Batch<const double, 2>&, const PackedConv<double>&, const double*, const Batch<double, 2>&,
                    Workspace&, const Finish<double>&));
NN_KERNEL(void conv(const ConvPlan<2>&, const Batch<const double, 3>&, const PackedConv<double>&, const double*, const Batch<double, 3>&,
                    Workspace&, const Finish<double>&));

}  // namespace nn::inline NN_ABI::kernels
