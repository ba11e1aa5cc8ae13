// SPDX-License-Identifier: MIT
// A network, a recurrent layer and what is frozen of them, whose answers follow from their options by hand.
#pragma once

#ifdef SINGLE_HEADER
#include <nn.hpp>
#else
#include <nn/nn.hpp>
#endif

#include <cmath>

namespace {

bool is_near(float value, double expected) { return std::abs(static_cast<double>(value) - expected) < 1e-5; }

bool network_is_right() {
    // Along each row (0, 0, 1, 2) Sobel's kernel finds (0, 1, 2, −1), 4 times inside and 3 times at the zeros above and below.
    const nn::Tensor<float, 4> sobel{{{{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}}}};
    nn::BatchNorm2d<float> norm({.size = 1, .eps = 0});
    norm.weight->fill(2);
    norm.bias->fill(0.5F);
    const nn::Sequential net(
        nn::Conv2d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = nn::same, .use_bias = false}, sobel),
        norm, nn::relu, nn::MaxPool2d({.window = 2}));
    auto state = net.initial_state();
    nn::visit_parameters(state, [value = 1.0F](std::string_view, auto& statistic) mutable {
        statistic.fill(value);  // the mean 1, the variance 4
        value = 4;
    });
    const nn::Tensor<float, 3> image{{{0, 0, 1, 2}, {0, 0, 1, 2}, {0, 0, 1, 2}, {0, 0, 1, 2}}};
    const nn::Tensor<float, 3> y = net(image, state);
    const nn::Tensor<float, 3> frozen = nn::freeze(net, state)(image);
    bool right = y.shape(1) == 2 && y.shape(2) == 2 && frozen.shape() == y.shape();
    for (std::size_t row = 0; row < 2 && right; ++row) {
        for (std::size_t column = 0; column < 2; ++column) {
            const double expected = (column == 0 ? 4 - 1 : 8 - 1) + 0.5;  // (Sobel − 1) / 2 · 2 + 0.5
            right = right && is_near(y(0, row, column), expected) && is_near(frozen(0, row, column), expected);
        }
    }
    return right;
}

bool recurrence_is_right() {
    // Without weights every gate is of its bias alone: half of what was remembered stays, half of tanh(1) comes.
    const nn::LSTM<float> lstm({.input_size = 2, .hidden_size = 1}, nn::Tensor<float, 2>({4, 2}, 0.0F), nn::Tensor<float, 2>({4, 1}, 0.0F),
                               nn::Tensor<float, 1>{0, 0, 1, 0});
    const nn::Tensor<float, 2> x({3, 2}, 5.0F);
    const nn::Tensor<float, 2> y = lstm(x);
    const nn::Tensor<float, 2> frozen = nn::freeze(lstm)(x);
    bool right = y.shape(0) == 3 && y.shape(1) == 1;
    double cell = 0;
    for (std::size_t step = 0; step < 3 && right; ++step) {
        cell = cell / 2 + std::tanh(1.0) / 2;
        right = is_near(y(step, 0), std::tanh(cell) / 2) && is_near(frozen(step, 0), std::tanh(cell) / 2);
    }
    return right;
}

}  // namespace
