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

/// As many panels of weights as take 64 KiB are multiplied at a time: they are read from far once, while those before them are at work,
/// since no other point needs them, and then stay in the L2 cache for all rows. Six rows stay in L1 for all of these panels: 128 to 512
/// channels take 3 to 5 % less time than with 16 KiB, and gain nothing from 128 KiB.
template <class T>
void multiply_points(simd::Isa isa, const WinogradProduct<T>& p) {
    constexpr index_t budget = 64 * 1024 / static_cast<index_t>(sizeof(T));
    const Tile tile = tile_of<T>(isa);
    const index_t width = p.product_layout.width;
    const index_t at_once = std::max<index_t>(budget / (tile.columns * p.depth), 1) * tile.columns;
    const index_t ahead_step = divide_up(tile.columns, divide_up(p.tiles, tile.rows));
    for (index_t point = 0; point < p.points; ++point) {
        for (index_t column = 0; column < width; column += at_once) {
            const T* const panels = p.panels + point * p.panel_step + column * p.depth;
            const bool last = column + at_once >= width;
            multiply(isa, Product<T>{.rows = p.tiles,
                                     .columns = std::min(at_once, width - column),
                                     .depth = p.depth,
                                     .a = p.input + point * p.input_layout.stride,
                                     .b = panels,
                                     .c = p.product + point * p.product_layout.stride + column,
                                     .row = {width},
                                     .start = p.add ? Start::c : Start::zero,
                                     .a_rows = {p.input_layout.width},
                                     .ahead = last ? p.panels + (point + 1) * p.panel_step : panels + at_once * p.depth,
                                     .ahead_step = ahead_step});
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels::detail
