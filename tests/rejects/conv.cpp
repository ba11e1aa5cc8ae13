// SPDX-License-Identifier: MIT
#include <nn/layers/conv.hpp>

#include <random>

void conv(std::mt19937& rng) {
    const nn::Conv2d<float> layer({.in_channels = 3, .out_channels = 8, .kernel_size = 3}, rng);
    const nn::Conv2d<float> padded({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .padding = {{1, 1}, {2, 2}}}, rng);
    nn::Workspace workspace;
    nn::Tensor<float, 4> x({1, 3, 8, 8});
    nn::Tensor<float, 4> y;
    layer(x);
    layer(x + x);
    layer.forward_into(x, y, workspace);

#ifdef NN_REJECT
    // No silent conversion between scalar types, and enough axes.
    layer(nn::Tensor<double, 4>({1, 3, 8, 8}));  // expects: no match for call
    layer(nn::Tensor<float, 2>({8, 8}));         // expects: no match for call

    // forward_into allocates nothing, as a lazy expression would have to; and what it writes can be written.
    layer.forward_into(x + x, y, workspace);                       // expects: no matching function for call to '.*forward_into
    layer.forward_into(x, y + y, workspace);                       // expects: no matching function for call to '.*forward_into
    layer.forward_into(x, nn::View<const float, 4>{}, workspace);  // expects: no matching function for call to '.*forward_into

    // Half a pair would be a guess.
    const nn::Padding<2> half{{1}, {2}};  // expects: no matching function
#endif
}
