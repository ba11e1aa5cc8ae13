// SPDX-License-Identifier: MIT
#pragma once

// What the layers of support/layers.hpp answer where nn is compiled with flags that change the arithmetic: layer_answers.cpp, once for each
// set of flags. Such a file knows another nn than its caller, so that nothing of nn is in these types.

#include <string>
#include <vector>

namespace nn::test {

/// The answer to support/arrays.hpp's array of the layer's shape, of a layer as it is or frozen, which its name says.
struct LayerAnswer {
    std::string name;
    std::vector<float> y;
};

std::vector<LayerAnswer> answers_fast_math();  ///< with -ffast-math, for AVX2 where the machine is an x86-64
std::vector<LayerAnswer> answers_no_simd();    ///< with NN_NO_SIMD

}  // namespace nn::test
