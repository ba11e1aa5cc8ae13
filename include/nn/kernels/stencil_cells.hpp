// SPDX-License-Identifier: MIT
#pragma once

// What a stencil reads: the cells of a block of windows, copied to scratch memory, padded and with one phase of the stride after the
// other, so that what one tap of neighbouring windows reads lies side by side whatever the stride, the dilation and the padding.

#include <algorithm>  // std::fill, std::fill_n, std::max, std::min
#include <numeric>    // std::gcd

#include <nn/core/view.hpp>
#include <nn/kernels/bounds.hpp>
#include <nn/kernels/copy.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// How the cells that windows read along an axis lie in scratch memory: in `slots()` runs, where window i of a block finds tap k at
/// place(k) + i. Taps whose distance is a multiple of the stride share a run; where the dilation is so long that this would take more,
/// each tap has its own.
struct Slots {
    index_t kernel = 1;
    index_t period = 1;  ///< taps k and k + period share a run
    index_t step = 0;    ///< and lie this far apart in it
    index_t most = 0;    ///< cells of the first run beyond those of its first tap
    index_t longer = 1;  ///< runs that have as many; the others `step` less
    index_t length = 1;  ///< of a run

    Slots() = default;
    Slots(const WindowAxis& axis, index_t windows) : kernel(axis.kernel) {
        const index_t common = std::gcd(axis.stride, axis.dilation);
        period = axis.stride / common;
        step = axis.dilation / common;
        most = saturating_multiply((kernel - 1) / period, step);
        if (saturating_multiply(slots(), saturating_add(windows, most)) >= saturating_multiply(kernel, windows)) {
            period = kernel;
            most = 0;
        }
        longer = (kernel - 1) % period + 1;
    }

    index_t slots() const { return std::min(kernel, period); }
    index_t reach(index_t slot) const { return slot < longer ? most : most - step; }
    index_t place(index_t tap) const { return tap % period * length + tap / period * step; }
    index_t size() const { return slots() * length; }
};

/// Where a block of windows finds what it reads: in copied cells, or in x itself.
template <class T>
struct Cells {
    const T* first;          ///< what the first tap of the first window reads
    const index_t* offsets;  ///< of each tap
    index_t row;             ///< from window to window: strides
    index_t column;
};

/// One image of a group, a block of windows at a time. With lanes over channels a cell holds two vectors of channels, each its own group.
template <class T>
struct alignas(64) Stencil {  // of each worker, on cache lines of its own
    WindowAxis row;           ///< the axis before the last: its windows are rows
    WindowAxis column;
    Slots rows;
    Slots columns;
    index_t block_rows;
    index_t block_columns;
    index_t first_row = 0;  ///< of those that are to be made
    index_t last_row = 0;   ///< one past
    index_t planes;         ///< C/G · taps of the outer axes
    index_t depth;          ///< C/G · ΠK
    index_t outputs;
    index_t lanes;     ///< of a vector
    index_t cell;      ///< elements of a cell: 1, or with lanes over channels those of two vectors
    index_t channels;  ///< in the lanes
    index_t x_row;     ///< strides
    index_t x_column;
    index_t y_output;
    index_t y_row;
    index_t y_column;

    index_t* x_offsets = nullptr;  ///< of each tap in x, where windows inside the image read that

    bool cleared;      ///< the padding's zeros are there: one block is the whole image, and they are where they were in the last
    const T** plane;   ///< where each begins in x, or null for zeros
    T* cells;          ///< planes · rows.size() · columns.size() cells
    index_t* offsets;  ///< of each tap in them
    const T* weight;   ///< (outputs, depth); over channels (depth, channels of a cell)
    const T* start;    ///< of the sums, a vector for each output; over channels those of a cell
    T* y;
    const Bounds<T>* bounds;  ///< of y, or null
};

/// Rows of an image that are copied together.
template <class T>
struct RowRun {
    index_t count;
    const T* from;  ///< the first cell of the first row
    index_t step;   ///< to the next row
    T* to;          ///< a run of cells of each, `pitch` apart
    index_t pitch;
};

/// What a run of cells of a row holds.
struct ColumnRun {
    index_t slot;
    index_t count;
    index_t position;  ///< of the first cell in the image
    Range inside;      ///< those that the image has; those beside them are of its padding
    index_t set;       ///< how many are set: what a vector reads beyond narrow rows is dropped, but shall be a number

    template <class T>
    static ColumnRun of(const Stencil<T>& s, index_t column, index_t columns, index_t slot) {
        ColumnRun run{slot, columns + s.columns.reach(slot), s.column.position(column, slot), {}, 0};
        if (s.column.input_dilation == 1) {
            run.inside = s.column.cells_among(run.position, s.column.stride, run.count);
        }
        run.set = s.cell > 1 ? run.count : std::min(run.count + s.lanes - std::min(columns, s.lanes), s.columns.length);
        return run;
    }
};

/// With stride 2 two runs are the cells of even and odd places: those that both have are read once. Of the image's, or none.
template <class T>
Range pairs_of(const Stencil<T>& s, index_t column, index_t columns) {
    if (s.column.stride != 2 || s.column.dilation != 1 || s.columns.slots() != 2 || s.x_column != 1 || s.cell > 1) {
        return {};
    }
    const Range even = ColumnRun::of(s, column, columns, 0).inside;
    const Range odd = ColumnRun::of(s, column, columns, 1).inside;
    const Range both{std::max(even.first, odd.first), std::min(even.last, odd.last)};
    return both.size() >= s.lanes ? both : Range{};
}

/// Of `left` rows of a slot those from `row` on, whose cells lie in row `place` of the image, that are copied together.
template <class T>
index_t rows_together(const Stencil<T>& s, index_t row, index_t slot, index_t left, index_t place) {
    // Without a look at each row: depthwise 3 × 3 images of 7 × 7 spend a quarter of their time here.
    if (s.row.mode == PaddingMode::zeros && s.row.input_dilation == 1) {
        return std::min(left, divide_up(s.row.input - place, s.row.stride));
    }
    index_t together = 1;
    while (together < left && s.row.cell(s.row.position(row + together, slot)) == place + together * s.row.stride) {
        ++together;
    }
    return together;
}

/// The cells beside those of the image.
template <class T>
void pad_run(const Stencil<T>& s, const ColumnRun& run, const RowRun<T>& rows) {
    const bool zeros = s.column.mode == PaddingMode::zeros && s.column.input_dilation == 1;
    const auto border = [&](index_t begin, index_t end) {
        for (index_t j = begin; j < end; ++j) {
            const index_t further = saturating_multiply(j, s.column.stride);
            const index_t at = zeros ? -1 : s.column.cell(saturating_add(run.position, further));
            const index_t there = at >= 0 ? s.channels : 0;
            for (index_t line = 0; line < rows.count; ++line) {
                T* const out = rows.to + line * rows.pitch + j * s.cell;
                for (index_t c = 0; c < there; ++c) {
                    out[c] = rows.from[line * rows.step + at * s.x_column + c];
                }
                std::fill(out + there, out + s.cell, T(0));
            }
        }
    };
    border(0, run.inside.first);
    border(run.inside.last, run.count);
    for (index_t line = 0; line < rows.count && run.count < run.set; ++line) {
        std::fill_n(rows.to + line * rows.pitch + run.count * s.cell, (run.set - run.count) * s.cell, T(0));
    }
}

/// Those of the image, with lanes over channels: row by row or column by column, whichever are longer.
template <class T>
void copy_channels(simd::Isa isa, const Stencil<T>& s, const ColumnRun& run, const RowRun<T>& rows) {
    const index_t count = run.inside.size();
    if (count == 0) {
        return;
    }
    const index_t step = step_between(count, s.column.stride, s.x_column);
    const T* const in = rows.from + (run.position + run.inside.first * s.column.stride) * s.x_column;
    T* const out = rows.to + run.inside.first * s.cell;
    for (index_t line = 0; line < rows.count && s.channels < s.cell; ++line) {
        std::fill_n(out + line * rows.pitch, count * s.cell, T(0));
    }
    if (count >= rows.count) {
        for (index_t line = 0; line < rows.count; ++line) {
            copy_lines(isa, Lines<T>{count, s.channels, in + line * rows.step, step, 1, out + line * rows.pitch, s.cell});
        }
    } else {
        for (index_t j = 0; j < count; ++j) {
            copy_lines(isa, Lines<T>{rows.count, s.channels, in + j * step, rows.step, 1, out + j * s.cell, rows.pitch});
        }
    }
}

/// Those of the image, with lanes along the row.
template <class T>
void copy_columns(simd::Isa isa, const Stencil<T>& s, const ColumnRun& run, const RowRun<T>& rows, const Range& pairs) {
    const auto copy = [&](index_t begin, index_t end) {
        if (begin < end) {
            copy_lines(isa, Lines<T>{rows.count, end - begin, rows.from + (run.position + begin * s.column.stride) * s.x_column, rows.step,
                                     step_between(end - begin, s.column.stride, s.x_column), rows.to + begin, rows.pitch});
        }
    };
    if (pairs.size() == 0) {
        return copy(run.inside.first, run.inside.last);
    }
    copy(run.inside.first, pairs.first);
    if (run.slot == 0) {
        copy_pairs(
            isa,
            Lines<T>{rows.count, pairs.size(), rows.from + run.position + 2 * pairs.first, rows.step, 1, rows.to + pairs.first, rows.pitch},
            s.columns.length);
    }
    copy(pairs.last, run.inside.last);
}

/// Copies the cells that `rows` · `columns` windows from (`row`, `column`) on read.
template <class T>
void gather(simd::Isa isa, const Stencil<T>& s, index_t row, index_t rows, index_t column, index_t columns) {
    const index_t pitch = s.columns.size() * s.cell;
    const Range pairs = pairs_of(s, column, columns);
    for (index_t slot = 0; slot < s.columns.slots(); ++slot) {
        const ColumnRun run = ColumnRun::of(s, column, columns, slot);
        for (index_t plane = 0; plane < s.planes; ++plane) {
            for (index_t row_slot = 0; row_slot < s.rows.slots(); ++row_slot) {
                T* to = s.cells + ((plane * s.rows.slots() + row_slot) * s.rows.length) * pitch + slot * s.columns.length * s.cell;
                const index_t lines = rows + s.rows.reach(row_slot);
                index_t together = 1;
                for (index_t i = 0; i < lines; i += together, to += together * pitch) {
                    const index_t place = s.row.cell(s.row.position(row + i, row_slot));
                    if (place < 0 || s.plane[plane] == nullptr) {
                        together = 1;
                        if (!s.cleared) {
                            std::fill_n(to, run.set * s.cell, T(0));
                        }
                        continue;
                    }
                    together = rows_together(s, row + i, row_slot, lines - i, place);
                    const RowRun<T> some{together, s.plane[plane] + place * s.x_row, step_between(together, s.row.stride, s.x_row), to,
                                         pitch};
                    if (!s.cleared) {
                        pad_run(s, run, some);
                    }
                    if (s.cell > 1) {
                        copy_channels(isa, s, run, some);
                    } else {
                        copy_columns(isa, s, run, some, pairs);
                    }
                }
            }
        }
    }
}

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
