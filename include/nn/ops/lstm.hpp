// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::equal
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/lstm.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `LSTM` and `LSTMCell`.
struct LSTMOptions {
    index_t input_size = 0;   ///< D
    index_t hidden_size = 0;  ///< H
    bool use_bias = true;
    double forget_bias = 0;  ///< added to the forget gate before its sigmoid at every step; brainstate: 1
};

namespace ops {

/// The arrays of an LSTM, gates in the order i, f, g, o.
template <class T>
struct LSTMParameters {
    View<const T, 2> weight_ih;            ///< (4H, D)
    View<const T, 2> weight_hh;            ///< (4H, H)
    std::optional<View<const T, 1>> bias;  ///< (4H)
};

/// The state of an LSTM; every call writes it. Rows are contiguous.
template <class T>
struct LSTMStateView {
    View<T, 2> hidden;  ///< (B, H)
    View<T, 2> cell;    ///< (B, H)
};

inline void check_lstm_options(std::string_view who, const LSTMOptions& options) {
    require<std::invalid_argument>(options.input_size >= 1, who, "input_size ", options.input_size, ", expected at least 1");
    require<std::invalid_argument>(options.hidden_size >= 1, who, "hidden_size ", options.hidden_size, ", expected at least 1");
    const index_t widest = options.input_size > options.hidden_size ? options.input_size : options.hidden_size;
    check_allocatable(who, Shape<3>{4, options.hidden_size, widest}, sizeof(double));
}

template <class T>
void check_lstm_parameters(std::string_view who, const LSTMOptions& options, const LSTMParameters<T>& parameters) {
    const index_t gates = 4 * options.hidden_size;
    const Shape<2> input{gates, options.input_size};
    const Shape<2> hidden{gates, options.hidden_size};
    require(parameters.weight_ih.shape == input, who, "weight_ih ", parameters.weight_ih.shape, ", expected ", input,
            " = (4 · hidden_size, input_size)");
    require(parameters.weight_hh.shape == hidden, who, "weight_hh ", parameters.weight_hh.shape, ", expected ", hidden,
            " = (4 · hidden_size, hidden_size)");
    require(parameters.bias.has_value() == options.use_bias, who,
            options.use_bias ? "no bias, expected one: use_bias is true" : "a bias came, expected none: use_bias is false");
    require(!parameters.bias || parameters.bias->shape[0] == gates, who, "bias ", parameters.bias ? parameters.bias->shape : Shape<1>{},
            ", expected (", gates, ",) = (4 · hidden_size,)");
}

/// Refuses a state that does not fit the batch, or shares memory with x or y.
template <class T, std::size_t K>
void check_lstm_state(std::string_view who, const LSTMOptions& options, const Batch<const T, K>& x, const LSTMStateView<T>& state,
                      const Batch<T, K>& y) {
    const Shape<2> expected{x.count(), options.hidden_size};
    require(state.hidden.shape == expected && state.cell.shape == expected, who, "state.hidden ", state.hidden.shape, ", state.cell ",
            state.cell.shape, ", expected ", expected, " = (batch, hidden_size); initial_state(", x.count(), ") makes it  [x ", x.shape(),
            "]");
    for (const View<T, 2>& part : {state.hidden, state.cell}) {
        require(part.strides == row_major(part.shape), who, "the state's arrays must be row-major");
        check_apart(who, "y", y, "the state", Batch<T, 2>(part));
        check_apart(who, "x", x, "the state", Batch<T, 2>(part));
    }
}

/// Extents of one item of y: (T, H) for an item (T, D) of x, a sequence; (H) for (D), one step.
template <class T, std::size_t K>
Shape<K> lstm_item(std::string_view who, const LSTMOptions& options, const LSTMParameters<T>& parameters, const Batch<const T, K>& x) {
    check_lstm_options(who, options);
    check_lstm_parameters(who, options, parameters);
    Shape<K> item = x.item();
    require(item[K - 1] == options.input_size, who, "x has ", item[K - 1], " features, expected ", options.input_size, " = input_size  [x ",
            x.shape(), "]");
    item[K - 1] = options.hidden_size;
    return item;
}

/// An LSTM over sequences x (…, T, D) -> y (…, T, H), or over one step x (…, D) -> y (…, H). `resets` (…, T) or (…), if any, zeroes the
/// state before the steps that it marks.
template <class T, std::size_t K>
    requires(K == 1 || K == 2)
void lstm(const LSTMOptions& options, const Batch<const T, K>& x, const LSTMParameters<T>& parameters, const LSTMStateView<T>& state,
          const std::optional<Batch<const bool, K - 1>>& resets, const Batch<T, K>& y, Workspace& workspace,
          std::string_view who = "nn::ops::lstm") {
    check_output(who, x, lstm_item(who, options, parameters, x), y);
    check_apart(who, "y", y, "x", x);
    check_lstm_state(who, options, x, state, y);
    if (resets) {
        const auto expected = x.shape().first(x.shape().size() - 1);
        require(std::equal(expected.begin(), expected.end(), resets->shape().begin(), resets->shape().end()), who, "resets ",
                resets->shape(), ", expected ", expected, " = the axes of x but the last  [x ", x.shape(), "]");
    }
    if (y.empty()) {
        return;
    }
    constexpr bool sequence = K == 2;
    const index_t steps = sequence ? x.item()[0] : 1;
    const index_t x_time = sequence ? x.item_strides()[0] : 0;
    const index_t y_time = sequence ? y.item_strides()[0] : 0;
    const auto reset = [&](index_t b, [[maybe_unused]] index_t t) {
        if constexpr (sequence) {
            return resets && (*resets)[b](t);
        } else {
            return resets && *(*resets)[b].data;
        }
    };
    kernels::lstm(
        x.count(), steps, [&](index_t b, index_t t) { return x[b].data + t * x_time; }, x.item_strides()[K - 1], parameters.weight_ih,
        parameters.weight_hh, parameters.bias, static_cast<T>(options.forget_bias), reset, state.hidden, state.cell,
        [&](index_t b, index_t t) { return y[b].data + t * y_time; }, y.item_strides()[K - 1], workspace);
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
