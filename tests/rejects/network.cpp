// SPDX-License-Identifier: MIT
#include <nn/compose/sequential.hpp>
#include <nn/layers/conv.hpp>
#include <nn/layers/linear.hpp>

void network() {
    const nn::Sequential net(nn::Linear<float>({.in_features = 3, .out_features = 2}, nn::no_init),
                             nn::Conv1d<float>({.in_channels = 1, .out_channels = 1}, nn::no_init));
    const nn::Tensor<float, 3> x({1, 1, 3}, 1.0F);
    net(x);

#ifdef NN_REJECT
    // A layer that cannot be called says so first.
    const nn::Tensor<double, 3> wide({1, 1, 3}, 1.0);
    const nn::Tensor<float, 1> line({3}, 1.0F);
    net(wide);  // expects: static assertion.*nn: a layer of this network does not take what comes to it
    net(line);  // expects: static assertion.*nn: a layer of this network does not take what comes to it
#endif
}
