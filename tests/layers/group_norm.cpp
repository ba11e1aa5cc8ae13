// SPDX-License-Identifier: MIT
#include <nn/layers/group_norm.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <nn/layers/layer_norm.hpp>

#include "support/golden.hpp"
#include "support/normalised.hpp"
#include "support/operands.hpp"

namespace {

using nn::GroupNorm;
using nn::GroupNormOptions;
using nn::index_t;
using nn::Layout;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::Arrangement;
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

TEST_CASE("group_norm: the numbers of equinox, and of brainstate with the channels last") {
    const auto lines = nn::test::golden_lines("layers/group_norm_expected.txt");
    CHECK(lines.size() == 54);
    for (const std::string& text : lines) {
        CAPTURE(text);
        GoldenLine line(text);
        const bool brainstate = line.integer() == 2;
        GroupNormOptions options{.groups = line.integer(), .channels = line.integer()};
        options.use_weight = options.use_bias = line.integer() == 1;
        options.eps = static_cast<double>(line.integer()) * 1e-6;
        options.layout = brainstate ? Layout::channels_last : Layout::channels_first;
        const auto check = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
            line.integers(N);  // the extents, which the answer has too
            nn::test::check_golden_norm<N + 2>(line, GroupNorm<double, N>(options), GroupNorm<float, N>(options));
        };
        switch (line.integer()) {
            case 0: check(std::integral_constant<std::size_t, 0>()); break;
            case 1: check(std::integral_constant<std::size_t, 1>()); break;
            case 2: check(std::integral_constant<std::size_t, 2>()); break;
            case 3: check(std::integral_constant<std::size_t, 3>()); break;
            default: CHECK(false);
        }
    }
}

TEST_CASE("group_norm: the test of equinox: one group is a LayerNorm, two groups are one each") {
    // equinox 0.13.8, tests/test_nn.py::test_group_norm: GroupNorm(1, 10) of linspace(.1, 1, 10) is its LayerNorm; GroupNorm(2, 10) of
    // it normalises each half.
    auto x = nn::make_tensor<double, 1>({10});
    for (std::size_t i = 0; i < 10; ++i) {
        x(i) = .1 + .1 * static_cast<double>(i);
    }
    CHECK(identical(GroupNorm<double, 0>({.groups = 1, .channels = 10})(x), nn::LayerNorm<double>({.shape = 10})(x)));
    const auto halves = nn::LayerNorm<double>({.shape = 5})(nn::contiguous(std::as_const(x).data(), Shape<2>{2, 5}));
    CHECK(values_of(GroupNorm<double, 0>({.groups = 2, .channels = 10})(x)) == values_of(halves));
}

// ---- edges ----

TEST_CASE("group_norm: a mean far from 0 costs no digits of the variance, a constant gives the bias to the bit") {
    const GroupNorm<float, 1> norm({.groups = 1, .channels = 1, .eps = 0});
    CHECK(values_of(norm(Tensor<float, 2>{{10000, 10001}})) == std::vector<float>{-1, 1});
    Random random(211);
    const auto six = filled(random, GroupNorm<float, 1>({.groups = 2, .channels = 6}));
    for (const index_t length : {1, 3, 100, 1000}) {
        const auto y = six(nn::make_tensor<float, 2>({6, length}, 333333.3F));
        bool same = true;
        for (std::size_t i = 0; i < y.size(); ++i) {
            same = same && y.data()[i] == (*six.bias)(i / static_cast<std::size_t>(length));
        }
        CAPTURE(length);
        CHECK(same);
    }
}

TEST_CASE("group_norm: one cell a group, empty batches, empty axes") {
    GroupNorm<float, 1> norm({.groups = 2, .channels = 2});
    norm.bias = Tensor<float, 1>{7, 8};
    CHECK(values_of(norm(Tensor<float, 2>{{3}, {4}})) == std::vector<float>{7, 8});
    CHECK(shape_of(norm(Tensor<float, 3>({0, 2, 5}))) == Extents{0, 2, 5});
    CHECK(shape_of(norm(Tensor<float, 3>({3, 2, 0}))) == Extents{3, 2, 0});
    CHECK(shape_of(norm(Tensor<float, 4>({3, 0, 2, 5}))) == Extents{3, 0, 2, 5});
    CHECK(norm.output_shape(Shape<3>{3, 2, 0}) == Shape<3>{3, 2, 0});
}

TEST_CASE("group_norm: a NaN or an infinity spoils its own group alone") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const GroupNorm<float, 1> norm({.groups = 2, .channels = 4, .eps = 0});
    const Tensor<float, 3> x{{{nan}, {1}, {1}, {3}}, {{1}, {3}, {std::numeric_limits<float>::infinity()}, {0}}};
    const std::vector<float> expected{nan, nan, -1, 1, -1, 1, nan, nan};
    CHECK(nn::test::same_bits(values_of(norm(x)), expected));
}

// ---- against the definition ----

namespace {

template <class T, std::size_t N, std::size_t Leading>
void check_against_naive(Random& random, index_t longest = 5) {
    constexpr std::size_t rank = Leading + 1 + N;
    GroupNormOptions options{.groups = random.integer(1, 4),
                             .eps = random.chance(0.5) ? 1e-5 : 0.125,
                             .use_weight = random.chance(0.6),
                             .use_bias = random.chance(0.6),
                             .layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first};
    const index_t size = random.integer(1, 4);
    options.channels = options.groups * size;
    const auto norm = filled(random, GroupNorm<T, N>(options));
    const std::size_t axis = options.layout == Layout::channels_last ? rank - 1 : Leading;
    Extents shape;
    for (std::size_t i = 0; i < rank; ++i) {
        shape.push_back(i == axis ? options.channels : random.integer(1, longest));
    }
    const T offset = random.pick(std::vector<T>{0, 3, -100});
    Strided<T> x(shape, Arrangement::any(random, rank, true));
    nn::test::for_each_index(shape, [&](const Extents& index) { x.at(index) = offset + random.real<T>(); });
    Strided<T> y(shape, Arrangement::any(random, rank, false));
    Workspace workspace;
    norm.forward_into(std::as_const(x).template view<rank>(), y.template view<rank>(), workspace);
    CAPTURE(shape, axis, options.groups, options.eps, offset, x.strides(), y.strides());
    CHECK(y.intact());

    // Each element by the item and the group that it is in.
    const auto group_of = [&](const Extents& index) {
        index_t group = 0;
        for (std::size_t i = 0; i < Leading; ++i) {
            group = group * shape[i] + index[i];
        }
        return static_cast<std::size_t>(group * options.groups + index[axis] / size);
    };
    std::vector<std::vector<T>> members;
    nn::test::for_each_index(shape, [&](const Extents& index) {
        members.resize(std::max(members.size(), group_of(index) + 1));
        members[group_of(index)].push_back(x.at(index));
    });
    std::vector<nn::test::NaiveNormalised<T>> naive;
    for (const auto& values : members) {
        naive.emplace_back(values, options.eps, true);
    }
    std::size_t outside = 0;
    nn::test::for_each_index(shape, [&](const Extents& index) {
        const T weight = norm.weight ? (*norm.weight)(index[axis]) : T(1);
        const T bias = norm.bias ? (*norm.bias)(index[axis]) : T(0);
        outside += naive[group_of(index)].holds(x.at(index), weight, bias, y.at(index)) ? 0 : 1;
    });
    CHECK(outside == 0);
}

}  // namespace

TEST_CASE("group_norm: every option, layout, rank and stride against the definition") {
    Random random(212);
    for (int i = 0; i < 60; ++i) {
        check_against_naive<float, 0, 0>(random);
        check_against_naive<double, 0, 2>(random);
        check_against_naive<float, 1, 1>(random);
        check_against_naive<double, 2, 1>(random);
        check_against_naive<float, 2, 2>(random);
        check_against_naive<float, 3, 0>(random);
    }
    for (int i = 0; i < 6; ++i) {
        check_against_naive<float, 1, 1>(random, 2000);
    }
}

// ---- properties ----

TEST_CASE("group_norm: both layouts give the same bits") {
    Random random(213);
    const auto x = random_tensor<float, 4>(random, {2, 6, 4, 5});
    for (const index_t groups : {1, 2, 3, 6}) {
        const auto first = filled(random, GroupNorm<float, 2>({.groups = groups, .channels = 6}));
        auto last = first;
        last.options.layout = Layout::channels_last;
        CHECK(identical(xt::transpose(last(xt::transpose(x, {0, 2, 3, 1})), {0, 3, 1, 2}), first(x)));
    }
}

TEST_CASE("group_norm: both layouts give the same bits when the channels of many positions are one row") {
    Random random(219);
    for (const index_t channels : {6, 66, 1200}) {
        const auto first = filled(random, GroupNorm<float, 1>({.groups = 3, .channels = channels}));
        auto last = first;
        last.options.layout = Layout::channels_last;
        const auto x = random_tensor<float, 3>(random, {2, channels, 211});
        CHECK(identical(xt::transpose(last(xt::transpose(x, {0, 2, 1})), {0, 2, 1}), first(x)));
        const Tensor<float, 3> turned = xt::transpose(x, {0, 2, 1});
        CHECK(identical(xt::transpose(last(turned), {0, 2, 1}), first(x)));
    }
}

TEST_CASE("group_norm: groups do not see each other: each is a GroupNorm of its own") {
    Random random(214);
    const auto x = random_tensor<double, 3>(random, {2, 6, 7});
    for (const index_t groups : {2, 3, 6}) {
        const auto norm = filled(random, GroupNorm<double, 1>({.groups = groups, .channels = 6}));
        const auto y = norm(x);
        const index_t size = 6 / groups;
        for (index_t c = 0; c < 6; c += size) {
            GroupNorm<double, 1> alone({.groups = 1, .channels = size});
            alone.weight = xt::view(*norm.weight, xt::range(c, c + size));
            alone.bias = xt::view(*norm.bias, xt::range(c, c + size));
            CHECK(identical(alone(xt::view(x, xt::all(), xt::range(c, c + size), xt::all())),
                            xt::view(y, xt::all(), xt::range(c, c + size), xt::all())));
        }
    }
}

TEST_CASE("group_norm: what is added to a group does not matter, nor a factor when eps is 0") {
    // Small integers, 16 to a group: sums, mean and differences are exact, so are powers of two.
    Random random(215);
    const GroupNorm<float, 1> norm({.groups = 2, .channels = 4});
    const GroupNorm<float, 1> pure({.groups = 2, .channels = 4, .eps = 0});
    Tensor<float, 3> x({3, 4, 8});
    for (float& element : x) {
        element = static_cast<float>(random.integer(-9, 9));
    }
    Tensor<float, 3> shifted = x;
    auto second = xt::view(shifted, xt::all(), xt::range(2, 4), xt::all());
    second += 1000.0F;
    CHECK(identical(norm(shifted), norm(x)));
    CHECK(identical(pure(Tensor<float, 3>(0.125F * x)), pure(x)));
}

TEST_CASE("group_norm: every kind of operand gives the same bits, and items do not see each other") {
    Random random(216);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const GroupNormOptions options{.groups = 2, .channels = 4, .layout = layout};
        nn::test::check_operands(random, filled(random, GroupNorm<float, 1>(options)), random_tensor<float, 3>(random, {4, 4, 4}));
        nn::test::check_operands(random, filled(random, GroupNorm<double, 2>(options)), random_tensor<double, 3>(random, {4, 3, 4}));
        nn::test::check_operands(random, filled(random, GroupNorm<float, 0>(options)), random_tensor<float, 2>(random, {3, 4}));
        nn::test::check_items(filled(random, GroupNorm<float, 2>(options)), random_tensor<float, 4>(random, {6, 4, 3, 4}));
    }
}

TEST_CASE("group_norm: y may be x itself") {
    Random random(217);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const auto norm = filled(random, GroupNorm<float, 1>({.groups = 2, .channels = 4, .layout = layout}));
        const auto x = random_tensor<float, 3>(random, {3, 4, 4});
        const auto y = norm(x);
        Workspace workspace;
        Tensor<float, 3> here = x;
        norm.forward_into(here, here, workspace);
        CHECK(identical(here, y));
    }
}

// ---- errors ----

TEST_CASE("group_norm: what is wrong is said when the layer is made") {
    const auto made = [](const GroupNormOptions& options) {
        return error_of<std::invalid_argument>([&] { GroupNorm<float, 1>{options}; });
    };
    CHECK(made({}) == "nn::GroupNorm: channels 0, expected at least 1");
    CHECK(made({.channels = -3}) == "nn::GroupNorm: channels -3, expected at least 1");
    CHECK(made({.groups = 0, .channels = 4}) == "nn::GroupNorm: groups 0, expected at least 1");
    CHECK(made({.groups = 3, .channels = 4}) == "nn::GroupNorm: groups 3 does not divide channels 4");
    CHECK(made({.groups = 8, .channels = 4}) == "nn::GroupNorm: groups 8 does not divide channels 4");
    CHECK(made({.groups = 2, .channels = 4, .eps = -1}) == "nn::GroupNorm: eps -1, expected at least 0");
    CHECK(made({.groups = 2, .channels = 4, .eps = std::numeric_limits<double>::quiet_NaN()}) ==
          "nn::GroupNorm: eps nan, expected at least 0");
    CHECK(made({.channels = index_t{1} << 62}) ==
          "nn::GroupNorm: an array of shape (4611686018427387904,) is more than any memory holds");
}

TEST_CASE("group_norm: what is wrong is said when it is called, and y is as it was") {
    Random random(218);
    const GroupNorm<float, 1> norm({.groups = 2, .channels = 4});
    const auto kept = random_tensor<float, 3>(random, {2, 4, 3});
    Tensor<float, 3> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& x, auto&& output) {
        return error_of<std::invalid_argument>([&] { layer.forward_into(x, output, workspace); });
    };
    const Tensor<float, 3> x({2, 4, 3}, 1.0F);
    CHECK(said(norm, Tensor<float, 3>({2, 6, 3}, 1.0F), y) == "nn::GroupNorm: x has 6 channels, expected 4 = channels  [x (2, 6, 3)]");
    GroupNorm<float, 1> spoilt = norm;
    spoilt.options.layout = Layout::channels_last;
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: x has 3 channels, expected 4 = channels  [x (2, 4, 3)]");
    CHECK(error_of<shape_error>([&] {
              (void)norm.output_shape(Shape<2>{3, 5});
          }) == "nn::GroupNorm: x has 3 channels, expected 4 = channels  [x (3, 5)]");
    CHECK(error_of<shape_error>([&] { norm(xt::xarray<float>(std::vector<std::size_t>{4})); }) ==
          "nn::GroupNorm: x has 1 axis, expected at least 2  [x (4,)]");
    CHECK(said(norm, x, nn::contiguous(y.data(), Shape<3>{2, 3, 4})) ==
          "nn::GroupNorm: y (2, 3, 4), expected (2, 4, 3)  [x (2, 4, 3)]");
    CHECK(said(norm, x, nn::View<float, 3>{y.data(), {2, 4, 3}, {12, 0, 1}}) ==
          "nn::GroupNorm: y has stride 0 along axis 1, so that its elements share memory  [y (2, 4, 3)]");
    CHECK(said(norm, nn::View<const float, 3>{y.data() + 1, {2, 4, 3}, {0, 3, 1}}, y) ==
          "nn::GroupNorm: y overlaps x; give it memory of its own  [y (2, 4, 3), x (2, 4, 3)]");

    spoilt = norm;
    spoilt.options.groups = 3;
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: groups 3 does not divide channels 4");
    spoilt = norm;
    spoilt.options.eps = -1;
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: eps -1, expected at least 0");
    spoilt = norm;
    spoilt.weight.reset();
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: no weight, expected one: use_weight is true");
    spoilt = norm;
    spoilt.options.use_weight = false;
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: a weight came, expected none: use_weight is false");
    spoilt = norm;
    spoilt.weight = Tensor<float, 1>{1, 2, 3};
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: weight (3,), expected (4,) = (channels,)");
    spoilt = norm;
    spoilt.bias.reset();
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: no bias, expected one: use_bias is true");
    spoilt = norm;
    spoilt.options.use_bias = false;
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: a bias came, expected none: use_bias is false");
    spoilt = norm;
    spoilt.bias = Tensor<float, 1>{1, 2, 3};
    CHECK(said(spoilt, x, y) == "nn::GroupNorm: bias (3,), expected (4,) = (channels,)");
    CHECK(identical(y, kept));
}

// ---- types ----

TEST_CASE("group_norm: is a value of one scalar type and enough axes") {
    using nn::test::callable;
    using nn::test::forwards;
    using L = GroupNorm<float, 1>;
    static_assert(std::copyable<L> && !std::default_initializable<L> && !L::carries);
    static_assert(callable<L, const Tensor<float, 2>&> && !callable<L, const Tensor<float, 1>&> && !callable<L, const Tensor<double, 2>&>);
    static_assert(forwards<L, const Tensor<float, 3>&, Tensor<float, 3>&> && !forwards<L, const Tensor<float, 3>&, Tensor<double, 3>&>);
    static_assert(!forwards<L, const Tensor<float, 3>&, const Tensor<float, 3>&>);
    SUCCEED();
}
