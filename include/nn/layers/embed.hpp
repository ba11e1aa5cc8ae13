// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point, std::integral
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/layers/call.hpp>
#include <nn/layers/init.hpp>
#include <nn/ops/embed.hpp>
#include <nn/ops/linear.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A table of vectors, looked up by index, and its transpose.
///
///     y[…, :] = weight[x[…], :]                      embed(x)
///     y[…, v] = Σ_d x[…, d] · weight[v, d]           embed.attend(x)
///
///     weight (V, D)    embed: x (…) of integers, y (…, D)    attend: x (…, D), y (…, V)
///
/// Errors  std::out_of_range for an index outside 0 … V − 1, unless `out_of_range` says otherwise; shape_error; the output is untouched.
/// Cost    one row copied per index; attend 2·B·V·D flop and scratch as nn::Linear.
/// Source  equinox.nn.Embedding, torch.nn.Embedding, blox.Embed (with `attend`).
template <std::floating_point T>
struct Embed : detail::OutputShape<Embed<T>, 0, 1> {
    EmbedOptions options;  ///< what it was built with
    Tensor<T, 2> weight;   ///< (V, D), the table

    static constexpr std::string_view name = "nn::Embed";
    static constexpr bool carries = false;

    /// The table from N(0, 1), as in Equinox and PyTorch, unless the options say otherwise.
    template <engine_or_none Engine>
    Embed(const EmbedOptions& options_, Engine&& engine) : options((ops::check_embed_options(name, options_), options_)) {
        check_allocatable(name, shape(), sizeof(T));
        weight = draw_tensor<T, 2>(shape(), options.weight_init, {.in = options.embedding_size, .out = options.num_embeddings}, engine);
    }

    /// A trained table, checked against the options.
    Embed(const EmbedOptions& options_, TrainedArray<T, 2> table)
        : options((ops::check_embed_options(name, options_), options_)), weight(std::move(table).take(name, "weight")) {
        ops::check_embed_table<T>(name, options, view_of(weight));
    }

    /// The rows that the indices name.
    template <operand X>
        requires index_type<element_of<X>>
    auto operator()(const X& x) const { return detail::evaluate(lookup<element_of<X>>(), x); }
    /// The same into y: a container of another shape is replaced by one that fits, a view must fit.
    template <in_memory X, output_of<T, 1> Y>
        requires index_type<element_of<X>>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const { detail::evaluate_into(lookup<element_of<X>>(), x, y, workspace); }

    /// x · weightᵀ.
    template <tensor_of<T, 1> X>
    auto attend(const X& x) const {
        return detail::evaluate(attention(), x);
    }
    /// The same into y.
    template <input_of<T, 1> X, output_of<T, 1> Y>
    void attend_into(const X& x, Y&& y, Workspace& workspace) const {
        detail::evaluate_into(attention(), x, y, workspace);
    }

    static void members(auto& self, auto&& f) { f("weight", self.weight); }

private:
    friend detail::OutputShape<Embed, 0, 1>;

    static constexpr std::string_view who_attends = "nn::Embed::attend";

    Shape<2> shape() const { return {options.num_embeddings, options.embedding_size}; }

    auto shaped() const { return lookup<int>(); }
    template <index_type I>
    auto lookup() const {
        return detail::operation<I, 0, 1, T>(
            name,
            [this](const Batch<const I, 0>&) {
                ops::check_embed_table<T>(name, options, view_of(weight));
                return Shape<1>{options.embedding_size};
            },
            [this](const Batch<const I, 0>& x, const Batch<T, 1>& y, Workspace&) {
                ops::embed(options, x, view_of(weight), y, name);
            });
    }
    auto attention() const {
        return detail::operation<T, 1, 1>(
            who_attends,
            [this](const Batch<const T, 1>& x) {
                ops::check_embed_table<T>(who_attends, options, view_of(weight));
                return ops::linear_item(who_attends, x, extents_of(weight));
            },
            [this](const Batch<const T, 1>& x, const Batch<T, 1>& y, Workspace& workspace) {
                ops::check_embed_table<T>(who_attends, options, view_of(weight));
                ops::linear<T>(x, view_of(weight), std::nullopt, y, workspace, who_attends);
            });
    }
};

}  // namespace nn::inline NN_ABI
