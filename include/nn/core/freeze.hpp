// SPDX-License-Identifier: MIT
#pragma once

#include <utility>  // std::move
#include <vector>   // std::vector

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// How a frozen convolution computes.
enum class ConvAlgorithm {
    automatic,  ///< whatever is fastest: Winograd's algorithm where it pays, whose results may differ in their last digits
    exact,      ///< one chain of multiply-adds an element, as an unfrozen layer does
};

/// What `nn::freeze` may do.
struct FreezeOptions {
    ConvAlgorithm algorithm = ConvAlgorithm::automatic;  ///< of convolutions
    /// The shape of x in most calls: each convolution then keeps the one form of its weight that is fastest there. Other shapes still work.
    std::vector<index_t> input_shape = {};
};

namespace detail {

/// What a layer is frozen with inside a network. What lies between two layers may have its channels side by side whatever their layouts
/// say: strides are all that a kernel sees.
struct Freezing : FreezeOptions {
    bool input_last = false;   ///< the channels of x lie side by side
    bool output_last = false;  ///< what follows likes those of y to

    Freezing(FreezeOptions options) : FreezeOptions(std::move(options)) {}
};

}  // namespace detail

}  // namespace nn::inline NN_ABI
