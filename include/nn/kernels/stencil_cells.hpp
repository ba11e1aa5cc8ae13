// SPDX-License-Identifier: MIT
#pragma once

// What a stencil reads: the cells of a block of windows, copied to scratch memory, padded and with one phase of the stride after the
// other, so that what one tap of neighbouring windows reads lies side by side whatever the stride, the dilation and the padding.

#include <algorithm>  // std::clamp, std::fill_n, std::max, std::min
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

/// Copies the cells that `rows` · `columns` windows from (`row`, `column`) on read.
template <class T>
void gather(simd::Isa isa, const Stencil<T>& s, index_t row, index_t rows, index_t column, index_t columns) {
    const index_t cell = s.cell;
    const bool over_channels = cell > 1;
    const index_t pitch = s.columns.size() * cell;
    // The cells of a run that are of the image; those beside them are of its padding.
    const auto inside = [&](index_t slot) {
        Range range;
        if (s.column.input_dilation == 1) {
            const index_t count = columns + s.columns.reach(slot);
            const index_t position = s.column.position(column, slot);
            range.first = position >= 0 ? 0 : std::min(count, divide_up(-position, s.column.stride));
            range.last = position >= s.column.input ? range.first
                                                    : std::clamp(divide_up(s.column.input - position, s.column.stride), range.first, count);
        }
        return range;
    };
    // With stride 2 two runs are the cells of even and odd places: those that both have are read once.
    Range both;
    if (!over_channels && s.columns.slots() == 2 && s.column.stride == 2 && s.column.dilation == 1 && s.x_column == 1) {
        both = {std::max(inside(0).first, inside(1).first), std::min(inside(0).last, inside(1).last)};
    }
    const bool pairs = both.last - both.first >= s.lanes;
    for (index_t slot = 0; slot < s.columns.slots(); ++slot) {
        const index_t count = columns + s.columns.reach(slot);
        const index_t position = s.column.position(column, slot);
        const auto [first, last] = inside(slot);
        const bool zeros = s.column.mode == PaddingMode::zeros && s.column.input_dilation == 1;
        // What a vector reads beyond narrow rows is dropped, but shall be a number.
        const index_t beyond = over_channels ? count : std::min(count + s.lanes - std::min(columns, s.lanes), s.columns.length);
        for (index_t plane = 0; plane < s.planes; ++plane) {
            for (index_t row_slot = 0; row_slot < s.rows.slots(); ++row_slot) {
                T* to = s.cells + ((plane * s.rows.slots() + row_slot) * s.rows.length) * pitch + slot * s.columns.length * cell;
                const index_t lines = rows + s.rows.reach(row_slot);
                index_t together = 1;
                for (index_t i = 0; i < lines; i += together, to += together * pitch) {
                    const auto place_of = [&](index_t line) { return s.row.cell(s.row.position(row + line, row_slot)); };
                    const index_t place = place_of(i);
                    together = 1;
                    if (place < 0 || s.plane[plane] == nullptr) {
                        if (!s.cleared) {
                            std::fill_n(to, beyond * cell, T(0));
                        }
                        continue;
                    }
                    const index_t left = lines - i;
                    // Without a look at each row: depthwise 3 × 3 images of 7 × 7 spend a quarter of their time here.
                    if (s.row.mode == PaddingMode::zeros && s.row.input_dilation == 1) {
                        together = std::min(left, divide_up(s.row.input - place, s.row.stride));
                    } else {
                        while (together < left && place_of(i + together) == place + together * s.row.stride) {
                            ++together;
                        }
                    }
                    const T* const from = s.plane[plane] + place * s.x_row;
                    const index_t from_line = step_between(together, s.row.stride, s.x_row);
                    const auto border = [&](index_t begin, index_t end) {
                        for (index_t j = begin; j < end; ++j) {
                            const index_t further = saturating_multiply(j, s.column.stride);
                            const index_t at = zeros ? -1 : s.column.cell(saturating_add(position, further));
                            const index_t there = at >= 0 ? s.channels : 0;
                            for (index_t line = 0; line < together; ++line) {
                                T* const out = to + line * pitch + j * cell;
                                for (index_t c = 0; c < there; ++c) {
                                    out[c] = from[line * from_line + at * s.x_column + c];
                                }
                                std::fill(out + there, out + cell, T(0));
                            }
                        }
                    };
                    if (!s.cleared) {
                        border(0, first);
                        border(last, count);
                        for (index_t line = 0; line < together && count < beyond; ++line) {
                            std::fill_n(to + line * pitch + count * cell, (beyond - count) * cell, T(0));
                        }
                    }
                    const auto copy = [&](index_t begin, index_t end) {
                        if (begin < end) {
                            copy_lines(isa, Lines<T>{together, end - begin, from + (position + begin * s.column.stride) * s.x_column,
                                                     from_line, step_between(end - begin, s.column.stride, s.x_column), to + begin, pitch});
                        }
                    };
                    if (over_channels) {
                        // Line by line or column by column, whichever are longer.
                        const index_t inside_count = last - first;
                        const bool by_lines = inside_count >= together;
                        const index_t x_step = step_between(inside_count, s.column.stride, s.x_column);
                        const T* const in = from + (inside_count > 0 ? (position + first * s.column.stride) * s.x_column : 0);
                        T* const out = to + first * cell;
                        for (index_t line = 0; line < together && s.channels < cell; ++line) {
                            std::fill_n(out + line * pitch, inside_count * cell, T(0));
                        }
                        for (index_t k = 0; k < (by_lines ? together : inside_count) && inside_count > 0; ++k) {
                            copy_lines(isa, by_lines
                                                ? Lines<T>{inside_count, s.channels, in + k * from_line, x_step, 1, out + k * pitch, cell}
                                                : Lines<T>{together, s.channels, in + k * x_step, from_line, 1, out + k * cell, pitch});
                        }
                    } else if (pairs) {
                        copy(first, both.first);
                        if (slot == 0) {
                            copy_pairs(isa,
                                       Lines<T>{together, both.last - both.first, from + position + 2 * both.first, from_line, 1,
                                                to + both.first, pitch},
                                       s.columns.length);
                        }
                        copy(both.last, last);
                    } else {
                        copy(first, last);
                    }
                }
            }
        }
    }
}

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
