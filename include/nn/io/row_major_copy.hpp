// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::copy
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view
#include <type_traits>  // std::conditional_t
#include <utility>      // std::move, std::pair
#include <vector>       // std::vector

#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/layers/call.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// A new array of X's element type, of R axes or, like X, of a number known at run time.
template <operand X, std::size_t R = rank_of<X>>
using NewArray = std::conditional_t<rank_of<X> == dynamic_rank, xt::xarray<element_of<X>, xt::layout_type::row_major>,
                                    Tensor<element_of<X>, rank_of<X> == dynamic_rank ? 0 : R>>;

template <class Y>
Y new_array(const std::vector<index_t>& shape) {
    if constexpr (rank_of<Y> == dynamic_rank) {
        return Y(typename Y::shape_type(shape.begin(), shape.end()));
    } else {
        std::array<std::size_t, rank_of<Y>> extents{};
        std::copy(shape.begin(), shape.end(), extents.begin());
        return Y(extents);
    }
}

/// A row-major copy of any array, and its extents.
template <operand X>
auto row_major_copy(std::string_view who, std::string_view name, const X& x) {
    const Operand<const X> operand(x);
    std::vector<index_t> shape(operand.shape().begin(), operand.shape().end());
    check_allocatable(who, shape, sizeof(element_of<X>));
    std::vector<index_t> strides(shape.size());
    index_t stride = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    auto copy = new_array<NewArray<X>>(shape);
    kernels::transform(
        Batch<element_of<X>, 0>(copy.data(), shape, strides), [](auto element) { return element; }, operand.template batch<0>(who, name));
    return std::pair(std::move(copy), std::move(shape));
}

}  // namespace nn::inline NN_ABI::detail
