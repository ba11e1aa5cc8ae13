// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/gemm.hpp>

namespace nn::inline NN_ABI::kernels {

/// A weight (O, C) laid out for products with many rows: packed once, then applied.
template <class T>
struct PackedWeight {
    const T* panels;
    index_t outputs;  ///< O
    index_t depth;    ///< C
};

template <class T>
PackedWeight<T> pack_weight(const View<const T, 2>& weight, const Workspace::Frame& frame) {
    const auto [outputs, depth] = weight.shape;
    T* const panels = frame.template take<T>(packed_size(outputs, depth, tile_columns<T>));
    pack<tile_columns<T>>(weight, panels);
    return {panels, outputs, depth};
}

/// Rows that `multiply_rows` packs at a time; its scratch is this many times the depth.
inline constexpr index_t rows_at_once = 8 * tile_rows;

/// Calls `store(i, o, count, sums)` with sums[j] = Σ_c row(i)[c] · weight[o + j, c] for all rows and outputs. The elements of a row lie
/// `step` apart; `scratch` holds rows_at_once · C elements.
template <class T, class Row, class Store>
void multiply_rows(index_t rows, index_t step, const Row& row, const PackedWeight<T>& weight, T* scratch, const Store& store) {
    for (index_t first = 0; first < rows; first += rows_at_once) {
        const index_t count = std::min(rows_at_once, rows - first);
        pack_lines<tile_rows>(
            count, weight.depth, step, [&](index_t i) { return row(first + i); }, scratch);
        multiply(count, weight.outputs, weight.depth, static_cast<const T*>(scratch), weight.panels,
                 [&](index_t i, index_t height, index_t o, index_t width, const T* tile) {
                     for (index_t r = 0; r < height; ++r) {
                         store(first + i + r, o, width, tile + r * tile_columns<T>);
                     }
                 });
    }
}

}  // namespace nn::inline NN_ABI::kernels
