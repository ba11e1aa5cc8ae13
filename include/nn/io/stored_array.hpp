// SPDX-License-Identifier: MIT
#pragma once

// What holds for an array in a file of any format: how many bytes it takes, and whether it is what the caller asks for.

#include <algorithm>    // std::max
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <string_view>  // std::string_view

#include <nn/core/error.hpp>
#include <nn/core/shape.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>

namespace nn::inline NN_ABI::detail {

inline constexpr std::size_t most_axes = 64;  // numpy's

/// The elements of an array, side by side.
struct Footprint {
    index_t bytes;
    bool fits;   ///< whether an index_t counts them, and every stride
    bool whole;  ///< whether they are a whole number of bytes
};

inline Footprint footprint(const Dtype* dtype, std::span<const index_t> shape) {
    // Strides are products of the other extents, so that these must fit even if one extent is 0.
    index_t elements = 1;
    bool empty = false;
    for (const index_t extent : shape) {
        empty = empty || extent == 0;
        elements = saturating_multiply(elements, std::max<index_t>(extent, 1));
    }
    // By eights: where an index_t has 32 bits, it does not count those of all that memory holds.
    const index_t rest = elements % 8 * dtype->bits;
    const index_t bytes = saturating_add(saturating_multiply(elements / 8, dtype->bits), rest / 8);
    return {empty ? 0 : bytes, std::max(elements, bytes) < std::numeric_limits<index_t>::max(), empty || rest % 8 == 0};
}

/// The shape of an array that is asked for with this element type and rank. `label` is what the error texts call it.
///
/// Errors  file_error of `who` if `dtype` does not widen to T, or if there are more or fewer axes
template <file_element T, std::size_t R>
Shape<R> asked_shape(std::string_view who, std::string_view file, std::string_view label, const Dtype* dtype,
                     std::span<const index_t> shape) {
    if (!widens_to<T>(dtype)) {
        fail_file(who, file, label, " ", shape, " is of ", dtype->name, ", asked for as ", dtype_of<T>()->name);
    }
    if (shape.size() != R) {
        fail_file(who, file, label, " ", shape, " has ", shape.size(), axes(shape.size()), ", asked for with ", R);
    }
    Shape<R> asked{};
    for (std::size_t axis = 0; axis < R; ++axis) {
        asked[axis] = shape[axis];
    }
    return asked;
}

}  // namespace nn::inline NN_ABI::detail
