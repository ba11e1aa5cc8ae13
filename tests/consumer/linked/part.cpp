// SPDX-License-Identifier: MIT
// One of two files of a program, each compiled with flags or against a version of nn of its own. `NN_PART` is its function: first or
// second.
#include "../network.hpp"

bool NN_PART();

namespace nn::inline NN_ABI {

// The linker keeps one function of a name for the whole program.
[[gnu::noinline]] inline auto part() { return &NN_PART; }

}  // namespace nn::inline NN_ABI

bool NN_PART() { return nn::part() == &NN_PART && network_is_right() && recurrence_is_right(); }
