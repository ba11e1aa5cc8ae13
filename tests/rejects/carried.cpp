// SPDX-License-Identifier: MIT
#include <nn/compose/conv_norm_activation.hpp>
#include <nn/compose/residual.hpp>
#include <nn/layers/causal_conv.hpp>
#include <nn/layers/gru.hpp>

#include <random>

void carried(std::mt19937& rng) {
    const nn::GRU<float> gru({.input_size = 3, .hidden_size = 3}, rng);
    const nn::CausalConv1d<float> conv({.in_channels = 3, .out_channels = 3, .kernel_size = 2}, rng);
    const nn::Residual residual(gru);
    const nn::Residual mixed(gru, conv);
    const nn::Tensor<float, 3> x({1, 5, 3}, 1.0F);
    const nn::Tensor<bool, 2> resets({1, 5}, false);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y;
    auto hidden = gru.initial_state(1);
    auto history = conv.initial_state(1);
    auto both = residual.initial_state(1);
    auto of_mixed = mixed.initial_state(1);
    const auto fixed = hidden;
    const auto fixed_history = history;
    const auto fixed_both = both;
    gru(x, hidden);
    gru(x, hidden, resets);
    conv(x, history);
    residual(x, both, resets);
    mixed(x, of_mixed);
    gru.forward_into(x, hidden, y, workspace);
    conv.forward_into(x, history, y, workspace);

#ifdef NN_REJECT
    // What is carried is written by every call, and has a batch size.
    gru(x, fixed);                             // expects: no match for call
    gru(x, fixed, resets);                     // expects: no match for call
    conv(x, fixed_history);                    // expects: no match for call
    residual(x, fixed_both);                   // expects: no match for call
    gru.forward_into(x, fixed, y, workspace);  // expects: no matching function for call to '.*forward_into
    gru.initial_state();                       // expects: no matching function for call to '.*initial_state
    conv.initial_state();                      // expects: no matching function for call to '.*initial_state
    residual.initial_state();                  // expects: no matching function for call to '.*initial_state

    // A causal convolution takes no resets, nor does what it is part of; a GRU takes bools.
    conv(x, history, resets);                             // expects: no match for call
    conv.forward_into(x, history, resets, y, workspace);  // expects: no matching function for call to '.*forward_into
    mixed(x, of_mixed, resets);                           // expects: no match for call
    gru(x, hidden, nn::Tensor<int, 2>({1, 5}, 0));        // expects: no match for call
    gru(x, resets);                                       // expects: no match for call

    // Not the state of another layer, nor of another element type.
    gru(x, history);                                // expects: no match for call
    gru(nn::Tensor<double, 3>({1, 5, 3}), hidden);  // expects: no match for call

    // A block would drop it.
    nn::ConvNormActivation(conv, nn::identity, nn::relu);  // expects: static assertion failed: nn::ConvNormActivation: the only state
#endif
}
