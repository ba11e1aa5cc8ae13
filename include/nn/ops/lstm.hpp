// SPDX-License-Identifier: MIT
#pragma once

#include <nn/core/initialiser.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/ops/recurrent.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `LSTM` and `LSTMCell`.
struct LSTMOptions {
    index_t input_size = 0;                   ///< D
    index_t hidden_size = 0;                  ///< H
    bool use_bias = true;                     ///< whether there is a bias
    double forget_bias = 0;                   ///< added to the forget gate before its sigmoid at every step; brainstate: 1
    Initialiser weight_init = init::equinox;  ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;    ///< how an engine fills the biases
};

namespace ops {

/// The state of an LSTM; every call writes it. Rows are contiguous.
template <class T>
struct LSTMStateView {
    View<T, 2> hidden;  ///< (B, H)
    View<T, 2> cell;    ///< (B, H)
};

/// Refuses options that are wrong whatever the input.
inline void check_lstm_options(std::string_view who, const LSTMOptions& options) { check_recurrent_options(who, 4, options); }

/// Refuses arrays that do not fit the options.
template <class T>
void check_lstm_parameters(std::string_view who, const LSTMOptions& options, const RecurrentParameters<T>& parameters) {
    check_recurrent_parameters(who, 4, options, parameters);
}

/// Extents of one item of y.
template <class T, std::size_t K>
Shape<K> lstm_item(std::string_view who, const LSTMOptions& options, const RecurrentParameters<T>& parameters, const Batch<const T, K>& x) {
    check_lstm_options(who, options);
    check_lstm_parameters(who, options, parameters);
    return recurrent_item(who, options, x);
}

/// An LSTM over checked options, of views that are still to be checked. `weights()` are asked for when all is well.
template <class T, std::size_t K, class Weights>
void run_lstm(std::string_view who, const LSTMOptions& options, const Batch<const T, K>& x, const Weights& weights, const T* bias,
              const LSTMStateView<T>& state, const std::optional<Batch<const bool, K - 1>>& resets, const Batch<T, K>& y,
              Workspace& workspace) {
    const std::array arrays{state.hidden, state.cell};
    check_output(who, x, recurrent_item(who, options, x), y);
    check_recurrent_state(who, options.hidden_size, x, y, arrays, "state.hidden ", state.hidden.shape, ", state.cell ", state.cell.shape);
    check_resets(who, x, resets);
    if (!y.empty()) {
        kernels::lstm(sequences(x, y, resets), weights(), bias, static_cast<T>(options.forget_bias), arrays, workspace);
    }
}

/// An LSTM over sequences x (…, T, D) -> y (…, T, H), or over one step x (…, D) -> y (…, H), gates in the order i, f, g, o. `resets`
/// (…, T) or (…), if any, zeroes the state before the steps that it marks.
template <class T, std::size_t K>
void lstm(const LSTMOptions& options, const Batch<const T, K>& x, const RecurrentParameters<T>& parameters, const LSTMStateView<T>& state,
          const std::optional<Batch<const bool, K - 1>>& resets, const Batch<T, K>& y, Workspace& workspace,
          std::string_view who = "nn::ops::lstm") {
    check_lstm_options(who, options);
    check_lstm_parameters(who, options, parameters);
    const auto frame = workspace.frame();
    const auto weights = [&] { return packed_for_call(parameters, 0, frame); };
    run_lstm(who, options, x, weights, kernels::dense_vector(parameters.bias, frame), state, resets, y, workspace);
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
