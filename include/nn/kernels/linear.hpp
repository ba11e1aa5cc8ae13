// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/gemm.hpp>

namespace nn::inline NN_ABI::kernels {

/// A weight (O, C) laid out for products with many rows: packed once, then applied.
template <class T>
struct PackedWeight {
    simd::Isa isa;
    const T* panels;
    index_t outputs;  ///< O
    index_t depth;    ///< C

    index_t size() const { return packed_size(outputs, depth, tile_of<T>(isa).columns); }
    /// Rows that `multiply_rows` packs at a time; its scratch is this many times the depth.
    index_t rows_at_once() const { return 8 * tile_of<T>(isa).rows; }
};

/// Packs a weight into `out`.
template <class T>
PackedWeight<T> pack_weight(simd::Isa isa, const View<const T, 2>& weight, T* out) {
    pack(tile_of<T>(isa).columns, weight, out);
    return {isa, out, weight.shape[0], weight.shape[1]};
}
/// Packs a weight for this machine into scratch memory.
template <class T>
PackedWeight<T> pack_weight(const View<const T, 2>& weight, const Workspace::Frame& frame) {
    const simd::Isa isa = simd::machine();
    return pack_weight(isa, weight, frame.template take<T>(PackedWeight<T>{isa, nullptr, weight.shape[0], weight.shape[1]}.size()));
}

/// C[i, o] = start + Σ_c row(i)[c] · weight[o, c] for all rows and outputs, and then `finish` if any. The elements of a row lie `step`
/// apart; `scratch` holds rows_at_once() · C elements. `product` says where C lies and what the sums start with.
template <class T, class Row>
void multiply_rows(index_t rows, index_t step, const Row& row, const PackedWeight<T>& weight, T* scratch, Product<T> product,
                   const Finish<T>& finish = {}) {
    const Spacing all = product.row;
    T* const c = product.c;
    product.columns = weight.outputs;
    product.depth = weight.depth;
    product.a = scratch;
    product.b = weight.panels;
    for (index_t first = 0; first < rows; first += weight.rows_at_once()) {
        product.rows = std::min(weight.rows_at_once(), rows - first);
        pack_lines(
            tile_of<T>(weight.isa).rows, product.rows, weight.depth, step, [&](index_t i) { return row(first + i); }, scratch);
        if (all.offsets != nullptr) {
            product.row.offsets = all.offsets + first;
        } else {
            product.c = c + first * all.stride;
        }
        multiply(weight.isa, product);
        for (index_t i = 0; finish && i < product.rows; ++i) {
            finish_all(finish, View<T, 1>{&product.at(i, 0), {weight.outputs}, {product.column.stride}});
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels
