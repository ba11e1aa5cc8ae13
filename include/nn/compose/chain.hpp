// SPDX-License-Identifier: MIT
#pragma once

// Layers run one after another: what Sequential and ConvNormActivation have in common.

#include <algorithm>    // std::max
#include <array>        // std::array
#include <cstddef>      // std::byte, std::size_t
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple
#include <type_traits>  // std::is_invocable_v, std::remove_cvref_t
#include <utility>      // std::forward

#include <nn/compose/composite.hpp>
#include <nn/core/shape.hpp>
#include <nn/core/workspace.hpp>
#include <nn/layers/activations.hpp>
#include <nn/layers/call.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// What a plain callable returns may refer to its argument (an expression, a view): it is evaluated before the argument goes.
template <class Y>
auto materialised(Y&& y) {
    using Plain = std::remove_cvref_t<Y>;
    if constexpr (operand<Plain> && !resizable<Plain>) {
        return evaluate(operation<element_of<Plain>, 0, 0>(
                            "nn::Sequential", [](const auto&) { return Shape<0>{}; },
                            [](const auto& from, const auto& to, Workspace&) {
                                kernels::transform(
                                    to, [](auto v) { return v; }, from);
                            }),
                        y);
    } else {
        return Plain(std::forward<Y>(y));
    }
}

template <class L, class Arguments>
inline constexpr bool takes_arguments = false;
template <class L, class... A>
inline constexpr bool takes_arguments<L, std::tuple<A...>> = std::is_invocable_v<const L&, A...>;

/// y = layer(x), as a value.
template <class L, class X, class S, class C>
auto call(const L& layer, const X& x, S& state, const C& context) {
    constexpr bool taken = takes_arguments<L, ArgumentsOf<L, X, S, C>>;
    static_assert(taken, "nn: a layer of this network does not take what comes to it: too few axes, or elements of another type");
    if constexpr (taken) {
        return materialised(std::apply(layer, arguments_of(layer, x, state, context)));
    }
}
template <class L, class X, class S, class C>
using ResultOfCall = decltype(call(std::declval<const L&>(), std::declval<const X&>(), std::declval<S&>(), std::declval<const C&>()));

/// y = layer(x), as a value, of a plain callable, which knows tensors but not views.
template <class L, class X, class S, class C>
auto call_plainly(const L& layer, const X& x, S& state, const C& context) {
    if constexpr (is_view<X>) {
        return call(layer, materialised(x), state, context);
    } else {
        return call(layer, x, state, context);
    }
}

/// y = layer(x), as a value, of any layer. Only one with a forward_into is expected to know views.
template <class L, class X, class S, class C>
auto call_value(const L& layer, const X& x, S& state, const C& context) {
    if constexpr (names_forward_into<L>()) {
        return call(layer, x, state, context);
    } else {
        return call_plainly(layer, x, state, context);
    }
}

/// The layers from I on.
template <std::size_t I = 0, class Layers, class States, class X, class C>
auto call_chain(const Layers& layers, const States& states, const X& x, const C& context) {
    if constexpr (std::tuple_size_v<Layers> == 0) {
        return materialised(x);
    } else if constexpr (I + 1 == std::tuple_size_v<Layers>) {
        return call_value(std::get<I>(layers), x, std::get<I>(states), context);
    } else {
        return call_chain<I + 1>(layers, states, call_value(std::get<I>(layers), x, std::get<I>(states), context), context);
    }
}

template <class L, class Arguments, class Y>
inline constexpr bool has_forward_into = false;
template <class L, class... A, class Y>
    requires requires(const L& layer, A... arguments, Y& y, Workspace& workspace) { layer.forward_into(arguments..., y, workspace); }
inline constexpr bool has_forward_into<L, std::tuple<A...>, Y> = true;

/// The identity under another name: errors of y are those of the chain that copies a result.
struct Copied : functions::Identity {
    static constexpr std::string_view name = "nn::Sequential";
};
inline constexpr Elementwise<Copied> copy_result{};

/// y = layer(x) into y: by forward_into where the layer has it.
template <class L, class X, class S, class Y, class C>
void call_into(const L& layer, const X& x, S& state, Y& y, Workspace& workspace, const C& context) {
    if constexpr (has_forward_into<L, ArgumentsOf<L, X, S, C>, Y>) {
        std::apply([&](auto&&... arguments) { layer.forward_into(arguments..., y, workspace); }, arguments_of(layer, x, state, context));
    } else {
        copy_result.forward_into(call_plainly(layer, x, state, context), y, workspace);
    }
}

/// The view in which the result of a layer of nn's protocol lies between two layers, or NoState where it has to be a container.
template <class L, class X, class S, class C>
struct Between {
    using type = NoState;
};
template <class L, class X, class S, class C>
    requires(operand<X>&& requires(const L& layer, const X& x) { layer.output_shape(extents_of(x)); })
struct Between<L, X, S, C> {
    // By a tensor, as in `call_plainly`: a user's call may know nothing of views, whatever its forward_into knows.
    using Result = ResultOfCall<L, std::conditional_t<is_view<X>, Tensor<element_of<X>, rank_of<X>>, X>, S, C>;
    using Candidate = View<element_of<Result>, rank_of<Result>>;
    using type = std::conditional_t<has_forward_into<L, ArgumentsOf<L, X, S, C>, Candidate>, Candidate, NoState>;
};

/// The strides in which `layer` would have a result of this shape between two layers: as x lies, if it is a function of one element and
/// x has no gaps, as it says itself, or row by row.
template <class L, class X, std::size_t R>
Shape<R> result_strides(const L& layer, const X& x, const Shape<R>& y) {
    if constexpr (is_elementwise<L> && is_view<X>) {
        return kernels::without_gaps(x.shape, x.strides) ? x.strides : row_major(y);
    } else if constexpr (requires { layer.result_strides(x, y); }) {
        return layer.result_strides(x, y);
    } else if constexpr (requires { layer.result_strides(y); }) {
        return layer.result_strides(y);
    } else {
        return row_major(y);
    }
}

/// Whether every layer of a chain can say what x of R axes becomes.
template <std::size_t R, class... Layers>
inline constexpr bool says_shape = true;
template <std::size_t R, class L, class... Layers>
inline constexpr bool says_shape<R, L, Layers...> = [] {
    if constexpr (requires(const L& layer, const Shape<R>& x) { layer.output_shape(x); }) {
        using Result = decltype(std::declval<const L&>().output_shape(std::declval<const Shape<R>&>()));
        return says_shape<std::tuple_size_v<Result>, Layers...>;
    } else {
        return false;
    }
}();
template <std::size_t R, class Layers>
inline constexpr bool chain_says_shape = false;
template <std::size_t R, class... Layers>
inline constexpr bool chain_says_shape<R, std::tuple<Layers...>> = says_shape<R, std::remove_cvref_t<Layers>...>;

template <class X, class Layers>
inline constexpr bool chain_says_shape_of = false;
template <in_memory X, class Layers>
    requires(rank_of<X> != dynamic_rank)
inline constexpr bool chain_says_shape_of<X, Layers> = chain_says_shape<rank_of<X>, Layers>;

/// What x of this shape becomes behind all layers; only when every layer can say it.
template <std::size_t I = 0, class Layers, std::size_t R>
auto shape_after_chain(const Layers& layers, const Shape<R>& x) {
    if constexpr (I == std::tuple_size_v<Layers>) {
        return x;
    } else {
        return shape_after_chain<I + 1>(layers, std::get<I>(layers).output_shape(x));
    }
}

/// Elements of a result of layer L inside `network`; shape_error, by the name of either, where they are more than any memory holds.
template <class L, class E, std::size_t R>
index_t elements_between(std::string_view network, const Shape<R>& shape) {
    const index_t count = element_count(shape);
    if (count > 0) {  // without elements it may have any extents
        if constexpr (requires { std::string_view(L::name); }) {
            check_allocatable(L::name, shape, sizeof(E));
        } else {
            check_allocatable(network, shape, sizeof(E));
        }
    }
    return count;
}

/// Bytes of the results of layers I, I + 2, … and of I + 1, I + 3, …, up to the last or to a plain callable.
template <std::size_t I, class X, class Layers, class States, class C>
void measure_chain(const Layers& layers, const Shape<rank_of<X>>& x, std::array<index_t, 2>& bytes) {
    if constexpr (I + 1 < std::tuple_size_v<Layers>) {
        using L = std::remove_cvref_t<std::tuple_element_t<I, Layers>>;
        using V = typename Between<L, X, std::remove_reference_t<std::tuple_element_t<I, States>>, C>::type;
        if constexpr (is_view<V>) {
            const auto shape = std::get<I>(layers).output_shape(x);
            using E = element_of<V>;
            bytes[I % 2] = std::max(bytes[I % 2], elements_between<L, E>("nn::Sequential", shape) * static_cast<index_t>(sizeof(E)));
            measure_chain<I + 1, V, Layers, States, C>(layers, shape, bytes);
        }
    }
}

template <std::size_t I = 0, class Layers, class States, class X, class Y, class C>
void call_chain_into(const Layers& layers, const States& states, const X& x, Y& y, Workspace& workspace, const C& context,
                     std::array<std::byte*, 2> buffers = {});

/// The layers from `Next` on, of what `layer` makes of x, into y. Its result is `V` in a buffer, if there is more than one layer.
template <std::size_t Next, class V, class Layers, class States, class L, class S, class X, class Y, class C>
void call_then(const Layers& layers, const States& states, const L& layer, S& state, const X& x, Y& y, Workspace& workspace,
               const C& context, std::array<std::byte*, 2> buffers) {
    if constexpr (Next == std::tuple_size_v<Layers>) {
        call_into(layer, x, state, y, workspace, context);
    } else {
        const auto shape = layer.output_shape(extents_of(x));
        V between{static_cast<element_of<V>*>(static_cast<void*>(buffers[(Next - 1) % 2])), shape, result_strides(layer, x, shape)};
        call_into(layer, x, state, between, workspace, context);
        call_chain_into<Next>(layers, states, between, y, workspace, context, buffers);
    }
}

/// Whether three layers from I on may be one for x: there is a `together` for them.
template <std::size_t I, class X, class Layers>
inline constexpr bool has_together = false;
template <std::size_t I, class X, class Layers>
    requires(I + 3 <= std::tuple_size_v<Layers> && requires(const Layers& layers, const X& x, const ExecutorRef& executor) {
        together(std::get<I>(layers), std::get<I + 1>(layers), std::get<I + 2>(layers), extents_of(x), executor);
    })
inline constexpr bool has_together<I, X, Layers> = true;

template <std::size_t I, class Layers, class States, class X, class Y, class C>
void call_chain_into(const Layers& layers, const States& states, const X& x, Y& y, Workspace& workspace, const C& context,
                     std::array<std::byte*, 2> buffers) {
    if constexpr (std::tuple_size_v<Layers> == 0) {
        copy_result.forward_into(x, y, workspace);
    } else if constexpr (I + 1 == std::tuple_size_v<Layers>) {
        call_into(std::get<I>(layers), x, std::get<I>(states), y, workspace, context);
    } else {
        const auto& layer = std::get<I>(layers);
        auto& state = std::get<I>(states);
        using L = std::remove_cvref_t<decltype(layer)>;
        using V = typename Between<L, X, std::remove_reference_t<decltype(state)>, C>::type;
        if constexpr (!is_view<V>) {
            call_chain_into<I + 1>(layers, states, call_plainly(layer, x, state, context), y, workspace, context);
        } else if (buffers[0] == nullptr) {  // the first of a run of such layers: two buffers serve the run, by turns
            std::array<index_t, 2> bytes{1, 1};
            measure_chain<I, X, Layers, States, C>(layers, extents_of(x), bytes);
            const auto frame = workspace.frame();
            std::byte* const even = frame.template take<std::byte>(bytes[0]);
            std::byte* const odd = frame.template take<std::byte>(bytes[1]);
            call_chain_into<I>(layers, states, x, y, workspace, context, {even, odd});
        } else {
            if constexpr (has_together<I, X, Layers>) {
                if (const auto three =
                        together(layer, std::get<I + 1>(layers), std::get<I + 2>(layers), extents_of(x), workspace.executor())) {
                    call_then<I + 3, V>(layers, states, *three, no_state, x, y, workspace, context, buffers);
                    return;
                }
            }
            call_then<I + 1, V>(layers, states, layer, state, x, y, workspace, context, buffers);
        }
    }
}

/// The calls of a composite L whose children run one after another.
template <class L>
struct Chain : Composite<L> {
    /// Results between layers that say their shape are views, as in `into`.
    template <class Layers, class X>
    static auto value(const Layers& layers, const auto& states, const X& x, const auto& context) {
        if constexpr (chain_says_shape_of<X, Layers>) {
            decltype(call_chain(layers, states, x, context)) y;
            Workspace workspace;
            call_chain_into(layers, states, x, y, workspace, context);
            return y;
        } else {
            return call_chain(layers, states, x, context);
        }
    }
    static void into(const auto& layers, const auto& states, const auto& x, auto& y, Workspace& workspace, const auto& context) {
        call_chain_into(layers, states, x, y, workspace, context);
    }

    /// What x of this shape becomes; only when every layer can say it.
    template <std::size_t R, class Self = L>
        requires chain_says_shape<R, decltype(std::declval<const Self&>().children())>
    auto output_shape(const Shape<R>& x) const { return shape_after_chain(static_cast<const L&>(*this).children(), x); }

    /// The strides in which its last layer would have a result of this shape.
    template <class X, std::size_t R>
    Shape<R> result_strides(const X& x, const Shape<R>& y) const {
        const auto layers = Composite<L>::children_of(static_cast<const L&>(*this));
        constexpr std::size_t count = std::tuple_size_v<decltype(layers)>;
        if constexpr (count == 1) {
            return detail::result_strides(std::get<0>(layers), x, y);
        } else if constexpr (count > 1) {
            return detail::result_strides(std::get<count - 1>(layers), NoState(), y);
        } else {
            return row_major(y);
        }
    }
};

}  // namespace nn::inline NN_ABI::detail
