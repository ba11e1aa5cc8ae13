// SPDX-License-Identifier: MIT
#include <nn/layers/softmax.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "support/normalised.hpp"
#include "support/operands.hpp"

namespace {

using nn::index_t;
using nn::log_softmax;
using nn::Shape;
using nn::shape_error;
using nn::softmax;
using nn::Tensor;
using nn::Workspace;
using nn::test::Arrangement;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::same_bits;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// ---- golden ----

TEST_CASE("softmax: the numbers of jax.nn") {
    // jax 0.10.2 in float64: jax.nn.softmax(x), jax.nn.log_softmax(x). e to the powers of the second row is [1, 2, 5].
    const Tensor<double, 2> x{{1, 2, 3}, {0, std::log(2), std::log(5)}};
    CHECK(close(softmax(x), {0.09003057, 0.24472847, 0.66524096, 1 / 8., 2 / 8., 5 / 8.}, 1e-8));
    CHECK(close(log_softmax(x), {-2.40760596, -1.40760596, -0.40760596, -std::log(8), -std::log(4), -std::log(1.6)}, 1e-8));
}

TEST_CASE("softmax: large numbers neither overflow nor vanish") {
    // jax 0.10.2: [1, 0] and [0, -1000] of [1000, 0]
    CHECK(values_of(softmax(Tensor<double, 1>{1000, 0})) == std::vector<double>{1, 0});
    CHECK(values_of(log_softmax(Tensor<double, 1>{1000, 0})) == std::vector<double>{0, -1000});
    CHECK(values_of(log_softmax(Tensor<float, 1>{-1e30F, 1e30F})) == std::vector<float>{-2e30F, 0});
    CHECK(values_of(softmax(Tensor<float, 1>{3e38F, -3e38F, 3e38F})) == std::vector<float>{.5F, 0, .5F});
    CHECK(values_of(log_softmax(Tensor<float, 1>{-3e38F, 3e38F})) == std::vector<float>{-std::numeric_limits<float>::infinity(), 0});
    CHECK(close(softmax(Tensor<float, 1>{-3e38F, -3e38F}), {.5, .5}, 1e-7));
}

TEST_CASE("softmax: of infinity and NaN what jax.nn gives, in their own row alone") {
    const Tensor<double, 2> x{{-infinity, -infinity}, {infinity, 1}, {-infinity, 0}, {not_a_number, 1}, {1, not_a_number}, {0, 0}};
    const std::vector<double> expected{not_a_number, not_a_number, not_a_number, not_a_number, 0,  1,
                                       not_a_number, not_a_number, not_a_number, not_a_number, .5, .5};
    const std::vector<double> logarithm{not_a_number, not_a_number, not_a_number, not_a_number, -infinity,      0,
                                        not_a_number, not_a_number, not_a_number, not_a_number, -std::log(2.0), -std::log(2.0)};
    CHECK(same_bits(values_of(softmax(x)), expected));
    CHECK(same_bits(values_of(log_softmax(x)), logarithm));
}

// ---- edges ----

TEST_CASE("softmax: rows of one, empty rows, empty batches") {
    CHECK(values_of(softmax(Tensor<float, 2>{{5}, {-1e30F}})) == std::vector<float>{1, 1});
    CHECK(same_bits(values_of(log_softmax(Tensor<float, 2>{{5}, {-1e30F}})), std::vector<float>{0, 0}));
    CHECK(shape_of(softmax(Tensor<float, 2>({3, 0}))) == Extents{3, 0});
    CHECK(shape_of(log_softmax(Tensor<float, 3>({0, 2, 4}))) == Extents{0, 2, 4});
    CHECK(softmax.output_shape(Shape<3>{2, 0, 5}) == Shape<3>{2, 0, 5});
}

// ---- against the definition ----

namespace {

/// A row x in T against Σ in long double. The shift s = x − max rounds by u·|s|, and so does its power, relatively, and by 2u more; a sum
/// of positive terms is off by the average of its terms' errors and by its depth; the quotient rounds once. The logarithm turns relative
/// errors of the sum into absolute ones. Below the normal numbers a power may be 0.
template <class T>
std::size_t outside(const std::vector<T>& x, const std::vector<T>& y, const std::vector<T>& logarithm) {
    constexpr long double u = std::numeric_limits<T>::epsilon() / 2 * 1.01L;
    const long double tiny = std::numeric_limits<T>::min();
    long double largest = x[0];
    for (const T value : x) {
        largest = std::max(largest, static_cast<long double>(value));
    }
    long double sum = 0;
    long double error_of_sum = 0;
    for (const T value : x) {
        sum += std::exp(value - largest);
        error_of_sum += std::exp(value - largest) * (std::abs(value - largest) + 2) * u;
    }
    const long double of_sum = error_of_sum / sum + nn::test::sum_depth(x.size()) * u;
    std::size_t count = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const long double shifted = x[i] - largest;
        const long double expected = std::exp(shifted) / sum;
        count += std::abs(y[i] - expected) <= expected * ((std::abs(shifted) + 3) * u + of_sum) + tiny ? 0 : 1;
        const long double expected_logarithm = shifted - std::log(sum);
        count += std::abs(logarithm[i] - expected_logarithm) <=
                         u * std::abs(shifted) + of_sum + 2 * u * std::log(sum) + u * std::abs(expected_logarithm) + tiny
                     ? 0
                     : 1;
    }
    return count;
}

template <class T>
void check_against_naive(Random& random) {
    const Extents shape{random.integer(1, 4), random.integer(1, 30)};
    const T scale = random.pick(std::vector<T>{1, 10, 100});
    const T offset = random.pick(std::vector<T>{0, 50, -1000});
    Strided<T> x(shape, Arrangement::any(random, 2, true));
    nn::test::for_each_index(shape, [&](const Extents& index) { x.at(index) = offset + scale * random.real<T>(); });
    Strided<T> y(shape, Arrangement::any(random, 2, false));
    Strided<T> z(shape, Arrangement::any(random, 2, false));
    Workspace workspace;
    softmax.forward_into(std::as_const(x).template view<2>(), y.template view<2>(), workspace);
    log_softmax.forward_into(std::as_const(x).template view<2>(), z.template view<2>(), workspace);
    CAPTURE(shape, scale, offset, x.strides(), y.strides());
    CHECK(y.intact());
    CHECK(z.intact());
    const auto row = [&](const std::vector<T>& values, index_t i) {
        return std::vector<T>(values.begin() + i * shape[1], values.begin() + (i + 1) * shape[1]);
    };
    for (index_t i = 0; i < shape[0]; ++i) {
        CHECK(outside(row(x.values(), i), row(y.values(), i), row(z.values(), i)) == 0);
    }
}

}  // namespace

TEST_CASE("softmax: any row against the definition") {
    Random random(231);
    for (int i = 0; i < 200; ++i) {
        check_against_naive<float>(random);
        check_against_naive<double>(random);
    }
    for (const index_t length : {511, 512, 513, 20000}) {
        const Tensor<float, 1> x(5.0F * random_tensor<float, 1>(random, {length}));
        CHECK(outside(values_of(x), values_of(softmax(x)), values_of(log_softmax(x))) == 0);
    }
}

TEST_CASE("softmax: of long double too") { CHECK(values_of(softmax(Tensor<long double, 1>{1, 1})) == std::vector<long double>{.5L, .5L}); }

// ---- properties ----

TEST_CASE("softmax: what is added to all of a row does not matter, to the bit where the sums are exact") {
    Random random(232);
    Tensor<float, 2> x({5, 11});
    for (float& element : x) {
        element = static_cast<float>(random.integer(-9, 9));
    }
    for (const float offset : {1.0F, -100.0F, 65536.0F}) {
        CHECK(identical(softmax(Tensor<float, 2>(x + offset)), softmax(x)));
        CHECK(identical(log_softmax(Tensor<float, 2>(x + offset)), log_softmax(x)));
    }
}

TEST_CASE("softmax: is positive, grows with x, sums to 1; equal cells share alike") {
    Random random(233);
    const Tensor<double, 2> x(6.0 * random_tensor<double, 2>(random, {20, 9}));
    const auto y = softmax(x);
    bool ok = true;
    for (std::size_t i = 0; i < 20; ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < 9; ++j) {
            sum += y(i, j);
            ok = ok && y(i, j) > 0 && y(i, j) < 1;
            for (std::size_t k = 0; k < 9; ++k) {
                ok = ok && (x(i, j) < x(i, k)) == (y(i, j) < y(i, k));
            }
        }
        ok = ok && std::abs(sum - 1) <= 2e-15;  // nine roundings, and of eight additions
    }
    CHECK(ok);
    CHECK(values_of(softmax(Tensor<float, 1>{.3F, .3F, .3F, .3F})) == std::vector<float>(4, .25F));
}

// ---- operands and batch ----

TEST_CASE("softmax: every kind of operand gives the same bits, and items do not see each other") {
    Random random(234);
    const auto check = [&](const auto& layer) {
        nn::test::check_operands(random, layer, random_tensor<float, 1>(random, {19}));
        nn::test::check_operands(random, layer, random_tensor<double, 3>(random, {2, 4, 5}));
        nn::test::check_items(layer, random_tensor<float, 3>(random, {6, 2, 10}));
    };
    check(softmax);
    check(log_softmax);
}

TEST_CASE("softmax: y may be x itself") {
    Random random(235);
    const auto x = random_tensor<float, 2>(random, {4, 6});
    const auto check = [&](const auto& layer) {
        const auto y = layer(x);
        Workspace workspace;
        Tensor<float, 2> here = x;
        layer.forward_into(here, here, workspace);
        CHECK(identical(here, y));
        Tensor<float, 2> turned = xt::transpose(x);
        layer.forward_into(xt::transpose(turned), xt::transpose(turned), workspace);
        CHECK(identical(xt::transpose(turned), y));
    };
    check(softmax);
    check(log_softmax);
}

// ---- errors ----

TEST_CASE("softmax: a y that does not fit or half overlaps is refused, and is as it was") {
    Random random(236);
    const auto kept = random_tensor<float, 2>(random, {3, 4});
    Tensor<float, 2> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& x, auto&& output) {
        return error_of<shape_error>([&] { layer.forward_into(x, output, workspace); });
    };
    const Tensor<float, 2> x({3, 4}, 1.0F);
    CHECK(said(softmax, x, nn::contiguous(y.data(), Shape<2>{4, 3})) ==
          "nn::softmax: y (4, 3), expected (3, 4)  [x (3, 4)]");
    CHECK(said(log_softmax, x, nn::contiguous(y.data(), Shape<2>{3, 3})) ==
          "nn::log_softmax: y (3, 3), expected (3, 4)  [x (3, 4)]");
    CHECK(said(softmax, x, nn::View<float, 2>{y.data(), {3, 4}, {0, 1}}) ==
          "nn::softmax: y has stride 0 along axis 0, so that its elements share memory  [y (3, 4)]");
    CHECK(said(softmax, nn::View<const float, 2>{y.data() + 1, {3, 4}, {0, 1}}, y) ==
          "nn::softmax: y overlaps x; give it memory of its own  [y (3, 4), x (3, 4)]");
    CHECK(error_of<shape_error>([&] { softmax(xt::xarray<float>(2.0F)); }) == "nn::softmax: x has 0 axes, expected at least 1  [x ()]");
    CHECK(identical(y, kept));
}

// ---- types ----

TEST_CASE("softmax: is an empty value that takes every floating-point type, of at least one axis") {
    using nn::test::callable;
    using nn::test::forwards;
    using L = std::remove_const_t<decltype(nn::softmax)>;
    static_assert(std::is_empty_v<L> && std::copyable<L> && std::default_initializable<L> && !L::carries);
    static_assert(callable<L, const Tensor<double, 1>&> && !callable<L, const Tensor<double, 0>&> && !callable<L, const Tensor<int, 2>&>);
    static_assert(forwards<L, const Tensor<float, 3>&, Tensor<float, 3>&> && !forwards<L, const Tensor<float, 3>&, Tensor<double, 3>&>);
    static_assert(!forwards<L, const Tensor<float, 3>&, const Tensor<float, 3>&>);
    SUCCEED();
}
