// SPDX-License-Identifier: MIT
#include <nn/layers/gru.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "support/golden.hpp"
#include "support/operands.hpp"
#include "support/recurrent.hpp"
#include "support/tensors.hpp"

namespace {

using nn::GRUReset;
using nn::index_t;
using nn::shape_error;
using nn::test::close;
using nn::test::cut;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::near;
using nn::test::Random;
using nn::test::random_state;
using nn::test::random_tensor;
using nn::test::Reals;
using nn::test::row_of;
using nn::test::shape_of;
using nn::test::sigmoid;
using nn::test::values_of;

constexpr GRUReset both_resets[] = {GRUReset::after, GRUReset::before};

/// One batch element of a GRU in long double by the equations of semantics.md 9, with a bound on how far the same computation in T may
/// stray. Bounds are of first order in u = ε / 2, with a tenth on top for the rest:
///
///     a sum of n products     (n + 3) · u · Σ|w·x| + Σ|w| · error(x)
///     σ, tanh                 slopes 1/4 and 1; each evaluated to 4 u
///     products and sums       u of the magnitude of each
template <class T>
struct NaiveGRU {
    const nn::GRU<T>& gru;
    Reals hidden;
    Reals error = Reals(hidden.size(), 0);

    NaiveGRU(const nn::GRU<T>& gru_, const nn::GRUState<T>& state, std::size_t b) : gru(gru_), hidden(row_of(state.hidden, b)) {}

    bool holds(const nn::GRUState<T>& state, std::size_t b) const { return near(row_of(state.hidden, b), hidden, error); }
    void reset() {
        hidden.assign(hidden.size(), 0);
        error.assign(hidden.size(), 0);
    }

    struct Value {
        long double value = 0;
        long double error = 0;
    };

    void step(const std::vector<T>& x) {
        const std::size_t size = hidden.size();
        const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.1L;
        // Σ weight[row]·values + start
        const auto product = [&](const nn::Tensor<T, 2>& weight, std::size_t row, const auto& values, const Reals& errors, Value start) {
            long double magnitude = std::abs(start.value);
            for (std::size_t i = 0; i < values.size(); ++i) {
                const long double w = weight(row, i);
                const auto value = static_cast<long double>(values[i]);
                start.value += w * value;
                start.error += std::abs(w) * errors[i];
                magnitude += std::abs(w * value);
            }
            start.error += static_cast<long double>(values.size() + 3) * u * magnitude;
            return start;
        };
        const Reals exact(x.size(), 0);
        const auto input = [&](std::size_t row) {
            return product(gru.weight_ih, row, x, exact, {gru.bias ? static_cast<long double>((*gru.bias)(row)) : 0, 0});
        };
        const auto gate = [&](std::size_t row) {
            const Value sum = product(gru.weight_hh, row, hidden, error, input(row));
            return Value{sigmoid(sum.value), sum.error / 4 + 4 * u};
        };
        std::vector<Value> r(size);
        Reals scaled(size);
        Reals scaled_error(size);
        for (std::size_t h = 0; h < size; ++h) {
            r[h] = gate(h);
            scaled[h] = r[h].value * hidden[h];
            scaled_error[h] = r[h].value * error[h] + std::abs(hidden[h]) * r[h].error + u * std::abs(scaled[h]);
        }
        Reals next(size);
        Reals next_error(size);
        for (std::size_t h = 0; h < size; ++h) {
            const Value z = gate(size + h);
            const Value in = input(2 * size + h);
            Value inner;
            if (gru.options.reset == GRUReset::before) {
                inner = product(gru.weight_hh, 2 * size + h, scaled, scaled_error, {});
            } else {
                const Value sum =
                    product(gru.weight_hh, 2 * size + h, hidden, error, {gru.bias_n ? static_cast<long double>((*gru.bias_n)(h)) : 0, 0});
                inner.value = r[h].value * sum.value;
                inner.error = r[h].value * sum.error + std::abs(sum.value) * r[h].error + u * std::abs(inner.value);
            }
            const long double candidate = std::tanh(in.value + inner.value);
            const long double candidate_error = in.error + inner.error + u * (std::abs(in.value) + std::abs(inner.value)) + 4 * u;
            const long double step = hidden[h] - candidate;
            next[h] = (1 - z.value) * candidate + z.value * hidden[h];
            next_error[h] = (1 - z.value) * candidate_error + z.value * error[h] + std::abs(step) * (z.error + 2 * u) + u;
        }
        hidden = next;
        error = next_error;
    }
};

template <class T>
nn::GRU<T> random_gru(Random& random, const nn::GRUOptions& options) {
    nn::GRU<T> gru(options, nn::no_init);
    gru.weight_ih = random_tensor<T, 2>(random, nn::extents_of(gru.weight_ih));
    gru.weight_hh = random_tensor<T, 2>(random, nn::extents_of(gru.weight_hh));
    for (T& element : gru.weight_hh) {
        element /= 4;  // rounding errors die away with the steps instead of growing
    }
    for (auto* const bias : {&gru.bias, &gru.bias_n}) {
        if (*bias) {
            *bias = random_tensor<T, 1>(random, nn::extents_of(**bias));
        }
    }
    return gru;
}

template <class T>
nn::GRUCell<T> cell_of(const nn::GRU<T>& gru) {
    return {gru.options, gru.weight_ih, gru.weight_hh, gru.bias, gru.bias_n};
}

template <class T, std::size_t Leading>
void check_equations(Random& random) {
    const auto gru = random_gru<T>(random, {.input_size = random.integer(1, 20),
                                            .hidden_size = random.integer(1, 20),
                                            .use_bias = random.chance(0.7),
                                            .reset = random.chance(0.5) ? GRUReset::after : GRUReset::before});
    CAPTURE(gru.options.use_bias, static_cast<int>(gru.options.reset));
    nn::test::check_against_equations<NaiveGRU<T>, Leading>(random, gru, 0.001L);
}

}  // namespace

// ---- golden ----

TEST_CASE("gru: Equinox's golden step of semantics.md 9") {
    nn::test::CounterFill fill;
    nn::GRUCell<double> cell({.input_size = 2, .hidden_size = 2}, nn::no_init);
    fill(cell.weight_ih);
    fill(cell.weight_hh);
    fill(*cell.bias);
    fill(*cell.bias_n);
    nn::GRUState<double> state{.hidden = {{.25, -.75}}};
    const auto y = cell(nn::Tensor<double, 2>{{.5, -1}}, state);
    CHECK(close(y, {.0359275, -.2179644}, 1e-7));
    CHECK(identical(y, state.hidden));
}

TEST_CASE("gru: blox's and brainstate's golden steps: reset before, z and its bias negated") {
    // Their gates are a kernel (I + H, 2H), q = 0 … 15, and a bias, q = 16 … 19: z, r in blox, r, z in brainstate; the candidate is a
    // kernel (I + H, H), q = 20 … 27, and a bias, q = 28, 29. h ← (1 − σ(a))·h + σ(a)·n, and 1 − σ(a) = σ(−a).
    const auto value = [](std::size_t q) { return (static_cast<double>(7 * q % 11) - 5) / 10; };
    for (const bool blox : {true, false}) {
        nn::GRUCell<double> cell({.input_size = 2, .hidden_size = 2, .reset = GRUReset::before}, nn::no_init);
        for (std::size_t gate = 0; gate < 3; ++gate) {
            const double sign = gate == 1 ? -1 : 1;
            for (std::size_t h = 0; h < 2; ++h) {
                const std::size_t column = gate == 2 ? h : 2 * (blox ? 1 - gate : gate) + h;
                const std::size_t width = gate == 2 ? 2 : 4;
                const std::size_t kernel = gate == 2 ? 20 : 0;
                for (std::size_t d = 0; d < 2; ++d) {
                    cell.weight_ih(2 * gate + h, d) = sign * value(kernel + width * d + column);
                    cell.weight_hh(2 * gate + h, d) = sign * value(kernel + width * (2 + d) + column);
                }
                (*cell.bias)(2 * gate + h) = sign * value((gate == 2 ? 28 : 16) + column);
            }
        }
        nn::GRUState<double> state{.hidden = {{.25, -.75}}};
        const auto y = cell(nn::Tensor<double, 2>{{.5, -1}}, state);
        CHECK(close(y, blox ? std::vector{.3984262, -.286555} : std::vector{.3954554, -.4599062}, 1e-7));
    }
}

TEST_CASE("gru: Equinox's cell over sequences, with and without a bias, from zeros and from a state") {
    const auto lines = nn::test::golden_lines("layers/gru_expected.txt");
    REQUIRE(lines.size() == 12);
    for (const std::string& text : lines) {
        CAPTURE(text);
        nn::test::GoldenLine line(text);
        const Extents sizes = line.integers(4);
        const bool use_bias = line.integer() != 0;
        const bool from_zeros = line.integer() != 0;
        const auto expected = line.array();
        REQUIRE(line.ended());
        nn::GRU<double> gru({.input_size = sizes[2], .hidden_size = sizes[3], .use_bias = use_bias}, nn::no_init);
        nn::test::CounterFill fill;
        fill(gru.weight_ih);
        fill(gru.weight_hh);
        if (use_bias) {
            fill(*gru.bias);
            fill(*gru.bias_n);
        }
        auto state = gru.initial_state(sizes[0]);
        if (!from_zeros) {
            fill(state.hidden);
        }
        auto x = nn::make_tensor<double, 3>({sizes[0], sizes[1], sizes[2]});
        fill(x);
        const auto y = gru(x, state);
        CHECK(shape_of(y) == expected.shape);
        CHECK(close(y, expected.values, 1e-12));
        CHECK(identical(state.hidden, xt::eval(xt::view(y, xt::all(), y.shape(1) - 1, xt::all()))));
    }
}

// ---- properties ----

TEST_CASE("gru: any sizes, leading axes, strides and resets against the equations") {
    Random random(40);
    for (int i = 0; i < 60; ++i) {
        check_equations<float, 0>(random);
        check_equations<float, 1>(random);
        check_equations<double, 1>(random);
        check_equations<float, 2>(random);
    }
}

TEST_CASE("gru: without a state a call starts from zeros and keeps nothing") {
    Random random(41);
    for (const GRUReset reset : both_resets) {
        const auto gru = random_gru<float>(random, {.input_size = 3, .hidden_size = 5, .reset = reset});
        nn::test::check_start(gru, cell_of(gru), random_tensor<float, 3>(random, {2, 7, 3}));
    }
}

TEST_CASE("gru: a sequence cut anywhere gives the same bits, step by step too") {
    Random random(42);
    // The last three have more steps than are multiplied with the inputs at once: 65536 / (B · 3H) for float.
    struct Size {
        index_t batch, steps, input, hidden;
    };
    for (const Size size :
         {Size{1, 12, 3, 5}, Size{2, 12, 17, 16}, Size{7, 9, 1, 33}, Size{3, 50, 8, 200}, Size{1, 400, 40, 65}, Size{40, 25, 5, 30}}) {
        for (const GRUReset reset : both_resets) {
            const auto gru = random_gru<float>(random, {.input_size = size.input, .hidden_size = size.hidden, .reset = reset});
            nn::test::check_cuts(random, gru, cell_of(gru), random_tensor<float, 3>(random, {size.batch, size.steps, size.input}));
        }
    }
}

TEST_CASE("gru: a batch element has the same bits alone and anywhere in a batch") {
    Random random(43);
    for (const GRUReset reset : both_resets) {
        const auto gru = random_gru<float>(random, {.input_size = 19, .hidden_size = 21, .reset = reset});
        nn::test::check_batch(random, gru, random_tensor<float, 3>(random, {15, 6, 19}));
    }
}

TEST_CASE("gru: operands of any kind and arrangement give the same bits, items do not see each other") {
    Random random(44);
    for (const GRUReset reset : both_resets) {
        const auto gru = random_gru<float>(random, {.input_size = 3, .hidden_size = 5, .reset = reset});
        const auto x = random_tensor<float, 3>(random, {6, 4, 3});
        nn::test::check_operands(random, gru, x);
        nn::test::check_items(gru, x);
        const auto steps = random_tensor<float, 2>(random, {6, 3});
        nn::test::check_operands(random, cell_of(gru), steps);
        nn::test::check_items(cell_of(gru), steps);
    }
}

TEST_CASE("gru: a reset starts one batch element afresh before that step") {
    Random random(45);
    for (const GRUReset reset : both_resets) {
        const auto gru = random_gru<float>(random, {.input_size = 4, .hidden_size = 4, .reset = reset});
        nn::test::check_resets(random, gru, cell_of(gru));
    }
}

TEST_CASE("gru: where z is 1 the state is kept to the bit, where it is 0 the candidate is taken") {
    nn::GRUCell<float> cell({.input_size = 1, .hidden_size = 1}, nn::no_init);
    nn::GRUState<float> state{.hidden = {{0.3F}}};
    (*cell.bias)(2) = 0.7F;
    (*cell.bias)(1) = 1000;  // z = 1
    CHECK(cell(nn::Tensor<float, 2>{{1}}, state)(0, 0) == 0.3F);
    (*cell.bias)(1) = -1000;  // z = 0
    CHECK(close(cell(nn::Tensor<float, 2>{{1}}, state), {std::tanh(0.7)}, 1e-7));
}

// ---- edges ----

TEST_CASE("gru: no steps and no batch are valid and leave the state") {
    Random random(46);
    const auto gru = random_gru<float>(random, {.input_size = 3, .hidden_size = 5});
    nn::test::check_nothing_to_do(random, gru, cell_of(gru));
}

TEST_CASE("gru: biases are there as use_bias and reset say") {
    const auto made = [](bool use_bias, GRUReset reset) {
        return nn::GRU<float>({.input_size = 3, .hidden_size = 5, .use_bias = use_bias, .reset = reset}, std::mt19937(1));
    };
    CHECK(made(true, GRUReset::after).bias.has_value());
    CHECK(shape_of(*made(true, GRUReset::after).bias_n) == Extents{5});
    CHECK(shape_of(*made(true, GRUReset::before).bias) == Extents{15});
    CHECK(!made(true, GRUReset::before).bias_n.has_value());
    CHECK((!made(false, GRUReset::after).bias.has_value() && !made(false, GRUReset::after).bias_n.has_value()));
    std::vector<std::string> names;
    auto gru = made(true, GRUReset::after);
    nn::GRU<float>::members(gru, [&](std::string_view name, auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"weight_ih", "weight_hh", "bias", "bias_n"});
}

// ---- messages ----

TEST_CASE("gru: an error says what came and leaves output and state as they were") {
    Random random(47);
    const auto gru = random_gru<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto x = random_tensor<float, 3>(random, {2, 7, 3});
    const auto start = random_state(random, gru, 2);
    const auto kept = random_tensor<float, 3>(random, {2, 7, 5});
    const nn::Tensor<bool, 2> resets({2, 7}, true);
    nn::Workspace workspace;
    auto state = start;
    auto y = kept;
    const auto said = [](const auto& call) { return error_of<shape_error>(call); };
    const auto unchanged = [&] { return identical(state.hidden, start.hidden) && identical(y, kept); };

    CHECK(said([&] {
              gru.forward_into(nn::Tensor<float, 3>({2, 7, 4}, 1.0F), state, y, workspace);
          }) == "nn::GRU: x has 4 features, expected 3 = input_size  [x (2, 7, 4)]");
    CHECK(said([&] { (void)gru.output_shape(nn::Shape<2>{7, 4}); }) == "nn::GRU: x has 4 features, expected 3 = input_size  [x (7, 4)]");
    CHECK(said([&] {
              gru.forward_into(x, state, nn::Tensor<bool, 2>({2, 6}, true), y, workspace);
          }) == "nn::GRU: resets (2, 6), expected (2, 7) = the axes of x but the last  [x (2, 7, 3)]");
    CHECK(said([&] {
              gru.forward_into(x, state, resets, nn::contiguous(y.data(), nn::Shape<3>{2, 7, 4}), workspace);
          }) == "nn::GRU: y (2, 7, 4), expected (2, 7, 5)  [x (2, 7, 3)]");
    CHECK(said([&] {
              gru.forward_into(x, state, resets, nn::View<float, 3>{y.data(), {2, 7, 5}, {0, 5, 1}}, workspace);
          }) == "nn::GRU: y has stride 0 along axis 0, so that its elements share memory  [y (2, 7, 5)]");
    CHECK(said([&] { gru(xt::xarray<float>(std::vector<std::size_t>{3})); }) == "nn::GRU: x has 1 axis, expected at least 2  [x (3,)]");
    CHECK(unchanged());

    const nn::View<float, 3> on_hidden{state.hidden.data() - 68, {2, 7, 5}, {35, 5, 1}};  // two elements of y lie on the state
    CHECK(said([&] {
              gru.forward_into(x, state, on_hidden, workspace);
          }).starts_with("nn::GRU: y overlaps "));  // the state, or what the heap put beside it
    CHECK(said([&] {
              gru.forward_into(nn::View<const float, 3>{state.hidden.data(), {2, 7, 3}, {0, 0, 1}}, state, y, workspace);
          }) == "nn::GRU: x overlaps state.hidden; give it memory of its own  [x (2, 7, 3), state.hidden (2, 5)]");
    std::vector<float> shared(200, 1.0F);
    CHECK(said([&] {
              gru.forward_into(nn::contiguous(std::as_const(shared).data(), nn::Shape<3>{2, 7, 3}), state,
                               nn::contiguous(shared.data() + 41, nn::Shape<3>{2, 7, 5}), workspace);
          }) == "nn::GRU: y overlaps x; give it memory of its own  [y (2, 7, 5), x (2, 7, 3)]");
    CHECK(shared == std::vector<float>(200, 1.0F));
    CHECK(unchanged());

    auto other = gru.initial_state(3);
    const std::string misfit =
        "nn::GRU: state.hidden (3, 5), expected (2, 5) = (batch, hidden_size); initial_state(2) makes it  [x (2, 7, 3)]";
    CHECK(said([&] { gru.forward_into(x, other, y, workspace); }) == misfit);
    CHECK(said([&] { gru(x, other, resets); }) == misfit);
    CHECK(values_of(other.hidden) == std::vector<float>(15, 0));
    nn::GRUState<float> empty;
    CHECK(!said([&] { gru(x, empty); }).empty());
    CHECK(!said([&] { gru(nn::Tensor<float, 3>({2, 0, 3}), other); }).empty());  // even with nothing to do

    const auto cell = cell_of(gru);
    CHECK(said([&] { cell.forward_into(xt::view(x, xt::all(), 0, xt::all()), state, state.hidden, workspace); }) ==
          "nn::GRUCell: y overlaps state.hidden; give it memory of its own  [y (2, 5), state.hidden (2, 5)]");
    CHECK(said([&] { cell(x, state); }) ==
          "nn::GRUCell: state.hidden (2, 5), expected (14, 5) = (batch, hidden_size); initial_state(14) makes it  [x (2, 7, 3)]");
    CHECK(unchanged());
}

TEST_CASE("gru: options and arrays that disagree are refused, also when assigned later") {
    const auto wrong = [](const nn::GRUOptions& options) {
        return error_of<std::invalid_argument>([&] { nn::GRU<float>(options, nn::no_init); });
    };
    CHECK(wrong({.input_size = 0, .hidden_size = 5}) == "nn::GRU: input_size 0, expected at least 1");
    CHECK(wrong({.input_size = 3, .hidden_size = -1}) == "nn::GRU: hidden_size -1, expected at least 1");
    CHECK(error_of<std::invalid_argument>([] { nn::GRUCell<float>({.input_size = 3}, nn::no_init); }) ==
          "nn::GRUCell: hidden_size 0, expected at least 1");
    CHECK(!wrong({.input_size = 3, .hidden_size = std::numeric_limits<index_t>::max() / 2}).empty());
    CHECK(!wrong({.input_size = std::numeric_limits<index_t>::max(), .hidden_size = 1}).empty());

    const nn::GRUOptions options{.input_size = 3, .hidden_size = 5};
    const nn::GRUOptions bare{.input_size = 3, .hidden_size = 5, .use_bias = false};
    const nn::GRUOptions before{.input_size = 3, .hidden_size = 5, .reset = GRUReset::before};
    const nn::Tensor<float, 2> ih({15, 3}, 0.0F);
    const nn::Tensor<float, 2> hh({15, 5}, 0.0F);
    const nn::Tensor<float, 1> bias(std::array<std::size_t, 1>{15}, 0.0F);
    const nn::Tensor<float, 1> bias_n(std::array<std::size_t, 1>{5}, 0.0F);
    const auto made = [](const auto&... arguments) { return error_of<shape_error>([&] { nn::GRU<float>(arguments...); }); };
    CHECK(made(options, ih, hh, bias, bias_n).empty());
    CHECK(made(bare, ih, hh).empty());
    CHECK(made(before, ih, hh, bias).empty());
    CHECK(made(options, nn::Tensor<float, 2>({15, 4}, 0.0F), hh, bias, bias_n) ==
          "nn::GRU: weight_ih (15, 4), expected (15, 3) = (3 · hidden_size, input_size)");
    CHECK(made(options, ih, nn::Tensor<float, 2>({5, 15}, 0.0F), bias, bias_n) ==
          "nn::GRU: weight_hh (5, 15), expected (15, 5) = (3 · hidden_size, hidden_size)");
    CHECK(made(options, ih, hh, bias_n, bias_n) == "nn::GRU: bias (5,), expected (15,) = (3 · hidden_size,)");
    CHECK(made(options, ih, hh, bias, bias) == "nn::GRU: bias_n (15,), expected (5,) = (hidden_size,)");
    CHECK(made(options, ih, hh) == "nn::GRU: no bias, expected one: use_bias is true");
    CHECK(made(options, ih, hh, bias) == "nn::GRU: no bias_n, expected one: use_bias is true");
    CHECK(made(bare, ih, hh, bias) == "nn::GRU: a bias came, expected none: use_bias is false");
    CHECK(made(bare, ih, hh, std::optional<nn::Tensor<float, 1>>(), bias_n) == "nn::GRU: a bias_n came, expected none: use_bias is false");
    CHECK(made(before, ih, hh, bias, bias_n) == "nn::GRU: a bias_n came, expected none: the reset comes before the product");

    nn::GRU<float> gru(options, ih, hh, bias, bias_n);
    const nn::Tensor<float, 3> x({2, 7, 3}, 1.0F);
    gru.options.reset = GRUReset::before;
    CHECK(error_of<shape_error>([&] { gru(x); }) == "nn::GRU: a bias_n came, expected none: the reset comes before the product");
    gru.bias_n.reset();
    CHECK(values_of(gru(x)) == std::vector<float>(70, 0));
    gru.options.hidden_size = -5;
    CHECK(error_of<std::invalid_argument>([&] { gru(x); }) == "nn::GRU: hidden_size -5, expected at least 1");
    nn::Tensor<float, 3> y({2, 7, 5}, 4.0F);
    nn::Workspace workspace;
    CHECK(error_of<std::invalid_argument>([&] { gru.forward_into(x, nn::view_of(y), workspace); }) ==
          "nn::GRU: hidden_size -5, expected at least 1");
    CHECK(values_of(y) == std::vector<float>(70, 4));
    CHECK_THROWS_AS(nn::GRU<float>(options, nn::no_init).initial_state(-1), std::invalid_argument);
}

TEST_CASE("gru: the operation on views says its own name") {
    const nn::Tensor<float, 2> ih({3, 1}, 0.0F);
    const nn::Tensor<float, 2> hh({3, 1}, 0.0F);
    const nn::Tensor<float, 2> x({4, 1}, 1.0F);
    nn::Tensor<float, 2> y({4, 1}, 1.0F);
    nn::Tensor<float, 2> hidden({1, 1}, 1.0F);
    nn::Workspace workspace;
    const nn::ops::GRUParameters<float> parameters{{nn::view_of(ih), nn::view_of(hh), {}}, {}};
    const auto run = [&](const nn::View<float, 2>& state) {
        nn::ops::gru<float, 2>({.input_size = 1, .hidden_size = 1, .use_bias = false}, nn::Batch<const float, 2>(nn::view_of(x)),
                               parameters, state, {}, nn::Batch<float, 2>(nn::view_of(y)), workspace);
    };
    run(nn::view_of(hidden));
    CHECK(values_of(y) == std::vector<float>{0.5F, 0.25F, 0.125F, 0.0625F});  // z = 1/2, n = 0
    CHECK(hidden(0, 0) == 0.0625F);
    std::vector<float> wide(4, 1);
    run({wide.data(), {1, 1}, {9, 2}});  // along an axis of one element any stride does
    const nn::Tensor<float, 3> two({2, 1, 1}, 1.0F);
    nn::Tensor<float, 3> of_two({2, 1, 1}, 1.0F);
    CHECK(error_of<shape_error>([&] {
              nn::ops::gru<float, 2>({.input_size = 1, .hidden_size = 1, .use_bias = false}, nn::Batch<const float, 2>(nn::view_of(two)),
                                     parameters, {wide.data(), {2, 1}, {2, 1}}, {}, nn::Batch<float, 2>(nn::view_of(of_two)), workspace);
          }) == "nn::ops::gru: the state's arrays must be row-major");
}

// ---- static ----

TEST_CASE("gru: what carries is written, and what does not fit its type does not compile") {
    static_assert(nn::test::takes_what_it_should<nn::GRU<float>, nn::GRUCell<float>, nn::GRU<double>>());
    SUCCEED();
}
