// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::min
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/initialiser.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/ops/conv.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `CausalConv1d`.
struct CausalConv1dOptions {
    index_t in_channels = 0;                  ///< C, a multiple of groups
    index_t out_channels = 0;                 ///< O, a multiple of groups
    index_t kernel_size = 1;                  ///< K ≥ 1
    index_t dilation = 1;                     ///< d ≥ 1, steps between taps
    index_t groups = 1;                       ///< G; as many as channels is depthwise
    bool use_bias = true;                     ///< whether there is a bias
    Layout layout = Layout::channels_last;    ///< items (T, C), as every other layer over time; channels_first: (C, T)
    Initialiser weight_init = init::equinox;  ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;    ///< how an engine fills the biases
};

namespace ops {

/// The convolution behind a causal one.
inline ConvOptions<1> conv_options(const CausalConv1dOptions& options) {
    return {.in_channels = options.in_channels,
            .out_channels = options.out_channels,
            .kernel_size = options.kernel_size,
            .dilation = options.dilation,
            .groups = options.groups,
            .use_bias = options.use_bias,
            .layout = options.layout};
}

/// Steps of the past that an output sees: d·(K − 1).
inline index_t causal_history(const CausalConv1dOptions& options) { return saturating_multiply(options.dilation, options.kernel_size - 1); }

/// Extents of one item of y: (T, O) or (O, T).
template <class T>
Shape<2> causal_conv_item(std::string_view who, const CausalConv1dOptions& options, const Batch<const T, 2>& x) {
    check_conv_options(who, conv_options(options));
    const Shape<2> item = channels_first(x.item(), options.layout);
    check_conv_channels(who, conv_options(options), item[0], x.shape());
    return from_channels_first(Shape<2>{options.out_channels, item[1]}, options.layout);
}

/// A causal convolution of views that are still to be checked, with the history of `causal_conv`: `convolve(plan, from, to)` does the
/// convolution that a plan says, of one item.
template <class T, class Convolve>
void run_causal_conv(std::string_view who, const CausalConv1dOptions& options, const Batch<const T, 2>& x, const View<T, 3>& history,
                     const Batch<T, 2>& y, Workspace& workspace, const Convolve& convolve) {
    check_output(who, x, causal_conv_item(who, options, x), y);
    check_apart(who, "y", y, "x", x);
    const index_t past = causal_history(options);
    const Shape<3> expected{x.count(), options.in_channels, past};
    require(history.shape == expected, who, "state.history ", history.shape, ", expected ", expected,
            " = (batch, in_channels, dilation · (kernel_size - 1)); initial_state(", x.count(), ") makes it  [x ", x.shape(), "]");
    require(same_strides(history.shape, history.strides, row_major(history.shape)), who, "the state's arrays must be row-major");
    check_apart(who, "y", y, "the state", Batch<T, 3>(history));
    check_apart(who, "x", x, "the state", Batch<T, 3>(history));
    if (y.empty()) {
        return;
    }
    const auto from = x.channels_first(options.layout);
    const auto to = y.channels_first(options.layout);
    const index_t steps = from.item()[1];
    const index_t head = std::min(steps, past);  // outputs that see the history
    const auto time = [](const auto& view, index_t first, index_t count) { return slice(view, first, count, 1); };
    const auto copy = [](const View<T, 2>& target, const View<const T, 2>& source) {
        kernels::transform(
            target, [](T value) { return value; }, source);
    };
    const auto frame = workspace.frame();
    const View<T, 2> joint =
        contiguous(frame.template take<T>(options.in_channels * (past + head)), Shape<2>{options.in_channels, past + head});
    const auto valid = [&](const View<const T, 2>& input, const View<T, 2>& output) {
        kernels::ConvPlan<1> plan{.axes = {{{.input = input.shape[1], .kernel = options.kernel_size, .dilation = options.dilation}}},
                                  .groups = options.groups};
        plan.axes[0].place({});
        convolve(plan, input, output);
    };
    const auto begin = [&](index_t b) { valid(joint, time(to[b], 0, head)); };
    const auto rest = [&](index_t b) { valid(from[b], time(to[b], past, steps - past)); };
    if (head > 0 && steps > past) {
        workspace.rehearse([&] {
            begin(0);
            rest(0);
        });
    }
    for (index_t b = 0; b < x.count(); ++b) {
        if (head > 0) {
            copy(time(joint, 0, past), at(history, b));
            copy(time(joint, past, head), time(from[b], 0, head));
            begin(b);
        }
        if (steps > past) {
            rest(b);
        }
    }
    for (index_t b = 0; b < x.count(); ++b) {
        const View<T, 2> kept = at(history, b);
        copy(time(kept, 0, past - head), time(View<const T, 2>(kept), head, past - head));  // forwards: it moves to the left
        copy(time(kept, past - head, head), time(from[b], steps - head, head));
    }
}

/// y[t] = bias + Σ_k w[k] · x[t − d·(K − 1 − k)]. `history` (B, C, d·(K − 1)), row-major, holds what came before x; afterwards what is to
/// be kept for the next call.
template <class T>
void causal_conv(const CausalConv1dOptions& options, const Batch<const T, 2>& x, const ConvParameters<T, 1>& parameters,
                 const View<T, 3>& history, const Batch<T, 2>& y, Workspace& workspace, std::string_view who = "nn::ops::causal_conv") {
    const ConvOptions<1> conv = conv_options(options);
    check_conv_options(who, conv);
    check_conv_parameters(who, conv, parameters);
    const auto frame = workspace.frame();
    const CallWeight<T, 1> weight(conv, parameters, x.channels_first(options.layout).item()[1], frame);
    const T* const bias = kernels::dense_vector(parameters.bias, frame);
    run_causal_conv(who, options, x, history, y, workspace,
                    [&](const kernels::ConvPlan<1>& plan, const View<const T, 2>& from, const View<T, 2>& to) {
                        kernels::convolve(plan, Batch<const T, 2>(from), weight, bias, Batch<T, 2>(to), workspace);
                    });
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
