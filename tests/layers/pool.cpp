// SPDX-License-Identifier: MIT
#include <nn/layers/pool.hpp>

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

#include <nn/layers/activations.hpp>

#include "support/naive.hpp"
#include "support/operands.hpp"

namespace {

using nn::AvgPool;
using nn::AvgPool2d;
using nn::index_t;
using nn::Layout;
using nn::MaxPool;
using nn::MaxPool1d;
using nn::MaxPool2d;
using nn::MinPool;
using nn::MinPool2d;
using nn::Pad;
using nn::PoolOptions;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::arange;
using nn::test::Arrangement;
using nn::test::callable;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::forwards;
using nn::test::identical;
using nn::test::joined;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

using Numbers = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

// ---- golden ----

TEST_CASE("pool: the literal values of Equinox's tests") {
    // equinox 0.13.8: tests/test_nn.py::test_avg_pool1d … test_max_pool3d. Its default stride is 1. Where its ceil mode keeps a last
    // window that begins in the padding PyTorch's, and ours, drops it; not so here.
    const Tensor<double, 2> line = arange<2>({1, 14});
    CHECK(values_of(nn::max_pool<1>(line, {.window = 2, .stride = 3})) == Numbers{1, 4, 7, 10, 13});
    CHECK(values_of(nn::max_pool<1>(line, {.window = 3, .stride = 3, .ceil_mode = true})) == Numbers{2, 5, 8, 11, 13});
    CHECK(values_of(nn::avg_pool<1>(line, {.window = 2, .stride = 3})) == Numbers{0.5, 3.5, 6.5, 9.5, 12.5});

    const Tensor<double, 3> image = arange<3>({1, 6, 6});
    CHECK(values_of(nn::max_pool<2>(image, {.window = 2, .stride = {3, 2}})) == Numbers{7, 9, 11, 25, 27, 29});
    CHECK(values_of(nn::max_pool<2>(image, {.window = 3, .stride = 2, .padding = 1, .ceil_mode = true})) ==
          Numbers{7, 9, 11, 11, 19, 21, 23, 23, 31, 33, 35, 35, 31, 33, 35, 35});
    CHECK(values_of(nn::avg_pool<2>(image, {.window = {1, 3}, .stride = 2})) == Numbers{1, 3, 13, 15, 25, 27});

    const Tensor<double, 4> volume = arange<4>({1, 4, 4, 4});
    CHECK(values_of(nn::max_pool<3>(volume, {.window = 2, .stride = {3, 2, 1}})) == Numbers{21, 22, 23, 29, 30, 31});
    CHECK(values_of(nn::max_pool<3>(volume, {.window = 3, .stride = 2, .padding = {0, 1, 1}, .ceil_mode = true})) ==
          Numbers{37, 39, 39, 45, 47, 47, 45, 47, 47, 53, 55, 55, 61, 63, 63, 61, 63, 63});
    CHECK(values_of(nn::avg_pool<3>(volume, {.window = {1, 3, 1}, .stride = 2})) == Numbers{4, 6, 36, 38});
    CHECK(shape_of(nn::max_pool<3>(volume, {.window = 2, .stride = 1, .padding = {{0, 1}, {0, 1}, {0, 1}}})) == Extents{1, 4, 4, 4});
}

TEST_CASE("pool: the numbers of Equinox's pools of two channels with unequal windows, strides and pads") {
    // equinox 0.13.8, jax 0.10.2 in float64:
    //     x = (7 * jnp.arange(60.0).reshape(2, 5, 6)) % 11 - 5
    //     eqx.nn.AvgPool2d((2, 3), (2, 2), 1)(x)     eqx.nn.MaxPool2d((2, 3), (2, 2), 1)(x)     eqx.nn.MaxPool2d(2, 1, ((0, 1), (1, 0)))(x)
    //     eqx.nn.Pool(jnp.inf, jax.lax.min, 2, (2, 3), (2, 2), ((1, 1), (1, 1)))(x)
    Tensor<double, 3> x = arange<3>({2, 5, 6});
    for (double& element : x) {
        element = std::fmod(7 * element, 11) - 5;
    }
    const PoolOptions<2> options{.window = {2, 3}, .stride = 2, .padding = 1, .count_padding = true};
    CHECK(nn::test::close(AvgPool2d(options)(x),
                          {-1. / 2, 5. / 6, 1. / 2, 2. / 3, 1. / 2, -1. / 6, -1. / 6, 1. / 6, -1. / 2, -1. / 6, -1. / 2, -5. / 6, 4. / 3,
                           -1. / 3, 5. / 6, -4. / 3, -2. / 3, 1. / 2},
                          1e-15));
    CHECK(values_of(MaxPool2d(options)(x)) == Numbers{2, 5, 5, 4, 5, 4, 5, 5, 4, 3, 3, 2, 5, 4, 5, 1, 4, 5});
    CHECK(values_of(MinPool2d(options)(x)) == Numbers{-5, -2, -3, -2, -4, -5, -4, -4, -5, -4, -5, -5, -1, -5, -4, -5, -5, -4});
    CHECK(values_of(nn::max_pool<2>(x, {.window = 2, .stride = 1, .padding = {{0, 1}, {1, 0}}})) ==
          Numbers{4, 4, 2, 5, 5, 1, 4, 4, 5, 5, 3, 4, 2, 2, 5, 5, 1, 4, 0, 5, 5, 3, 4, 4, -2, 5,  5, 1, 4, 4,
                  5, 5, 3, 4, 4, 2, 5, 5, 1, 4, 4, 5, 3, 3, 4, 4, 2, 5, 1, 1, 4, 4, 5, 5, -1, -1, 2, 2, 5, 5});
}

TEST_CASE("pool: the numbers of blox's pools") {
    // semantics.md 11: 4 x 4 of 0 … 15, channels last in blox; windows of 2 by 2, stride 2.
    const Tensor<double, 3> first = arange<3>({1, 4, 4});
    const Tensor<double, 3> last = arange<3>({4, 4, 1});
    const auto check = [&](PoolOptions<2> options, const Numbers& most, const Numbers& least, const Numbers& mean) {
        CHECK(values_of(MaxPool2d(options)(first)) == most);
        CHECK(values_of(MinPool2d(options)(first)) == least);
        CHECK(values_of(AvgPool2d(options)(first)) == mean);
        options.layout = Layout::channels_last;
        CHECK(values_of(MaxPool2d(options)(last)) == most);
        CHECK(values_of(MinPool2d(options)(last)) == least);
        CHECK(values_of(AvgPool2d(options)(last)) == mean);
    };
    check({.window = 2}, {5, 7, 13, 15}, {0, 2, 8, 10}, {2.5, 4.5, 10.5, 12.5});
    check({.window = 2, .padding = 1}, {0, 2, 3, 8, 10, 11, 12, 14, 15}, {0, 1, 3, 4, 5, 7, 12, 13, 15},
          {0, 1.5, 3, 6, 7.5, 9, 12, 13.5, 15});
    check({.window = 2, .padding = 1, .count_padding = true}, {0, 2, 3, 8, 10, 11, 12, 14, 15}, {0, 1, 3, 4, 5, 7, 12, 13, 15},
          {0, 0.75, 0.75, 3, 7.5, 4.5, 3, 6.75, 3.75});  // equinox.nn.AvgPool2d(2, 2, 1)
    check({.window = 3, .stride = 2, .padding = nn::same}, {10, 11, 14, 15}, {0, 2, 8, 10}, {5, 6.5, 11, 12.5});

    const Tensor<double, 3> ones({3, 5, 5}, 1.0);
    CHECK(identical(nn::avg_pool<2>(ones, {.window = 3, .stride = 1, .padding = nn::same}), ones));
    CHECK(identical(nn::avg_pool<2>(ones, {.window = 3, .stride = 1, .padding = 1}), ones));
    CHECK(identical(nn::min_pool<2>(-ones, {.window = 3, .stride = 1, .padding = nn::same}), Tensor<double, 3>(-ones)));
}

TEST_CASE("pool: a window of padding alone gives -inf, +inf and 0") {
    // semantics.md 11: [1, 2] with a window of 2 and pads (2, 0); blox's mean of nothing is NaN, brainstate's and Equinox's 0.
    const Tensor<double, 2> x{{1, 2}};
    const PoolOptions<1> options{.window = 2, .padding = {{2, 0}}};
    CHECK(values_of(nn::max_pool<1>(x, options)) == Numbers{-infinity, 2});
    CHECK(values_of(nn::min_pool<1>(x, options)) == Numbers{infinity, 1});
    CHECK(values_of(nn::avg_pool<1>(x, options)) == Numbers{0, 1.5});
    CHECK(values_of(nn::avg_pool<1>(x, {.window = 2, .padding = {{2, 0}}, .count_padding = true})) == Numbers{0, 1.5});
    // No cells at all.
    const Tensor<double, 2> none({1, 0});
    CHECK(values_of(nn::max_pool<1>(none, {.window = 2, .padding = 2})) == Numbers{-infinity, -infinity});
    CHECK(values_of(nn::min_pool<1>(none, {.window = 2, .padding = 2})) == Numbers{infinity, infinity});
    CHECK(values_of(nn::avg_pool<1>(none, {.window = 2, .padding = 2})) == Numbers{0, 0});
    CHECK(values_of(nn::avg_pool<1>(none, {.window = 2, .padding = 2, .count_padding = true})) == Numbers{0, 0});
}

TEST_CASE("pool: PyTorch's ceil mode, and what divides there") {
    // By the rule of torch.nn.AvgPool1d: M = ceil((L + 2p - K) / s) + 1, less one where the last window would begin at or past L + p. With
    // count_include_pad a window counts its cells up to L + p, so not those that only ceil_mode reaches.
    const Tensor<double, 2> x{{1, 2, 3, 4, 5, 6, 7}};
    CHECK(values_of(nn::max_pool<1>(x, {.window = 2, .stride = 3, .padding = 1, .ceil_mode = true})) == Numbers{1, 4, 7});
    CHECK(values_of(nn::max_pool<1>(x, {.window = 2, .stride = 4, .padding = 1, .ceil_mode = true})) ==
          Numbers{1, 5});  // 8 = L + p: dropped
    CHECK(values_of(nn::max_pool<1>(x, {.window = 2, .ceil_mode = true})) == Numbers{2, 4, 6, 7});
    CHECK(values_of(nn::max_pool<1>(x, {.window = 2, .ceil_mode = false})) == Numbers{2, 4, 6});
    CHECK(values_of(nn::avg_pool<1>(x, {.window = 2, .ceil_mode = true})) == Numbers{1.5, 3.5, 5.5, 7});
    CHECK(values_of(nn::avg_pool<1>(x, {.window = 2, .count_padding = true, .ceil_mode = true})) == Numbers{1.5, 3.5, 5.5, 7});
    CHECK(values_of(nn::avg_pool<1>(x, {.window = 4, .stride = 3, .padding = 1, .ceil_mode = true})) == Numbers{2, 4.5, 6.5});
    CHECK(values_of(nn::avg_pool<1>(x, {.window = 4, .stride = 3, .padding = 1, .count_padding = true, .ceil_mode = true})) ==
          Numbers{1.5, 4.5, 13.0 / 3});
    // A window longer than the axis fits nowhere, unless rounding up lets it.
    CHECK(values_of(nn::max_pool<1>(x, {.window = 8, .stride = 2, .ceil_mode = true})) == Numbers{7});
    CHECK(nn::max_pool<1>(x, {.window = 9, .stride = 2, .ceil_mode = true}).size() == 0);
    CHECK(nn::max_pool<1>(x, {.window = 8, .stride = 2}).size() == 0);
}

// ---- against the definition ----

namespace {

/// What a pool says of one axis, walked cell by cell: for each window the cells of the input under it, and how many places it counts with
/// `count_padding`.
struct NaiveWindow {
    std::vector<index_t> cells;
    index_t places = 0;
};
template <std::size_t N>
std::vector<NaiveWindow> naive_windows(const PoolOptions<N>& options, std::size_t axis, index_t length) {
    const index_t kernel = options.window[axis];
    const index_t stride = options.stride[axis] == 0 ? kernel : options.stride[axis];
    const Pad pad = nn::test::resolved(options.padding.rule(), options.padding[axis], length, kernel, stride, 1);
    const index_t padded = pad.before + length + pad.after;
    const double steps = static_cast<double>(padded - kernel) / static_cast<double>(stride);
    index_t windows = std::max<index_t>(static_cast<index_t>(std::floor(steps)) + 1, 0);
    const auto rounded_up = std::max<index_t>(static_cast<index_t>(std::ceil(steps)) + 1, 0);
    if (options.ceil_mode && rounded_up > windows && (rounded_up - 1) * stride < pad.before + length) {
        windows = rounded_up;
    }
    std::vector<NaiveWindow> result(static_cast<std::size_t>(windows));
    index_t start = 0;
    for (NaiveWindow& window : result) {
        for (index_t place = start; place < start + kernel; ++place) {
            if (place >= pad.before && place < pad.before + length) {
                window.cells.push_back(place - pad.before);
            }
            window.places += place < padded ? 1 : 0;
        }
        start += stride;
    }
    return result;
}

enum class Kind { max, min, avg };

struct NaivePool {
    nn::test::Dense y;
    nn::test::Dense bound;  ///< how far a result in a type of precision u = 1 may lie from it
};

template <std::size_t N>
NaivePool naive_pool(Kind kind, const PoolOptions<N>& options, const nn::test::Dense& x) {
    const std::size_t first = x.shape.size() - (options.layout == Layout::channels_last ? N + 1 : N);  // of the spatial axes
    std::array<std::vector<NaiveWindow>, N> windows;
    Extents shape = x.shape;
    for (std::size_t axis = 0; axis < N; ++axis) {
        windows[axis] = naive_windows(options, axis, x.shape[first + axis]);
        shape[first + axis] = static_cast<index_t>(windows[axis].size());
    }
    NaivePool result{nn::test::zeros(shape), nn::test::zeros(shape)};
    nn::test::for_each_index(shape, [&](const Extents& index) {
        std::array<const NaiveWindow*, N> window;
        Extents cells;
        index_t places = 1;
        for (std::size_t axis = 0; axis < N; ++axis) {
            window[axis] = &windows[axis][static_cast<std::size_t>(index[first + axis])];
            cells.push_back(static_cast<index_t>(window[axis]->cells.size()));
            places *= window[axis]->places;
        }
        long double most = -std::numeric_limits<long double>::infinity();
        long double least = -most;
        long double sum = 0;
        long double magnitude = 0;
        Extents from = index;
        nn::test::for_each_index(cells, [&](const Extents& tap) {
            for (std::size_t axis = 0; axis < N; ++axis) {
                from[first + axis] = window[axis]->cells[static_cast<std::size_t>(tap[axis])];
            }
            const long double value = x.at(from);
            most = std::max(most, value);
            least = std::min(least, value);
            sum += value;
            magnitude += std::abs(value);
        });
        const index_t existing = nn::test::count_of(cells);
        const auto divisor = static_cast<long double>(std::max<index_t>(options.count_padding ? places : existing, 1));
        result.y.at(index) = kind == Kind::max ? most : kind == Kind::min ? least : sum / divisor;
        // n − 1 additions and a division, each rounded once; one for the reference.
        result.bound.at(index) = kind == Kind::avg ? static_cast<long double>(existing + 1) * magnitude / divisor : 0;
    });
    return result;
}

template <std::size_t N>
PoolOptions<N> random_options(Random& random) {
    PoolOptions<N> options;
    std::array<index_t, N> window;
    std::array<index_t, N> stride;
    std::array<Pad, N> pads;
    for (std::size_t axis = 0; axis < N; ++axis) {
        window[axis] = random.integer(1, 4);
        stride[axis] = random.integer(0, 4);
        pads[axis] = Pad(random.integer(0, 3), random.integer(0, 3));
    }
    options.window = window;
    options.stride = random.chance(0.3) ? nn::PerAxis<N>(0) : nn::PerAxis<N>(stride);
    switch (random.integer(0, 6)) {
        case 0: options.padding = nn::same; break;
        case 1: options.padding = nn::same_lower; break;
        case 2: options.padding = nn::valid; break;
        case 3: options.padding = nn::half_padding; break;
        case 4: options.padding = 0; break;
        default: options.padding = pads; break;
    }
    options.count_padding = random.chance(0.5);
    options.ceil_mode = random.chance(0.5);
    options.layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first;
    return options;
}

template <class T, std::size_t N, std::size_t Leading, class Pool>
void check_against_naive(Random& random, Kind kind) {
    const PoolOptions<N> options = random_options<N>(random);
    Extents shape;
    for (std::size_t axis = 0; axis < Leading; ++axis) {
        shape.push_back(random.integer(0, 3));
    }
    Extents spatial;
    for (std::size_t axis = 0; axis < N; ++axis) {
        spatial.push_back(random.chance(0.1) ? 0 : random.integer(1, N == 3 ? 6 : 11));
    }
    const index_t channels = random.chance(0.05) ? 0 : random.integer(1, 4);
    shape = joined(shape, options.layout == Layout::channels_last ? joined(spatial, {channels}) : joined({channels}, spatial));
    Strided<T> x(shape, Arrangement::any(random, N + 1 + Leading, true));
    x.fill(random);
    const NaivePool expected = naive_pool(kind, options, nn::test::dense(x));
    Strided<T> y(expected.y.shape, Arrangement::any(random, N + 1 + Leading, false));
    CAPTURE(static_cast<int>(kind), shape, options.window.values(), options.stride.values(), static_cast<int>(options.padding.rule()),
            options.count_padding, options.ceil_mode, options.layout == Layout::channels_last, x.strides(), y.strides());
    const Pool pool(options);
    CHECK(joined({}, [&] {
              const auto known = pool.output_shape(nn::test::fixed<N + 1 + Leading>(shape));
              return Extents(known.begin(), known.end());
          }()) == expected.y.shape);
    Workspace workspace;
    pool.forward_into(std::as_const(x).template view<N + 1 + Leading>(), y.template view<N + 1 + Leading>(), workspace);
    CHECK(y.intact());
    const std::vector<T> values = y.values();
    const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.01L;
    bool within = values.size() == expected.y.values.size();
    for (std::size_t i = 0; within && i < values.size(); ++i) {
        const auto value = static_cast<long double>(values[i]);
        within = value == expected.y.values[i] || std::abs(value - expected.y.values[i]) <= u * expected.bound.values[i];
    }
    CHECK(within);
}

}  // namespace

TEST_CASE("pool: every window, stride, padding, ceil_mode, divisor and layout against the definition") {
    Random random(40);
    for (int i = 0; i < 250; ++i) {
        check_against_naive<float, 1, 0, MaxPool<1>>(random, Kind::max);
        check_against_naive<double, 1, 2, MinPool<1>>(random, Kind::min);
        check_against_naive<float, 1, 1, AvgPool<1>>(random, Kind::avg);
        check_against_naive<double, 2, 0, MaxPool<2>>(random, Kind::max);
        check_against_naive<float, 2, 1, MinPool<2>>(random, Kind::min);
        check_against_naive<float, 2, 2, AvgPool<2>>(random, Kind::avg);
        check_against_naive<double, 2, 1, AvgPool<2>>(random, Kind::avg);
        check_against_naive<float, 3, 1, MaxPool<3>>(random, Kind::max);
        check_against_naive<float, 3, 0, AvgPool<3>>(random, Kind::avg);
    }
}

TEST_CASE("pool: along one axis, every length, window, stride and pad there is") {
    for (index_t length = 0; length <= 7; ++length) {
        const Tensor<double, 2> x = arange<2>({1, length});
        const nn::test::Dense cells{{1, length}, {x.begin(), x.end()}};
        for (index_t window = 1; window <= 5; ++window) {
            for (index_t stride = 0; stride <= 6; ++stride) {
                for (index_t pads = 0; pads < 16; ++pads) {
                    for (const bool ceil_mode : {false, true}) {
                        const PoolOptions<1> options{.window = window,
                                                     .stride = stride,
                                                     .padding = Pad(pads / 4, pads % 4),
                                                     .count_padding = (pads + stride) % 2 == 0,
                                                     .ceil_mode = ceil_mode};
                        const auto equal = [&](Kind kind, const auto& y) {
                            const NaivePool expected = naive_pool(kind, options, cells);
                            bool same = shape_of(y) == expected.y.shape;
                            for (std::size_t i = 0; same && i < y.size(); ++i) {  // integers; a quotient is rounded twice at most
                                const auto value = static_cast<double>(expected.y.values[i]);
                                same = y(0, i) == value || std::abs(y(0, i) - value) <= 1e-15 * std::abs(value);
                            }
                            return same;
                        };
                        const bool same = equal(Kind::max, nn::max_pool<1>(x, options)) && equal(Kind::min, nn::min_pool<1>(x, options)) &&
                                          equal(Kind::avg, nn::avg_pool<1>(x, options));
                        if (!same) {
                            CAPTURE(length, window, stride, pads, ceil_mode);
                            CHECK(same);
                        }
                    }
                }
            }
        }
    }
    SUCCEED();
}

// ---- operands and batch ----

TEST_CASE("pool: every kind of operand gives the same bits, and items do not see each other") {
    Random random(41);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const PoolOptions<2> options{.window = {3, 2}, .stride = {1, 2}, .padding = {{1, 0}, {0, 2}}, .ceil_mode = true, .layout = layout};
        nn::test::check_operands(random, MaxPool2d(options), random_tensor<float, 3>(random, {4, 5, 6}));
        nn::test::check_operands(random, MinPool2d(options), random_tensor<double, 4>(random, {2, 4, 5, 6}));
        nn::test::check_operands(random, AvgPool2d(options), random_tensor<float, 4>(random, {2, 5, 4, 3}));
        nn::test::check_operands(random, nn::AvgPool1d({.window = 3, .stride = 2, .layout = layout}),
                                 random_tensor<float, 3>(random, {3, 7, 8}));
        nn::test::check_items(MaxPool2d(options), random_tensor<float, 4>(random, {6, 3, 5, 4}));
        nn::test::check_items(AvgPool2d(options), random_tensor<float, 4>(random, {6, 3, 5, 4}));
        nn::test::check_items(nn::AvgPool3d({.window = 2, .padding = 1, .layout = layout}),
                              random_tensor<double, 5>(random, {3, 2, 4, 3, 5}));
    }
}

TEST_CASE("pool: both layouts give the same bits") {
    Random random(42);
    const auto x = random_tensor<float, 4>(random, {2, 3, 7, 8});
    for (int i = 0; i < 40; ++i) {
        PoolOptions<2> options = random_options<2>(random);
        options.layout = Layout::channels_first;
        PoolOptions<2> last = options;
        last.layout = Layout::channels_last;
        const auto same = [&](const auto& a, const auto& b) {
            return identical(a(x), xt::transpose(b(xt::transpose(x, {0, 2, 3, 1})), {0, 3, 1, 2}));
        };
        CHECK(same(AvgPool2d(options), AvgPool2d(last)));
        CHECK(same(MaxPool2d(options), MaxPool2d(last)));
    }
}

// ---- properties ----

TEST_CASE("pool: a window of one cell picks cells") {
    Random random(43);
    const auto x = random_tensor<float, 4>(random, {2, 3, 7, 8});
    CHECK(identical(nn::max_pool<2>(x, {.window = 1}), x));
    CHECK(identical(nn::min_pool<2>(x, {.window = 1}), x));
    CHECK(identical(nn::avg_pool<2>(x, {.window = 1}), x));
    const auto picked = xt::view(x, xt::all(), xt::all(), xt::range(0, 7, 3), xt::range(0, 8, 2));
    CHECK(identical(nn::max_pool<2>(x, {.window = 1, .stride = {3, 2}}), picked));
    CHECK(identical(nn::avg_pool<2>(x, {.window = 1, .stride = {3, 2}}), picked));
}

TEST_CASE("pool: least <= mean <= most, the least is the greatest of the opposites, and what grows commutes with it") {
    Random random(44);
    const auto x = random_tensor<double, 3>(random, {3, 9, 8});
    for (int i = 0; i < 40; ++i) {
        PoolOptions<2> options = random_options<2>(random);
        options.count_padding = false;
        const Tensor<double, 3> most = nn::max_pool<2>(x, options);
        const Tensor<double, 3> least = nn::min_pool<2>(x, options);
        const Tensor<double, 3> mean = nn::avg_pool<2>(x, options);
        bool ordered = true;
        for (std::size_t j = 0; j < most.size(); ++j) {
            const double low = least.data()[j];
            ordered = ordered && (low == infinity || (low - 1e-15 <= mean.data()[j] && mean.data()[j] <= most.data()[j] + 1e-15));
        }
        CHECK(ordered);
        CHECK(identical(nn::max_pool<2>(-x, options), Tensor<double, 3>(-least)));
        options.padding = 0;  // so that no window is empty
        CHECK(identical(nn::relu(nn::max_pool<2>(x, options)), nn::max_pool<2>(nn::relu(x), options)));
    }
}

TEST_CASE("pool: the mean is linear, and the mean of a constant is the constant") {
    Random random(45);
    const PoolOptions<2> options{.window = 3, .stride = 2, .padding = 1};
    const auto x = random_tensor<float, 3>(random, {2, 9, 8});
    CHECK(identical(nn::avg_pool<2>(-4.0F * x, options), Tensor<float, 3>(-4.0F * nn::avg_pool<2>(x, options))));
    const Tensor<float, 3> seven({2, 9, 8}, 7.0F);
    CHECK(values_of(nn::avg_pool<2>(seven, options)) == std::vector<float>(2 * 5 * 4, 7.0F));
    // Over everything: the mean of all cells.
    CHECK(values_of(nn::avg_pool<2>(arange<3>({2, 9, 8}), {.window = {9, 8}})) == Numbers{35.5, 107.5});
    // With a window of four and pads of one, a corner holds nine of sixteen places.
    const Tensor<double, 3> sixteen({1, 4, 4}, 16.0);
    CHECK(nn::avg_pool<2>(sixteen, {.window = 4, .stride = 1, .padding = 1, .count_padding = true})(0, 0, 0) == 9.0);
}

TEST_CASE("pool: a NaN under a window is its answer, and no other's") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
        Tensor<float, 2> x{{1, 2, 3, 4, 5, 6}};
        x(0, at) = nan;
        const PoolOptions<1> options{.window = 3};
        for (const Tensor<float, 2>& y : {nn::max_pool<1>(x, options), nn::min_pool<1>(x, options), nn::avg_pool<1>(x, options)}) {
            CHECK(std::isnan(y(0, 0)));
            CHECK((y(0, 1) >= 4 && y(0, 1) <= 6));
        }
    }
    const float inf = std::numeric_limits<float>::infinity();
    const Tensor<float, 2> infinite{{-inf, -inf, inf, 1}};
    CHECK(values_of(nn::max_pool<1>(infinite, {.window = 2})) == std::vector<float>{-inf, inf});
    CHECK(values_of(nn::min_pool<1>(infinite, {.window = 2})) == std::vector<float>{-inf, 1});
    CHECK(values_of(nn::avg_pool<1>(infinite, {.window = 2})) == std::vector<float>{-inf, inf});
}

// ---- errors ----

TEST_CASE("pool: what is wrong is said when the layer is made") {
    const auto made = [](const PoolOptions<2>& options) { return error_of<std::invalid_argument>([&] { MaxPool2d{options}; }); };
    CHECK(made({.window = {2, 0}}) == "nn::MaxPool: window (2, 0), expected at least 1 along every axis");
    CHECK(made({.window = -1}) == "nn::MaxPool: window (-1, -1), expected at least 1 along every axis");
    CHECK(made({.window = 2, .stride = {1, -2}}) ==
          "nn::MaxPool: stride (1, -2), expected at least 1 along every axis, or 0 for the window");
    CHECK(made({.window = 2, .padding = {{0, 1}, {2, -1}}}) == "nn::MaxPool: padding (2, -1) of axis 1 is negative");
    CHECK(made({.window = 2, .padding = -1}) == "nn::MaxPool: padding (-1, -1) of axis 0 is negative");
    CHECK(error_of<std::invalid_argument>([] { MinPool2d({.window = 0}); }) ==
          "nn::MinPool: window (0, 0), expected at least 1 along every axis");
    CHECK(error_of<std::invalid_argument>([] { nn::AvgPool1d({.window = 0}); }) ==
          "nn::AvgPool: window (0,), expected at least 1 along every axis");
    CHECK(error_of<std::invalid_argument>([] {
              nn::avg_pool<1>(Tensor<float, 2>({1, 4}, 0.0F), {.window = 0});
          }) == "nn::AvgPool: window (0,), expected at least 1 along every axis");
}

TEST_CASE("pool: what is wrong is said when it is called, and y is as it was") {
    Random random(46);
    const MaxPool2d pool({.window = 2});
    const Tensor<float, 4> x({2, 3, 4, 6}, 1.0F);
    const auto kept = random_tensor<float, 4>(random, {2, 3, 2, 3});
    Tensor<float, 4> y = kept;
    Workspace workspace;
    const auto said = [&](const MaxPool2d& layer, const auto& input, auto&& output) {
        return error_of<std::invalid_argument>([&] { layer.forward_into(input, output, workspace); });
    };
    CHECK(said(pool, x, nn::contiguous(y.data(), Shape<4>{2, 3, 3, 2})) ==
          "nn::MaxPool: y (2, 3, 3, 2), expected (2, 3, 2, 3)  [x (2, 3, 4, 6)]");
    CHECK(said(pool, x, nn::contiguous(y.data(), Shape<4>{3, 2, 2, 3})) ==
          "nn::MaxPool: y (3, 2, 2, 3), expected (2, 3, 2, 3)  [x (2, 3, 4, 6)]");
    CHECK(said(pool, x, nn::View<float, 4>{y.data(), {2, 3, 2, 3}, {18, 6, 0, 1}}) ==
          "nn::MaxPool: y has stride 0 along axis 2, so that its elements share memory  [y (2, 3, 2, 3)]");
    CHECK(said(pool, nn::View<const float, 4>{y.data(), {2, 3, 4, 6}, {0, 0, 6, 1}}, y) ==
          "nn::MaxPool: y overlaps x; give it memory of its own  [y (2, 3, 2, 3), x (2, 3, 4, 6)]");
    const MaxPool2d unit({.window = 1});
    CHECK(said(unit, y, y) == "nn::MaxPool: y overlaps x; give it memory of its own  [y (2, 3, 2, 3), x (2, 3, 2, 3)]");
    CHECK(error_of<shape_error>([&] {
              pool(xt::xarray<float>(std::vector<std::size_t>{3, 4}));
          }) == "nn::MaxPool: x has 2 axes, expected at least 3  [x (3, 4)]");

    MaxPool2d spoilt = pool;
    spoilt.options.window = 0;
    CHECK(said(spoilt, x, y) == "nn::MaxPool: window (0, 0), expected at least 1 along every axis");
    spoilt = pool;
    spoilt.options.stride = -1;
    CHECK(said(spoilt, x, y) == "nn::MaxPool: stride (-1, -1), expected at least 1 along every axis, or 0 for the window");
    CHECK(error_of<std::invalid_argument>([&] {
              (void)spoilt.output_shape(Shape<3>{1, 4, 4});
          }) == "nn::MaxPool: stride (-1, -1), expected at least 1 along every axis, or 0 for the window");
    spoilt = pool;
    spoilt.options.padding = -1;
    CHECK(said(spoilt, x, y) == "nn::MaxPool: padding (-1, -1) of axis 0 is negative");
    CHECK(identical(y, kept));

    const MaxPool2d wide({.window = 1, .padding = index_t{1} << 40});
    CHECK(error_of<shape_error>([&] {
              wide(Tensor<float, 3>({1, 1, 1}, 0.0F));
          }) == "nn::MaxPool: an array of shape (1, 2199023255553, 2199023255553) is more than any memory holds");
}

TEST_CASE("pool: numbers as large as there are do not overflow") {
    const index_t huge = nn::max_length;
    const Tensor<float, 2> x{{1, 2, 3}};
    CHECK(nn::max_pool<1>(x, {.window = huge}).size() == 0);
    CHECK(values_of(nn::max_pool<1>(x, {.window = 2, .stride = huge})) == std::vector<float>{2});
    CHECK(values_of(nn::max_pool<1>(x, {.window = 3, .stride = huge, .ceil_mode = true})) == std::vector<float>{3});
    CHECK(values_of(nn::max_pool<1>(x, {.window = 2, .stride = huge, .ceil_mode = true})) == std::vector<float>{2});
    CHECK(!error_of<shape_error>([&] { nn::max_pool<1>(x, {.window = 1, .padding = huge}); }).empty());
    CHECK(values_of(nn::max_pool<1>(x, {.window = huge, .padding = nn::same})) == std::vector<float>{3});
}

// ---- shapes and types ----

TEST_CASE("pool: the shape of an output is known beforehand") {
    CHECK(MaxPool2d({.window = 2}).output_shape(Shape<3>{3, 5, 6}) == Shape<3>{3, 2, 3});
    CHECK(MaxPool2d({.window = 2, .layout = Layout::channels_last}).output_shape(Shape<4>{7, 5, 6, 3}) == Shape<4>{7, 2, 3, 3});
    CHECK(MaxPool1d({.window = 3, .stride = 1, .padding = nn::same}).output_shape(Shape<4>{2, 0, 3, 9}) == Shape<4>{2, 0, 3, 9});
    CHECK(shape_of(nn::avg_pool<2>(Tensor<float, 4>({0, 3, 5, 6}), {.window = 2})) == Extents{0, 3, 2, 3});
    CHECK(shape_of(nn::avg_pool<2>(Tensor<float, 4>({2, 0, 5, 6}), {.window = 2})) == Extents{2, 0, 2, 3});
    CHECK(shape_of(nn::avg_pool<2>(Tensor<float, 4>({2, 3, 0, 6}), {.window = 2})) == Extents{2, 3, 0, 3});
}

TEST_CASE("pool: is a value, takes every floating-point type and one axis more than it slides over") {
    static_assert(std::copyable<MaxPool2d> && !std::default_initializable<MaxPool2d> && !MaxPool2d::carries);
    static_assert(std::same_as<nn::MaxPool3d, MaxPool<3>> && std::same_as<nn::MinPool1d, MinPool<1>> &&
                  std::same_as<nn::AvgPool3d, AvgPool<3>>);
    static_assert(callable<MaxPool2d, const Tensor<float, 3>&> && !callable<MaxPool2d, const Tensor<float, 2>&>);
    static_assert(callable<MaxPool2d, const Tensor<double, 3>&> && callable<MaxPool2d, const Tensor<long double, 3>&>);
    static_assert(!callable<MaxPool2d, const Tensor<int, 3>&> && callable<MaxPool2d, const xt::xarray<float>&>);
    static_assert(forwards<MaxPool2d, const Tensor<float, 3>&, Tensor<float, 3>&>);
    static_assert(!forwards<MaxPool2d, const Tensor<float, 3>&, Tensor<double, 3>&>);
    static_assert(!forwards<MaxPool2d, const Tensor<float, 3>&, const Tensor<float, 3>&>);
    static_assert(!forwards<MaxPool2d, decltype(2.0F * std::declval<const Tensor<float, 3>&>()), Tensor<float, 3>&>);
    CHECK(values_of(nn::avg_pool<1>(Tensor<long double, 2>{{1, 2}}, {.window = 2})) == std::vector<long double>{1.5L});
}
