// SPDX-License-Identifier: MIT
#include <nn/layers/causal_conv.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <nn/compose/freeze.hpp>
#include <nn/layers/conv.hpp>

#include "support/golden.hpp"
#include "support/operands.hpp"
#include "support/recurrent.hpp"
#include "support/tensors.hpp"

namespace {

using nn::CausalConv1d;
using nn::CausalConv1dOptions;
using nn::index_t;
using nn::Layout;
using nn::shape_error;
using nn::Tensor;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

constexpr Layout layouts[] = {Layout::channels_last, Layout::channels_first};

/// Axes (B, T, C) as (B, C, T), and back.
template <class T>
Tensor<T, 3> swapped(const Tensor<T, 3>& x) {
    return xt::transpose(x, {0, 2, 1});
}

/// Steps first … last − 1 of (B, T, C) or, channels first, of (B, C, T).
template <class T>
Tensor<T, 3> steps_of(const Tensor<T, 3>& x, Layout layout, std::size_t first, std::size_t last) {
    if (layout == Layout::channels_last) {
        return nn::test::cut(x, first, last);
    }
    return xt::view(x, xt::all(), xt::all(), xt::range(first, last));
}

template <class T>
CausalConv1d<T> random_conv(Random& random, const CausalConv1dOptions& options) {
    CausalConv1d<T> conv(options, nn::no_init);
    conv.weight = random_tensor<T, 3>(random, nn::extents_of(conv.weight));
    if (conv.bias) {
        conv.bias = random_tensor<T, 1>(random, nn::extents_of(*conv.bias));
    }
    return conv;
}

/// The convolution that pads on the left.
template <class T>
nn::Conv1d<T> padded(const CausalConv1d<T>& conv) {
    const CausalConv1dOptions& o = conv.options;
    nn::Conv1d<T> result({.in_channels = o.in_channels,
                          .out_channels = o.out_channels,
                          .kernel_size = o.kernel_size,
                          .padding = {{o.dilation * (o.kernel_size - 1), 0}},
                          .dilation = o.dilation,
                          .groups = o.groups,
                          .use_bias = o.use_bias,
                          .layout = o.layout},
                         conv.weight, conv.bias);
    result.weight_mask = conv.weight_mask;
    return result;
}

struct Case {
    index_t in, out, kernel, dilation, groups;
};
const Case cases[] = {{3, 5, 1, 1, 1}, {3, 5, 2, 1, 1}, {2, 4, 4, 1, 2},    {6, 6, 4, 3, 6},
                      {4, 2, 3, 5, 1}, {1, 1, 9, 1, 1}, {20, 20, 3, 2, 20}, {33, 17, 5, 1, 1}};

/// Calls f(conv) for every case, in both layouts, with and without a bias and a mask.
template <class F>
void for_each_conv(Random& random, const F& f) {
    for (const Case& c : cases) {
        for (const Layout layout : layouts) {
            for (const bool plain : {true, false}) {
                auto conv = random_conv<float>(random, {.in_channels = c.in,
                                                        .out_channels = c.out,
                                                        .kernel_size = c.kernel,
                                                        .dilation = c.dilation,
                                                        .groups = c.groups,
                                                        .use_bias = plain,
                                                        .layout = layout});
                if (!plain) {
                    conv.weight_mask = random_tensor<float, 3>(random, nn::extents_of(conv.weight));
                }
                CAPTURE(c.in, c.out, c.kernel, c.dilation, c.groups, static_cast<int>(layout), plain);
                f(conv);
            }
        }
    }
}

template <class T>
Tensor<T, 3> random_input(Random& random, const CausalConv1dOptions& o, index_t batch, index_t steps) {
    return random_tensor<T, 3>(
        random, o.layout == Layout::channels_last ? nn::Shape<3>{batch, steps, o.in_channels} : nn::Shape<3>{batch, o.in_channels, steps});
}

}  // namespace

// ---- golden ----

TEST_CASE("causal_conv: Equinox's convolution padded on the left, behind steps of a call before") {
    const auto lines = nn::test::golden_lines("layers/causal_conv_expected.txt");
    REQUIRE(lines.size() == 37);
    for (const std::string& text : lines) {
        CAPTURE(text);
        nn::test::GoldenLine line(text);
        CausalConv1dOptions o;
        o.in_channels = line.integer();
        o.out_channels = line.integer();
        o.kernel_size = line.integer();
        o.dilation = line.integer();
        o.groups = line.integer();
        o.use_bias = line.integer() != 0;
        const index_t past = line.integer();
        const index_t steps = line.integer();
        const auto expected = line.array();
        REQUIRE(line.ended());
        for (const Layout layout : layouts) {
            o.layout = layout;
            CausalConv1d<double> conv(o, nn::no_init);
            auto first = nn::make_tensor<double, 3>({2, o.in_channels, past + steps});
            nn::test::CounterFill fill;
            fill(conv.weight);
            if (conv.bias) {
                fill(*conv.bias);
            }
            fill(first);
            const Tensor<double, 3> x = layout == Layout::channels_first ? first : swapped(first);
            const auto cut = static_cast<std::size_t>(past);
            const auto end = static_cast<std::size_t>(past + steps);
            auto state = conv.initial_state(2);
            (void)conv(steps_of(x, layout, 0, cut), state);
            const auto y = conv(steps_of(x, layout, cut, end), state);
            CHECK(close(layout == Layout::channels_first ? y : swapped(y), expected.values, 1e-12));
            CHECK(close(steps_of(layout == Layout::channels_first ? conv(x) : swapped(conv(x)), Layout::channels_first, cut, end),
                        expected.values, 1e-12));
        }
    }
}

TEST_CASE("causal_conv: digits show the taps: the newest step meets the last one") {
    CausalConv1d<double> conv({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .dilation = 2, .use_bias = false},
                              Tensor<double, 3>{{{1, 10, 100}}});
    auto state = conv.initial_state(1);
    CHECK(values_of(conv(Tensor<double, 2>{{1}, {2}, {3}}, state)) == std::vector<double>{100, 200, 310});
    CHECK(values_of(state.history) == std::vector<double>{0, 1, 2, 3});
    CHECK(values_of(conv(Tensor<double, 2>{{4}}, state)) == std::vector<double>{420});
    CHECK(values_of(conv(Tensor<double, 2>{{5}, {6}}, state)) == std::vector<double>{531, 642});
    CHECK(values_of(state.history) == std::vector<double>{3, 4, 5, 6});
}

// ---- properties ----

TEST_CASE("causal_conv: the bits of a Conv1d that pads on the left, over the product of options") {
    Random random(50);
    for_each_conv(random, [&](const CausalConv1d<float>& conv) {
        for (const index_t steps : {1, 2, 3, 7, 40}) {
            const auto x = random_input<float>(random, conv.options, 2, steps);
            CAPTURE(steps);
            CHECK(identical(conv(x), padded(conv)(x)));
            auto state = conv.initial_state(2);
            CHECK(identical(conv(x, state), padded(conv)(x)));
        }
    });
}

TEST_CASE("causal_conv: a sequence cut anywhere gives the same bits, step by step too, and the same state") {
    Random random(51);
    for_each_conv(random, [&](const CausalConv1d<float>& conv) {
        const Layout layout = conv.options.layout;
        const auto x = random_input<float>(random, conv.options, 3, 19);
        auto start = conv.initial_state(3);
        start.history = random_tensor<float, 3>(random, nn::extents_of(start.history));  // something came before
        auto whole = start;
        const auto y = conv(x, whole);
        for (std::size_t first = 0; first <= 19; ++first) {
            const std::size_t second = std::min<std::size_t>(19, first + 4);
            auto state = start;
            CHECK(identical(conv(steps_of(x, layout, 0, first), state), steps_of(y, layout, 0, first)));
            CHECK(identical(conv(steps_of(x, layout, first, second), state), steps_of(y, layout, first, second)));
            CHECK(identical(conv(steps_of(x, layout, second, 19), state), steps_of(y, layout, second, 19)));
            CHECK(identical(state.history, whole.history));
        }
        auto state = start;
        for (std::size_t t = 0; t < 19; ++t) {
            CHECK(identical(conv(steps_of(x, layout, t, t + 1), state), steps_of(y, layout, t, t + 1)));
        }
        CHECK(identical(state.history, whole.history));
    });
}

TEST_CASE("causal_conv: frozen, for any shape or one, it gives the same bits and keeps the same state") {
    Random random(57);
    for_each_conv(random, [&](const CausalConv1d<float>& conv) {
        for (const index_t steps : {0, 1, 5, 40}) {
            const auto x = random_input<float>(random, conv.options, 2, steps);
            const auto extents = nn::extents_of(x);
            for (const bool shaped : {false, true}) {
                CAPTURE(steps, shaped);
                nn::FreezeOptions options;
                if (shaped) {
                    options.input_shape.assign(extents.begin(), extents.end());
                }
                const auto frozen = nn::freeze(conv, options);
                CHECK(identical(frozen(x), conv(x)));
                auto expected = conv.initial_state(2);
                auto state = frozen.initial_state(2);
                for (int call = 0; call < 2; ++call) {
                    CHECK(identical(frozen(x, state), conv(x, expected)));
                }
                CHECK(identical(state.history, expected.history));
            }
        }
        CHECK(nn::freeze(conv).size_in_bytes() >= conv.weight.size() * sizeof(float));
    });
    CausalConv1d<float> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 2}, nn::no_init);
    CHECK(error_of<shape_error>([&] {
              (void)nn::freeze(conv, {.input_shape = {4, 3}});
          }) == "nn::CausalConv1d: x has 3 channels, expected 2 = weight.shape[1] · groups  [x (4, 3), weight (3, 2, 2), groups 1]");
    CHECK(error_of<shape_error>([&] {
              (void)nn::freeze(conv)(Tensor<float, 2>({4, 3}));
          }) == "nn::CausalConv1d: x has 3 channels, expected 2 = weight.shape[1] · groups  [x (4, 3), weight (3, 2, 2), groups 1]");
    conv.bias.reset();
    CHECK(error_of<shape_error>([&] { (void)nn::freeze(conv); }) == "nn::CausalConv1d: no bias, expected one: use_bias is true");
    conv.options.dilation = 0;
    CHECK(error_of<std::invalid_argument>([&] { (void)nn::freeze(conv); }) ==
          "nn::CausalConv1d: dilation (0,), expected at least 1 along every axis");
}

TEST_CASE("causal_conv: the state holds the last steps, channels first, the newest at the end") {
    Random random(52);
    for (const Layout layout : layouts) {
        const auto conv =
            random_conv<float>(random, {.in_channels = 2, .out_channels = 3, .kernel_size = 3, .dilation = 2, .layout = layout});
        const auto x = random_input<float>(random, conv.options, 2, 9);
        auto state = conv.initial_state(2);
        CHECK(shape_of(state.history) == Extents{2, 2, 4});
        CHECK(values_of(state.history) == std::vector<float>(16, 0));
        (void)conv(x, state);
        const auto last = steps_of(x, layout, 5, 9);
        CHECK(identical(state.history, layout == Layout::channels_first ? last : swapped(last)));
    }
}

TEST_CASE("causal_conv: layouts differ in nothing but the order of axes") {
    Random random(53);
    auto conv = random_conv<float>(random, {.in_channels = 4, .out_channels = 6, .kernel_size = 4, .dilation = 2, .groups = 2});
    const auto x = random_tensor<float, 3>(random, {3, 9, 4});
    auto last = conv.initial_state(3);
    const auto y = conv(x, last);
    conv.options.layout = Layout::channels_first;
    auto first = conv.initial_state(3);
    CHECK(identical(conv(swapped(x), first), swapped(y)));
    CHECK(identical(first.history, last.history));
}

TEST_CASE("causal_conv: an output never depends on steps to come") {
    Random random(54);
    const auto conv = random_conv<float>(random, {.in_channels = 2, .out_channels = 3, .kernel_size = 4, .dilation = 3});
    const auto x = random_tensor<float, 3>(random, {1, 20, 2});
    const auto y = conv(x);
    for (std::size_t t = 0; t < 20; ++t) {
        auto other = x;
        xt::view(other, xt::all(), xt::range(t, 20), xt::all()) = 100;
        CHECK(identical(xt::eval(nn::test::cut(y, 0, t)), xt::eval(nn::test::cut(conv(other), 0, t))));
    }
}

TEST_CASE("causal_conv: without a state a call starts from zeros and keeps nothing") {
    Random random(55);
    const auto conv = random_conv<float>(random, {.in_channels = 3, .out_channels = 5, .kernel_size = 3});
    const auto x = random_tensor<float, 3>(random, {2, 7, 3});
    auto state = conv.initial_state(2);
    const auto first = conv(x);
    CHECK(identical(first, conv(x)));
    CHECK(identical(first, conv(x, state)));
    CHECK(!identical(first, conv(x, state)));
    nn::Workspace workspace;
    Tensor<float, 3> y;
    conv.forward_into(x, y, workspace);
    CHECK(identical(first, y));
    auto again = conv.initial_state(2);
    conv.forward_into(x, again, y, workspace);
    CHECK(identical(first, y));
    auto expected = again;
    conv.forward_into(x, again, y, workspace);
    CHECK(identical(conv(x, expected), y));
    CHECK(identical(expected.history, again.history));
}

TEST_CASE("causal_conv: operands of any kind and arrangement give the same bits, items do not see each other") {
    Random random(56);
    for (const Layout layout : layouts) {
        for (const index_t kernel : {1, 3}) {
            const auto conv = random_conv<float>(
                random, {.in_channels = 4, .out_channels = 6, .kernel_size = kernel, .dilation = 2, .groups = 2, .layout = layout});
            const auto x = random_input<float>(random, conv.options, 6, 7);
            nn::test::check_operands(random, conv, x);
            nn::test::check_items(conv, x);
        }
    }
}

TEST_CASE("causal_conv: leading axes are one batch, of which each element has a state of its own") {
    Random random(57);
    const auto conv = random_conv<float>(random, {.in_channels = 2, .out_channels = 3, .kernel_size = 3});
    const auto x = random_tensor<float, 3>(random, {6, 5, 2});
    auto start = conv.initial_state(6);
    start.history = random_tensor<float, 3>(random, {6, 2, 2});
    auto state = start;
    const auto y = conv(x, state);
    auto folded = start;
    auto deep = nn::make_tensor<float, 4>({2, 3, 5, 2});
    std::copy(x.begin(), x.end(), deep.begin());
    CHECK(nn::test::same_bits(values_of(conv(deep, folded)), values_of(y)));
    CHECK(identical(folded.history, state.history));
    for (std::size_t b = 0; b < 6; ++b) {
        nn::CausalConv1dState<float> alone{xt::view(start.history, xt::range(b, b + 1), xt::all(), xt::all())};
        CHECK(identical(conv(xt::view(x, b, xt::all(), xt::all()), alone), xt::eval(xt::view(y, b, xt::all(), xt::all()))));
        CHECK(identical(alone.history, xt::eval(xt::view(state.history, xt::range(b, b + 1), xt::all(), xt::all()))));
    }
}

// ---- edges ----

TEST_CASE("causal_conv: no steps and no batch are valid and leave the state") {
    Random random(58);
    for (const index_t kernel : {1, 4}) {
        const auto conv = random_conv<float>(random, {.in_channels = 2, .out_channels = 3, .kernel_size = kernel});
        auto state = conv.initial_state(2);
        state.history = random_tensor<float, 3>(random, {2, 2, kernel - 1});
        const auto start = state;
        CHECK(shape_of(conv(Tensor<float, 3>({2, 0, 2}), state)) == Extents{2, 0, 3});
        CHECK(identical(state.history, start.history));
        CHECK(shape_of(conv(Tensor<float, 3>({2, 0, 2}))) == Extents{2, 0, 3});
        auto none = conv.initial_state(0);
        CHECK(shape_of(conv(Tensor<float, 3>({0, 5, 2}), none)) == Extents{0, 5, 3});
        CHECK(shape_of(conv(Tensor<float, 4>({3, 0, 5, 2}), none)) == Extents{3, 0, 5, 3});
        CHECK(conv.output_shape(nn::Shape<4>{3, 0, 5, 2}) == nn::Shape<4>{3, 0, 5, 3});
        CHECK(conv.output_shape(nn::Shape<2>{1, 2}) == nn::Shape<2>{1, 3});
    }
    const CausalConv1d<float> first({.in_channels = 2, .out_channels = 3, .layout = Layout::channels_first}, nn::no_init);
    CHECK(first.output_shape(nn::Shape<3>{4, 2, 7}) == nn::Shape<3>{4, 3, 7});
}

TEST_CASE("causal_conv: a kernel of one tap keeps nothing, and is not empty as noxton's is") {
    const CausalConv1d<float> conv({.in_channels = 1, .out_channels = 1}, Tensor<float, 3>({1, 1, 1}, 2.0F), Tensor<float, 1>{1});
    auto state = conv.initial_state(1);
    CHECK(shape_of(state.history) == Extents{1, 1, 0});
    CHECK(values_of(conv(Tensor<float, 2>{{3}, {4}}, state)) == std::vector<float>{7, 9});
}

TEST_CASE("causal_conv: draws and zeros for its arrays") {
    const CausalConv1d<float> conv({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 2}, std::mt19937(1));
    CHECK(shape_of(conv.weight) == Extents{6, 2, 3});
    CHECK(shape_of(*conv.bias) == Extents{6});
    const nn::Conv1d<float> same({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 2}, std::mt19937(1));
    CHECK(identical(conv.weight, same.weight));
    CHECK(identical(*conv.bias, *same.bias));
    CHECK(!CausalConv1d<float>({.in_channels = 4, .out_channels = 6, .use_bias = false}, nn::no_init).bias.has_value());
    std::vector<std::string> names;
    CausalConv1d<float>::members(conv, [&](std::string_view name, auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"weight", "bias"});
}

// ---- messages ----

TEST_CASE("causal_conv: an error says what came and leaves output and state as they were") {
    Random random(59);
    const std::string who = "nn::CausalConv1d: ";
    auto conv = random_conv<float>(random, {.in_channels = 2, .out_channels = 3, .kernel_size = 3});
    const auto x = random_tensor<float, 3>(random, {2, 7, 2});
    auto state = conv.initial_state(2);
    state.history = random_tensor<float, 3>(random, {2, 2, 2});
    const auto start = state;
    const auto kept = random_tensor<float, 3>(random, {2, 7, 3});
    auto y = kept;
    nn::Workspace workspace;
    const auto said = [&](const auto& from, auto& with, const auto& to) {
        return error_of<std::invalid_argument>([&] { conv.forward_into(from, with, to, workspace); });
    };
    const auto unchanged = [&] { return identical(state.history, start.history) && identical(y, kept); };

    CHECK(said(Tensor<float, 3>({2, 7, 4}), state, nn::view_of(y)) ==
          who + "x has 4 channels, expected 2 = weight.shape[1] · groups  [x (2, 7, 4), weight (3, 2, 3), groups 1]");
    CHECK(error_of<shape_error>([&] {
              (void)conv.output_shape(nn::Shape<2>{7, 4});
          }) == who + "x has 4 channels, expected 2 = weight.shape[1] · groups  [x (7, 4), weight (3, 2, 3), groups 1]");
    CHECK(said(x, state, nn::contiguous(y.data(), nn::Shape<3>{2, 3, 7})) ==
          who + "y (2, 3, 7), expected (2, 7, 3)  [x (2, 7, 2)]");
    CHECK(said(x, state, nn::View<float, 3>{y.data(), {2, 7, 3}, {0, 3, 1}}) ==
          who + "y has stride 0 along axis 0, so that its elements share memory  [y (2, 7, 3)]");
    CHECK(said(nn::contiguous(std::as_const(y).data() + 1, nn::Shape<3>{2, 7, 2}), state, nn::view_of(y)) ==
          who + "y overlaps x; give it memory of its own  [y (2, 7, 3), x (2, 7, 2)]");
    CHECK(said(x, state, nn::View<float, 3>{state.history.data() - 41, {2, 7, 3}, {21, 3, 1}})
              .starts_with(who + "y overlaps "));  // the state, or what the heap put beside it
    CHECK(said(nn::View<const float, 3>{state.history.data(), {2, 7, 2}, {0, 0, 1}}, state, nn::view_of(y)) ==
          who + "x overlaps the state; give it memory of its own  [x (2, 7, 2), the state (2, 2, 2)]");
    auto other = conv.initial_state(3);
    CHECK(said(x, other, nn::view_of(y)) == who +
                                                "state.history (3, 2, 2), expected (2, 2, 2) = (batch, in_channels, dilation · "
                                                "(kernel_size - 1)); initial_state(2) makes it  [x (2, 7, 2)]");
    nn::CausalConv1dState<float> empty;
    CHECK(
        !said(Tensor<float, 3>({2, 0, 2}), empty, nn::View<float, 3>{y.data(), {2, 0, 3}, {0, 3, 1}}).empty());  // even with nothing to do
    CHECK(error_of<shape_error>([&] { conv(xt::xarray<float>(std::vector<std::size_t>{3})); }) ==
          who + "x has 1 axis, expected at least 2  [x (3,)]");
    conv.weight_mask = Tensor<float, 3>({3, 2, 1}, 1.0F);
    CHECK(said(x, state, nn::view_of(y)) == who + "weight_mask (3, 2, 1), expected (3, 2, 3), the shape of weight");
    conv.weight_mask.reset();
    conv.weight = Tensor<float, 3>({3, 2, 2}, 1.0F);
    CHECK(said(x, state, nn::view_of(y)) ==
          who + "weight (3, 2, 2), expected (3, 2, 3) = (out_channels, in_channels / groups, kernel_size)");
    conv.options.dilation = 0;
    CHECK(said(x, state, nn::view_of(y)) == who + "dilation (0,), expected at least 1 along every axis");
    conv.options.dilation = 1;
    conv.options.in_channels = -2;
    CHECK(error_of<std::invalid_argument>([&] { conv.forward_into(x, nn::view_of(y), workspace); }) ==
          who + "in_channels -2, expected at least 1");
    CHECK(unchanged());
}

TEST_CASE("causal_conv: options and arrays that disagree are refused") {
    const std::string who = "nn::CausalConv1d: ";
    const auto wrong = [](const CausalConv1dOptions& options) {
        return error_of<std::invalid_argument>([&] { CausalConv1d<float>(options, nn::no_init); });
    };
    CHECK(wrong({.in_channels = 1, .out_channels = 1}).empty());
    CHECK(wrong({.out_channels = 1}) == who + "in_channels 0, expected at least 1");
    CHECK(wrong({.in_channels = 1}) == who + "out_channels 0, expected at least 1");
    CHECK(wrong({.in_channels = 1, .out_channels = 1, .kernel_size = 0}) == who + "kernel_size (0,), expected at least 1 along every axis");
    CHECK(wrong({.in_channels = 1, .out_channels = 1, .dilation = -1}) == who + "dilation (-1,), expected at least 1 along every axis");
    CHECK(wrong({.in_channels = 3, .out_channels = 2, .groups = 2}) == who + "groups 2 does not divide in_channels 3");
    CHECK(wrong({.in_channels = 2, .out_channels = 3, .groups = 2}) == who + "groups 2 does not divide out_channels 3");
    const index_t huge = index_t{1} << 40;
    CHECK(wrong({.in_channels = huge, .out_channels = huge}) ==
          who + "an array of shape (1099511627776, 1099511627776, 1) is more than any memory holds");

    const CausalConv1dOptions options{.in_channels = 2, .out_channels = 3, .kernel_size = 3};
    const Tensor<float, 3> weight({3, 2, 3}, 0.0F);
    const Tensor<float, 1> bias{1, 2, 3};
    const auto made = [](const auto&... arguments) { return error_of<shape_error>([&] { CausalConv1d<float>(arguments...); }); };
    CHECK(made(options, weight, bias).empty());
    CHECK(made(options, Tensor<float, 3>({3, 2, 2}), bias) ==
          who + "weight (3, 2, 2), expected (3, 2, 3) = (out_channels, in_channels / groups, kernel_size)");
    CHECK(made(options, weight) == who + "no bias, expected one: use_bias is true");
    CHECK(made(options, weight, Tensor<float, 1>{1, 2}) == who + "bias (2,), expected (3,) = (out_channels,)");

    // A history longer than any memory.
    const index_t long_ago = (nn::max_length - 1) / 2;
    const CausalConv1d<float> endless({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .dilation = long_ago}, nn::no_init);
    const std::string too_long = who + "an array of shape (4, 1, " + std::to_string(2 * long_ago) + ") is more than any memory holds";
    CHECK(error_of<std::invalid_argument>([&] { (void)endless.initial_state(4); }) == too_long);
    CHECK(error_of<std::invalid_argument>([&] { (void)endless(Tensor<float, 3>({4, 4, 1}, 0.0F)); }) == too_long);
    CHECK_THROWS_AS(CausalConv1d<float>(options, nn::no_init).initial_state(-1), std::invalid_argument);
}

TEST_CASE("causal_conv: the operation on views says its own name") {
    const Tensor<float, 3> weight({1, 1, 2}, 1.0F);
    const Tensor<float, 2> x{{1}, {2}, {3}};
    Tensor<float, 2> y({3, 1}, 0.0F);
    std::vector<float> history{10, 0};
    nn::Workspace workspace;
    const auto run = [&](const nn::View<float, 3>& state) {
        nn::ops::causal_conv<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 2, .use_bias = false},
                                    nn::Batch<const float, 2>(nn::view_of(x)), {nn::view_of(weight), {}, {}}, state,
                                    nn::Batch<float, 2>(nn::view_of(y)), workspace);
    };
    run(nn::contiguous(history.data(), nn::Shape<3>{1, 1, 1}));
    CHECK(values_of(y) == std::vector<float>{11, 3, 5});
    CHECK(history[0] == 3);
    run({history.data(), {1, 1, 1}, {9, 9, 2}});  // along an axis of one element any stride does
    const Tensor<float, 3> two({2, 1, 1}, 1.0F);
    Tensor<float, 3> of_two({2, 1, 1}, 0.0F);
    std::vector<float> apart(4, 1);
    CHECK(error_of<shape_error>([&] {
              nn::ops::causal_conv<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 2, .use_bias = false},
                                          nn::Batch<const float, 2>(nn::view_of(two)), {nn::view_of(weight), {}, {}},
                                          {apart.data(), {2, 1, 1}, {2, 1, 1}}, nn::Batch<float, 2>(nn::view_of(of_two)), workspace);
          }) == "nn::ops::causal_conv: the state's arrays must be row-major");
}

// ---- static ----

TEST_CASE("causal_conv: what carries is written, resets are not taken") {
    using nn::test::called_with;
    using nn::test::forwarded_with;
    using L = CausalConv1d<float>;
    using State = L::State;
    using X = Tensor<float, 3>;
    using Marks = Tensor<bool, 2>;
    using W = nn::Workspace;
    static_assert(L::carries && !L::takes_resets && std::copyable<L> && !std::default_initializable<L>);
    static_assert(called_with<L, X&> && called_with<L, X&, State&> && called_with<L, Tensor<float, 2>&>);
    static_assert(!called_with<L, X&, const State&> && !called_with<L, X&, State&, Marks&> && !called_with<L, Tensor<float, 1>&>);
    static_assert(!called_with<L, Tensor<double, 3>&> && !called_with<L, X&, CausalConv1d<double>::State&>);
    static_assert(forwarded_with<L, X&, X&, W&> && forwarded_with<L, X&, State&, X&, W&>);
    static_assert(!forwarded_with<L, X&, const State&, X&, W&> && !forwarded_with<L, X&, State&, Marks&, X&, W&>);
    static_assert(!nn::test::starts_without_batch<L> && nn::test::starts_with_batch<L>);
    SUCCEED();
}
