// SPDX-License-Identifier: MIT
#include <nn/layers/batch_norm.hpp>

#include "support/catch.hpp"

#include <algorithm>
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

#include "support/operands.hpp"
#include "support/stateless.hpp"

namespace {

using nn::BatchNorm;
using nn::BatchNorm0d;
using nn::BatchNorm1d;
using nn::BatchNorm2d;
using nn::BatchNormOptions;
using nn::BatchNormState;
using nn::index_t;
using nn::Layout;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::training;
using nn::Workspace;
using nn::test::Arrangement;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::filled;
using nn::test::identical;
using nn::test::identical_states;
using nn::test::Inference;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::Trained;
using nn::test::values_of;

/// Statistics of random values; variances in (0, 1).
template <class T>
BatchNormState<T> random_state(Random& random, index_t size) {
    BatchNormState<T> state{random_tensor<T, 1>(random, {size}), random_tensor<T, 1>(random, {size})};
    for (T& variance : state.running_var) {
        variance = std::abs(variance);
    }
    return state;
}

}  // namespace

// ---- golden ----

TEST_CASE("batch_norm: two steps of one channel, as noxton, blox, brainstate and Equinox keep them") {
    // semantics.md 4.4: batches [1, 2, 3, 6] (mean 3, variance 3.5) and [10, 10, 14, 18] (13, 11), then x = 5.
    struct Row {
        BatchNormOptions options;
        std::vector<double> first, second;
        double at_five;
    };
    const Row rows[] = {
        {{.size = 1}, {.3, 1.3666667}, {1.57, 2.6966667}, 2.0887174},                                              // noxton, PyTorch
        {{.size = 1, .unbiased_running_var = false}, {.3, 1.25}, {1.57, 2.225}, 2.2994721},                        // blox: momentum .9
        {{.size = 1, .momentum = .01, .unbiased_running_var = false}, {.03, 1.025}, {.1597, 1.12475}, 4.5639655},  // brainstate: .99
    };
    for (const Row& row : rows) {
        const BatchNorm0d<double> norm(row.options);
        auto state = norm.initial_state();
        norm(Tensor<double, 2>{{1}, {2}, {3}, {6}}, state, training());
        CHECK(close(state.running_mean, {row.first[0]}));
        CHECK(close(state.running_var, {row.first[1]}));
        const auto y = norm(Tensor<double, 2>{{10}, {10}, {14}, {18}}, state, training());
        CHECK(close(y, {-.9045336, -.9045336, .3015112, 1.507556}, 1e-7));
        CHECK(close(state.running_mean, {row.second[0]}));
        CHECK(close(state.running_var, {row.second[1]}));
        CHECK(close(norm(Tensor<double, 2>{{5}}, state), {row.at_five}, 1e-7));
    }
}

TEST_CASE("batch_norm: blox's test of its momentum") {
    // semantics.md 4.4: momentum .1 there weighs the old; mean [3, 15] and variance [4, 25] of [[1, 10], [5, 20]].
    const BatchNorm0d<double> norm({.size = 2, .momentum = .9, .unbiased_running_var = false});
    auto state = norm.initial_state();
    const Tensor<double, 2> x{{1, 10}, {5, 20}};
    norm(x, state, training());
    CHECK(close(state.running_mean, {2.7, 13.5}, 1e-15));
    CHECK(close(state.running_var, {3.7, 22.6}, 1e-15));
    norm(x, state, training());
    CHECK(close(state.running_mean, {.27 + 2.7, 1.35 + 13.5}, 1e-15));
    CHECK(close(state.running_var, {.37 + 3.6, 2.26 + 22.5}, 1e-15));
}

TEST_CASE("batch_norm: a training step of equinox.nn.BatchNorm, with weight and bias") {
    // equinox 0.13.8, jax 0.10.2 in float64, x row-major ((7q mod 11) - 5) / 10 for q = 3 … 26:
    //     bn = eqx.nn.BatchNorm(3, 'b', eps=1e-5, mode='batch', momentum=.99)
    //     bn = eqx.tree_at(lambda b: (b.weight, b.bias), bn, (jnp.array([.5, -1, 2]), jnp.array([.1, .2, -.3])))
    //     y, state = jax.vmap(bn, axis_name='b', in_axes=(0, None), out_axes=(0, None))(x, eqx.nn.State(bn))
    // and state.get(bn.batch_state_index).
    BatchNorm1d<double> norm({.size = 3, .momentum = .01, .unbiased_running_var = false});
    norm.weight = Tensor<double, 1>{.5, -1, 2};
    norm.bias = Tensor<double, 1>{.1, .2, -.3};
    Tensor<double, 3> x({2, 3, 4});
    int q = 3;
    for (double& element : x) {
        element = (7 * q++ % 11 - 5) / 10.0;
    }
    auto state = norm.initial_state();
    CHECK(close(
        norm(x, state, training()),
        {0.7700833582553369,  0.07838440779821496, -0.613314542658907, 0.5971586206410565,   -0.18908065963213117, 1.1943172412821128,
         -1.226629085317814,  0.15676881559642986, -3.777114201525884, 0.4558943916360619,   -1.9629676615993363,  2.2700409315626104,
         0.07838440779821496, -0.613314542658907,  0.5971586206410565, -0.09454032981606555, 1.1943172412821128,   -1.226629085317814,
         0.15676881559642986, 1.5401667165106736,  0.4558943916360619, -1.9629676615993363,  2.2700409315626104,   -0.14882112167278758},
        1e-14));
    CHECK(close(state.running_mean, {0.001125, -0.001125, 0.00075}, 1e-15));
    CHECK(close(state.running_var, {0.99083594, 0.99083594, 0.99109375}, 1e-8));
}

TEST_CASE("batch_norm: before any training inference divides by sqrt(1 + eps)") {
    const BatchNorm0d<double> norm({.size = 3, .eps = .25});
    const auto state = norm.initial_state();
    CHECK(values_of(state.running_mean) == std::vector<double>(3, 0));
    CHECK(values_of(state.running_var) == std::vector<double>(3, 1));
    CHECK(close(norm(Tensor<double, 1>{1, -2, 3}, state), {1 / std::sqrt(1.25), -2 / std::sqrt(1.25), 3 / std::sqrt(1.25)}, 1e-15));
    CHECK(values_of(*norm.weight) == std::vector<double>(3, 1));
    CHECK(values_of(*norm.bias) == std::vector<double>(3, 0));
}

TEST_CASE("batch_norm: one element a channel gives the bias, and a variance of 0 to keep") {
    // semantics.md 4.2: noxton's N / max(N - 1, 1) is 1 then, so 0 is mixed in; PyTorch refuses.
    BatchNorm0d<double> norm({.size = 2, .momentum = .25});
    norm.bias = Tensor<double, 1>{7, 8};
    auto state = norm.initial_state();
    CHECK(values_of(norm(Tensor<double, 1>{3, 4}, state, training())) == std::vector<double>{7, 8});
    CHECK(values_of(state.running_mean) == std::vector<double>{.75, 1});
    CHECK(values_of(state.running_var) == std::vector<double>{.75, .75});
}

TEST_CASE("batch_norm: a mean far from 0 costs no digits of the variance") {
    // E[x²] − E[x]² of [10000, 10001] in float is noise of the size of 8; the variance is 1/4.
    const BatchNorm0d<float> norm({.size = 1, .eps = 0, .momentum = 1, .unbiased_running_var = false});
    auto state = norm.initial_state();
    CHECK(values_of(norm(Tensor<float, 2>{{10000}, {10001}}, state, training())) == std::vector<float>{-1, 1});
    CHECK(state.running_mean(0) == 10000.5F);
    CHECK(state.running_var(0) == .25F);
}

TEST_CASE("batch_norm: equal values have that mean and a variance of 0, to the bit") {
    const BatchNorm0d<float> norm({.size = 1, .momentum = 1});
    for (const std::size_t batch : {std::size_t{7}, std::size_t{100}, std::size_t{1000}}) {
        auto state = norm.initial_state();
        const Tensor<float, 2> x({batch, 1}, 333333.3F);
        CHECK(values_of(norm(x, state, training())) == std::vector<float>(batch, 0.0F));
        CHECK(state.running_mean(0) == 333333.3F);
        CHECK(state.running_var(0) == 0);
    }
}

// ---- against the definition ----

namespace {

/// An array (…, C, spatial…) or (…, spatial…, C) taken apart: the channel of every element, row-major.
std::vector<std::size_t> channels_of(const Extents& shape, std::size_t axis) {
    std::vector<std::size_t> result;
    nn::test::for_each_index(shape, [&](const Extents& index) { result.push_back(static_cast<std::size_t>(index[axis])); });
    return result;
}

/// A value and how far the same computation in T may stray, to first order in u = ε / 2.
struct Bounded {
    long double value = 0;
    long double error = 0;
};

/// The running statistics and the next output of one layer, in long double. Sums of n terms are taken to be up to n / 512 + 68 additions
/// deep (tests/support/normalised.hpp), or n.
template <class T>
struct NaiveBatchNorm {
    static constexpr long double u = std::numeric_limits<T>::epsilon() / 2 * 1.05L;
    BatchNormOptions options;
    std::vector<Bounded> mean;
    std::vector<Bounded> variance;

    NaiveBatchNorm(const BatchNormOptions& options_, const BatchNormState<T>& state) : options(options_) {
        for (std::size_t c = 0; c < state.running_mean.size(); ++c) {
            mean.push_back({static_cast<long double>(state.running_mean(c)), 0});
            variance.push_back({static_cast<long double>(state.running_var(c)), 0});
        }
    }

    struct Moments {
        std::vector<Bounded> mean, variance;
    };
    Moments moments(const std::vector<T>& x, const std::vector<std::size_t>& channel) const {
        Moments result{std::vector<Bounded>(mean.size()), std::vector<Bounded>(mean.size())};
        const long double n = static_cast<long double>(x.size()) / static_cast<long double>(mean.size());
        const long double depth = std::min(n, n / 512 + 68) + 1;
        for (std::size_t i = 0; i < x.size(); ++i) {
            result.mean[channel[i]].value += static_cast<long double>(x[i]) / n;
            result.mean[channel[i]].error += depth * u * std::abs(static_cast<long double>(x[i])) / n;
        }
        for (std::size_t i = 0; i < x.size(); ++i) {
            const long double difference = x[i] - result.mean[channel[i]].value;
            result.variance[channel[i]].value += difference * difference / n;
        }
        for (std::size_t c = 0; c < mean.size(); ++c) {
            // About a mean that is off by e the mean square is variance + e²; three roundings a term, then the sum.
            const long double off = result.mean[c].error * result.mean[c].error;
            result.variance[c].error = off + (depth + 3) * u * (result.variance[c].value + off);
        }
        return result;
    }

    void learn(const Moments& batch, index_t elements) {
        const long double n = static_cast<long double>(elements) / static_cast<long double>(mean.size());
        const long double factor = options.unbiased_running_var && n > 1 ? n / (n - 1) : 1;
        const auto mix = [&](Bounded& old, const Bounded& fresh, long double by) {
            const long double m = options.momentum;
            const long double kept = (1 - m) * old.value;
            const long double added = m * by * fresh.value;
            old.error = (1 - m) * old.error + (m * u + 3 * u) * std::abs(old.value) + m * by * fresh.error + 5 * u * std::abs(added);
            old.value = kept + added;
        };
        for (std::size_t c = 0; c < mean.size(); ++c) {
            mix(mean[c], batch.mean[c], 1);
            mix(variance[c], batch.variance[c], factor);
        }
    }

    /// The number of elements of y further from (x − mean) / √(variance + eps) · weight + bias than they may be.
    template <std::size_t N>
    std::size_t outside(const BatchNorm<T, N>& norm, const std::vector<T>& x, const std::vector<std::size_t>& channel,
                        const std::vector<Bounded>& means, const std::vector<Bounded>& variances, const std::vector<T>& y) const {
        std::size_t count = x.size() == y.size() ? 0 : 1;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const std::size_t c = channel[i];
            const long double weight = norm.weight ? (*norm.weight)(c) : T(1);
            const long double bias = norm.bias ? (*norm.bias)(c) : T(0);
            const long double spread = variances[c].value + static_cast<long double>(options.eps);
            const long double scale = weight / std::sqrt(spread);
            const long double difference = x[i] - means[c].value;
            const long double expected = difference * scale + bias;
            const long double bound =
                std::abs(scale) * (means[c].error + std::abs(difference) * (variances[c].error / (2 * spread) + 7 * u)) +
                2 * u * std::abs(bias);
            count += std::abs(static_cast<long double>(y[i]) - expected) <= 1.1L * bound ? 0 : 1;
        }
        return count;
    }
    bool holds(const BatchNormState<T>& state) const {
        bool ok = true;
        for (std::size_t c = 0; c < mean.size(); ++c) {
            ok = ok && std::abs(static_cast<long double>(state.running_mean(c)) - mean[c].value) <= 1.1L * mean[c].error + 1e-30L &&
                 std::abs(static_cast<long double>(state.running_var(c)) - variance[c].value) <= 1.1L * variance[c].error + 1e-30L;
        }
        return ok;
    }
};

/// One random layer with `Leading` axes in front of its items, through `steps` steps of training and an inference after each.
template <class T, std::size_t N, std::size_t Leading>
void check_against_naive(Random& random, int steps) {
    constexpr std::size_t rank = N + 1 + Leading;
    const BatchNormOptions options{.size = random.integer(1, 9),
                                   .eps = random.chance(0.5) ? 1e-5 : 0.125,
                                   .momentum = random.pick(std::vector<double>{0, 0.01, 0.1, 0.9, 1}),
                                   .unbiased_running_var = random.chance(0.5),
                                   .use_weight = random.chance(0.6),
                                   .use_bias = random.chance(0.6),
                                   .layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first};
    const BatchNorm<T, N> norm = filled(random, BatchNorm<T, N>(options));
    BatchNormState<T> state = random_state<T>(random, options.size);
    NaiveBatchNorm<T> naive(options, state);
    const std::size_t axis = options.layout == Layout::channels_last ? rank - 1 : Leading;
    const T offset = random.pick(std::vector<T>{0, 3, -100});
    Workspace workspace;
    for (int step = 0; step < steps; ++step) {
        Extents shape;
        for (std::size_t i = 0; i < rank; ++i) {
            shape.push_back(i == axis ? options.size : random.integer(1, 6));
        }
        Strided<T> x(shape, Arrangement::any(random, rank, true));
        nn::test::for_each_index(shape, [&](const Extents& index) { x.at(index) = offset + random.real<T>(); });
        const std::vector<T> in = x.values();
        const std::vector<std::size_t> channel = channels_of(shape, axis);
        CAPTURE(shape, axis, options.momentum, options.eps, options.unbiased_running_var, offset, step, x.strides());
        const nn::View<const T, rank> input = std::as_const(x).template view<rank>();

        Strided<T> y(shape, Arrangement::any(random, rank, false));
        norm.forward_into(input, state, training(), y.template view<rank>(), workspace);
        CHECK(y.intact());
        const auto batch = naive.moments(in, channel);
        CHECK(naive.outside(norm, in, channel, batch.mean, batch.variance, y.values()) == 0);
        naive.learn(batch, static_cast<index_t>(in.size()));
        CHECK(naive.holds(state));

        const BatchNormState<T> before = state;
        Strided<T> z(shape, Arrangement::any(random, rank, false));
        norm.forward_into(input, state, z.template view<rank>(), workspace);
        CHECK(z.intact());
        CHECK(naive.outside(norm, in, channel, naive.mean, naive.variance, z.values()) == 0);
        CHECK(identical_states(state, before));
    }
}

}  // namespace

TEST_CASE("batch_norm: every option, layout, rank and stride against the definition") {
    Random random(70);
    for (int i = 0; i < 60; ++i) {
        check_against_naive<float, 0, 0>(random, 1);
        check_against_naive<float, 0, 1>(random, 3);
        check_against_naive<double, 1, 1>(random, 3);
        check_against_naive<float, 2, 1>(random, 2);
        check_against_naive<float, 1, 2>(random, 2);
        check_against_naive<double, 2, 0>(random, 2);
        check_against_naive<float, 3, 1>(random, 1);
    }
}

TEST_CASE("batch_norm: statistics over many steps stay within their bound") {
    Random random(71);
    for (int i = 0; i < 6; ++i) {
        check_against_naive<float, 1, 1>(random, 200);
        check_against_naive<double, 0, 1>(random, 200);
    }
}

TEST_CASE("batch_norm: statistics of long channels, past every block of the sum") {
    Random random(72);
    for (const index_t length : {511, 512, 513, 1024, 5000}) {
        const BatchNormOptions options{.size = 3, .momentum = 1};
        const auto norm = filled(random, BatchNorm<float, 1>(options));
        auto state = norm.initial_state();
        NaiveBatchNorm<float> naive(options, state);
        auto x = random_tensor<float, 3>(random, {2, 3, length});
        for (float& element : x) {
            element += 50;
        }
        const auto y = norm(x, state, training());
        const std::vector<float> in = values_of(x);
        const auto channel = channels_of(shape_of(x), 1);
        const auto batch = naive.moments(in, channel);
        CHECK(naive.outside(norm, in, channel, batch.mean, batch.variance, values_of(y)) == 0);
        naive.learn(batch, static_cast<index_t>(in.size()));
        CHECK(naive.holds(state));
    }
}

TEST_CASE("batch_norm: the running variance of draws tends to theirs when unbiased, below it when not") {
    // Of batches of two the biased variance expects half. Means of 20000 steps, momentum 1/1000: about 1/45 · √2 · σ² off, five of them.
    std::mt19937 rng(73);
    std::normal_distribution<double> normal(5, 3);
    for (const bool unbiased : {true, false}) {
        const BatchNorm0d<double> norm({.size = 1, .momentum = .001, .unbiased_running_var = unbiased});
        auto state = norm.initial_state();
        Workspace workspace;
        Tensor<double, 2> x({2, 1});
        for (int step = 0; step < 20000; ++step) {
            x(0, 0) = normal(rng);
            x(1, 0) = normal(rng);
            norm.forward_into(x, state, training(), x, workspace);
        }
        CHECK(std::abs(state.running_mean(0) - 5) < 5 * 3 / std::sqrt(2) / 44);
        CHECK(std::abs(state.running_var(0) - (unbiased ? 9 : 4.5)) < 5 * std::sqrt(2.0) * (unbiased ? 9 : 4.5) / 44);
    }
}

// ---- operands and batch ----

TEST_CASE("batch_norm: every kind of operand gives the same bits, in inference and in training") {
    Random random(74);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        for (const bool affine : {false, true}) {
            const BatchNormOptions options{.size = 5, .use_weight = affine, .use_bias = affine, .layout = layout};
            const auto check = [&]<class T, std::size_t N, std::size_t R>(const BatchNorm<T, N>& norm, const Tensor<T, R>& x) {
                const auto state = random_state<T>(random, 5);
                nn::test::check_operands(random, Inference<BatchNorm<T, N>>{norm, state}, x);
                nn::test::check_operands(random, Trained<BatchNorm<T, N>>{norm, state}, x);
            };
            check(filled(random, BatchNorm<float, 0>(options)), random_tensor<float, 1>(random, {5}));
            check(filled(random, BatchNorm<float, 0>(options)), random_tensor<float, 3>(random, {3, 2, 5}));
            check(filled(random, BatchNorm<double, 1>(options)), random_tensor<double, 2>(random, {5, 5}));
            check(filled(random, BatchNorm<float, 2>(options)), random_tensor<float, 4>(random, {3, 5, 4, 5}));
        }
    }
}

TEST_CASE("batch_norm: items do not see each other in inference, and do in training") {
    Random random(75);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const auto norm = filled(random, BatchNorm<float, 2>({.size = 4, .layout = layout}));
        auto state = random_state<float>(random, 4);
        const auto x = random_tensor<float, 4>(random, {6, 4, 3, 4});
        nn::test::check_items(Inference<BatchNorm2d<float>>{norm, state}, x);
        const auto y = norm(x, state, training());
        const auto alone = norm(xt::view(x, xt::range(0, 1)), state, training());
        CHECK(!identical(alone, xt::view(y, xt::range(0, 1))));
    }
    // More leading axes are one batch, in training too.
    const auto norm = filled(random, BatchNorm<float, 1>({.size = 4}));
    const auto start = random_state<float>(random, 4);
    const auto x = random_tensor<float, 3>(random, {6, 4, 5});
    auto a = start;
    auto b = start;
    const auto y = norm(x, a, training());
    const auto z = norm(nn::View<const float, 4>{x.data(), {3, 2, 4, 5}, {40, 20, 5, 1}}, b, training());
    CHECK(nn::test::same_bits(values_of(y), values_of(z)));
    CHECK(identical_states(a, b));
}

TEST_CASE("batch_norm: both layouts give the same bits and the same statistics") {
    Random random(76);
    BatchNormOptions options{.size = 5};
    const auto first = filled(random, BatchNorm<float, 2>(options));
    options.layout = Layout::channels_last;
    BatchNorm2d<float> last(options);
    last.weight = first.weight;
    last.bias = first.bias;
    const auto x = random_tensor<float, 4>(random, {3, 5, 4, 6});
    auto a = first.initial_state();
    auto b = a;
    for (int step = 0; step < 3; ++step) {
        const auto y = first(x, a, training());
        const Tensor<float, 4> turned = xt::transpose(x, {0, 2, 3, 1});
        CHECK(identical(y, xt::transpose(last(turned, b, training()), {0, 3, 1, 2})));
        CHECK(identical_states(a, b));
        CHECK(identical(first(x, a), xt::transpose(last(turned, b), {0, 3, 1, 2})));
    }
}

TEST_CASE("batch_norm: both layouts give the same bits when the channels of many positions are one row") {
    Random random(79);
    for (const index_t channels : {1, 3, 17, 24, 64, 100, 128, 700, 1500}) {
        BatchNormOptions options{.size = channels};
        const auto first = filled(random, BatchNorm<float, 1>(options));
        const auto state = random_state<float>(random, channels);
        options.layout = Layout::channels_last;
        BatchNorm<float, 1> last(options);
        last.weight = first.weight;
        last.bias = first.bias;
        for (const index_t positions : {1, 2, 23, 345}) {
            const auto x = random_tensor<float, 3>(random, {2, channels, positions});
            const Tensor<float, 3> turned = xt::transpose(x, {0, 2, 1});
            CAPTURE(channels, positions);
            CHECK(identical(first(x, state), xt::transpose(last(turned, state), {0, 2, 1})));
        }
    }
}

TEST_CASE("batch_norm: the order of the sums follows from their length, not from the items") {
    // The same terms in the same order, cut into items otherwise.
    Random random(77);
    const auto norm = filled(random, BatchNorm<float, 1>({.size = 1}));
    const auto x = random_tensor<float, 3>(random, {1, 1, 1200});
    auto a = norm.initial_state();
    const auto y = norm(x, a, training());
    for (const index_t items : {2, 3, 7, 300, 1200}) {
        if (1200 % items == 0) {
            auto b = norm.initial_state();
            const auto z = norm(nn::contiguous(x.data(), Shape<3>{items, 1, 1200 / items}), b, training());
            CHECK(nn::test::same_bits(values_of(y), values_of(z)));
            CHECK(identical_states(a, b));
        }
    }
}

// ---- properties ----

TEST_CASE("batch_norm: in training the output has mean bias and deviation weight, wherever the input lies") {
    Random random(78);
    const auto norm = filled(random, BatchNorm<double, 1>({.size = 3, .eps = 0}));
    auto state = norm.initial_state();
    const auto x = random_tensor<double, 3>(random, {8, 3, 50});
    const auto y = norm(x, state, training());
    for (std::size_t c = 0; c < 3; ++c) {
        double mean = 0;
        double square = 0;
        for (std::size_t b = 0; b < 8; ++b) {
            for (std::size_t i = 0; i < 50; ++i) {
                mean += y(b, c, i) / 400;
                square += std::pow(y(b, c, i) - (*norm.bias)(c), 2) / 400;
            }
        }
        CHECK(std::abs(mean - (*norm.bias)(c)) < 1e-13);
        CHECK(std::abs(std::sqrt(square) - std::abs((*norm.weight)(c))) < 1e-13);
    }
    // A power of two and a shift that is exact change nothing but rounding.
    auto other = norm.initial_state();
    const Tensor<double, 3> scaled(4.0 * x);
    CHECK(identical(norm(scaled, other, training()), y));
    CHECK(close(norm(Tensor<double, 3>(x + 32.0), other, training()), values_of(y), 1e-11));
}

TEST_CASE("batch_norm: momentum 0 learns nothing and momentum 1 forgets") {
    Random random(79);
    const auto x = random_tensor<float, 2>(random, {8, 3});
    const auto start = random_state<float>(random, 3);
    auto state = start;
    BatchNorm0d<float>({.size = 3, .momentum = 0})(x, state, training());
    CHECK(identical_states(state, start));
    auto a = start;
    auto b = random_state<float>(random, 3);
    const BatchNorm0d<float> all({.size = 3, .momentum = 1, .unbiased_running_var = false});
    const auto y = all(x, a, training());
    all(x, b, training());
    CHECK(identical_states(a, b));
    CHECK(identical(all(x, a), y));  // inference with the batch's statistics
}

TEST_CASE("batch_norm: an engine in the mode changes nothing, and no engine does") {
    Random random(80);
    const auto norm = filled(random, BatchNorm<float, 0>({.size = 3}));
    const auto x = random_tensor<float, 2>(random, {8, 3});
    auto a = norm.initial_state();
    auto b = a;
    std::mt19937 rng(1);
    CHECK(identical(norm(x, a, training()), norm(x, b, training(rng))));
    CHECK(identical_states(a, b));
    CHECK(rng == std::mt19937(1));
}

TEST_CASE("batch_norm: y may be x itself, in inference and in training") {
    Random random(81);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const auto norm = filled(random, BatchNorm<float, 1>({.size = 4, .layout = layout}));
        const auto start = random_state<float>(random, 4);
        const auto x = random_tensor<float, 3>(random, {3, 4, 4});
        Workspace workspace;
        auto here = x;
        norm.forward_into(here, start, here, workspace);
        CHECK(identical(here, norm(x, start)));
        here = x;
        auto a = start;
        auto b = start;
        norm.forward_into(here, a, training(), here, workspace);
        CHECK(identical(here, norm(x, b, training())));
        CHECK(identical_states(a, b));
    }
}

TEST_CASE("batch_norm: a batch without elements is valid in inference alone") {
    const BatchNorm1d<float> norm({.size = 3});
    auto state = norm.initial_state();
    CHECK(shape_of(norm(Tensor<float, 3>({0, 3, 5}), state)) == Extents{0, 3, 5});
    CHECK(shape_of(norm(Tensor<float, 3>({2, 3, 0}), state)) == Extents{2, 3, 0});
    CHECK(error_of<shape_error>([&] {
              norm(Tensor<float, 3>({0, 3, 5}), state, training());
          }) == "nn::BatchNorm: x has no elements to take statistics of  [x (0, 3, 5)]");
    CHECK(error_of<shape_error>([&] {
              norm(Tensor<float, 2>({3, 0}), state, training());
          }) == "nn::BatchNorm: x has no elements to take statistics of  [x (3, 0)]");
    CHECK(identical_states(state, norm.initial_state()));
    CHECK(norm.output_shape(Shape<4>{2, 0, 3, 5}) == Shape<4>{2, 0, 3, 5});
}

// ---- errors ----

TEST_CASE("batch_norm: what is wrong is said when the layer is made") {
    const auto made = [](const BatchNormOptions& options) { return error_of<std::invalid_argument>([&] { BatchNorm1d<float>{options}; }); };
    CHECK(made({}) == "nn::BatchNorm: size 0, expected at least 1");
    CHECK(made({.size = -3}) == "nn::BatchNorm: size -3, expected at least 1");
    CHECK(made({.size = 3, .eps = -0.5}) == "nn::BatchNorm: eps -0.5, expected at least 0");
    CHECK(made({.size = 3, .eps = std::numeric_limits<double>::quiet_NaN()}) == "nn::BatchNorm: eps nan, expected at least 0");
    CHECK(made({.size = 3, .momentum = 1.5}) == "nn::BatchNorm: momentum 1.5, expected 0 … 1");
    CHECK(made({.size = 3, .momentum = -0.5}) == "nn::BatchNorm: momentum -0.5, expected 0 … 1");
    CHECK(made({.size = 3, .eps = 0, .momentum = 1}).empty());
}

TEST_CASE("batch_norm: what is wrong is said when it is called; y and the statistics are as they were") {
    Random random(82);
    const auto norm = filled(random, BatchNorm<float, 1>({.size = 3}));
    const auto start = random_state<float>(random, 3);
    auto state = start;
    const auto x = random_tensor<float, 3>(random, {2, 3, 5});
    const auto kept = random_tensor<float, 3>(random, {2, 3, 5});
    Tensor<float, 3> y = kept;
    Workspace workspace;
    // The same text in inference and in training.
    const auto said = [&](const BatchNorm1d<float>& layer, const auto& input, BatchNormState<float>& statistics, auto&& output) {
        const auto before = statistics;
        const std::string text =
            error_of<std::invalid_argument>([&] { layer.forward_into(input, statistics, training(), output, workspace); });
        CHECK(error_of<std::invalid_argument>([&] { layer.forward_into(input, std::as_const(statistics), output, workspace); }) == text);
        CHECK(identical_states(statistics, before));
        return text;
    };
    CHECK(said(norm, Tensor<float, 3>({2, 4, 5}, 1.0F), state, y) == "nn::BatchNorm: x has 4 channels, expected 3 = size  [x (2, 4, 5)]");
    CHECK(error_of<shape_error>([&] {
              norm(Tensor<float, 2>({4, 5}, 1.0F), state);
          }) == "nn::BatchNorm: x has 4 channels, expected 3 = size  [x (4, 5)]");
    CHECK(error_of<shape_error>([&] {
              (void)norm.output_shape(Shape<2>{4, 5});
          }) == "nn::BatchNorm: x has 4 channels, expected 3 = size  [x (4, 5)]");
    CHECK(error_of<shape_error>([&] { norm(xt::xarray<float>(std::vector<std::size_t>{3}), state); }) ==
          "nn::BatchNorm: x has 1 axis, expected at least 2  [x (3,)]");
    CHECK(said(norm, x, state, nn::contiguous(y.data(), Shape<3>{2, 5, 3})) ==
          "nn::BatchNorm: y (2, 5, 3), expected (2, 3, 5)  [x (2, 3, 5)]");
    CHECK(said(norm, x, state, nn::View<float, 3>{y.data(), {2, 3, 5}, {15, 0, 1}}) ==
          "nn::BatchNorm: y has stride 0 along axis 1, so that its elements share memory  [y (2, 3, 5)]");
    std::vector<float> shared(40, 1.0F);
    CHECK(said(norm, nn::contiguous(std::as_const(shared).data(), Shape<3>{2, 3, 5}), state,
               nn::contiguous(shared.data() + 1, Shape<3>{2, 3, 5})) ==
          "nn::BatchNorm: y overlaps x; give it memory of its own  [y (2, 3, 5), x (2, 3, 5)]");
    CHECK(shared == std::vector<float>(40, 1.0F));
    // y lies on the statistics, and on nothing beside them.
    const Tensor<float, 2> column({3, 1}, 1.0F);
    CHECK(said(norm, column, state, nn::contiguous(state.running_mean.data(), Shape<2>{3, 1})) ==
          "nn::BatchNorm: y overlaps running_mean; give it memory of its own  [y (3, 1), running_mean (3,)]");
    CHECK(said(norm, column, state, nn::contiguous(state.running_var.data(), Shape<2>{3, 1})) ==
          "nn::BatchNorm: y overlaps running_var; give it memory of its own  [y (3, 1), running_var (3,)]");
    CHECK(identical_states(state, start));

    BatchNormState<float> other{Tensor<float, 1>({4}, 0.0F), Tensor<float, 1>({3}, 1.0F)};
    CHECK(said(norm, x, other, y) == "nn::BatchNorm: running_mean (4,), expected (3,) = (size,)");
    other = {Tensor<float, 1>({3}, 0.0F), Tensor<float, 1>({2}, 1.0F)};
    CHECK(said(norm, x, other, y) == "nn::BatchNorm: running_var (2,), expected (3,) = (size,)");
    BatchNormState<float> empty;
    CHECK(said(norm, x, empty, y) == "nn::BatchNorm: running_mean (0,), expected (3,) = (size,)");

    auto spoilt = norm;
    spoilt.weight = Tensor<float, 1>({4}, 1.0F);
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: weight (4,), expected (3,) = (size,)");
    spoilt = norm;
    spoilt.bias = Tensor<float, 1>({2}, 1.0F);
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: bias (2,), expected (3,) = (size,)");
    spoilt = norm;
    spoilt.weight.reset();
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: no weight, expected one: use_weight is true");
    spoilt.options.use_weight = false;
    CHECK(error_of<std::invalid_argument>([&] { spoilt(x, state); }).empty());
    spoilt = norm;
    spoilt.bias.reset();
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: no bias, expected one: use_bias is true");
    spoilt = norm;
    spoilt.options.use_weight = false;
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: a weight came, expected none: use_weight is false");
    spoilt = norm;
    spoilt.options.use_bias = false;
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: a bias came, expected none: use_bias is false");
    spoilt = norm;
    spoilt.options.eps = -1;
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: eps -1, expected at least 0");
    spoilt = norm;
    spoilt.options.momentum = 2;
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: momentum 2, expected 0 … 1");
    spoilt = norm;
    spoilt.options.size = 0;
    CHECK(said(spoilt, x, state, y) == "nn::BatchNorm: size 0, expected at least 1");
    CHECK(identical(y, kept));
    CHECK(identical_states(state, start));
}

// ---- types ----

namespace {

template <class L, class... A>
concept callable = requires(const L& layer, A&&... arguments) {
    layer(arguments...);
};
template <class L, class... A>
concept forwards = requires(const L& layer, Workspace& workspace, A&&... arguments) {
    layer.forward_into(arguments..., workspace);
};

}  // namespace

TEST_CASE("batch_norm: statistics are read without a mode and written with one; parameters are named") {
    using L = BatchNorm1d<float>;
    using X = Tensor<float, 3>;
    using State = L::State;
    static_assert(!L::carries && std::copyable<L> && !std::default_initializable<L>);
    static_assert(callable<L, const X&, const State&> && callable<L, const X&, State&, nn::Training<>>);
    static_assert(!callable<L, const X&> && !callable<L, const X&, const State&, nn::Training<>>);
    static_assert(!callable<L, const X&, BatchNormState<double>&> && !callable<L, const Tensor<double, 3>&, State&>);
    static_assert(!callable<L, const Tensor<float, 1>&, State&> && callable<L, const Tensor<float, 2>&, State&>);
    static_assert(callable<BatchNorm0d<float>, const Tensor<float, 1>&, State&>);
    static_assert(forwards<L, const X&, const State&, X&> && forwards<L, const X&, State&, nn::Training<>, X&>);
    static_assert(!forwards<L, const X&, const State&, nn::Training<>, X&> && !forwards<L, const X&, const State&, const X&>);
    static_assert(!forwards<L, const X&, State&, Tensor<double, 3>&> &&
                  !forwards<L, decltype(2.0F * std::declval<const X&>()), State&, X&>);
    L norm({.size = 3});
    std::vector<std::string> names;
    const auto name = [&](std::string_view text, auto&) { names.emplace_back(text); };
    L::members(norm, name);
    auto state = norm.initial_state();
    State::members(state, name);
    CHECK(names == std::vector<std::string>{"weight", "bias", "running_mean", "running_var"});
    const L plain({.size = 3, .use_weight = false, .use_bias = false});
    CHECK((!plain.weight && !plain.bias));
}
