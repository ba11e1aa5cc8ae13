// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple
#include <utility>      // std::move

#include <nn/compose/chain.hpp>
#include <nn/core/mode.hpp>

namespace nn::inline NN_ABI {

/// The states of the layers of a `Sequential`. A layer without one has an empty place.
template <class... States>
struct SequentialState {
    std::tuple<States...> children;  ///< one for each layer

    /// That of layer I.
    template <std::size_t I>
    auto& get() {
        return std::get<I>(children);
    }
    template <std::size_t I>
    const auto& get() const {
        return std::get<I>(children);
    }

    static void members(auto& self, auto&& f) { detail::visit_numbered(self.children, f); }
};

namespace detail {

/// Gives a Sequential its State, if any of its layers has one.
template <bool Stateful, class... Layers>
struct SequentialBase {};
template <class... Layers>
struct SequentialBase<true, Layers...> {
    using State = SequentialState<StateOf<Layers>...>;
};

}  // namespace detail

/// Layers one after another: y = layer_n(… layer_1(x)). Any callable is a layer; children are named by number, "0", "1", ….
///
///     net(x)    net(x, state)    net(x, state, resets)    each of them with a mode behind: net(x, state, nn::training(rng))
///
/// The state holds the states of the layers that have one. It is made by `initial_state()`, or by `initial_state(batch)` if a layer
/// carries its state (LSTM); a carrying network's state is written by every call. Resets go to the layers that carry, the mode to those
/// that take one. Without layers it is the identity.
///
/// Between layers of nn the results lie in two buffers of the workspace by turns, and `forward_into` allocates nothing once warm. A plain
/// callable gets a tensor and may allocate: see `allocation_free`.
///
/// Errors  those of the layers; output and state are as they were before the call.
template <class... Layers>
struct Sequential : detail::SequentialBase<(detail::stateful<Layers> || ...), Layers...>, detail::Chain<Sequential<Layers...>> {
    std::tuple<Layers...> layers;  ///< in their order

    static constexpr std::string_view name = "nn::Sequential";
    static constexpr bool carries = (detail::carries<Layers> || ...);
    static constexpr bool takes_resets = carries && ((!detail::carries<Layers> || detail::takes_resets<Layers>)&&...);
    static constexpr bool needs_state = (detail::needs_state<Layers> || ...);
    static constexpr bool allocation_free = (detail::is_allocation_free<Layers>() && ...);

    /// From the layers, which are copied or moved.
    explicit Sequential(Layers... layers_) : layers(std::move(layers_)...) {}

    /// Layer I.
    template <std::size_t I>
    auto& get() {
        return std::get<I>(layers);
    }
    template <std::size_t I>
    const auto& get() const {
        return std::get<I>(layers);
    }

    auto initial_state() const requires(!carries && (detail::stateful<Layers> || ...)) {
        return SequentialState<detail::StateOf<Layers>...>{detail::initial_states(layers, 0)};
    }
    auto initial_state(index_t batch) const requires carries {
        return SequentialState<detail::StateOf<Layers>...>{detail::initial_states(layers, batch)};
    }

    static void members(auto& self, auto&& f) { detail::visit_numbered(self.layers, f); }

private:
    friend detail::Composite<Sequential>;
    friend detail::Chain<Sequential>;

    auto children() const {
        return std::apply([](const auto&... layer) { return std::tie(layer...); }, layers);
    }
    static auto child_states(auto& state) {
        return std::apply([](auto&... child) { return std::tie(child...); }, state.children);
    }
};

/// So that the types of its parts need not be named.
template <class... Layers>
Sequential(Layers...) -> Sequential<Layers...>;
template <class... Layers>
Sequential(Sequential<Layers...>) -> Sequential<Sequential<Layers...>>;  // a layer like any other, not a copy

}  // namespace nn::inline NN_ABI
