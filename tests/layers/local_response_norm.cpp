// SPDX-License-Identifier: MIT
#include <nn/layers/local_response_norm.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "support/operands.hpp"

namespace {

using nn::index_t;
using nn::Layout;
using nn::LocalResponseNorm;
using nn::LocalResponseNormOptions;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::Arrangement;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

constexpr index_t huge = std::numeric_limits<index_t>::max();

}  // namespace

// ---- golden ----

TEST_CASE("local_response_norm: the numbers of noxton for every size") {
    // semantics.md 7, noxton 0.1.4
    const Tensor<double, 1> x{1, -2, 3, -4, 5, 6};
    const std::vector<std::vector<double>> expected{
        {1, -2, 3, -4, 5, 6},  // n = 0: x / k^beta
        {.9534626, -1.6903085, 2.1764288, -2.4806947, 2.6726124, 2.7975144},
        {.9534626, -1.6329932, 1.9781414, -2.1380899, 2.2140372, 2.2517599},
        {.8164966, -1.2909944, 1.5191091, -1.6329932, 1.6951588, 2.2517599},
        {.8164966, -1.2909944, 1.5, -1.5811388, 1.6137431, 2.0341905},
        {.6454972, -1, 1.1766968, -1.2649111, 1.6137431, 2.0341905},
        {.6454972, -1, 1.1766968, -1.2586336, 1.5811388, 1.9364917},
    };
    for (std::size_t n = 0; n < expected.size(); ++n) {
        CAPTURE(n);
        const auto size = static_cast<index_t>(n);
        CHECK(close(LocalResponseNorm<double, 0>({.size = size, .alpha = .1, .beta = .5, .k = 1})(x), expected[n], 1e-7));
        // torch.nn.LocalResponseNorm(n, n · alpha, beta, k): alpha is divided by n there.
        if (n > 0) {
            const LocalResponseNormOptions torch{.size = size, .alpha = .1 * static_cast<double>(n), .beta = .5, .k = 1, .average = true};
            CHECK(close(LocalResponseNorm<double, 0>(torch)(x), expected[n], 1e-7));
        }
    }
    CHECK(close(LocalResponseNorm<double, 0>()(x), {.594291582, -1.187871011, 1.780140394, -2.370418559, 2.963465738, 3.55735442}, 1e-9));
}

TEST_CASE("local_response_norm: a size of twice the channels and more sees them all") {
    const Tensor<double, 1> x{1, -2, 3, -4, 5, 6};
    const double divisor = std::sqrt(1 + .1 * 91);  // Σ x² = 91
    for (const index_t size : {index_t{12}, index_t{13}, index_t{1000}, huge - 1, huge}) {
        CAPTURE(size);
        CHECK(close(LocalResponseNorm<double, 0>({.size = size, .alpha = .1, .beta = .5, .k = 1})(x),
                    {1 / divisor, -2 / divisor, 3 / divisor, -4 / divisor, 5 / divisor, 6 / divisor}, 1e-14));
    }
}

// ---- against the definition ----

namespace {

template <class T, std::size_t N, std::size_t Leading>
void check_against_naive(Random& random) {
    constexpr std::size_t rank = Leading + 1 + N;
    constexpr long double u = std::numeric_limits<T>::epsilon() / 2;
    LocalResponseNormOptions options{.size = random.integer(0, 9),
                                     .alpha = random.pick(std::vector<double>{1e-4, .1, 2}),
                                     .beta = random.pick(std::vector<double>{-.5, 0, .5, .75, 1, 2}),
                                     .k = random.pick(std::vector<double>{1, 2, .5}),
                                     .average = random.chance(0.5),
                                     .layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first};
    options.average = options.average && options.size > 0;
    const std::size_t axis = options.layout == Layout::channels_last ? rank - 1 : Leading;
    Extents shape;
    for (std::size_t i = 0; i < rank; ++i) {
        shape.push_back(random.integer(1, random.chance(0.1) ? 40 : i == axis ? 8 : 4));
    }
    Strided<T> x(shape, Arrangement::any(random, rank, true));
    nn::test::for_each_index(shape, [&](const Extents& index) { x.at(index) = 4 * random.real<T>(); });
    Strided<T> y(shape, Arrangement::any(random, rank, false));
    Workspace workspace;
    LocalResponseNorm<T, N>(options).forward_into(std::as_const(x).template view<rank>(), y.template view<rank>(), workspace);
    CAPTURE(shape, axis, options.size, options.alpha, options.beta, options.k, options.average, x.strides(), y.strides());
    CHECK(y.intact());
    std::size_t outside = 0;
    nn::test::for_each_index(shape, [&](const Extents& index) {
        long double squares = 0;
        Extents from = index;
        for (index_t i = 0; i < options.size; ++i) {
            from[axis] = index[axis] - options.size / 2 + i;
            if (from[axis] >= 0 && from[axis] < shape[axis]) {
                squares += static_cast<long double>(x.at(from)) * x.at(from);
            }
        }
        const long double alpha = options.average ? options.alpha / static_cast<long double>(options.size) : options.alpha;
        const long double base = options.k + alpha * squares;
        const long double expected = x.at(index) / std::pow(base, static_cast<long double>(options.beta));
        // base: a rounding for each square and each sum, k, alpha and its product, the last sum. Then those of beta, of the power, 2 + 1.25
        // beta units of up to 2u each, and of the quotient.
        const long double of_base = static_cast<long double>(options.size + 5) * u;
        const long double beta = std::abs(options.beta);
        const long double bound = beta * (of_base + u * std::abs(std::log(base))) + (2 * (2 + 1.25L * beta) + 1) * u;
        outside += std::abs(y.at(index) - expected) <= 1.01L * bound * std::abs(expected) ? 0 : 1;
    });
    CHECK(outside == 0);
}

}  // namespace

TEST_CASE("local_response_norm: every option, layout, rank and stride against the definition") {
    Random random(221);
    for (int i = 0; i < 100; ++i) {
        check_against_naive<float, 0, 1>(random);
        check_against_naive<double, 1, 1>(random);
        check_against_naive<float, 2, 1>(random);
        check_against_naive<double, 2, 0>(random);
        check_against_naive<float, 1, 2>(random);
        check_against_naive<float, 3, 0>(random);
    }
}

// ---- properties ----

TEST_CASE("local_response_norm: without alpha, or without beta, it is a factor") {
    Random random(222);
    const auto x = random_tensor<float, 3>(random, {2, 5, 3});
    CHECK(identical(LocalResponseNorm<float, 1>({.alpha = 0, .beta = .5, .k = 4})(x), Tensor<float, 3>(0.5F * x)));
    CHECK(identical(LocalResponseNorm<float, 1>({.size = 0, .beta = .5, .k = 4})(x), Tensor<float, 3>(0.5F * x)));
    CHECK(identical(LocalResponseNorm<float, 1>({.beta = 0})(x), x));
}

TEST_CASE("local_response_norm: the sign of x goes through, channels in reverse are reversed where the window is symmetric") {
    Random random(223);
    // Small integers: their squares and sums are exact, in any order.
    Tensor<float, 2> x({7, 4});
    for (float& element : x) {
        element = static_cast<float>(random.integer(-9, 9));
    }
    for (const index_t size : {1, 2, 3, 4, 5}) {
        const LocalResponseNorm<float, 1> norm({.size = size, .alpha = .1});
        const auto y = norm(x);
        CHECK(identical(norm(Tensor<float, 2>(-x)), Tensor<float, 2>(-y)));
        const Tensor<float, 2> back = norm(xt::flip(x, 0));
        CHECK(identical(xt::flip(back, 0), y) == (size % 2 == 1));
    }
}

TEST_CASE("local_response_norm: both layouts give the same bits, every kind of operand too, and items do not see each other") {
    Random random(224);
    const auto x = random_tensor<float, 4>(random, {2, 6, 4, 5});
    const LocalResponseNorm<float, 2> first({.size = 3, .alpha = .5});
    const LocalResponseNorm<float, 2> last({.size = 3, .alpha = .5, .layout = Layout::channels_last});
    CHECK(identical(xt::transpose(last(xt::transpose(x, {0, 2, 3, 1})), {0, 3, 1, 2}), first(x)));
    for (const auto* norm : {&first, &last}) {
        nn::test::check_operands(random, *norm, random_tensor<float, 4>(random, {2, 4, 3, 5}));
        nn::test::check_items(*norm, random_tensor<float, 4>(random, {6, 4, 3, 4}));
    }
    nn::test::check_operands(random, LocalResponseNorm<double, 0>(), random_tensor<double, 2>(random, {3, 7}));
}

// ---- edges ----

TEST_CASE("local_response_norm: empty batches, axes and channels; one channel") {
    const LocalResponseNorm<float, 1> norm;
    CHECK(shape_of(norm(Tensor<float, 3>({0, 4, 5}))) == Extents{0, 4, 5});
    CHECK(shape_of(norm(Tensor<float, 3>({2, 4, 0}))) == Extents{2, 4, 0});
    CHECK(shape_of(norm(Tensor<float, 3>({2, 0, 5}))) == Extents{2, 0, 5});
    CHECK(norm.output_shape(Shape<3>{2, 0, 5}) == Shape<3>{2, 0, 5});
    // k + alpha · x² = 4 for each
    CHECK(values_of(LocalResponseNorm<float, 1>({.alpha = 3, .beta = .5, .k = 1})(Tensor<float, 2>{{1, -1}})) ==
          std::vector<float>{.5F, -.5F});
}

TEST_CASE("local_response_norm: a NaN spoils the channels whose window it is in, at its own position") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const Tensor<float, 2> x{{1, 1}, {1, 1}, {1, nan}, {1, 1}, {1, 1}};
    const auto y = LocalResponseNorm<float, 1>({.size = 2})(x);  // one below, none above
    const std::vector<bool> spoilt{false, false, false, false, false, true, false, true, false, false};
    for (std::size_t i = 0; i < spoilt.size(); ++i) {
        CHECK(std::isnan(y.data()[i]) == spoilt[i]);
    }
}

TEST_CASE("local_response_norm: infinite squares, and a base of 0 or less, as division and std::pow have it") {
    const float inf = std::numeric_limits<float>::infinity();
    Tensor<float, 2> x({3, 21}, 1.0F);
    xt::view(x, 1, xt::all()) = 3e30F;  // finite, its square is not
    x(1, 20) = inf;
    for (const double beta : {.75, 2., -.5}) {
        const auto y = LocalResponseNorm<float, 1>({.size = 3, .beta = beta})(x);
        for (std::size_t i = 0; i < 21; ++i) {
            CHECK(y(0, i) == (beta > 0 ? 0 : inf));
            CHECK((i < 20 ? y(1, i) == (beta > 0 ? 0 : inf) : std::isnan(y(1, i)) == (beta > 0)));
        }
    }
    const Tensor<float, 2> zero({3, 21}, 0.0F);
    const Tensor<float, 2> one({3, 21}, 1.0F);
    for (std::size_t i = 0; i < 21; ++i) {
        CHECK(std::isnan(LocalResponseNorm<float, 1>({.k = 0})(zero)(1, i)));
        CHECK(LocalResponseNorm<float, 1>({.size = 1, .alpha = 0, .beta = 2, .k = -4})(one)(1, i) == .0625F);
        CHECK(std::isnan(LocalResponseNorm<float, 1>({.size = 1, .alpha = 0, .beta = .5, .k = -4})(one)(1, i)));
        CHECK(std::isnan(LocalResponseNorm<float, 1>({.size = 1, .alpha = -5, .beta = .5, .k = 4})(one)(1, i)));
    }
}

// ---- errors ----

TEST_CASE("local_response_norm: what is wrong is said when the layer is made") {
    const auto made = [](const LocalResponseNormOptions& options) {
        return error_of<std::invalid_argument>([&] { LocalResponseNorm<float, 1>{options}; });
    };
    CHECK(made({.size = -1}) == "nn::LocalResponseNorm: size -1, expected at least 0");
    CHECK(made({.size = 0, .average = true}) == "nn::LocalResponseNorm: size 0, expected at least 1");
    CHECK(made({.size = 0}).empty());
}

TEST_CASE("local_response_norm: what is wrong is said when it is called, and y is as it was") {
    Random random(225);
    const LocalResponseNorm<float, 1> norm;
    const auto kept = random_tensor<float, 3>(random, {2, 4, 3});
    Tensor<float, 3> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& x, auto&& output) {
        return error_of<std::invalid_argument>([&] { layer.forward_into(x, output, workspace); });
    };
    const Tensor<float, 3> x({2, 4, 3}, 1.0F);
    LocalResponseNorm<float, 1> spoilt = norm;
    spoilt.options.size = -2;
    CHECK(said(spoilt, x, y) == "nn::LocalResponseNorm: size -2, expected at least 0");
    CHECK(said(norm, x, nn::contiguous(y.data(), Shape<3>{2, 3, 4})) ==
          "nn::LocalResponseNorm: y (2, 3, 4), expected (2, 4, 3)  [x (2, 4, 3)]");
    CHECK(said(norm, x, nn::View<float, 3>{y.data(), {2, 4, 3}, {12, 3, 0}}) ==
          "nn::LocalResponseNorm: y has stride 0 along axis 2, so that its elements share memory  [y (2, 4, 3)]");
    CHECK(said(norm, y, y) == "nn::LocalResponseNorm: y overlaps x; give it memory of its own  [y (2, 4, 3), x (2, 4, 3)]");
    CHECK(error_of<shape_error>([&] { norm(xt::xarray<float>(std::vector<std::size_t>{4})); }) ==
          "nn::LocalResponseNorm: x has 1 axis, expected at least 2  [x (4,)]");
    CHECK(identical(y, kept));
}

// ---- types ----

TEST_CASE("local_response_norm: is a value of one scalar type and enough axes") {
    using nn::test::callable;
    using nn::test::forwards;
    using L = LocalResponseNorm<float, 1>;
    static_assert(std::copyable<L> && std::default_initializable<L> && !L::carries);
    static_assert(callable<L, const Tensor<float, 2>&> && !callable<L, const Tensor<float, 1>&> && !callable<L, const Tensor<double, 2>&>);
    static_assert(forwards<L, const Tensor<float, 3>&, Tensor<float, 3>&> && !forwards<L, const Tensor<float, 3>&, Tensor<double, 3>&>);
    static_assert(!forwards<L, const Tensor<float, 3>&, const Tensor<float, 3>&>);
    SUCCEED();
}
