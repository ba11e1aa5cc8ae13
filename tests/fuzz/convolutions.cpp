// SPDX-License-Identifier: MIT
// Options and shapes of the convolutions, compared with the sums of their definitions.

#include "layers.hpp"

namespace nn::fuzz {

namespace {

/// Adds a product to an element of y.
void add(Expected& expected, const Extents& index, long double product) {
    expected.y.at(index) += product;
    expected.error.at(index) += std::abs(product);
}
/// What summing so many products each may do, for errors that are sums of magnitudes so far.
template <class T = float>
void bound(Expected& expected, index_t terms) {
    for (long double& error : expected.error.values) {
        error *= 4 * test::sum_bound<T>(terms);
    }
}
void add_bias(Expected& expected, const auto& bias) {
    if (bias) {
        test::for_each_index(expected.y.shape, [&](const Extents& index) { add(expected, index, (*bias)(index[1])); });
    }
}

/// y[b, o, m] += Σ w[o, c, k] · x[b, g(o)·C/G + c, s·m + d·k − p]. `transposed`: what y's cells read of x's, x's add to y's instead, and
/// the taps run backwards; the axes are y's then.
template <std::size_t N>
Expected summed(Expected expected, const std::array<Axis, N>& axes, index_t groups, const Dense& x, const Dense& weight, bool transposed,
                bool flip) {
    const Dense& windows = transposed ? x : expected.y;  // an element of it stands for a window
    const index_t channels = weight.shape[1];
    const index_t outputs = weight.shape[0] / groups;
    Extents taps = weight.shape;
    (transposed ? taps[1] : taps[0]) = 1;
    (transposed ? taps[0] : taps[1]) = transposed ? outputs : channels;
    test::for_each_index(windows.shape, [&](const Extents& window) {
        test::for_each_index(taps, [&](const Extents& tap) {
            const index_t group = window[1] / (transposed ? channels : outputs);
            Extents w = tap;
            w[0] = transposed ? group * outputs + tap[0] : window[1];
            w[1] = transposed ? window[1] % channels : tap[1];
            Extents cell = window;
            cell[1] = transposed ? w[0] : group * channels + tap[1];
            bool zero = false;
            for (std::size_t i = 0; i < N; ++i) {
                const index_t last = weight.shape[i + 2] - 1;
                w[i + 2] = flip ? last - tap[i + 2] : tap[i + 2];
                cell[i + 2] = axes[i].cell(axes[i].start(window[i + 2]) + axes[i].dilation * (transposed ? last - tap[i + 2] : tap[i + 2]));
                zero = zero || cell[i + 2] < 0;
            }
            if (!zero) {
                add(expected, transposed ? cell : window, weight.at(w) * x.at(transposed ? window : cell));
            }
        });
    });
    return expected;
}

/// (O, C/G, K…) is to be asked for, and the bias.
template <std::size_t N>
bool arrays_to_ask_for(index_t in_channels, index_t out_channels, index_t groups, const PerAxis<N>& kernel_size) {
    std::vector<index_t> weight{out_channels, groups > 0 ? in_channels / groups : 0};
    weight.insert(weight.end(), kernel_size.values().begin(), kernel_size.values().end());
    return to_ask_for(weight) && to_ask_for({out_channels});
}

/// A shape (B, C, L…) with these channels, or others.
template <std::size_t N>
Shape<N + 2> drawn_shape(Draw& draw, index_t channels, Layout layout) {
    std::vector<index_t> shape{draw.number(0, 2), draw.byte() % 16 == 1 ? draw.number(0, 4) : channels};
    for (std::size_t axis = 0; axis < N; ++axis) {
        shape.push_back(draw.number(0, 9));
    }
    return test::fixed<N + 2>(in_layout(shape, layout));
}

template <std::size_t N, class T = float>
void conv(Draw& draw) {
    using L = Conv<T, N>;
    const auto drawn = [&] {
        // Of 16 channels or more Winograd's algorithm runs.
        const bool many = N == 2 && draw.byte() % 8 == 2;
        const index_t groups = many ? 1 : draw.number(1, 3);
        return ConvOptions<N>{
            .in_channels = many ? draw.number(15, 20) : draw.channels(groups),
            .out_channels = many ? draw.number(15, 20) : draw.channels(groups),
            .kernel_size = draw.per_axis<N>(1, 4),
            .stride = draw.per_axis<N>(1, 3),
            .padding = draw.padding<N>(-1),
            .dilation = draw.per_axis<N>(1, 3),
            .input_dilation = draw.flag() ? draw.per_axis<N>(1, 3) : PerAxis<N>(1),
            .groups = groups,
            .use_bias = draw.flag(),
            .padding_mode = draw.pick({PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}),
            .layout = draw.layout()};
    };
    const ConvOptions<N> o = drawn();
    const auto axes_of = [&](const auto& shape) {
        std::array<Axis, N> axes;
        for (std::size_t i = 0; i < N; ++i) {
            axes[i] = padded({.length = shape[i + 2],
                              .kernel = o.kernel_size[i],
                              .stride = o.stride[i],
                              .dilation = o.dilation[i],
                              .apart = o.input_dilation[i],
                              .mode = o.padding_mode},
                             o.padding.rule(), o.padding[i]);
        }
        return axes;
    };
    call<L>(
        draw, drawn, [](const auto& with) { return arrays_to_ask_for(with.in_channels, with.out_channels, with.groups, with.kernel_size); },
        o, o.layout, drawn_shape<N>(draw, o.in_channels, o.layout),
        [&](const std::vector<Wide>& shape) {
            std::vector<Wide> extents{shape[0], o.out_channels};
            for (const Axis& axis : axes_of(shape)) {
                extents.push_back(axis.windows());
            }
            return extents;
        },
        [&](const L& layer, const Dense& x, Expected expected) {
            add_bias(expected, layer.bias);
            const Dense weight = dense(layer.weight);
            expected = summed<N>(std::move(expected), axes_of(x.shape), o.groups, x, weight, false, false);
            bound<T>(expected, static_cast<index_t>(weight.values.size()));
            return expected;
        });
}

template <std::size_t N, class T = float>
void conv_transpose(Draw& draw) {
    using L = ConvTranspose<T, N>;
    const auto drawn = [&] {
        const index_t groups = draw.number(1, 3);
        return ConvTransposeOptions<N>{
            .in_channels = draw.channels(groups),
            .out_channels = draw.channels(groups),
            .kernel_size = draw.per_axis<N>(1, 4),
            .stride = draw.per_axis<N>(1, 3),
            .padding = draw.padding<N>(-1),
            .output_padding = draw.flag() ? draw.per_axis<N>(0, 2) : PerAxis<N>(0),
            .dilation = draw.per_axis<N>(1, 3),
            .groups = groups,
            .use_bias = draw.flag(),
            .padding_mode =
                draw.pick({PaddingMode::zeros, PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}),
            .padding_convention = draw.pick({TransposePadding::torch, TransposePadding::torch, TransposePadding::lax}),
            .flip_kernel = draw.flag(),
            .layout = draw.layout()};
    };
    const ConvTransposeOptions<N> o = drawn();
    const bool lax = o.padding_convention == TransposePadding::lax;
    const bool by_size = o.padding.rule() == PaddingRule::same || o.padding.rule() == PaddingRule::same_lower;
    // With lax padding those of a convolution of x with zeros between its cells, else those of the convolution that it transposes.
    const auto axes_of = [&](const auto& shape) {
        std::array<Axis, N> axes;
        for (std::size_t i = 0; i < N; ++i) {
            const Wide stride = o.stride[i];
            Axis axis{.length = shape[i + 2], .kernel = o.kernel_size[i], .stride = 1, .dilation = o.dilation[i], .apart = stride};
            const Wide span = axis.span();
            if (lax) {
                if (o.padding.rule() == PaddingRule::valid) {
                    axis.before = span - 1;
                    axis.after = std::max(span, stride) - 1;
                } else if (by_size) {  // jax.lax.conv_transpose
                    axis.before = stride > span - 1 ? span - 1 : (span + stride - 1) / 2;
                    axis.after = span + stride - 2 - axis.before;
                } else {
                    axis = padded(axis, o.padding.rule(), o.padding[i]);
                }
            } else {
                const bool empty = axis.length == 0;
                const Wide filled = by_size ? (empty ? stride - 1 : axis.length * stride) : (empty ? -1 : (axis.length - 1) * stride);
                axis.mode = o.padding_mode;
                axis.stride = stride;
                axis.apart = 1;
                axis.length = by_size ? filled - o.output_padding[i] : 0;
                axis = padded(axis, o.padding.rule(), o.padding[i]);
                if (!by_size) {
                    axis.length = std::max<Wide>(filled + span - axis.before - axis.after + o.output_padding[i], 0);
                }
            }
            axes[i] = axis;
        }
        return axes;
    };
    // With a padding mode a call takes as long as there are cells with the padding.
    const auto arrays = [](const ConvTransposeOptions<N>& with) {
        bool few = true;
        for (std::size_t i = 0; i < N; ++i) {
            few = few && std::max({with.dilation[i], with.padding[i].before, with.padding[i].after}) <= index_t(most_elements);
        }
        return (few || with.padding_mode == PaddingMode::zeros) &&
               arrays_to_ask_for(with.in_channels, with.out_channels, with.groups, with.kernel_size);
    };
    call<L>(
        draw, drawn, arrays, o, o.layout, drawn_shape<N>(draw, o.in_channels, o.layout),
        [&](const std::vector<Wide>& shape) {
            std::vector<Wide> extents{shape[0], o.out_channels};
            for (const Axis& axis : axes_of(shape)) {
                extents.push_back(lax ? axis.windows() : axis.length);
            }
            return extents;
        },
        [&](const L& layer, const Dense& x, Expected expected) {
            add_bias(expected, layer.bias);
            const Dense weight = dense(layer.weight);
            expected = summed<N>(std::move(expected), axes_of(x.shape), o.groups, x, weight, !lax, o.flip_kernel);
            bound<T>(expected, static_cast<index_t>(weight.values.size() + expected.y.values.size()));
            return expected;
        });
}

void causal_conv(Draw& draw) {
    using L = CausalConv1d<float>;
    const auto drawn = [&] {
        const index_t groups = draw.number(1, 3);
        return CausalConv1dOptions{.in_channels = draw.channels(groups),
                                   .out_channels = draw.channels(groups),
                                   .kernel_size = draw.number(1, 4),
                                   .dilation = draw.number(1, 3),
                                   .groups = groups,
                                   .use_bias = draw.flag(),
                                   .layout = draw.layout()};
    };
    const CausalConv1dOptions o = drawn();
    // A call keeps the steps before x, as its documentation says.
    const auto arrays = [](const CausalConv1dOptions& with) {
        const index_t before = std::max<index_t>(with.kernel_size, 1) - 1;
        return arrays_to_ask_for<1>(with.in_channels, with.out_channels, with.groups, with.kernel_size) &&
               to_ask_for({with.in_channels, with.dilation, before}) && to_ask_for({with.in_channels, with.dilation, before, 2});
    };
    const auto axis_of = [&](Wide steps) {
        Axis axis{.length = steps, .kernel = o.kernel_size, .stride = 1, .dilation = o.dilation};
        axis.before = axis.span() - 1;
        return std::array{axis};
    };
    call<L>(
        draw, drawn, arrays, o, o.layout, drawn_shape<1>(draw, o.in_channels, o.layout),
        [&](const std::vector<Wide>& shape) {
            return std::vector<Wide>{shape[0], o.out_channels, shape[2]};
        },
        [&](const L& layer, const Dense& x, Expected expected) {
            add_bias(expected, layer.bias);
            const Dense weight = dense(layer.weight);
            expected = summed<1>(std::move(expected), axis_of(x.shape[2]), o.groups, x, weight, false, false);
            bound(expected, static_cast<index_t>(weight.values.size()));
            return expected;
        });
}

/// Convolution, BatchNorm, function, depthwise convolution and pool one after another, frozen for a shape or for any: refused as the layers
/// by themselves are, or the same answer.
void network(Draw& draw) {
    const index_t channels = draw.channels(1);
    const index_t middle = draw.byte() % 8 == 2 ? draw.number(15, 20) : draw.channels(1);
    const Layout layout = draw.layout();
    const ConvOptions<2> first{.in_channels = channels,
                               .out_channels = middle,
                               .kernel_size = draw.per_axis<2>(1, 3),
                               .stride = draw.per_axis<2>(1, 2),
                               .padding = draw.padding<2>(0),
                               .use_bias = draw.flag(),
                               .layout = layout};
    const ConvOptions<2> second{.in_channels = draw.byte() % 16 == 1 ? draw.number(0, 9) : middle,
                                .out_channels = middle,
                                .kernel_size = draw.per_axis<2>(1, 3),
                                .stride = draw.per_axis<2>(1, 2),
                                .padding = draw.padding<2>(0),
                                .groups = draw.flag() ? middle : 1,
                                .padding_mode = draw.pick({PaddingMode::zeros, PaddingMode::replicate}),
                                .layout = draw.byte() % 16 == 1 ? draw.layout() : layout};
    const PoolOptions<2> pooled{.window = draw.per_axis<2>(1, 2), .layout = layout};
    if (!arrays_to_ask_for(first.in_channels, first.out_channels, first.groups, first.kernel_size) ||
        !arrays_to_ask_for(second.in_channels, second.out_channels, second.groups, second.kernel_size)) {
        return;
    }
    const Shape<4> shape = drawn_shape<2>(draw, channels, layout);
    if (!is_small(shape) || *std::min_element(shape.begin(), shape.end()) < 0) {
        return;
    }
    FreezeOptions freezing{.algorithm = draw.pick({ConvAlgorithm::exact, ConvAlgorithm::automatic})};
    if (draw.flag()) {
        freezing.input_shape.assign(shape.begin(), shape.end());
    }
    const Tensor<float, 4> x = test::noise<float>(shape);

    const auto refusal = [](const auto& f) -> std::string {
        try {
            f();
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return {};
    };
    const std::string unfit = refusal([&] {
        test::Random random(7);
        const Conv2d<float> a = test::filled(random, Conv2d<float>(first, no_init));
        const Conv2d<float> b = test::filled(random, Conv2d<float>(second, no_init));
        const Sequential net(a, BatchNorm2d<float>({.size = middle, .layout = layout}), silu, b, MaxPool2d(pooled));
        const auto state = net.initial_state();
        const auto middle_shape = a.output_shape(shape);
        if (!to_ask_for(net.output_shape(shape)) || !to_ask_for(middle_shape) || !to_ask_for(b.output_shape(middle_shape))) {
            return;
        }
        std::optional<Tensor<float, 4>> y;
        const std::string alone = refusal([&] { y = net(x, state); });
        const std::string frozen = refusal([&] {
            const auto fast = freeze(net, state, freezing);
            const Tensor<float, 4> again = fast(x);
            if (y) {
                Expected expected(Extents(y->shape().begin(), y->shape().end()));
                expected.y = dense(*y);
                for (std::size_t i = 0; i < expected.y.values.size(); ++i) {
                    expected.error.values[i] = 1e-4L * (1 + std::abs(expected.y.values[i]));
                }
                compare("nn::Sequential", "y of the frozen network", dense(again), expected,
                        freezing.algorithm == ConvAlgorithm::exact ? 0 : 30 * winograd_error);
            }
        });
        if (alone.empty() != frozen.empty()) {
            wrong("nn::Sequential", "\"" + alone + "\", and frozen \"" + frozen + "\"");
        }
    });
    if (!unfit.empty() && !unfit.starts_with("nn::")) {
        wrong("nn::Sequential", "an error that names no layer: " + unfit);
    }
}

}  // namespace

}  // namespace nn::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    using namespace nn::fuzz;
    constexpr void (*kinds[])(Draw&) = {
        conv<1>,           conv<2>,        conv<3>,           conv<2, double>, conv_transpose<1>,
        conv_transpose<2>, conv_transpose<2, double>, causal_conv, network};
    Draw draw(bytes, count);
    kinds[draw.byte() % std::size(kinds)](draw);
    return 0;
}
