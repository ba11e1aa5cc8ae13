// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point, std::same_as
#include <cstddef>      // std::size_t
#include <type_traits>  // std::conditional_t, std::is_void_v

#include <nn/layers/call.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// Whether a layer of element type T takes elements of type E: its own or, where T is void, any floating-point type.
template <class E, class T>
concept element_for = std::same_as<E, T> ||(std::is_void_v<T>&& std::floating_point<E>);

/// The calls of a layer L without a state, y = layer(x): from items of I axes to items of O axes. L has
///
///     operation<E>()    the `Operation` for elements of type E
template <class L, class T, std::size_t I, std::size_t O = I>
struct Stateless : OutputShape<Stateless<L, T, I, O>, I, O> {
    static constexpr bool carries = false;

    /// y, a tensor with x's leading axes (an xarray for an x whose rank is known at run time only).
    template <operand X>
        requires(element_for<element_of<X>, T>&& rank_of<X> >= I)
    auto operator()(const X& x) const { return evaluate(self().template operation<element_of<X>>(), x); }
    /// The same into y: a container of another shape is replaced by one that fits, a view must fit. Allocates nothing once warm.
    template <in_memory X, output_of<element_of<X>, O> Y>
        requires(element_for<element_of<X>, T>&& rank_of<X> >= I)
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        evaluate_into(self().template operation<element_of<X>>(), x, y, workspace);
    }

private:
    friend OutputShape<Stateless, I, O>;

    auto shaped() const { return self().template operation<std::conditional_t<std::is_void_v<T>, float, T>>(); }
    const L& self() const { return static_cast<const L&>(*this); }
};

}  // namespace nn::inline NN_ABI::detail
