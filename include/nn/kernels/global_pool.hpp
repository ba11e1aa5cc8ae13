// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::fill_n, std::max, std::min
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/kernels/pool.hpp>
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

/// All cells of each channel, `step` apart or, if it is 0, anywhere.
template <class Target, class Op, class T, std::size_t K>
NN_INLINE void join_channels(const View<const T, K>& x, index_t step, index_t cells, const View<T, 1>& y) {
    const index_t channels = x.shape[0];
    const T divisor = static_cast<T>(Op::divides ? std::max<index_t>(cells, 1) : 1);
    const auto finished = [=](T total) NN_INLINE_LAMBDA { return Op::divides ? total / divisor : total; };
    index_t c = 0;
    if (simd::available<T> && step == 1) {
        for (; !Target::few_forms && c + 4 <= channels; c += 4) {  // four hide the time that a sum takes
            T totals[4];
            join_rows<Target, Op, 4>(x.data + c * x.strides[0], x.strides[0], cells, totals);
            for (index_t i = 0; i < 4; ++i) {
                y(c + i) = finished(totals[i]);
            }
        }
        for (; c < channels; ++c) {
            T total;
            join_rows<Target, Op, 1>(x.data + c * x.strides[0], 0, cells, &total);
            y(c) = finished(total);
        }
    } else if (step != 0 && x.strides[0] == 1 && y.strides[0] == 1) {
        over_row<Target, T>(channels, [&]<class V, index_t>(index_t i) NN_INLINE_LAMBDA {
            V total = V{} + Op::template start<T>;
            for (index_t first = 0; first < cells; first += pooled_block) {
                join_block<Op>(x.data + i + first * step, step, std::min(pooled_block, cells - first), total);
            }
            if (Op::divides) {
                total /= V{} + divisor;
            }
            simd::store(total, y.data + i);
        });
    } else {
        for (; c < channels; ++c) {
            T total = Op::template start<T>;
            T some[pooled_block];
            index_t count = 0;
            for_each(at(x, c), [&](T cell) {
                some[count] = cell;
                if (++count == pooled_block) {
                    join_block<Op>(some, 1, count, total);
                    count = 0;
                }
            });
            join_block<Op>(some, 1, count, total);
            y(c) = finished(total);
        }
    }
}

}  // namespace detail

/// y (C) = all cells of x (C, spatial…) joined, in row-major order by eight partial results, whatever the layout. Lanes run along the cells
/// where those of a channel lie side by side, over the channels where these do.
template <class Op, class T, std::size_t K>
void global_pool(simd::Isa isa, const View<const T, K>& x, const View<T, 1>& y) {
    index_t cells = 1;
    index_t step = 1;  // between cells, if it is the same everywhere
    for (std::size_t axis = K; axis-- > 1;) {
        if (x.shape[axis] != 1) {
            step = cells == 1 ? x.strides[axis] : x.strides[axis] == step * cells ? step : 0;
        }
        cells = saturating_multiply(cells, x.shape[axis]);
    }
    simd::run<simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA { detail::join_channels<decltype(target), Op>(x, step, cells, y); });
}

}  // namespace nn::inline NN_ABI::kernels
