// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <string_view>  // std::string_view

#include <nn/core/error.hpp>
#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// Extents of R axes, outermost first.
template <std::size_t R>
using Shape = std::array<index_t, R>;

/// Where the channels lie: `…, C, spatial` or `…, spatial, C`.
enum class Layout { channels_first, channels_last };

/// Π shape, saturating: a product too large for memory stays too large.
constexpr index_t element_count(std::span<const index_t> shape) {
    index_t count = 1;
    bool empty = false;
    for (const index_t extent : shape) {
        empty = empty || extent == 0;
        count = saturating_multiply(count, extent);
    }
    return empty ? 0 : count;
}

/// Refuses the shape of an array that no memory can hold: a negative extent, or 2⁶³ − 1 bytes and more of `element_size` each. Strides are
/// products of the other extents, so that these must fit even if one extent is 0.
inline void check_allocatable(std::string_view who, std::span<const index_t> shape, std::size_t element_size) {
    index_t count = 1;
    for (const index_t extent : shape) {
        require(extent >= 0, who, "an array of shape ", shape, " was asked for, expected no negative extent");
        count = saturating_multiply(count, extent > 1 ? extent : 1);
    }
    // < and not ≤: a count that saturated is no count.
    const bool fits = count < std::numeric_limits<index_t>::max() / static_cast<index_t>(element_size);
    require(fits, who, "an array of shape ", shape, " is more than any memory holds");
}

}  // namespace nn::inline NN_ABI
