// SPDX-License-Identifier: MIT
#include <nn/layers/activations.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/golden.hpp"
#include "support/operands.hpp"

namespace {

using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::callable;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::forwards;
using nn::test::GoldenLine;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Calls f with some activations.
template <class F>
void for_some_activations(const F& f) {
    f(nn::identity);
    f(nn::relu);
    f(nn::sigmoid);
    f(nn::tanh);
    f(nn::silu);
    f(nn::LeakyRelu{{.negative_slope = 0.2}});
    f(nn::gelu);
}

/// Calls f with every activation, the function that it is, in long double, and how far it may stray from it, in units of u = ε / 2 of the
/// value: one for each rounded constant and operation, and for the C library exp 2, expm1, log1p and tanh 4, erfc 10 (glibc documents at
/// most half of that), times the condition of what follows.
template <class F>
void for_each_activation(const F& f) {
    const auto within = [](long double units) { return [=](long double) { return units; }; };
    const auto sigmoid = [](long double x) { return 1 / (1 + std::exp(-x)); };
    const auto softplus = [](long double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); };
    const auto hard_sigmoid = [](long double x) { return std::min(std::max(x + 3, 0.0L), 6.0L) / 6; };
    const auto leaky = [](double slope) { return [=](long double x) { return x < 0 ? slope * x : x; }; };
    const auto elu = [](double alpha) { return [=](long double x) { return x < 0 ? alpha * std::expm1(x) : x; }; };
    const auto inner = [](long double x) { return std::sqrt(2 / std::acos(-1.0L)) * (x + 0.044715L * x * x * x); };
    f(
        nn::identity, [](long double x) { return x; }, within(0));
    f(
        nn::relu, [](long double x) { return std::max(x, 0.0L); }, within(0));
    f(
        nn::relu6, [](long double x) { return std::min(std::max(x, 0.0L), 6.0L); }, within(0));
    f(nn::leaky_relu, leaky(0.01), within(2));
    f(nn::LeakyRelu{{.negative_slope = 0.2}}, leaky(0.2), within(2));
    f(nn::elu, elu(1), within(4));
    f(nn::Elu{{.alpha = 0.3}}, elu(0.3), within(6));
    f(
        nn::selu, [=](long double x) { return 1.0507009873554804934193349852946L * elu(1.6732632423543772848170429916717)(x); }, within(9));
    // erfc(z) changes by at most 2·z² + 2 times what its argument does, relatively, for z > 0, and that is off by 2.
    f(
        nn::gelu, [](long double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0L)); },
        [](long double x) { return x < 0 ? 2 * (x * x + 2) + 12 : 16; });
    // A sigmoid's relative change is |w| times that of its argument w = 2t, which is off by 7; e^-w·w is at most 0.4.
    f(
        nn::gelu_tanh, [=](long double x) { return x * sigmoid(2 * inner(x)); },
        [=](long double x) { return x < 0 ? 14 * std::abs(inner(x)) + 6 : 10; });
    f(nn::sigmoid, sigmoid, within(5));
    f(
        nn::log_sigmoid, [=](long double x) { return -softplus(-x); }, within(8));
    f(nn::hard_sigmoid, hard_sigmoid, within(2));
    f(
        nn::tanh, [](long double x) { return std::tanh(x); }, within(4));
    f(
        nn::hard_tanh, [](long double x) { return std::min(std::max(x, -1.0L), 1.0L); }, within(0));
    f(
        nn::silu, [=](long double x) { return x * sigmoid(x); }, within(5));
    f(
        nn::hard_silu, [=](long double x) { return x * hard_sigmoid(x); }, within(3));
    f(nn::softplus, softplus, within(8));
    f(
        nn::softsign, [](long double x) { return x / (1 + std::abs(x)); }, within(2));
    f(
        nn::mish, [=](long double x) { return x * std::tanh(softplus(x)); }, within(13));
}

}  // namespace

// ---- golden ----

TEST_CASE("activations: the numbers of jax.nn") {
    // jax 0.10.2 in float64: jax.nn.relu(x), jax.nn.sigmoid(x), jnp.tanh(x), jax.nn.silu(x)
    const Tensor<double, 1> x{-100, -20, -3, -1, -.5, -1e-3, 0, 1e-3, .25, 1, 2.5, 20, 100};
    CHECK(values_of(nn::relu(x)) == std::vector<double>{0, 0, 0, 0, 0, 0, 0, 1e-3, .25, 1, 2.5, 20, 100});
    const std::vector<double> sigmoid{3.7200759760208356e-44,
                                      2.0611536181902037e-09,
                                      0.04742587317756678,
                                      0.2689414213699951,
                                      0.3775406687981454,
                                      0.4997500000208333,
                                      0.5,
                                      0.5002499999791666,
                                      0.5621765008857981,
                                      0.7310585786300049,
                                      0.9241418199787566,
                                      0.9999999979388463,
                                      1.0};
    CHECK(close(nn::sigmoid(x), sigmoid, 1e-15));
    const std::vector<double> tanh{-1,
                                   -1,
                                   -0.9950547536867305,
                                   -0.7615941559557649,
                                   -0.4621171572600098,
                                   -0.0009999996666668,
                                   0,
                                   0.0009999996666668,
                                   0.2449186624037091,
                                   0.7615941559557649,
                                   0.9866142981514302,
                                   1,
                                   1};
    CHECK(close(nn::tanh(x), tanh, 1e-15));
    const std::vector<double> silu{-3.720075976020836e-42,
                                   -4.122307236380407e-08,
                                   -0.14227761953270035,
                                   -0.2689414213699951,
                                   -0.1887703343990727,
                                   -0.0004997500000208334,
                                   0,
                                   0.0005002499999791667,
                                   0.14054412522144952,
                                   0.7310585786300049,
                                   2.3103545499468914,
                                   19.999999958776925,
                                   100};
    CHECK(close(nn::silu(x), silu, 1e-15));
    CHECK(identical(nn::identity(x), x));
    // Small values by their own size.
    CHECK(nn::sigmoid(x)(0) == nn::test::Approx(3.7200759760208356e-44).epsilon(1e-14));
    CHECK(nn::silu(x)(0) == nn::test::Approx(-3.720075976020836e-42).epsilon(1e-14));
}

TEST_CASE("activations: the numbers of jax.nn for the others") {
    const auto lines = nn::test::golden_lines("layers/activations_expected.txt");
    std::vector<GoldenLine::Array> arrays;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        GoldenLine line(lines[i]);
        CHECK(line.integer() == static_cast<nn::index_t>(i) - 1);
        arrays.push_back(line.array());
        CHECK(line.ended());
    }
    REQUIRE(arrays.size() == 16);
    const auto x = nn::contiguous(arrays[0].values.data(), Shape<1>{static_cast<nn::index_t>(arrays[0].values.size())});
    std::size_t i = 1;
    // 13 digits in the file, of small values too; `absolute` where jax's own formula cancels.
    const auto gives = [&](const auto& layer, double absolute = 0) {
        const auto y = layer(x);
        const std::vector<double>& expected = arrays[i++].values;
        bool ok = y.size() == expected.size();
        for (std::size_t j = 0; ok && j < expected.size(); ++j) {
            ok = std::abs(y(j) - expected[j]) <= 1e-12 * std::abs(expected[j]) + absolute;
        }
        return ok;
    };
    CHECK(gives(nn::relu6));
    CHECK(gives(nn::leaky_relu));
    CHECK(gives(nn::LeakyRelu{{.negative_slope = 0.2}}));
    CHECK(gives(nn::elu));
    CHECK(gives(nn::Elu{{.alpha = 0.5}}));
    CHECK(gives(nn::selu));
    CHECK(gives(nn::gelu));
    CHECK(gives(nn::gelu_tanh, 1e-15));
    CHECK(gives(nn::log_sigmoid));
    CHECK(gives(nn::hard_sigmoid));
    CHECK(gives(nn::hard_tanh));
    CHECK(gives(nn::hard_silu));
    CHECK(gives(nn::softplus));
    CHECK(gives(nn::softsign));
    CHECK(gives(nn::mish));
}

TEST_CASE("activations: far below 0 small values keep their digits") {
    // mpmath 1.4.1 with 60 digits. jax's 1 + tanh(t) and PyTorch's 1 + erf(t) cancel there; so would e^x - 1 and ln(1 + e^x) near 0.
    const auto is = [](const auto& layer, double x, double y) {
        return std::abs(layer(Tensor<double, 1>{x})(0) - y) <= 1e-13 * std::abs(y);
    };
    CHECK(is(nn::gelu_tanh, -9, -1.3364595947348725e-28));
    CHECK(is(nn::gelu_tanh, -5, -2.291796196629506e-7));
    CHECK(is(nn::gelu_tanh, -3.5, -0.00061619765537366331));
    CHECK(is(nn::gelu, -37, -2.1184613523340934e-298));
    CHECK(is(nn::gelu, -9, -1.0157295653584566e-18));
    CHECK(is(nn::gelu, -5, -1.4332578593959696e-6));
    CHECK(is(nn::mish, -40, -1.6993417021166356e-16));
    CHECK(is(nn::mish, -9, -0.0011106197018717866));
    CHECK(is(nn::log_sigmoid, 40, -4.248354255291589e-18));
    CHECK(is(nn::softplus, -40, 4.248354255291589e-18));
    CHECK(is(nn::elu, -1e-10, -9.9999999995000004e-11));
    CHECK(is(nn::selu, -1e-20, -1.7580993408473768e-20));
}

TEST_CASE("activations: of infinity and NaN what jax.nn gives") {
    // jax 0.10.2: relu [inf, 0, nan], sigmoid [1, 0, nan], tanh [1, -1, nan], silu [inf, nan, nan] of [inf, -inf, nan]
    const double nan = not_a_number;
    const Tensor<double, 1> x{infinity, -infinity, nan};
    const auto gives = [&](const auto& layer, const std::vector<double>& expected) {
        return nn::test::same_bits(values_of(layer(x)), expected);
    };
    CHECK(gives(nn::identity, {infinity, -infinity, nan}));
    CHECK(gives(nn::relu, {infinity, 0, nan}));
    CHECK(gives(nn::sigmoid, {1, 0, nan}));
    CHECK(gives(nn::tanh, {1, -1, nan}));
    CHECK(gives(nn::silu, {infinity, nan, nan}));
    CHECK(gives(nn::relu6, {6, 0, nan}));
    CHECK(gives(nn::leaky_relu, {infinity, -infinity, nan}));
    CHECK(gives(nn::elu, {infinity, -1, nan}));
    CHECK(gives(nn::Elu{{.alpha = 0.5}}, {infinity, -0.5, nan}));
    CHECK(gives(nn::selu, {infinity, -1.0507009873554804934 * 1.6732632423543772848, nan}));
    CHECK(gives(nn::gelu, {infinity, nan, nan}));
    CHECK(gives(nn::gelu_tanh, {infinity, nan, nan}));
    CHECK(gives(nn::log_sigmoid, {-0.0, -infinity, nan}));
    CHECK(gives(nn::hard_sigmoid, {1, 0, nan}));
    CHECK(gives(nn::hard_tanh, {1, -1, nan}));
    CHECK(gives(nn::hard_silu, {infinity, nan, nan}));
    CHECK(gives(nn::softplus, {infinity, 0, nan}));
    CHECK(gives(nn::softsign, {nan, nan, nan}));
    CHECK(gives(nn::mish, {infinity, nan, nan}));
}

// ---- against the definition ----

namespace {

/// A hundredth on top of the units. Below the normal numbers a function of an exponential may be 0, which some multiply by x.
template <class T>
void check_accuracy() {
    const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.01L;
    Random random(50);
    for_each_activation([&](const auto& layer, const auto& exact, const auto& units) {
        Tensor<T, 1> x = nn::make_tensor<T, 1>({4000});
        for (T& element : x) {
            element = random.real<T>() * static_cast<T>(std::pow(2.0, static_cast<double>(random.integer(-30, 10))));
        }
        const Tensor<T, 1> y = layer(x);
        std::size_t outside = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const long double expected = exact(static_cast<long double>(x(i)));
            const long double tiny = std::numeric_limits<T>::min() * (1 + std::abs(static_cast<long double>(x(i))));
            outside += std::abs(y(i) - expected) <= units(static_cast<long double>(x(i))) * u * std::abs(expected) + tiny ? 0 : 1;
        }
        CHECK(outside == 0);
    });
}

}  // namespace

TEST_CASE("activations: every magnitude against the definition") {
    check_accuracy<float>();
    check_accuracy<double>();
}

TEST_CASE("activations: of floats, the units in the last place that the header says, over millions of them") {
    Tensor<float, 1> x = nn::make_tensor<float, 1>({220000});
    for (std::size_t i = 0; i < x.size(); ++i) {  // every 10007th bit pattern up to 150 or so, and then the negatives
        const auto bits = static_cast<std::uint32_t>(i / 2 * 10007 + i % 2 * 0x80000000U);
        std::memcpy(&x(i), &bits, sizeof(bits));
    }
    std::size_t which = 0;
    for_each_activation([&](const auto& layer, const auto& exact, const auto&) {
        using L = std::remove_cvref_t<decltype(layer)>;
        const Tensor<float, 1> y = layer(x);
        long double worst = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto value = static_cast<long double>(x(i));
            const long double expected = exact(value);
            const long double tiny = 1.2e-38L * (1 + std::abs(value));
            const int exponent = std::max(expected == 0 ? -126 : std::ilogb(expected), -126);
            const long double error = std::max(std::abs(y(i) - expected) - tiny, 0.0L) / std::ldexp(1.0L, exponent - 23);
            long double units = 6;
            if (std::is_same_v<L, nn::Elementwise<nn::functions::Gelu>>) {
                units = 7 + value * value;
            } else if (std::is_same_v<L, nn::Elementwise<nn::functions::GeluTanh>>) {
                units = 6 + std::abs(value * value * value);
            }
            worst = std::max(worst, error / units);
        }
        CAPTURE(which++, L::name, worst);
        CHECK(worst <= 1);
    });
}

namespace {

template <class T>
void check_places(Random& random) {
    for_each_activation([&](const auto& layer, const auto&, const auto&) {
        const Tensor<T, 1> x(T(6) * random_tensor<T, 1>(random, {75}));
        const auto y = layer(x);
        bool same = true;
        for (nn::index_t length = 1; length < 40; ++length) {
            const nn::index_t first = random.integer(0, 75 - length);
            const auto part = layer(nn::contiguous(x.data() + first, Shape<1>{length}));
            same = same && std::memcmp(part.data(), y.data() + first, static_cast<std::size_t>(length) * sizeof(T)) == 0;
        }
        CHECK(same);
    });
}

}  // namespace

TEST_CASE("activations: the bits of an element do not depend on where it stands") {
    Random random(55);
    check_places<float>(random);
    check_places<double>(random);
}

namespace {

struct OfNumbers {
    static constexpr std::string_view name = "of numbers";
    template <std::floating_point T>
    static void apply(T& x) {
        x = std::floor(x);
    }
};

}  // namespace

TEST_CASE("activations: a user's function of numbers alone is a layer") {
    const nn::Elementwise<OfNumbers> layer;
    CHECK(values_of(layer(Tensor<float, 1>{2.5F, -2.5F, 0})) == std::vector<float>{2, -3, 0});
    CHECK(values_of(layer(Tensor<double, 2>{{2.5, -2.5}})) == std::vector<double>{2, -3});
}

TEST_CASE("activations: of long double too") {
    const Tensor<long double, 1> x{-2, 0.5L};
    CHECK(values_of(nn::relu(x)) == std::vector<long double>{0, 0.5L});
    CHECK(std::abs(nn::sigmoid(x)(0) - 1 / (1 + std::exp(2.0L))) < 1e-18L);
}

// ---- properties ----

TEST_CASE("activations: relu keeps what is positive to the bit, symmetries hold") {
    Random random(51);
    const Tensor<float, 2> x(8.0F * random_tensor<float, 2>(random, {30, 40}));
    const auto positive = nn::relu(x);
    const auto negative = nn::relu(Tensor<float, 2>(-x));
    CHECK(identical(Tensor<float, 2>(positive - negative), x));
    CHECK(identical(nn::relu(positive), positive));
    CHECK(identical(nn::tanh(Tensor<float, 2>(-x)), Tensor<float, 2>(-nn::tanh(x))));
    const auto sum = Tensor<float, 2>(nn::sigmoid(x) + nn::sigmoid(Tensor<float, 2>(-x)));
    const auto difference = Tensor<float, 2>(nn::silu(x) - nn::silu(Tensor<float, 2>(-x)));  // x
    bool ones = true;
    bool same = true;
    for (std::size_t i = 0; i < x.size(); ++i) {
        ones = ones && std::abs(sum.data()[i] - 1) <= 4 * std::numeric_limits<float>::epsilon();
        same = same && std::abs(difference.data()[i] - x.data()[i]) <= 4 * std::numeric_limits<float>::epsilon() * std::abs(x.data()[i]);
    }
    CHECK(ones);
    CHECK(same);
}

TEST_CASE("activations: identities between them") {
    Random random(54);
    const Tensor<double, 1> x(8.0 * random_tensor<double, 1>(random, {500}));
    const auto same = [&](const auto& a, const auto& b, double tolerance) { return close(a, values_of(b), tolerance); };
    const auto negated = [&](const auto& layer) { return layer(Tensor<double, 1>(-x)); };
    CHECK(same(nn::relu6(x), nn::relu(Tensor<double, 1>(6 - nn::relu(Tensor<double, 1>(6 - x)))), 2e-15));
    CHECK(identical(nn::LeakyRelu{{.negative_slope = 1}}(x), x));
    CHECK(identical(nn::LeakyRelu{{.negative_slope = 0}}(nn::relu(x)), nn::relu(x)));
    CHECK(identical(nn::Elu{{.alpha = 2}}(Tensor<double, 1>(nn::relu(x))), nn::relu(x)));
    CHECK(identical(nn::log_sigmoid(x), Tensor<double, 1>(-negated(nn::softplus))));
    CHECK(same(Tensor<double, 1>(nn::softplus(x) - negated(nn::softplus)), x, 1e-14));
    CHECK(same(Tensor<double, 1>(nn::gelu(x) - negated(nn::gelu)), x, 1e-14));
    CHECK(same(Tensor<double, 1>(nn::gelu_tanh(x) - negated(nn::gelu_tanh)), x, 1e-14));
    CHECK(identical(negated(nn::softsign), Tensor<double, 1>(-nn::softsign(x))));
    CHECK(identical(negated(nn::hard_tanh), Tensor<double, 1>(-nn::hard_tanh(x))));
    CHECK(same(Tensor<double, 1>(nn::hard_sigmoid(x) + negated(nn::hard_sigmoid)), xt::ones<double>({500}), 1e-15));
}

// ---- operands ----

TEST_CASE("activations: every kind of operand of any rank gives the same bits") {
    Random random(52);
    for_some_activations([&](const auto& layer) {
        nn::test::check_operands(random, layer, random_tensor<float, 1>(random, {19}));
        nn::test::check_operands(random, layer, random_tensor<double, 2>(random, {1, 9}));
        nn::test::check_operands(random, layer, random_tensor<float, 4>(random, {2, 3, 4, 5}));
        nn::test::check_items(layer, random_tensor<float, 3>(random, {6, 3, 5}));
        nn::test::check_items(layer, random_tensor<float, 1>(random, {37}));
        CHECK(shape_of(layer(Tensor<float, 3>({2, 0, 3}))) == Extents{2, 0, 3});
        const Tensor<float, 0> scalar(-0.5F);
        CHECK(layer(scalar)() == layer(Tensor<float, 1>{-0.5F})(0));
        CHECK(layer.output_shape(Shape<3>{2, 0, 3}) == Shape<3>{2, 0, 3});
    });
}

TEST_CASE("activations: y may be x itself") {
    Random random(53);
    const auto x = random_tensor<float, 3>(random, {4, 5, 6});
    for_some_activations([&](const auto& layer) {
        const auto y = layer(x);
        Workspace workspace;
        Tensor<float, 3> here = x;
        layer.forward_into(here, here, workspace);
        CHECK(identical(here, y));
        here = x;
        layer.forward_into(xt::transpose(here), xt::transpose(here), workspace);
        CHECK(identical(here, y));
        here = x;
        auto part = xt::view(here, xt::all(), xt::range(1, 5, 2), xt::all());
        layer.forward_into(part, part, workspace);
        CHECK(identical(part, xt::view(y, xt::all(), xt::range(1, 5, 2), xt::all())));
        CHECK(identical(xt::view(here, xt::all(), xt::range(0, 5, 2), xt::all()), xt::view(x, xt::all(), xt::range(0, 5, 2), xt::all())));
    });

    // Along an axis of one element xtensor's stride is 0, that of a view any.
    Tensor<float, 3> one({1, 5, 1}, -1.0F);
    Workspace workspace;
    nn::relu.forward_into(one, nn::view_of(one), workspace);
    CHECK(identical(one, Tensor<float, 3>({1, 5, 1}, 0.0F)));
}

// ---- errors ----

TEST_CASE("activations: a y that does not fit or half overlaps is refused, and is as it was") {
    Workspace workspace;
    const Tensor<float, 2> x({2, 3}, -1.0F);
    std::vector<float> memory(12, -1.0F);
    const auto said = [&](const auto& layer, const auto& input, const nn::View<float, 2>& y) {
        return error_of<shape_error>([&] { layer.forward_into(input, y, workspace); });
    };
    const nn::View<float, 2> tall = nn::contiguous(memory.data(), Shape<2>{3, 2});
    const std::string rest = ": y (3, 2), expected (2, 3)  [x (2, 3)]";
    CHECK(said(nn::identity, x, tall) == "nn::identity" + rest);
    CHECK(said(nn::relu, x, tall) == "nn::relu" + rest);
    CHECK(said(nn::sigmoid, x, tall) == "nn::sigmoid" + rest);
    CHECK(said(nn::tanh, x, tall) == "nn::tanh" + rest);
    CHECK(said(nn::silu, x, tall) == "nn::silu" + rest);
    CHECK(said(nn::relu6, x, tall) == "nn::relu6" + rest);
    CHECK(said(nn::leaky_relu, x, tall) == "nn::leaky_relu" + rest);
    CHECK(said(nn::elu, x, tall) == "nn::elu" + rest);
    CHECK(said(nn::selu, x, tall) == "nn::selu" + rest);
    CHECK(said(nn::gelu, x, tall) == "nn::gelu" + rest);
    CHECK(said(nn::gelu_tanh, x, tall) == "nn::gelu_tanh" + rest);
    CHECK(said(nn::log_sigmoid, x, tall) == "nn::log_sigmoid" + rest);
    CHECK(said(nn::hard_sigmoid, x, tall) == "nn::hard_sigmoid" + rest);
    CHECK(said(nn::hard_tanh, x, tall) == "nn::hard_tanh" + rest);
    CHECK(said(nn::hard_silu, x, tall) == "nn::hard_silu" + rest);
    CHECK(said(nn::softplus, x, tall) == "nn::softplus" + rest);
    CHECK(said(nn::softsign, x, tall) == "nn::softsign" + rest);
    CHECK(said(nn::mish, x, tall) == "nn::mish" + rest);
    CHECK(said(nn::relu, x, {memory.data(), {2, 3}, {0, 1}}) ==
          "nn::relu: y has stride 0 along axis 0, so that its elements share memory  [y (2, 3)]");
    const std::string overlaps = "nn::relu: y overlaps x; give it memory of its own  [y (2, 3), x (2, 3)]";
    CHECK(said(nn::relu, nn::contiguous(memory.data(), Shape<2>{2, 3}), nn::contiguous(memory.data() + 1, Shape<2>{2, 3})) == overlaps);
    CHECK(said(nn::relu, nn::contiguous(memory.data(), Shape<2>{2, 3}), {memory.data(), {2, 3}, {1, 2}}) == overlaps);
    CHECK(said(nn::relu, nn::contiguous(memory.data(), Shape<2>{2, 3}), {memory.data() + 5, {2, 3}, {-3, -1}}) == overlaps);
    CHECK(memory == std::vector<float>(12, -1.0F));
    CHECK(said(nn::relu, nn::contiguous(memory.data(), Shape<2>{2, 3}), nn::contiguous(memory.data() + 6, Shape<2>{2, 3})).empty());
}

// ---- types ----

TEST_CASE("activations: are empty values that take every floating-point type") {
    using R = std::remove_const_t<decltype(nn::relu)>;
    static_assert(std::is_empty_v<R> && std::regular_invocable<const R&, const Tensor<float, 2>&> && !R::carries);
    static_assert(std::default_initializable<nn::Identity> && std::copyable<nn::Identity>);
    static_assert(callable<R, const Tensor<double, 2>&> && !callable<R, const Tensor<int, 2>&> && !callable<R, float>);
    static_assert(forwards<R, const Tensor<float, 2>&, Tensor<float, 2>&> && !forwards<R, const Tensor<float, 2>&, Tensor<double, 2>&>);
    static_assert(!forwards<R, const Tensor<float, 2>&, const Tensor<float, 2>&> && !forwards<R, const Tensor<int, 2>&, Tensor<int, 2>&>);
    static_assert(!forwards<R, decltype(2.0F * std::declval<const Tensor<float, 2>&>()), Tensor<float, 2>&>);
    SUCCEED();
}
