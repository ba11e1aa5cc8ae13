// SPDX-License-Identifier: MIT
#include <nn/layers/activations.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/operands.hpp"

namespace {

using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Calls f with each activation and the function that it is, in long double.
template <class F>
void for_each_activation(const F& f) {
    const auto sigmoid = [](long double x) { return 1 / (1 + std::exp(-x)); };
    f(nn::identity, [](long double x) { return x; });
    f(nn::relu, [](long double x) { return std::max(x, 0.0L); });
    f(nn::sigmoid, sigmoid);
    f(nn::tanh, [](long double x) { return std::tanh(x); });
    f(nn::silu, [=](long double x) { return x * sigmoid(x); });
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

TEST_CASE("activations: of infinity and NaN what jax.nn gives") {
    // jax 0.10.2: relu [inf, 0, nan], sigmoid [1, 0, nan], tanh [1, -1, nan], silu [inf, nan, nan] of [inf, -inf, nan]
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Tensor<double, 1> x{infinity, -infinity, nan};
    const auto gives = [&](const auto& layer, const std::vector<double>& expected) {
        return nn::test::same_bits(values_of(layer(x)), expected);
    };
    CHECK(gives(nn::identity, {infinity, -infinity, nan}));
    CHECK(gives(nn::relu, {infinity, 0, nan}));
    CHECK(gives(nn::sigmoid, {1, 0, nan}));
    CHECK(gives(nn::tanh, {1, -1, nan}));
    CHECK(gives(nn::silu, {infinity, nan, nan}));
}

// ---- against the definition ----

namespace {

/// At most 4 roundings of u = ε / 2 each, two of them inside the exponential, and a hundredth on top. Below the normal numbers a sigmoid
/// may be 0 (the exponential overflows), which silu multiplies by x.
template <class T>
void check_accuracy() {
    const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.01L;
    Random random(50);
    for_each_activation([&](const auto& layer, const auto& exact) {
        Tensor<T, 1> x = nn::make_tensor<T, 1>({4000});
        for (T& element : x) {
            element = random.real<T>() * static_cast<T>(std::pow(2.0, static_cast<double>(random.integer(-30, 10))));
        }
        const Tensor<T, 1> y = layer(x);
        std::size_t outside = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const long double expected = exact(static_cast<long double>(x(i)));
            const long double tiny = std::numeric_limits<T>::min() * (1 + std::abs(static_cast<long double>(x(i))));
            outside += std::abs(y(i) - expected) <= 5 * u * std::abs(expected) + tiny ? 0 : 1;
        }
        CHECK(outside == 0);
    });
}

}  // namespace

TEST_CASE("activations: every magnitude against the definition") {
    check_accuracy<float>();
    check_accuracy<double>();
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

// ---- operands ----

TEST_CASE("activations: every kind of operand of any rank gives the same bits") {
    Random random(52);
    for_each_activation([&](const auto& layer, const auto&) {
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
    for_each_activation([&](const auto& layer, const auto&) {
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
    const std::string rest = ": y (3, 2) does not fit, expected the leading axes (2, 3) of x and then ()  [x (2, 3)]";
    CHECK(said(nn::identity, x, tall) == "nn::identity" + rest);
    CHECK(said(nn::relu, x, tall) == "nn::relu" + rest);
    CHECK(said(nn::sigmoid, x, tall) == "nn::sigmoid" + rest);
    CHECK(said(nn::tanh, x, tall) == "nn::tanh" + rest);
    CHECK(said(nn::silu, x, tall) == "nn::silu" + rest);
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

namespace {

template <class L, class X>
concept callable = requires(const L& layer, X&& x) {
    layer(x);
};
template <class L, class X, class Y>
concept forwards = requires(const L& layer, X&& x, Y&& y, Workspace& workspace) {
    layer.forward_into(std::forward<X>(x), std::forward<Y>(y), workspace);
};

}  // namespace

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
