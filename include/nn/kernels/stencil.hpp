// SPDX-License-Identifier: MIT
#pragma once

// Convolutions with few channels and outputs in a group, depthwise above all, without a product: the cells that a block of windows reads
// are copied, then each output is summed in registers, tap by tap. Lanes run over the windows of a row or, where channels lie side by
// side, over channels; then windows inside the image read the image itself: 96 channels of 112 × 112 with stride 2 take 190 µs, not 368.
//
// Every output is the chain of multiply-adds that kernels::multiply makes, bias, then channels and taps in order: the same bits.

#include <algorithm>  // std::clamp, std::fill_n, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <utility>    // std::swap

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/gemm.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/packed_conv.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/stencil_cells.hpp>
#include <nn/kernels/stencil_tile.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// All windows of rows first_row … last_row − 1.
template <class Target, bool Channels, class T>
NN_INLINE void stencil(simd::Isa isa, const Stencil<T>& s) {
    const bool direct = s.x_offsets != nullptr;
    const Range inside_rows = direct ? s.row.inside() : Range{};
    const Range inside_columns = direct ? s.column.inside() : Range{};
    // With lanes over channels columns may as well be rows: several windows at a time are those of the longer side.
    Stencil<T> turned = s;
    if constexpr (Channels) {
        std::swap(turned.y_row, turned.y_column);
    }
    index_t rows = 0;
    for (index_t row = s.first_row; row < s.last_row; row += rows) {
        const bool inside_row = inside_rows.first <= row && row < inside_rows.last;
        rows = (inside_row ? inside_rows.last : row < inside_rows.first ? inside_rows.first : s.last_row) - row;
        rows = std::min(rows, s.last_row - row);
        const Range inside = inside_row ? inside_columns : Range{};
        // Where cells are copied, as many windows as there is room for.
        const bool copies = inside.first > 0 || inside.last < s.column.output;
        rows = copies ? std::min(rows, s.block_rows) : rows;
        index_t columns = 0;
        for (index_t column = 0; column < s.column.output; column += columns) {
            Cells<T> cells{s.cells, s.offsets, s.columns.size() * s.cell, s.cell};
            if (inside.first <= column && column < inside.last) {
                columns = inside.last - column;
                cells = {s.plane[0] + s.row.position(row, 0) * s.x_row + s.column.position(column, 0) * s.x_column, s.x_offsets,
                         step_between(rows, s.row.stride, s.x_row), step_between(columns, s.column.stride, s.x_column)};
            } else {
                columns = std::min(s.block_columns, (column < inside.first ? inside.first : s.column.output) - column);
                gather(isa, s, row, rows, column, columns);
            }
            T* y = s.y + row * s.y_row + column * s.y_column;
            const bool turn = Channels && columns > rows;
            const Stencil<T>& by = turn ? turned : s;
            const index_t high = turn ? columns : rows;
            const index_t wide = turn ? rows : columns;
            if (turn) {
                std::swap(cells.row, cells.column);
            }
            index_t output = 0;
            if constexpr (!Channels && !Target::few_forms) {
                if constexpr (Target::registers == 32) {
                    stencil_outputs<Target, 8>(s, output, cells, rows, columns, y);
                }
                stencil_outputs<Target, 4>(s, output, cells, rows, columns, y);
            }
            for (; output < s.outputs; ++output, y += s.y_output) {
                if constexpr (!Target::few_forms) {
                    if (high >= 7 && divide_up(high, 7) * 7 <= divide_up(high, 4) * 4) {
                        stencil_rows<Target, Channels, 1, 7>(by, output, cells, high, wide, y);
                        continue;
                    } else if (high >= 4) {
                        stencil_rows<Target, Channels, 1, 4>(by, output, cells, high, wide, y);
                        continue;
                    }
                }
                stencil_rows<Target, Channels, 1, 1>(by, output, cells, high, wide, y);
            }
        }
    }
}

template <class T>
void run_stencil(simd::Isa isa, const Stencil<T>& s) {
    simd::run<T>(isa, [&](auto target) NN_INLINE_LAMBDA {
        if (s.cell > 1) {
            stencil<decltype(target), true>(isa, s);
        } else {
            stencil<decltype(target), false>(isa, s);
        }
    });
}

/// Sets how many windows of an image are a block: as many as their cells take 24 KiB, and at least a few vectors.
template <class T>
void set_blocks(Stencil<T>& s) {
    const index_t budget = 24 * 1024 / static_cast<index_t>(sizeof(T)) / s.cell;
    const index_t width = s.cell > 1 ? 1 : s.lanes;
    const index_t rows_at_least = std::min<index_t>(s.row.output, 7);
    s.rows = Slots(s.row, rows_at_least);
    s.columns = Slots(s.column, std::min(s.column.output, 32 * width));

    const index_t runs = s.planes * s.rows.slots() * s.columns.slots();
    const index_t unit = width * (s.row.output == 1 ? 8 : 2);
    const index_t fit = budget / (runs * (rows_at_least + s.rows.most)) - s.columns.most;
    s.block_columns = std::min(std::max<index_t>(fit / unit, 1) * unit, s.column.output);
    s.columns.length = std::max(s.block_columns, width) + s.columns.most;

    const index_t high = budget / (runs * s.columns.length) - s.rows.most;
    s.block_rows = high >= s.row.output ? s.row.output : std::max(high / 7 * 7, rows_at_least);
    s.rows.length = s.block_rows + s.rows.most;
}

}  // namespace detail

/// What the lanes of a stencil run over.
enum class Lanes : unsigned char { none, windows, channels };

/// How `stencil` takes a convolution: lanes over windows where the rows of y are dense, or over the channels of a depthwise one where
/// these lie side by side; not at all where a product is faster.
template <class T, std::size_t N>
Lanes stencil_lanes(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y) {
    const index_t channels = x.item()[0] / plan.groups;
    const index_t outputs = y.item()[0] / plan.groups;
    if (!simd::available<T> || !few_products(channels, outputs, plan.taps())) {
        return Lanes::none;
    }
    const bool rows = y.item_strides()[N] == 1 || y.item()[N] == 1;
    const bool lines = channels == 1 && outputs == 1 && x.item_strides()[0] == 1 && y.item_strides()[0] == 1;
    if (lines && (!rows || y.item()[N] == 1)) {
        return Lanes::channels;
    }
    return rows ? Lanes::windows : Lanes::none;
}

/// Elements of the weight of a depthwise convolution that is packed for lanes over channels: as lines of a panel.
template <class T>
index_t channel_panels_size(simd::Isa isa, index_t channels, index_t taps) {
    return packed_size(channels, taps, tile_of<T>(isa).columns);
}
/// Packs such a weight (C, ΠK).
template <class T>
void pack_channels(simd::Isa isa, index_t channels, index_t taps, const T* weight, T* out) {
    pack(isa, tile_of<T>(isa).columns, contiguous(weight, Shape<2>{channels, taps}), out);
}

/// y = w ⋆ x + bias with a weight (O, C/G · ΠK) as it is, where `stencil_lanes` says that it can; `by_channels` is what
/// `pack_channels` made of it, or null. Scratch is two indices for each tap and, for each worker, 24 KiB, or what a few vectors of windows
/// read, a pointer for each plane, a vector for each output and half a KiB; over channels the weight too, if it came unpacked.
template <class T, std::size_t N>
void stencil(simd::Isa isa, const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const T* weight, const T* bias,
             const Batch<T, N + 1>& y, Workspace& workspace, const Finish<T>& finish = {}, const T* by_channels = nullptr) {
    const bool over_channels = stencil_lanes(plan, x, y) == Lanes::channels;
    constexpr std::size_t outer = N > 2 ? N - 2 : 0;
    const index_t channels = x.item()[0] / plan.groups;

    detail::Stencil<T> all;
    all.bounds = finish.bounds;
    all.lanes = tile_of<T>(isa).columns / 2;
    all.cell = over_channels ? 2 * all.lanes : 1;
    all.outputs = y.item()[0] / plan.groups;
    all.depth = channels * plan.taps();
    all.column = plan.axes[N - 1];
    all.x_column = x.item_strides()[N];
    all.y_column = y.item_strides()[N];
    all.x_row = 0;
    all.y_row = 0;
    if constexpr (N > 1) {
        all.row = plan.axes[N - 2];
        all.x_row = x.item_strides()[N - 1];
        all.y_row = y.item_strides()[N - 1];
    } else if (over_channels) {  // several windows at a time are rows of one
        std::swap(all.row, all.column);
        std::swap(all.x_row, all.x_column);
        std::swap(all.y_row, all.y_column);
    }
    all.y_output = y.item_strides()[0];
    all.planes = all.depth / (all.row.kernel * all.column.kernel);
    detail::set_blocks(all);

    // A task is some rows of blocks of an image of a vector of groups, or of one.
    const ExecutorRef executor = workspace.executor();
    const index_t workers = executor.workers();
    const index_t groups_at_once = over_channels ? all.cell : 1;
    index_t images = divide_up(plan.groups, groups_at_once) * y.count();
    for (std::size_t axis = 0; axis < outer; ++axis) {
        images *= plan.axes[axis].output;
    }
    const index_t blocks = divide_up(all.row.output, all.block_rows);
    const index_t parts = workers == 1 || images >= 4 * workers ? 1 : std::clamp<index_t>(4 * workers, 1, blocks);

    const auto frame = workspace.frame();
    const index_t pitch = all.columns.size() * all.cell;
    const index_t cells = all.planes * all.rows.size() * pitch;
    const index_t starts = std::max(all.outputs, index_t{2}) * all.lanes;
    if (over_channels && by_channels == nullptr) {
        T* const packed = frame.template take<T>(channel_panels_size<T>(isa, plan.groups, all.depth));
        pack_channels(isa, plan.groups, all.depth, weight, packed);
        by_channels = packed;
    }
    const T** const all_planes = frame.template take<const T*>(workers * all.planes);
    T* const all_cells = frame.template take<T>(workers * (cells + starts));
    auto* const stencils = frame.template take<detail::Stencil<T>>(workers);  // not a copy for each task, 13 of 147 ns of a 7 × 7 image
    all.offsets = frame.template take<index_t>(all.depth);
    index_t* offset = all.offsets;
    for (index_t plane = 0; plane < all.planes; ++plane) {
        for (index_t row = 0; row < all.row.kernel; ++row) {
            for (index_t column = 0; column < all.column.kernel; ++column) {
                *offset++ = (plane * all.rows.size() + all.rows.place(row)) * pitch + all.columns.place(column) * all.cell;
            }
        }
    }
    const bool nowhere = element_count(x.item()) == 0;
    const bool direct = over_channels && all.planes == 1 && all.row.inside().size() > 0 && all.column.inside().size() > 0;
    index_t* const x_offsets = frame.template take<index_t>(direct ? all.depth : 0);
    for (index_t tap = 0; direct && tap < all.depth; ++tap) {
        x_offsets[tap] =
            tap / all.column.kernel * all.row.dilation * all.x_row + tap % all.column.kernel * all.column.dilation * all.x_column;
    }
    all.cleared = N < 3 && !nowhere && !direct && all.row.mode == PaddingMode::zeros && all.column.mode == PaddingMode::zeros &&
                  all.column.input_dilation == 1 && all.block_rows == all.row.output && all.block_columns == all.column.output;
    if (all.cleared) {
        std::fill_n(all_cells, workers * (cells + starts), T(0));
    }

    for (index_t worker = 0; worker < workers; ++worker) {
        all.plane = all_planes + worker * all.planes;
        all.cells = all_cells + worker * (cells + starts);
        all.start = all.cells + cells;
        stencils[worker] = all;
    }

    executor.for_each(images * parts, [&](index_t task, index_t worker) {
        detail::Stencil<T>& s = stencils[worker];
        T* const start = s.cells + cells;
        s.first_row = task % parts * blocks / parts * s.block_rows;
        s.last_row = std::min((task % parts + 1) * blocks / parts * s.block_rows, s.row.output);
        index_t rest = task / parts;
        std::array<index_t, outer> window{};
        for (std::size_t axis = outer; axis-- > 0; rest /= plan.axes[axis].output) {
            window[axis] = rest % plan.axes[axis].output;
        }
        const View<const T, N + 1> image = x[rest % y.count()];
        const index_t group = rest / y.count() * groups_at_once;
        const index_t first = group * s.outputs;
        s.channels = std::min(groups_at_once, plan.groups - group);
        s.weight = (over_channels ? by_channels : weight) + first * s.depth;
        if (over_channels) {
            std::fill_n(start, starts, T(0));
            for (index_t lane = 0; lane < s.channels && bias != nullptr; ++lane) {
                start[lane] = bias[first + lane];
            }
        } else {
            for (index_t output = 0; output < s.outputs; ++output) {
                std::fill_n(start + output * s.lanes, s.lanes, bias != nullptr ? bias[first + output] : T(0));
            }
        }
        std::array<index_t, outer> tap{};
        for (index_t plane = 0; plane < s.planes; ++plane) {
            const index_t channel = group * channels + plane / (s.planes / channels);
            bool zeros = nowhere;
            index_t place = channel * image.strides[0];
            for (std::size_t axis = 0; axis < outer; ++axis) {
                const index_t cell_of_axis = plan.axes[axis].cell(plan.axes[axis].position(window[axis], tap[axis]));
                zeros = zeros || cell_of_axis < 0;
                place += zeros ? 0 : cell_of_axis * image.strides[axis + 1];
            }
            s.plane[plane] = zeros ? nullptr : image.data + place;
            detail::advance(tap, [&](std::size_t axis) { return plan.axes[axis].kernel; });
        }
        s.x_offsets = direct && s.channels == s.cell && s.plane[0] != nullptr ? x_offsets : nullptr;
        View<T, N + 1> result = slice(y[rest % y.count()], first, s.channels * s.outputs);
        for (std::size_t axis = 0; axis < outer; ++axis) {
            result.data += window[axis] * result.strides[axis + 1];
            result.shape[axis + 1] = 1;
        }
        s.y = result.data;
        detail::run_stencil(isa, s);
        if (const Finish<T> function = finish.beyond_bounds()) {
            if constexpr (N > 1) {
                result.data += s.first_row * s.y_row;
                result.shape[N - 1] = s.last_row - s.first_row;
            } else if (over_channels) {
                result.data += s.first_row * s.y_row;
                result.shape[1] = s.last_row - s.first_row;
            }
            finish_all(function, result);
        }
    });
}

#if NN_SIMD
NN_KERNEL(void stencil(simd::Isa, const ConvPlan<1>&, const Batch<const float, 2>&, const float*, const float*, const Batch<float, 2>&,
                       Workspace&, const Finish<float>&, const float*));
NN_KERNEL(void stencil(simd::Isa, const ConvPlan<2>&, const Batch<const float, 3>&, const float*, const float*, const Batch<float, 3>&,
                       Workspace&, const Finish<float>&, const float*));
NN_KERNEL(void stencil(simd::Isa, const ConvPlan<1>&, const Batch<const double, 2>&, const double*, const double*, const Batch<double, 2>&,
                       Workspace&, const Finish<double>&, const double*));
NN_KERNEL(void stencil(simd::Isa, const ConvPlan<2>&, const Batch<const double, 3>&, const double*, const double*, const Batch<double, 3>&,
                       Workspace&, const Finish<double>&, const double*));
#endif

}  // namespace nn::inline NN_ABI::kernels
