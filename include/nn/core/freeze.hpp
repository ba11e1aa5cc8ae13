// SPDX-License-Identifier: MIT
#pragma once

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

/// How a frozen convolution computes.
enum class ConvAlgorithm {
    automatic,  ///< whatever is fastest
    exact,      ///< one chain of multiply-adds an element, as an unfrozen layer does
};

/// What `nn::freeze` may do.
struct FreezeOptions {
    ConvAlgorithm algorithm = ConvAlgorithm::automatic;
};

}  // namespace nn::inline NN_ABI
