// SPDX-License-Identifier: MIT
// What every test links: see nn/kernels/instance.hpp.
#define NN_COMPILE_KERNELS
#include <nn/nn.hpp>
