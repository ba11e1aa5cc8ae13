// SPDX-License-Identifier: MIT
#include <nn/layers/adaptive_pool.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/layers/pool.hpp>

#include "support/golden.hpp"
#include "support/operands.hpp"

namespace {

using nn::AdaptiveAvgPool;
using nn::AdaptiveAvgPool1d;
using nn::AdaptiveAvgPool2d;
using nn::AdaptiveMaxPool;
using nn::AdaptiveMaxPool1d;
using nn::AdaptiveMaxPool2d;
using nn::AdaptivePoolOptions;
using nn::AdaptiveWindows;
using nn::GlobalAvgPool;
using nn::GlobalMaxPool;
using nn::index_t;
using nn::Layout;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::arange;
using nn::test::Arrangement;
using nn::test::close;
using nn::test::CounterFill;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::fixed;
using nn::test::GoldenLine;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

using Numbers = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A global pool as a layer whose options have a layout.
template <class L>
L global(Layout layout) {
    return L{{.layout = layout}};
}

}  // namespace

// ---- golden ----

namespace {

template <std::size_t N>
void check_golden(GoldenLine& line, bool average) {
    const AdaptivePoolOptions<N> options{.output_size = fixed<N>(line.integers(N)), .windows = AdaptiveWindows::equinox};
    const Shape<N> extents = fixed<N>(line.integers(N));
    const auto expected = line.array();
    CHECK(line.ended());
    Shape<N + 1> shape{2};
    std::copy(extents.begin(), extents.end(), shape.begin() + 1);
    auto x = nn::make_tensor<double, N + 1>(shape);
    CounterFill()(x);
    const Tensor<double, N + 1> y = average ? AdaptiveAvgPool<N>(options)(x) : AdaptiveMaxPool<N>(options)(x);
    CHECK(shape_of(y) == expected.shape);
    CHECK(close(y, expected.values, 1e-12));
}

}  // namespace

TEST_CASE("adaptive_pool: the numbers of equinox for every length up to nine into every number of windows, and in two and three axes") {
    const auto lines = nn::test::golden_lines("layers/adaptive_pool_expected.txt");
    CHECK(lines.size() == 98);
    for (const std::string& text : lines) {
        CAPTURE(text);
        GoldenLine line(text);
        const bool average = line.integer() == 1;
        switch (line.integer()) {
            case 1: check_golden<1>(line, average); break;
            case 2: check_golden<2>(line, average); break;
            case 3: check_golden<3>(line, average); break;
            default: CHECK(false);
        }
    }
}

TEST_CASE("adaptive_pool: the literal values of equinox's tests, and what PyTorch's windows make of them") {
    // semantics.md 11. Of 14 cells in 4 windows PyTorch has [0, 4) [3, 7) [7, 11) [10, 14).
    const auto line = arange<2>({1, 14});
    CHECK(values_of(AdaptiveAvgPool1d({.output_size = 4, .windows = AdaptiveWindows::equinox})(line)) == Numbers{1.5, 5.5, 9, 12});
    CHECK(values_of(AdaptiveMaxPool1d({.output_size = 4, .windows = AdaptiveWindows::equinox})(line)) == Numbers{3, 7, 10, 13});
    CHECK(values_of(AdaptiveAvgPool1d({.output_size = 4})(line)) == Numbers{1.5, 4.5, 8.5, 11.5});
    CHECK(values_of(AdaptiveMaxPool1d({.output_size = 4})(line)) == Numbers{3, 6, 10, 13});
    const auto image = arange<3>({1, 3, 4});
    CHECK(values_of(AdaptiveAvgPool2d({.output_size = {2, 3}, .windows = AdaptiveWindows::equinox})(image)) ==
          Numbers{2.5, 4, 5, 8.5, 10, 11});
    CHECK(values_of(AdaptiveMaxPool2d({.output_size = {2, 3}, .windows = AdaptiveWindows::equinox})(image)) == Numbers{5, 6, 7, 9, 10, 11});
    // PyTorch: rows [0, 2) [1, 3), columns [0, 2) [1, 3) [2, 4).
    CHECK(values_of(AdaptiveAvgPool2d({.output_size = {2, 3}})(image)) == Numbers{2.5, 3.5, 4.5, 6.5, 7.5, 8.5});
    const auto volume = arange<4>({1, 3, 2, 3});
    CHECK(values_of(nn::AdaptiveAvgPool3d({.output_size = {2, 1, 3}, .windows = AdaptiveWindows::equinox})(volume)) ==
          Numbers{4.5, 5.5, 6.5, 13.5, 14.5, 15.5});
    CHECK(values_of(nn::AdaptiveMaxPool3d({.output_size = {2, 1, 3}, .windows = AdaptiveWindows::equinox})(volume)) ==
          Numbers{9, 10, 11, 15, 16, 17});
    // More windows than cells: each cell as often as PyTorch's rule has it, [0, 1) [0, 2) [1, 2) of two.
    CHECK(values_of(AdaptiveAvgPool1d({.output_size = 3})(arange<2>({1, 2}))) == Numbers{0, .5, 1});
}

// ---- against the definition ----

namespace {

/// Cells [first, last) of each of M windows over L cells. PyTorch's from ⌊o·L/M⌋ to ⌈(o + 1)·L/M⌉, counted up one by one; Equinox's: every
/// window ⌊L/M⌋ cells, the first L mod M one more.
std::vector<std::pair<index_t, index_t>> windows_of(AdaptiveWindows how, index_t length, index_t count) {
    std::vector<std::pair<index_t, index_t>> result;
    index_t next = 0;
    for (index_t o = 0; o < count; ++o) {
        if (how == AdaptiveWindows::torch) {
            index_t first = 0;
            while ((first + 1) * count <= o * length) {
                ++first;
            }
            index_t last = 0;
            while (last * count < (o + 1) * length) {
                ++last;
            }
            result.emplace_back(first, last);
        } else {
            const index_t cells = length / count + (o < length % count ? 1 : 0);
            result.emplace_back(next, next + cells);
            next += cells;
        }
    }
    return result;
}

template <class T, std::size_t N, std::size_t Leading>
void check_against_naive(Random& random) {
    constexpr std::size_t rank = Leading + 1 + N;
    const AdaptiveWindows how = random.chance(0.5) ? AdaptiveWindows::torch : AdaptiveWindows::equinox;
    const Layout layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first;
    const std::size_t channel = layout == Layout::channels_last ? rank - 1 : Leading;
    Extents shape;
    for (std::size_t i = 0; i < rank; ++i) {
        shape.push_back(random.integer(1, i < Leading || i == channel ? 3 : 7));
    }
    const std::size_t spatial = layout == Layout::channels_last ? Leading : Leading + 1;
    Extents out = shape;
    std::array<index_t, N> output_size{};
    std::vector<std::vector<std::pair<index_t, index_t>>> windows;
    for (std::size_t axis = 0; axis < N; ++axis) {
        output_size[axis] = out[spatial + axis] = random.integer(1, how == AdaptiveWindows::torch ? 9 : shape[spatial + axis]);
        windows.push_back(windows_of(how, shape[spatial + axis], output_size[axis]));
    }
    const AdaptivePoolOptions<N> options{.output_size = output_size, .windows = how, .layout = layout};
    Strided<T> x(shape, Arrangement::any(random, rank, true));
    x.fill(random);
    Strided<T> mean(out, Arrangement::any(random, rank, false));
    Strided<T> most(out, Arrangement::any(random, rank, false));
    Workspace workspace;
    AdaptiveAvgPool<N>(options).forward_into(std::as_const(x).template view<rank>(), mean.template view<rank>(), workspace);
    AdaptiveMaxPool<N>(options).forward_into(std::as_const(x).template view<rank>(), most.template view<rank>(), workspace);
    CAPTURE(shape, out, channel, x.strides(), mean.strides());
    CHECK(mean.intact());
    CHECK(most.intact());
    std::size_t outside = 0;
    nn::test::for_each_index(out, [&](const Extents& index) {
        Extents window;
        for (std::size_t axis = 0; axis < N; ++axis) {
            const auto [first, last] = windows[axis][static_cast<std::size_t>(index[spatial + axis])];
            window.push_back(last - first);
        }
        long double sum = 0;
        long double magnitude = 0;
        long double largest = -2;
        nn::test::for_each_index(window, [&](const Extents& tap) {
            Extents from = index;
            for (std::size_t axis = 0; axis < N; ++axis) {
                from[spatial + axis] = windows[axis][static_cast<std::size_t>(index[spatial + axis])].first + tap[axis];
            }
            const auto value = static_cast<long double>(x.at(from));
            sum += value;
            magnitude += std::abs(value);
            largest = std::max(largest, value);
        });
        const auto cells = static_cast<long double>(nn::test::count_of(window));
        // One rounding for each addition and one for the quotient.
        const long double bound = (cells + 1) * std::numeric_limits<T>::epsilon() / 2 * 1.01L * magnitude / cells;
        outside += std::abs(mean.at(index) - sum / cells) <= bound ? 0 : 1;
        outside += most.at(index) == largest ? 0 : 1;
    });
    CHECK(outside == 0);
}

}  // namespace

TEST_CASE("adaptive_pool: along one axis, every length into every number of windows, by either rule") {
    for (const AdaptiveWindows how : {AdaptiveWindows::torch, AdaptiveWindows::equinox}) {
        for (index_t length = 1; length <= 12; ++length) {
            const auto x = arange<2>({1, length});
            for (index_t count = 1; count <= (how == AdaptiveWindows::torch ? 14 : length); ++count) {
                Numbers mean;
                Numbers most;
                for (const auto& [first, last] : windows_of(how, length, count)) {
                    mean.push_back(static_cast<double>(first + last - 1) / 2);  // of first … last − 1
                    most.push_back(static_cast<double>(last - 1));
                }
                CAPTURE(length, count);
                CHECK(values_of(AdaptiveAvgPool1d({.output_size = count, .windows = how})(x)) == mean);
                CHECK(values_of(AdaptiveMaxPool1d({.output_size = count, .windows = how})(x)) == most);
            }
        }
    }
}

TEST_CASE("adaptive_pool: every rule, layout, rank and stride against the definition") {
    Random random(241);
    for (int i = 0; i < 60; ++i) {
        check_against_naive<float, 1, 0>(random);
        check_against_naive<double, 1, 1>(random);
        check_against_naive<float, 2, 1>(random);
        check_against_naive<float, 2, 2>(random);
        check_against_naive<double, 3, 0>(random);
    }
}

TEST_CASE("global_pool: the extremes and the mean of all cells, in either layout") {
    Random random(242);
    for (int i = 0; i < 60; ++i) {
        const Extents shape{random.integer(1, 3), random.integer(1, 4), random.integer(1, 30), random.integer(1, 30)};
        const bool last = random.chance(0.5);
        const std::size_t channel = last ? 3 : 1;
        Strided<float> x(shape, Arrangement::any(random, 4, true));
        x.fill(random);
        const Extents out{shape[0], shape[channel]};
        Strided<float> mean(out, Arrangement::any(random, 2, false));
        Strided<float> most(out, Arrangement::any(random, 2, false));
        const Layout layout = last ? Layout::channels_last : Layout::channels_first;
        Workspace workspace;
        global<GlobalAvgPool<2>>(layout).forward_into(std::as_const(x).view<4>(), mean.view<2>(), workspace);
        global<GlobalMaxPool<2>>(layout).forward_into(std::as_const(x).view<4>(), most.view<2>(), workspace);
        CAPTURE(shape, channel, x.strides(), mean.strides());
        CHECK(mean.intact());
        CHECK(most.intact());
        const long double cells = static_cast<long double>(nn::test::count_of(shape)) / static_cast<long double>(out[0] * out[1]);
        std::vector<long double> sum(mean.values().size(), 0);
        std::vector<long double> magnitude = sum;
        std::vector<long double> largest(sum.size(), -2);
        nn::test::for_each_index(shape, [&](const Extents& index) {
            const auto at = static_cast<std::size_t>(index[0] * out[1] + index[channel]);
            sum[at] += x.at(index);
            magnitude[at] += std::abs(x.at(index));
            largest[at] = std::max(largest[at], static_cast<long double>(x.at(index)));
        });
        std::size_t outside = 0;
        for (std::size_t j = 0; j < sum.size(); ++j) {
            // At most as many roundings as cells, and the quotient's.
            const long double bound = std::min(cells, cells / 512 + 68) * 1.01L * 0x1p-24L * magnitude[j] / cells + 0x1p-24L;
            outside += std::abs(mean.values()[j] - sum[j] / cells) <= bound ? 0 : 1;
            outside += most.values()[j] == largest[j] ? 0 : 1;
        }
        CHECK(outside == 0);
    }
}

// ---- properties ----

TEST_CASE("adaptive_pool: windows that divide the axis are a pool's, as many windows as cells pick each, one window is a global pool") {
    Random random(243);
    const auto x = random_tensor<float, 4>(random, {2, 3, 6, 8});
    for (const AdaptiveWindows how : {AdaptiveWindows::torch, AdaptiveWindows::equinox}) {
        CHECK(identical(AdaptiveMaxPool2d({.output_size = {3, 2}, .windows = how})(x), nn::max_pool<2>(x, {.window = {2, 4}})));
        CHECK(identical(AdaptiveAvgPool2d({.output_size = {3, 2}, .windows = how})(x), nn::avg_pool<2>(x, {.window = {2, 4}})));
        CHECK(identical(AdaptiveMaxPool2d({.output_size = {6, 8}, .windows = how})(x), x));
        CHECK(identical(AdaptiveAvgPool2d({.output_size = {6, 8}, .windows = how})(x), x));
        CHECK(values_of(AdaptiveMaxPool2d({.output_size = 1, .windows = how})(x)) == values_of(nn::global_max_pool<2>(x)));
    }
    const Tensor<double, 3> cells(4.0 * arange<3>({3, 4, 5}));  // sums that are exact
    CHECK(values_of(AdaptiveAvgPool2d({})(cells)) == values_of(nn::global_avg_pool<2>(cells)));
    CHECK(values_of(nn::global_avg_pool<2>(arange<3>({2, 9, 8}))) == Numbers{35.5, 107.5});
    CHECK(values_of(nn::global_max_pool<2>(arange<3>({2, 9, 8}))) == Numbers{71, 143});
    CHECK(values_of(nn::global_avg_pool<2>(arange<3>({9, 8, 2}), {.layout = Layout::channels_last})) == Numbers{71, 72});
}

TEST_CASE("adaptive_pool: both layouts give the same bits") {
    Random random(244);
    const auto x = random_tensor<float, 4>(random, {2, 3, 7, 8});
    const Tensor<float, 4> x_last = xt::transpose(x, {0, 2, 3, 1});
    for (const AdaptiveWindows how : {AdaptiveWindows::torch, AdaptiveWindows::equinox}) {
        const AdaptivePoolOptions<2> first{.output_size = {3, 5}, .windows = how};
        const AdaptivePoolOptions<2> last{.output_size = {3, 5}, .windows = how, .layout = Layout::channels_last};
        CHECK(identical(xt::transpose(AdaptiveAvgPool2d(last)(x_last), {0, 3, 1, 2}), AdaptiveAvgPool2d(first)(x)));
        CHECK(identical(xt::transpose(AdaptiveMaxPool2d(last)(x_last), {0, 3, 1, 2}), AdaptiveMaxPool2d(first)(x)));
    }
    CHECK(identical(nn::global_avg_pool<2>(x_last, {.layout = Layout::channels_last}), nn::global_avg_pool<2>(x)));
}

TEST_CASE("adaptive_pool: the mean of a constant is the constant, least <= mean <= most") {
    const Tensor<float, 3> seven({2, 9, 8}, 7.0F);
    CHECK(values_of(AdaptiveAvgPool2d({.output_size = {4, 5}})(seven)) == std::vector<float>(40, 7.0F));
    Random random(245);
    const auto x = random_tensor<double, 3>(random, {3, 9, 8});
    const AdaptivePoolOptions<2> options{.output_size = {4, 5}};
    const auto most = AdaptiveMaxPool2d(options)(x);
    const Tensor<double, 3> least(-AdaptiveMaxPool2d(options)(-x));
    const auto mean = AdaptiveAvgPool2d(options)(x);
    bool ordered = true;
    for (std::size_t i = 0; i < mean.size(); ++i) {
        ordered = ordered && least.data()[i] <= mean.data()[i] + 1e-15 && mean.data()[i] <= most.data()[i] + 1e-15;
    }
    CHECK(ordered);
}

// ---- operands and batch ----

TEST_CASE("adaptive_pool: every kind of operand gives the same bits, and items do not see each other") {
    Random random(246);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const AdaptivePoolOptions<2> options{.output_size = {2, 3}, .layout = layout};
        nn::test::check_operands(random, AdaptiveMaxPool2d(options), random_tensor<float, 3>(random, {4, 5, 6}));
        nn::test::check_operands(random, AdaptiveAvgPool2d(options), random_tensor<double, 4>(random, {2, 4, 5, 6}));
        nn::test::check_items(AdaptiveAvgPool2d(options), random_tensor<float, 4>(random, {6, 3, 5, 4}));
        nn::test::check_operands(random, global<GlobalAvgPool<2>>(layout), random_tensor<float, 4>(random, {2, 4, 5, 6}));
        nn::test::check_operands(random, global<GlobalMaxPool<1>>(layout), random_tensor<double, 3>(random, {2, 4, 5}));
        nn::test::check_items(global<GlobalMaxPool<2>>(layout), random_tensor<float, 4>(random, {6, 3, 5, 4}));
        nn::test::check_items(global<GlobalAvgPool<1>>(layout), random_tensor<float, 3>(random, {6, 30, 50}));
    }
}

// ---- edges ----

TEST_CASE("adaptive_pool: empty batches and no channels; a global pool of no cells") {
    const AdaptiveAvgPool2d pool({.output_size = {2, 3}});
    CHECK(shape_of(pool(Tensor<float, 4>({0, 3, 5, 6}))) == Extents{0, 3, 2, 3});
    CHECK(shape_of(pool(Tensor<float, 4>({2, 0, 5, 6}))) == Extents{2, 0, 2, 3});
    CHECK(shape_of(nn::global_avg_pool<2>(Tensor<float, 4>({0, 3, 5, 6}))) == Extents{0, 3});
    CHECK(shape_of(nn::global_avg_pool<2>(Tensor<float, 4>({2, 0, 5, 6}))) == Extents{2, 0});
    CHECK(values_of(nn::global_avg_pool<2>(Tensor<double, 3>({2, 0, 6}))) == Numbers{0, 0});
    CHECK(values_of(nn::global_max_pool<2>(Tensor<double, 3>({2, 5, 0}))) == Numbers{-infinity, -infinity});
    CHECK(values_of(nn::global_avg_pool<1>(Tensor<double, 2>{{5}, {-3}})) == Numbers{5, -3});
}

TEST_CASE("adaptive_pool: a NaN under a window is its answer, and no other's") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float inf = std::numeric_limits<float>::infinity();
    const Tensor<float, 2> x{{nan, 1, 2, 3}};
    for (const auto& y : {AdaptiveMaxPool1d({.output_size = 2})(x), AdaptiveAvgPool1d({.output_size = 2})(x)}) {
        CHECK(std::isnan(y(0, 0)));
        CHECK(y(0, 1) > 2);
    }
    CHECK(std::isnan(nn::global_max_pool<1>(x)(0)));
    CHECK(std::isnan(nn::global_avg_pool<1>(x)(0)));
    const Tensor<float, 2> infinite{{-inf, -inf, inf, 1}};
    CHECK(values_of(AdaptiveMaxPool1d({.output_size = 2})(infinite)) == std::vector<float>{-inf, inf});
    CHECK(values_of(AdaptiveAvgPool1d({.output_size = 2})(infinite)) == std::vector<float>{-inf, inf});
}

// ---- errors ----

TEST_CASE("adaptive_pool: what is wrong is said when the layer is made") {
    CHECK(error_of<std::invalid_argument>([] {
              AdaptiveMaxPool2d({.output_size = {2, 0}});
          }) == "nn::AdaptiveMaxPool: output_size (2, 0), expected at least 1 along every axis");
    CHECK(error_of<std::invalid_argument>([] { AdaptiveAvgPool1d({.output_size = -1}); }) ==
          "nn::AdaptiveAvgPool: output_size (-1,), expected at least 1 along every axis");
}

TEST_CASE("adaptive_pool: what is wrong is said when it is called, and y is as it was") {
    Random random(247);
    const AdaptiveMaxPool2d pool({.output_size = {2, 3}});
    const Tensor<float, 4> x({2, 3, 4, 6}, 1.0F);
    const auto kept = random_tensor<float, 4>(random, {2, 3, 2, 3});
    Tensor<float, 4> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& input, auto&& output) {
        return error_of<std::invalid_argument>([&] { layer.forward_into(input, output, workspace); });
    };
    CHECK(said(pool, Tensor<float, 4>({2, 3, 0, 6}), y) ==
          "nn::AdaptiveMaxPool: x has 0 cells along axis 0, expected at least 1  [x (2, 3, 0, 6), output_size (2, 3)]");
    const AdaptiveAvgPool2d apart({.output_size = {2, 3}, .windows = AdaptiveWindows::equinox});
    CHECK(said(apart, Tensor<float, 4>({2, 3, 4, 2}), y) ==
          "nn::AdaptiveAvgPool: x has 2 cells along axis 1, expected at least 3  [x (2, 3, 4, 2), output_size (2, 3)]");
    CHECK(error_of<shape_error>([&] {
              (void)apart.output_shape(Shape<3>{3, 1, 4});
          }) == "nn::AdaptiveAvgPool: x has 1 cells along axis 0, expected at least 2  [x (3, 1, 4), output_size (2, 3)]");
    CHECK(said(pool, x, nn::contiguous(y.data(), Shape<4>{2, 3, 3, 2})) ==
          "nn::AdaptiveMaxPool: y (2, 3, 3, 2), expected (2, 3, 2, 3)  [x (2, 3, 4, 6)]");
    CHECK(said(pool, x, nn::View<float, 4>{y.data(), {2, 3, 2, 3}, {18, 6, 0, 1}}) ==
          "nn::AdaptiveMaxPool: y has stride 0 along axis 2, so that its elements share memory  [y (2, 3, 2, 3)]");
    CHECK(said(pool, y, y) == "nn::AdaptiveMaxPool: y overlaps x; give it memory of its own  [y (2, 3, 2, 3), x (2, 3, 2, 3)]");
    CHECK(error_of<shape_error>([&] {
              pool(xt::xarray<float>(std::vector<std::size_t>{3, 4}));
          }) == "nn::AdaptiveMaxPool: x has 2 axes, expected at least 3  [x (3, 4)]");
    AdaptiveMaxPool2d spoilt = pool;
    spoilt.options.output_size = 0;
    CHECK(said(spoilt, x, y) == "nn::AdaptiveMaxPool: output_size (0, 0), expected at least 1 along every axis");
    spoilt.options.output_size = index_t{1} << 40;
    CHECK(error_of<shape_error>([&] { spoilt(x); }) ==
          "nn::AdaptiveMaxPool: an array of shape (2, 3, 1099511627776, 1099511627776) is more than any memory holds");
    CHECK(identical(y, kept));
}

TEST_CASE("global_pool: what is wrong is said when it is called, and y is as it was") {
    Random random(248);
    const Tensor<float, 4> x({2, 3, 4, 6}, 1.0F);
    const auto kept = random_tensor<float, 2>(random, {2, 3});
    Tensor<float, 2> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& layer, const auto& input, auto&& output) {
        return error_of<shape_error>([&] { layer.forward_into(input, output, workspace); });
    };
    CHECK(said(GlobalMaxPool<2>{}, x, nn::contiguous(y.data(), Shape<2>{3, 2})) ==
          "nn::GlobalMaxPool: y (3, 2), expected (2, 3)  [x (2, 3, 4, 6)]");
    CHECK(said(GlobalAvgPool<2>{}, x, nn::contiguous(y.data(), Shape<2>{2, 2})) ==
          "nn::GlobalAvgPool: y (2, 2), expected (2, 3)  [x (2, 3, 4, 6)]");
    CHECK(said(GlobalAvgPool<2>{}, x, nn::View<float, 2>{y.data(), {2, 3}, {0, 1}}) ==
          "nn::GlobalAvgPool: y has stride 0 along axis 0, so that its elements share memory  [y (2, 3)]");
    CHECK(said(GlobalAvgPool<1>{}, nn::View<const float, 3>{y.data(), {2, 3, 1}, {3, 1, 0}}, y) ==
          "nn::GlobalAvgPool: y overlaps x; give it memory of its own  [y (2, 3), x (2, 3, 1)]");
    CHECK(error_of<shape_error>([&] {
              nn::global_max_pool<2>(xt::xarray<float>(std::vector<std::size_t>{3, 4}));
          }) == "nn::GlobalMaxPool: x has 2 axes, expected at least 3  [x (3, 4)]");
    CHECK(identical(y, kept));
}

// ---- shapes and types ----

TEST_CASE("adaptive_pool: the shape of an output is known beforehand") {
    CHECK(AdaptiveMaxPool2d({.output_size = {2, 3}}).output_shape(Shape<4>{0, 3, 5, 6}) == Shape<4>{0, 3, 2, 3});
    CHECK(AdaptiveMaxPool2d({.output_size = {2, 3}, .layout = Layout::channels_last}).output_shape(Shape<3>{5, 6, 7}) == Shape<3>{2, 3, 7});
    CHECK(GlobalMaxPool<2>{}.output_shape(Shape<4>{0, 3, 5, 6}) == Shape<2>{0, 3});
    CHECK(global<GlobalAvgPool<2>>(Layout::channels_last).output_shape(Shape<5>{4, 2, 5, 6, 7}) == Shape<3>{4, 2, 7});
}

TEST_CASE("adaptive_pool: is a value, takes every floating-point type and enough axes") {
    using nn::test::callable;
    using nn::test::forwards;
    static_assert(std::copyable<AdaptiveMaxPool2d> && !std::default_initializable<AdaptiveMaxPool2d> && !AdaptiveMaxPool2d::carries);
    static_assert(callable<AdaptiveMaxPool2d, const Tensor<float, 3>&> && !callable<AdaptiveMaxPool2d, const Tensor<float, 2>&>);
    static_assert(callable<AdaptiveMaxPool2d, const Tensor<long double, 3>&> && !callable<AdaptiveMaxPool2d, const Tensor<int, 3>&>);
    static_assert(forwards<AdaptiveMaxPool2d, const Tensor<float, 3>&, Tensor<float, 3>&>);
    static_assert(!forwards<AdaptiveMaxPool2d, const Tensor<float, 3>&, Tensor<double, 3>&>);
    using G = GlobalMaxPool<2>;
    static_assert(std::copyable<G> && std::default_initializable<G> && !G::carries);
    static_assert(callable<G, const Tensor<float, 3>&> && !callable<G, const Tensor<float, 2>&> && !callable<G, const Tensor<int, 3>&>);
    static_assert(forwards<G, const Tensor<float, 4>&, Tensor<float, 2>&> && !forwards<G, const Tensor<float, 4>&, Tensor<double, 2>&>);
    static_assert(std::same_as<decltype(std::declval<const G&>()(std::declval<const Tensor<float, 4>&>())), Tensor<float, 2>>);
    SUCCEED();
}
