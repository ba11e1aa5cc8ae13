// SPDX-License-Identifier: MIT
#pragma once

// What holds for an array in a file of any format: how many bytes it takes, and whether it is what the caller asks for.

#include <algorithm>  // std::max
#include <cstddef>    // std::size_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span

#include <nn/core/error.hpp>
#include <nn/core/index.hpp>
#include <nn/core/shape.hpp>
#include <nn/io/dtype.hpp>

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

/// The shape of an array that is asked for with this element type and rank. `fail(parts…)` is called, and does not return, if `dtype` does
/// not widen to T, if there are more or fewer axes, or if no memory holds so many T.
template <file_element T, std::size_t R, class Fail>
Shape<R> asked_shape(const Dtype* dtype, std::span<const index_t> shape, const Fail& fail) {
    if (!widens_to<T>(dtype)) {
        fail(shape, " is of ", dtype->name, ", asked for as ", dtype_of<T>()->name);
    }
    if (shape.size() != R) {
        fail(shape, " has ", shape.size(), axes(shape.size()), ", asked for with ", R);
    }
    if (!footprint(dtype_of<T>(), shape).fits) {
        fail(shape, " of ", dtype_of<T>()->name, " is more than any memory holds");
    }
    Shape<R> asked{};
    for (std::size_t axis = 0; axis < R; ++axis) {
        asked[axis] = shape[axis];
    }
    return asked;
}

}  // namespace nn::inline NN_ABI::detail
