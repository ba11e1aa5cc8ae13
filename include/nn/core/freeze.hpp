// SPDX-License-Identifier: MIT
#pragma once

#include <vector>  // std::vector

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// How a frozen convolution computes.
enum class ConvAlgorithm {
    automatic,  ///< whatever is fastest: Winograd's algorithm where it pays, whose results may differ in their last digits
    exact,      ///< one chain of multiply-adds an element, as an unfrozen layer does
};

/// What `nn::freeze` may do.
struct FreezeOptions {
    ConvAlgorithm algorithm = ConvAlgorithm::automatic;
    /// The shape of x in most calls: each convolution then keeps the one form of its weight that is fastest there. Other shapes still work.
    std::vector<index_t> input_shape = {};
};

}  // namespace nn::inline NN_ABI
