// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::fill_n, std::max, std::min
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/pool_kinds.hpp>
#include <nn/kernels/reduce.hpp>
#include <nn/kernels/row.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// Cells go in turn to so many partial results, which are joined to the total after every block of cells: the order follows from
/// their number alone, and the error of a sum grows with the number of blocks.
inline constexpr index_t pooled_parts = 8;
inline constexpr index_t pooled_block = 512;

/// total = total, and the parts: pairs of them, pairs of those, and so on.
template <class Op, class V>
NN_INLINE void join_parts(V* part, V& total) {
    for (index_t width = 1; width < pooled_parts; width *= 2) {
        for (index_t i = 0; i < pooled_parts; i += 2 * width) {
            Op::join(part[i], part[i + width]);
        }
    }
    Op::join(total, part[0]);
}

/// Joins up to `pooled_block` cells `step` apart to the total. V holds the same cell of neighbouring channels, or is one T.
template <class Op, class V, class T>
NN_INLINE void join_block(const T* from, index_t step, index_t count, V& total) {
    V part[pooled_parts];
    simd::unrolled<pooled_parts>([&](auto i) NN_INLINE_LAMBDA { part[i] = V{} + Op::template start<T>; });
    index_t cell = 0;
    for (; cell + pooled_parts <= count; cell += pooled_parts) {
        simd::unrolled<pooled_parts>([&](auto i) NN_INLINE_LAMBDA {
            V value;
            simd::load(value, from + (cell + i) * step);
            Op::join(part[i], value);
        });
    }
    for (index_t i = 0; cell + i < count; ++i) {
        V value;
        simd::load(value, from + (cell + i) * step);
        Op::join(part[i], value);
    }
    join_parts<Op>(part, total);
}

/// The same of `Rows` rows of cells side by side: a vector holds parts of one.
template <class Target, class Op, index_t Rows, class T>
NN_INLINE void join_rows([[maybe_unused]] const T* from, [[maybe_unused]] index_t row, [[maybe_unused]] index_t count,
                         [[maybe_unused]] T* totals) {
#if NN_SIMD
    constexpr index_t lanes = std::min(Target::template lanes<T>, pooled_parts);
    constexpr index_t vectors = pooled_parts / lanes;
    using V = typename simd::VectorOf<T, simd::Target<static_cast<std::size_t>(lanes) * sizeof(T), 16>>::type;
    std::fill_n(totals, Rows, Op::template start<T>);
    for (index_t first = 0; first < count; first += pooled_block) {
        const index_t last = std::min(first + pooled_block, count);
        V part[Rows * vectors];
        simd::unrolled<Rows * vectors>([&](auto i) NN_INLINE_LAMBDA { part[i] = V{} + Op::template start<T>; });
        index_t cell = first;
        for (; cell + pooled_parts <= last; cell += pooled_parts) {
            simd::unrolled<Rows * vectors>([&](auto i) NN_INLINE_LAMBDA {
                V value;
                simd::load(value, from + i / vectors * row + cell + i % vectors * lanes);
                Op::join(part[i], value);
            });
        }
        T spill[Rows * pooled_parts];
        simd::unrolled<Rows * vectors>([&](auto i) NN_INLINE_LAMBDA { simd::store(part[i], spill + i * lanes); });
        for (index_t r = 0; r < Rows; ++r) {
            for (index_t i = 0; cell + i < last; ++i) {
                Op::join(spill[r * pooled_parts + i], from[r * row + cell + i]);
            }
            join_parts<Op>(spill + r * pooled_parts, totals[r]);
        }
    }
#endif
}

/// Cells of `channels` channels, those of one `step` apart.
template <class T>
struct PooledCells {
    const T* x;
    index_t channels, channel;  ///< how many and how far apart
    index_t cells, step;
    T* y;
    index_t result;  ///< how far results lie apart

    /// Whether lanes may run along the cells, or over the channels.
    bool along_cells() const { return simd::available<T> && step == 1; }
    bool over_channels() const { return channel == 1 && result == 1; }
};

/// The total as the answer: itself or divided by the number of cells.
template <class Op, class T>
NN_INLINE T finished(T total, index_t cells) {
    return Op::divides ? total / static_cast<T>(std::max<index_t>(cells, 1)) : total;
}

/// All cells of each channel, along which or over which lanes may run.
template <class Op, class T>
void join_channels(simd::Isa isa, const PooledCells<T>& s) {
    simd::run<T, simd::Avx2>(isa, [&s](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        if (s.along_cells()) {
            index_t c = 0;
            for (; !Target::few_forms && c + 4 <= s.channels; c += 4) {  // four hide the time that a sum takes
                T totals[4];
                join_rows<Target, Op, 4>(s.x + c * s.channel, s.channel, s.cells, totals);
                for (index_t i = 0; i < 4; ++i) {
                    s.y[(c + i) * s.result] = finished<Op>(totals[i], s.cells);
                }
            }
            for (; c < s.channels; ++c) {
                T total;
                join_rows<Target, Op, 1>(s.x + c * s.channel, 0, s.cells, &total);
                s.y[c * s.result] = finished<Op>(total, s.cells);
            }
            return;
        }
        over_row<Target, T>(s.channels, [&]<class V, index_t>(index_t i) NN_INLINE_LAMBDA {
            V total = V{} + Op::template start<T>;
            for (index_t first = 0; first < s.cells; first += pooled_block) {
                join_block<Op>(s.x + i + first * s.step, s.step, std::min(pooled_block, s.cells - first), total);
            }
            if (Op::divides) {
                total /= V{} + static_cast<T>(std::max<index_t>(s.cells, 1));
            }
            simd::store(total, s.y + i);
        });
    });
}

}  // namespace detail

/// y (C) = all cells of x (C, spatial…) joined, in row-major order by eight partial results, whatever the layout. Lanes run along the cells
/// where those of a channel lie side by side, over the channels where these do.
template <class Op, class T, std::size_t K>
void global_pool(simd::Isa isa, const View<const T, K>& x, const View<T, 1>& y) {
    bool even = true;  // whether cells lie equally far apart
    detail::PooledCells<T> s{x.data, x.shape[0], x.strides[0], 1, 1, y.data, y.strides[0]};
    for (std::size_t axis = K; axis-- > 1;) {
        if (x.shape[axis] != 1) {
            even = even && (s.cells == 1 || x.strides[axis] == s.step * s.cells);
            s.step = s.cells == 1 ? x.strides[axis] : s.step;
        }
        s.cells = saturating_multiply(s.cells, x.shape[axis]);
    }
    if (even && (s.along_cells() || s.over_channels())) {
        return detail::join_channels<Op>(isa, s);
    }
    for (index_t c = 0; c < s.channels; ++c) {
        T total = Op::template start<T>;
        T some[detail::pooled_block];
        index_t count = 0;
        for_each(at(x, c), [&](T cell) {
            some[count] = cell;
            if (++count == detail::pooled_block) {
                detail::join_block<Op>(some, 1, count, total);
                count = 0;
            }
        });
        detail::join_block<Op>(some, 1, count, total);
        y(c) = detail::finished<Op>(total, s.cells);
    }
}

NN_KERNEL(void detail::join_channels<Maximum>(simd::Isa, const detail::PooledCells<float>&));
NN_KERNEL(void detail::join_channels<Minimum>(simd::Isa, const detail::PooledCells<float>&));
NN_KERNEL(void detail::join_channels<Mean>(simd::Isa, const detail::PooledCells<float>&));
NN_KERNEL(void detail::join_channels<Maximum>(simd::Isa, const detail::PooledCells<double>&));
NN_KERNEL(void detail::join_channels<Minimum>(simd::Isa, const detail::PooledCells<double>&));
NN_KERNEL(void detail::join_channels<Mean>(simd::Isa, const detail::PooledCells<double>&));

}  // namespace nn::inline NN_ABI::kernels
