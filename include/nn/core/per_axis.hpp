// SPDX-License-Identifier: MIT
#pragma once

#include <array>     // std::array
#include <concepts>  // std::integral
#include <cstddef>   // std::size_t

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// One length per spatial axis, in memory order (depth, height, width). Written as a scalar for all axes (`= 2`), as N values
/// (`= {3, 5}`), or as a `std::array`.
template <std::size_t N>
class PerAxis {
public:
    /// One for all axes.
    template <std::integral I>
    constexpr PerAxis(I all) {
        values_.fill(static_cast<index_t>(all));
    }

    /// One for each axis.
    template <std::integral... I>
        requires(N > 1 && sizeof...(I) == N)
    constexpr PerAxis(I... values) : values_{static_cast<index_t>(values)...} {}

    /// One for each axis.
    template <std::integral I>
    constexpr PerAxis(const std::array<I, N>& values) {
        for (std::size_t axis = 0; axis < N; ++axis) {
            values_[axis] = static_cast<index_t>(values[axis]);
        }
    }

    constexpr index_t operator[](std::size_t axis) const { return values_[axis]; }  ///< that of one axis
    constexpr const std::array<index_t, N>& values() const { return values_; }      ///< those of all axes
    constexpr bool operator==(const PerAxis&) const = default;                      ///< whether all are equal

private:
    std::array<index_t, N> values_{};
};

}  // namespace nn::inline NN_ABI
