// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::max
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <limits>       // std::numeric_limits
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/initialiser.hpp>
#include <nn/core/padding.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/ops/conv.hpp>

namespace nn::inline NN_ABI {

/// What the padding of a transposed convolution counts.
enum class TransposePadding {
    torch,  ///< the padding of the convolution that it transposes: more of it makes y smaller      (PyTorch, Equinox)
    lax,    ///< the padding of x with s − 1 zeros between its cells: more of it makes y larger      (JAX's lax, blox, brainstate)
};

/// Hyper-parameters of a transposed convolution. Lengths count cells; axes are in memory order; a scalar means every axis.
template <std::size_t N>
struct ConvTransposeOptions {
    index_t in_channels = 0;                        ///< C, a multiple of groups
    index_t out_channels = 0;                       ///< O, a multiple of groups
    PerAxis<N> kernel_size = 1;                     ///< K, each ≥ 1
    PerAxis<N> stride = 1;                          ///< s, each ≥ 1
    Padding<N> padding = 0;                         ///< p
    PerAxis<N> output_padding = 0;                  ///< a, 0 … s − 1: which of the s lengths that a convolution maps onto x's
    PerAxis<N> dilation = 1;                        ///< d, cells between taps, each ≥ 1
    index_t groups = 1;                             ///< G
    bool use_bias = true;                           ///< whether there is a bias
    PaddingMode padding_mode = PaddingMode::zeros;  ///< that of the convolution that it transposes
    TransposePadding padding_convention = TransposePadding::torch;  ///< what `padding` counts
    bool flip_kernel = false;                                       ///< whether the taps are read backwards (brainstate, torch's weights)
    Layout layout = Layout::channels_first;                         ///< where the channels stand in an item
    Initialiser weight_init = init::equinox;                        ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;                          ///< how an engine fills the biases
};

namespace ops {

/// Refuses options that are wrong whatever the input.
template <std::size_t N>
void check_conv_transpose_options(std::string_view who, const ConvTransposeOptions<N>& options) {
    check_conv_lengths<N>(who, options);
    for (std::size_t axis = 0; axis < N; ++axis) {
        require<std::invalid_argument>(options.output_padding[axis] >= 0 && options.output_padding[axis] < options.stride[axis], who,
                                       "output_padding ", options.output_padding, ", expected 0 … stride - 1 along every axis, stride ",
                                       options.stride);
    }
    if (options.padding_convention == TransposePadding::lax) {
        const PaddingRule rule = options.padding.rule();
        require<std::invalid_argument>(options.output_padding == PerAxis<N>(0), who, "output_padding ", options.output_padding,
                                       " goes with TransposePadding::torch only; pad more instead");
        require<std::invalid_argument>(options.padding_mode == PaddingMode::zeros, who,
                                       "TransposePadding::lax goes with PaddingMode::zeros only");
        require<std::invalid_argument>(rule != PaddingRule::half, who, "nn::half_padding goes with TransposePadding::torch only");
        require<std::invalid_argument>(rule != PaddingRule::same_lower || options.stride == PerAxis<N>(1), who,
                                       "nn::same_lower with TransposePadding::lax goes with stride 1 only, stride ", options.stride);
    }
}

/// The padding of x with s − 1 zeros between its cells that makes a transposed convolution of it, under windows of `span` cells; in
/// `folded` the cells of the result that lie beside y, with a padding mode.
template <std::size_t N>
Pad transposed_pad(const ConvTransposeOptions<N>& options, std::size_t axis, index_t span, Pad& folded) {
    const index_t stride = options.stride[axis];
    const PaddingRule rule = options.padding.rule();
    const bool by_size = rule == PaddingRule::same || rule == PaddingRule::same_lower;
    if (options.padding_convention == TransposePadding::lax) {
        const index_t total = saturating_add(span, stride - 2);
        const index_t before = stride >= span ? span - 1 : divide_up(total, 2);
        return rule == PaddingRule::valid ? Pad(span - 1, std::max(span, stride) - 1)
               : by_size                  ? Pad(before, total - before)
                                          : options.padding[axis];
    }
    // That of the convolution, and cells at the end that none of its windows reaches. nn::same: of n·s − a cells it makes n windows.
    Pad pad = options.padding.resolve(axis, 1, options.kernel_size[axis], stride, options.dilation[axis]);
    index_t beyond = options.output_padding[axis];
    if (by_size) {
        const index_t total = span - stride + options.output_padding[axis];
        const index_t less = std::max<index_t>(total, 0) / 2;
        const index_t more = std::max<index_t>(total, 0) - less;
        pad = rule == PaddingRule::same ? Pad(less, more) : Pad(more, less);
        beyond = std::max<index_t>(-total, 0);
    }
    if (options.padding_mode != PaddingMode::zeros) {
        folded = pad;
        pad = {};
    }
    const index_t around = span - 1;
    return {saturating_subtract(around, pad.before), saturating_add(saturating_subtract(around, pad.after), beyond)};
}

/// The numbers of a transposed convolution over x, checked with its options: a convolution of x with s − 1 zeros between its cells.
template <class T, std::size_t N>
kernels::ConvPlan<N> conv_plan(std::string_view who, const ConvTransposeOptions<N>& options, const Batch<const T, N + 1>& x) {
    check_conv_transpose_options(who, options);
    const Shape<N + 1> item = channels_first(x.item(), options.layout);
    check_conv_channels(who, options, item[0], x.shape());
    kernels::ConvPlan<N> plan;
    plan.groups = options.groups;
    std::array<kernels::WindowAxis, N> folds;
    for (std::size_t axis = 0; axis < N; ++axis) {
        kernels::WindowAxis& window = plan.axes[axis];
        window = {.input = item[axis + 1],
                  .kernel = options.kernel_size[axis],
                  .dilation = options.dilation[axis],
                  .input_dilation = options.stride[axis]};
        Pad folded;
        const Pad pad = transposed_pad(options, axis, window.span(), folded);
        const bool fits = window.place(pad);
        constexpr index_t most = std::numeric_limits<index_t>::max();
        const index_t left = saturating_subtract(saturating_subtract(window.output, folded.before), folded.after);
        folds[axis] = {.input = window.output == most ? most : left, .before = folded.before, .mode = options.padding_mode};
        require(fits && folds[axis].input >= 0 && (folds[axis].input > 0 || window.output == 0), who, "padding ", options.padding[axis],
                " crops more than there is along axis ", axis, "  [x ", x.shape(), "]");
    }
    if (options.padding_mode != PaddingMode::zeros) {
        plan.folds = folds;
    }
    return plan;
}

/// The arrays as the convolution of x with zeros between its cells takes them.
template <class T, std::size_t N>
ConvParameters<T, N> as_taken(const ConvTransposeOptions<N>& options, ConvParameters<T, N> parameters) {
    if (options.flip_kernel) {
        for (std::size_t axis = 2; axis < N + 2; ++axis) {
            parameters.weight = reversed(parameters.weight, axis);
            parameters.mask = parameters.mask ? std::optional(reversed(*parameters.mask, axis)) : std::nullopt;
        }
    }
    return parameters;
}

/// N-dimensional transposed convolution of views with any leading axes: `nn::ConvTranspose` for buffers of one's own.
template <class T, std::size_t N>
void conv_transpose(const ConvTransposeOptions<N>& options, const Batch<const T, N + 1>& x, const ConvParameters<T, N>& parameters,
                    const Batch<T, N + 1>& y, Workspace& workspace, std::string_view who = "nn::ops::conv_transpose") {
    check_conv_transpose_options(who, options);
    check_conv_parameters(who, options, parameters);
    run_conv(who, options, conv_plan(who, options, x), x, as_taken(options, parameters), y, workspace);
}

NN_KERNEL(void conv_transpose(const ConvTransposeOptions<1>&, const Batch<const float, 2>&, const ConvParameters<float, 1>&,
                              const Batch<float, 2>&, Workspace&, std::string_view));
NN_KERNEL(void conv_transpose(const ConvTransposeOptions<2>&, const Batch<const float, 3>&, const ConvParameters<float, 2>&,
                              const Batch<float, 3>&, Workspace&, std::string_view));

}  // namespace ops

}  // namespace nn::inline NN_ABI
