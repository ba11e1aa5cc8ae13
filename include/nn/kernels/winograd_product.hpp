// SPDX-License-Identifier: MIT
#pragma once

// The products of Winograd's algorithm: one for each point of a tile, with weights that no other point needs.

#include <algorithm>  // std::max

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

/// A panel of weights, which no other point needs, is read from far once, while the one before it is at work, and then stays in the L1
/// cache for all rows.
template <class T>
void multiply_points(simd::Isa isa, const WinogradProduct<T>& p) {
    const index_t columns = tile_of<T>(isa).columns;
    const index_t ahead_step = divide_up(columns, divide_up(p.tiles, tile_of<T>(isa).rows));
    for (index_t point = 0; point < p.points; ++point) {
        const T* panel = p.panels + point * p.panel_step;
        for (index_t column = 0; column < p.product_layout.width; column += columns) {
            const T* const next = panel + columns * p.depth;
            const bool last = column + columns == p.product_layout.width;
            multiply(isa, Product<T>{.rows = p.tiles,
                                     .columns = columns,
                                     .depth = p.depth,
                                     .a = p.input + point * p.input_layout.stride,
                                     .b = panel,
                                     .c = p.product + point * p.product_layout.stride + column,
                                     .row = {p.product_layout.width},
                                     .start = p.add ? Start::c : Start::zero,
                                     .a_rows = {p.input_layout.width},
                                     .ahead = last ? p.panels + (point + 1) * p.panel_step : next,
                                     .ahead_step = ahead_step});
            panel = next;
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels::detail
