// SPDX-License-Identifier: MIT

#include <nn/layers/conv.hpp>
#include <nn/layers/conv_transpose.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/tensors.hpp"

namespace {

using namespace nn;

using Numbers = std::vector<double>;

template <class X>
Numbers numbers(const X& x) {
    Numbers result;
    for (const auto element : x) {
        result.push_back(static_cast<double>(element));
    }
    return result;
}

template <class T, std::size_t R>
Tensor<T, R> arange(const std::array<std::size_t, R>& shape, T first) {
    Tensor<T, R> tensor(shape);
    std::iota(tensor.begin(), tensor.end(), first);
    return tensor;
}

template <class T, std::size_t R>
Numbers shape_of(const Tensor<T, R>& tensor) {
    return {tensor.shape().begin(), tensor.shape().end()};
}

// ---- golden: semantics.md 1.7 and 1.8 ----

TEMPLATE_TEST_CASE("Conv: pads that crop one side and fill the other", "", float, double) {
    // Without its first row and its first two columns x is [7 8; 11 12]; a row of zeros below it, two columns of zeros beside it, and sums
    // over 2 × 2. JAX's float32 convolutions read beside the image here (jaxlib 0.10.2 on the CPU); its float64 ones give this.
    const nn::Conv2d<TestType> conv(
        {.in_channels = 1, .out_channels = 1, .kernel_size = 2, .padding = {{-1, 1}, {-2, 2}}, .use_bias = false}, {{{{1, 1}, {1, 1}}}});
    const nn::Tensor<TestType, 3> x{{{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 11, 12}}};
    CHECK(nn::test::values_of(conv(x)) == std::vector<TestType>{38, 20, 0, 23, 12, 0});
    // The same as a transposed convolution: p = d·(K − 1) − pad, its kernel read as it lies.
    const nn::ConvTranspose2d<TestType> transposed(
        {.in_channels = 1, .out_channels = 1, .kernel_size = 2, .padding = {{2, 0}, {3, -1}}, .use_bias = false}, {{{{1, 1}, {1, 1}}}});
    CHECK(nn::test::values_of(transposed(x)) == std::vector<TestType>{38, 20, 0, 23, 12, 0});
}

TEST_CASE("Conv: the literal values of Equinox's tests") {
    const Conv1d<float> one({.in_channels = 1, .out_channels = 3, .kernel_size = 3, .padding = 1}, arange<float, 3>({3, 1, 3}, 0),
                            Tensor<float, 1>{1, 2, 3});
    CHECK(numbers(one(arange<float, 2>({1, 6}, -3))) == Numbers{-6, -3, 0, 3, 6, 3, -20, -20, -8, 4, 16, 13, -34, -37, -16, 5, 26, 23});

    const Tensor<float, 4> nine = arange<float, 4>({1, 1, 3, 3}, 0);
    const Conv2d<float> two({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = 1}, nine, Tensor<float, 1>{1});
    CHECK(numbers(two(arange<float, 3>({1, 3, 3}, -4))) == Numbers{-37, -31, -9, 25, 61, 49, 23, 41, 27});

    Tensor<float, 4> pair({2, 1, 3, 3});
    std::copy(nine.begin(), nine.end(), pair.begin());
    std::transform(nine.begin(), nine.end(), pair.begin() + 9, [](float w) { return 2 * w; });
    const Conv2d<float> grouped({.in_channels = 2, .out_channels = 2, .kernel_size = 3, .padding = 1, .groups = 2}, pair,
                                Tensor<float, 1>{1, 2});
    Tensor<float, 3> both({2, 3, 3});
    std::iota(both.begin(), both.begin() + 9, -4.0F);
    std::iota(both.begin() + 9, both.end(), -4.0F);
    const Numbers part{-38, -32, -10, 24, 60, 48, 22, 40, 26};
    Numbers expected;
    std::transform(part.begin(), part.end(), std::back_inserter(expected), [](double y) { return y + 1; });
    std::transform(part.begin(), part.end(), std::back_inserter(expected), [](double y) { return 2 * y + 2; });
    CHECK(numbers(grouped(both)) == expected);

    const Conv3d<float> three({.in_channels = 1, .out_channels = 1, .kernel_size = {2, 1, 1}, .padding = {1, 0, 0}},
                              arange<float, 5>({1, 1, 2, 1, 1}, 0), Tensor<float, 1>{1});
    const Tensor<float, 4> y = three(arange<float, 4>({1, 2, 2, 2}, -4));
    CHECK(shape_of(y) == Numbers{1, 3, 2, 2});
    CHECK(numbers(y) == Numbers{-3, -2, -1, 0, 1, 2, 3, 4, 1, 1, 1, 1});
}

/// w · x for one channel and x = 1 … 6, where w = 1, 10, 100, … so that the answer shows which cells were read.
Numbers digits(std::size_t kernel, ConvOptions<1> options, const Tensor<double, 2>& x = arange<double, 2>({1, 6}, 1)) {
    options.in_channels = options.out_channels = 1;
    options.kernel_size = kernel;
    options.use_bias = false;
    Tensor<double, 3> weight({1, 1, kernel});
    double power = 1;
    for (double& element : weight) {
        element = power;
        power *= 10;
    }
    return numbers(Conv1d<double>(options, weight)(x));
}

TEST_CASE("Conv: same, same_lower and valid of every kernel, stride and dilation in the table") {
    struct Row {
        std::size_t kernel;
        index_t stride;
        index_t dilation;
        Numbers same_, same_lower_, valid_;
    };
    const Row rows[] = {
        {3, 1, 1, {210, 321, 432, 543, 654, 65}, {210, 321, 432, 543, 654, 65}, {321, 432, 543, 654}},
        {3, 1, 2, {310, 420, 531, 642, 53, 64}, {310, 420, 531, 642, 53, 64}, {531, 642}},
        {3, 2, 1, {321, 543, 65}, {210, 432, 654}, {321, 543}},
        {3, 2, 2, {420, 642, 64}, {310, 531, 53}, {531}},
        {3, 3, 1, {321, 654}, {321, 654}, {321, 654}},
        {2, 1, 1, {21, 32, 43, 54, 65, 6}, {10, 21, 32, 43, 54, 65}, {21, 32, 43, 54, 65}},
        {2, 2, 2, {31, 53, 5}, {20, 42, 64}, {31, 53}},
        {4, 1, 1, {3210, 4321, 5432, 6543, 654, 65}, {2100, 3210, 4321, 5432, 6543, 654}, {4321, 5432, 6543}},
        {4, 2, 1, {3210, 5432, 654}, {3210, 5432, 654}, {4321, 6543}},
        {4, 3, 1, {4321, 654}, {3210, 6543}, {4321}},
        {4, 1, 2, {4200, 5310, 6420, 531, 642, 53}, {4200, 5310, 6420, 531, 642, 53}, {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.kernel, row.stride, row.dilation);
        CHECK(digits(row.kernel, {.stride = row.stride, .padding = same, .dilation = row.dilation}) == row.same_);
        CHECK(digits(row.kernel, {.stride = row.stride, .padding = same_lower, .dilation = row.dilation}) == row.same_lower_);
        CHECK(digits(row.kernel, {.stride = row.stride, .padding = valid, .dilation = row.dilation}) == row.valid_);
    }
}

TEST_CASE("Conv: padding modes of the table") {
    const auto check = [](PaddingMode mode, const Numbers& same_, const Numbers& lower, const Numbers& strided, const Numbers& numbers_) {
        CHECK(digits(4, {.padding = same, .padding_mode = mode}) == same_);
        CHECK(digits(4, {.padding = same_lower, .padding_mode = mode}) == lower);
        CHECK(digits(3, {.stride = 2, .padding = same, .dilation = 2, .padding_mode = mode}) == strided);
        CHECK(digits(3, {.padding = {{2, 1}}, .padding_mode = mode}) == numbers_);
    };
    check(PaddingMode::reflect, {3212, 4321, 5432, 6543, 5654, 4565}, {2123, 3212, 4321, 5432, 6543, 5654}, {422, 642, 464},
          {123, 212, 321, 432, 543, 654, 565});
    check(PaddingMode::replicate, {3211, 4321, 5432, 6543, 6654, 6665}, {2111, 3211, 4321, 5432, 6543, 6654}, {421, 642, 664},
          {111, 211, 321, 432, 543, 654, 665});
    check(PaddingMode::circular, {3216, 4321, 5432, 6543, 1654, 2165}, {2165, 3216, 4321, 5432, 6543, 1654}, {426, 642, 264},
          {165, 216, 321, 432, 543, 654, 165});
}

TEST_CASE("Conv: pads longer than the axis, negative pads and input dilation") {
    const Tensor<double, 2> four = arange<double, 2>({1, 4}, 1);
    CHECK(digits(1, {.padding = {{5, 6}}, .padding_mode = PaddingMode::reflect}, four) ==
          Numbers{2, 3, 4, 3, 2, 1, 2, 3, 4, 3, 2, 1, 2, 3, 4});
    CHECK(digits(1, {.padding = {{5, 6}}, .padding_mode = PaddingMode::replicate}, four) ==
          Numbers{1, 1, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4});
    CHECK(digits(1, {.padding = {{5, 6}}, .padding_mode = PaddingMode::circular}, four) ==
          Numbers{4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2});
    const Tensor<double, 2> two = arange<double, 2>({1, 2}, 1);
    CHECK(digits(1, {.padding = 3, .padding_mode = PaddingMode::reflect}, two) == Numbers{2, 1, 2, 1, 2, 1, 2, 1});
    CHECK(digits(1, {.padding = 3, .padding_mode = PaddingMode::circular}, two) == Numbers{2, 1, 2, 1, 2, 1, 2, 1});
    const Tensor<double, 2> one = arange<double, 2>({1, 1}, 7);
    CHECK(digits(1, {.padding = {{2, 1}}, .padding_mode = PaddingMode::reflect}, one) == Numbers{7, 7, 7, 7});

    CHECK(digits(3, {.padding = {{-1, -2}}}) == Numbers{432});
    CHECK(digits(4, {.padding = {{-1, -2}}}).empty());
    const Tensor<double, 2> three = arange<double, 2>({1, 3}, 1);
    CHECK(digits(3, {.padding = {{1, 1}}, .input_dilation = 2}, three) == Numbers{10, 201, 20, 302, 30});
    CHECK(digits(3, {.stride = 2, .padding = {{2, 0}}, .dilation = 2, .input_dilation = 3}, three) == Numbers{10, 1, 300});
}

TEST_CASE("Conv: the shapes of Equinox's, brainstate's and blox's tests") {
    const auto out1 = [](ConvOptions<1> options, const Shape<2>& x) { return Conv1d<float>(options, no_init).output_shape(x); };
    const auto out2 = [](ConvOptions<2> options, const Shape<3>& x) { return Conv2d<float>(options, no_init).output_shape(x); };
    const auto out3 = [](ConvOptions<3> options, const Shape<4>& x) { return Conv3d<float>(options, no_init).output_shape(x); };
    CHECK(out1({.in_channels = 1, .out_channels = 3, .kernel_size = 3}, {1, 32}) == Shape<2>{3, 30});
    CHECK(out1({.in_channels = 1, .out_channels = 3, .kernel_size = 3, .padding = 1}, {1, 32}) == Shape<2>{3, 32});
    CHECK(out1({.in_channels = 3, .out_channels = 1, .kernel_size = 3, .stride = 2, .padding = 1}, {3, 32}) == Shape<2>{1, 16});
    CHECK(out2({.in_channels = 1, .out_channels = 3, .kernel_size = 3}, {1, 32, 32}) == Shape<3>{3, 30, 30});
    CHECK(out2({.in_channels = 3, .out_channels = 1, .kernel_size = 3, .stride = 2, .padding = 1}, {3, 32, 32}) == Shape<3>{1, 16, 16});
    CHECK(out3({.in_channels = 1, .out_channels = 3, .kernel_size = 3}, {1, 3, 32, 32}) == Shape<4>{3, 1, 30, 30});
    CHECK(out3({.in_channels = 3, .out_channels = 1, .kernel_size = 3, .stride = 2, .padding = 1}, {3, 3, 32, 32}) ==
          Shape<4>{1, 2, 16, 16});
    CHECK(out2({.in_channels = 3, .out_channels = 8, .kernel_size = 1, .stride = 2, .padding = {{0, 1}, {0, 3}}}, {3, 32, 32}) ==
          Shape<3>{8, 17, 18});

    const Layout last = Layout::channels_last;
    const Conv1d<float> bs({.in_channels = 16, .out_channels = 32, .kernel_size = 5, .padding = same, .layout = last}, no_init);
    CHECK(bs.output_shape(Shape<3>{4, 100, 16}) == Shape<3>{4, 100, 32});
    CHECK(bs.output_shape(Shape<2>{50, 16}) == Shape<2>{50, 32});
    CHECK(out1({.in_channels = 16, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = valid, .layout = last}, {100, 16}) ==
          Shape<2>{49, 8});
    CHECK(out1({.in_channels = 16, .out_channels = 8, .kernel_size = 3, .padding = same, .dilation = 2, .layout = last}, {100, 16}) ==
          Shape<2>{100, 8});
    CHECK(out2({.in_channels = 3, .out_channels = 8, .kernel_size = {3, 5}, .padding = same, .layout = last}, {64, 64, 3}) ==
          Shape<3>{64, 64, 8});
    CHECK(out2({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = valid, .layout = last}, {64, 64, 3}) ==
          Shape<3>{31, 31, 8});
    const Conv2d<float> depthwise({.in_channels = 16, .out_channels = 16, .kernel_size = 3, .padding = same, .groups = 16, .layout = last},
                                  no_init);
    CHECK(shape_of(depthwise.weight) == Numbers{16, 1, 3, 3});
    CHECK(depthwise.output_shape(Shape<4>{2, 32, 32, 16}) == Shape<4>{2, 32, 32, 16});
    for (const index_t kernel : {3, 5, 7}) {
        CHECK(out2({.in_channels = 3, .out_channels = 4, .kernel_size = kernel, .padding = same, .layout = last}, {32, 32, 3}) ==
              Shape<3>{32, 32, 4});
    }
    CHECK(out3({.in_channels = 1, .out_channels = 32, .kernel_size = 3, .padding = same, .layout = last}, {16, 16, 16, 1}) ==
          Shape<4>{16, 16, 16, 32});
    const Conv2d<float> blox({.in_channels = 8, .out_channels = 32, .kernel_size = 5, .padding = same, .layout = last}, no_init);
    CHECK(blox.output_shape(Shape<5>{2, 3, 8, 8, 8}) == Shape<5>{2, 3, 8, 8, 32});
    CHECK(out2({.in_channels = 3, .out_channels = 32, .kernel_size = 3, .padding = valid, .dilation = 2, .layout = last}, {28, 28, 3}) ==
          Shape<3>{24, 24, 32});
    CHECK(out2({.in_channels = 3, .out_channels = 32, .kernel_size = 3, .stride = 2, .padding = same, .layout = last}, {28, 28, 3}) ==
          Shape<3>{14, 14, 32});
}

TEST_CASE("Conv: a circular convolution of same padding turns with its input") {
    std::mt19937 rng(3);
    const Conv1d<float> conv(
        {.in_channels = 1, .out_channels = 2, .kernel_size = 3, .padding = same, .padding_mode = PaddingMode::circular}, rng);
    const Tensor<float, 2> x{{0.3F, -1, 2, 0.7F, 5, -0.1F}};
    const Tensor<float, 2> y = conv(x);
    for (const std::size_t turn : {std::size_t{2}, std::size_t{4}}) {
        Tensor<float, 2> turned({1, 6});
        for (std::size_t i = 0; i < 6; ++i) {
            turned(0, (i + turn) % 6) = x(0, i);
        }
        const Tensor<float, 2> answer = conv(turned);
        for (std::size_t i = 0; i < 6; ++i) {
            CHECK(answer(0, (i + turn) % 6) == y(0, i));
            CHECK(answer(1, (i + turn) % 6) == y(1, i));
        }
    }
}

// ---- the layer about the operation ----

TEST_CASE("Conv: every layer of random options equals the definition, in both layouts") {
    // ops/conv.cpp goes through the product of options; here it is the layer's own way to the operation that is tried.
    test::Random random(5);
    for (int round = 0; round < 60; ++round) {
        ConvOptions<2> options{.in_channels = 4, .out_channels = 6, .kernel_size = {random.integer(1, 3), random.integer(1, 3)}};
        options.stride = random.integer(1, 2);
        options.padding = random.chance(0.5) ? Padding<2>(same) : Padding<2>{{0, 1}, {2, 0}};
        options.groups = random.chance(0.5) ? 2 : 1;
        options.use_bias = random.chance(0.5);
        options.padding_mode = random.chance(0.5) ? PaddingMode::reflect : PaddingMode::zeros;
        options.layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first;
        std::mt19937 rng(static_cast<unsigned>(round));
        Conv2d<float> conv(options, rng);
        const bool masked = random.chance(0.3);
        if (masked) {
            conv.weight_mask = conv.weight;
        }
        const std::array<std::size_t, 4> shape =
            options.layout == Layout::channels_last ? std::array<std::size_t, 4>{2, 5, 7, 4} : std::array<std::size_t, 4>{2, 4, 5, 7};
        Tensor<float, 4> x(shape);
        for (float& element : x) {
            element = random.real<float>();
        }
        const test::NaiveConv expected =
            test::naive_conv(options, test::dense(x), test::dense(conv.weight),
                             conv.bias ? std::optional(test::dense(*conv.bias)) : std::nullopt,
                             masked ? std::optional(test::dense(conv.weight)) : std::nullopt);
        const Tensor<float, 4> y = conv(x);
        CHECK(test::Extents(y.shape().begin(), y.shape().end()) == expected.y.shape);
        const auto terms = static_cast<index_t>(conv.weight.size()) / 6;
        CHECK(test::first_outside(std::vector<float>(y.begin(), y.end()), expected, test::sum_bound<float>(terms)) == y.size());
    }
}

TEST_CASE("Conv: a mask multiplies the weight at every call and leaves it as it is") {
    std::mt19937 rng(1);
    Conv2d<float> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .padding = 1}, rng);
    const Tensor<float, 3> x = arange<float, 3>({2, 4, 5}, -7);
    const Tensor<float, 3> unmasked = conv(x);
    const Tensor<float, 4> weight = conv.weight;
    conv.weight_mask = Tensor<float, 4>({3, 2, 3, 3}, 1.0F);
    CHECK((conv(x) == unmasked));
    conv.weight_mask = Tensor<float, 4>({3, 2, 3, 3}, 0.0F);
    const Tensor<float, 3> y = conv(x);
    for (std::size_t channel = 0; channel < 3; ++channel) {
        CHECK((y(channel, 1, 1) == (*conv.bias)(channel)));
    }
    CHECK((conv.weight == weight));
    conv.weight_mask.reset();
    CHECK((conv(x) == unmasked));
}

TEST_CASE("Conv: an engine draws weight and bias from U(-L, L), L = 1 / sqrt(fan in), and no_init gives zeros") {
    std::mt19937 rng(7);
    const Conv2d<double> conv({.in_channels = 16, .out_channels = 64, .kernel_size = {3, 5}, .groups = 4}, rng);
    CHECK(shape_of(conv.weight) == Numbers{64, 4, 3, 5});
    const double limit = 1 / std::sqrt(4 * 15.0);
    for (const auto* const array : {&conv.weight.storage(), &conv.bias->storage()}) {
        const auto [least, most] = std::minmax_element(array->begin(), array->end());
        CHECK((*least >= -limit && *most <= limit));
        CHECK((*least<-0.9 * limit&& * most> 0.9 * limit));
    }
    // The mean of n draws has the deviation L / √(3n); five of them.
    const double mean = std::accumulate(conv.weight.begin(), conv.weight.end(), 0.0) / static_cast<double>(conv.weight.size());
    CHECK(std::abs(mean) < 5 * limit / std::sqrt(3.0 * static_cast<double>(conv.weight.size())));
    CHECK(std::set<double>(conv.weight.begin(), conv.weight.end()).size() == conv.weight.size());

    std::mt19937 again(7);
    CHECK((Conv2d<double>({.in_channels = 16, .out_channels = 64, .kernel_size = {3, 5}, .groups = 4}, again).weight == conv.weight));

    const Conv2d<double> empty({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .use_bias = false}, no_init);
    CHECK((empty.weight == Tensor<double, 4>({3, 2, 3, 3}, 0.0)));
    CHECK_FALSE(empty.bias.has_value());
    CHECK(Conv2d<double>({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, no_init).bias.value()(2) == 0);
}

TEST_CASE("Conv: an engine may be a temporary, and is advanced when it is not") {
    std::minstd_rand rng(1);
    const Conv1d<float> a({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, rng);
    const Conv1d<float> b({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, rng);
    CHECK_FALSE((a.weight == b.weight));
    CHECK((Conv1d<float>({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, std::minstd_rand(1)).weight == a.weight));
}

// ---- messages ----

template <class F>
std::string said(const F& call) {
    try {
        call();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}

TEST_CASE("Conv: what is wrong is said when the layer is made") {
    std::mt19937 rng(1);
    CHECK(said([&] { Conv2d<float>({.in_channels = 3, .out_channels = 8, .kernel_size = 3, .groups = 2}, rng); }) ==
          "nn::Conv: groups 2 does not divide in_channels 3");
    CHECK(said([&] {
              Conv2d<float>({.in_channels = 3, .out_channels = 8, .stride = {1, 0}}, no_init);
          }) == "nn::Conv: stride (1, 0), expected at least 1 along every axis");
    CHECK(said([&] {
              Conv1d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 3}, Tensor<float, 3>({1, 1, 4}));
          }) == "nn::Conv: weight (1, 1, 4), expected (1, 1, 3) = (out_channels, in_channels / groups, kernel_size)");
    CHECK(said([&] {
              Conv1d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 3}, Tensor<float, 3>({1, 1, 3}));
          }) == "nn::Conv: no bias, expected one: use_bias is true");
    CHECK(said([&] {
              Conv1d<float>({.in_channels = 1, .out_channels = 1, .use_bias = false}, Tensor<float, 3>({1, 1, 1}), Tensor<float, 1>({1}));
          }) == "nn::Conv: a bias came, expected none: use_bias is false");
    CHECK(said([&] {
              Conv1d<float>({.in_channels = 1, .out_channels = 2}, Tensor<float, 3>({2, 1, 1}), Tensor<float, 1>({1}));
          }) == "nn::Conv: bias (1,), expected (2,) = (out_channels,)");
    const index_t huge = index_t{1} << 40;
    CHECK(said([&] { Conv1d<float>({.in_channels = huge, .out_channels = huge}, no_init); }) ==
          "nn::Conv: an array of shape (1099511627776, 1099511627776, 1) is more than any memory holds");
}

TEST_CASE("Conv: what is wrong is said when it is called") {
    std::mt19937 rng(1);
    const Conv2d<float> conv({.in_channels = 3, .out_channels = 16, .kernel_size = 3}, rng);
    const auto call = [&](const Conv2d<float>& layer, std::array<std::size_t, 4> shape) {
        return said([&] { (void)layer(Tensor<float, 4>(shape, 0.0F)); });
    };
    CHECK(call(conv, {2, 4, 8, 8}) ==
          "nn::Conv: x has 4 channels, expected 3 = weight.shape[1] · groups  [x (2, 4, 8, 8), weight (16, 3, 3, 3), groups 1]");
    CHECK(said([&] { (void)conv.output_shape(Shape<4>{2, 4, 8, 8}); }) == call(conv, {2, 4, 8, 8}));
    CHECK(call(conv, {2, 3, 8, 8}) == "no error");
    Conv2d<float> spoilt = conv;
    spoilt.weight = Tensor<float, 4>({16, 3, 3, 1}, 0.0F);
    CHECK(call(spoilt, {2, 3, 8, 8}) ==
          "nn::Conv: weight (16, 3, 3, 1), expected (16, 3, 3, 3) = (out_channels, in_channels / groups, kernel_size)");
    spoilt = conv;
    spoilt.weight_mask = Tensor<float, 4>({1, 1, 1, 1}, 0.0F);
    CHECK(call(spoilt, {2, 3, 8, 8}) == "nn::Conv: weight_mask (1, 1, 1, 1), expected (16, 3, 3, 3), the shape of weight");
    spoilt = conv;
    spoilt.bias.reset();
    CHECK(call(spoilt, {2, 3, 8, 8}) == "nn::Conv: no bias, expected one: use_bias is true");
    const Conv2d<float> reflected(
        {.in_channels = 3, .out_channels = 1, .kernel_size = 3, .padding = 1, .padding_mode = PaddingMode::reflect}, no_init);
    CHECK(call(reflected, {1, 3, 5, 0}) == "nn::Conv: axis 1 of x has no cells to fill its padding (1, 1) with  [x (1, 3, 5, 0)]");
    const Conv2d<float> cropped({.in_channels = 3, .out_channels = 1, .padding = -3}, no_init);
    CHECK(call(cropped, {1, 3, 6, 5}) == "nn::Conv: padding (-3, -3) crops more than there is along axis 1  [x (1, 3, 6, 5)]");
    const Conv2d<float> padded({.in_channels = 1, .out_channels = 1, .padding = index_t{1} << 40}, no_init);
    CHECK(call(padded, {1, 1, 1, 1}) ==
          "nn::Conv: an array of shape (1, 1, 2199023255553, 2199023255553) is more than any memory holds");
}

TEST_CASE("Conv: options that were spoilt afterwards are refused, not divided by") {
    Conv1d<float> conv({.in_channels = 2, .out_channels = 2, .kernel_size = 1}, no_init);
    const Tensor<float, 2> x({2, 4}, 1.0F);
    SECTION("groups") {
        conv.options.groups = 0;
        CHECK(said([&] { (void)conv(x); }) == "nn::Conv: groups 0, expected at least 1");
        CHECK(said([&] { (void)conv.output_shape(Shape<2>{2, 4}); }) == "nn::Conv: groups 0, expected at least 1");
    }
    SECTION("stride") {
        conv.options.stride = 0;
        CHECK(said([&] { (void)conv(x); }) == "nn::Conv: stride (0,), expected at least 1 along every axis");
    }
}

// ---- static ----

TEST_CASE("Conv: is a value, and names its parameters") {
    static_assert(std::copyable<Conv2d<float>> && std::is_nothrow_move_constructible_v<Conv2d<float>>);
    static_assert(!std::default_initializable<Conv2d<float>> && !Conv2d<float>::carries);
    static_assert(std::same_as<Conv1d<float>, Conv<float, 1>> && std::same_as<Conv3d<double>, Conv<double, 3>>);
    static_assert(std::constructible_from<Conv1d<float>, ConvOptions<1>, std::mt19937&> &&
                  std::constructible_from<Conv1d<float>, ConvOptions<1>, NoInit>);
    static_assert(!std::constructible_from<Conv1d<float>, ConvOptions<1>, int> &&
                  !std::constructible_from<Conv1d<float>, ConvOptions<2>, NoInit>);
    Conv1d<float> conv({.in_channels = 1, .out_channels = 2, .kernel_size = 3}, no_init);
    std::vector<std::string> names;
    Conv1d<float>::members(conv, [&](std::string_view name, auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"weight", "bias"});
    const Conv1d<float> copy = conv;
    conv.weight(0, 0, 0) = 5;
    CHECK(copy.weight(0, 0, 0) == 0);
}

template <class C, class X>
concept calls = std::invocable<const C&, X>;

TEST_CASE("Conv: needs one axis more than it slides over") {
    static_assert(calls<Conv1d<float>, Tensor<float, 2>> && !calls<Conv1d<float>, Tensor<float, 1>>);
    static_assert(calls<Conv2d<float>, Tensor<float, 3>> && !calls<Conv2d<float>, Tensor<float, 2>>);
    static_assert(calls<Conv3d<float>, Tensor<float, 4>> && !calls<Conv3d<float>, Tensor<float, 3>>);
    static_assert(!calls<Conv2d<float>, Tensor<double, 4>> && calls<Conv2d<double>, Tensor<double, 4>>);
    static_assert(calls<Conv2d<long double>, Tensor<long double, 4>>);
    SUCCEED();
}

}  // namespace
