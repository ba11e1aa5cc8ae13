// SPDX-License-Identifier: MIT
// The second file of the program: nothing in the headers is defined twice.
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

#include <random>

std::size_t parameters_in_another_file(std::mt19937& rng);

std::size_t parameters_in_another_file(std::mt19937& rng) {
    return nn::Linear<float>({.in_features = 3, .out_features = 8}, rng).bias->size();
}
