// SPDX-License-Identifier: MIT
#pragma once

// The products of Winograd's algorithm: one for each point of a tile, with weights that no other point needs.

#include <algorithm>  // std::max, std::min

#include <nn/core/index.hpp>
#include <nn/kernels/gemm.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels::detail {

/// Where the operands of a call lie: V[point][tile][channel], M[point][tile][output]. Rows are whole vectors or tiles; from one point to
/// the next it is an odd number of cache lines, so that the points of a tile do not fall into the same sets.
struct WinogradLayout {
    index_t width;
    index_t stride;

    template <class T>
    static constexpr WinogradLayout of(index_t width, index_t tiles) {
        constexpr index_t line = std::max<index_t>(64 / static_cast<index_t>(sizeof(T)), 1);
        const index_t lines = divide_up(tiles * width, line);
        return {width, (lines + (lines % 2 == 0 ? 1 : 0)) * line};
    }
};

/// M (tiles, outputs) = or += V (tiles, channels) · U, point by point.
template <class T>
struct WinogradProduct {
    index_t points;
    index_t tiles;
    index_t depth;
    const T* input;
    WinogradLayout input_layout;
    const T* panels;     ///< [point][panel of outputs][channel][output], from the first panel of these outputs on
    index_t panel_step;  ///< elements of all panels of a point
    T* product;
    WinogradLayout product_layout;
    bool add;
};

/// `Rows` rows by one panel. `ahead` is what is to be fetched of the next panel, `ahead_step` elements with every channel.
template <class Target, index_t Rows, class T>
NN_INLINE void multiply_points_tile(const WinogradProduct<T>& p, const T* a, const T* b, T* c, const T* ahead, index_t ahead_step) {
    using V = typename TileVector<T, Target>::type;
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t columns = tile_on<T, Target>().columns;
    constexpr index_t vectors = columns / lanes;
    V sum[Rows][vectors];
    const auto each = [&](const auto& f) NN_INLINE_LAMBDA {
        NN_UNROLL
        for (index_t r = 0; r < Rows; ++r) {
            NN_UNROLL
            for (index_t v = 0; v < vectors; ++v) {
                f(sum[r][v], r, v);
            }
        }
    };
    if (p.add) {
        each([&](V& s, index_t r, index_t v) NN_INLINE_LAMBDA { simd::load(s, c + r * p.product_layout.width + v * lanes); });
    } else {
        each([](V& s, index_t, index_t) NN_INLINE_LAMBDA { TileVector<T, Target>::fill(s, T(0)); });
    }
    const index_t step = p.input_layout.width;
    for (index_t k = 0; k < p.depth; ++k, b += columns, ahead += ahead_step) {
        simd::prefetch(ahead);
        V part[vectors];
        NN_UNROLL
        for (index_t v = 0; v < vectors; ++v) {
            simd::load(part[v], b + v * lanes);
        }
        each([&](V& s, index_t r, index_t v) NN_INLINE_LAMBDA { s += a[r * step + k] * part[v]; });
    }
    each([&](const V& s, index_t r, index_t v) NN_INLINE_LAMBDA { simd::store(s, c + r * p.product_layout.width + v * lanes); });
}

/// At most `Rows` rows, a number for which there is a tile; how many they are.
template <class Target, index_t Rows, class T>
NN_INLINE index_t multiply_points_rows(const WinogradProduct<T>& p, index_t rows, const T* a, const T* b, T* c, const T* ahead,
                                       index_t ahead_step) {
    if constexpr (Rows > 1) {
        if (rows < Rows) {
            constexpr index_t fewer = tile_on<T, Target>().rows / 6;
            return multiply_points_rows<Target, (Rows > fewer ? Rows - fewer : 1)>(p, rows, a, b, c, ahead, ahead_step);
        }
    }
    multiply_points_tile<Target, Rows>(p, a, b, c, ahead, ahead_step);
    return Rows;
}

/// A panel of weights, which no other tile needs, is read from far once, while the one before it is at work, and then stays in the L1
/// cache for all rows. These are cut into parts of even height.
template <class T>
void multiply_points(simd::Isa isa, const WinogradProduct<T>& p) {
    simd::run(isa, [&p](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        constexpr Tile tile = tile_on<T, Target>();
        const index_t parts = divide_up(p.tiles, tile.rows);
        const index_t low = p.tiles / parts;
        const index_t high_rows = p.tiles % parts * (low + 1);  // in parts of low + 1, and the rest in parts of low
        const index_t ahead_step = divide_up(tile.columns, parts);
        for (index_t point = 0; point < p.points; ++point) {
            const T* panel = p.panels + point * p.panel_step;
            const T* const a = p.input + point * p.input_layout.stride;
            T* const c = p.product + point * p.product_layout.stride;
            for (index_t column = 0; column < p.product_layout.width; column += tile.columns) {
                const T* const next = panel + tile.columns * p.depth;
                const bool last = column + tile.columns == p.product_layout.width;
                const T* ahead = last ? p.panels + (point + 1) * p.panel_step : next;
                for (index_t row = 0; row < p.tiles; ahead += ahead_step * p.depth) {
                    const index_t rows = std::min(row < high_rows ? low + 1 : low, p.tiles - row);
                    row += multiply_points_rows<Target, tile.rows>(p, rows, a + row * p.input_layout.width, panel,
                                                                   c + row * p.product_layout.width + column, ahead, ahead_step);
                }
                panel = next;
            }
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels::detail
