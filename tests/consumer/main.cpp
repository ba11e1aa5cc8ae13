// SPDX-License-Identifier: MIT
// A program of nn's users: built against the installed package, with pkg-config, against the source tree as a subdirectory, with -I alone,
// with all of nn in one header.
#ifdef SINGLE_HEADER
#include <nn.hpp>
#else
#include <nn/layers/linear.hpp>
#endif

#include <random>

std::size_t parameters_in_another_file(std::mt19937& rng);

int main() {
    std::mt19937 rng(1);
    const nn::Linear<float> linear({.in_features = 3, .out_features = 8}, rng);
    const auto y = linear(nn::Tensor<float, 2>({2, 3}, 1.0F));
    return y.shape(0) == 2 && y.shape(1) == 8 && parameters_in_another_file(rng) == 8 ? 0 : 1;
}
