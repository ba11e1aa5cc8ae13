// SPDX-License-Identifier: MIT
#include <nn/layers/conv.hpp>

#include <random>

void conv(std::mt19937& rng) {
    const nn::Conv2d<float> layer({.in_channels = 3, .out_channels = 8, .kernel_size = 3}, rng);
    nn::Workspace workspace;
    nn::Tensor<float, 4> x({1, 3, 8, 8}), y;
#if !defined(NN_REJECT)
    layer(x);
    layer(x + x);
    layer.forward_into(x, y, workspace);
    nn::Conv2d<float>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = {{1, 1}, {2, 2}}}, rng);

#elif NN_REJECT == 1  // no silent conversion between scalar types
    // expects: no match for call
    layer(nn::Tensor<double, 4>({1, 3, 8, 8}));

#elif NN_REJECT == 2  // too few axes
    // expects: no match for call
    layer(nn::Tensor<float, 2>({8, 8}));

#elif NN_REJECT == 3  // half a pair would be a guess
    // expects: no matching function|could not convert|no match
    nn::Conv2d<float>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = {{1}, {2}}}, rng);

#elif NN_REJECT == 4  // forward_into does not allocate, a lazy expression would have to
    // expects: no matching function for call to '.*forward_into
    layer.forward_into(x + x, y, workspace);

#elif NN_REJECT == 5  // nor can one be written to
    // expects: no matching function for call to '.*forward_into
    layer.forward_into(x, y + y, workspace);

#elif NN_REJECT == 6
    // expects: no matching function for call to '.*forward_into
    layer.forward_into(x, nn::View<const float, 4>{}, workspace);
#endif
}
