// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/core/freeze.hpp>
#include <nn/layers/affine.hpp>
#include <nn/layers/conv.hpp>
#include <nn/layers/frozen_conv.hpp>
#include <nn/layers/init.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/conv_transpose.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// N-dimensional transposed convolution: a convolution, without flipping the taps, of x with s − 1 zeros between its cells.
///
///     y[b, o, q] = bias[o] + Σ_c Σ_k Σ_p w[o, c, k] · x[b, g(o)·C/G + c, p],    over the p with s·p = q + d·k − (d·(K − 1) − p₀)
///     g(o) = ⌊o·G/O⌋, the group of o
///
///     x (…, C, L₁ … L_N)    w (O, C/G, K₁ … K_N)    bias (O)
///     y (…, O, M₁ … M_N)    M = (L − 1)·s + d·(K − 1) + 1 − p₀ − p₁ + a         numbers, nn::valid
///                           M = L·s − a                                         nn::same, nn::same_lower
///
/// The padding is that of the convolution whose transpose this is; a is `output_padding`. With a `padding_mode`, what that convolution
/// reads in its padding is added to the cells that the padding copies. With `TransposePadding::lax` the padding is that of the
/// zero-stuffed x: M = (L − 1)·s + 2 + p₀ + p₁ − (d·(K − 1) + 1). With `channels_last` items are (L₁ … L_N, C) and (M₁ … M_N, O).
/// All of this for L ≥ 1. An empty x stays empty when stuffed, as in lax and Equinox: for L = 0 read (L − 1)·s as −1, L·s as s − 1.
///
/// `nn::adjoint(conv, shape)` makes the exact transpose of a convolution.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    2·B·O·ΠL·ΠK·C/G flop, for the zeros between cells are left out (w · ∞ at a zero is no NaN); scratch for the weight as it is
///         and packed, unless one of these serves, and about 256 KiB, or the results of 64 windows. With a `padding_mode` the time grows
///         with Π(M + p₀ + p₁) too.
/// Source  Dumoulin & Visin 2016, arXiv:1603.07285, relationship 14; the numbers of equinox.nn.ConvTranspose; of blox.ConvTranspose with
///         lax padding, of brainstate's with `flip_kernel` too; of torch.nn.ConvTranspose through `nn::from_torch_transposed`.
template <std::floating_point T, std::size_t N>
struct ConvTranspose : detail::Stateless<ConvTranspose<T, N>, T, N + 1> {
    ConvTransposeOptions<N> options;              ///< what it was built with
    Tensor<T, N + 2> weight;                      ///< (O, C/G, K₁ … K_N)
    std::optional<Tensor<T, 1>> bias;             ///< (O)
    std::optional<Tensor<T, N + 2>> weight_mask;  ///< multiplies the weight at every call

    static constexpr std::string_view name = "nn::ConvTranspose";

    /// Weight and bias from U(−L, L), L = 1 / √(C/G · ΠK), as in Equinox, unless the options say otherwise.
    template <engine_or_none Engine>
    ConvTranspose(const ConvTransposeOptions<N>& options_, Engine&& engine)
        : options((ops::check_conv_transpose_options(name, options_), options_)) {
        check_allocatable(name, ops::conv_weight_shape(options), sizeof(T));
        detail::draw_affine(options, ops::conv_weight_shape(options), weight, bias, engine);
    }

    /// Trained arrays, checked against the options.
    ConvTranspose(const ConvTransposeOptions<N>& options_, TrainedArray<T, N + 2> weight_, std::optional<TrainedArray<T, 1>> bias_ = {})
        : options((ops::check_conv_transpose_options(name, options_), options_)),
          weight(std::move(weight_).take(name, "weight")),
          bias(detail::take(std::move(bias_), name, "bias")) {
        ops::check_conv_parameters(name, options, parameters());
    }

    /// Multiply-adds of a call with x of this shape: those with cells of x, not with the zeros between them.
    template <std::size_t R>
        requires(R >= N + 1)
    index_t multiply_adds(const Shape<R>& x)
    const {
        (void)this->output_shape(x);  // or it throws
        return saturating_multiply(element_count(x), element_count(ops::conv_weight_shape(options)) / options.in_channels);
    }

    /// The form for inference, packed for this machine; `function`, if any, is applied to each element of the result.
    template <class Function = kernels::NoFunction>
    auto frozen(const FreezeOptions& freeze, const Function& function = {}) const {
        ops::check_conv_transpose_options(name, options);  // they may have been assigned since
        ops::check_conv_parameters(name, options, parameters());
        return FrozenConv<T, N, ConvTransposeOptions<N>, Function>(name, options, parameters(), freeze, function);
    }
    /// Itself followed by · scale + shift, one of each a channel.
    ConvTranspose folded(const Tensor<T, 1>& scale, const Tensor<T, 1>& shift) const {
        ops::check_conv_transpose_options(name, options);
        ops::check_conv_parameters(name, options, parameters());
        ConvTranspose result = *this;
        result.options.use_bias = true;
        detail::fold_affine(name, scale, shift, result.weight, result.bias);
        return result;
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::Stateless<ConvTranspose<T, N>, T, N + 1>;

    ops::ConvParameters<T, N> parameters() const { return {view_of(weight), view_of(bias), view_of(weight_mask)}; }

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            name, [this](const Batch<const T, N + 1>& x) { return ops::conv_item(options, ops::conv_plan(name, options, x)); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::conv_transpose(options, x, parameters(), y, workspace, name);
            });
    }
};

/// Over 1, 2 and 3 axes.
template <std::floating_point T>
using ConvTranspose1d = ConvTranspose<T, 1>;
template <std::floating_point T>
using ConvTranspose2d = ConvTranspose<T, 2>;
template <std::floating_point T>
using ConvTranspose3d = ConvTranspose<T, 3>;

/// The transpose of `conv` for an x of this shape, (…, C, L₁ … L_N) in the convolution's layout, as a linear map, without its bias:
///
///     ⟨conv(x) − bias, y⟩ = ⟨x, adjoint(conv, shape)(y)⟩    for every x of this shape and every y
///
/// whatever its stride, padding, padding mode, dilation and groups.
///
/// Errors  shape_error where no window fits into x; std::invalid_argument with an input_dilation.
template <std::floating_point T, std::size_t N, std::size_t R>
    requires(R >= N + 1)
ConvTranspose<T, N> adjoint(const Conv<T, N>& conv, const Shape<R>& shape) {
    constexpr std::string_view name = "nn::adjoint";
    const ConvOptions<N>& from = conv.options;
    require<std::invalid_argument>(from.input_dilation == PerAxis<N>(1), name, "input_dilation ", from.input_dilation,
                                   ", expected 1: the transpose of a convolution with it is a convolution with that stride");
    const auto x = shape_only<const T, N + 1>(shape);
    const kernels::ConvPlan<N> plan = ops::conv_plan(name, from, x);
    ops::check_conv_parameters(name, from, ops::ConvParameters<T, N>{view_of(conv.weight), view_of(conv.bias), view_of(conv.weight_mask)});
    std::array<index_t, N> output_padding{};
    for (std::size_t axis = 0; axis < N; ++axis) {
        const kernels::WindowAxis& window = plan.axes[axis];
        require(window.output > 0, name, "no window fits into x along axis ", axis, ", nothing to transpose  [x ", shape, "]");
        const PaddingRule rule = from.padding.rule();
        const Pad pad = from.padding.resolve(axis, window.input, window.kernel, window.stride, window.dilation);
        output_padding[axis] = rule == PaddingRule::same || rule == PaddingRule::same_lower
                                   ? window.output * window.stride - window.input
                                   : (window.input + pad.before + pad.after - window.span()) % window.stride;
    }
    const ConvTransposeOptions<N> options{.in_channels = from.out_channels,
                                          .out_channels = from.in_channels,
                                          .kernel_size = from.kernel_size,
                                          .stride = from.stride,
                                          .padding = from.padding,
                                          .output_padding = output_padding,
                                          .dilation = from.dilation,
                                          .groups = from.groups,
                                          .use_bias = false,
                                          .padding_mode = from.padding_mode,
                                          .flip_kernel = true,
                                          .layout = from.layout};
    // Channels change places inside each group.
    Shape<4> grouped{from.groups, from.out_channels / from.groups, from.in_channels / from.groups, plan.taps()};
    Shape<4> swapped{grouped[0], grouped[2], grouped[1], grouped[3]};
    Tensor<T, N + 2> weight = make_tensor<T, N + 2>(ops::conv_weight_shape(options));
    const auto source = [&](const Tensor<T, N + 2>& array) {
        return permuted(contiguous(array.data(), grouped), std::array<std::size_t, 4>{0, 2, 1, 3});
    };
    kernels::transform(
        contiguous(weight.data(), swapped), [](T w) { return w; }, source(conv.weight));
    if (conv.weight_mask) {
        kernels::transform(
            contiguous(weight.data(), swapped), [](T w, T m) { return w * m; }, contiguous(weight.data(), swapped),
            source(*conv.weight_mask));
    }
    return ConvTranspose<T, N>(options, std::move(weight));
}

}  // namespace nn::inline NN_ABI
