// SPDX-License-Identifier: MIT
#pragma once

// Every layer of nn. What needs more than Eigen and xtensor is included by itself: <nn/io/safetensors.hpp>.

#include <nn/compose/parameters.hpp>
#include <nn/layers/conv.hpp>
#include <nn/version.hpp>
