#include <nn/nn.hpp>

#include <cstdio>

int main() {
    const nn::Tensor<float, 4> sobel{{{{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}}}};  // weights: (out, in, height, width)
    const nn::Sequential net(
        nn::Conv2d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = nn::same, .use_bias = false}, sobel),
        nn::relu,  //
        nn::MaxPool2d({.window = {2, 1}}));

    const nn::Tensor<float, 3> image{{{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}}};  // (channels, height, width)
    const auto y = net(image);
    std::printf("(%zu, %zu, %zu): %g %g %g %g ...\n", y.shape(0), y.shape(1), y.shape(2), y(0, 0, 0), y(0, 0, 1), y(0, 0, 2), y(0, 0, 3));
}
