// SPDX-License-Identifier: MIT
#include <nn/layers/init.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include <nn/layers/conv.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>

#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::no_init;
using nn::Shape;
using nn::Tensor;
using nn::test::Extents;
using nn::test::identical;
using nn::test::shape_of;
using nn::test::values_of;

/// That the values are draws from U(−limit, limit), independent of each other. Each bound is off for one engine in a million.
template <class X>
void check_uniform(const X& tensor, double limit) {
    const auto drawn = values_of(tensor);
    const std::vector<double> values(drawn.begin(), drawn.end());
    const auto n = static_cast<double>(values.size());
    REQUIRE(n >= 400);
    CAPTURE(shape_of(tensor), limit);
    double mean = 0;
    double square = 0;
    double lag = 0;
    std::array<double, 16> bins{};
    for (std::size_t i = 0; i < values.size(); ++i) {
        mean += values[i] / n;
        square += values[i] * values[i] / n;
        lag += values[i] * values[(i + 1) % values.size()] / n;
        bins[std::min<std::size_t>(15, static_cast<std::size_t>((values[i] / limit + 1) * 8))] += 1;
    }
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    // A float's limit is rounded, by half an ε.
    const double rounded = limit * (1 + static_cast<double>(std::numeric_limits<typename X::value_type>::epsilon()));
    CHECK(*least >= -rounded);
    CHECK(*most <= rounded);
    CHECK(*least < -limit * (1 - 30 / n));  // all of n draws miss a tail of 15 / n with probability e⁻¹⁵
    CHECK(*most > limit * (1 - 30 / n));
    // Of a draw x: Var x = L² / 3, Var x² = 4 L⁴ / 45.
    CHECK(std::abs(mean) <= 5 * limit / std::sqrt(3 * n));
    CHECK(std::abs(square - limit * limit / 3) <= 5 * limit * limit * std::sqrt(4 / (45 * n)));
    CHECK(std::abs(lag) <= 5 * limit * limit / 3 / std::sqrt(n));
    double chi_square = 0;
    for (const double count : bins) {
        chi_square += (count - n / 16) * (count - n / 16) / (n / 16);
    }
    CHECK(chi_square < 56);  // 15 degrees of freedom
    CHECK(static_cast<double>(std::set<double>(values.begin(), values.end()).size()) > 0.99 * n);
}

}  // namespace

TEST_CASE("init: nn::init::uniform draws from U(-limit, limit), zeros for no_init") {
    std::mt19937 rng(90);
    check_uniform(nn::draw_tensor<float, 2>({40, 50}, nn::init::uniform(0.25), {}, rng), 0.25);
    check_uniform(nn::draw_tensor<double, 3>({10, 40, 50}, nn::init::uniform(3.0), {}, rng), 3);
    std::mt19937_64 wide(91);
    check_uniform(nn::draw_tensor<float, 1>({5000}, nn::init::uniform(1.0), {}, wide), 1);
    std::minstd_rand small(92);
    check_uniform(nn::draw_tensor<double, 1>({5000}, nn::init::uniform(1.0), {}, small), 1);
    const auto none = nn::draw_tensor<float, 2>({2, 3}, nn::init::uniform(0.25), {}, no_init);
    CHECK(shape_of(none) == Extents{2, 3});
    CHECK(values_of(none) == std::vector<float>(6, 0));
    const std::mt19937 before = rng;
    CHECK(shape_of(nn::draw_tensor<float, 2>({0, 3}, nn::init::uniform(0.25), {}, rng)) == Extents{0, 3});
    CHECK(rng == before);
    CHECK(values_of(nn::draw_tensor<float, 1>({3}, nn::init::uniform(0.0), {}, rng)) == std::vector<float>(3, 0));
}

TEST_CASE("init: Linear, weight and bias, from U(-1 / sqrt(in), 1 / sqrt(in)) as equinox.nn.Linear") {
    // equinox 0.13.8: eqx.nn.Linear(64, 256, key=jax.random.key(0)): max |weight| .124996, max |bias| .124986, var(weight) .00520;
    // of no inputs eqx.nn.Linear(0, 4) draws from U(-1, 1).
    std::mt19937 rng(93);
    const nn::Linear<float> linear({.in_features = 64, .out_features = 2560}, rng);
    CHECK(shape_of(linear.weight) == Extents{2560, 64});
    check_uniform(linear.weight, 0.125);
    check_uniform(*linear.bias, 0.125);
    check_uniform(nn::Linear<double>({.in_features = 300, .out_features = 500}, rng).weight, 1 / std::sqrt(300.0));
    check_uniform(*nn::Linear<double>({.in_features = 0, .out_features = 5000}, rng).bias, 1);
    CHECK(!nn::Linear<float>({.in_features = 2, .out_features = 2, .use_bias = false}, rng).bias.has_value());
}

TEST_CASE("init: Conv, weight and bias, from U(-L, L), L = 1 / sqrt(in / groups * K) as equinox.nn.Conv") {
    // equinox 0.13.8: eqx.nn.Conv2d(16, 64, (3, 5), groups=4, key=jax.random.key(0)): max |weight| .12907, max |bias| .12622 (64 draws),
    // var(weight) .00552; L = 1 / sqrt(60) = .12910, L² / 3 = .00556.
    std::mt19937 rng(94);
    const nn::Conv2d<float> conv({.in_channels = 16, .out_channels = 640, .kernel_size = {3, 5}, .groups = 4}, rng);
    check_uniform(conv.weight, 0.12909944487358055);
    check_uniform(*conv.bias, 0.12909944487358055);
    const nn::Conv1d<double> line({.in_channels = 10, .out_channels = 500, .kernel_size = 7}, rng);
    check_uniform(line.weight, 1 / std::sqrt(70.0));
    check_uniform(*line.bias, 1 / std::sqrt(70.0));
    const nn::Conv3d<float> depthwise({.in_channels = 400, .out_channels = 400, .kernel_size = {1, 2, 3}, .groups = 400}, rng);
    check_uniform(depthwise.weight, 1 / std::sqrt(6.0));
    check_uniform(*depthwise.bias, 1 / std::sqrt(6.0));
}

TEST_CASE("init: LSTM and its cell, every array from U(-1 / sqrt(hidden), 1 / sqrt(hidden)) as equinox.nn.LSTMCell") {
    // equinox 0.13.8: eqx.nn.LSTMCell(7, 64, key=jax.random.key(0)): max |.| of weight_ih, weight_hh, bias .124972, .124993, .124871.
    std::mt19937 rng(95);
    const nn::LSTM<float> lstm({.input_size = 7, .hidden_size = 256}, rng);
    check_uniform(lstm.weight_ih, 0.0625);
    check_uniform(lstm.weight_hh, 0.0625);
    check_uniform(*lstm.bias, 0.0625);
    const nn::LSTMCell<double> cell({.input_size = 300, .hidden_size = 100, .forget_bias = 1}, rng);
    check_uniform(cell.weight_ih, 0.1);
    check_uniform(cell.weight_hh, 0.1);
    check_uniform(*cell.bias, 0.1);  // forget_bias is added at the call, not here
    CHECK(!nn::LSTM<float>({.input_size = 2, .hidden_size = 2, .use_bias = false}, rng).bias.has_value());
}

TEST_CASE("init: a seed decides every draw, an engine goes on, arrays differ from each other") {
    const nn::LinearOptions options{.in_features = 30, .out_features = 30};
    std::mt19937 rng(96);
    const nn::Linear<float> first(options, rng);
    const nn::Linear<float> second(options, rng);
    CHECK(!identical(first.weight, second.weight));
    CHECK(!identical(*first.bias, *second.bias));
    CHECK((first.weight(0, 0) != (*first.bias)(0)));
    const nn::Linear<float> again(options, std::mt19937(96));  // a temporary will do
    CHECK(identical(again.weight, first.weight));
    CHECK(identical(*again.bias, *first.bias));
    CHECK(!identical(nn::Linear<float>(options, std::mt19937(97)).weight, first.weight));

    std::mt19937 a(98);
    std::mt19937 b(98);
    const nn::LSTM<float> x({.input_size = 5, .hidden_size = 6}, a);
    const nn::LSTM<float> y({.input_size = 5, .hidden_size = 6}, b);
    CHECK(identical(x.weight_ih, y.weight_ih));
    CHECK(identical(x.weight_hh, y.weight_hh));
    CHECK(identical(*x.bias, *y.bias));
    CHECK(a == b);
    CHECK((x.weight_ih(0, 0) != x.weight_hh(0, 0)));
}

TEST_CASE("init: no_init gives zeros of the right shapes") {
    const nn::Linear<float> linear({.in_features = 3, .out_features = 2}, no_init);
    CHECK(values_of(linear.weight) == std::vector<float>(6, 0));
    CHECK(values_of(*linear.bias) == std::vector<float>(2, 0));
    const nn::Conv1d<float> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 4}, no_init);
    CHECK(shape_of(conv.weight) == Extents{3, 2, 4});
    CHECK(values_of(conv.weight) == std::vector<float>(24, 0));
    CHECK(values_of(*conv.bias) == std::vector<float>(3, 0));
    const nn::LSTM<double> lstm({.input_size = 3, .hidden_size = 2}, no_init);
    CHECK(shape_of(lstm.weight_ih) == Extents{8, 3});
    CHECK(shape_of(lstm.weight_hh) == Extents{8, 2});
    CHECK(values_of(lstm.weight_hh) == std::vector<double>(16, 0));
    CHECK(values_of(*lstm.bias) == std::vector<double>(8, 0));
    CHECK(values_of(nn::LSTMCell<double>({.input_size = 1, .hidden_size = 1}, no_init).weight_ih) == std::vector<double>(4, 0));
}
