// SPDX-License-Identifier: MIT
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/lstm.hpp>

#include <random>

void state(std::mt19937& rng) {
    const nn::LSTM<float> lstm({.input_size = 3, .hidden_size = 8}, rng);
    const nn::BatchNorm1d<float> norm({.size = 3});
    const nn::Dropout dropout;
    const nn::Tensor<float, 3> x({1, 3, 3}, 1.0F);
    auto carried = lstm.initial_state(1);
    auto statistics = norm.initial_state();
    const auto same_statistics = statistics;
    lstm(x, carried);
    lstm(x, carried, nn::Tensor<bool, 2>({1, 3}, false));
    norm(x, same_statistics);
    norm(x, statistics, nn::training());
    dropout(x);
    dropout(x, nn::training(rng));

#ifdef NN_REJECT
    // What is carried has a batch size and is written by every call; resets are bools.
    const auto same_carried = carried;
    lstm.initial_state();                             // expects: no matching function for call to '.*initial_state
    lstm(x, same_carried);                            // expects: no match for call
    lstm(x, carried, nn::Tensor<int, 2>({1, 3}, 0));  // expects: no match for call

    // Statistics are the caller's; training writes them.
    norm(x);                                   // expects: no match for call
    norm(x, same_statistics, nn::training());  // expects: no match for call

    // Dropping wants an engine.
    dropout(x, nn::training());  // expects: no match for call
#endif
}
