// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::copy, std::max, std::min
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/initialiser.hpp>
#include <nn/core/padding.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/convolve.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/instance.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of a convolution. Lengths count cells; axes are in memory order (depth, height, width); a scalar means every axis.
template <std::size_t N>
struct ConvOptions {
    index_t in_channels = 0;        ///< C, a multiple of groups
    index_t out_channels = 0;       ///< O, a multiple of groups
    PerAxis<N> kernel_size = 1;     ///< K, each ≥ 1
    PerAxis<N> stride = 1;          ///< s, cells between windows, each ≥ 1
    Padding<N> padding = 0;         ///< p, a number, N numbers, N {before, after} pairs, or nn::same, nn::same_lower, nn::valid
    PerAxis<N> dilation = 1;        ///< d, cells between taps, each ≥ 1
    PerAxis<N> input_dilation = 1;  ///< l, l − 1 zeros are read between cells of x, each ≥ 1
    index_t groups = 1;             ///< G, output block g reads input block g
    bool use_bias = true;           ///< whether y = … + bias
    PaddingMode padding_mode = PaddingMode::zeros;  ///< what cells outside x read as
    Layout layout = Layout::channels_first;         ///< where the channels stand in an item
    Initialiser weight_init = init::equinox;        ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;          ///< how an engine fills the biases
};

namespace ops {

/// Refuses channels, groups and lengths that are wrong whatever the input, of a convolution or a transposed one.
template <std::size_t N, class Options>
void check_conv_lengths(std::string_view who, const Options& options) {
    const auto from_one = [&](std::string_view name, const PerAxis<N>& lengths) {
        for (std::size_t axis = 0; axis < N; ++axis) {
            require<std::invalid_argument>(lengths[axis] >= 1, who, name, " ", lengths, ", expected at least 1 along every axis");
            require<std::invalid_argument>(lengths[axis] <= max_length, who, name, " ", lengths, ", expected at most ", max_length,
                                           " along every axis");
        }
    };
    require<std::invalid_argument>(options.in_channels >= 1, who, "in_channels ", options.in_channels, ", expected at least 1");
    require<std::invalid_argument>(options.out_channels >= 1, who, "out_channels ", options.out_channels, ", expected at least 1");
    require<std::invalid_argument>(options.groups >= 1, who, "groups ", options.groups, ", expected at least 1");
    require<std::invalid_argument>(options.in_channels % options.groups == 0, who, "groups ", options.groups,
                                   " does not divide in_channels ", options.in_channels);
    require<std::invalid_argument>(options.out_channels % options.groups == 0, who, "groups ", options.groups,
                                   " does not divide out_channels ", options.out_channels);
    from_one("kernel_size", options.kernel_size);
    from_one("stride", options.stride);
    from_one("dilation", options.dilation);
    for (std::size_t axis = 0; axis < N; ++axis) {
        const index_t taps = options.kernel_size[axis];
        const index_t dilation = options.dilation[axis];
        require<std::invalid_argument>(taps - 1 <= (max_length - 1) / dilation, who, "kernel_size ", taps, " with dilation ", dilation,
                                       " spans more than ", max_length, " cells along axis ", axis);
        const Pad pad = options.padding[axis];
        require<std::invalid_argument>(std::max(pad.before, pad.after) <= max_length && std::min(pad.before, pad.after) >= -max_length, who,
                                       "padding ", pad, " of axis ", axis, ", expected at most ", max_length, " cells");
    }
    if constexpr (requires { options.input_dilation; }) {
        from_one("input_dilation", options.input_dilation);
    }
    if (options.padding.rule() == PaddingRule::numbers && options.padding_mode != PaddingMode::zeros) {
        for (std::size_t axis = 0; axis < N; ++axis) {
            const Pad pad = options.padding[axis];
            require<std::invalid_argument>(pad.before >= 0 && pad.after >= 0, who, "padding ", pad, " of axis ", axis,
                                           " is negative, which goes with PaddingMode::zeros only");
        }
    }
}

/// Refuses options that are wrong whatever the input.
template <std::size_t N>
void check_conv_options(std::string_view who, const ConvOptions<N>& options) {
    check_conv_lengths<N>(who, options);
    const bool dilated = options.input_dilation != PerAxis<N>(1);
    const PaddingRule rule = options.padding.rule();
    require<std::invalid_argument>(!dilated || (rule != PaddingRule::same && rule != PaddingRule::same_lower), who,
                                   rule == PaddingRule::same ? "nn::same" : "nn::same_lower", " has no meaning for input_dilation ",
                                   options.input_dilation, "; give the pads as numbers");
    require<std::invalid_argument>(!dilated || options.padding_mode == PaddingMode::zeros, who, "input_dilation ", options.input_dilation,
                                   " goes with PaddingMode::zeros only");
}

/// The shape of the weight of a convolution, or of a transposed one: (O, C/G, K₁ … K_N).
template <template <std::size_t> class Options, std::size_t N>
Shape<N + 2> conv_weight_shape(const Options<N>& options) {
    Shape<N + 2> shape{options.out_channels, options.in_channels / options.groups};
    std::copy(options.kernel_size.values().begin(), options.kernel_size.values().end(), shape.begin() + 2);
    return shape;
}

/// The arrays of a convolution. `mask`, if any, multiplies the weight element by element.
template <class T, std::size_t N>
struct ConvParameters {
    View<const T, N + 2> weight;               ///< (O, C/G, K₁ … K_N)
    std::optional<View<const T, 1>> bias;      ///< (O)
    std::optional<View<const T, N + 2>> mask;  ///< of the weight's shape
};

/// Refuses arrays that do not fit the options, which are checked.
template <template <std::size_t> class Options, class T, std::size_t N>
void check_conv_parameters(std::string_view who, const Options<N>& options, const ConvParameters<T, N>& parameters) {
    const Shape<N + 2> expected = conv_weight_shape(options);
    require(parameters.weight.shape == expected, who, "weight ", parameters.weight.shape, ", expected ", expected,
            " = (out_channels, in_channels / groups, kernel_size)");
    check_given(who, "bias", parameters.bias.has_value(), options.use_bias);
    require(!parameters.bias || parameters.bias->shape[0] == options.out_channels, who, "bias ",
            parameters.bias ? parameters.bias->shape : Shape<1>{}, ", expected (", options.out_channels, ",) = (out_channels,)");
    require(!parameters.mask || parameters.mask->shape == expected, who, "weight_mask ",
            parameters.mask ? parameters.mask->shape : expected, ", expected ", expected, ", the shape of weight");
}

/// Refuses an x of another number of channels than the options say.
template <template <std::size_t> class Options, std::size_t N>
void check_conv_channels(std::string_view who, const Options<N>& options, index_t channels, std::span<const index_t> x) {
    require(channels == options.in_channels, who, "x has ", channels, " channels, expected ", options.in_channels,
            " = weight.shape[1] · groups  [x ", x, ", weight ", conv_weight_shape(options), ", groups ", options.groups, "]");
}

/// The numbers of a convolution over x, checked with its options.
template <class T, std::size_t N>
kernels::ConvPlan<N> conv_plan(std::string_view who, const ConvOptions<N>& options, const Batch<const T, N + 1>& x) {
    check_conv_options(who, options);  // a layer's options may have been assigned since; what follows divides by them
    const Shape<N + 1> item = channels_first(x.item(), options.layout);
    check_conv_channels(who, options, item[0], x.shape());
    kernels::ConvPlan<N> plan;
    plan.groups = options.groups;
    for (std::size_t axis = 0; axis < N; ++axis) {
        kernels::WindowAxis& window = plan.axes[axis];
        window = {.input = item[axis + 1],
                  .kernel = options.kernel_size[axis],
                  .stride = options.stride[axis],
                  .dilation = options.dilation[axis],
                  .input_dilation = options.input_dilation[axis],
                  .mode = options.padding_mode};
        const Pad pad = options.padding.resolve(axis, window.input, window.kernel, window.stride, window.dilation);
        require(window.input > 0 || window.mode == PaddingMode::zeros || pad == Pad(), who, "axis ", axis,
                " of x has no cells to fill its padding ", pad, " with  [x ", x.shape(), "]");
        require(window.place(pad), who, "padding ", pad, " crops more than there is along axis ", axis, "  [x ", x.shape(), "]");
    }
    return plan;
}

/// The extents of one item of y (…, O, M₁ … M_N), in the options' layout.
template <template <std::size_t> class Options, std::size_t N>
Shape<N + 1> conv_item(const Options<N>& options, const kernels::ConvPlan<N>& plan) {
    Shape<N + 1> item{options.out_channels};
    for (std::size_t axis = 0; axis < N; ++axis) {
        item[axis + 1] = plan.folds ? (*plan.folds)[axis].input : plan.axes[axis].output;
    }
    return from_channels_first(item, options.layout);
}

/// The weight times its mask, row by row: itself where it lies so and has none.
template <class T, std::size_t R>
View<const T, R> dense_weight(const View<const T, R>& weight, const std::optional<View<const T, R>>& mask, const Workspace::Frame& frame) {
    if (!mask && same_strides(weight.shape, weight.strides, row_major(weight.shape))) {
        return weight;
    }
    const View<T, R> dense = contiguous(frame.template take<T>(weight.size()), weight.shape);
    if (mask) {
        kernels::transform(
            dense, [](T w, T m) { return w * m; }, weight, *mask);
    } else {
        kernels::transform(
            dense, [](T w) { return w; }, weight);
    }
    return dense;
}

/// Whether every output is made of the channels of one cell, or of one channel.
template <std::size_t N>
bool is_pointwise(const ConvOptions<N>& options) {
    const bool pads = options.padding.rule() == PaddingRule::numbers && options.padding != Padding<N>(0);
    return options.kernel_size == PerAxis<N>(1) && options.input_dilation == PerAxis<N>(1) && options.groups == 1 && !pads;
}
template <std::size_t N>
bool is_depthwise(const ConvOptions<N>& options) {
    return options.groups == options.in_channels && options.groups == options.out_channels;
}

/// Of which arrays the channels lie side by side.
template <class Options>
kernels::ChannelsLast channels_last(const Options& options) {
    const bool last = options.layout == Layout::channels_last;
    return {last, last};
}

/// How the taps of a convolution, or of a transposed one, are sorted in its weight.
template <template <std::size_t> class Options, std::size_t N>
kernels::TapClasses<N> tap_classes(const Options<N>& options) {
    kernels::TapClasses<N> classes;
    for (std::size_t axis = 0; axis < N; ++axis) {
        index_t apart = 0;  // cells of x
        if constexpr (requires { options.input_dilation; }) {
            apart = options.input_dilation[axis];
        } else {
            apart = options.stride[axis];
        }
        classes.axes[axis] = {options.kernel_size[axis], options.dilation[axis], apart};
    }
    return classes;
}

/// The weight of a convolution times its mask, sorted by the classes of its taps: (O, C/G · ΠK), row-major, where there is one.
template <class T, std::size_t N>
const T* sorted_weight(const kernels::TapClasses<N>& classes, const ConvParameters<T, N>& parameters, const Workspace::Frame& frame) {
    return classes.one() ? dense_weight(parameters.weight, parameters.mask, frame).data
                         : kernels::sort_taps(classes, parameters.weight, parameters.mask, frame);
}

/// The arrays of a convolution as it takes them.
template <class T, std::size_t N>
const ConvParameters<T, N>& as_taken(const ConvOptions<N>&, const ConvParameters<T, N>& parameters) {
    return parameters;
}

/// The weight of a convolution for one call: as it is, times its mask, and packed where windows are rows.
template <class T, std::size_t N>
struct CallWeight {
    const T* matrix;                                                      ///< (O, C/G · ΠK), row-major, class by class of its taps
    index_t outputs;                                                      ///< O
    index_t channels;                                                     ///< of a group
    index_t groups;                                                       ///< G
    kernels::TapClasses<N> classes;                                       ///< how its taps are sorted
    index_t windows;                                                      ///< of all items
    kernels::ChannelsLast last;                                           ///< whose channels lie side by side
    const Workspace::Frame& frame;                                        ///< where it is kept
    mutable std::optional<kernels::PackedConv<T>> packed = std::nullopt;  ///< when first asked for, once for a call

    /// Of a convolution with these options.
    template <template <std::size_t> class Options>
    CallWeight(const Options<N>& options, const ConvParameters<T, N>& parameters, index_t windows_, const Workspace::Frame& frame_)
        : outputs(options.out_channels),
          channels(options.in_channels / options.groups),
          groups(options.groups),
          classes(tap_classes(options)),
          windows(windows_),
          last(channels_last(options)),
          frame(frame_) {
        matrix = sorted_weight(classes, parameters, frame);
    }

    const T* dense() const { return matrix; }  ///< row by row
    /// In scratch memory, or where it is.
    const kernels::PackedConv<T>& panels() const {
        if (!packed) {
            const auto packing =
                kernels::class_packing<T>(simd::machine(), classes, outputs, channels, groups, windows, last, kernels::Calls::one);
            packed = packing.rows == kernels::Rows::outputs
                         ? kernels::conv_in_place(packing, matrix)
                         : kernels::pack_classes(packing, classes, matrix, frame.template take<T>(packing.size()));
        }
        return *packed;
    }
};

/// The convolution that the plan says, of views that are still to be checked. `weight` is as `kernels::convolve` takes it.
template <template <std::size_t> class Options, class T, std::size_t N, class Weight>
void run_conv(std::string_view who, const Options<N>& options, const kernels::ConvPlan<N>& plan, const Batch<const T, N + 1>& x,
              const Weight& weight, const T* bias, const kernels::Finish<T>& finish, const Batch<T, N + 1>& y, Workspace& workspace) {
    check_output(who, x, conv_item(options, plan), y);
    check_apart(who, "y", y, "x", x);
    if (!y.empty()) {
        kernels::convolve(plan, x.channels_first(options.layout), weight, bias, y.channels_first(options.layout), workspace, finish);
    }
}
template <template <std::size_t> class Options, class T, std::size_t N>
void run_conv(std::string_view who, const Options<N>& options, const kernels::ConvPlan<N>& plan, const Batch<const T, N + 1>& x,
              const ConvParameters<T, N>& parameters, const Batch<T, N + 1>& y, Workspace& workspace) {
    const auto frame = workspace.frame();
    const CallWeight<T, N> weight(options, parameters, saturating_multiply(plan.windows(), x.count()), frame);
    run_conv(who, options, plan, x, weight, kernels::dense_vector(parameters.bias, frame), {}, y, workspace);
}

/// N-dimensional cross-correlation of views with any leading axes: `nn::Conv` for buffers of one's own. `who` begins the error texts.
template <class T, std::size_t N>
void conv(const ConvOptions<N>& options, const Batch<const T, N + 1>& x, const ConvParameters<T, N>& parameters, const Batch<T, N + 1>& y,
          Workspace& workspace, std::string_view who = "nn::ops::conv") {
    check_conv_options(who, options);
    check_conv_parameters(who, options, parameters);
    run_conv(who, options, conv_plan(who, options, x), x, parameters, y, workspace);
}

NN_KERNEL(void conv(const ConvOptions<1>&, const Batch<const float, 2>&, const ConvParameters<float, 1>&, const Batch<float, 2>&,
                    Workspace&, std::string_view));
NN_KERNEL(void conv(const ConvOptions<2>&, const Batch<const float, 3>&, const ConvParameters<float, 2>&, const Batch<float, 3>&,
                    Workspace&, std::string_view));

}  // namespace ops

}  // namespace nn::inline NN_ABI
