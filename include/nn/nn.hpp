// SPDX-License-Identifier: MIT
#pragma once

// Every layer of nn. What needs more than Eigen and xtensor is included by itself: <nn/io/safetensors.hpp>.

#include <nn/compose/bidirectional.hpp>
#include <nn/compose/conv_norm_activation.hpp>
#include <nn/compose/parameters.hpp>
#include <nn/compose/sequential.hpp>
#include <nn/layers/activations.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/conv.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>
#include <nn/layers/pool.hpp>
#include <nn/version.hpp>
