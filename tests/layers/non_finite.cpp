// SPDX-License-Identifier: MIT
// NaN and infinity go through every layer as they go through JAX, Equinox and blox: non_finite_expected.txt, by
// tests/reference/generate.py. A line is a name, the arrays that go in, x last, and y.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/tensors.hpp"

namespace {

using nn::freeze;
using nn::index_t;
using nn::Tensor;
using nn::test::dense;
using nn::test::Extents;
using nn::test::filled;
using nn::test::naive_conv;
using nn::test::noise;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::values_of;

/// The arrays of a line, one after another. `std::stod` reads nan and inf, streams do not.
class Line {
public:
    explicit Line(const std::string& text) : words_(text) { words_ >> name; }

    std::string name;

    template <class T, std::size_t R>
    Tensor<T, R> array() {
        const auto rank = static_cast<std::size_t>(number());
        REQUIRE(rank == R);
        nn::Shape<R> shape{};
        for (index_t& extent : shape) {
            extent = static_cast<index_t>(number());
        }
        Tensor<T, R> result = nn::make_tensor<T, R>(shape);
        for (T& element : result) {
            element = static_cast<T>(number());
        }
        return result;
    }
    bool ended() { return (words_ >> std::ws).eof(); }

private:
    double number() {
        std::string word;
        words_ >> word;
        return std::stod(word);
    }

    std::istringstream words_;
};

/// NaN where NaN is expected, the same infinity where one is, and else near it: finite numbers have golden files of their own.
template <class Y>
bool alike(const Y& y, const Y& expected) {
    using T = typename Y::value_type;
    const auto same = [](T a, T b) {
        if (std::isnan(b)) {
            return std::isnan(a);
        }
        return a == b || (std::isfinite(b) && std::abs(a - b) <= T(1e-5) * (1 + std::abs(b)));
    };
    return shape_of(y) == shape_of(expected) && std::equal(y.begin(), y.end(), expected.begin(), same);
}

/// That a layer gives what is expected, called, with its batch in one, and frozen for exact answers.
template <class L, class X, class Y>
void check(const L& layer, const X& x, const Y& expected) {
    CHECK(alike(Y(layer(x)), expected));
    CHECK(alike(Y(freeze(layer, {.algorithm = nn::ConvAlgorithm::exact})(x)), expected));
}

template <class T>
Tensor<T, 2> as_row(const Tensor<T, 1>& line) {
    Tensor<T, 2> row = nn::make_tensor<T, 2>({1, static_cast<index_t>(line.size())});
    std::copy(line.begin(), line.end(), row.begin());
    return row;
}

/// A case without parameters, x of R axes.
template <class T, std::size_t R>
auto plain(const auto& layer) {
    return [layer](Line& line) {
        const auto x = line.array<T, R>();
        check(layer, x, line.array<T, R>());
    };
}

/// A convolution of these options in both layouts.
template <class T, std::size_t N, template <class, std::size_t> class Layer>
auto convolved(const auto& options) {
    return [options](Line& line) {
        const auto weight = line.array<T, N + 2>();
        const auto bias = line.array<T, 1>();
        const auto x = line.array<T, N + 2>();
        const auto expected = line.array<T, N + 2>();
        check(Layer<T, N>(options, weight, bias), x, expected);
        auto last = options;
        last.layout = nn::Layout::channels_last;
        const auto turned = [](const Tensor<T, N + 2>& array) {  // channels to the end
            std::array<std::size_t, N + 2> order{};
            for (std::size_t axis = 0; axis < N; ++axis) {
                order[axis + 1] = axis + 2;
            }
            order[N + 1] = 1;
            return Tensor<T, N + 2>(nn::identity(nn::permuted(nn::view_of(array), order)));
        };
        check(Layer<T, N>(last, weight, bias), turned(x), turned(expected));
    };
}

template <class T, template <class> class Cell>
auto recurrent(Line& line) {
    const auto weight_ih = line.array<T, 2>();
    const auto weight_hh = line.array<T, 2>();
    const auto bias = line.array<T, 1>();
    const auto layer = [&] {
        if constexpr (std::is_same_v<Cell<T>, nn::GRU<T>>) {
            return nn::GRU<T>({.input_size = 1, .hidden_size = 3}, weight_ih, weight_hh, bias, line.array<T, 1>());
        } else {
            return Cell<T>({.input_size = 1, .hidden_size = 3}, weight_ih, weight_hh, bias);
        }
    }();
    const auto steps = line.array<T, 1>();
    Tensor<T, 2> x = nn::make_tensor<T, 2>({static_cast<index_t>(steps.size()), 1});
    std::copy(steps.begin(), steps.end(), x.begin());
    check(layer, x, line.array<T, 2>());
}

template <class T>
void batch_norm(Line& line, bool training) {
    const nn::BatchNorm0d<T> norm({.size = 4, .unbiased_running_var = false});
    auto state = norm.initial_state();
    (void)norm(Tensor<T, 2>{{1, 2, 3, 4}, {3, 5, 7, 9}}, state, nn::training());
    const auto x = line.array<T, 2>();
    const auto expected = line.array<T, 2>();
    if (training) {
        CHECK(alike(norm(x, state, nn::training()), expected));
    } else {
        CHECK(alike(norm(x, state), expected));
        CHECK(alike(Tensor<T, 2>(freeze(norm, state)(x)), expected));
    }
    CHECK(alike(state.running_mean, line.array<T, 1>()));
    CHECK(alike(state.running_var, line.array<T, 1>()));
}

template <class T>
std::map<std::string, std::function<void(Line&)>> cases() {
    const auto pooled = [](const auto& pool) {
        return [pool](Line& line) {
            const auto x = line.array<T, 1>();
            check(pool, as_row(x), as_row(line.array<T, 1>()));
        };
    };
    const auto normed = [](const auto& made) {
        return [made](Line& line) {
            auto norm = made();
            norm.weight = line.array<T, 1>();
            if (norm.options.use_bias) {
                norm.bias = line.array<T, 1>();
            }
            const auto x = line.array<T, 2>();
            check(norm, x, line.array<T, 2>());
        };
    };
    const nn::PoolOptions<1> window{.window = 3, .stride = 1, .padding = 1};
    std::map<std::string, std::function<void(Line&)>> all{
        {"max_pool", pooled(nn::MaxPool1d(window))},
        {"min_pool", pooled(nn::MinPool1d(window))},
        {"avg_pool", pooled(nn::AvgPool1d(window))},
        {"softmax", plain<T, 2>(nn::softmax)},
        {"log_softmax", plain<T, 2>(nn::log_softmax)},
        {"adaptive_max", plain<T, 2>(nn::AdaptiveMaxPool1d({.output_size = 2}))},
        {"adaptive_avg", plain<T, 2>(nn::AdaptiveAvgPool1d({.output_size = 2}))},
        {"layer_norm", normed([] { return nn::LayerNorm<T>({.shape = 4}); })},
        {"rms_norm", normed([] { return nn::RMSNorm<T>({.shape = 4}); })},
        {"group_norm", normed([] { return nn::GroupNorm<T, 0>({.groups = 2, .channels = 4}); })},
        {"linear",
         [](Line& line) {
             const auto weight = line.array<T, 2>();
             const nn::Linear<T> linear({.in_features = 4, .out_features = 3}, weight, line.array<T, 1>());
             const auto x = line.array<T, 2>();
             check(linear, x, line.array<T, 2>());
         }},
        {"conv", convolved<T, 1, nn::Conv>(nn::ConvOptions<1>{.in_channels = 1, .out_channels = 2, .kernel_size = 3, .padding = 1})},
        {"conv_dilated", convolved<T, 1, nn::Conv>(nn::ConvOptions<1>{
                             .in_channels = 1, .out_channels = 2, .kernel_size = 3, .stride = 2, .padding = 1, .dilation = 2})},
        {"conv_grouped",
         convolved<T, 1, nn::Conv>(nn::ConvOptions<1>{.in_channels = 6, .out_channels = 6, .kernel_size = 2, .groups = 3})},
        {"conv_depthwise",
         convolved<T, 1, nn::Conv>(nn::ConvOptions<1>{.in_channels = 6, .out_channels = 6, .kernel_size = 3, .padding = 1, .groups = 6})},
        {"conv_2d", convolved<T, 2, nn::Conv>(nn::ConvOptions<2>{.in_channels = 2, .out_channels = 3, .kernel_size = 2, .padding = 1})},
        {"conv_transpose", convolved<T, 1, nn::ConvTranspose>(
                               nn::ConvTransposeOptions<1>{.in_channels = 1, .out_channels = 2, .kernel_size = 3, .stride = 2})},
        {"embed",
         [](Line& line) {
             const nn::Embed<T> embed({.num_embeddings = 6, .embedding_size = 3}, line.array<T, 2>());
             const auto numbers = line.array<T, 1>();
             Tensor<int, 1> x = nn::make_tensor<int, 1>(nn::extents_of(numbers));
             std::transform(numbers.begin(), numbers.end(), x.begin(), [](T number) { return static_cast<int>(number); });
             CHECK(alike(embed(x), line.array<T, 2>()));
         }},
        {"lstm", recurrent<T, nn::LSTM>},
        {"gru", recurrent<T, nn::GRU>},
    };
    for (const std::string part : {"_0", "_1", "_2"}) {
        all["batch_norm_inference" + part] = [](Line& line) { batch_norm<T>(line, false); };
        all["batch_norm_training" + part] = [](Line& line) { batch_norm<T>(line, true); };
    }
    return all;
}

template <class T>
void check_all() {
    const auto known = cases<T>();
    const auto lines = nn::test::golden_lines("layers/non_finite_expected.txt");
    CHECK(lines.size() == 30);
    std::map<std::string, int> seen;
    for (const std::string& text : lines) {
        Line line(text);
        CAPTURE(line.name);
        REQUIRE(known.contains(line.name));
        known.at(line.name)(line);
        CHECK(line.ended());
        ++seen[line.name];
    }
    CHECK(seen.size() == known.size());
}

}  // namespace

TEST_CASE("NaN and infinity go through every layer of doubles as through JAX, Equinox and blox") { check_all<double>(); }
TEST_CASE("NaN and infinity go through every layer of floats as through JAX, Equinox and blox") { check_all<float>(); }

TEST_CASE("NaN and infinity in LocalResponseNorm reach the channels whose window they are in") {
    // Derived: y_c = x_c / (k + α Σ x²)^β over channels c − 2 … c + 2. Beside an infinity the sum is infinite, and x / ∞ = 0.
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    const nn::LocalResponseNorm<double, 0> norm({.alpha = 1, .beta = 0.75, .k = 2});
    const auto of = [](double x, double squares) { return x / std::pow(2 + squares, 0.75); };
    const Tensor<double, 1> x{1, 2, 3, nan, 4, 5, 6, 7};
    CHECK(alike(norm(x), Tensor<double, 1>{of(1, 14), nan, nan, nan, nan, nan, of(6, 126), of(7, 110)}));
    const Tensor<double, 1> y{1, 2, 3, -infinity, 4, 5, 6, 7};
    CHECK(alike(norm(y), Tensor<double, 1>{of(1, 14), 0, 0, nan, 0, 0, of(6, 126), of(7, 110)}));
}

TEST_CASE("NaN in CausalConv1d reaches the steps whose window it is in") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const nn::CausalConv1d<double> conv({.in_channels = 1, .out_channels = 1, .kernel_size = 2, .use_bias = false},
                                        Tensor<double, 3>{{{0, 1}}});
    auto state = conv.initial_state(1);
    const Tensor<double, 3> x{{{1}, {nan}, {3}, {4}}};
    CHECK(alike(conv(x, state), Tensor<double, 3>{{{1}, {nan}, {nan}, {4}}}));  // 0 · NaN is NaN
}

TEMPLATE_TEST_CASE("NaN and infinity in products of many channels reach the sums that they are a term of", "[non_finite]", float, double) {
    using T = TestType;
    Random random(1);
    const T infinity = std::numeric_limits<T>::infinity();
    for (const nn::Layout layout : {nn::Layout::channels_first, nn::Layout::channels_last}) {
        for (const index_t kernel : {1, 3}) {
            for (const index_t stride : {1, 2}) {
                for (const T value : {std::numeric_limits<T>::quiet_NaN(), infinity, -infinity}) {
                    const nn::ConvOptions<2> options{.in_channels = 20,
                                                     .out_channels = 21,
                                                     .kernel_size = kernel,
                                                     .stride = stride,
                                                     .padding = kernel / 2,
                                                     .layout = layout};
                    const auto conv = filled(random, nn::Conv2d<T>(options, nn::no_init));
                    const bool last = layout == nn::Layout::channels_last;
                    auto x = random_tensor<T, 4>(random, last ? nn::Shape<4>{2, 5, 6, 20} : nn::Shape<4>{2, 20, 5, 6});
                    (last ? x(1, 2, 4, 7) : x(1, 7, 2, 4)) = value;
                    const auto sums = naive_conv(options, dense(x), dense(conv.weight), dense(*conv.bias), std::nullopt).y;
                    Tensor<T, 4> expected = conv(x);
                    REQUIRE(shape_of(expected) == sums.shape);
                    std::copy(sums.values.begin(), sums.values.end(), expected.begin());
                    CHECK(std::any_of(expected.begin(), expected.end(), [](T y) { return !std::isfinite(y); }));
                    check(conv, x, expected);
                }
            }
        }
    }
    const auto linear = filled(random, nn::Linear<T>({.in_features = 67, .out_features = 35}, nn::no_init));
    auto rows = random_tensor<T, 2>(random, {7, 67});
    const auto clean = linear(rows);
    rows(3, 66) = std::numeric_limits<T>::quiet_NaN();
    Tensor<T, 2> expected = clean;
    xt::view(expected, 3, xt::all()) = std::numeric_limits<T>::quiet_NaN();
    check(linear, rows, expected);
}

namespace {

/// A NaN in the second of three sequences, at step 2 of 4: all of that sequence is NaN from there on, and nothing else changes.
template <class L>
void check_sequences(const L& layer) {
    using T = typename std::remove_cvref_t<decltype(layer.weight_ih)>::value_type;
    auto x = noise<T, 3>({3, 4, 19});
    Tensor<T, 3> expected = layer(x);
    x(1, 2, 5) = std::numeric_limits<T>::quiet_NaN();
    xt::view(expected, 1, xt::range(2, 4), xt::all()) = std::numeric_limits<T>::quiet_NaN();
    check(layer, x, expected);
}

}  // namespace

TEMPLATE_TEST_CASE("NaN in an LSTM or a GRU stays in its sequence, from its step on", "[non_finite]", float, double) {
    Random random(2);
    check_sequences(filled(random, nn::LSTM<TestType>({.input_size = 19, .hidden_size = 21}, nn::no_init)));
    for (const nn::GRUReset reset : {nn::GRUReset::after, nn::GRUReset::before}) {
        check_sequences(filled(random, nn::GRU<TestType>({.input_size = 19, .hidden_size = 21, .reset = reset}, nn::no_init)));
    }
}
