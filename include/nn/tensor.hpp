// SPDX-License-Identifier: MIT
#pragma once

// The one door to xtensor: what comes in becomes a pointer with extents and strides, and no kernel ever sees an xtensor expression.

#include <algorithm>    // std::copy
#include <array>        // std::array
#include <concepts>     // std::same_as, std::default_initializable
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple_size
#include <type_traits>  // std::remove_cvref_t
#include <utility>      // std::forward, std::move
#include <vector>       // std::vector

#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

#include <nn/core/check.hpp>
#include <nn/core/error.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>

namespace nn::inline NN_ABI {

/// What layers hold and return: R axes, row-major, whatever default the user has given xtensor.
template <class T, std::size_t R>
using Tensor = xt::xtensor<T, R, xt::layout_type::row_major>;

/// The rank of an operand whose rank is known only at run time, as an xarray's is.
inline constexpr std::size_t dynamic_rank = static_cast<std::size_t>(-1);

namespace detail {

template <class X>
struct OperandTraits {};

template <class T, std::size_t R>
struct OperandTraits<View<T, R>> {
    using element = std::remove_const_t<T>;
    static constexpr std::size_t rank = R;
};

template <class S>
inline constexpr std::size_t rank_of_shape = dynamic_rank;
template <class S>
    requires requires { std::tuple_size<S>::value; }
inline constexpr std::size_t rank_of_shape<S> = std::tuple_size<S>::value;
template <class S>
    requires(
        !requires { std::tuple_size<S>::value; } && requires { std::integral_constant<std::size_t, S::size()>::value; })
inline constexpr std::size_t rank_of_shape<S> = S::size();  // xtensor's fixed_shape

template <class X>
    requires(xt::is_xexpression<X>::value)
struct OperandTraits<X> {
    using element = typename X::value_type;
    static constexpr std::size_t rank = rank_of_shape<typename X::shape_type>;
};

template <class X>
inline constexpr bool is_view = false;
template <class T, std::size_t R>
inline constexpr bool is_view<View<T, R>> = true;

/// Has extents and strides of its own, so that reading them from many threads is no race. A view computes its strides on first demand
/// and keeps them in mutable members.
template <class X>
concept xtensor_container = std::derived_from<X, xt::xcontainer<X>>;

template <class X>
concept strided = requires(const X& x) {
    x.data();
    x.data_offset();
    x.strides();
};

template <class X>
auto* data_of(X& x) {
    if constexpr (is_view<std::remove_const_t<X>>) {
        return x.data;
    } else {
        return x.data() + x.data_offset();
    }
}

}  // namespace detail

/// Anything a layer reads: an xtensor container, view, adaptor or expression, or an nn::View.
template <class X>
concept operand = requires {
    typename detail::OperandTraits<std::remove_cvref_t<X>>::element;
};

/// The type of an operand's elements.
template <operand X>
using element_of = typename detail::OperandTraits<std::remove_cvref_t<X>>::element;
/// The number of an operand's axes, or `dynamic_rank`.
template <operand X>
inline constexpr std::size_t rank_of = detail::OperandTraits<std::remove_cvref_t<X>>::rank;

/// An operand of element type T with at least K axes (checked at run time for an xarray).
template <class X, class T, std::size_t K = 0>
concept tensor_of = operand<X> && std::same_as<element_of<X>, T> && rank_of<X>
>= K;

/// An operand whose elements lie in memory, as `forward_into` takes it: not a lazy expression.
template <class X>
concept in_memory = operand<X> &&(detail::is_view<std::remove_cvref_t<X>> || detail::strided<std::remove_cvref_t<X>>);

/// What `forward_into` reads: element type T, at least K axes, in memory.
template <class X, class T, std::size_t K = 0>
concept input_of = tensor_of<X, T, K> && in_memory<X>;

/// A container that can be replaced by one of another shape: not an adaptor, nor one whose shape is part of its type.
template <class Y>
concept resizable = operand<Y> && detail::xtensor_container<std::remove_cvref_t<Y>> && std::default_initializable<std::remove_cvref_t<Y>> &&
    requires(typename std::remove_cvref_t<Y>::shape_type& shape) {
    shape[0] = 1;
};

/// An output of element type T with at least K axes: a container, or a view of memory.
template <class Y, class T, std::size_t K = 0>
concept output_of = tensor_of<Y, T, K> && in_memory<Y> && requires(std::remove_reference_t<Y>& y, T value) {
    *detail::data_of(y) = value;
};

/// The extents of an operand of known rank.
template <operand X>
    requires(rank_of<X> != dynamic_rank)
Shape<rank_of<X>> extents_of(const X& x) {
    if constexpr (detail::is_view<X>) {
        return x.shape;
    } else {
        Shape<rank_of<X>> shape{};
        for (std::size_t axis = 0; axis < rank_of<X>; ++axis) {
            shape[axis] = static_cast<index_t>(x.shape(axis));
        }
        return shape;
    }
}

/// The array of a layer's own, as ops take it.
template <class T, std::size_t R>
View<const T, R> view_of(const Tensor<T, R>& tensor) {
    return contiguous(tensor.data(), extents_of(tensor));
}
template <class T, std::size_t R>
View<T, R> view_of(Tensor<T, R>& tensor) {
    return contiguous(tensor.data(), extents_of(tensor));
}
template <class T, std::size_t R>
std::optional<View<const T, R>> view_of(const std::optional<Tensor<T, R>>& tensor) {
    return tensor ? std::optional(view_of(*tensor)) : std::nullopt;
}

/// A tensor of this shape, uninitialised.
template <class T, std::size_t R>
Tensor<T, R> make_tensor(const Shape<R>& shape) {
    std::array<std::size_t, R> extents;
    std::copy(shape.begin(), shape.end(), extents.begin());
    return Tensor<T, R>(extents);
}
template <class T, std::size_t R>
Tensor<T, R> make_tensor(const Shape<R>& shape, T value) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    tensor.fill(value);
    return tensor;
}

/// A trained array as the constructors of layers take it: a tensor, view or expression of element type T with R axes, an xarray, or a
/// nested list in braces.
///
/// As a `Tensor<T, R>` such an argument would be converted by xtensor from any element type, and from any rank by reading past its end.
template <class T, std::size_t R>
class TrainedArray {
public:
    /// From a nested list in braces.
    TrainedArray(xt::nested_initializer_list_t<T, R> list) {
        std::array<std::size_t, R> extents{};
        extents.fill(unknown);
        ragged_ = !rectangular<R>(list, extents.data());
        if (!ragged_) {  // xtensor takes the shape from the first rows, and would write all
            tensor_ = Tensor<T, R>(list);
        }
    }

    /// From an array; one of R axes that are known only at run time is looked at when it is taken.
    template <tensor_of<T> X>
        requires(xt::is_xexpression<std::remove_cvref_t<X>>::value && (rank_of<X> == R || rank_of<X> == dynamic_rank))
    TrainedArray(X&& array) {
        if (rank_of<X> == dynamic_rank && array.dimension() != R) {
            refused_.emplace(array.shape().begin(), array.shape().end());
        } else {
            tensor_ = std::forward<X>(array);
        }
    }

    /// The array, for the layer `who`; shape_error if it was an xarray of another rank, or a list whose rows differ in length.
    Tensor<T, R> take(std::string_view who, std::string_view name) && {
        require(!ragged_, who, name, " is a list of rows that differ in length");
        if (refused_) {
            fail<shape_error>(who, {name, " ", std::span<const index_t>(*refused_), ", expected ", R, R == 1 ? " axis" : " axes"});
        }
        return std::move(tensor_);
    }

private:
    static constexpr std::size_t unknown = static_cast<std::size_t>(-1);
    /// Whether a list, and the lists in it, are as long as the first of their level, which `extents` keeps.
    template <std::size_t Levels, class List>
    static bool rectangular(const List& list, std::size_t* extents) {
        *extents = *extents == unknown ? list.size() : *extents;
        bool all = list.size() == *extents;
        if constexpr (Levels > 1) {
            for (const auto& row : list) {
                all = all && rectangular<Levels - 1>(row, extents + 1);
            }
        }
        return all;
    }

    bool ragged_ = false;
    Tensor<T, R> tensor_;
    std::optional<std::vector<index_t>> refused_;  // the extents of an xarray of another rank
};

namespace detail {

template <class T, std::size_t R>
std::optional<Tensor<T, R>> take(std::optional<TrainedArray<T, R>>&& array, std::string_view who, std::string_view name) {
    return array ? std::optional(std::move(*array).take(who, name)) : std::nullopt;
}

}  // namespace detail

}  // namespace nn::inline NN_ABI
