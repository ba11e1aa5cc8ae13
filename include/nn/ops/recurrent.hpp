// SPDX-License-Identifier: MIT
#pragma once

// What LSTM and GRU have in common: G gates of H units each, stacked along the first axis of weights and bias.

#include <algorithm>    // std::equal, std::max
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/recurrent.hpp>

namespace nn::inline NN_ABI::ops {

/// The arrays that every recurrent layer has.
template <class T>
struct RecurrentParameters {
    View<const T, 2> weight_ih;            ///< (G·H, D)
    View<const T, 2> weight_hh;            ///< (G·H, H)
    std::optional<View<const T, 1>> bias;  ///< (G·H)
};

/// The weights packed for this machine, in scratch memory; `candidates` rows of weight_hh apart.
template <class T>
kernels::RecurrentWeights<T> packed_for_call(const RecurrentParameters<T>& parameters, index_t candidates, const Workspace::Frame& frame) {
    return kernels::pack_recurrent(simd::machine(), parameters.weight_ih, parameters.weight_hh, candidates,
                                   [&](index_t count) { return frame.template take<T>(count); });
}

/// Refuses sizes that are wrong whatever the input. `Options` has input_size and hidden_size.
template <class Options>
void check_recurrent_options(std::string_view who, index_t gates, const Options& options) {
    require<std::invalid_argument>(options.input_size >= 1, who, "input_size ", options.input_size, ", expected at least 1");
    require<std::invalid_argument>(options.hidden_size >= 1, who, "hidden_size ", options.hidden_size, ", expected at least 1");
    check_allocatable(who, Shape<3>{gates, options.hidden_size, std::max(options.input_size, options.hidden_size)}, sizeof(double));
}

/// Refuses a one-dimensional array that is there though `reason` says why not, or not there, or of another length than `count` = `meaning`.
template <class T>
void check_bias(std::string_view who, std::string_view name, const std::optional<View<const T, 1>>& bias, bool expected,
                std::string_view reason, index_t count, std::string_view meaning) {
    require(bias.has_value() || !expected, who, "no ", name, ", expected one: use_bias is true");
    require(!bias.has_value() || expected, who, "a ", name, " came, expected none: ", reason);
    require(!bias || bias->shape[0] == count, who, name, " ", bias ? bias->shape : Shape<1>{}, ", expected (", count, ",) = ", meaning);
}

/// Refuses arrays that do not fit the options.
template <class T, class Options>
void check_recurrent_parameters(std::string_view who, index_t gates, const Options& options, const RecurrentParameters<T>& parameters) {
    const index_t rows = gates * options.hidden_size;
    const Shape<2> input{rows, options.input_size};
    const Shape<2> hidden{rows, options.hidden_size};
    require(parameters.weight_ih.shape == input, who, "weight_ih ", parameters.weight_ih.shape, ", expected ", input, " = (", gates,
            " · hidden_size, input_size)");
    require(parameters.weight_hh.shape == hidden, who, "weight_hh ", parameters.weight_hh.shape, ", expected ", hidden, " = (", gates,
            " · hidden_size, hidden_size)");
    const std::string_view meaning = gates == 4 ? "(4 · hidden_size,)" : "(3 · hidden_size,)";
    check_bias(who, "bias", parameters.bias, options.use_bias, "use_bias is false", rows, meaning);
}

/// Extents of one item of y: (T, H) for an item (T, D) of x, a sequence; (H) for (D), one step.
template <class T, std::size_t K, class Options>
Shape<K> recurrent_item(std::string_view who, const Options& options, const Batch<const T, K>& x) {
    Shape<K> item = x.item();
    require(item[K - 1] == options.input_size, who, "x has ", item[K - 1], " features, expected ", options.input_size, " = input_size  [x ",
            x.shape(), "]");
    item[K - 1] = options.hidden_size;
    return item;
}

/// Refuses a state whose arrays do not fit the batch, and arrays that share memory; `given` names those of the state and their shapes.
template <class T, std::size_t K, std::size_t Arrays, class... Given>
void check_recurrent_state(std::string_view who, index_t hidden_size, const Batch<const T, K>& x, const Batch<T, K>& y,
                           const std::array<View<T, 2>, Arrays>& state, const Given&... given) {
    const Shape<2> expected{x.count(), hidden_size};
    for (const View<T, 2>& array : state) {
        require(array.shape == expected, who, given..., ", expected ", expected, " = (batch, hidden_size); initial_state(", x.count(),
                ") makes it  [x ", x.shape(), "]");
    }
    for (const View<T, 2>& array : state) {
        require(same_strides(array.shape, array.strides, row_major(array.shape)), who, "the state's arrays must be row-major");
    }
    const Batch<T, 2> hidden(state[0]);
    if constexpr (Arrays == 1) {
        check_all_apart(who, Named("y", y), Named("x", x), Named("state.hidden", hidden));
    } else {
        const Batch<T, 2> cell(state[1]);
        check_all_apart(who, Named("y", y), Named("x", x), Named("state.hidden", hidden), Named("state.cell", cell));
    }
}

/// Refuses resets that are not of the shape of x without its last axis.
template <class T, std::size_t K>
void check_resets(std::string_view who, const Batch<const T, K>& x, const std::optional<Batch<const bool, K - 1>>& resets) {
    const auto expected = x.shape().first(x.shape().size() - 1);
    require(!resets || std::equal(expected.begin(), expected.end(), resets->shape().begin(), resets->shape().end()), who, "resets ",
            resets ? resets->shape() : expected, ", expected ", expected, " = the axes of x but the last  [x ", x.shape(), "]");
}

/// The operands of a call as kernels take them. One step (K = 1) is a sequence of one.
template <class T, std::size_t K>
    requires(K == 1 || K == 2)
auto sequences(const Batch<const T, K>& x, const Batch<T, K>& y, const std::optional<Batch<const bool, K - 1>>& resets) {
    constexpr bool many = K == 2;
    return kernels::Sequences{x.count(),
                              many ? x.item()[0] : 1,
                              [&x, time = many ? x.item_strides()[0] : 0](index_t b, index_t t) { return x[b].data + t * time; },
                              x.item_strides()[K - 1],
                              [&y, time = many ? y.item_strides()[0] : 0](index_t b, index_t t) { return y[b].data + t * time; },
                              y.item_strides()[K - 1],
                              [&resets](index_t b, [[maybe_unused]] index_t t) {
                                  if constexpr (many) {
                                      return resets && (*resets)[b](t);
                                  } else {
                                      return resets && *(*resets)[b].data;
                                  }
                              }};
}

}  // namespace nn::inline NN_ABI::ops
