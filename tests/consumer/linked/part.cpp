// SPDX-License-Identifier: MIT
// One of two files of a program, each compiled with flags or against a version of nn of its own. `NN_PART` is its function: first or
// second.
#include <nn/layers/linear.hpp>

bool NN_PART();

namespace nn::inline NN_ABI {

// The linker keeps one function of a name for the whole program.
[[gnu::noinline]] inline auto part() { return &NN_PART; }

}  // namespace nn::inline NN_ABI

bool NN_PART() {
    const nn::Linear<float> linear({.in_features = 3, .out_features = 2}, {{1, 2, 3}, {4, 5, 6}}, {{-7, 0.5F}});
    const nn::Tensor<float, 2> y = linear(nn::Tensor<float, 2>{{1, 0, 2}, {0, -1, 0}});
    return nn::part() == &NN_PART && y(0, 0) == 0 && y(0, 1) == 16.5F && y(1, 0) == -9 && y(1, 1) == -4.5F;
}
