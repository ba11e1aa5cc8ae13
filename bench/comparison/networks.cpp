// SPDX-License-Identifier: MIT
// ResNet-18 and MobileNetV2, as torchvision and layers.py have them.

#include "running.hpp"

namespace comparison {
namespace {

using nn::index_t;

template <class Activation>
auto block(index_t inputs, index_t outputs, index_t kernel, Activation activation, index_t stride = 1, index_t groups = 1) {
    return nn::conv_norm_activation<float, 2>(
        {.in_channels = inputs, .out_channels = outputs, .kernel_size = kernel, .stride = stride, .groups = groups},
        nn::BatchNorm2d<float>({.size = outputs}), activation, nn::no_init);
}

auto basic_main(index_t inputs, index_t outputs, index_t stride) {
    return nn::Sequential(block(inputs, outputs, 3, nn::relu, stride), block(outputs, outputs, 3, nn::identity));
}
auto basic(index_t channels) { return nn::Sequential(nn::Residual(basic_main(channels, channels, 1)), nn::relu); }
auto basic_halving(index_t inputs) {
    return nn::Sequential(nn::Residual(basic_main(inputs, 2 * inputs, 2), block(inputs, 2 * inputs, 1, nn::identity, 2)), nn::relu);
}

auto inverted(index_t inputs, index_t outputs, index_t stride) {
    const index_t hidden = 6 * inputs;
    return nn::Sequential(block(inputs, hidden, 1, nn::relu6), block(hidden, hidden, 3, nn::relu6, stride, hidden),
                          block(hidden, outputs, 1, nn::identity));
}
auto inverted(index_t channels) { return nn::Residual(inverted(channels, channels, 1)); }

}  // namespace

Running resnet18(const Case& on) {
    return run<4, 2>(on, nn::Sequential(block(on.workload.at("in_channels"), 64, 7, nn::relu, 2),
                                        nn::MaxPool2d({.window = 3, .stride = 2, .padding = 1}), basic(64), basic(64), basic_halving(64),
                                        basic(128), basic_halving(128), basic(256), basic_halving(256), basic(512), nn::GlobalAvgPool<2>(),
                                        nn::Linear<float>({.in_features = 512, .out_features = on.workload.at("classes")}, nn::no_init)));
}

Running mobilenet_v2(const Case& on) {
    return run<4, 2>(on, nn::Sequential(block(on.workload.at("in_channels"), 32, 3, nn::relu6, 2),
                                        nn::Sequential(block(32, 32, 3, nn::relu6, 1, 32), block(32, 16, 1, nn::identity)),  //
                                        inverted(16, 24, 2), inverted(24),                                                   //
                                        inverted(24, 32, 2), inverted(32), inverted(32),                                     //
                                        inverted(32, 64, 2), inverted(64), inverted(64), inverted(64),                       //
                                        inverted(64, 96, 1), inverted(96), inverted(96),                                     //
                                        inverted(96, 160, 2), inverted(160), inverted(160),                                  //
                                        inverted(160, 320, 1), block(320, 1280, 1, nn::relu6), nn::GlobalAvgPool<2>(),
                                        nn::Linear<float>({.in_features = 1280, .out_features = on.workload.at("classes")}, nn::no_init)));
}

}  // namespace comparison
