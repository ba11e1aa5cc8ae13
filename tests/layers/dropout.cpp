// SPDX-License-Identifier: MIT
#include <nn/layers/dropout.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/operands.hpp"

namespace {

using nn::Dropout;
using nn::index_t;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::training;
using nn::Workspace;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

/// Dropout in training with the same engine at every call, as a layer without a mode.
struct Seeded {
    Dropout dropout;
    unsigned seed;

    auto operator()(const auto& x) const {
        std::mt19937 rng(seed);
        return dropout(x, training(rng));
    }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        std::mt19937 rng(seed);
        dropout.forward_into(x, training(rng), std::forward<Y>(y), workspace);
    }
};

}  // namespace

TEST_CASE("dropout: without a mode it is the identity, to the bit") {
    Random random(60);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const double rate : {0.0, 0.5, 1.0}) {
        const Dropout dropout({.rate = rate});
        const Tensor<float, 1> odd{nan, -0.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::denorm_min()};
        CHECK(identical(dropout(odd), odd));
        nn::test::check_operands(random, dropout, random_tensor<float, 3>(random, {3, 4, 5}));
        nn::test::check_items(dropout, random_tensor<double, 2>(random, {6, 5}));
        const auto x = random_tensor<float, 3>(random, {3, 4, 5});
        CHECK(identical(dropout(x), x));
    }
    CHECK(Dropout().options.rate == 0.5);
}

TEST_CASE("dropout: at rate 0 training keeps every bit, at rate 1 everything is 0") {
    std::mt19937 rng(1);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    const Tensor<float, 1> odd{nan, -0.0F, infinity, -infinity, 3, std::numeric_limits<float>::denorm_min()};
    CHECK(identical(Dropout({.rate = 0})(odd, training(rng)), odd));
    CHECK(nn::test::same_bits(values_of(Dropout({.rate = 1})(odd, training(rng))), std::vector<float>(6, 0)));  // +0 each
    Random random(61);
    const auto x = random_tensor<double, 2>(random, {300, 300});
    CHECK(identical(Dropout({.rate = 0})(x, training(rng)), x));
    CHECK(values_of(Dropout({.rate = 1})(x, training(rng))) == std::vector<double>(90000, 0));
}

TEST_CASE("dropout: a dropped NaN is 0") {
    // As equinox.nn.Dropout: jnp.where(mask, x / q, 0).
    std::mt19937 rng(2);
    const Tensor<float, 1> x({1000}, std::numeric_limits<float>::quiet_NaN());
    const auto values = values_of(Dropout({.rate = 0.5})(x, training(rng)));
    const auto zeros = std::count(values.begin(), values.end(), 0.0F);
    const auto nans = std::count_if(values.begin(), values.end(), [](float value) { return std::isnan(value); });
    CHECK(zeros + nans == 1000);
    CHECK((zeros > 400 && nans > 400));
}

namespace {

/// n elements at one rate: which are dropped is as often as the rate says and independent of the neighbours, what is kept is x / (1 −
/// rate), and so the mean stays. Bounds are five standard deviations: 6e-7 of a failure each, for engines of any seed.
template <class T, class Engine>
void check_distribution(double rate, Engine rng) {
    constexpr index_t rows = 400;
    constexpr index_t columns = 500;
    constexpr double n = rows * columns;
    Random random(62);
    const auto x = random_tensor<T, 2>(random, {rows, columns});
    const Tensor<T, 2> y = Dropout({.rate = rate})(x, training(rng));
    double dropped = 0;
    double beside = 0;
    double below = 0;
    bool scaled = true;
    double change = 0;
    double squares = 0;
    const auto is_dropped = [&](index_t i, index_t j) { return y(i, j) == T(0); };  // no x is 0
    for (index_t i = 0; i < rows; ++i) {
        for (index_t j = 0; j < columns; ++j) {
            dropped += is_dropped(i, j) ? 1 : 0;
            beside += is_dropped(i, j) && is_dropped(i, (j + 1) % columns) ? 1 : 0;
            below += is_dropped(i, j) && is_dropped((i + 1) % rows, j) ? 1 : 0;
            const auto kept = static_cast<long double>(x(i, j)) / (1 - static_cast<long double>(rate));
            scaled = scaled && (is_dropped(i, j) || std::abs(static_cast<long double>(y(i, j)) - kept) <=
                                                        2 * std::numeric_limits<T>::epsilon() * std::abs(kept));
            change += static_cast<double>(y(i, j)) - static_cast<double>(x(i, j));
            squares += static_cast<double>(x(i, j)) * static_cast<double>(x(i, j));
        }
    }
    CAPTURE(rate, dropped, beside, below, change);
    CHECK(scaled);
    CHECK(std::abs(dropped - n * rate) <= 5 * std::sqrt(n * rate * (1 - rate)));
    // Of n pairs in rings, Var = n (p² − p⁴) + 2 n (p³ − p⁴).
    const double p = rate;
    const double pairs = 5 * std::sqrt(n * (p * p - p * p * p * p + 2 * (p * p * p - p * p * p * p)));
    CHECK(std::abs(beside - n * p * p) <= pairs);
    CHECK(std::abs(below - n * p * p) <= pairs);
    CHECK(std::abs(change) <= 5 * std::sqrt(squares * p / (1 - p)));
}

}  // namespace

TEST_CASE("dropout: drops as often as the rate says, each element by itself, and keeps the mean") {
    for (const double rate : {0.02, 0.25, 0.5, 0.9}) {
        check_distribution<float>(rate, std::mt19937(3));
        check_distribution<double>(rate, std::mt19937_64(4));
        check_distribution<float>(rate, std::minstd_rand(5));
    }
}

TEST_CASE("dropout: what is kept is multiplied by a power of two exactly") {
    Random random(63);
    const auto x = random_tensor<float, 2>(random, {40, 50});
    for (const auto& [rate, factor] : {std::pair(0.5, 2.0F), std::pair(0.75, 4.0F)}) {
        const auto y = Seeded{Dropout({.rate = rate}), 6}(x);
        bool exact = true;
        for (std::size_t i = 0; i < x.size(); ++i) {
            exact = exact && (y.data()[i] == 0 || y.data()[i] == factor * x.data()[i]);
        }
        CHECK(exact);
    }
}

TEST_CASE("dropout: elements draw in row-major order, however they lie in memory") {
    Random random(64);
    nn::test::check_operands(random, Seeded{Dropout({.rate = 0.4}), 7}, random_tensor<float, 3>(random, {3, 4, 5}));
    nn::test::check_operands(random, Seeded{Dropout({.rate = 0.4}), 8}, random_tensor<double, 2>(random, {9, 7}));
}

TEST_CASE("dropout: an engine decides what is dropped, and goes on from call to call") {
    Random random(65);
    const Dropout dropout({.rate = 0.3});
    const auto x = random_tensor<float, 2>(random, {20, 30});
    std::mt19937 rng(9);
    const auto whole = dropout(x, training(rng));
    std::mt19937 again(9);
    CHECK(identical(dropout(x, training(again)), whole));
    CHECK(again == rng);
    CHECK(!identical(dropout(x, training(again)), whole));

    // One draw each: in parts it is the same as in one.
    std::mt19937 parts(9);
    const auto head = dropout(xt::view(x, xt::range(0, 7), xt::all()), training(parts));
    const auto tail = dropout(xt::view(x, xt::range(7, 20), xt::all()), training(parts));
    CHECK(identical(head, xt::view(whole, xt::range(0, 7), xt::all())));
    CHECK(identical(tail, xt::view(whole, xt::range(7, 20), xt::all())));
    CHECK(parts == rng);

    // Nothing to drop: nothing drawn. The identity draws nothing.
    CHECK(shape_of(dropout(Tensor<float, 2>({0, 30}), training(parts))) == Extents{0, 30});
    dropout(x);
    CHECK(parts == rng);
}

TEST_CASE("dropout: y may be x itself, with and without a mode") {
    Random random(66);
    const auto x = random_tensor<float, 2>(random, {20, 30});
    const Seeded seeded{Dropout({.rate = 0.3}), 10};
    Workspace workspace;
    Tensor<float, 2> here = x;
    seeded.forward_into(here, here, workspace);
    CHECK(identical(here, seeded(x)));
    here = x;
    seeded.dropout.forward_into(here, here, workspace);
    CHECK(identical(here, x));
}

TEST_CASE("dropout: a rate that is no probability is refused") {
    const auto made = [](double rate) { return error_of<std::invalid_argument>([&] { Dropout({.rate = rate}); }); };
    CHECK(made(-0.25) == "nn::Dropout: rate -0.25, expected 0 … 1");
    CHECK(made(1.5) == "nn::Dropout: rate 1.5, expected 0 … 1");
    CHECK(made(std::numeric_limits<double>::quiet_NaN()) == "nn::Dropout: rate nan, expected 0 … 1");
    CHECK(made(std::numeric_limits<double>::infinity()) == "nn::Dropout: rate inf, expected 0 … 1");
    CHECK(made(0).empty());
    CHECK(made(1).empty());

    // Assigned later, it is refused where it would count.
    Dropout dropout;
    dropout.options.rate = 2;
    std::mt19937 rng(11);
    const std::mt19937 before = rng;
    const Tensor<float, 1> x{1, 2};
    Tensor<float, 1> y{7, 8};
    Workspace workspace;
    CHECK(error_of<std::invalid_argument>([&] { dropout(x, training(rng)); }) == "nn::Dropout: rate 2, expected 0 … 1");
    CHECK(error_of<std::invalid_argument>([&] { dropout.forward_into(x, training(rng), y, workspace); }) ==
          "nn::Dropout: rate 2, expected 0 … 1");
    CHECK(values_of(y) == std::vector<float>{7, 8});
    CHECK(rng == before);
}

TEST_CASE("dropout: a y that does not fit or half overlaps is refused; y and engine are as they were") {
    const Dropout dropout;
    const Tensor<float, 2> x({2, 3}, -1.0F);
    std::vector<float> memory(12, -1.0F);
    std::mt19937 rng(12);
    const std::mt19937 before = rng;
    Workspace workspace;
    const auto said = [&](const auto& input, const nn::View<float, 2>& y) {
        const std::string text = error_of<shape_error>([&] { dropout.forward_into(input, training(rng), y, workspace); });
        CHECK(error_of<shape_error>([&] { dropout.forward_into(input, y, workspace); }) == text);
        return text;
    };
    CHECK(said(x, nn::contiguous(memory.data(), Shape<2>{3, 2})) ==
          "nn::Dropout: y (3, 2), expected (2, 3)  [x (2, 3)]");
    CHECK(said(x, {memory.data(), {2, 3}, {0, 1}}) ==
          "nn::Dropout: y has stride 0 along axis 0, so that its elements share memory  [y (2, 3)]");
    CHECK(said(nn::contiguous(memory.data(), Shape<2>{2, 3}), nn::contiguous(memory.data() + 1, Shape<2>{2, 3})) ==
          "nn::Dropout: y overlaps x; give it memory of its own  [y (2, 3), x (2, 3)]");
    CHECK(memory == std::vector<float>(12, -1.0F));
    CHECK(rng == before);
}

namespace {

template <class... A>
concept callable = requires(const Dropout& dropout, A&&... arguments) {
    dropout(arguments...);
};
template <class... A>
concept forwards = requires(const Dropout& dropout, Workspace& workspace, A&&... arguments) {
    dropout.forward_into(arguments..., workspace);
};

}  // namespace

TEST_CASE("dropout: training wants an engine, and elements are floating-point") {
    using X = Tensor<float, 2>;
    using Engine = nn::Training<std::mt19937>;
    static_assert(callable<const X&> && callable<const X&, Engine> && !callable<const X&, nn::Training<>>);
    static_assert(forwards<const X&, X&> && forwards<const X&, Engine, X&> && !forwards<const X&, nn::Training<>, X&>);
    static_assert(!callable<const Tensor<int, 2>&> && !callable<const Tensor<int, 2>&, Engine>);
    static_assert(!forwards<const Tensor<int, 2>&, Tensor<int, 2>&> && !forwards<const Tensor<int, 2>&, Engine, Tensor<int, 2>&>);
    static_assert(!forwards<const X&, const X&> && !forwards<const X&, Engine, Tensor<double, 2>&>);
    static_assert(callable<const Tensor<long double, 0>&, Engine>);
    static_assert(std::copyable<Dropout> && std::default_initializable<Dropout> && !Dropout::carries);
    CHECK(Dropout().output_shape(Shape<3>{2, 0, 3}) == Shape<3>{2, 0, 3});
}
