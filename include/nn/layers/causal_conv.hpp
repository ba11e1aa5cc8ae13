// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/core/freeze.hpp>
#include <nn/layers/carrying.hpp>
#include <nn/layers/frozen_conv.hpp>
#include <nn/layers/init.hpp>
#include <nn/ops/causal_conv.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// What a `CausalConv1d` carries from call to call: the end of what it has seen.
template <class T>
struct CausalConv1dState {
    Tensor<T, 3> history;  ///< (B, C, d·(K − 1)), the newest step last

    static constexpr bool carried = true;

    static void members(auto& self, auto&& f) { f("history", self.history); }
};

template <std::floating_point T>
class FrozenCausalConv1d;

/// A convolution over time that sees the past only.
///
///     y[…, t, o] = bias[o] + Σ_c Σ_k w[o, c, k] · x[…, t − d·(K − 1 − k), g(o)·C/G + c],    g(o) = ⌊o·G/O⌋, the group of o
///
///     x (…, T, C)    w (O, C/G, K)    bias (O)    y (…, T, O);    with `channels_first` (…, C, T) and (…, O, T)
///
///     y = conv(x)      y = conv(x, state)
///
/// Before the first step there are zeros, or what the state kept of the call before. A sequence cut anywhere gives the same bits, one step
/// at a time too. `groups` equal to the channels is depthwise.
///
/// Errors  shape_error, std::invalid_argument; output and state are untouched.
/// Cost    2·B·T·O·K·C/G flop; scratch for the packed weight, where it has to be, about 128 KiB and 2·C·d·(K − 1) elements.
/// Source  noxton.CausalConv1d, where its numbers are those of its documentation.
template <std::floating_point T>
struct CausalConv1d : detail::Carrying<CausalConv1d<T>, CausalConv1dState<T>, T, 2> {
    using State = CausalConv1dState<T>;

    CausalConv1dOptions options;              ///< what it was built with
    Tensor<T, 3> weight;                      ///< (O, C/G, K)
    std::optional<Tensor<T, 1>> bias;         ///< (O)
    std::optional<Tensor<T, 3>> weight_mask;  ///< multiplies the weight at every call

    static constexpr std::string_view name = "nn::CausalConv1d";
    static constexpr bool takes_resets = false;

    /// Weight and bias from U(−L, L), L = 1 / √(C/G · K), as in Equinox and PyTorch, unless the options say otherwise.
    template <engine_or_none Engine>
    CausalConv1d(const CausalConv1dOptions& options_, Engine&& engine) : options(checked(options_)) {
        detail::draw_affine(options, ops::conv_weight_shape(ops::conv_options(options)), weight, bias, engine);
    }

    /// Trained arrays, checked against the options.
    CausalConv1d(const CausalConv1dOptions& options_, TrainedArray<T, 3> weight_, std::optional<TrainedArray<T, 1>> bias_ = {})
        : options(checked(options_)), weight(std::move(weight_).take(name, "weight")), bias(detail::take(std::move(bias_), name, "bias")) {
        ops::check_conv_parameters(name, ops::conv_options(options), parameters());
    }

    /// Zeros, for a batch of this size.
    State initial_state(index_t batch) const {
        ops::check_conv_options(name, ops::conv_options(options));  // they may have been assigned since
        return zero_state(options, batch);
    }

    /// The form for inference, packed for this machine.
    auto frozen(const FreezeOptions& freeze) const {
        ops::check_conv_options(name, ops::conv_options(options));
        ops::check_conv_parameters(name, ops::conv_options(options), parameters());
        return FrozenCausalConv1d<T>(options, parameters(), freeze);
    }

    /// Multiply-adds of a call with x of this shape.
    template <std::size_t R>
        requires(R >= 2)
    index_t multiply_adds(const Shape<R>& x)
    const {
        const index_t outputs = element_count(this->output_shape(x));
        return saturating_multiply(outputs, element_count(ops::conv_weight_shape(ops::conv_options(options))) / options.out_channels);
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::Carrying<CausalConv1d, CausalConv1dState<T>, T, 2>;
    friend FrozenCausalConv1d<T>;
    using Views = std::array<View<T, 3>, 1>;

    static const CausalConv1dOptions& checked(const CausalConv1dOptions& options) {
        ops::check_conv_options(name, ops::conv_options(options));
        check_allocatable(name, ops::conv_weight_shape(ops::conv_options(options)), sizeof(T));
        return options;
    }
    ops::ConvParameters<T, 1> parameters() const { return {view_of(weight), view_of(bias), view_of(weight_mask)}; }
    static std::array<Shape<3>, 1> state_shapes(const CausalConv1dOptions& options, index_t batch) {
        return {{{batch, options.in_channels, ops::causal_history(options)}}};
    }
    std::array<Shape<3>, 1> state_shapes(index_t batch) const { return state_shapes(options, batch); }
    static State zero_state(const CausalConv1dOptions& options, index_t batch) {
        const auto [history] = state_shapes(options, batch);
        check_allocatable(name, history, sizeof(T));
        return {make_tensor<T, 3>(history, T(0))};
    }
    static Views views(State& state) { return {view_of(state.history)}; }
    Shape<2> item(const Batch<const T, 2>& x) const {
        const Shape<2> item = ops::causal_conv_item(name, options, x);
        ops::check_conv_parameters(name, ops::conv_options(options), parameters());
        return item;
    }
    void run(const Batch<const T, 2>& x, const Views& state, const std::optional<Batch<const bool, 1>>&, const Batch<T, 2>& y,
             Workspace& workspace) const {
        ops::causal_conv(options, x, parameters(), state[0], y, workspace, name);
    }
};

/// A `CausalConv1d` for inference alone: its weight is packed for this machine. Made by `nn::freeze`; immutable. It is called as the layer
/// is, with the layer's own state, and gives the layer's own bits.
///
/// Errors  those of the layer, by its name.
/// Cost    that of the layer without packing. Size that of a `FrozenConv`.
template <std::floating_point T>
class FrozenCausalConv1d : public detail::Carrying<FrozenCausalConv1d<T>, CausalConv1dState<T>, T, 2> {
    using Layer = CausalConv1d<T>;

public:
    using State = CausalConv1dState<T>;

    static constexpr std::string_view name = Layer::name;
    static constexpr bool takes_resets = false;

    /// Packs the weight.
    FrozenCausalConv1d(const CausalConv1dOptions& options, const ops::ConvParameters<T, 1>& parameters, const FreezeOptions& freeze)
        : options_(options), core_(name, ops::conv_options(options), parameters, with_history(options, freeze)) {}

    State initial_state(index_t batch) const { return Layer::zero_state(options_, batch); }

    std::size_t size_in_bytes() const { return sizeof(*this) + core_.size_in_bytes(); }

private:
    friend detail::Carrying<FrozenCausalConv1d, State, T, 2>;

    /// The shape that the convolution sees, which makes as many windows as there are steps.
    static FreezeOptions with_history(const CausalConv1dOptions& options, FreezeOptions freeze) {
        if (!freeze.input_shape.empty()) {
            const auto x = detail::checked_shape<const T, 2>(name, freeze.input_shape);
            (void)ops::causal_conv_item(name, options, x);
            index_t& steps = freeze.input_shape[freeze.input_shape.size() - (options.layout == Layout::channels_last ? 2 : 1)];
            steps = saturating_add(steps, ops::causal_history(options));
        }
        return freeze;
    }

    auto state_shapes(index_t batch) const { return Layer::state_shapes(options_, batch); }
    static auto views(State& state) { return Layer::views(state); }
    Shape<2> item(const Batch<const T, 2>& x) const { return ops::causal_conv_item(name, options_, x); }
    template <class Views>
    void run(const Batch<const T, 2>& x, const Views& state, const std::optional<Batch<const bool, 1>>&, const Batch<T, 2>& y,
             Workspace& workspace) const {
        ops::run_causal_conv(name, options_, x, state[0], y, workspace,
                             [&](const kernels::ConvPlan<1>& plan, const View<const T, 2>& from, const View<T, 2>& to) {
                                 core_.run_rows(plan, from, {}, to, workspace);
                             });
    }

    CausalConv1dOptions options_;
    detail::FrozenConvCore<T, 1, ConvOptions<1>> core_;
};

}  // namespace nn::inline NN_ABI
