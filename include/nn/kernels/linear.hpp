// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t

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
    /// Outputs of which the weights fit into a small L2 cache: whole panels.
    index_t outputs_at_once() const {
        constexpr index_t budget = 256 * 1024 / static_cast<index_t>(sizeof(T));
        const index_t width = tile_of<T>(isa).columns;
        return std::max<index_t>(budget / std::max<index_t>(depth, 1) / width, 1) * width;
    }
    /// Rows that `multiply_rows` takes at a time, and what it needs of memory if the elements of a row lie `step` apart.
    static constexpr index_t rows_at_once = 96;
    index_t scratch(index_t step) const { return step == 1 ? 0 : rows_at_once * depth; }
};

/// Packs a weight into `out`.
template <class T>
PackedWeight<T> pack_weight(simd::Isa isa, const View<const T, 2>& weight, T* out) {
    pack(isa, tile_of<T>(isa).columns, weight, out);
    return {isa, out, weight.shape[0], weight.shape[1]};
}

/// C[i, o] = start + Σ_c row(i)[c] · weight[o, c] for all rows and outputs, and then `finish` if any. The elements of a row lie `step`
/// apart, and all rows are of one array; `memory` holds weight.scratch(step) elements for every worker. `all` says where C lies and
/// what the sums start with: columns at a stride, and no bias by rows.
template <class T, class Row>
void multiply_rows(index_t rows, index_t step, const Row& row, const PackedWeight<T>& weight, T* memory, const Product<T>& all,
                   const Finish<T>& finish = {}, const ExecutorRef& executor = {}) {
    const Tile tile = tile_of<T>(weight.isa);
    constexpr index_t at_once = PackedWeight<T>::rows_at_once;
    const index_t blocks = divide_up(rows, at_once);
    // Where there are few blocks of rows, each is cut into parts of its outputs.
    const index_t workers = executor.workers();
    const index_t panels = divide_up(weight.outputs, tile.columns);
    const index_t parts = workers == 1 || blocks >= 4 * workers ? 1 : std::min(workers, panels);
    const index_t part_outputs = divide_up(panels, parts) * tile.columns;
    const Finish<T> rest = finish.beyond_bounds();
    executor.for_each(blocks * parts, [&](index_t task, index_t worker) {
        const index_t first = task / parts * at_once;
        const index_t output = task % parts * part_outputs;
        if (output >= weight.outputs) {
            return;
        }
        Product<T> product = all;
        product.rows = std::min(at_once, rows - first);
        product.columns = std::min(part_outputs, weight.outputs - output);
        product.depth = weight.depth;
        product.bounds = finish.bounds;
        product.b = weight.panels + output * weight.depth;
        product.c += all.column[output];
        product.bias += all.start == Start::column_bias ? output : 0;
        if (all.row.offsets != nullptr) {
            product.row.offsets += first;
        } else {
            product.c += first * all.row.stride;
        }
        // Rows are read where they are: packing 32 of them took 7 % of their product with an LSTM's 512 × 128.
        std::array<index_t, static_cast<std::size_t>(at_once)> offsets;
        product.a = row(first);
        T* const lines = memory + worker * weight.scratch(step);
        for (index_t i = 0; i < product.rows; ++i) {
            const T* const from = row(first + i);
            offsets[static_cast<std::size_t>(i)] = step == 1 ? from - product.a : i * weight.depth;
            for (index_t c = 0; step != 1 && c < weight.depth; ++c) {
                lines[i * weight.depth + c] = from[c * step];
            }
        }
        product.a = step == 1 ? product.a : lines;
        product.a_rows.offsets = offsets.data();
        // So many outputs at a time for all rows: 128 × 1024² takes 1800 µs on a Sapphire Rapids, not 2730 as where all weights come from
        // its L3 cache for every tile of rows.
        const index_t together = product.rows > tile.rows ? weight.outputs_at_once() : product.columns;
        for (index_t done = 0, next = 0; done < product.columns; done = next) {
            // The last ones take what fills half a panel along, for which `multiply` has a form.
            next = product.columns - done <= together + tile.columns / 2 ? product.columns : done + together;
            Product<T> some = product;
            some.columns = next - done;
            some.b += done * weight.depth;
            some.c += done * all.column.stride;
            some.bias += all.start == Start::column_bias ? done : 0;
            multiply(weight.isa, some);
        }
        for (index_t i = 0; rest && i < product.rows; ++i) {
            finish_all(rest, View<T, 1>{&product.at(i, 0), {product.columns}, {product.column.stride}});
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
