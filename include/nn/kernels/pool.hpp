// SPDX-License-Identifier: MIT
#pragma once

// Pools of windows over rows and columns: the cells of a column are joined first, side by side, then those columns along the row. So a
// cell is read once for each window along all axes but the last, and the first step runs along memory in either layout.

#include <algorithm>  // std::clamp, std::fill_n, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int64_t

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/pool_kinds.hpp>
#include <nn/kernels/row.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

/// One axis of a pool: the cells under each window, in rising order of the windows, and how many of them a mean counts.
struct PoolAxis {
    enum class Cut : unsigned char {
        sliding,      ///< windows of `kernel` cells, a stride apart
        overlapping,  ///< window o of M from ⌊o·L / M⌋ to ⌈(o + 1)·L / M⌉
        apart,        ///< L mod M windows of ⌊L / M⌋ + 1 cells, then windows of ⌊L / M⌋
    };
    WindowAxis window;
    Cut cut = Cut::sliding;
    index_t counted_end = -1;  ///< cells up to this one count, those of the padding too; −1: only those that exist

    /// Within 0 … L.
    Range cells(index_t o) const {
        if (cut == Cut::sliding) {
            const index_t position = window.position(o, 0);
            const index_t first = std::clamp<index_t>(position, 0, window.input);
            return {first, std::clamp<index_t>(saturating_add(position, window.kernel), first, window.input)};
        }
        const index_t whole = window.input / window.output;
        const index_t rest = window.input % window.output;
        if (cut == Cut::overlapping) {
            // A window and the rest may each be all that an index_t of 32 bits counts.
            const std::int64_t first = std::int64_t{o} * rest / window.output;
            const std::int64_t last = ((std::int64_t{o} + 1) * rest + window.output - 1) / window.output;
            return {o * whole + static_cast<index_t>(first), (o + 1) * whole + static_cast<index_t>(last)};
        }
        return {o * whole + std::min(o, rest), (o + 1) * whole + std::min(o + 1, rest)};
    }
    index_t counted(index_t o) const {
        if (counted_end >= 0) {
            const index_t first = window.position(o, 0);
            return std::min(saturating_add(first, window.kernel), counted_end) - first;
        }
        const Range range = cells(o);
        return range.last - range.first;
    }
};

namespace detail {

/// The windows over the last two axes; those along further axes are at one place.
template <class T>
struct PoolPlane {
    PoolAxis row;  ///< of rows, one where there is but one axis
    PoolAxis column;
    const T* const* planes = nullptr;  ///< the first cells of the planes under the windows
    index_t plane_count = 0;
    T counted = 1;  ///< by the windows along further axes; with padding it may be more than an index counts
    index_t x_row = 0, x_column = 0;
    T* y = nullptr;
    index_t y_row = 0, y_column = 0;
    index_t run = 1;     ///< channels side by side in x and y
    T* cells = nullptr;  ///< scratch of `room` elements and four vectors
    index_t room = 0;
    T* divisors = nullptr;  ///< scratch of `block` elements and a vector
    index_t block = 0;      ///< windows of a row taken at once, lanes over them; 0: lanes over the channels
};

/// What a mean divides by; where nothing counts the sum is 0.
template <class T>
NN_INLINE T divisor(T counted, index_t columns) {
    return std::max(counted * static_cast<T>(columns), T(1));
}

/// to = the cells of the columns `columns`, joined over all planes and the rows `rows`, in this order.
template <class Target, class Op, class T>
NN_INLINE void join_columns(const PoolPlane<T>& s, const Range& rows, const Range& columns, T* to) {
    const bool dense = s.x_column == s.run;
    const index_t pieces = dense ? 1 : columns.last - columns.first;
    const index_t length = dense ? (columns.last - columns.first) * s.run : s.run;
    const index_t height = rows.last - rows.first;
    for (index_t piece = 0; piece < pieces; ++piece) {
        const index_t at = rows.first * s.x_row + (columns.first + piece) * s.x_column;
        over_row<Target, T, 4>(length, [&]<class V, index_t Count>(index_t i) NN_INLINE_LAMBDA {
            constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
            V joined[Count];
            simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA { joined[v] = V{} + Op::template start<T>; });
            for (index_t plane = 0; height > 0 && plane < s.plane_count; ++plane) {
                const T* from = s.planes[plane] + at + i;
                for (index_t row = 0; row < height; ++row, from += s.x_row) {
                    simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
                        V cell;
                        simd::load(cell, from + v * lanes);
                        Op::join(joined[v], cell);
                    });
                }
            }
            simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA { simd::store(joined[v], to + piece * s.run + i + v * lanes); });
        });
    }
}

/// y = `kernel` neighbouring cells joined, for `count` windows `stride` apart: `Stride`, 1 or 2, or one by one if that is 0.
template <class Target, class Op, index_t Stride, class T>
NN_INLINE void slide(const T* cells, index_t stride, index_t kernel, index_t count, const T* divisors, T* y) {
    const auto some = [&]<class V, index_t Count>(index_t i) NN_INLINE_LAMBDA {
        constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
        const T* const from = cells + i * stride;
        V joined[Count];
        simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA { joined[v] = V{} + Op::template start<T>; });
        for (index_t tap = 0; tap < kernel; tap += Stride == 2 ? 2 : 1) {
            simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
                V cell;
                V next;
                if constexpr (Stride == 2 && lanes > 1) {
                    simd::load_pairs(cell, next, from + tap + 2 * v * lanes);
                } else {
                    simd::load(cell, from + tap + v * lanes);
                    next = Stride == 2 ? V{} + from[tap + 1] : cell;
                }
                Op::join(joined[v], cell);
                if (Stride == 2 && tap + 1 < kernel) {
                    Op::join(joined[v], next);
                }
            });
        }
        simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
            if constexpr (Op::divides) {
                V divisor;
                simd::load(divisor, divisors + i + v * lanes);
                joined[v] /= divisor;
            }
            simd::store(joined[v], y + i + v * lanes);
        });
    };
    if constexpr (Stride == 0) {
        for (index_t i = 0; i < count; ++i) {
            some.template operator()<T, 1>(i);
        }
    } else {
        over_row<Target, T, 4>(count, some);
    }
}

/// Lanes over windows: a row of cells is joined into scratch between borders that change no answer, and windows slide over it.
template <class Target, class Op, class T>
NN_INLINE void pool_by_windows(const PoolPlane<T>& s) {
    const WindowAxis& axis = s.column.window;
    for (index_t first = 0; first < axis.output; first += s.block) {
        const index_t count = std::min(s.block, axis.output - first);
        const index_t position = axis.position(first, 0);
        const index_t length = (count - 1) * axis.stride + axis.kernel;
        const index_t left = std::clamp<index_t>(-position, 0, length);
        const index_t right = std::clamp<index_t>(axis.input - position, left, length);
        std::fill_n(s.cells, left, Op::template start<T>);
        std::fill_n(s.cells + right, length - right, Op::template start<T>);
        T divided = 0;
        for (index_t row = 0; row < s.row.window.output; ++row) {
            join_columns<Target, Op>(s, s.row.cells(row), {position + left, position + right}, s.cells + left);
            if constexpr (Op::divides) {
                const T counted = s.counted * static_cast<T>(s.row.counted(row));
                if (row == 0 || counted != divided) {
                    divided = counted;
                    for (index_t o = 0; o < count; ++o) {
                        s.divisors[o] = divisor(counted, s.column.counted(first + o));
                    }
                }
            }
            T* const y = s.y + row * s.y_row + first;
            if (axis.stride == 1) {
                slide<Target, Op, 1>(s.cells, 1, axis.kernel, count, s.divisors, y);
            } else if (axis.stride == 2) {
                slide<Target, Op, 2>(s.cells, 2, axis.kernel, count, s.divisors, y);
            } else {
                slide<Target, Op, 0>(s.cells, axis.stride, axis.kernel, count, s.divisors, y);
            }
        }
    }
}

/// Lanes over channels, or none: windows of any size, over as many cells at once as scratch holds.
template <class Target, class Op, class T>
NN_INLINE void pool_by_channels(const PoolPlane<T>& s) {
    const index_t length = s.column.window.input;
    const index_t most = std::max<index_t>(s.room / s.run, 1);
    for (index_t row = 0; row < s.row.window.output; ++row) {
        const Range rows = s.row.cells(row);
        const T counted = s.counted * static_cast<T>(s.row.counted(row));
        index_t begin = 0;
        index_t next = 0;  // the first window that is not done
        do {
            const index_t end = std::min(begin + most, length);
            join_columns<Target, Op>(s, rows, {begin, end}, s.cells);
            for (index_t o = next; o < s.column.window.output; ++o) {
                const Range range = s.column.cells(o);
                if (range.first >= end && end < length) {
                    break;
                }
                const bool fresh = range.first >= begin;
                const bool done = range.last <= end;
                const index_t last = std::min(range.last, end);
                const T by = Op::divides ? divisor(counted, s.column.counted(o)) : T(1);
                T* const y = s.y + row * s.y_row + o * s.y_column;
                const auto join = [&]<class V, index_t Count>(index_t i) NN_INLINE_LAMBDA {
                    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
                    V joined[Count];
                    simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
                        joined[v] = V{} + Op::template start<T>;
                        if (!fresh) {
                            simd::load(joined[v], y + i + v * lanes);
                        }
                    });
                    for (index_t cell = std::max(range.first, begin); cell < last; ++cell) {
                        const T* const from = s.cells + (cell - begin) * s.run + i;
                        simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
                            V value;
                            simd::load(value, from + v * lanes);
                            Op::join(joined[v], value);
                        });
                    }
                    simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
                        if (Op::divides && done) {
                            joined[v] /= V{} + by;
                        }
                        simd::store(joined[v], y + i + v * lanes);
                    });
                };
                if (fresh) {
                    over_row<Target, T, 4>(s.run, join);
                } else {  // one by one: an element goes on from what it is
                    for (index_t i = 0; i < s.run; ++i) {
                        join.template operator()<T, 1>(i);
                    }
                }
                next += done ? 1 : 0;
            }
            begin = end;
        } while (begin < length);
    }
}

template <class Op, class T>
void pool_plane(simd::Isa isa, const PoolPlane<T>& s) {
    simd::run<T, simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA {
        if (s.block > 0) {
            pool_by_windows<decltype(target), Op>(s);
        } else {
            pool_by_channels<decltype(target), Op>(s);
        }
    });
}

/// All windows along the axes from `axis` to the last two; the planes under them are listed from `under` on.
template <class Op, class T, std::size_t N>
void pool_planes(simd::Isa isa, const std::array<PoolAxis, N>& axes, const Shape<N + 1>& x_strides, const Shape<N + 1>& y_strides,
                 std::size_t axis, const PoolPlane<T>& s, const T** under) {
    if (axis + 2 >= N) {
        return pool_plane<Op>(isa, s);
    }
    for (index_t o = 0; o < axes[axis].window.output; ++o) {
        const Range range = axes[axis].cells(o);
        PoolPlane<T> inner = s;
        inner.planes = under;
        inner.plane_count = 0;
        for (index_t plane = 0; plane < s.plane_count; ++plane) {
            for (index_t cell = range.first; cell < range.last; ++cell) {
                under[inner.plane_count++] = s.planes[plane] + cell * x_strides[axis + 1];
            }
        }
        inner.counted = s.counted * static_cast<T>(axes[axis].counted(o));
        inner.y = s.y + o * y_strides[axis + 1];
        pool_planes<Op>(isa, axes, x_strides, y_strides, axis + 1, inner, under + inner.plane_count);
    }
}

/// Planes that `pool_planes` lists at most.
template <std::size_t N>
index_t most_planes(const std::array<PoolAxis, N>& axes) {
    index_t all = 0;
    index_t under = 1;
    for (std::size_t axis = 0; axis + 2 < N; ++axis) {
        index_t most = 0;
        for (index_t o = 0; o < axes[axis].window.output; ++o) {
            most = std::max(most, axes[axis].cells(o).size());
        }
        under = saturating_multiply(under, most);
        all = saturating_add(all, under);
    }
    return all;
}

}  // namespace detail

/// y = the cells of x under each window, joined, for items (C, L₁ … L_N) and (C, M₁ … M_N) that may lie in either layout; cells in the
/// padding do not count. Lanes run over the windows of a row where it is dense in x and y, over the channels where they are.
///
/// An answer is joined column by column of its window, each from its first row to its last. Scratch is, for each worker, 24 KiB, for
/// means 48, and a few vectors; with more than two axes it is also a pointer for each plane under a window, and one worker does all.
template <class Op, class T, std::size_t N>
void pool(simd::Isa isa, std::array<PoolAxis, N> axes, const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
    constexpr index_t room = 24 * 1024 / static_cast<index_t>(sizeof(T));
    constexpr index_t vector = 64 / static_cast<index_t>(sizeof(T));
    if (y.empty()) {
        return;
    }
    if (x.empty()) {  // then there may be ever so many rows of none
        for (PoolAxis& axis : axes) {
            axis.window.input = 0;
        }
    }
    const auto frame = workspace.frame();
    const Shape<N + 1>& x_strides = x.item_strides();
    const Shape<N + 1>& y_strides = y.item_strides();
    detail::PoolPlane<T> s;
    s.column = axes[N - 1];
    s.x_column = x_strides[N];
    s.y_column = y_strides[N];
    if constexpr (N > 1) {
        s.row = axes[N - 2];
        s.x_row = x_strides[N - 1];
        s.y_row = y_strides[N - 1];
    }
    s.room = room;
    s.plane_count = 1;

    const WindowAxis& column = s.column.window;
    const index_t channels = x.item()[0];
    const bool by_channels = x_strides[0] == 1 && y_strides[0] == 1 && s.x_column != 1;
    if (!by_channels && s.y_column == 1 && s.column.cut == PoolAxis::Cut::sliding && std::max(column.stride, column.kernel) <= room / 2) {
        s.block = std::min((room - column.kernel) / column.stride, column.output);
    } else if (by_channels) {
        const index_t pieces = divide_up(saturating_multiply(channels, column.input), room);  // as many cells of a row as there are
        s.run = std::min(divide_up(divide_up(channels, std::max<index_t>(pieces, 1)), vector) * vector, channels);
    }
    const ExecutorRef executor = N > 2 ? ExecutorRef() : workspace.executor();
    const index_t cells = room + 4 * vector;
    const index_t divisors = Op::divides && s.block > 0 ? s.block + vector : 0;
    T* const all_cells = frame.template take<T>(executor.workers() * cells);
    T* const all_divisors = frame.template take<T>(executor.workers() * divisors);
    const T** const under = frame.template take<const T*>(detail::most_planes(axes));
    const index_t runs = divide_up(channels, s.run);
    executor.for_each(y.count() * runs, [&](index_t task, index_t worker) {
        const index_t item = task / runs;
        const index_t channel = task % runs * s.run;
        detail::PoolPlane<T> some = s;
        some.cells = all_cells + worker * cells;
        some.divisors = all_divisors + worker * divisors;
        some.run = std::min(s.run, channels - channel);
        const T* const first = x[item].data + channel * x_strides[0];
        some.planes = &first;
        some.y = y[item].data + channel * y_strides[0];
        detail::pool_planes<Op>(isa, axes, x_strides, y_strides, 0, some, under);
    });
}

NN_KERNEL(void detail::pool_plane<Maximum>(simd::Isa, const detail::PoolPlane<float>&));
NN_KERNEL(void detail::pool_plane<Minimum>(simd::Isa, const detail::PoolPlane<float>&));
NN_KERNEL(void detail::pool_plane<Mean>(simd::Isa, const detail::PoolPlane<float>&));
NN_KERNEL(void detail::pool_plane<Maximum>(simd::Isa, const detail::PoolPlane<double>&));
NN_KERNEL(void detail::pool_plane<Minimum>(simd::Isa, const detail::PoolPlane<double>&));
NN_KERNEL(void detail::pool_plane<Mean>(simd::Isa, const detail::PoolPlane<double>&));

}  // namespace nn::inline NN_ABI::kernels
