// SPDX-License-Identifier: MIT
#pragma once

// Everything that brings other libraries' trained arrays into nn's layers. README.md says which layer needs which.

#include <nn/io/convert_gru.hpp>
#include <nn/io/convert_lstm.hpp>
#include <nn/io/convert_weight.hpp>
