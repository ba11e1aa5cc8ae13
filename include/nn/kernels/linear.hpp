// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min

#include <nn/core/executor.hpp>
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
/// apart; `scratch` holds rows_at_once() · C elements for every worker. `product` says where C lies and what the sums start with.
template <class T, class Row>
void multiply_rows(index_t rows, index_t step, const Row& row, const PackedWeight<T>& weight, T* scratch, const Product<T>& all,
                   const Finish<T>& finish = {}, const ExecutorRef& executor = {}) {
    const Tile tile = tile_of<T>(weight.isa);
    const index_t at_once = weight.rows_at_once();
    const index_t blocks = divide_up(rows, at_once);
    // Where there are few blocks of rows, each is cut into parts of its outputs.
    const index_t workers = executor.workers();
    const index_t panels = divide_up(weight.outputs, tile.columns);
    const index_t parts = workers == 1 || blocks >= 4 * workers ? 1 : std::min(workers, panels);
    const index_t part_outputs = divide_up(panels, parts) * tile.columns;
    executor.for_each(blocks * parts, [&](index_t task, index_t worker) {
        const index_t first = task / parts * at_once;
        const index_t output = task % parts * part_outputs;
        T* const lines = scratch + worker * at_once * weight.depth;
        Product<T> product = all;
        product.rows = std::min(at_once, rows - first);
        product.columns = std::min(part_outputs, weight.outputs - output);
        product.depth = weight.depth;
        product.a = lines;
        product.b = weight.panels + output * weight.depth;
        product.c += all.column[output];
        product.bias += all.start == Start::column_bias ? output : 0;
        if (all.row.offsets != nullptr) {
            product.row.offsets += first;
        } else {
            product.c += first * all.row.stride;
        }
        pack_lines(
            tile.rows, product.rows, weight.depth, step, [&](index_t i) { return row(first + i); }, lines);
        multiply(weight.isa, product);
        for (index_t i = 0; finish && i < product.rows; ++i) {
            finish_all(finish, View<T, 1>{&product.at(i, 0), {product.columns}, {product.column.stride}});
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
