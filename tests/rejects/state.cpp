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
    const auto& const_carried = carried;
    auto statistics = norm.initial_state();
    const auto& const_statistics = statistics;
#if !defined(NN_REJECT)
    lstm(x, carried);
    norm(x, const_statistics);
    norm(x, statistics, nn::training());
    dropout(x);
    dropout(x, nn::training(rng));
    (void)const_carried;

#elif NN_REJECT == 1  // every call writes what is carried
    // expects: no match for call
    lstm(x, const_carried);

#elif NN_REJECT == 2  // what is carried has a batch size
    // expects: no matching function for call to '.*initial_state\(\)
    lstm.initial_state();

#elif NN_REJECT == 3  // resets are bools
    // expects: no match for call
    lstm(x, carried, nn::Tensor<int, 2>({1, 3}, 0));

#elif NN_REJECT == 4  // the statistics are the caller's
    // expects: no match for call
    norm(x);

#elif NN_REJECT == 5  // training writes the statistics
    // expects: no match for call
    norm(x, const_statistics, nn::training());

#elif NN_REJECT == 6  // dropping wants an engine
    // expects: no match for call
    dropout(x, nn::training());
#endif
}
