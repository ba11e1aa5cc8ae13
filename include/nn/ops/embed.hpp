// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::copy_n
#include <concepts>     // std::integral, std::same_as
#include <cstddef>      // std::size_t
#include <stdexcept>    // std::out_of_range
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/initialiser.hpp>
#include <nn/core/view.hpp>

namespace nn::inline NN_ABI {

/// What indices may be: any integer but bool.
template <class I>
concept index_type = std::integral<I> && !std::same_as<I, bool>;

/// What an index outside 0 … V − 1 does.
enum class OutOfRange {
    error,  ///< std::out_of_range
    jax,    ///< −1 … −V count from the end; beyond that the first row, past the end the last
};

/// Hyper-parameters of `Embed`.
struct EmbedOptions {
    index_t num_embeddings = 0;                   ///< V, at least 1
    index_t embedding_size = 0;                   ///< D, at least 1
    OutOfRange out_of_range = OutOfRange::error;  ///< what an index that has no row does
    Initialiser weight_init = init::normal(1);    ///< blox: init::normal(1 / √D)
};

namespace ops {

/// Refuses options that are wrong whatever the input.
inline void check_embed_options(std::string_view who, const EmbedOptions& options) {
    require<std::invalid_argument>(options.num_embeddings >= 1, who, "num_embeddings ", options.num_embeddings, ", expected at least 1");
    require<std::invalid_argument>(options.embedding_size >= 1, who, "embedding_size ", options.embedding_size, ", expected at least 1");
}

/// Refuses a table that does not fit the options.
template <class T>
void check_embed_table(std::string_view who, const EmbedOptions& options, const View<const T, 2>& table) {
    const Shape<2> expected{options.num_embeddings, options.embedding_size};
    require(table.shape == expected, who, "weight ", table.shape, ", expected ", expected, " = (num_embeddings, embedding_size)");
}

/// y[…, :] = table[indices[…], :] for a table (V, D). Nothing is written unless every index is in range.
template <index_type I, class T>
void embed(const EmbedOptions& options, const Batch<const I, 0>& indices, const View<const T, 2>& table, const Batch<T, 1>& y,
           std::string_view who = "nn::ops::embed") {
    check_embed_options(who, options);  // a layer's may have been assigned since
    check_embed_table(who, options, table);
    const index_t rows = table.shape[0];
    check_output(who, indices, Shape<1>{table.shape[1]}, y);
    check_apart(who, "y", y, "the table", Batch<const T, 2>(table));
    check_apart(who, "y", y, "the indices", indices);
    // The index as a row; −1 where there is none. Compared before the conversion: it may not fit into an index_t.
    const auto row_of = [&](I index) -> index_t {
        const bool past = index >= I(0) && static_cast<unsigned long long>(index) >= static_cast<unsigned long long>(rows);
        if (options.out_of_range == OutOfRange::error) {
            return past || index < I(0) ? -1 : static_cast<index_t>(index);
        }
        const bool before = index < I(0) && static_cast<long long>(index) < -static_cast<long long>(rows);
        return past ? rows - 1 : before ? 0 : static_cast<index_t>(index) + (index < I(0) ? rows : 0);
    };
    for (index_t i = 0; i < indices.count(); ++i) {
        require<std::out_of_range>(row_of(*indices[i].data) >= 0, who, "index ", *indices[i].data, " at position ", i, ", expected 0 … ",
                                   rows - 1, "  [x ", indices.shape(), ", table ", table.shape, "]");
    }
    for (index_t i = 0; i < indices.count(); ++i) {
        const View<const T, 1> row = at(table, row_of(*indices[i].data));
        const View<T, 1> to = y[i];
        if (row.strides[0] == 1 && to.strides[0] == 1) {
            std::copy_n(row.data, row.shape[0], to.data);
            continue;
        }
        for (index_t d = 0; d < row.shape[0]; ++d) {
            to(d) = row(d);
        }
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
