// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::equal
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <tuple>        // std::tie
#include <type_traits>  // std::is_same_v, std::remove_cvref_t
#include <utility>      // std::move

#include <nn/compose/chain.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/layers/activations.hpp>

namespace nn::inline NN_ABI {

/// The states of the two paths of a `Residual`. A path without one has an empty place.
template <class Main, class Shortcut>
struct ResidualState {
    Main main;          ///< that of the long path
    Shortcut shortcut;  ///< that of the short one

    static void members(auto& self, auto&& f) {
        f("main", self.main);
        f("shortcut", self.shortcut);
    }
};

namespace detail {

/// total = function(a + b), of numbers or of vectors of them.
template <class Function>
struct Sum {
    [[no_unique_address]] Function function;  ///< applied to the sum: put there by `nn::freeze`

    template <class V>
    NN_INLINE void operator()(V& total, const V& a, const V& b) const {
        total = a + b;
        if constexpr (!std::is_same_v<Function, kernels::NoFunction>) {
            kernels::apply_function(function, total);
        }
    }
};

template <bool Stateful, class Main, class Shortcut>
struct ResidualBase {};
template <class Main, class Shortcut>
struct ResidualBase<true, Main, Shortcut> {
    using State = ResidualState<StateOf<Main>, StateOf<Shortcut>>;
};

}  // namespace detail

/// Two paths over the same input, added: y = shortcut(x) + main(x). Without a shortcut x itself is added.
///
///     nn::Residual(main)    nn::Residual(main, shortcut)
///
/// Called as each path is: residual(x[, state[, resets]][, mode]). `nn::freeze` has a function of one element behind it applied to the sum
/// as it is made.
///
/// Errors  those of the layers, and shape_error where their results differ in shape; output and state are as they were.
/// Cost    that of the layers; scratch for the result of the main path, and for that of a shortcut with a layer.
/// Source  He et al. 2015, arXiv:1512.03385.
template <class Main, class Shortcut = Identity, class Function = kernels::NoFunction>
struct Residual : detail::ResidualBase<detail::stateful<Main> || detail::stateful<Shortcut>, Main, Shortcut>,
                  detail::Composite<Residual<Main, Shortcut, Function>> {
    Main main;                                ///< the long path
    Shortcut shortcut;                        ///< the short one
    [[no_unique_address]] Function function;  ///< applied to the sum: put there by `nn::freeze`

    static constexpr std::string_view name = "nn::Residual";
    static constexpr bool carries = detail::carries<Main> || detail::carries<Shortcut>;
    static constexpr bool takes_resets =
        carries && (!detail::carries<Main> || detail::takes_resets<Main>)&&(!detail::carries<Shortcut> || detail::takes_resets<Shortcut>);
    static constexpr bool needs_state = detail::needs_state<Main> || detail::needs_state<Shortcut>;
    static constexpr bool allocation_free = detail::is_allocation_free<Main>() && detail::is_allocation_free<Shortcut>();

    /// From the layers, which are copied or moved.
    explicit Residual(Main main_, Shortcut shortcut_ = {}, const Function& function_ = {})
        : main(std::move(main_)), shortcut(std::move(shortcut_)), function(function_) {}

    auto initial_state() const requires(!carries && (detail::stateful<Main> || detail::stateful<Shortcut>)) { return states(0); }
    auto initial_state(index_t batch) const requires carries { return states(batch); }

    /// What x of this shape becomes; nothing is computed.
    template <std::size_t R>
        requires requires(const Main& m, const Shortcut& s, const Shape<R>& shape) { m.output_shape(shape) == s.output_shape(shape); }
    auto output_shape(const Shape<R>& x) const { return sum_shape(main.output_shape(x), shortcut.output_shape(x), x); }

    /// The strides in which the main path would have a result of this shape.
    template <class X, std::size_t R>
    Shape<R> result_strides(const X& x, const Shape<R>& y) const {
        return detail::result_strides(main, x, y);
    }

    static void members(auto& self, auto&& f) {
        f("main", self.main);
        f("shortcut", self.shortcut);
    }

private:
    friend detail::Composite<Residual>;

    auto children() const { return std::tie(main, shortcut); }
    static auto child_states(auto& state) { return std::tie(state.main, state.shortcut); }

    auto states(index_t batch) const {
        return ResidualState<detail::StateOf<Main>, detail::StateOf<Shortcut>>{detail::initial_state_of(main, batch),
                                                                               detail::initial_state_of(shortcut, batch)};
    }

    template <std::size_t R>
    static const Shape<R>& sum_shape(const Shape<R>& main, std::span<const index_t> shortcut, std::span<const index_t> x) {
        check_same(main, shortcut, x);
        return main;
    }
    static void check_same(std::span<const index_t> main, std::span<const index_t> shortcut, std::span<const index_t> x) {
        require(std::equal(main.begin(), main.end(), shortcut.begin(), shortcut.end()), name, "main makes ", main, ", shortcut ", shortcut,
                ", expected the same shape  [x ", x, "]");
    }

    /// The function of shortcut + main, of what the shortcut is.
    template <class T>
    auto sum(const detail::Operand<const T>& term, std::span<const index_t> x) const {
        using E = element_of<T>;
        return detail::operation<E, 0, 0>(
            name,
            [&term, x](const Batch<const E, 0>& other) {
                check_same(term.shape(), other.shape(), x);
                return Shape<0>{};
            },
            [&term, x, add = detail::Sum<Function>{function}](const Batch<const E, 0>& other, const Batch<E, 0>& y, Workspace&) {
                check_same(term.shape(), other.shape(), x);
                check_output(name, other, Shape<0>{}, y);
                const Batch<const E, 0> added = term.template batch<0>(name, "main");
                check_apart_or_same(name, y, other);
                check_apart_or_same(name, y, added);  // the identity's result is x itself
                kernels::map<E>(y, add, other, added);
            });
    }

    /// layer(x): a view of scratch memory, or the value of a plain callable; x itself of the identity.
    template <class L, class X, class S, class C>
    static decltype(auto) path(const L& layer, const X& x, S& state, const C& context, Workspace& workspace,
                               const Workspace::Frame& frame) {
        using V = typename detail::Between<L, X, S, C>::type;
        if constexpr (std::is_same_v<L, Identity>) {
            return (x);
        } else if constexpr (detail::is_view<V>) {
            const auto shape = layer.output_shape(extents_of(x));
            using E = element_of<V>;
            V y{frame.template take<E>(detail::elements_between<L, E>(name, shape)), shape, detail::result_strides(layer, x, shape)};
            detail::call_into(layer, x, state, y, workspace, context);
            return y;
        } else {
            return detail::call_plainly(layer, x, state, context);
        }
    }

    /// Calls `f(operation, shortcut(x))`, where the operation adds main(x).
    auto with_paths(const auto& layers, const auto& states, const auto& x, const auto& context, Workspace& workspace, const auto& f) const {
        const auto frame = workspace.frame();
        const auto& added = path(std::get<0>(layers), x, std::get<0>(states), context, workspace, frame);
        const auto& other = path(std::get<1>(layers), x, std::get<1>(states), context, workspace, frame);
        const detail::Operand<std::remove_reference_t<decltype(x)>> in(x);
        const detail::Operand<std::remove_reference_t<decltype(added)>> term(added);
        return f(sum<std::remove_cvref_t<decltype(added)>>(term, in.shape()), other);
    }

    auto value(const auto& layers, const auto& states, const auto& x, const auto& context) const {
        Workspace workspace;
        return with_paths(layers, states, x, context, workspace,
                          [](const auto& operation, const auto& other) { return detail::evaluate(operation, other); });
    }
    void into(const auto& layers, const auto& states, const auto& x, auto& y, Workspace& workspace, const auto& context) const {
        with_paths(layers, states, x, context, workspace,
                   [&](const auto& operation, const auto& other) { detail::evaluate_into(operation, other, y, workspace); });
    }
};

/// So that the types of its parts need not be named.
template <class Main>
Residual(Main) -> Residual<Main>;
template <class Main, class Shortcut>
Residual(Main, Shortcut) -> Residual<Main, Shortcut>;
template <class Main, class Shortcut, class Function>
Residual(Residual<Main, Shortcut, Function>) -> Residual<Residual<Main, Shortcut, Function>>;  // a layer like any other, not a copy

}  // namespace nn::inline NN_ABI
