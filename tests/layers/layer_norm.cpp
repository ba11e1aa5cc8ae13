// SPDX-License-Identifier: MIT
#include <nn/layers/layer_norm.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "support/golden.hpp"
#include "support/normalised.hpp"
#include "support/operands.hpp"

namespace {

using nn::BasicLayerNorm;
using nn::index_t;
using nn::LayerNorm;
using nn::LayerNormOptions;
using nn::RMSNorm;
using nn::RMSNormOptions;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::Arrangement;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::filled;
using nn::test::GoldenLine;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

}  // namespace

// ---- golden ----

namespace {

template <std::size_t R, template <std::size_t> class Options>
void check_golden(GoldenLine& line, bool weight, bool bias, double eps) {
    const Shape<R> shape = nn::test::fixed<R>(line.integers(R));
    BasicLayerNorm<double, R, Options> norm({.shape = shape, .eps = eps, .use_weight = weight, .use_bias = bias});
    BasicLayerNorm<float, R, Options> single({.shape = shape, .eps = eps, .use_weight = weight, .use_bias = bias});
    nn::test::check_golden_norm<R + 1>(line, norm, single);
}

}  // namespace

TEST_CASE("layer_norm: the numbers of equinox, blox and brainstate") {
    const auto lines = nn::test::golden_lines("layers/layer_norm_expected.txt");
    CHECK(lines.size() == 72);
    for (const std::string& text : lines) {
        CAPTURE(text);
        GoldenLine line(text);
        line.integer();  // whose
        const bool rms = line.integer() == 1;
        const bool weight = line.integer() == 1;
        const bool bias = line.integer() == 1;
        const double eps = static_cast<double>(line.integer()) * 1e-6;
        switch (line.integer()) {
            case 1:
                rms ? check_golden<1, RMSNormOptions>(line, weight, bias, eps) : check_golden<1, LayerNormOptions>(line, weight, bias, eps);
                break;
            case 2:
                rms ? check_golden<2, RMSNormOptions>(line, weight, bias, eps) : check_golden<2, LayerNormOptions>(line, weight, bias, eps);
                break;
            case 3:
                rms ? check_golden<3, RMSNormOptions>(line, weight, bias, eps) : check_golden<3, LayerNormOptions>(line, weight, bias, eps);
                break;
            default: CHECK(false);
        }
    }
}

TEST_CASE("layer_norm: the values of semantics.md, with the defaults") {
    const Tensor<double, 1> x{1, 2, 3, 4, 5};
    CHECK(close(LayerNorm<double>({.shape = 5})(x), {-1.41421, -.707105, 0, .707105, 1.41421}, 1e-5));
    CHECK(close(RMSNorm<double>({.shape = 5})(x), {.3015112, .6030224, .9045336, 1.2060448, 1.507556}, 1e-7));
    CHECK(LayerNorm<double>({.shape = 5}).bias.has_value());
    CHECK(!RMSNorm<double>({.shape = 5}).bias.has_value());
    CHECK(values_of(*LayerNorm<float, 2>({.shape = {2, 3}}).weight) == std::vector<float>(6, 1));
    CHECK(values_of(*LayerNorm<float, 2>({.shape = {2, 3}}).bias) == std::vector<float>(6, 0));
}

TEST_CASE("layer_norm: the test of equinox: a line and the same line stretched") {
    // equinox 0.13.8, tests/test_nn.py::test_layer_norm: linspace(.1, 1, 10) and linspace(0, 1, 10) agree to 1e-4.
    Tensor<double, 1> x1 = nn::make_tensor<double, 1>({10});
    Tensor<double, 1> x2 = x1;
    for (std::size_t i = 0; i < 10; ++i) {
        x1(i) = .1 + .1 * static_cast<double>(i);
        x2(i) = static_cast<double>(i) / 9;
    }
    const LayerNorm<double> norm({.shape = 10});
    CHECK(close(norm(x1), values_of(norm(x2)), 1e-4));
}

// ---- edges ----

TEST_CASE("layer_norm: a mean far from 0 costs no digits of the variance") {
    // brainstate's E[x²] − E[x]² makes ±500 of it. The variance is 1/4.
    CHECK(close(LayerNorm<float>({.shape = 2})(Tensor<float, 1>{10000, 10001}), {-.99998, .99998}, 1e-6));
    CHECK(values_of(LayerNorm<float>({.shape = 2, .eps = 0})(Tensor<float, 1>{10000, 10001})) == std::vector<float>{-1, 1});
}

TEST_CASE("layer_norm: a constant gives the bias to the bit") {
    Random random(201);
    for (const index_t length : {1, 2, 3, 7, 10, 100, 511, 1000, 5000}) {
        const auto norm = filled(random, LayerNorm<float>({.shape = length}));
        for (const float constant : {0.0F, .1F, -1.1F, 10000.1F, 333333.3F, 1e-20F, 3e20F}) {
            CAPTURE(length, constant);
            CHECK(identical(norm(nn::make_tensor<float, 1>({length}, constant)), *norm.bias));
        }
    }
}

TEST_CASE("layer_norm: extents of 1, empty batches, empty leading axes") {
    LayerNorm<float> norm({.shape = 1});
    norm.bias = Tensor<float, 1>{7};
    CHECK(values_of(norm(Tensor<float, 2>{{3}, {-4}})) == std::vector<float>{7, 7});
    const RMSNorm<float, 2> one({.shape = 1, .eps = 0});
    CHECK(values_of(one(Tensor<float, 2>{{-3}})) == std::vector<float>{-1});
    CHECK(shape_of(norm(Tensor<float, 2>({0, 1}))) == Extents{0, 1});
    CHECK(shape_of(LayerNorm<float, 2>({.shape = {3, 4}})(Tensor<float, 4>({2, 0, 3, 4}))) == Extents{2, 0, 3, 4});
    CHECK(norm.output_shape(Shape<3>{5, 0, 1}) == Shape<3>{5, 0, 1});
}

TEST_CASE("layer_norm: a zero item is the bias, and without eps NaN, as 0 / 0 is; a NaN or an infinity spoils its own item alone") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float inf = std::numeric_limits<float>::infinity();
    CHECK(values_of(RMSNorm<float>({.shape = 2})(Tensor<float, 1>{0, 0})) == std::vector<float>{0, 0});
    CHECK(std::isnan(RMSNorm<float>({.shape = 2, .eps = 0})(Tensor<float, 1>{0, 0})(0)));
    const Tensor<float, 2> x{{nan, 1}, {1, 3}, {inf, 1}};
    const auto y = LayerNorm<float>({.shape = 2, .eps = 0})(x);
    const std::vector<float> expected{nan, nan, -1, 1, nan, nan};
    CHECK(nn::test::same_bits(values_of(y), expected));
}

// ---- against the definition ----

namespace {

template <class T, std::size_t R, std::size_t Leading, template <std::size_t> class Options>
void check_against_naive(Random& random) {
    constexpr std::size_t rank = Leading + R;
    Extents shape;
    std::array<index_t, R> normalised{};
    for (std::size_t axis = 0; axis < rank; ++axis) {
        shape.push_back(random.integer(1, 6));
        if (axis >= Leading) {
            normalised[axis - Leading] = shape.back();
        }
    }
    const Options<R> options{
        .shape = normalised, .eps = random.chance(0.5) ? 1e-5 : 0.125, .use_weight = random.chance(0.6), .use_bias = random.chance(0.6)};
    const auto norm = filled(random, BasicLayerNorm<T, R, Options>(options));
    const T offset = random.pick(std::vector<T>{0, 3, -100});
    Strided<T> x(shape, Arrangement::any(random, rank, true));
    nn::test::for_each_index(shape, [&](const Extents& index) { x.at(index) = offset + random.real<T>(); });
    Strided<T> y(shape, Arrangement::any(random, rank, false));
    Workspace workspace;
    norm.forward_into(std::as_const(x).template view<rank>(), y.template view<rank>(), workspace);
    CAPTURE(shape, Leading, options.eps, offset, x.strides(), y.strides());
    CHECK(y.intact());
    const std::vector<T> in = x.values();
    const std::vector<T> out = y.values();
    std::size_t size = 1;
    for (const index_t extent : normalised) {
        size *= static_cast<std::size_t>(extent);
    }
    std::size_t outside = 0;
    for (std::size_t item = 0; item < in.size(); item += size) {
        const auto first = in.begin() + static_cast<index_t>(item);
        const nn::test::NaiveNormalised<T> naive({first, first + static_cast<index_t>(size)}, options.eps, Options<R>::centred);
        for (std::size_t i = 0; i < size; ++i) {
            const T weight = norm.weight ? norm.weight->data()[i] : T(1);
            const T bias = norm.bias ? norm.bias->data()[i] : T(0);
            outside += naive.holds(in[item + i], weight, bias, out[item + i]) ? 0 : 1;
        }
    }
    CHECK(outside == 0);
}

}  // namespace

TEST_CASE("layer_norm: every option, rank and stride against the definition") {
    Random random(202);
    for (int i = 0; i < 60; ++i) {
        check_against_naive<float, 1, 0, LayerNormOptions>(random);
        check_against_naive<float, 1, 2, LayerNormOptions>(random);
        check_against_naive<double, 2, 1, LayerNormOptions>(random);
        check_against_naive<float, 3, 1, LayerNormOptions>(random);
        check_against_naive<float, 1, 1, RMSNormOptions>(random);
        check_against_naive<double, 2, 2, RMSNormOptions>(random);
        check_against_naive<float, 3, 0, RMSNormOptions>(random);
    }
}

TEST_CASE("layer_norm: long items, past every block of the sum, against the definition") {
    Random random(203);
    for (const index_t length : {7, 8, 9, 511, 512, 513, 1025, 20000}) {
        const auto norm = filled(random, LayerNorm<float>({.shape = length}));
        const auto root = filled(random, RMSNorm<float>({.shape = length}));
        const Tensor<float, 1> x(random_tensor<float, 1>(random, {length}) + 50.0F);
        const nn::test::NaiveNormalised<float> centred(values_of(x), 1e-5, true);
        const nn::test::NaiveNormalised<float> about_zero(values_of(x), 1e-5, false);
        const auto y = norm(x);
        const auto z = root(x);
        std::size_t outside = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            outside += centred.holds(x(i), (*norm.weight)(i), (*norm.bias)(i), y(i)) ? 0 : 1;
            outside += about_zero.holds(x(i), (*root.weight)(i), 0, z(i)) ? 0 : 1;
        }
        CAPTURE(length);
        CHECK(outside == 0);
    }
}

// ---- properties ----

TEST_CASE("layer_norm: what is added to all of x does not matter, nor a factor when eps is 0") {
    // Small integers, 16 of them: sums, mean and differences are exact, so are powers of two.
    Random random(204);
    const LayerNorm<float> norm({.shape = 16});
    const LayerNorm<float> pure({.shape = 16, .eps = 0});
    const RMSNorm<float> root({.shape = 16, .eps = 0});
    Tensor<float, 2> x({5, 16});
    for (float& element : x) {
        element = static_cast<float>(random.integer(-9, 9));
    }
    CHECK(identical(norm(Tensor<float, 2>(x + 1000.0F)), norm(x)));
    CHECK(identical(norm(Tensor<float, 2>(x - 4096.0F)), norm(x)));
    for (const float factor : {8.0F, 0.125F, 1048576.0F}) {
        CHECK(identical(pure(Tensor<float, 2>(factor * x)), pure(x)));
        CHECK(identical(root(Tensor<float, 2>(factor * x)), root(x)));
    }
    CHECK(identical(pure(Tensor<float, 2>(-x)), Tensor<float, 2>(-pure(x))));
    // eps is the square of something: with x doubled, four times it.
    CHECK(identical(LayerNorm<float>({.shape = 16, .eps = 4})(Tensor<float, 2>(2.0F * x)), LayerNorm<float>({.shape = 16, .eps = 1})(x)));
}

TEST_CASE("layer_norm: weight and bias multiply and add cell by cell") {
    Random random(205);
    const auto x = random_tensor<double, 3>(random, {4, 3, 5});
    const LayerNorm<double, 2> plain({.shape = {3, 5}, .use_weight = false, .use_bias = false});
    LayerNorm<double, 2> norm({.shape = {3, 5}});
    CHECK(identical(norm(x), plain(x)));
    norm.weight = random_tensor<double, 2>(random, {3, 5});
    norm.bias = random_tensor<double, 2>(random, {3, 5});
    const auto y = norm(x);
    const Tensor<double, 3> expected(plain(x) * *norm.weight + *norm.bias);
    CHECK(close(y, values_of(expected), 1e-15));
}

TEST_CASE("layer_norm: over several axes is over them as one, to the bit") {
    Random random(206);
    const auto x = random_tensor<float, 4>(random, {2, 3, 4, 5});
    const auto flat = nn::view_of(x);
    const auto y = LayerNorm<float, 3>({.shape = {3, 4, 5}})(x);
    CHECK(values_of(LayerNorm<float>({.shape = 60})(nn::contiguous(flat.data, Shape<2>{2, 60}))) == values_of(y));
    CHECK(values_of(LayerNorm<float, 2>({.shape = {12, 5}})(nn::contiguous(flat.data, Shape<3>{2, 12, 5}))) == values_of(y));
    // An RMSNorm of what has no mean is a LayerNorm.
    const Tensor<float, 1> balanced{1, -2, 3, -3, 2, -1};
    CHECK(identical(RMSNorm<float>({.shape = 6})(balanced), LayerNorm<float>({.shape = 6})(balanced)));
}

// ---- operands and batch ----

TEST_CASE("layer_norm: every kind of operand gives the same bits, and items do not see each other") {
    Random random(207);
    nn::test::check_operands(random, filled(random, LayerNorm<float>({.shape = 9})), random_tensor<float, 3>(random, {2, 3, 9}));
    nn::test::check_operands(random, filled(random, LayerNorm<double, 2>({.shape = {4, 5}})), random_tensor<double, 2>(random, {4, 5}));
    nn::test::check_operands(random, filled(random, RMSNorm<float, 3>({.shape = {3, 1, 5}})),
                             random_tensor<float, 4>(random, {2, 3, 1, 5}));
    nn::test::check_items(filled(random, LayerNorm<float, 2>({.shape = {3, 5}})), random_tensor<float, 3>(random, {6, 3, 5}));
    nn::test::check_items(filled(random, RMSNorm<double>({.shape = 21})), random_tensor<double, 2>(random, {6, 21}));
}

TEST_CASE("layer_norm: y may be x itself") {
    Random random(208);
    const auto norm = filled(random, LayerNorm<float, 2>({.shape = {5, 6}}));
    const auto x = random_tensor<float, 3>(random, {4, 5, 6});
    const auto y = norm(x);
    Workspace workspace;
    Tensor<float, 3> here = x;
    norm.forward_into(here, here, workspace);
    CHECK(identical(here, y));
    Tensor<float, 3> turned = xt::transpose(x);
    norm.forward_into(xt::transpose(turned), xt::transpose(turned), workspace);
    CHECK(identical(xt::transpose(turned), y));
}

// ---- errors ----

TEST_CASE("layer_norm: what is wrong is said when the layer is made") {
    CHECK(error_of<std::invalid_argument>([] {
              LayerNorm<float, 2>({.shape = {3, 0}});
          }) == "nn::LayerNorm: shape (3, 0), expected at least 1 along every axis");
    CHECK(error_of<std::invalid_argument>([] { LayerNorm<float>({}); }) ==
          "nn::LayerNorm: shape (0,), expected at least 1 along every axis");
    CHECK(error_of<std::invalid_argument>([] { RMSNorm<float>({.shape = -1}); }) ==
          "nn::RMSNorm: shape (-1,), expected at least 1 along every axis");
    CHECK(error_of<std::invalid_argument>([] { LayerNorm<float>({.shape = 2, .eps = -0.5}); }) ==
          "nn::LayerNorm: eps -0.5, expected at least 0");
    CHECK(error_of<std::invalid_argument>([] { RMSNorm<float>({.shape = 2, .eps = std::numeric_limits<double>::quiet_NaN()}); }) ==
          "nn::RMSNorm: eps nan, expected at least 0");
    CHECK(error_of<shape_error>([] { LayerNorm<float, 2>({.shape = index_t{1} << 40}); }) ==
          "nn::LayerNorm: an array of shape (1099511627776, 1099511627776) is more than any memory holds");
}

TEST_CASE("layer_norm: what is wrong is said when it is called, and y is as it was") {
    Random random(209);
    const LayerNorm<float, 2> norm({.shape = {3, 4}});
    const auto kept = random_tensor<float, 3>(random, {2, 3, 4});
    Tensor<float, 3> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& x, auto&& output) {
        return error_of<std::invalid_argument>([&] { layer.forward_into(x, output, workspace); });
    };
    const Tensor<float, 3> x({2, 3, 4}, 1.0F);
    CHECK(said(norm, Tensor<float, 3>({2, 4, 3}, 1.0F), y) ==
          "nn::LayerNorm: the last axes of x are (4, 3), expected (3, 4) = shape  [x (2, 4, 3)]");
    CHECK(said(RMSNorm<float>({.shape = 3}), x, y) == "nn::RMSNorm: the last axes of x are (4,), expected (3,) = shape  [x (2, 3, 4)]");
    CHECK(error_of<shape_error>([&] {
              (void)norm.output_shape(Shape<2>{3, 5});
          }) == "nn::LayerNorm: the last axes of x are (3, 5), expected (3, 4) = shape  [x (3, 5)]");
    CHECK(error_of<shape_error>([&] { norm(xt::xarray<float>(std::vector<std::size_t>{4})); }) ==
          "nn::LayerNorm: x has 1 axis, expected at least 2  [x (4,)]");
    CHECK(said(norm, x, nn::contiguous(y.data(), Shape<3>{2, 4, 3})) ==
          "nn::LayerNorm: y (2, 4, 3), expected (2, 3, 4)  [x (2, 3, 4)]");
    CHECK(said(norm, x, nn::View<float, 3>{y.data(), {2, 3, 4}, {0, 4, 1}}) ==
          "nn::LayerNorm: y has stride 0 along axis 0, so that its elements share memory  [y (2, 3, 4)]");
    CHECK(said(norm, nn::View<const float, 3>{y.data() + 1, {2, 3, 4}, {0, 4, 1}}, y) ==
          "nn::LayerNorm: y overlaps x; give it memory of its own  [y (2, 3, 4), x (2, 3, 4)]");

    LayerNorm<float, 2> spoilt = norm;
    spoilt.options.shape = {3, 0};
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: the last axes of x are (3, 4), expected (3, 0) = shape  [x (2, 3, 4)]");
    spoilt = norm;
    spoilt.options.eps = -1;
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: eps -1, expected at least 0");
    spoilt = norm;
    spoilt.weight.reset();
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: no weight, expected one: use_weight is true");
    spoilt = norm;
    spoilt.options.use_weight = false;
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: a weight came, expected none: use_weight is false");
    spoilt = norm;
    spoilt.weight = Tensor<float, 2>({4, 3}, 1.0F);
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: weight (4, 3), expected (3, 4) = shape");
    spoilt = norm;
    spoilt.bias.reset();
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: no bias, expected one: use_bias is true");
    spoilt = norm;
    spoilt.options.use_bias = false;
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: a bias came, expected none: use_bias is false");
    spoilt = norm;
    spoilt.bias = Tensor<float, 2>({3, 5}, 1.0F);
    CHECK(said(spoilt, x, y) == "nn::LayerNorm: bias (3, 5), expected (3, 4) = shape");
    CHECK(identical(y, kept));
}

TEST_CASE("layer_norm: ops::layer_norm checks its options itself") {
    float cell = 1;
    const nn::View<float, 1> y{&cell, {0}, {1}};
    const auto said = [&](const auto& options) {
        return error_of<std::invalid_argument>(
            [&] { nn::ops::layer_norm(options, nn::Batch<const float, 1>(y), {}, nn::Batch<float, 1>(y)); });
    };
    CHECK(said(LayerNormOptions<1>{}) == "nn::ops::layer_norm: shape (0,), expected at least 1 along every axis");
    CHECK(said(RMSNormOptions<1>{.shape = 0, .use_weight = false}) ==
          "nn::ops::layer_norm: shape (0,), expected at least 1 along every axis");
}

// ---- types ----

TEST_CASE("layer_norm: is a value of one scalar type and enough axes") {
    using nn::test::callable;
    using nn::test::forwards;
    using L = LayerNorm<float, 2>;
    static_assert(std::copyable<L> && !std::default_initializable<L> && !L::carries);
    static_assert(callable<L, const Tensor<float, 2>&> && !callable<L, const Tensor<float, 1>&> && !callable<L, const Tensor<double, 2>&>);
    static_assert(forwards<L, const Tensor<float, 3>&, Tensor<float, 3>&> && !forwards<L, const Tensor<float, 3>&, Tensor<double, 3>&>);
    static_assert(!forwards<L, const Tensor<float, 3>&, const Tensor<float, 3>&>);
    static_assert(!forwards<L, decltype(2.0F * std::declval<const Tensor<float, 3>&>()), Tensor<float, 3>&>);
    static_assert(!std::same_as<LayerNorm<float>, RMSNorm<float>>);
    SUCCEED();
}
