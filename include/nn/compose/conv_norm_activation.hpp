// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <tuple>        // std::tie
#include <type_traits>  // std::is_same_v
#include <utility>      // std::move

#include <nn/compose/chain.hpp>
#include <nn/core/initialiser.hpp>
#include <nn/layers/activations.hpp>
#include <nn/layers/conv.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of the convolution of a `ConvNormActivation`.
template <std::size_t N>
struct ConvNormActivationOptions {
    index_t in_channels = 0;                        ///< C
    index_t out_channels = 0;                       ///< O
    PerAxis<N> kernel_size = 3;                     ///< K
    PerAxis<N> stride = 1;                          ///< s
    Padding<N> padding = half_padding;              ///< ⌊(K − 1) / 2⌋ · d on both sides
    PerAxis<N> dilation = 1;                        ///< d
    index_t groups = 1;                             ///< G
    std::optional<bool> use_bias = std::nullopt;    ///< by default: a bias if there is no norm
    PaddingMode padding_mode = PaddingMode::zeros;  ///< what cells outside x read as
    Layout layout = Layout::channels_first;         ///< where the channels stand in an item
    Initialiser weight_init = init::equinox;        ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;          ///< how an engine fills the biases
};

namespace detail {

/// The state of a block is that of its norm, if it has one.
template <class Norm>
struct BlockBase {};
template <stateful Norm>
struct BlockBase<Norm> {
    struct State {
        typename Norm::State norm;

        static void members(auto& self, auto&& f) { f("norm", self.norm); }
    };
};

}  // namespace detail

/// A convolution, a norm and an activation: y = activation(norm(conv(x))). Made by `conv_norm_activation`.
///
/// `Norm` is any layer, or `nn::Identity` for none. With a norm that has a state (BatchNorm) the block is called block(x, state), and
/// block(x, state, nn::training()) to train; otherwise block(x).
///
/// Errors  those of the layers; output and state are untouched.
/// Source  the numbers of noxton.ConvNormActivation.
template <class Conv, class Norm, class Activation>
struct ConvNormActivation : detail::BlockBase<Norm>, detail::Chain<ConvNormActivation<Conv, Norm, Activation>> {
    Conv conv;              ///< the convolution
    Norm norm;              ///< what follows it, nn::Identity for none
    Activation activation;  ///< what comes last

    static_assert(!detail::stateful<Conv> && !detail::stateful<Activation> && !detail::carries<Norm>,
                  "nn::ConvNormActivation: the only state of a block is the statistics of its norm; make a Sequential of other layers");

    static constexpr std::string_view name = "nn::ConvNormActivation";
    static constexpr bool carries = false;
    static constexpr bool needs_state = detail::needs_state<Norm>;
    static constexpr bool allocation_free =
        detail::is_allocation_free<Conv>() && detail::is_allocation_free<Norm>() && detail::is_allocation_free<Activation>();

    /// From the three layers, which are copied or moved.
    ConvNormActivation(Conv conv_, Norm norm_, Activation activation_)
        : conv(std::move(conv_)), norm(std::move(norm_)), activation(std::move(activation_)) {}

    auto initial_state() const requires detail::stateful<Norm> { return typename ConvNormActivation::State{norm.initial_state()}; }

    static void members(auto& self, auto&& f) {
        f("conv", self.conv);
        f("norm", self.norm);
        f("activation", self.activation);
    }

private:
    friend detail::Composite<ConvNormActivation>;
    friend detail::Chain<ConvNormActivation>;

    auto children() const { return std::tie(conv, norm, activation); }
    static auto child_states(auto& state) { return std::tie(detail::no_state, state.norm, detail::no_state); }
};

/// A block of a convolution, a norm and an activation; `engine` draws the convolution's parameters.
///
///     nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 16}, nn::BatchNorm2d<float>({.size = 16}), nn::relu, rng)
template <std::floating_point T, std::size_t N, class Norm, class Activation, engine_or_none Engine>
auto conv_norm_activation(const ConvNormActivationOptions<N>& options, Norm norm, Activation activation, Engine&& engine) {
    const ConvOptions<N> conv{.in_channels = options.in_channels,
                              .out_channels = options.out_channels,
                              .kernel_size = options.kernel_size,
                              .stride = options.stride,
                              .padding = options.padding,
                              .dilation = options.dilation,
                              .groups = options.groups,
                              .use_bias = options.use_bias.value_or(std::is_same_v<Norm, Identity>),
                              .padding_mode = options.padding_mode,
                              .layout = options.layout,
                              .weight_init = options.weight_init,
                              .bias_init = options.bias_init};
    return ConvNormActivation(Conv<T, N>(conv, engine), std::move(norm), std::move(activation));
}

}  // namespace nn::inline NN_ABI
