// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>  // std::ptrdiff_t
#include <limits>   // std::numeric_limits

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

/// Every extent, index, stride and count. Signed, so that differences and paddings need no casts.
using index_t = std::ptrdiff_t;

/// The longest kernel (with its dilation), stride and pad that a layer takes: the positions that windows read are sums of a few of these.
inline constexpr index_t max_length = std::numeric_limits<index_t>::max() / 8;

/// a + b that stops at the ends of index_t instead of overflowing. A length that saturates is larger than any memory, so the check that
/// follows refuses it.
constexpr index_t saturating_add(index_t a, index_t b) {
    using limits = std::numeric_limits<index_t>;
    if (b >= 0) {
        return a > limits::max() - b ? limits::max() : a + b;
    }
    return a < limits::min() - b ? limits::min() : a + b;
}

/// a − b, likewise.
constexpr index_t saturating_subtract(index_t a, index_t b) {
    using limits = std::numeric_limits<index_t>;
    if (b >= 0) {
        return a < limits::min() + b ? limits::min() : a - b;
    }
    return a > limits::max() + b ? limits::max() : a - b;
}

/// a · b for a, b ≥ 0, likewise.
constexpr index_t saturating_multiply(index_t a, index_t b) {
    constexpr index_t most = std::numeric_limits<index_t>::max();
    return b != 0 && a > most / b ? most : a * b;
}

/// ⌈a / b⌉ for a ≥ 0, b > 0.
constexpr index_t divide_up(index_t a, index_t b) { return a / b + (a % b != 0 ? 1 : 0); }

}  // namespace nn::inline NN_ABI
