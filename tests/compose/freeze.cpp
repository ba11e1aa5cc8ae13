// SPDX-License-Identifier: MIT
#include <nn/compose/freeze.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/naive.hpp"
#include "support/tensors.hpp"

using nn::BatchNorm;
using nn::BatchNorm0d;
using nn::BatchNorm1d;
using nn::BatchNorm2d;
using nn::BatchNormOptions;
using nn::BatchNormState;
using nn::Bidirectional;
using nn::Conv;
using nn::Conv1d;
using nn::Conv2d;
using nn::ConvAlgorithm;
using nn::ConvNormActivation;
using nn::ConvOptions;
using nn::ConvTranspose;
using nn::ConvTransposeOptions;
using nn::Dropout;
using nn::extents_of;
using nn::freeze;
using nn::FreezeOptions;
using nn::gelu;
using nn::GlobalAvgPool2d;
using nn::GRU;
using nn::GRUReset;
using nn::hard_tanh;
using nn::identity;
using nn::index_t;
using nn::Layout;
using nn::LeakyRelu;
using nn::Linear;
using nn::LSTM;
using nn::LSTMState;
using nn::make_tensor;
using nn::no_init;
using nn::PaddingMode;
using nn::relu;
using nn::Residual;
using nn::Sequential;
using nn::Shape;
using nn::shape_error;
using nn::sigmoid;
using nn::silu;
using nn::softmax;
using nn::Tensor;
using nn::Workspace;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::filled;
using nn::test::identical;
using nn::test::noise;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

namespace {

/// |a − b| ≤ bound everywhere.
template <class X>
bool near(const X& a, const X& b, double bound) {
    const auto p = values_of(a);
    const auto q = values_of(b);
    bool close = shape_of(a) == shape_of(b);
    for (std::size_t i = 0; close && i < p.size(); ++i) {
        close = std::abs(static_cast<double>(p[i]) - static_cast<double>(q[i])) <= bound;
    }
    return close;
}

template <class T>
ConvOptions<2> any_conv(Random& random) {
    const index_t groups = random.integer(1, 3);
    return {
        .in_channels = groups * random.integer(1, 3),
        .out_channels = groups * random.integer(1, 9),
        .kernel_size = {random.integer(1, 3), random.integer(1, 4)},
        .stride = {random.integer(1, 2), random.integer(1, 3)},
        .padding = {random.integer(0, 2), random.integer(0, 3)},
        .dilation = random.integer(1, 2),
        .groups = groups,
        .use_bias = random.chance(0.5),
        .padding_mode = random.pick(std::vector{PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}),
        .layout = random.pick(std::vector{Layout::channels_first, Layout::channels_last})};
}
Shape<4> image(Random& random, index_t channels, Layout layout) {
    const index_t height = random.integer(4, 9);
    const index_t width = random.integer(5, 30);
    const index_t batch = random.integer(1, 3);
    return layout == Layout::channels_first ? Shape<4>{batch, channels, height, width} : Shape<4>{batch, height, width, channels};
}
template <class T>
BatchNormState<T> statistics(Random& random, index_t channels) {
    BatchNormState<T> state{random_tensor<T, 1>(random, {channels}), random_tensor<T, 1>(random, {channels})};
    for (T& variance : state.running_var) {
        variance = T(0.5) + std::abs(variance);
    }
    return state;
}

}  // namespace

TEMPLATE_TEST_CASE("freeze: a convolution keeps every bit, with a mask, and with a function behind it", "[freeze]", float, double) {
    using T = TestType;
    Random random(1);
    for (int round = 0; round < 60; ++round) {
        const ConvOptions<2> options = any_conv<T>(random);
        Conv<T, 2> conv = filled(random, Conv<T, 2>(options, no_init));
        if (random.chance(0.3)) {
            conv.weight_mask = random_tensor<T, 4>(random, extents_of(conv.weight));
        }
        const auto x = random_tensor<T, 4>(random, image(random, options.in_channels, options.layout));
        CAPTURE(round);
        CHECK(identical(freeze(conv)(x), conv(x)));
        CHECK(identical(freeze(conv, {.algorithm = ConvAlgorithm::exact})(x), conv(x)));
        CHECK(freeze(conv).output_shape(extents_of(x)) == conv.output_shape(extents_of(x)));
        CHECK(identical(freeze(Sequential(conv, silu))(x), silu(conv(x))));
        CHECK(identical(freeze(Sequential(conv, LeakyRelu{{.negative_slope = 0.3}}, hard_tanh))(x),
                        hard_tanh(LeakyRelu{{.negative_slope = 0.3}}(conv(x)))));
    }
}

TEST_CASE("freeze: automatic may round otherwise, exact does not", "[freeze]") {
    Random random(11);
    for (const index_t dilation : {1, 2}) {
        const auto conv = filled(
            random, Conv2d<float>({.in_channels = 40, .out_channels = 48, .kernel_size = 3, .padding = 1, .dilation = dilation}, no_init));
        const auto x = noise<float, 4>({2, 40, 17, 23});
        const auto expected = conv(x);
        CHECK(identical(freeze(conv, {.algorithm = ConvAlgorithm::exact})(x), expected));
        // (24 + C / 2)·ε·Σ|x·w|, and |x·w| < 1
        constexpr double bound = (24 + 20) * 1.2e-7 * (40 * 9 + 1);
        const auto winograd = freeze(conv)(x);
        CHECK(near(winograd, expected, bound));
        CHECK(!identical(winograd, expected));  // it is another algorithm
        CHECK(identical(freeze(Sequential(conv, relu))(x), relu(winograd)));
    }
}

TEST_CASE("freeze: with the shape of x a convolution keeps one form, which takes every shape", "[freeze]") {
    Random random(12);
    // 64 outputs fill the panels of every instruction set.
    const auto conv = filled(random, Conv2d<float>({.in_channels = 32, .out_channels = 64, .kernel_size = 3, .padding = 1}, no_init));
    constexpr std::size_t plain = 32 * 64 * 9 * sizeof(float);
    const auto within = [](std::size_t size, double weights) {
        return size >= static_cast<std::size_t>(weights * plain) && size <= static_cast<std::size_t>(1.2 * weights * plain);
    };
    const auto any = freeze(conv);
    const auto exact = freeze(conv, {.algorithm = ConvAlgorithm::exact});
    const auto large = freeze(conv, {.input_shape = {1, 32, 56, 56}});  // F(4 × 4): 36 products for 9
    const auto small = freeze(conv, {.input_shape = {1, 32, 4, 4}});    // F(2 × 2): 16
    const auto tiny = freeze(conv, {.input_shape = {32, 2, 2}});        // the product
    CHECK(within(any.size_in_bytes(), 5));
    CHECK(within(exact.size_in_bytes(), 1));
    CHECK(within(large.size_in_bytes(), 4));
    CHECK(within(small.size_in_bytes(), 16.0 / 9));
    CHECK(within(tiny.size_in_bytes(), 1));
    for (const index_t length : {1, 3, 7, 30}) {
        const auto x = noise<float, 4>({2, 32, length, length});
        const auto expected = conv(x);
        const double bound = (24 + 16) * 1.2e-7 * (32 * 9 + 1);
        CHECK(near(large(x), expected, bound));
        CHECK(near(small(x), expected, bound));
        CHECK(identical(tiny(x), expected));
    }
    CHECK(identical(any(noise<float, 3>({32, 2, 2})), conv(noise<float, 3>({32, 2, 2}))));  // too few tiles to pay

    // Along a network: the second convolution sees 4 × 4 where the first sees 8 × 8.
    const auto back = filled(random, Conv2d<float>({.in_channels = 64, .out_channels = 32, .kernel_size = 3, .padding = 1}, no_init));
    const Sequential net(conv, nn::MaxPool<2>({.window = 2, .stride = 2}), back, Residual(Sequential(conv, relu, back)),
                         nn::GlobalAvgPool2d());
    const auto frozen = freeze(net, {.input_shape = {1, 32, 8, 8}});
    CHECK(within(frozen.get<0>().size_in_bytes(), 4));
    CHECK(within(frozen.get<2>().size_in_bytes(), 16.0 / 9));
    CHECK(within(frozen.get<3>().main.get<0>().size_in_bytes(), 16.0 / 9));
    CHECK_THROWS_WITH(freeze(net, {.input_shape = {5, 5}}), "nn::Conv: x has 2 axes, expected at least 3  [x (5, 5)]");
    CHECK_THROWS_WITH(
        freeze(net, {.input_shape = {31, 5, 5}}),
        "nn::Conv: x has 31 channels, expected 32 = weight.shape[1] · groups  [x (31, 5, 5), weight (64, 32, 3, 3), groups 1]");
    CHECK_THROWS_WITH(freeze(net, {.input_shape = {32, -5, 5}}), "nn::Conv: x (32, -5, 5), expected no negative extent");
}

namespace {

/// Expand, one channel at a time, project: the block of a MobileNetV2.
template <class T>
auto inverted(Random& random, index_t inputs, index_t hidden, index_t outputs, index_t stride) {
    const auto pointwise = [&](index_t in, index_t out) {
        return filled(random, Conv2d<T>({.in_channels = in, .out_channels = out, .kernel_size = 1}, no_init));
    };
    const auto depthwise = filled(
        random,
        Conv2d<T>({.in_channels = hidden, .out_channels = hidden, .kernel_size = 3, .stride = stride, .padding = 1, .groups = hidden},
                  no_init));
    return Sequential(pointwise(inputs, hidden), nn::relu6, depthwise, LeakyRelu{{.negative_slope = 0.1}}, pointwise(hidden, outputs));
}

}  // namespace

TEMPLATE_TEST_CASE("freeze: channels that lie side by side between layers change no bit", "[freeze]", float, double) {
    using T = TestType;
    Random random(21);
    const auto strided = filled(  // reads what lies so, and writes what does not
        random, Conv2d<T>({.in_channels = 11, .out_channels = 6, .kernel_size = 1, .stride = 2, .use_bias = false}, no_init));
    const auto shortcut = filled(random, Conv2d<T>({.in_channels = 24, .out_channels = 11, .kernel_size = 1, .stride = 2}, no_init));
    const auto corner = filled(random, Conv2d<T>({.in_channels = 6, .out_channels = 6, .kernel_size = 3, .padding = 1}, no_init));
    const Sequential net(inverted<T>(random, 5, 20, 24, 1), Residual(inverted<T>(random, 24, 35, 24, 1)), relu, Dropout({.rate = 0.5}),
                         Residual(inverted<T>(random, 24, 18, 11, 2), shortcut), sigmoid, strided, corner,
                         Residual(inverted<T>(random, 6, 9, 6, 1)), GlobalAvgPool2d());
    const std::array both{freeze(net, {.algorithm = ConvAlgorithm::exact, .input_shape = {2, 5, 14, 13}}),
                          freeze(net, {.algorithm = ConvAlgorithm::exact})};
    for (const auto& frozen : both) {
        CHECK(frozen.template get<0>().writes_channels_last());
        CHECK(frozen.template get<1>().writes_channels_last());
        CHECK(frozen.template get<2>().writes_channels_last());
        for (const Shape<4>& shape : {Shape<4>{2, 5, 14, 13}, Shape<4>{1, 5, 5, 3}, Shape<4>{3, 5, 40, 33}, Shape<4>{17, 5, 1, 1}}) {
            const auto x = random_tensor<T, 4>(random, shape);
            const auto expected = net(x);
            CAPTURE(&frozen == &both[0], shape[2]);
            CHECK(identical(frozen(x), expected));
            auto y = make_tensor<T, 2>({shape[0], 6});
            Workspace workspace;
            frozen.forward_into(x, y, workspace);
            CHECK(identical(y, expected));
            const xt::xarray<T> dynamic = x;  // whose results between layers are containers
            CHECK(identical(frozen(dynamic), expected));
        }
    }
}

TEMPLATE_TEST_CASE("freeze: channels that lie side by side behind a stem change no bit", "[freeze]", float, double) {
    using T = TestType;
    Random random(23);
    const auto stem =
        filled(random, Conv2d<T>({.in_channels = 3, .out_channels = 33, .kernel_size = 3, .stride = 2, .padding = 1}, no_init));
    const Sequential net(stem, nn::relu6, inverted<T>(random, 33, 16, 7, 2));
    for (const auto& frozen : {freeze(net, {.algorithm = ConvAlgorithm::exact, .input_shape = {1, 3, 40, 30}}),
                               freeze(net, {.algorithm = ConvAlgorithm::exact})}) {
        CHECK(frozen.template get<0>().writes_channels_last());
        for (const Shape<4>& shape : {Shape<4>{1, 3, 40, 30}, Shape<4>{2, 3, 1, 2}}) {
            const auto x = random_tensor<T, 4>(random, shape);
            CHECK(identical(frozen(x), net(x)));
        }
    }
}

TEST_CASE("freeze: channels lie side by side where that is faster, and not before a layer that would have to gather them", "[freeze]") {
    Random random(22);
    const auto first = [&](const auto& block, const auto& next, index_t length) {
        return freeze(Sequential(block, next), {.input_shape = {1, 16, length, length}}).template get<0>().writes_channels_last();
    };
    const auto conv = [&](index_t kernel, index_t groups) {
        return filled(random, Conv2d<float>({.in_channels = 16, .out_channels = 16, .kernel_size = kernel, .groups = groups}, no_init));
    };
    const auto pointwise = conv(1, 1);
    CHECK(first(pointwise, pointwise, 28));
    CHECK(first(pointwise, pointwise, 112));
    CHECK(first(pointwise, conv(3, 16), 28));
    CHECK(first(pointwise, GlobalAvgPool2d(), 28));
    CHECK(first(pointwise, Residual(pointwise), 28));
    CHECK(first(pointwise, Sequential(relu, Residual(Sequential(pointwise, conv(5, 1)), pointwise)), 28));
    CHECK(!first(pointwise, Residual(pointwise, [](const auto& x) { return Tensor<float, 4>(x); }), 28));
    CHECK(!first(
        pointwise, [](const auto& x) { return Tensor<float, 4>(x); }, 28));
    CHECK(first(pointwise, conv(3, 1), 28));   // Winograd's algorithm loads either
    CHECK(!first(pointwise, conv(5, 1), 28));  // a product does not
    CHECK(!first(pointwise, conv(3, 4), 28));
    CHECK(!first(pointwise, nn::MaxPool<2>({.window = 2}), 28));
    CHECK(!first(conv(3, 16), pointwise, 28));  // x lies as it came
    const auto stem = [&](index_t outputs) {
        return filled(random, Conv2d<float>({.in_channels = 16, .out_channels = outputs, .kernel_size = 3, .stride = 2}, no_init));
    };
    CHECK(first(stem(32), filled(random, Conv2d<float>({.in_channels = 32, .out_channels = 16, .kernel_size = 1}, no_init)), 28));
    CHECK(!first(stem(31), filled(random, Conv2d<float>({.in_channels = 31, .out_channels = 16, .kernel_size = 1}, no_init)), 28));
    // What a Residual adds lies alike.
    const auto main = filled(random, Conv2d<float>({.in_channels = 16, .out_channels = 16, .kernel_size = 3, .padding = 1}, no_init));
    const auto sum = [&](const auto& residual) {
        return freeze(Sequential(residual, pointwise), {.input_shape = {1, 16, 28, 28}}).template get<0>();
    };
    CHECK(!sum(Residual(main, pointwise)).shortcut.writes_channels_last());
    CHECK(!sum(Residual(pointwise)).main.writes_channels_last());
    CHECK(sum(Residual(pointwise, pointwise)).main.writes_channels_last());
    CHECK(sum(Residual(pointwise, pointwise)).shortcut.writes_channels_last());
    const auto lone = freeze(Sequential(pointwise), {.input_shape = {1, 16, 28, 28}});
    CHECK(!lone.get<0>().writes_channels_last());
    const auto any = freeze(Sequential(pointwise, pointwise));
    CHECK(any.get<0>().writes_channels_last());
}

TEST_CASE("freeze: a transposed convolution keeps every bit", "[freeze]") {
    Random random(2);
    for (int round = 0; round < 60; ++round) {
        const ConvTransposeOptions<2> options{
            .in_channels = 4,
            .out_channels = 6,
            .kernel_size = {random.integer(1, 3), random.integer(1, 4)},
            .stride = random.integer(1, 3),
            .padding = random.integer(0, 1),
            .groups = random.pick(std::vector<index_t>{1, 2}),
            .use_bias = random.chance(0.5),
            .padding_mode = random.pick(std::vector{PaddingMode::zeros, PaddingMode::reflect, PaddingMode::circular}),
            .flip_kernel = random.chance(0.5),
            .layout = random.pick(std::vector{Layout::channels_first, Layout::channels_last})};
        const auto layer = filled(random, ConvTranspose<float, 2>(options, no_init));
        const auto x = random_tensor<float, 4>(random, image(random, 4, options.layout));
        CAPTURE(round);
        CHECK(identical(freeze(layer)(x), layer(x)));
        CHECK(identical(freeze(Sequential(layer, relu))(x), relu(layer(x))));
    }
}

TEMPLATE_TEST_CASE("freeze: a linear layer keeps every bit, whatever the batch", "[freeze]", float, double, long double) {
    using T = TestType;
    Random random(3);
    for (const index_t outputs : {1, 5, 16, 70}) {
        const auto linear = filled(random, Linear<T>({.in_features = 33, .out_features = outputs, .use_bias = outputs != 5}, no_init));
        const auto frozen = freeze(linear);
        const auto x = random_tensor<T, 3>(random, {3, 41, 33});
        CHECK(identical(frozen(x), linear(x)));
        CHECK(identical(frozen(Tensor<T, 2>(xt::view(x, 1))), Tensor<T, 2>(xt::view(linear(x), 1))));
        CHECK(identical(frozen(Tensor<T, 1>(xt::view(x, 2, 7))), Tensor<T, 1>(xt::view(linear(x), 2, 7))));
        CHECK(identical(freeze(Sequential(linear, nn::tanh))(x), nn::tanh(linear(x))));
        // rows that do not lie evenly
        Tensor<T, 3> wide = make_tensor<T, 3>({3, 50, outputs}, T(0));
        auto part = xt::view(wide, xt::all(), xt::range(3, 44), xt::all());
        Workspace workspace;
        freeze(Sequential(linear, relu)).forward_into(x, part, workspace);
        CHECK(identical(Tensor<T, 3>(part), relu(linear(x))));
    }
}

TEMPLATE_TEST_CASE("freeze: recurrent layers keep every bit, and their own state", "[freeze]", LSTM<float>, GRU<float>, LSTM<double>,
                   GRU<double>) {
    Random random(4);
    using T = typename decltype(TestType::weight_ih)::value_type;
    for (const index_t hidden : {1, 7, 24}) {
        TestType layer = filled(random, TestType({.input_size = 5, .hidden_size = hidden, .use_bias = hidden != 7}, no_init));
        if constexpr (std::same_as<TestType, GRU<float>>) {
            if (hidden == 24) {
                layer = filled(random, TestType({.input_size = 5, .hidden_size = hidden, .reset = GRUReset::before}, no_init));
            }
        }
        const auto frozen = freeze(layer);
        static_assert(decltype(frozen)::carries && std::same_as<typename decltype(frozen)::State, typename TestType::State>);
        const auto x = random_tensor<T, 3>(random, {3, 11, 5});
        Tensor<bool, 2> resets({3, 11}, false);
        resets(1, 4) = resets(2, 0) = true;
        CHECK(identical(frozen(x), layer(x)));
        auto a = filled(random, layer.initial_state(3));
        auto b = a;
        for (int call = 0; call < 2; ++call) {
            CHECK(identical(frozen(x, b, resets), layer(x, a, resets)));
            CHECK(identical(frozen(x, b), layer(x, a)));
        }
        CHECK(identical(a.hidden, b.hidden));
    }
}

TEST_CASE("freeze: a BatchNorm is folded into what is before it", "[freeze]") {
    Random random(5);
    for (int round = 0; round < 40; ++round) {
        ConvOptions<2> options = any_conv<double>(random);
        const auto conv = filled(random, Conv<double, 2>(options, no_init));
        const auto norm = filled(random, BatchNorm<double, 2>({.size = options.out_channels,
                                                               .use_weight = random.chance(0.7),
                                                               .use_bias = random.chance(0.7),
                                                               .layout = options.layout}));
        const auto x = random_tensor<double, 4>(random, image(random, options.in_channels, options.layout));
        const Sequential net(conv, norm, relu);
        auto state = net.initial_state();
        state.get<1>() = statistics<double>(random, options.out_channels);
        const auto frozen = freeze(net, state);
        static_assert(std::tuple_size_v<decltype(frozen.layers)> == 1);
        CHECK(near(frozen(x), net(x, state), 1e-12));

        const ConvNormActivation block(conv, norm, gelu);
        auto block_state = block.initial_state();
        block_state.norm = state.get<1>();
        CHECK(near(freeze(block, block_state)(x), block(x, block_state), 1e-12));
    }
    const Sequential linear(filled(random, Linear<double>({.in_features = 4, .out_features = 9}, no_init)),
                            BatchNorm0d<double>({.size = 9}));
    auto state = linear.initial_state();
    state.get<1>() = statistics<double>(random, 9);
    const auto x = noise<double, 2>({5, 4});
    static_assert(std::tuple_size_v<decltype(freeze(linear, state).layers)> == 1);
    CHECK(near(freeze(linear, state)(x), linear(x, state), 1e-12));
}

TEST_CASE("freeze: what cannot be folded stays, with its statistics", "[freeze]") {
    Random random(6);
    const auto x = noise<double, 4>({2, 3, 4, 5});
    const BatchNorm2d<double> norm = filled(random, BatchNorm2d<double>({.size = 3}));
    const auto state = statistics<double>(random, 3);
    CHECK(identical(freeze(norm, state)(x), norm(x, state)));

    // An activation between, a BatchNorm first, and one that normalises other axes than the convolution makes.
    const auto conv = filled(random, Conv2d<double>({.in_channels = 3, .out_channels = 3, .kernel_size = 1}, no_init));
    const Sequential net(norm, conv, nn::tanh, norm, sigmoid);
    auto states = net.initial_state();
    states.get<0>() = states.get<3>() = state;
    const auto frozen = freeze(net, states);
    static_assert(std::tuple_size_v<decltype(frozen.layers)> == 4);
    CHECK(identical(frozen(x), net(x, states)));
}

TEST_CASE("freeze: nested chains are one, functions that follow one another are one, Dropout goes", "[freeze]") {
    Random random(7);
    const auto linear = filled(random, Linear<float>({.in_features = 6, .out_features = 6}, no_init));
    const auto x = noise<float, 2>({4, 6});
    const Sequential net(Dropout(), Sequential(linear, Sequential(Dropout(), relu)), nn::tanh, Sequential(linear), softmax, Sequential<>(),
                         relu, silu);
    const auto frozen = freeze(net);
    static_assert(std::tuple_size_v<decltype(frozen.layers)> == 5);  // dropout, linear relu nn::tanh, linear, softmax, relu silu
    CHECK(identical(frozen(x), net(x)));
    CHECK(identical(freeze(Sequential<>())(x), x));
    CHECK(identical(freeze(Sequential(relu))(x), relu(x)));
}

TEST_CASE("freeze: residual and bidirectional networks, and carried state beside statistics", "[freeze]") {
    Random random(8);
    const auto conv = filled(random, Conv1d<float>({.in_channels = 4, .out_channels = 4, .kernel_size = 3, .padding = 1}, no_init));
    const BatchNorm1d<float> norm = filled(random, BatchNorm1d<float>({.size = 4}));
    const Sequential net(Residual(Sequential(conv, norm, relu)), Residual(Residual(conv), identity), relu);
    auto state = net.initial_state();
    state.get<0>().main.get<1>() = statistics<float>(random, 4);
    const auto x = noise<float, 3>({2, 4, 9});
    CHECK(near(freeze(net, state)(x), net(x, state), 1e-5));

    const auto lstm = [&](index_t in) { return filled(random, LSTM<float>({.input_size = in, .hidden_size = 5}, no_init)); };
    const Sequential both(Bidirectional(lstm(4), lstm(4)), filled(random, Linear<float>({.in_features = 10, .out_features = 3}, no_init)),
                          relu);
    const auto sequence = noise<float, 3>({2, 7, 4});
    CHECK(identical(freeze(both)(sequence), both(sequence)));

    const Sequential mixed(lstm(4), filled(random, Linear<float>({.in_features = 5, .out_features = 6}, no_init)),
                           BatchNorm0d<float>({.size = 6}));
    auto mixed_state = mixed.initial_state(2);
    mixed_state.get<2>() = statistics<float>(random, 6);
    const auto frozen = freeze(mixed, mixed_state);
    auto carried = frozen.initial_state(2);
    for (int call = 0; call < 2; ++call) {
        CHECK(near(frozen(sequence, carried), mixed(sequence, mixed_state), 1e-5));
    }
    CHECK(identical(carried.get<0>().cell, mixed_state.get<0>().cell));
}

namespace {

struct Doubled {  // a user's layer that knows nothing of freezing
    auto operator()(const auto& x) const { return Tensor<float, 2>(2 * x); }
};
struct Shifted {  // one with statistics
    struct State {
        Tensor<float, 1> shift;
    };
    State initial_state() const { return {{0.5F}}; }
    auto operator()(const auto& x, const State& state) const { return Tensor<float, 2>(x + state.shift(0)); }
};
struct Counting {  // one with frozen forms of its own
    struct State {
        Tensor<float, 1> count;
    };
    State initial_state() const { return {{0.0F}}; }
    auto operator()(const auto& x, const State& state) const { return Tensor<float, 2>(x * state.count(0)); }
    auto frozen(const FreezeOptions& options, const State& state) const {
        const bool exact = options.algorithm == ConvAlgorithm::exact;
        return [factor = state.count(0) + (exact ? 100.0F : 0.0F)](const auto& x) { return Tensor<float, 2>(factor * x); };
    }
};

/// Another number of channels than that of a member that is called as that of a Residual.
struct WithMain {
    Conv2d<float> main;

    Tensor<float, 4> operator()(const Tensor<float, 4>& x) const {
        const auto y = main(x);
        return xt::concatenate(xt::xtuple(y, y), 1);
    }
    std::vector<index_t> output_shape(std::vector<index_t> x) const {
        x[1] = 2 * main.options.out_channels;
        return x;
    }
};

}  // namespace

TEST_CASE("freeze: a user's layers are asked for their frozen form, keep their statistics, or are copied", "[freeze]") {
    const Tensor<float, 2> x{{1, -2}};
    const Sequential net(Doubled(), Shifted(), Counting(), relu);
    auto state = net.initial_state();
    state.get<1>().shift(0) = 3;
    state.get<2>().count(0) = 7;
    CHECK(values_of(freeze(net, state)(x)) == std::vector<float>{35, 0});
    CHECK(values_of(freeze(net, state, {.algorithm = ConvAlgorithm::exact})(x)) == std::vector<float>{535, 0});
    CHECK(values_of(freeze(Doubled())(x)) == std::vector<float>{2, -4});
    CHECK(values_of(freeze(Shifted(), Shifted::State{{1.0F}})(x)) == std::vector<float>{2, -1});
}

TEST_CASE("freeze: shares nothing with what it was made from, and copies are whole", "[freeze]") {
    Random random(9);
    auto conv = filled(random, Conv2d<float>({.in_channels = 3, .out_channels = 20, .kernel_size = 3}, no_init));
    const auto x = noise<float, 3>({3, 9, 9});
    const auto expected = conv(x);
    std::optional<decltype(freeze(conv))> first(freeze(conv));
    conv.weight.fill(0);
    const auto copy = *first;
    first.reset();
    CHECK(identical(copy(x), expected));
    CHECK(nn::summary(copy, Shape<3>{3, 9, 9}) ==
          "layer                  output shape  parameters  multiply-adds\n"
          "       input           (3, 9, 9)\n"
          "       nn::FrozenConv  (20, 7, 7)\n"
          "       total           (20, 7, 7)             0              0\n");
    // 20 outputs, whole tiles of 6 or 12 rows, and 20 biases
    CHECK(copy.size_in_bytes() >= (20 * 27 + 20) * sizeof(float));
    CHECK(copy.size_in_bytes() <= sizeof(copy) + (44 * 27 + 20) * sizeof(float));
}

TEST_CASE("freeze: a frozen Residual in a Residual is a layer in a layer", "[freeze]") {
    Random random(21);
    const auto x = noise<float, 2>({3, 4});
    const auto linear = filled(random, Linear<float>({.in_features = 4, .out_features = 4}, no_init));
    const auto inner = freeze(Sequential(Residual(linear), relu)).template get<0>();
    const Residual outer(inner);
    static_assert(std::same_as<std::remove_const_t<decltype(outer)>, Residual<std::remove_const_t<decltype(inner)>>>);
    CHECK(identical(outer(x), Tensor<float, 2>(x + inner(x))));
}

TEST_CASE("freeze: of a Residual whose layers can be made once only", "[freeze]") {
    Random random(22);
    const index_t channels = 64;
    const auto conv = filled(random, Conv2d<float>({.in_channels = channels, .out_channels = channels}, no_init));
    const float half = 0.5F;
    const auto halved = [half](const auto& y) { return Tensor<float, 4>(half * y); };  // cannot be assigned
    const auto depthwise =
        filled(random, Conv2d<float>({.in_channels = channels, .out_channels = channels, .kernel_size = 3, .groups = channels}, no_init));
    const auto x = noise<float, 4>({1, channels, 9, 9});
    const Sequential net(Residual(Sequential(halved, conv), halved), depthwise);
    CHECK(identical(freeze(net, {.input_shape = {1, channels, 9, 9}})(x), net(x)));
}

TEST_CASE("freeze: a user's layer says its own shape, whatever its members are called", "[freeze]") {
    Random random(23);
    const auto conv = [&](index_t in, index_t out) {
        return filled(random, Conv2d<float>({.in_channels = in, .out_channels = out, .kernel_size = 3, .padding = 1}, no_init));
    };
    const Sequential net(WithMain{conv(3, 8)}, conv(16, 4));
    const auto x = noise<float, 4>({1, 3, 6, 6});
    CHECK(identical(freeze(net, {.input_shape = {1, 3, 6, 6}})(x), net(x)));
}

TEST_CASE("freeze: the shape is known behind statistics that stay", "[freeze]") {
    Random random(24);
    const BatchNorm2d<float> norm({.size = 32});
    const auto conv = filled(random, Conv2d<float>({.in_channels = 32, .out_channels = 32, .kernel_size = 3, .padding = 1}, no_init));
    const Sequential net(norm, relu, conv);
    const auto state = net.initial_state();
    const auto with = [&](const std::vector<index_t>& shape) { return freeze(net, state, {.input_shape = shape}).template get<2>(); };
    CHECK(with({1, 32, 40, 40}).size_in_bytes() < with({}).size_in_bytes());  // one form of the weight
}

TEST_CASE("freeze: recurrent arrays that were assigned are looked at", "[freeze]") {
    LSTM<float> lstm({.input_size = 3, .hidden_size = 2}, no_init);
    lstm.weight_hh = Tensor<float, 2>({7, 2}, 0.0F);
    CHECK(error_of<shape_error>([&] { (void)freeze(lstm); }) ==
          "nn::LSTM: weight_hh (7, 2), expected (8, 2) = (4 · hidden_size, hidden_size)");
    lstm = LSTM<float>({.input_size = 3, .hidden_size = 2}, no_init);
    lstm.options.hidden_size = 0;
    CHECK(error_of<std::invalid_argument>([&] { (void)freeze(lstm); }) == "nn::LSTM: hidden_size 0, expected at least 1");
    GRU<float> gru({.input_size = 3, .hidden_size = 2}, no_init);
    gru.weight_ih = Tensor<float, 2>({6, 4}, 0.0F);
    CHECK(error_of<shape_error>([&] { (void)freeze(gru); }) ==
          "nn::GRU: weight_ih (6, 4), expected (6, 3) = (3 · hidden_size, input_size)");
    gru = GRU<float>({.input_size = 3, .hidden_size = 2}, no_init);
    gru.bias.reset();
    CHECK(error_of<shape_error>([&] { (void)freeze(gru); }) == "nn::GRU: no bias, expected one: use_bias is true");
    gru.options.input_size = -1;
    CHECK(error_of<std::invalid_argument>([&] { (void)freeze(gru); }) == "nn::GRU: input_size -1, expected at least 1");
}

TEST_CASE("freeze: a scale or shift of another size is not folded", "[freeze]") {
    const Tensor<float, 1> four({4}, 1.0F);
    const Tensor<float, 1> five({5}, 1.0F);
    const auto refuses = [&](const auto& layer, const std::string& who) {
        CHECK(error_of<shape_error>([&] { (void)layer.folded(five, four); }) ==
              who + ": scale (5,) and shift (4,), expected (4,) = weight.shape[:1]");
        CHECK(error_of<shape_error>([&] { (void)layer.folded(four, five); }) ==
              who + ": scale (4,) and shift (5,), expected (4,) = weight.shape[:1]");
    };
    refuses(Conv1d<float>({.in_channels = 2, .out_channels = 4}, no_init), "nn::Conv");
    refuses(ConvTranspose<float, 1>({.in_channels = 2, .out_channels = 4}, no_init), "nn::ConvTranspose");
    refuses(Linear<float>({.in_features = 2, .out_features = 4}, no_init), "nn::Linear");
}

TEST_CASE("freeze: errors are the layer's own, and those of layers that do not fit one another", "[freeze]") {
    const Conv2d<float> conv({.in_channels = 3, .out_channels = 8, .kernel_size = 3}, no_init);
    CHECK(error_of<shape_error>([&] {
              (void)freeze(conv)(Tensor<float, 3>({4, 9, 9}));
          }) == "nn::Conv: x has 4 channels, expected 3 = weight.shape[1] · groups  [x (4, 9, 9), weight (8, 3, 3, 3), groups 1]");
    CHECK(error_of<shape_error>([&] {
              (void)freeze(Linear<float>({.in_features = 2, .out_features = 3}, no_init))(Tensor<float, 1>({5}, 0.0F));
          }) == "nn::Linear: x has 5 features, expected 2 = weight.shape[1]  [x (5,), weight (3, 2)]");
    const auto freeze_behind = [&](const BatchNormOptions& options) {
        return error_of<std::invalid_argument>([&] {
            const Sequential net(conv, BatchNorm2d<float>(options));
            (void)freeze(net, net.initial_state());
        });
    };
    CHECK(freeze_behind({.size = 9}) == "nn::freeze: nn::BatchNorm of 9 channels behind nn::Conv of 8");
    CHECK(freeze_behind({.size = 8, .layout = Layout::channels_last}) ==
          "nn::freeze: nn::BatchNorm of another layout than the nn::Conv before it");
    Conv2d<float> broken = conv;
    broken.bias.reset();
    CHECK(error_of<shape_error>([&] { (void)freeze(broken); }) == "nn::Conv: no bias, expected one: use_bias is true");
    BatchNorm2d<float> norm({.size = 8});
    auto state = norm.initial_state();
    state.running_var = Tensor<float, 1>({7}, 1.0F);
    CHECK(error_of<shape_error>([&] {
              const Sequential net(conv, norm);
              auto states = net.initial_state();
              states.get<1>() = state;
              (void)freeze(net, states);
          }).starts_with("nn::BatchNorm: running_var (7,)"));
}

template <class Net, class... A>
concept freezes = requires(const Net& net, const A&... arguments) {
    freeze(net, arguments...);
};

TEST_CASE("freeze: a network with statistics is not frozen without them", "[freeze]") {
    using Net = Sequential<Conv2d<float>, BatchNorm2d<float>>;
    static_assert(freezes<Net, Net::State> && !freezes<Net>);
    static_assert(freezes<LSTM<float>> && freezes<BatchNorm2d<float>, BatchNormState<float>> &&
                  !freezes<BatchNorm2d<float>, LSTMState<float>>);
}
