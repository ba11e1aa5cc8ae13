// SPDX-License-Identifier: MIT
// A file that has the macros of <windows.h>.
#include <cstddef>

#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))

#ifdef SINGLE_HEADER
#include <nn.hpp>
#else
#include <nn/io/convert.hpp>
#include <nn/io/npy.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>
#include <nn/threads.hpp>
#endif

#include "network.hpp"

int main() { return network_is_right() ? max(0, min(0, 1)) : 1; }  // still macros
