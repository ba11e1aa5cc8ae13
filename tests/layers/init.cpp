// SPDX-License-Identifier: MIT
#include <nn/layers/init.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <nn/layers/causal_conv.hpp>
#include <nn/layers/conv.hpp>
#include <nn/layers/conv_transpose.hpp>
#include <nn/layers/embed.hpp>
#include <nn/layers/gru.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>

#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::no_init;
using nn::Shape;
using nn::Tensor;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::shape_of;
using nn::test::values_of;

/// That the values are draws from U(−limit, limit), independent of each other. Each bound is off for one engine in a million.
void check_uniform(const std::vector<double>& values, double limit, double rounding = 0) {
    const auto n = static_cast<double>(values.size());
    REQUIRE(n >= 400);
    CAPTURE(values.size(), limit);
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
    const double rounded = limit * (1 + rounding);
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

template <class X>
std::vector<double> doubles(const X& tensor) {
    const auto drawn = values_of(tensor);
    return {drawn.begin(), drawn.end()};
}
template <class X>
void check_uniform(const X& tensor, double limit) {
    check_uniform(doubles(tensor), limit, static_cast<double>(std::numeric_limits<typename X::value_type>::epsilon()));
}

double normal_cdf(double x) { return (1 + std::erf(x / std::sqrt(2.0))) / 2; }

/// That the values are draws from N(0, stddev²): what is left of each is uniform.
template <class X>
void check_normal(const X& tensor, double stddev) {
    std::vector<double> values = doubles(tensor);
    for (double& value : values) {
        value = 2 * normal_cdf(value / stddev) - 1;
    }
    check_uniform(values, 1);
}

/// That the values are draws from N(0, 1) cut at ±2, times `factor`.
template <class X>
void check_truncated(const X& tensor, double factor) {
    std::vector<double> values = doubles(tensor);
    double largest = 0;
    for (double& value : values) {
        largest = std::max(largest, std::abs(value));
        value = (2 * normal_cdf(value / factor) - 1) / (2 * normal_cdf(2) - 1);
    }
    CHECK(largest <= 2 * factor * (1 + static_cast<double>(std::numeric_limits<typename X::value_type>::epsilon())));
    check_uniform(values, 1, 1e-6);
}

/// That a truncated normal has this variance, as jax.nn.initializers.variance_scaling has it: the cut takes some, which is given back.
template <class X>
void check_truncated_variance(const X& tensor, double variance) {
    check_truncated(tensor, std::sqrt(variance) / 0.87962566103423978);
    double square = 0;
    for (const double value : doubles(tensor)) {
        square += value * value / static_cast<double>(tensor.size());
    }
    // Var x² = 1.061 v² for a normal cut at two deviations: less than the 2 v² of a whole one.
    CHECK(std::abs(square / variance - 1) <= 5 * std::sqrt(2 / static_cast<double>(tensor.size())));
}

/// That a matrix, the first axis against the rest, has orthonormal rows or, where there are more rows than columns, columns, times gain.
template <class X>
void check_orthogonal(const X& tensor, double gain) {
    const std::vector<double> values = doubles(tensor);
    const std::size_t rows = tensor.shape(0);
    const std::size_t columns = values.size() / rows;
    CAPTURE(shape_of(tensor));
    const bool wide = rows <= columns;
    const std::size_t count = std::min(rows, columns);
    const auto element = [&](std::size_t line, std::size_t i) { return wide ? values[line * columns + i] : values[i * columns + line]; };
    // Each element is rounded once: 2 ε · Σ|a·b| ≤ 2 ε · gain².
    const double bound = 2 * gain * gain * static_cast<double>(std::numeric_limits<typename X::value_type>::epsilon()) + 1e-14;
    double worst = 0;
    for (std::size_t a = 0; a < count; ++a) {
        for (std::size_t b = 0; b <= a; ++b) {
            double dot = 0;
            for (std::size_t i = 0; i < std::max(rows, columns); ++i) {
                dot += element(a, i) * element(b, i);
            }
            worst = std::max(worst, std::abs(dot - (a == b ? gain * gain : 0)));
        }
    }
    CHECK(worst <= bound);
}

constexpr auto in = nn::Initialiser::Fan::in;
constexpr auto out = nn::Initialiser::Fan::out;
constexpr auto average = nn::Initialiser::Fan::average;
using Distribution = nn::Initialiser::Distribution;

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

TEST_CASE("init: without a fan: a normal, a truncated normal cut at two deviations and not widened, constants") {
    std::mt19937 rng(100);
    check_normal(nn::draw_tensor<float, 2>({40, 50}, nn::init::normal(), {}, rng), 1);
    check_normal(nn::draw_tensor<double, 2>({40, 50}, nn::init::normal(0.01), {}, rng), 0.01);
    check_truncated(nn::draw_tensor<float, 2>({40, 50}, nn::init::truncated_normal(), {}, rng), 1);
    check_truncated(nn::draw_tensor<double, 2>({40, 50}, nn::init::truncated_normal(3), {}, rng), 3);
    check_uniform(nn::draw_tensor<double, 2>({40, 50}, nn::init::uniform(-0.5), {}, rng), 0.5);  // symmetric: a sign says nothing

    const std::mt19937 before = rng;
    CHECK(values_of(nn::draw_tensor<float, 2>({2, 2}, nn::init::constant(-0.5), {}, rng)) == std::vector<float>(4, -0.5F));
    CHECK(values_of(nn::draw_tensor<float, 1>({3}, nn::init::zeros, {}, rng)) == std::vector<float>(3, 0));
    CHECK(values_of(nn::draw_tensor<double, 1>({3}, nn::init::ones, {}, rng)) == std::vector<double>(3, 1));
    CHECK(rng == before);  // nothing to draw
    CHECK(values_of(nn::draw_tensor<float, 1>({3}, nn::init::ones, {}, no_init)) == std::vector<float>(3, 0));
}

TEST_CASE("init: lecun, glorot and he have the variances of jax.nn.initializers: scale / fan") {
    std::mt19937 rng(101);
    const nn::Fans fans{.in = 50, .out = 350};
    const auto draw = [&](const nn::Initialiser& how) { return nn::draw_tensor<double, 2>({60, 100}, how, fans, rng); };
    check_truncated_variance(draw(nn::init::lecun_normal), 1.0 / 50);
    check_truncated_variance(draw(nn::init::glorot_normal), 1.0 / 200);
    check_truncated_variance(draw(nn::init::he_normal), 2.0 / 50);
    check_uniform(draw(nn::init::lecun_uniform), std::sqrt(3.0 / 50));
    check_uniform(draw(nn::init::glorot_uniform), std::sqrt(3.0 / 200));
    check_uniform(draw(nn::init::he_uniform), std::sqrt(6.0 / 50));
    for (const auto& [fan, count] : {std::pair(in, 50.0), std::pair(out, 350.0), std::pair(average, 200.0)}) {
        check_truncated_variance(draw(nn::init::variance_scaling(0.7, fan, Distribution::truncated_normal)), 0.7 / count);
        check_normal(draw(nn::init::variance_scaling(0.7, fan, Distribution::normal)), std::sqrt(0.7 / count));
        check_uniform(draw(nn::init::variance_scaling(0.7, fan, Distribution::uniform)), std::sqrt(2.1 / count));
    }
    CHECK(values_of(draw(nn::init::variance_scaling(0, in, Distribution::normal))) == std::vector<double>(6000, 0));
    static_assert(nn::init::variance_scaling(2, in, Distribution::truncated_normal) == nn::init::he_normal);
}

TEST_CASE("init: the fans of a layer's weight are C / groups * K in and O * K out, for its bias too") {
    std::mt19937 rng(102);
    const nn::Linear<float> linear(
        {.in_features = 40, .out_features = 360, .weight_init = nn::init::glorot_uniform, .bias_init = nn::init::zeros}, rng);
    check_uniform(linear.weight, std::sqrt(3.0 / 200));
    CHECK(values_of(*linear.bias) == std::vector<float>(360, 0));

    const nn::Conv2d<float> conv({.in_channels = 16,
                                  .out_channels = 640,
                                  .kernel_size = {3, 5},
                                  .groups = 4,
                                  .weight_init = nn::init::glorot_normal,
                                  .bias_init = nn::init::he_uniform},
                                 rng);
    check_truncated_variance(conv.weight, 2.0 / (4 * 15 + 640 * 15));
    check_uniform(*conv.bias, std::sqrt(6.0 / 60));
    const nn::ConvTranspose2d<double> transposed({.in_channels = 16,
                                                  .out_channels = 640,
                                                  .kernel_size = {3, 5},
                                                  .groups = 4,
                                                  .weight_init = nn::init::variance_scaling(1, out, Distribution::normal),
                                                  .bias_init = nn::init::constant(0.5)},
                                                 rng);
    check_normal(transposed.weight, 1 / std::sqrt(640 * 15.0));
    CHECK(values_of(*transposed.bias) == std::vector<double>(640, 0.5));
    const nn::CausalConv1d<double> causal(
        {.in_channels = 20, .out_channels = 400, .kernel_size = 4, .groups = 2, .weight_init = nn::init::lecun_normal}, rng);
    check_truncated_variance(causal.weight, 1.0 / 40);
    check_uniform(*causal.bias, 1 / std::sqrt(40.0));
}

TEST_CASE("init: ConvTranspose and GRU draw by default as Equinox's") {
    // equinox 0.13.8: eqx.nn.ConvTranspose draws from U(-L, L), L = 1 / sqrt(in / groups * K); eqx.nn.GRUCell, all four arrays, with
    // L = 1 / sqrt(hidden) (semantics.md 2.5, 9).
    std::mt19937 rng(103);
    const nn::ConvTranspose1d<float> conv({.in_channels = 12, .out_channels = 600, .kernel_size = 3, .groups = 3}, rng);
    check_uniform(conv.weight, 1 / std::sqrt(12.0));
    check_uniform(*conv.bias, 1 / std::sqrt(12.0));
    const nn::GRU<double> gru({.input_size = 7, .hidden_size = 400}, rng);
    check_uniform(gru.weight_ih, 0.05);
    check_uniform(gru.weight_hh, 0.05);
    check_uniform(*gru.bias, 0.05);
    check_uniform(*gru.bias_n, 0.05);
}

TEST_CASE("init: both weights of a recurrent layer are parts of one matrix (gates, D + H), in a GRU one of r and z and one of n") {
    std::mt19937 rng(104);
    const nn::LSTM<float> lstm(
        {.input_size = 70, .hidden_size = 130, .weight_init = nn::init::lecun_normal, .bias_init = nn::init::lecun_uniform}, rng);
    check_truncated_variance(lstm.weight_ih, 1.0 / 200);
    check_truncated_variance(lstm.weight_hh, 1.0 / 200);
    check_uniform(*lstm.bias, std::sqrt(3.0 / 200));
    const nn::GRU<float> gru(
        {.input_size = 60, .hidden_size = 400, .weight_init = nn::init::glorot_uniform, .bias_init = nn::init::glorot_uniform}, rng);
    const auto rows = [](const auto& weight, int first, int last) {
        return Tensor<float, 2>(xt::view(weight, xt::range(first, last), xt::all()));
    };
    for (const auto* const weight : {&gru.weight_ih, &gru.weight_hh}) {
        check_uniform(rows(*weight, 0, 800), std::sqrt(6.0 / (460 + 800)));
        check_uniform(rows(*weight, 800, 1200), std::sqrt(6.0 / (460 + 400)));
    }
    check_uniform(*gru.bias_n, std::sqrt(6.0 / (460 + 1200)));

    const auto check_joint = [](const auto& layer, std::size_t first, std::size_t last, double gain) {
        const std::size_t inputs = layer.weight_ih.shape(1);
        Tensor<double, 2> both({last - first, inputs + layer.weight_hh.shape(1)});
        auto part = xt::range(first, last);
        xt::view(both, xt::all(), xt::range(std::size_t{0}, inputs)) = xt::view(layer.weight_ih, part, xt::all());
        xt::view(both, xt::all(), xt::range(inputs, both.shape(1))) = xt::view(layer.weight_hh, part, xt::all());
        check_orthogonal(both, gain);
    };
    const nn::GRU<double> tall({.input_size = 3, .hidden_size = 5, .weight_init = nn::init::orthogonal()}, rng);
    check_joint(tall, 0, 10, 1);
    check_joint(tall, 10, 15, 1);
    check_joint(nn::LSTM<double>({.input_size = 40, .hidden_size = 5, .weight_init = nn::init::orthogonal(2)}, rng), 0, 20, 2);
}

TEST_CASE("init: orthogonal weights, tall, wide, square and of any rank") {
    std::mt19937 rng(105);
    const auto how = nn::init::orthogonal();
    check_orthogonal(nn::draw_tensor<double, 2>({10, 4}, how, {}, rng), 1);
    check_orthogonal(nn::draw_tensor<double, 2>({4, 10}, how, {}, rng), 1);
    check_orthogonal(nn::draw_tensor<float, 2>({33, 33}, how, {}, rng), 1);
    check_orthogonal(nn::draw_tensor<double, 2>({200, 150}, nn::init::orthogonal(0.3), {}, rng), 0.3);
    check_orthogonal(nn::draw_tensor<float, 4>({8, 3, 2, 5}, nn::init::orthogonal(1.5), {}, rng), 1.5);
    check_orthogonal(nn::draw_tensor<double, 3>({20, 2, 3}, how, {}, rng), 1);
    check_orthogonal(nn::draw_tensor<double, 1>({7}, how, {}, rng), 1);
    check_orthogonal(nn::draw_tensor<double, 2>({1, 1}, how, {}, rng), 1);
    check_orthogonal(
        nn::Conv2d<double>({.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 2, .weight_init = how}, rng).weight, 1);
    CHECK(values_of(nn::draw_tensor<double, 2>({2, 2}, nn::init::orthogonal(0), {}, rng)) == std::vector<double>(4, 0));
    CHECK(shape_of(nn::draw_tensor<float, 2>({0, 3}, how, {}, rng)) == Extents{0, 3});
    CHECK(shape_of(nn::draw_tensor<float, 2>({3, 0}, how, {}, rng)) == Extents{3, 0});

    // No direction is preferred, nor a determinant: the angle of a 2 × 2 matrix is uniform, as after JAX's QR with the signs of R.
    std::vector<double> angles;
    double turns = 0;
    for (int i = 0; i < 4000; ++i) {
        const auto q = nn::draw_tensor<double, 2>({2, 2}, how, {}, rng);
        angles.push_back(std::atan2(q(0, 1), q(0, 0)));
        turns += q(0, 0) * q(1, 1) - q(0, 1) * q(1, 0) > 0 ? 1 : 0;
    }
    check_uniform(angles, std::acos(-1.0));
    CHECK(std::abs(turns - 2000) < 5 * std::sqrt(1000.0));
}

namespace {

/// A layer of these options that draws 2 into its weights and 3 into its biases.
template <class L, class Options>
void check_both_options(Options options) {
    options.weight_init = nn::init::constant(2);
    if constexpr (requires { options.bias_init; }) {
        options.bias_init = nn::init::constant(3);
    }
    std::mt19937 rng(1);
    int arrays = 0;
    const L layer(options, rng);
    nn::visit_parameters(layer, [&](std::string_view name, const auto& array) {
        CAPTURE(L::name, name);
        const double value = name.starts_with("bias") ? 3 : 2;
        CHECK(std::all_of(array.begin(), array.end(), [&](auto element) { return static_cast<double>(element) == value; }));
        CHECK(array.size() > 0);
        ++arrays;
    });
    CHECK(arrays > 0);
}

}  // namespace

TEST_CASE("init: every layer that draws takes both options") {
    check_both_options<nn::Linear<float>>(nn::LinearOptions{.in_features = 2, .out_features = 3});
    check_both_options<nn::Conv1d<double>>(nn::ConvOptions<1>{.in_channels = 2, .out_channels = 3, .kernel_size = 2});
    check_both_options<nn::ConvTranspose2d<float>>(nn::ConvTransposeOptions<2>{.in_channels = 2, .out_channels = 3, .kernel_size = 2});
    check_both_options<nn::CausalConv1d<double>>(nn::CausalConv1dOptions{.in_channels = 2, .out_channels = 3, .kernel_size = 2});
    check_both_options<nn::LSTM<float>>(nn::LSTMOptions{.input_size = 2, .hidden_size = 3});
    check_both_options<nn::LSTMCell<double>>(nn::LSTMOptions{.input_size = 2, .hidden_size = 3});
    for (const auto reset : {nn::GRUReset::after, nn::GRUReset::before}) {
        check_both_options<nn::GRU<double>>(nn::GRUOptions{.input_size = 2, .hidden_size = 3, .reset = reset});
        check_both_options<nn::GRUCell<float>>(nn::GRUOptions{.input_size = 2, .hidden_size = 3, .reset = reset});
    }
    check_both_options<nn::Embed<float>>(nn::EmbedOptions{.num_embeddings = 2, .embedding_size = 3});
}

TEST_CASE("init: a negative variance is refused where something is drawn") {
    std::mt19937 rng(106);
    const nn::LinearOptions wrong{
        .in_features = 2, .out_features = 3, .weight_init = nn::init::variance_scaling(-1, in, Distribution::normal)};
    const std::mt19937 before = rng;
    CHECK(error_of<std::invalid_argument>([&] { nn::Linear<float>(wrong, rng); }) ==
          "nn::Initialiser: scale -1, expected at least 0: it is a variance");
    CHECK(rng == before);
    CHECK(error_of<std::invalid_argument>([&] {
              nn::GRU<float>({.input_size = 2, .hidden_size = 2, .bias_init = nn::init::variance_scaling(-0.5, out, Distribution::uniform)},
                             rng);
          }) == "nn::Initialiser: scale -0.5, expected at least 0: it is a variance");
    CHECK(error_of<std::invalid_argument>([&] {
              nn::draw_tensor<float, 1>({1}, nn::init::variance_scaling(std::nan(""), average, Distribution::truncated_normal), {}, rng);
          }) == "nn::Initialiser: scale nan, expected at least 0: it is a variance");
    CHECK(values_of(nn::Linear<float>(wrong, no_init).weight) == std::vector<float>(6, 0));
}
