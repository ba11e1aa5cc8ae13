// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t
#include <optional>  // std::optional
#include <utility>   // std::move

#include <nn/core/freeze.hpp>
#include <nn/layers/affine.hpp>
#include <nn/layers/frozen_conv.hpp>
#include <nn/layers/init.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/conv.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// N-dimensional cross-correlation.
///
///     y[b, o, p] = bias[o] + Σ_c Σ_k w[o, c, k] · x[b, g(o)·C/G + c, s·p + d·k − p₀]    for l = 1;  g(o) = ⌊o·G/O⌋, the group of o
///
///     x (…, C, L₁ … L_N)    w (O, C/G, K₁ … K_N)    bias (O)
///     y (…, O, M₁ … M_N)    M = ⌊(l·(L − 1) + 1 + p₀ + p₁ − d·(K − 1) − 1) / s⌋ + 1, or 0 where the window does not fit
///
/// Cells outside x read as `padding_mode` says; `input_dilation` l puts l − 1 zeros between the cells of x. With `channels_last` the
/// items of x and y are (L₁ … L_N, C) and (M₁ … M_N, O). Sums in the element type: the bias, then (c, k) in order.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    2·B·O·ΠM·ΠK·C/G flop; scratch for the packed weight, where it has to be, and about 256 KiB, whatever the image.
/// Source  Dumoulin & Visin 2016, arXiv:1603.07285, relationship 15; the numbers of equinox.nn.Conv and torch.nn.ConvNd.
template <std::floating_point T, std::size_t N>
struct Conv : detail::Stateless<Conv<T, N>, T, N + 1> {
    ConvOptions<N> options;                       ///< what it was built with
    Tensor<T, N + 2> weight;                      ///< (O, C/G, K₁ … K_N)
    std::optional<Tensor<T, 1>> bias;             ///< (O)
    std::optional<Tensor<T, N + 2>> weight_mask;  ///< multiplies the weight at every call

    static constexpr std::string_view name = "nn::Conv";

    /// Weight and bias from U(−L, L), L = 1 / √(C/G · ΠK), as in Equinox and PyTorch, unless the options say otherwise.
    template <engine_or_none Engine>
    Conv(const ConvOptions<N>& options_, Engine&& engine) : options((ops::check_conv_options(name, options_), options_)) {
        check_allocatable(name, ops::conv_weight_shape(options), sizeof(T));
        detail::draw_affine(options, ops::conv_weight_shape(options), weight, bias, engine);
    }

    /// Trained arrays, checked against the options.
    Conv(const ConvOptions<N>& options_, TrainedArray<T, N + 2> weight_, std::optional<TrainedArray<T, 1>> bias_ = {})
        : options((ops::check_conv_options(name, options_), options_)),
          weight(std::move(weight_).take(name, "weight")),
          bias(detail::take(std::move(bias_), name, "bias")) {
        ops::check_conv_parameters(name, options, parameters());
    }

    /// Multiply-adds of a call with x of this shape.
    template <std::size_t R>
        requires(R >= N + 1)
    index_t multiply_adds(const Shape<R>& x)
    const {
        const index_t outputs = element_count(this->output_shape(x));
        return saturating_multiply(outputs, element_count(ops::conv_weight_shape(options)) / options.out_channels);
    }

    /// The form for inference, packed for this machine; `function`, if any, is applied to each element of the result.
    template <class Function = kernels::NoFunction>
    auto frozen(const detail::Freezing& freeze, const Function& function = {}) const {
        ops::check_conv_options(name, options);  // they may have been assigned since
        ops::check_conv_parameters(name, options, parameters());
        return FrozenConv<T, N, ConvOptions<N>, Function>(name, options, parameters(), freeze, function);
    }
    /// Whether the frozen form is faster where the channels of x lie side by side.
    bool likes_channels_last(const FreezeOptions& freeze) const {
        return FrozenConv<T, N, ConvOptions<N>, kernels::NoFunction>::likes_channels_last(options, freeze);
    }
    /// Itself followed by · scale + shift, one of each a channel.
    Conv folded(const Tensor<T, 1>& scale, const Tensor<T, 1>& shift) const {
        ops::check_conv_options(name, options);
        ops::check_conv_parameters(name, options, parameters());
        Conv result = *this;
        result.options.use_bias = true;
        detail::fold_affine(name, scale, shift, result.weight, result.bias);
        return result;
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::Stateless<Conv<T, N>, T, N + 1>;

    ops::ConvParameters<T, N> parameters() const { return {view_of(weight), view_of(bias), view_of(weight_mask)}; }

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            name, [this](const Batch<const T, N + 1>& x) { return ops::conv_item(options, ops::conv_plan(name, options, x)); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::conv(options, x, parameters(), y, workspace, name);
            });
    }
};

/// Over 1, 2 and 3 axes.
template <std::floating_point T>
using Conv1d = Conv<T, 1>;
template <std::floating_point T>
using Conv2d = Conv<T, 2>;
template <std::floating_point T>
using Conv3d = Conv<T, 3>;

}  // namespace nn::inline NN_ABI
