// SPDX-License-Identifier: MIT
#pragma once

// Everything that brings other libraries' trained arrays into nn's layers. README.md says which layer needs which.

// As in nn.hpp.
#pragma push_macro("min")
#pragma push_macro("max")
#undef min
#undef max

#include <nn/io/convert_gru.hpp>
#include <nn/io/convert_lstm.hpp>
#include <nn/io/convert_weight.hpp>

#pragma pop_macro("max")
#pragma pop_macro("min")
