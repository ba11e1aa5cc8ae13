// SPDX-License-Identifier: MIT
#pragma once

// Every layer of nn. Included by themselves are files and conversions, <nn/io/safetensors.hpp>, <nn/io/npy.hpp> and <nn/io/convert.hpp>, and
// <nn/threads.hpp>.

// <windows.h> defines macros of these names; they are back at the end.
#pragma push_macro("min")
#pragma push_macro("max")
#undef min
#undef max

#include <nn/compose/bidirectional.hpp>
#include <nn/compose/conv_norm_activation.hpp>
#include <nn/compose/freeze.hpp>
#include <nn/compose/parameters.hpp>
#include <nn/compose/residual.hpp>
#include <nn/compose/sequential.hpp>
#include <nn/compose/summary.hpp>
#include <nn/core/denormals.hpp>
#include <nn/layers/activations.hpp>
#include <nn/layers/adaptive_pool.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/causal_conv.hpp>
#include <nn/layers/conv.hpp>
#include <nn/layers/conv_transpose.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/embed.hpp>
#include <nn/layers/group_norm.hpp>
#include <nn/layers/gru.hpp>
#include <nn/layers/layer_norm.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/local_response_norm.hpp>
#include <nn/layers/lstm.hpp>
#include <nn/layers/pixel_shuffle.hpp>
#include <nn/layers/pool.hpp>
#include <nn/layers/softmax.hpp>
#include <nn/version.hpp>

#pragma pop_macro("max")
#pragma pop_macro("min")
