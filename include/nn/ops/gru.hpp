// SPDX-License-Identifier: MIT
#pragma once

#include <nn/core/initialiser.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/ops/recurrent.hpp>

namespace nn::inline NN_ABI {

/// Where a GRU applies its reset gate.
enum class GRUReset {
    after,   ///< to the product with the hidden state: tanh(… + r·(W_hn·h + bias_n))      (Equinox, PyTorch, cuDNN)
    before,  ///< to the hidden state: tanh(… + W_hn·(r·h)), without bias_n                (blox, brainstate, the paper)
};

/// Hyper-parameters of `GRU` and `GRUCell`.
struct GRUOptions {
    index_t input_size = 0;                   ///< D
    index_t hidden_size = 0;                  ///< H
    bool use_bias = true;                     ///< whether there is a bias
    GRUReset reset = GRUReset::after;         ///< where the reset gate is applied
    Initialiser weight_init = init::equinox;  ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;    ///< how an engine fills the biases
};

namespace ops {

/// The arrays of a GRU.
template <class T>
struct GRUParameters : RecurrentParameters<T> {
    std::optional<View<const T, 1>> bias_n;  ///< (H), inside the reset gate; with GRUReset::after and a bias only
};

/// Whether the product with h has a bias of its own, inside the reset gate.
inline bool has_bias_n(const GRUOptions& options) { return options.use_bias && options.reset == GRUReset::after; }

/// Refuses options that are wrong whatever the input.
inline void check_gru_options(std::string_view who, const GRUOptions& options) { check_recurrent_options(who, 3, options); }

/// Refuses arrays that do not fit the options.
template <class T>
void check_gru_parameters(std::string_view who, const GRUOptions& options, const GRUParameters<T>& parameters) {
    check_recurrent_parameters<T>(who, 3, options, parameters);
    check_bias(who, "bias_n", parameters.bias_n, has_bias_n(options),
               options.use_bias ? "the reset comes before the product" : "use_bias is false", options.hidden_size, "(hidden_size,)");
}

/// Extents of one item of y.
template <class T, std::size_t K>
Shape<K> gru_item(std::string_view who, const GRUOptions& options, const GRUParameters<T>& parameters, const Batch<const T, K>& x) {
    check_gru_options(who, options);
    check_gru_parameters(who, options, parameters);
    return recurrent_item(who, options, x);
}

/// A GRU over checked options, of views that are still to be checked. `weights()` are asked for when all is well.
template <class T, std::size_t K, class Weights>
void run_gru(std::string_view who, const GRUOptions& options, const Batch<const T, K>& x, const Weights& weights, const T* bias,
             const T* bias_n, const View<T, 2>& hidden, const std::optional<Batch<const bool, K - 1>>& resets, const Batch<T, K>& y,
             Workspace& workspace) {
    check_output(who, x, recurrent_item(who, options, x), y);
    check_recurrent_state(who, options.hidden_size, x, y, std::array{hidden}, "state.hidden ", hidden.shape);
    check_resets(who, x, resets);
    if (!y.empty()) {
        kernels::gru(sequences(x, y, resets), weights(), bias, bias_n, options.reset == GRUReset::before, hidden, workspace);
    }
}

/// A GRU over sequences x (…, T, D) -> y (…, T, H), or over one step x (…, D) -> y (…, H), gates in the order r, z, n. The state `hidden`
/// (B, H) is written; `resets` (…, T) or (…), if any, zeroes it before the steps that it marks.
template <class T, std::size_t K>
void gru(const GRUOptions& options, const Batch<const T, K>& x, const GRUParameters<T>& parameters, const View<T, 2>& hidden,
         const std::optional<Batch<const bool, K - 1>>& resets, const Batch<T, K>& y, Workspace& workspace,
         std::string_view who = "nn::ops::gru") {
    check_gru_options(who, options);
    check_gru_parameters(who, options, parameters);
    const auto frame = workspace.frame();
    const auto weights = [&] { return packed_for_call(parameters, options.hidden_size, frame); };
    run_gru(who, options, x, weights, kernels::dense_vector(parameters.bias, frame), kernels::dense_vector(parameters.bias_n, frame),
            hidden, resets, y, workspace);
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
