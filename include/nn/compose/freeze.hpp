// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::derived_from, std::same_as
#include <cstddef>      // std::size_t
#include <stdexcept>    // std::invalid_argument
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple
#include <type_traits>  // std::is_same_v, std::remove_cvref_t
#include <utility>      // std::move
#include <vector>       // std::vector

#include <nn/compose/bidirectional.hpp>
#include <nn/compose/chain.hpp>
#include <nn/compose/residual.hpp>
#include <nn/compose/sequential.hpp>
#include <nn/core/freeze.hpp>
#include <nn/layers/activations.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/conv.hpp>
#include <nn/layers/conv_bands.hpp>  // detail::together
#include <nn/layers/conv_transpose.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/linear.hpp>

namespace nn::inline NN_ABI {

namespace detail {

/// A layer and its statistics, called without a state.
template <stateful L>
struct WithStatistics {
    L layer;
    typename L::State state;

    static constexpr bool carries = false;
    static constexpr bool allocation_free = is_allocation_free<L>();

    template <class X>
        requires std::is_invocable_v<const L&, const X&, const typename L::State&>
    auto operator()(const X& x) const { return layer(x, state); }
    template <class X, class Y>
        requires requires(const L& l, const X& x, const typename L::State& s, Y& y, Workspace& w) { l.forward_into(x, s, y, w); }
    void forward_into(const X& x, Y&& y, Workspace& workspace) const { layer.forward_into(x, state, y, workspace); }
    template <std::size_t R>
        requires requires(const L& l, const Shape<R>& x) { l.output_shape(x); }
    auto output_shape(const Shape<R>& x) const { return layer.output_shape(x); }
    std::vector<index_t> output_shape(const std::vector<index_t>& x) const
        requires requires(const L& l) { l.output_shape(x); }
    { return layer.output_shape(x); }
};

/// G after F.
template <class F, class G>
struct Composed {
    [[no_unique_address]] F first;
    [[no_unique_address]] G second;

    static constexpr std::string_view name = "nn::freeze";
    template <class V>
    NN_INLINE void apply(V& x) const {
        kernels::apply_function(first, x);
        kernels::apply_function(second, x);
    }
};
template <class G>
G composed(const kernels::NoFunction&, const G& second) {
    return second;
}
template <class F>
F composed(const F& first, const functions::Identity&) {
    return first;
}
inline kernels::NoFunction composed(const kernels::NoFunction&, const functions::Identity&) { return {}; }
template <class F, class G>
Composed<F, G> composed(const F& first, const G& second) {
    return {first, second};
}

template <class L, class S>
auto freeze_one(const L& layer, const S& state, const Freezing& options);
template <class Main, class Shortcut, class Function, class S>
auto freeze_one(const Residual<Main, Shortcut, Function>& layer, const S& state, const Freezing& options);
template <class Forward, class Backward, class S>
auto freeze_one(const Bidirectional<Forward, Backward>& layer, const S& state, const Freezing& options);

/// A layer of a chain and its state.
template <class L, class S>
struct Link {
    const L& layer;
    const S& state;
};

/// A layer that is being frozen: what follows is folded into a copy of it, or applied to its results.
template <class L, class Function = kernels::NoFunction>
struct Draft {
    L layer;
    Function function{};
};

template <class L>
inline constexpr bool takes_function = !stateful<L> && requires(const L& layer, const functions::Relu& f) {
    layer.frozen(FreezeOptions(), f);
};

/// Whether a BatchNorm behind the layer normalises the axis that the layer's outputs lie along.
template <class L, class Norm>
inline constexpr bool folds = false;
template <class T, std::size_t N>
inline constexpr bool folds<Conv<T, N>, BatchNorm<T, N>> = true;
template <class T, std::size_t N>
inline constexpr bool folds<ConvTranspose<T, N>, BatchNorm<T, N>> = true;
template <class T>
inline constexpr bool folds<Linear<T>, BatchNorm<T, 0>> = true;

template <class L, class Norm, class State>
L folded(const L& layer, const Norm& norm, const State& state) {
    index_t outputs = 0;
    bool same_layout = true;
    if constexpr (requires { layer.options.out_channels; }) {
        outputs = layer.options.out_channels;
        same_layout = layer.options.layout == norm.options.layout;
    } else {
        outputs = layer.options.out_features;
    }
    require<std::invalid_argument>(norm.options.size == outputs, "nn::freeze", Norm::name, " of ", norm.options.size, " channels behind ",
                                   L::name, " of ", outputs);
    require<std::invalid_argument>(same_layout, "nn::freeze", Norm::name, " of another layout than the ", L::name, " before it");
    const auto [scale, shift] = norm.affine(state);
    return layer.folded(scale, shift);
}

/// The layers of nested chains as one list of links.
template <class L, class S>
auto links_of(const L& layer, const S& state) {
    if constexpr (std::derived_from<L, Chain<L>>) {
        const auto children = Composite<L>::children_of(layer);
        const auto states = Composite<L>::states_of(layer, state);
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return std::tuple_cat(links_of(std::get<I>(children), std::get<I>(states))...);
        }
        (std::make_index_sequence<std::tuple_size_v<std::remove_const_t<decltype(children)>>>());
    } else {
        return std::tuple(Link<L, S>{layer, state});
    }
}

/// What a link is while its successors are looked at.
template <class L, class S>
auto begin(const Link<L, S>& link, const Freezing& options) {
    if constexpr (takes_function<L>) {
        return Draft<L>{link.layer};
    } else {
        return freeze_one(link.layer, link.state, options);
    }
}
template <class L>
auto finish(L layer, const Freezing&) {
    return layer;
}
template <class L, class F>
auto finish(const Draft<L, F>& draft, const Freezing& options) {
    return draft.layer.frozen(options, draft.function);
}

/// `layer` with what follows it, or nothing where the two stay apart.
struct Apart {};
template <class L, class Next, class S>
auto joined(const L&, const Link<Next, S>&) {
    return Apart();
}
template <class L, class S>
auto joined(const L& layer, const Link<Dropout, S>&) {
    return layer;
}
template <class L, class F, class G, class S>
auto joined(const Draft<L, F>& draft, const Link<Elementwise<G>, S>& next) {
    return Draft<L, decltype(composed(draft.function, next.layer.function))>{draft.layer, composed(draft.function, next.layer.function)};
}
template <class F, class G, class S>
auto joined(const Elementwise<F>& first, const Link<Elementwise<G>, S>& next) {
    return Elementwise(composed(first.function, next.layer.function));
}
template <class Main, class Shortcut, class F, class G, class S>
auto joined(const Residual<Main, Shortcut, F>& sum, const Link<Elementwise<G>, S>& next) {
    using Joined = decltype(composed(sum.function, next.layer.function));
    return Residual<Main, Shortcut, Joined>(sum.main, sum.shortcut, composed(sum.function, next.layer.function));
}
template <class L, class T, std::size_t N, class S>
    requires folds<L, BatchNorm<T, N>>
auto joined(const Draft<L>& draft, const Link<BatchNorm<T, N>, S>& next) { return Draft<L>{folded(draft.layer, next.layer, next.state)}; }

/// The shape that a layer makes of another, or none where it does not tell.
template <class Main, class Shortcut, class Function>
std::vector<index_t> shape_behind(const Residual<Main, Shortcut, Function>& layer, const std::vector<index_t>& x);
template <class L>
std::vector<index_t> shape_behind(const L& layer, const std::vector<index_t>& x) {
    if constexpr (std::derived_from<L, Chain<L>>) {
        std::vector<index_t> shape = x;
        std::apply([&](const auto&... child) { ((shape = shape_behind(child, shape)), ...); }, Composite<L>::children_of(layer));
        return shape;
    } else if constexpr (requires { layer.output_shape(x); }) {
        return x.empty() ? x : layer.output_shape(x);
    } else {
        return {};
    }
}
template <class Main, class Shortcut, class Function>
std::vector<index_t> shape_behind(const Residual<Main, Shortcut, Function>& layer, const std::vector<index_t>& x) {
    return shape_behind(layer.main, x);
}

/// Whether channels of what a frozen layer makes of x lie side by side between two layers, and whether a layer that is still to be frozen
/// takes them so as well. A user's layer sees arrays row by row, as ever.
template <class Main, class Shortcut, class Function>
bool writes_channels_last(const Residual<Main, Shortcut, Function>& layer, const Freezing& options);
template <class Main, class Shortcut, class Function>
bool likes_channels_last(const Residual<Main, Shortcut, Function>& layer, const Freezing& options);
template <class L>
bool writes_channels_last(const L& layer, const Freezing& options) {
    if constexpr (is_elementwise<L>) {
        return options.input_last;
    } else if constexpr (std::derived_from<L, Chain<L>>) {
        Freezing here = options;
        std::apply([&](const auto&... child) { ((here.input_last = writes_channels_last(child, here)), ...); },
                   Composite<L>::children_of(layer));
        return here.input_last;
    } else if constexpr (requires { layer.writes_channels_last(); }) {
        return layer.writes_channels_last();
    } else {
        return false;
    }
}
template <class L>
bool likes_channels_last(const L& layer, const Freezing& options) {
    if constexpr (std::derived_from<L, Chain<L>>) {
        const auto children = Composite<L>::children_of(layer);
        constexpr std::size_t count = std::tuple_size_v<std::remove_const_t<decltype(children)>>;
        if constexpr (count > 0) {
            return likes_channels_last(std::get<0>(children), options);
        } else {
            return false;
        }
    } else if constexpr (requires { layer.likes_channels_last(options); }) {
        return layer.likes_channels_last(options);
    } else {
        return false;
    }
}

template <class Main, class Shortcut, class Function>
bool writes_channels_last(const Residual<Main, Shortcut, Function>& layer, const Freezing& options) {
    return writes_channels_last(layer.main, options);
}
template <class Main, class Shortcut, class Function>
bool likes_channels_last(const Residual<Main, Shortcut, Function>& layer, const Freezing& options) {
    return likes_channels_last(layer.main, options) && (is_elementwise<Shortcut> || likes_channels_last(layer.shortcut, options));
}

/// Whether what follows likes to have channels side by side: the next layers, or what stands behind the chain.
inline bool wanted(const Freezing& options) { return options.output_last; }
template <class Next, class... Rest>
bool wanted(const Freezing& options, const Next& next, const Rest&... rest) {
    using L = std::remove_cvref_t<decltype(next.layer)>;
    return is_elementwise<L> || std::is_same_v<L, Dropout> ? wanted(options, rest...) : likes_channels_last(next.layer, options);
}

/// The options for the layer that `layer` is followed by.
template <class L>
Freezing behind(const L& layer, const Freezing& options) {
    Freezing then = options;
    then.input_shape = shape_behind(layer, options.input_shape);
    then.input_last = writes_channels_last(layer, options);
    return then;
}

/// A list of links with those joined that can be. `options` tells about x of the first, and about what stands behind the last.
template <class Layer, class... Rest>
auto fused(const Freezing& options, Layer layer, const Rest&... rest);
template <class First, class... Rest>
auto fused_from(const Freezing& options, const First& first, const Rest&... rest) {
    Freezing here = options;
    here.output_last = wanted(options, rest...);
    return fused(options, begin(first, here), rest...);
}
template <class Layer, class Next, class... Rest>
auto fused_with(const Freezing& options, Layer layer, const Next& next, const Rest&... rest) {
    if constexpr (std::is_same_v<decltype(joined(layer, next)), Apart>) {
        Freezing here = options;
        here.output_last = wanted(options, next, rest...);
        auto finished = finish(std::move(layer), here);
        const Freezing then = behind(finished, options);
        return std::tuple_cat(std::tuple(std::move(finished)), fused_from(then, next, rest...));
    } else {
        return fused(options, joined(layer, next), rest...);
    }
}
template <class Layer, class... Rest>
auto fused(const Freezing& options, Layer layer, const Rest&... rest) {
    if constexpr (sizeof...(Rest) == 0) {
        return std::tuple(finish(std::move(layer), options));
    } else {
        return fused_with(options, std::move(layer), rest...);
    }
}

template <class L, class S>
auto freeze_chain(const L& layer, const S& state, const Freezing& options) {
    return std::apply(
        [&](const auto&... link) {
            if constexpr (sizeof...(link) == 0) {
                return Sequential<>();
            } else {
                return std::apply(
                    [](auto&&... frozen) { return Sequential<std::remove_cvref_t<decltype(frozen)>...>(std::move(frozen)...); },
                    fused_from(options, link...));
            }
        },
        links_of(layer, state));
}

template <class L, class S>
auto freeze_one(const L& layer, const S& state, const Freezing& options) {
    if constexpr (std::derived_from<L, Chain<L>>) {
        return freeze_chain(layer, state, options);
    } else if constexpr (requires { layer.frozen(options, state); } && !std::is_same_v<S, NoState> && stateful<L>) {
        return layer.frozen(options, state);
    } else if constexpr (requires { layer.frozen(options); }) {
        return layer.frozen(options);
    } else if constexpr (needs_state<L> && !carries<L>) {
        return WithStatistics<L>{layer, state};
    } else {
        return layer;
    }
}

template <class Main, class Shortcut, class Function, class S>
auto freeze_one(const Residual<Main, Shortcut, Function>& layer, const S& state, const Freezing& options) {
    const auto states = Composite<Residual<Main, Shortcut, Function>>::states_of(layer, state);
    // What is added shall lie alike.
    Freezing alike = options;
    auto main = freeze_one(layer.main, std::get<0>(states), alike);
    alike.output_last = writes_channels_last(main, options);
    auto shortcut = freeze_one(layer.shortcut, std::get<1>(states), alike);
    using Frozen = Residual<decltype(main), decltype(shortcut), Function>;
    if (alike.output_last && !writes_channels_last(shortcut, options)) {
        alike.output_last = false;
        return Frozen(freeze_one(layer.main, std::get<0>(states), alike), std::move(shortcut), layer.function);
    }
    return Frozen(std::move(main), std::move(shortcut), layer.function);
}
template <class Forward, class Backward, class S>
auto freeze_one(const Bidirectional<Forward, Backward>& layer, const S& state, const Freezing& options) {
    const auto states = Composite<Bidirectional<Forward, Backward>>::states_of(layer, state);
    auto forward = freeze_one(layer.forward, std::get<0>(states), options);
    auto backward = freeze_one(layer.backward, std::get<1>(states), options);
    return Bidirectional<decltype(forward), decltype(backward)>(std::move(forward), std::move(backward));
}

}  // namespace detail

/// The form of a layer or network for inference alone: the same function, faster. It shares nothing with what it was made from, and its
/// calls take no statistics and no mode.
///
///     const auto frozen = nn::freeze(net, state);      y = frozen(x)
///
/// A BatchNorm is folded into the convolution or linear layer before it, weights are packed for this machine, functions of one element are
/// applied as results are stored, and Dropout behind a layer goes, within and across Sequential and ConvNormActivation, whose layers become
/// one Sequential. What goes into 1 × 1 and depthwise convolutions has its channels side by side where the layer before can write it so:
/// the bits are the same. With `options.input_shape` every convolution keeps the form of its weight that suits the shapes that follow from
/// it. Layers that carry their state still do: `frozen.initial_state(batch)` holds that state alone. A user's layer is asked for
/// `frozen(options)` or `frozen(options, state)`, and is copied if it has neither.
///
/// Errors  std::invalid_argument for layers that do not fit one another; those of the layers.
/// Cost    a few passes over the weights.
template <class L>
    requires(!detail::needs_state<L>)
auto freeze(const L& layer, const FreezeOptions& options = {}) { return detail::freeze_one(layer, detail::no_state, options); }
/// The same of a layer with statistics, which are baked in.
template <detail::stateful L>
auto freeze(const L& layer, const typename L::State& state, const FreezeOptions& options = {}) {
    return detail::freeze_one(layer, state, options);
}

}  // namespace nn::inline NN_ABI
