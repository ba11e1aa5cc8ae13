// SPDX-License-Identifier: MIT
#include <nn/layers/conv_transpose.hpp>

#include <random>

void conv_transpose(std::mt19937& rng) {
    const nn::ConvTranspose2d<float> layer({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .stride = 2, .output_padding = 1}, rng);
    const nn::Conv2d<float> conv({.in_channels = 3, .out_channels = 8, .kernel_size = 3}, rng);
    nn::Workspace workspace;
    nn::Tensor<float, 4> x({1, 3, 8, 8});
    nn::Tensor<float, 4> y;
    layer(x);
    layer(x + x);
    layer.forward_into(x, y, workspace);
    nn::adjoint(conv, nn::Shape<3>{3, 8, 8});

#ifdef NN_REJECT
    layer(nn::Tensor<double, 4>({1, 3, 8, 8}));  // expects: no match for call
    layer(nn::Tensor<float, 2>({8, 8}));         // expects: no match for call
    layer.forward_into(x + x, y, workspace);     // expects: no matching function for call to '.*forward_into
    layer.forward_into(x, y + y, workspace);     // expects: no matching function for call to '.*forward_into

    // Pairs of output padding have no meaning: it lies at the end; and a shape has an axis for the channels.
    const nn::ConvTransposeOptions<2> pairs{.output_padding = {{0, 1}, {0, 1}}};  // expects: could not convert|no matching function
    nn::adjoint(conv, nn::Shape<2>{8, 8});                                        // expects: no matching function for call to '.*adjoint
    nn::adjoint(layer, nn::Shape<3>{3, 8, 8});                                    // expects: no matching function for call to '.*adjoint
#endif
}
