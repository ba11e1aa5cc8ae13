// SPDX-License-Identifier: MIT
#pragma once

// What a stencil reads: the cells of a block of windows, copied to scratch memory, padded and with one phase of the stride after the
// other, so that what one tap of neighbouring windows reads lies side by side whatever the stride, the dilation and the padding.

#include <algorithm>  // std::fill_n, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <numeric>    // std::gcd

#include <nn/core/view.hpp>
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

/// One image of a group, a block of windows at a time. With lanes over channels a cell holds two vectors of channels, each its own group.
template <class T>
struct Stencil {
    WindowAxis row;  ///< the axis before the last: its windows are rows
    WindowAxis column;
    Slots rows;
    Slots columns;
    index_t block_rows;
    index_t block_columns;
    index_t planes;  ///< C/G · taps of the outer axes
    index_t depth;   ///< C/G · ΠK
    index_t outputs;
    index_t channels;  ///< in the lanes
    index_t x_row;     ///< strides
    index_t x_column;
    index_t y_output;
    index_t y_row;
    index_t y_column;

    bool cleared;      ///< the padding's zeros are there: one block is the whole image, and they are where they were in the last
    const T** plane;   ///< where each begins in x, or null for zeros
    T* cells;          ///< planes · rows.size() · columns.size() cells
    index_t* offsets;  ///< of each tap in them
    const T* weight;   ///< (outputs, depth); over channels (depth, channels of a cell)
    const T* start;    ///< of the sums, a vector for each output; over channels those of a cell
    T* y;
};

/// Copies `count` elements that lie side by side, by vectors, the last of which may overlap.
template <class Target, class T>
NN_INLINE void copy_run(const T* from, index_t count, T* to) {
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t half = 16 / static_cast<index_t>(sizeof(T));
    const auto vectors = [&](const auto& like, index_t width) NN_INLINE_LAMBDA {
        auto vector = like;
        for (index_t j = 0; j < count; j += width) {
            const index_t at = std::min(j, count - width);
            simd::load(vector, from + at);
            simd::store(vector, to + at);
        }
    };
    if (count >= lanes) {
        vectors(typename simd::VectorOf<T, Target>::type{}, lanes);
    } else if (count >= half) {
        vectors(typename simd::VectorOf<T, simd::Target<16, 16>>::type{}, half);
    } else {
        for (index_t j = 0; j < count; ++j) {
            to[j] = from[j];
        }
    }
}

/// Copies `count` cells `step` apart. Reads no other cell's memory than that between the first and the last.
template <class Target, class T>
NN_INLINE void copy_cells(const T* from, index_t step, index_t count, T* to) {
    using V = typename simd::VectorOf<T, Target>::type;
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t half = 16 / static_cast<index_t>(sizeof(T));
    if (step == 1) {
        copy_run<Target>(from, count, to);
        return;
    }
    const auto pairs = [&](const auto& like, index_t width) NN_INLINE_LAMBDA {
        auto even = like;
        auto odd = like;
        for (index_t j = 0; j + width < count; j += width) {
            simd::load_pairs(even, odd, from + 2 * j);
            simd::store(even, to + j);
        }
        // The last ones end with the last cell: what begins with a cell would end behind it.
        simd::load_pairs(even, odd, from + 2 * (count - width) - 1);
        simd::store(odd, to + count - width);
    };
    if (step == 2 && count > lanes) {
        pairs(V{}, lanes);
    } else if (step == 2 && count > half) {
        pairs(typename simd::VectorOf<T, simd::Target<16, 16>>::type{}, half);
    } else {
        for (index_t j = 0; j < count; ++j) {
            to[j] = from[j * step];
        }
    }
}

/// Copies `count` ≥ lanes pairs of cells: the first of each to `first`, the second to `second`.
template <class Target, class T>
NN_INLINE void copy_pairs(const T* from, index_t count, T* first, T* second) {
    constexpr index_t lanes = Target::template lanes<T>;
    typename simd::VectorOf<T, Target>::type even;
    typename simd::VectorOf<T, Target>::type odd;
    for (index_t j = 0; j < count; j += lanes) {
        const index_t at = std::min(j, count - lanes);
        simd::load_pairs(even, odd, from + 2 * at);
        simd::store(even, first + at);
        simd::store(odd, second + at);
    }
}

/// Copies the cells that `rows` · `columns` windows from (`row`, `column`) on read.
template <class Target, bool Channels, class T>
NN_INLINE void gather(const Stencil<T>& s, index_t row, index_t rows, index_t column, index_t columns) {
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t cell = Channels ? 2 * lanes : 1;
    const index_t pitch = s.columns.size() * cell;
    // Cells first … last − 1 of a run are of the image, those beside them of its padding.
    struct Range {
        index_t first = 0;
        index_t last = 0;
    };
    const auto inside = [&](index_t slot) NN_INLINE_LAMBDA {
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
    if (!Channels && s.columns.slots() == 2 && s.column.stride == 2 && s.column.dilation == 1 && s.x_column == 1) {
        both = {std::max(inside(0).first, inside(1).first), std::min(inside(0).last, inside(1).last)};
    }
    const bool pairs = both.last - both.first >= lanes;
    for (index_t slot = 0; slot < s.columns.slots(); ++slot) {
        const index_t count = columns + s.columns.reach(slot);
        const index_t position = s.column.position(column, slot);
        const auto [first, last] = inside(slot);
        const bool zeros = s.column.mode == PaddingMode::zeros && s.column.input_dilation == 1;
        // What a vector reads beyond narrow rows is dropped, but shall be a number.
        const index_t beyond = Channels ? count : std::min(count + lanes - std::min(columns, lanes), s.columns.length);
        for (index_t plane = 0; plane < s.planes; ++plane) {
            for (index_t row_slot = 0; row_slot < s.rows.slots(); ++row_slot) {
                T* to = s.cells + ((plane * s.rows.slots() + row_slot) * s.rows.length) * pitch + slot * s.columns.length * cell;
                const index_t lines = rows + s.rows.reach(row_slot);
                for (index_t i = 0; i < lines; ++i, to += pitch) {
                    const index_t place = s.row.cell(s.row.position(row + i, row_slot));
                    if (place < 0 || s.plane[plane] == nullptr) {
                        if (s.cleared) {
                            continue;
                        }
                        std::fill_n(to, beyond * cell, T(0));
                        continue;
                    }
                    const T* const from = s.plane[plane] + place * s.x_row;
                    const auto one = [&](index_t j, index_t at) NN_INLINE_LAMBDA {
                        if constexpr (Channels) {
                            T* const out = to + j * cell;
                            if (at < 0 || s.channels < cell) {
                                std::fill_n(out, cell, T(0));
                            }
                            if (at >= 0) {
                                copy_run<Target>(from + at * s.x_column, s.channels, out);
                            }
                        } else {
                            to[j] = at >= 0 ? from[at * s.x_column] : T(0);
                        }
                    };
                    const auto border = [&](index_t begin, index_t end) NN_INLINE_LAMBDA {
                        for (index_t j = begin; j < end; ++j) {
                            one(j, zeros ? -1 : s.column.cell(position + j * s.column.stride));
                        }
                    };
                    if (!s.cleared) {
                        border(0, first);
                        border(last, count);
                        for (index_t j = count; j < beyond; ++j) {
                            to[j] = T(0);
                        }
                    }
                    if constexpr (Channels) {
                        for (index_t j = first; j < last; ++j) {
                            one(j, position + j * s.column.stride);
                        }
                    } else if (pairs) {
                        const auto single = [&](index_t begin, index_t end) NN_INLINE_LAMBDA {
                            for (index_t j = begin; j < end; ++j) {
                                one(j, position + 2 * j);
                            }
                        };
                        single(first, both.first);
                        if (slot == 0) {
                            copy_pairs<Target>(from + position + 2 * both.first, both.last - both.first, to + both.first,
                                               to + s.columns.length + both.first);
                        }
                        single(both.last, last);
                    } else if (first < last) {
                        copy_cells<Target>(from + (position + first * s.column.stride) * s.x_column, s.column.stride * s.x_column,
                                           last - first, to + first);
                    }
                }
            }
        }
    }
}

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
