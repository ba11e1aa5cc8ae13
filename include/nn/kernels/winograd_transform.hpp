// SPDX-License-Identifier: MIT
#pragma once

// The transforms of Winograd's algorithm for 3 × 3 kernels, and weights that are transformed and packed once. Lavin & Gray 2015,
// arXiv:1509.09308; the points by Barabasz et al. 2018, arXiv:1803.10986.

#include <algorithm>    // std::min
#include <type_traits>  // std::conditional_t

#include <nn/core/view.hpp>
#include <nn/kernels/gemm.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/winograd_product.hpp>

namespace nn::inline NN_ABI::kernels {

/// Outputs of a tile along an axis.
enum class WinogradTile : unsigned char { f2 = 2, f4 = 4 };

constexpr index_t winograd_points(WinogradTile tile) { return (static_cast<index_t>(tile) + 2) * (static_cast<index_t>(tile) + 2); }

/// A weight (O, C/G, 3, 3), transformed and packed for one instruction set: group by group, block by block of channels, point by point.
template <class T>
struct WinogradWeight {
    simd::Isa isa;
    WinogradTile tile;
    index_t groups;
    index_t outputs;   ///< of a group
    index_t channels;  ///< of a group
    const T* panels;

    /// Outputs of a panel.
    index_t width() const { return tile_of<T>(isa).columns; }
    /// The panels of a group, from a channel at which a block begins.
    const T* block(index_t group, index_t channel) const {
        return panels + winograd_points(tile) * packed_size(outputs, 1, width()) * (group * channels + channel);
    }
};

namespace detail {

/// Channels that are transformed and multiplied at a time: a panel of weights, 16 KiB, and the tiles' inputs stay in the L1 cache.
inline constexpr index_t winograd_depth = 256;

/// Bᵀ, G and Aᵀ along one axis. The points: 0, ±1, ∞.
template <index_t M>
struct Winograd {
    static_assert(M == 2);

    template <class T, class V>
    NN_INLINE static void input(const V* d, V* v) {
        v[0] = d[0] - d[2];
        v[1] = d[1] + d[2];
        v[2] = d[2] - d[1];
        v[3] = d[3] - d[1];
    }
    template <class T, class V>
    NN_INLINE static void output(const V* m, V* y) {
        y[0] = m[0] + m[1] + m[2];
        y[1] = m[1] - m[2] + m[3];
    }
    template <class W>
    static void weight(const W* g, index_t step, W* u, index_t to) {
        const W even = (g[0] + g[2 * step]) / 2;
        const W odd = g[step] / 2;
        u[0] = g[0];
        u[to] = even + odd;
        u[2 * to] = even - odd;
        u[3 * to] = g[2 * step];
    }
};

/// The points: 0, ±5/8, ±3/2, ∞. All coefficients are exact, and the error is half that of the usual 0, ±1, ±2, ∞ (κ 176 against 860).
template <>
struct Winograd<4> {
    static constexpr double a = 0.625;
    static constexpr double b = 1.5;

    template <class T, class V>
    NN_INLINE static void input(const V* d, V* v) {
        constexpr T aa = T(a * a);
        constexpr T bb = T(b * b);
        constexpr T product = T(a * a * b * b);
        constexpr T sum = T(a * a + b * b);
        const V even_a = d[4] - bb * d[2];
        const V odd_a = T(a) * d[3] - T(a * b * b) * d[1];
        const V even_b = d[4] - aa * d[2];
        const V odd_b = T(b) * d[3] - T(a * a * b) * d[1];
        const V first = product * d[0] - sum * d[2] + d[4];
        const V last = product * d[1] - sum * d[3] + d[5];
        v[0] = first;
        v[1] = even_a + odd_a;
        v[2] = even_a - odd_a;
        v[3] = even_b + odd_b;
        v[4] = even_b - odd_b;
        v[5] = last;
    }
    template <class T, class V>
    NN_INLINE static void output(const V* m, V* y) {
        const V sum_a = m[1] + m[2];
        const V difference_a = m[1] - m[2];
        const V sum_b = m[3] + m[4];
        const V difference_b = m[3] - m[4];
        y[0] = m[0] + sum_a + sum_b;
        y[1] = T(a) * difference_a + T(b) * difference_b;
        y[2] = T(a * a) * sum_a + T(b * b) * sum_b;
        y[3] = T(a * a * a) * difference_a + T(b * b * b) * difference_b + m[5];
    }
    template <class W>
    static void weight(const W* g, index_t step, W* u, index_t to) {
        const auto pair = [&](W p, W other, W* at) {
            const W scale = 1 / (2 * p * p * (p * p - other * other));
            const W even = (g[0] + p * p * g[2 * step]) * scale;
            const W odd = p * g[step] * scale;
            at[0] = even + odd;
            at[to] = even - odd;
        };
        u[0] = g[0] / W(a * a * b * b);
        pair(W(a), W(b), u + to);
        pair(W(b), W(a), u + 3 * to);
        u[5 * to] = g[2 * step];
    }
};

/// Bᵀ · d · B of `tiles` tiles that lie side by side in a strip, which is overwritten.
template <class Target, index_t M, class T>
NN_INLINE void transform_input(T* strip, index_t pitch, index_t tiles, WinogradLayout layout, T* to) {
    using V = typename TileVector<T, Target>::type;
    constexpr index_t N = M + 2;
    constexpr index_t lanes = Target::template lanes<T>;
    V d[N];
    V v[N];
    for (index_t p = 0; p < M * tiles + 2; ++p) {
        T* const column = strip + p * lanes;
        NN_UNROLL
        for (index_t row = 0; row < N; ++row) {
            simd::load(d[row], column + row * pitch);
        }
        Winograd<M>::template input<T>(d, v);
        NN_UNROLL
        for (index_t row = 0; row < N; ++row) {
            simd::store(v[row], column + row * pitch);
        }
    }
    for (index_t i = 0; i < tiles; ++i, to += layout.width) {
        T* point = to;
        for (index_t row = 0; row < N; ++row) {
            NN_UNROLL
            for (index_t column = 0; column < N; ++column) {
                simd::load(d[column], strip + row * pitch + (M * i + column) * lanes);
            }
            Winograd<M>::template input<T>(d, v);
            NN_UNROLL
            for (index_t column = 0; column < N; ++column, point += layout.stride) {
                simd::store(v[column], point);
            }
        }
    }
}

/// Aᵀ · m · A + bias of `tiles` tiles, side by side into a strip. `bias` holds a value for each lane.
template <class Target, index_t M, class T>
NN_INLINE void transform_output(const T* from, WinogradLayout layout, index_t tiles, const T* bias, T* strip, index_t pitch) {
    using V = typename TileVector<T, Target>::type;
    constexpr index_t N = M + 2;
    constexpr index_t lanes = Target::template lanes<T>;
    V start;
    simd::load(start, bias);
    for (index_t i = 0; i < tiles; ++i, from += layout.width) {
        V half[M][N];
        NN_UNROLL
        for (index_t column = 0; column < N; ++column) {
            V m[N];
            V y[M];
            NN_UNROLL
            for (index_t row = 0; row < N; ++row) {
                simd::load(m[row], from + (row * N + column) * layout.stride);
            }
            Winograd<M>::template output<T>(m, y);
            NN_UNROLL
            for (index_t row = 0; row < M; ++row) {
                half[row][column] = y[row];
            }
        }
        NN_UNROLL
        for (index_t row = 0; row < M; ++row) {
            V y[M];
            Winograd<M>::template output<T>(half[row], y);
            NN_UNROLL
            for (index_t column = 0; column < M; ++column) {
                y[column] += start;
                simd::store(y[column], strip + row * pitch + (M * i + column) * lanes);
            }
        }
    }
}

/// U = G · g · Gᵀ, computed in double and rounded once.
template <class T, index_t M>
void pack_winograd_panels(index_t width, const View<const T, 2>& weight, index_t groups, T* out) {
    using W = std::conditional_t<(sizeof(T) < sizeof(double)), double, T>;
    constexpr index_t N = M + 2;
    const index_t outputs = weight.shape[0] / groups;
    const index_t channels = weight.shape[1] / 9;
    const index_t rows = divide_up(outputs, width) * width;
    for (index_t group = 0; group < groups; ++group) {
        for (index_t block = 0; block < channels; block += winograd_depth) {
            const index_t depth = std::min(winograd_depth, channels - block);
            for (index_t output = 0; output < rows; ++output) {
                for (index_t k = 0; k < depth; ++k) {
                    W g[9] = {};
                    W half[3 * N];
                    W u[N * N];
                    for (index_t tap = 0; tap < 9 && output < outputs; ++tap) {
                        g[tap] = static_cast<W>(weight(group * outputs + output, (block + k) * 9 + tap));
                    }
                    for (index_t column = 0; column < 3; ++column) {
                        Winograd<M>::weight(g + column, 3, half + column, 3);
                    }
                    for (index_t row = 0; row < N; ++row) {
                        Winograd<M>::weight(half + 3 * row, 1, u + N * row, 1);
                    }
                    for (index_t point = 0; point < N * N; ++point) {
                        out[(point * rows + output / width * width) * depth + k * width + output % width] = static_cast<T>(u[point]);
                    }
                }
            }
            out += N * N * rows * depth;
        }
    }
}

}  // namespace detail

/// Elements of a transformed weight (O, C/G · 9).
template <class T>
constexpr index_t winograd_weight_size(simd::Isa isa, WinogradTile tile, index_t groups, index_t outputs, index_t depth) {
    const index_t point = packed_size(outputs / groups, depth / 9, tile_of<T>(isa).columns);
    return saturating_multiply(saturating_multiply(groups, winograd_points(tile)), point);
}

/// Transforms a weight (O, C/G · 9) into `out`.
template <class T>
WinogradWeight<T> pack_winograd(simd::Isa isa, WinogradTile tile, const View<const T, 2>& weight, index_t groups, T* out) {
    const index_t width = tile_of<T>(isa).columns;
    if (tile == WinogradTile::f2) {
        detail::pack_winograd_panels<T, 2>(width, weight, groups, out);
    } else {
        detail::pack_winograd_panels<T, 4>(width, weight, groups, out);
    }
    return {isa, tile, groups, weight.shape[0] / groups, weight.shape[1] / 9, out};
}

}  // namespace nn::inline NN_ABI::kernels
