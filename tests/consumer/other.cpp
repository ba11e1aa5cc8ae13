// SPDX-License-Identifier: MIT
// The second file of the program: nothing in the headers is defined twice.
#ifdef SINGLE_HEADER
#include <nn.hpp>
#else
#include <nn/nn.hpp>
#endif
#ifdef WITH_SAFETENSORS
#include <nn/io/safetensors.hpp>
#endif

#include <random>

std::size_t parameters_in_another_file(std::mt19937& rng);

std::size_t parameters_in_another_file(std::mt19937& rng) {
    return nn::Linear<float>({.in_features = 3, .out_features = 8}, rng).bias->size();
}
