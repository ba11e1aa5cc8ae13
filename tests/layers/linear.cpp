// SPDX-License-Identifier: MIT
#include <nn/compose/freeze.hpp>
#include <nn/layers/linear.hpp>

#include "support/catch.hpp"

#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/naive.hpp"
#include "support/operands.hpp"

namespace {

using nn::index_t;
using nn::Linear;
using nn::LinearOptions;
using nn::no_init;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::Arrangement;
using nn::test::callable;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::filled;
using nn::test::forwards;
using nn::test::identical;
using nn::test::joined;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

/// Row-major values ((7q mod 11) − 5) / 10 for q = first, first + 1, …
template <std::size_t R>
Tensor<double, R> counted(const Shape<R>& shape, int first) {
    Tensor<double, R> tensor = nn::make_tensor<double, R>(shape);
    for (double& element : tensor) {
        element = (7 * first++ % 11 - 5) / 10.0;
    }
    return tensor;
}

/// A tensor of small integers, whose sums and products are exact.
template <class T, std::size_t R>
Tensor<T, R> integers(Random& random, const Shape<R>& shape) {
    Tensor<T, R> tensor = nn::make_tensor<T, R>(shape);
    for (T& element : tensor) {
        element = static_cast<T>(random.integer(-9, 9));
    }
    return tensor;
}

}  // namespace

// ---- golden ----

TEST_CASE("linear: the numbers of equinox.nn.Linear") {
    // equinox 0.13.8, jax 0.10.2 in float64; val(shape, first) as `counted`:
    //     lin = eqx.tree_at(lambda l: (l.weight, l.bias), eqx.nn.Linear(5, 3, key=key), (val((3, 5), 0), val((3,), 15)))
    //     jax.vmap(lin)(val((2, 5), 18))
    const Linear<double> linear({.in_features = 5, .out_features = 3}, counted<2>({3, 5}, 0), counted<1>({3}, 15));
    const Tensor<double, 2> x = counted<2>({2, 5}, 18);
    CHECK(close(linear(x), {-0.14, -0.57, 0.43, -0.12, -0.57, 0.41}, 1e-15));
    const Linear<float> single({.in_features = 5, .out_features = 3}, Tensor<float, 2>(linear.weight), Tensor<float, 1>(*linear.bias));
    CHECK(close(single(Tensor<float, 2>(x)), {-0.14, -0.57, 0.43, -0.12, -0.57, 0.41}, 1e-6));
}

TEST_CASE("linear: no features in and no features out, as in Equinox's tests") {
    std::mt19937 rng(1);
    const Linear<float> none_in({.in_features = 0, .out_features = 4}, rng);
    CHECK(shape_of(none_in.weight) == Extents{4, 0});
    CHECK(identical(none_in(Tensor<float, 1>(std::array<std::size_t, 1>{0})), *none_in.bias));
    const Linear<float> none_in_no_bias({.in_features = 0, .out_features = 4, .use_bias = false}, rng);
    CHECK(values_of(none_in_no_bias(Tensor<float, 2>({2, 0}))) == std::vector<float>(8, 0));
    const Linear<float> none_out({.in_features = 4, .out_features = 0}, rng);
    CHECK(shape_of(none_out(Tensor<float, 1>{1, 2, 3, 4})) == Extents{0});
    CHECK(shape_of(none_out(Tensor<float, 3>({2, 3, 4}, 1.0F))) == Extents{2, 3, 0});
    Workspace workspace;
    Tensor<float, 2> y({2, 4}, 9.0F);
    none_in.forward_into(Tensor<float, 2>({2, 0}), y, workspace);
    CHECK(y(1, 3) == (*none_in.bias)(3));
}

// ---- against the definition ----

namespace {

template <class T, std::size_t Leading>
void check_against_naive(Random& random) {
    const LinearOptions options{
        .in_features = random.integer(0, 40), .out_features = random.integer(0, 40), .use_bias = random.chance(0.6)};
    const Linear<T> linear = filled(random, Linear<T>(options, no_init));
    Extents leading;
    for (std::size_t axis = 0; axis < Leading; ++axis) {
        leading.push_back(random.integer(0, 9));
    }
    Strided<T> x(joined(leading, {options.in_features}), Arrangement::any(random, Leading + 1, true));
    x.fill(random);
    Strided<T> y(joined(leading, {options.out_features}), Arrangement::any(random, Leading + 1, false));
    CAPTURE(leading, options.in_features, options.out_features, options.use_bias, x.strides(), y.strides());
    Workspace workspace;
    linear.forward_into(std::as_const(x).template view<Leading + 1>(), y.template view<Leading + 1>(), workspace);
    CHECK(y.intact());

    nn::test::NaiveConv expected{nn::test::zeros(y.shape()), nn::test::zeros(y.shape())};
    nn::test::for_each_index(y.shape(), [&](const Extents& index) {
        const index_t o = index.back();
        long double sum = linear.bias ? (*linear.bias)(o) : T(0);
        long double magnitude = std::abs(sum);
        Extents from = index;
        for (index_t c = 0; c < options.in_features; ++c) {
            from.back() = c;
            const long double product = static_cast<long double>(linear.weight(o, c)) * x.at(from);
            sum += product;
            magnitude += std::abs(product);
        }
        expected.y.at(index) = sum;
        expected.magnitude.at(index) = magnitude;
    });
    const std::vector<T> values = y.values();
    CHECK(nn::test::first_outside(values, expected, nn::test::sum_bound<T>(options.in_features)) == values.size());
}

}  // namespace

TEST_CASE("linear: any sizes, leading axes and strides against the definition") {
    Random random(30);
    for (int i = 0; i < 150; ++i) {
        check_against_naive<float, 0>(random);
        check_against_naive<float, 1>(random);
        check_against_naive<double, 1>(random);
        check_against_naive<float, 3>(random);
        check_against_naive<double, 2>(random);
    }
}

TEST_CASE("linear: long sums and many rows against the definition") {
    // More rows than are packed at a time, more terms than any block of the product.
    Random random(31);
    const Linear<float> linear = filled(random, Linear<float>({.in_features = 3000, .out_features = 33}, no_init));
    const auto x = random_tensor<float, 2>(random, {101, 3000});
    const auto y = linear(x);
    nn::test::NaiveConv expected{nn::test::zeros({101, 33}), nn::test::zeros({101, 33})};
    nn::test::for_each_index({101, 33}, [&](const Extents& index) {
        long double sum = (*linear.bias)(index[1]);
        long double magnitude = std::abs(sum);
        for (index_t c = 0; c < 3000; ++c) {
            const long double product = static_cast<long double>(linear.weight(index[1], c)) * x(index[0], c);
            sum += product;
            magnitude += std::abs(product);
        }
        expected.y.at(index) = sum;
        expected.magnitude.at(index) = magnitude;
    });
    CHECK(nn::test::first_outside(values_of(y), expected, nn::test::sum_bound<float>(3000)) == y.size());
}

// ---- operands and batch ----

TEST_CASE("linear: every kind of operand gives the same bits") {
    Random random(32);
    for (const bool use_bias : {false, true}) {
        const LinearOptions options{.in_features = 19, .out_features = 21, .use_bias = use_bias};
        nn::test::check_operands(random, filled(random, Linear<float>(options, no_init)), random_tensor<float, 1>(random, {19}));
        nn::test::check_operands(random, filled(random, Linear<float>(options, no_init)), random_tensor<float, 2>(random, {9, 19}));
        nn::test::check_operands(random, filled(random, Linear<double>(options, no_init)), random_tensor<double, 3>(random, {2, 5, 19}));
    }
}

TEST_CASE("linear: a row's result depends on that row alone, to the bit") {
    Random random(33);
    for (const index_t rows : {1, 6, 7, 60, 110}) {
        const Linear<float> linear = filled(random, Linear<float>({.in_features = 37, .out_features = 50}, no_init));
        nn::test::check_items(linear, random_tensor<float, 2>(random, {rows, 37}));
        nn::test::check_items(linear, random_tensor<float, 3>(random, {rows, 2, 37}));
    }
    // Weights that are read in several parts.
    nn::test::check_items(filled(random, Linear<float>({.in_features = 3000, .out_features = 75}, no_init)),
                          random_tensor<float, 2>(random, {20, 3000}));
    nn::test::check_items(filled(random, Linear<double>({.in_features = 5, .out_features = 3}, no_init)),
                          random_tensor<double, 2>(random, {13, 5}));
}

TEST_CASE("linear: an output's result depends on its row of the weight alone, to the bit") {
    Random random(34);
    const Linear<float> linear = filled(random, Linear<float>({.in_features = 23, .out_features = 45}, no_init));
    const auto x = random_tensor<float, 2>(random, {8, 23});
    const auto y = linear(x);
    for (std::size_t o = 0; o < 45; ++o) {
        const Linear<float> one({.in_features = 23, .out_features = 1}, Tensor<float, 2>(xt::view(linear.weight, xt::range(o, o + 1))),
                                Tensor<float, 1>{(*linear.bias)(o)});
        CHECK(identical(one(x), Tensor<float, 2>(xt::view(y, xt::all(), xt::range(o, o + 1)))));
    }
}

TEST_CASE("linear: a weight that is packed in parts gives the bits of one that is packed at once") {
    std::mt19937 rng(3);
    const Linear<float> linear({.in_features = 900, .out_features = 500}, rng);  // 1.8 MB
    const auto x = nn::test::noise<float, 2>({5, 900});
    const auto expected = nn::freeze(linear)(x);

    nn::Workspace workspace;
    Tensor<float, 2> y;
    linear.forward_into(x, y, workspace);
    CHECK(identical(y, expected));
    CHECK(workspace.capacity() <= 3 * 300 * 1024);  // one that has grown holds up to three times what was taken at once

    std::vector<float> apart(5 * 1200, 7.0F);
    linear.forward_into(x, nn::View<float, 2>{apart.data(), {5, 500}, {1200, 2}}, workspace);
    std::vector<float> kept(5 * 1200, 7.0F);
    for (std::size_t row = 0; row < 5; ++row) {
        for (std::size_t o = 0; o < 500; ++o) {
            kept[row * 1200 + o * 2] = expected(row, o);
        }
    }
    CHECK(apart == kept);

    const Tensor<float, 2> turned = xt::transpose(x);
    linear.forward_into(nn::View<const float, 2>{turned.data(), {5, 900}, {1, 5}}, y, workspace);
    CHECK(identical(y, expected));
}

TEST_CASE("linear: is linear") {
    Random random(35);
    const LinearOptions options{.in_features = 17, .out_features = 20, .use_bias = false};
    // Exact: integers, whose sums stay below 2^24.
    const Linear<float> whole(options, integers<float, 2>(random, {20, 17}));
    const auto a = integers<float, 2>(random, {7, 17});
    const auto b = integers<float, 2>(random, {7, 17});
    CHECK(identical(whole(Tensor<float, 2>(3.0F * a + b)), Tensor<float, 2>(3.0F * whole(a) + whole(b))));
    // Exact: powers of two.
    const Linear<float> linear = filled(random, Linear<float>(options, no_init));
    const auto x = random_tensor<float, 2>(random, {7, 17});
    CHECK(identical(linear(-8.0F * x), Tensor<float, 2>(-8.0F * linear(x))));
    CHECK(values_of(linear(0.0F * x)) == std::vector<float>(140, 0));
    // The bias is added once.
    const Linear<float> biased({.in_features = 17, .out_features = 20}, whole.weight, integers<float, 1>(random, {20}));
    CHECK(identical(biased(a), Tensor<float, 2>(whole(a) + *biased.bias)));
    // The unit weight is the identity.
    Tensor<float, 2> unit({17, 17}, 0.0F);
    for (std::size_t i = 0; i < 17; ++i) {
        unit(i, i) = 1;
    }
    CHECK(identical(Linear<float>({.in_features = 17, .out_features = 17, .use_bias = false}, unit)(x), x));
}

TEST_CASE("linear: NaN and infinity stay in their row") {
    const Linear<float> linear({.in_features = 2, .out_features = 3, .use_bias = false}, Tensor<float, 2>{{1, 0}, {0, 1}, {1, 1}});
    const float infinity = std::numeric_limits<float>::infinity();
    const Tensor<float, 2> y = linear(Tensor<float, 2>{{1, 2}, {std::nanf(""), 1}, {infinity, 1}, {3, 4}});
    CHECK(values_of(xt::view(y, 0)) == std::vector<float>{1, 2, 3});
    CHECK((std::isnan(y(1, 0)) && std::isnan(y(1, 1)) && std::isnan(y(1, 2))));
    CHECK((y(2, 0) == infinity && std::isnan(y(2, 1)) && y(2, 2) == infinity));
    CHECK(values_of(xt::view(y, 3)) == std::vector<float>{3, 4, 7});
}

// ---- errors ----

TEST_CASE("linear: what is wrong is said when the layer is made") {
    const auto made = [](const LinearOptions& options, const auto&... arguments) {
        return error_of<std::invalid_argument>([&] { Linear<float>(options, arguments...); });
    };
    CHECK(made({.in_features = -1, .out_features = 2}, no_init) == "nn::Linear: in_features -1, expected at least 0");
    CHECK(made({.in_features = 1, .out_features = -2}, no_init) == "nn::Linear: out_features -2, expected at least 0");
    const index_t huge = index_t{1} << 40;
    CHECK(made({.in_features = huge, .out_features = huge}, no_init) ==
          "nn::Linear: an array of shape (1099511627776, 1099511627776) is more than any memory holds");
    const LinearOptions options{.in_features = 3, .out_features = 2};
    const Tensor<float, 2> weight({2, 3}, 0.0F);
    const Tensor<float, 1> bias({2}, 0.0F);
    CHECK(made(options, weight, bias).empty());
    CHECK(made({.in_features = 3, .out_features = -2}, weight, bias) == "nn::Linear: out_features -2, expected at least 0");
    CHECK(made(options, Tensor<float, 2>({3, 2}, 0.0F), bias) ==
          "nn::Linear: weight (3, 2), expected (2, 3) = (out_features, in_features)");
    CHECK(made(options, weight, Tensor<float, 1>({3}, 0.0F)) == "nn::Linear: bias (3,), expected (2,) = weight.shape[:1]  [weight (2, 3)]");
    CHECK(made(options, weight) == "nn::Linear: no bias, expected one: use_bias is true");
    CHECK(made({.in_features = 3, .out_features = 2, .use_bias = false}, weight, bias) ==
          "nn::Linear: a bias came, expected none: use_bias is false");
    CHECK(made({.in_features = 3, .out_features = 2, .use_bias = false}, weight).empty());
}

TEST_CASE("linear: what is wrong is said when it is called, and y is as it was") {
    Random random(36);
    const Linear<float> linear = filled(random, Linear<float>({.in_features = 3, .out_features = 2}, no_init));
    const Tensor<float, 2> x({4, 3}, 1.0F);
    const auto kept = random_tensor<float, 2>(random, {4, 2});
    Tensor<float, 2> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& input, auto&& output) {
        return error_of<shape_error>([&] { layer.forward_into(input, output, workspace); });
    };
    CHECK(said(linear, Tensor<float, 2>({4, 5}), y) ==
          "nn::Linear: x has 5 features, expected 3 = weight.shape[1]  [x (4, 5), weight (2, 3)]");
    CHECK(error_of<shape_error>([&] { linear(Tensor<float, 1>({5}, 1.0F)); }) ==
          "nn::Linear: x has 5 features, expected 3 = weight.shape[1]  [x (5,), weight (2, 3)]");
    CHECK(error_of<shape_error>([&] {
              (void)linear.output_shape(Shape<2>{4, 5});
          }) == "nn::Linear: x has 5 features, expected 3 = weight.shape[1]  [x (4, 5), weight (2, 3)]");
    CHECK(error_of<shape_error>([&] { linear(xt::xarray<float>(1.0F)); }) == "nn::Linear: x has 0 axes, expected at least 1  [x ()]");
    CHECK(said(linear, x, nn::contiguous(y.data(), Shape<2>{2, 4})) == "nn::Linear: y (2, 4), expected (4, 2)  [x (4, 3)]");
    CHECK(said(linear, x, nn::View<float, 2>{y.data(), {4, 2}, {0, 1}}) ==
          "nn::Linear: y has stride 0 along axis 0, so that its elements share memory  [y (4, 2)]");
    CHECK(said(linear, nn::View<const float, 2>{y.data(), {4, 3}, {0, 1}}, y) ==
          "nn::Linear: y overlaps x; give it memory of its own  [y (4, 2), x (4, 3)]");
    CHECK(identical(y, kept));

    Linear<float> spoilt = linear;
    spoilt.weight = Tensor<float, 2>({2, 4}, 0.0F);
    CHECK(said(spoilt, x, y) == "nn::Linear: weight (2, 4), expected (2, 3) = (out_features, in_features)");
    spoilt = linear;
    spoilt.bias = Tensor<float, 1>({3}, 0.0F);
    CHECK(said(spoilt, x, y) == "nn::Linear: bias (3,), expected (2,) = weight.shape[:1]  [weight (2, 3)]");
    spoilt = linear;
    spoilt.bias.reset();
    CHECK(said(spoilt, x, y) == "nn::Linear: no bias, expected one: use_bias is true");
    spoilt = linear;
    spoilt.options.use_bias = false;
    CHECK(said(spoilt, x, y) == "nn::Linear: a bias came, expected none: use_bias is false");
    spoilt = linear;
    spoilt.options.in_features = 4;
    CHECK(said(spoilt, x, y) == "nn::Linear: weight (2, 3), expected (2, 4) = (out_features, in_features)");
    CHECK(identical(y, kept));
    CHECK(said(linear, x, y).empty());
    CHECK(!identical(y, kept));
}

// ---- shapes and types ----

TEST_CASE("linear: the shape of an output is known beforehand") {
    const Linear<float> linear({.in_features = 3, .out_features = 2}, no_init);
    CHECK(linear.output_shape(Shape<1>{3}) == Shape<1>{2});
    CHECK(linear.output_shape(Shape<4>{5, 0, 7, 3}) == Shape<4>{5, 0, 7, 2});
    CHECK(shape_of(linear(Tensor<float, 3>({5, 0, 3}))) == Extents{5, 0, 2});
}

TEST_CASE("linear: is a value of its own scalar type, and names its parameters") {
    using L = Linear<float>;
    using X = Tensor<float, 2>;
    static_assert(std::copyable<L> && std::is_nothrow_move_constructible_v<L> && !std::default_initializable<L> && !L::carries);
    static_assert(callable<L, const X&> && callable<L, const Tensor<float, 1>&> && !callable<L, const Tensor<float, 0>&>);
    static_assert(!callable<L, const Tensor<double, 2>&> && !callable<L, const Tensor<int, 2>&> && callable<L, const xt::xarray<float>&>);
    static_assert(callable<Linear<long double>, const Tensor<long double, 2>&>);
    static_assert(forwards<L, const X&, X&> && !forwards<L, const X&, const X&> && !forwards<L, const X&, Tensor<double, 2>&>);
    static_assert(!forwards<L, decltype(2.0F * std::declval<const X&>()), X&>);
    static_assert(!std::constructible_from<L, LinearOptions, int> && std::constructible_from<L, LinearOptions, std::mt19937&> &&
                  std::constructible_from<L, LinearOptions, nn::NoInit>);
    L linear({.in_features = 1, .out_features = 2}, no_init);
    std::vector<std::string> names;
    L::members(linear, [&](std::string_view name, auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"weight", "bias"});
    const L copy = linear;
    linear.weight(0, 0) = 5;
    CHECK(copy.weight(0, 0) == 0);
    CHECK(!Linear<float>({.in_features = 1, .out_features = 2, .use_bias = false}, no_init).bias.has_value());
}
