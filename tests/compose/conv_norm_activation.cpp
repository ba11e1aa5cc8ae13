// SPDX-License-Identifier: MIT

#include <nn/compose/conv_norm_activation.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/layers/batch_norm.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/linear.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::shape_error;
using nn::test::close;
using nn::test::CounterFill;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::fixed;
using nn::test::GoldenLine;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

// ---- golden ----

template <std::size_t N>
nn::PerAxis<N> per_axis(GoldenLine& line) {
    std::array<index_t, N> values = fixed<N>(line.integers(N));
    return values;
}

/// One line of conv_norm_activation_expected.txt: options, y.
template <std::size_t N>
struct Case {
    nn::ConvNormActivationOptions<N> options;
    bool norm;
    index_t activation;
    nn::Shape<N> extents;
    GoldenLine::Array y;

    explicit Case(GoldenLine line) {
        options.in_channels = line.integer();
        options.out_channels = line.integer();
        options.kernel_size = per_axis<N>(line);
        options.stride = per_axis<N>(line);
        options.dilation = per_axis<N>(line);
        options.groups = line.integer();
        const index_t bias = line.integer();
        if (bias >= 0) {
            options.use_bias = bias == 1;
        }
        norm = line.integer() == 1;
        activation = line.integer();
        if (line.integer() == 1) {
            std::array<nn::Pad, N> pads;
            for (nn::Pad& pad : pads) {
                pad.before = line.integer();
                pad.after = line.integer();
            }
            options.padding = pads;
        }
        extents = fixed<N>(line.integers(N));
        y = line.array();
        REQUIRE(line.ended());
    }
};

template <std::size_t N, class Block>
void check_block(const Case<N>& expected, Block block) {
    CounterFill fill;
    fill(block.conv.weight);
    if (block.conv.bias) {
        fill(*block.conv.bias);
    }
    nn::Shape<N + 2> shape{2, expected.options.in_channels};
    std::copy(expected.extents.begin(), expected.extents.end(), shape.begin() + 2);
    auto x = nn::make_tensor<double, N + 2>(shape);
    const auto check = [&](auto&... state) {
        fill(x);
        const auto y = block(x, state...);
        CHECK(shape_of(y) == expected.y.shape);
        CHECK(close(y, expected.y.values, 1e-11));
        const nn::Shape<N + 2> extents = block.output_shape(shape);
        CHECK(Extents(extents.begin(), extents.end()) == expected.y.shape);

        nn::Workspace workspace;
        nn::Tensor<double, N + 2> into;
        block.forward_into(x, state..., into, workspace);
        CHECK(identical(into, y));
        into.fill(-1);
        block.forward_into(x, state..., into, workspace);
        CHECK(identical(into, y));
    };
    if constexpr (std::is_same_v<decltype(block.norm), nn::Identity>) {
        check();
    } else {
        fill(*block.norm.weight);
        fill(*block.norm.bias);
        auto state = block.initial_state();
        fill(state.norm.running_mean);
        fill(state.norm.running_var);
        for (double& variance : state.norm.running_var) {
            variance += 1;
        }
        check(std::as_const(state));
    }
}

template <std::size_t N>
void check_case(const Case<N>& expected) {
    const auto with_norm = [&](const auto& activation) {
        if (expected.norm) {
            check_block(expected,
                        nn::conv_norm_activation<double, N>(
                            expected.options, nn::BatchNorm<double, N>({.size = expected.options.out_channels}), activation, nn::no_init));
        } else {
            check_block(expected, nn::conv_norm_activation<double, N>(expected.options, nn::identity, activation, nn::no_init));
        }
    };
    switch (expected.activation) {
        case 0: with_norm(nn::identity); break;
        case 1: with_norm(nn::relu); break;
        case 2: with_norm(nn::silu); break;
        default: with_norm(nn::tanh); break;
    }
}

// ---- layers of a user's own ----

/// A norm without a state and with a parameter.
struct Twice {
    nn::Tensor<float, 1> factor{2};

    auto operator()(const auto& x) const {
        auto y = x;
        for (auto& element : y) {
            element *= factor(0);
        }
        return y;
    }
    static void members(auto& self, auto&& f) { f("factor", self.factor); }
};

/// An activation that refuses what is negative.
struct Refuse {
    auto operator()(const auto& x) const {
        for (const auto& element : x) {
            nn::require<std::domain_error>(element >= 0, "Refuse", "x has a negative element");
        }
        return x;
    }
};

template <class L, class... A>
concept callable = requires(const L& layer, A&&... arguments) {
    layer(arguments...);
};

template <class T, std::size_t R>
nn::Tensor<T, R> noise(const nn::Shape<R>& shape, std::uint64_t seed = 3) {
    Random random(seed);
    return random_tensor<T, R>(random, shape);
}

/// 2 -> 3 channels along one axis.
auto block_of_three(std::mt19937& rng) {
    return nn::conv_norm_activation<float, 1>({.in_channels = 2, .out_channels = 3}, nn::BatchNorm1d<float>({.size = 3}), nn::relu, rng);
}

}  // namespace

TEST_CASE("ConvNormActivation: the numbers of noxton, in one, two and three dimensions") {
    const auto lines = nn::test::golden_lines("compose/conv_norm_activation_expected.txt");
    REQUIRE(lines.size() == 60);
    for (const std::string& text : lines) {
        GoldenLine line(text);
        CAPTURE(text.substr(0, 60));
        switch (line.integer()) {
            case 1: check_case(Case<1>(std::move(line))); break;
            case 2: check_case(Case<2>(std::move(line))); break;
            default: check_case(Case<3>(std::move(line))); break;
        }
    }
}

TEST_CASE("ConvNormActivation: kernel 3, stride 1, padding of half the kernel and no groups unless told") {
    std::mt19937 rng(1);
    const nn::ConvNormActivationOptions<2> options{.in_channels = 2, .out_channels = 3};
    const auto block = nn::conv_norm_activation<float, 2>(options, nn::identity, nn::relu, rng);
    CHECK(nn::extents_of(block.conv.weight) == nn::Shape<4>{3, 2, 3, 3});
    CHECK(block.conv.options.stride == nn::PerAxis<2>(1));
    CHECK(block.conv.options.dilation == nn::PerAxis<2>(1));
    CHECK(block.conv.options.groups == 1);
    CHECK(block.conv.options.padding == nn::half_padding);
    CHECK(block.conv.options.padding_mode == nn::PaddingMode::zeros);
    CHECK(block.conv.options.layout == nn::Layout::channels_first);
    CHECK(block.output_shape(nn::Shape<3>{2, 8, 9}) == nn::Shape<3>{3, 8, 9});
}

TEST_CASE("ConvNormActivation: automatic padding gives noxton's extents") {
    // semantics.md 3: p = floor((k - 1) / 2) · d, which covers the span d · (k - 1) of an odd kernel and is d short for an even one.
    for (index_t n : {9, 10, 17}) {
        for (index_t k : {1, 2, 3, 4, 5, 6}) {
            for (index_t d : {1, 2, 3}) {
                for (index_t s : {1, 2, 3}) {
                    CAPTURE(n, k, d, s);
                    const auto block = nn::conv_norm_activation<float, 1>(
                        {.in_channels = 1, .out_channels = 1, .kernel_size = k, .stride = s, .dilation = d}, nn::identity, nn::relu,
                        nn::no_init);
                    const index_t expected = (n - 1 - (k % 2 == 0 ? d : 0)) / s + 1;
                    CHECK(block.output_shape(nn::Shape<2>{1, n}) == nn::Shape<2>{1, expected});
                    CHECK(shape_of(block(nn::Tensor<float, 2>({1, static_cast<std::size_t>(n)}, 1.0F))) == Extents{1, expected});
                }
            }
        }
    }
}

TEST_CASE("ConvNormActivation: a bias exactly where there is no norm, unless told") {
    const auto has_bias = [](std::optional<bool> use_bias, auto norm) {
        nn::ConvNormActivationOptions<1> options{.in_channels = 2, .out_channels = 3};
        options.use_bias = use_bias;
        const auto block = nn::conv_norm_activation<float, 1>(options, std::move(norm), nn::relu, nn::no_init);
        CHECK(block.conv.options.use_bias == block.conv.bias.has_value());
        return block.conv.bias.has_value();
    };
    const nn::BatchNorm1d<float> norm({.size = 3});
    CHECK(has_bias(std::nullopt, nn::identity));
    CHECK(has_bias(true, nn::identity));
    CHECK(!has_bias(false, nn::identity));
    CHECK(!has_bias(std::nullopt, norm));
    CHECK(has_bias(true, norm));
    CHECK(!has_bias(false, norm));
    CHECK(!has_bias(std::nullopt, Twice{}));  // any norm, with a state or without
    CHECK(!has_bias(std::nullopt, [](const auto& x) { return x; }));
}

TEST_CASE("ConvNormActivation: every option reaches the convolution") {
    using Mode = nn::PaddingMode;
    const auto x = noise<float, 4>({2, 4, 8, 9});
    const auto permuted = noise<float, 4>({2, 8, 9, 4});
    const auto check = [](const nn::ConvNormActivationOptions<2>& options, const nn::ConvOptions<2>& plain, const auto& input) {
        std::mt19937 a(1);
        std::mt19937 b(1);
        const auto block = nn::conv_norm_activation<float, 2>(options, nn::identity, nn::tanh, a);
        const nn::Conv2d<float> conv(plain, b);
        CHECK(identical(block.conv.weight, conv.weight));
        CHECK(identical(block(input), nn::tanh(conv(input))));
        CHECK((a == b));  // the convolution alone draws
    };
    check(
        {.in_channels = 4, .out_channels = 6, .kernel_size = {2, 3}, .stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2},
        {.in_channels = 4, .out_channels = 6, .kernel_size = {2, 3}, .stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2},
        x);
    check({.in_channels = 4, .out_channels = 6, .padding = {{0, 1}, {2, 2}}, .padding_mode = Mode::reflect},
          {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = {{0, 1}, {2, 2}}, .padding_mode = Mode::reflect}, x);
    check({.in_channels = 4, .out_channels = 6, .stride = 2, .padding = nn::same_lower},
          {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .stride = 2, .padding = nn::same_lower}, x);
    check({.in_channels = 4, .out_channels = 6, .padding = nn::valid}, {.in_channels = 4, .out_channels = 6, .kernel_size = 3}, x);
    check({.in_channels = 4,
           .out_channels = 6,
           .kernel_size = 5,
           .use_bias = false,
           .padding_mode = Mode::circular,
           .layout = nn::Layout::channels_last},
          {.in_channels = 4,
           .out_channels = 6,
           .kernel_size = 5,
           .padding = 2,
           .use_bias = false,
           .padding_mode = Mode::circular,
           .layout = nn::Layout::channels_last},
          permuted);
}

TEST_CASE("ConvNormActivation: made of three layers, too, without a factory") {
    std::mt19937 rng(2);
    const nn::Conv1d<float> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, rng);
    const auto x = noise<float, 3>({2, 2, 8});
    const nn::ConvNormActivation plain(conv, nn::identity, nn::relu);
    CHECK(identical(plain(x), nn::relu(conv(x))));
    const nn::ConvNormActivation own(conv, Twice{}, [](const auto& z) { return nn::tanh(z); });
    CHECK(identical(own(x), nn::tanh(Twice{}(conv(x)))));
    static_assert(!decltype(plain)::needs_state && !decltype(own)::needs_state);
    static_assert(!callable<decltype(own), const nn::Tensor<float, 3>&, nn::BatchNorm1d<float>::State&>);

    // What takes a mode gets it: a Dropout for an activation.
    const nn::ConvNormActivation dropping(conv, nn::identity, nn::Dropout({.rate = 0.5}));
    std::mt19937 a(5);
    std::mt19937 b(5);
    CHECK(identical(dropping(x, nn::training(a)), dropping.activation(conv(x), nn::training(b))));
    CHECK(identical(dropping(x), conv(x)));
}

TEST_CASE("ConvNormActivation: training normalises with the batch, updates the state, and inference reads it") {
    std::mt19937 rng(3);
    auto block = nn::conv_norm_activation<double, 1>({.in_channels = 2, .out_channels = 3},
                                                     nn::BatchNorm1d<double>({.size = 3, .momentum = 0.3}), nn::silu, rng);
    static_assert(!decltype(block)::carries && decltype(block)::needs_state);
    block.norm.weight = nn::Tensor<double, 1>{.5, 2, -1};
    block.norm.bias = nn::Tensor<double, 1>{.1, -.2, .3};
    const auto x = noise<double, 3>({4, 2, 6});
    auto state = block.initial_state();
    CHECK(values_of(state.norm.running_mean) == std::vector<double>{0, 0, 0});
    CHECK(values_of(state.norm.running_var) == std::vector<double>{1, 1, 1});

    // noxton's formulas (semantics.md 4.2), by hand: n = 24 elements a channel.
    const auto z = block.conv(x);
    std::vector<double> expected;
    std::vector<double> mean(3);
    std::vector<double> variance(3);
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t b = 0; b < 4; ++b) {
            for (std::size_t i = 0; i < 6; ++i) {
                mean[c] += z(b, c, i) / 24;
            }
        }
        for (std::size_t b = 0; b < 4; ++b) {
            for (std::size_t i = 0; i < 6; ++i) {
                variance[c] += (z(b, c, i) - mean[c]) * (z(b, c, i) - mean[c]) / 24;
            }
        }
    }
    const auto activated = [&](const std::vector<double>& m, const std::vector<double>& v) {
        std::vector<double> y;
        for (std::size_t b = 0; b < 4; ++b) {
            for (std::size_t c = 0; c < 3; ++c) {
                for (std::size_t i = 0; i < 6; ++i) {
                    const double n = (z(b, c, i) - m[c]) / std::sqrt(v[c] + 1e-5) * (*block.norm.weight)(c) + (*block.norm.bias)(c);
                    y.push_back(n / (1 + std::exp(-n)));
                }
            }
        }
        return y;
    };
    const auto start = state;
    const auto y = block(x, state, nn::training());
    CHECK(close(y, activated(mean, variance), 1e-12));
    std::vector<double> running_mean(3);
    std::vector<double> running_var(3);
    for (std::size_t c = 0; c < 3; ++c) {
        running_mean[c] = .3 * mean[c];
        running_var[c] = .7 + .3 * variance[c] * 24 / 23;
    }
    CHECK(close(state.norm.running_mean, running_mean, 1e-12));
    CHECK(close(state.norm.running_var, running_var, 1e-12));

    // Inference leaves the state, whether it could be written or not.
    const auto trained = state;
    CHECK(close(block(x, trained), activated(running_mean, running_var), 1e-12));
    CHECK(identical(block(x, state), block(x, trained)));
    CHECK(identical(state.norm.running_mean, trained.norm.running_mean));
    CHECK(identical(state.norm.running_var, trained.norm.running_var));

    // The same through forward_into: with an engine, which nothing here draws from.
    auto again = start;
    std::mt19937 engine(9);
    nn::Workspace workspace;
    nn::Tensor<double, 3> into;
    block.forward_into(x, again, nn::training(engine), into, workspace);
    CHECK(identical(into, y));
    CHECK(identical(again.norm.running_mean, state.norm.running_mean));
    CHECK(identical(again.norm.running_var, state.norm.running_var));
    CHECK((engine == std::mt19937(9)));
}

TEST_CASE("ConvNormActivation: any leading axes, and channels last") {
    std::mt19937 rng(4);
    const auto block = block_of_three(rng);
    auto state = block.initial_state();
    state.norm.running_mean = {.1F, .2F, .3F};
    const auto deep = noise<float, 4>({2, 3, 2, 7});
    const auto y = block(deep, state);
    CHECK(shape_of(y) == Extents{2, 3, 3, 7});
    for (std::size_t a = 0; a < 2; ++a) {
        for (std::size_t b = 0; b < 3; ++b) {
            const nn::Tensor<float, 2> one = xt::view(deep, a, b, xt::all(), xt::all());
            CHECK(identical(block(one, state), xt::eval(xt::view(y, a, b, xt::all(), xt::all()))));
        }
    }
    CHECK(shape_of(block(nn::Tensor<float, 3>({0, 2, 7}), state)) == Extents{0, 3, 7});

    const auto last =
        nn::conv_norm_activation<float, 1>({.in_channels = 2, .out_channels = 3, .layout = nn::Layout::channels_last},
                                           nn::BatchNorm1d<float>({.size = 3, .layout = nn::Layout::channels_last}), nn::relu, nn::no_init);
    auto same = last;
    same.conv.weight = block.conv.weight;
    const nn::Tensor<float, 2> first = xt::view(deep, 0, 0, xt::all(), xt::all());
    nn::Tensor<float, 2> turned({7, 2});
    nn::Tensor<float, 2> expected({7, 3});
    for (std::size_t i = 0; i < 7; ++i) {
        turned(i, 0) = first(0, i);
        turned(i, 1) = first(1, i);
        for (std::size_t c = 0; c < 3; ++c) {
            expected(i, c) = y(0, 0, c, i);
        }
    }
    CHECK(close(same(turned, state), {expected.begin(), expected.end()}, 1e-6));
}

TEST_CASE("ConvNormActivation: a refused call says who refused it, and leaves output and state as they were") {
    std::mt19937 rng(5);
    const auto block = block_of_three(rng);
    const auto x = noise<float, 3>({2, 2, 7});
    auto state = block.initial_state();
    const auto kept_state = state;
    auto y = noise<float, 3>({2, 3, 7});
    const auto kept = y;
    nn::Workspace workspace;
    const auto unchanged = [&] {
        return identical(y, kept) && identical(state.norm.running_mean, kept_state.norm.running_mean) &&
               identical(state.norm.running_var, kept_state.norm.running_var);
    };
    CHECK(error_of<shape_error>([&] {
              block.forward_into(nn::Tensor<float, 3>({2, 4, 7}, 1.0F), state, nn::training(), y, workspace);
          }) == "nn::Conv: x has 4 channels, expected 2 = weight.shape[1] · groups  [x (2, 4, 7), weight (3, 2, 3), groups 1]");
    // The last layer refuses a y that does not fit, after the norm has trained.
    CHECK(error_of<shape_error>([&] {
              block.forward_into(x, state, nn::training(), nn::contiguous(y.data(), nn::Shape<3>{2, 3, 6}), workspace);
          }) == "nn::relu: y (2, 3, 6), expected (2, 3, 7)  [x (2, 3, 7)]");
    CHECK(error_of<shape_error>([&] {
              block.forward_into(x, state, nn::training(), nn::View<float, 3>{state.norm.running_var.data(), {2, 3, 7}, {21, 7, 1}},
                                 workspace);
          }).starts_with("nn::ConvNormActivation: y overlaps the state; give it memory of its own  [y (2, 3, 7), the state "));
    CHECK(error_of<shape_error>([&] {
              block.forward_into(x, state, nn::View<float, 3>{state.norm.running_mean.data() - 41, {2, 3, 7}, {21, 7, 1}}, workspace);
          }).starts_with("nn::ConvNormActivation: y overlaps the state; give it memory of its own  [y (2, 3, 7), the state "));
    CHECK(unchanged());

    const nn::ConvNormActivation refusing(block.conv, block.norm, Refuse{});
    auto other = refusing.initial_state();
    CHECK(error_of<std::domain_error>([&] { refusing.forward_into(x, other, nn::training(), y, workspace); }) ==
          "Refuse: x has a negative element");
    CHECK(error_of<std::domain_error>([&] { (void)refusing(x, other, nn::training()); }) == "Refuse: x has a negative element");
    CHECK(identical(other.norm.running_mean, kept_state.norm.running_mean));
    CHECK(identical(other.norm.running_var, kept_state.norm.running_var));
    CHECK(unchanged());

    // A norm of another width is noticed by the norm.
    const auto narrow =
        nn::conv_norm_activation<float, 1>({.in_channels = 2, .out_channels = 3}, nn::BatchNorm1d<float>({.size = 4}), nn::relu, rng);
    CHECK(error_of<shape_error>([&] { (void)narrow(x, narrow.initial_state()); }) ==
          "nn::BatchNorm: x has 3 channels, expected 4 = size  [x (2, 3, 7)]");
    CHECK(error_of<shape_error>([&] {
              (void)narrow.output_shape(nn::Shape<3>{2, 2, 7});
          }) == "nn::BatchNorm: x has 3 channels, expected 4 = size  [x (2, 3, 7)]");
}

TEST_CASE("ConvNormActivation: options that no convolution can have are refused when it is made") {
    const auto wrong = [](const nn::ConvNormActivationOptions<2>& options) {
        return error_of<std::invalid_argument>(
            [&] { (void)nn::conv_norm_activation<float, 2>(options, nn::identity, nn::relu, nn::no_init); });
    };
    CHECK(wrong({.in_channels = 2, .out_channels = 3}) == "");
    CHECK(wrong({.out_channels = 3}) == "nn::Conv: in_channels 0, expected at least 1");
    CHECK(wrong({.in_channels = 3, .out_channels = 4, .groups = 2}) == "nn::Conv: groups 2 does not divide in_channels 3");
    CHECK(wrong({.in_channels = 3, .out_channels = 4, .kernel_size = {3, 0}}) ==
          "nn::Conv: kernel_size (3, 0), expected at least 1 along every axis");
}

TEST_CASE("ConvNormActivation: a norm with a state must be given it, and training may not take it as const") {
    using Block = decltype(block_of_three(std::declval<std::mt19937&>()));
    using State = Block::State;
    using X = nn::Tensor<float, 3>;
    using Training = nn::Training<>;
    static_assert(callable<Block, X&, State&> && callable<Block, X&, const State&> && callable<Block, X&, State&, Training>);
    static_assert(!callable<Block, X&> && !callable<Block, X&, const State&, Training> && !callable<Block, X&, Training>);
    static_assert(!callable<Block, X&, Training, State&> && !callable<Block, X&, nn::BatchNorm1d<float>::State&>);
    static_assert(!callable<Block, X&, State&, nn::Tensor<bool, 2>&>);
    using Plain = nn::ConvNormActivation<nn::Conv1d<float>, nn::Identity, nn::Identity>;
    static_assert(callable<Plain, X&> && callable<Plain, X&, Training> && !callable<Plain, X&, State&>);
    static_assert(Block::allocation_free && Plain::allocation_free);
    static_assert(!nn::ConvNormActivation<nn::Conv1d<float>, Twice, nn::Identity>::allocation_free);
    SUCCEED();
}
