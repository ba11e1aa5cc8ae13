// SPDX-License-Identifier: MIT
#include <nn/layers/lstm.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "support/operands.hpp"
#include "support/recurrent.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::shape_error;
using nn::test::close;
using nn::test::error_of;
using nn::test::identical;
using nn::test::identical_states;
using nn::test::near;
using nn::test::Random;
using nn::test::random_state;
using nn::test::random_tensor;
using nn::test::Reals;
using nn::test::row_of;
using nn::test::sigmoid;
using nn::test::values_of;

/// One batch element of an LSTM in long double by the equations of semantics.md 9, with a bound on how far the same computation in T may
/// stray. Bounds are of first order in u = ε / 2, with a tenth on top for the rest:
///
///     a gate's sum        (D + H + 4) · u · Σ|w·x| + Σ|w_hh| · error(h)
///     σ, tanh             slopes 1/4 and 1; each evaluated to 4 u
///     products and sums   u of the magnitude of each
template <class T>
struct NaiveLSTM {
    const nn::LSTM<T>& lstm;
    Reals hidden;
    Reals cell;
    Reals error = Reals(hidden.size(), 0);
    Reals cell_error = Reals(cell.size(), 0);

    NaiveLSTM(const nn::LSTM<T>& lstm_, const nn::LSTMState<T>& state, std::size_t b)
        : lstm(lstm_), hidden(row_of(state.hidden, b)), cell(row_of(state.cell, b)) {}

    void reset() {
        for (Reals* const part : {&hidden, &cell, &error, &cell_error}) {
            part->assign(part->size(), 0);
        }
    }
    bool holds(const nn::LSTMState<T>& state, std::size_t b) const {
        return near(row_of(state.hidden, b), hidden, error) && near(row_of(state.cell, b), cell, cell_error);
    }

    void step(const std::vector<T>& x) {
        const std::size_t size = hidden.size();
        const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.1L;
        Reals sum(4 * size);
        Reals sum_error(4 * size);
        for (std::size_t row = 0; row < 4 * size; ++row) {
            long double value = lstm.bias ? (*lstm.bias)(row) : T(0);
            value += row / size == 1 ? static_cast<long double>(lstm.options.forget_bias) : 0;
            long double magnitude = std::abs(value);
            for (std::size_t d = 0; d < x.size(); ++d) {
                const long double product = static_cast<long double>(lstm.weight_ih(row, d)) * x[d];
                value += product;
                magnitude += std::abs(product);
            }
            for (std::size_t h = 0; h < size; ++h) {
                const long double weight = lstm.weight_hh(row, h);
                value += weight * hidden[h];
                magnitude += std::abs(weight * hidden[h]);
                sum_error[row] += std::abs(weight) * error[h];
            }
            sum[row] = value;
            sum_error[row] += static_cast<long double>(x.size() + size + 4) * u * magnitude;
        }
        for (std::size_t h = 0; h < size; ++h) {
            const long double i = sigmoid(sum[h]);
            const long double f = sigmoid(sum[size + h]);
            const long double g = std::tanh(sum[2 * size + h]);
            const long double o = sigmoid(sum[3 * size + h]);
            const long double old = cell[h];
            cell[h] = f * old + i * g;
            cell_error[h] = f * cell_error[h] + std::abs(old) * (sum_error[size + h] / 4 + 4 * u) +
                            std::abs(g) * (sum_error[h] / 4 + 4 * u) + i * (sum_error[2 * size + h] + 4 * u) +
                            2 * u * (std::abs(f * old) + std::abs(i * g));
            const long double squashed = std::tanh(cell[h]);
            hidden[h] = o * squashed;
            error[h] = std::abs(squashed) * (sum_error[3 * size + h] / 4 + 4 * u) + o * (cell_error[h] + 4 * u) + u * std::abs(hidden[h]);
        }
    }
};

template <class T>
nn::LSTM<T> random_lstm(Random& random, const nn::LSTMOptions& options) {
    nn::LSTM<T> lstm(options, nn::no_init);
    for (auto* const weight : {&lstm.weight_ih, &lstm.weight_hh}) {
        *weight = random_tensor<T, 2>(random, nn::extents_of(*weight));
    }
    for (T& element : lstm.weight_hh) {
        element /= 4;  // rounding errors die away with the steps instead of growing
    }
    if (lstm.bias) {
        lstm.bias = random_tensor<T, 1>(random, nn::extents_of(*lstm.bias));
    }
    return lstm;
}

template <class T>
nn::LSTMCell<T> cell_of(const nn::LSTM<T>& lstm) {
    return {lstm.options, lstm.weight_ih, lstm.weight_hh, lstm.bias};
}

template <class T, std::size_t Leading>
void check_equations(Random& random) {
    const auto lstm = random_lstm<T>(random, {.input_size = random.integer(1, 20),
                                              .hidden_size = random.integer(1, 20),
                                              .use_bias = random.chance(0.7),
                                              .forget_bias = random.chance(0.5) ? 0.0 : 1.0});
    CAPTURE(lstm.options.use_bias, lstm.options.forget_bias);
    nn::test::check_against_equations<NaiveLSTM<T>, Leading>(random, lstm, 0.02L);
}

}  // namespace

TEST_CASE("lstm: the golden step of semantics.md 9") {
    const auto fill = [](auto& tensor, int first) {
        for (auto& element : tensor) {
            element = static_cast<std::remove_reference_t<decltype(element)>>((7 * first++ % 11) - 5) / 10;
        }
    };
    nn::LSTMCell<double> cell({.input_size = 2, .hidden_size = 2}, nn::no_init);
    fill(cell.weight_ih, 0);
    fill(cell.weight_hh, 16);
    fill(*cell.bias, 32);
    nn::LSTMState<double> state{.hidden = {{.25, -.75}}, .cell = {{.1, .9}}};
    const auto y = cell(nn::Tensor<double, 2>{{.5, -1}}, state);
    CHECK(close(y, {-.0246974, .2963769}, 1e-7));
    CHECK(close(state.cell, {-.0470794, .5943804}, 1e-7));
    CHECK(identical(y, state.hidden));
}

TEST_CASE("lstm: forget_bias 1 with gates in the order i, g, f, o is brainstate's golden step") {
    // brainstate's kernel (I + H, 4H) holds q = 0 … 31 row-major, its bias q = 32 … 39; here gates are rows and g comes third.
    const auto value = [](std::size_t q) { return (static_cast<double>(7 * q % 11) - 5) / 10; };
    for (const double forget : {0.0, 1.0}) {
        nn::LSTMCell<double> cell({.input_size = 2, .hidden_size = 2, .forget_bias = forget}, nn::no_init);
        const std::size_t from[] = {0, 2, 1, 3};
        for (std::size_t gate = 0; gate < 4; ++gate) {
            for (std::size_t h = 0; h < 2; ++h) {
                const std::size_t column = 2 * from[gate] + h;
                for (std::size_t d = 0; d < 2; ++d) {
                    cell.weight_ih(2 * gate + h, d) = value(8 * d + column);
                    cell.weight_hh(2 * gate + h, d) = value(8 * (2 + d) + column);
                }
                (*cell.bias)(2 * gate + h) = value(32 + column);
            }
        }
        nn::LSTMState<double> state{.hidden = {{.25, -.75}}, .cell = {{.1, .9}}};
        const auto y = cell(nn::Tensor<double, 2>{{.5, -1}}, state);
        CHECK(close(y, forget == 0 ? std::vector{.0468919, .2997918} : std::vector{.0555865, .3644598}, 1e-7));
        CHECK(close(state.cell, forget == 0 ? std::vector{.1191784, .6392038} : std::vector{.141549, .8405389}, 1e-7));
    }
}

TEST_CASE("lstm: any sizes, leading axes, strides and resets against the equations") {
    Random random(20);
    for (int i = 0; i < 60; ++i) {
        check_equations<float, 0>(random);
        check_equations<float, 1>(random);
        check_equations<double, 1>(random);
        check_equations<float, 2>(random);
    }
}

TEST_CASE("lstm: without a state a call starts from zeros and keeps nothing") {
    Random random(21);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    nn::test::check_start(lstm, cell_of(lstm), random_tensor<float, 3>(random, {2, 7, 3}));
}

TEST_CASE("lstm: a sequence cut anywhere gives the same bits, step by step too") {
    Random random(22);
    // The last three have more steps than are multiplied with the inputs at once: 65536 / (B · 4H) for float.
    struct Size {
        index_t batch, steps, input, hidden;
    };
    for (const Size size :
         {Size{1, 12, 3, 5}, Size{2, 12, 17, 16}, Size{7, 9, 1, 33}, Size{3, 40, 8, 200}, Size{1, 300, 40, 65}, Size{40, 20, 5, 30}}) {
        for (const double forget : {0.0, 1.0}) {
            const auto lstm = random_lstm<float>(random, {.input_size = size.input, .hidden_size = size.hidden, .forget_bias = forget});
            nn::test::check_cuts(random, lstm, cell_of(lstm), random_tensor<float, 3>(random, {size.batch, size.steps, size.input}));
        }
    }
}

TEST_CASE("lstm: a batch element has the same bits alone and anywhere in a batch") {
    Random random(23);
    const auto lstm = random_lstm<float>(random, {.input_size = 19, .hidden_size = 21});
    nn::test::check_batch(random, lstm, random_tensor<float, 3>(random, {15, 6, 19}));
}

TEST_CASE("lstm: operands of any kind and arrangement give the same bits, items do not see each other") {
    Random random(28);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto x = random_tensor<float, 3>(random, {6, 4, 3});
    nn::test::check_operands(random, lstm, x);
    nn::test::check_items(lstm, x);
    const auto steps = random_tensor<float, 2>(random, {6, 3});
    nn::test::check_operands(random, cell_of(lstm), steps);
    nn::test::check_items(cell_of(lstm), steps);
}

TEST_CASE("lstm: a reset starts one batch element afresh before that step") {
    Random random(24);
    const auto lstm = random_lstm<float>(random, {.input_size = 4, .hidden_size = 4});
    nn::test::check_resets(random, lstm, cell_of(lstm));
}

TEST_CASE("lstm: no steps and no batch are valid and leave the state") {
    Random random(25);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    nn::test::check_nothing_to_do(random, lstm, cell_of(lstm));
}

TEST_CASE("lstm: an xarray has its rank checked at run time and yields an xarray") {
    Random random(26);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto x = random_tensor<float, 3>(random, {2, 7, 3});
    const xt::xarray<float> dynamic = x;
    auto a = lstm.initial_state(2);
    auto b = lstm.initial_state(2);
    const auto y = lstm(dynamic, a);
    static_assert(std::is_same_v<std::remove_const_t<decltype(y)>, xt::xarray<float, xt::layout_type::row_major>>);
    CHECK(identical(y, lstm(x, b)));
    CHECK(error_of<shape_error>([&] { lstm(xt::xarray<float>(std::vector<std::size_t>{3})); }) ==
          "nn::LSTM: x has 1 axis, expected at least 2  [x (3,)]");
}

TEST_CASE("lstm: an error says what came and leaves output and state as they were") {
    Random random(27);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto x = random_tensor<float, 3>(random, {2, 7, 3});
    const auto start = random_state(random, lstm, 2);
    const auto kept = random_tensor<float, 3>(random, {2, 7, 5});
    const nn::Tensor<bool, 2> resets({2, 7}, true);
    nn::Workspace workspace;
    auto state = start;
    auto y = kept;
    const auto view = [&](auto& tensor, const nn::Shape<3>& shape) { return nn::contiguous(tensor.data(), shape); };
    const auto unchanged = [&] { return identical_states(state, start) && identical(y, kept); };

    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(nn::Tensor<float, 3>({2, 7, 4}, 1.0F), state, y, workspace);
          }) == "nn::LSTM: x has 4 features, expected 3 = input_size  [x (2, 7, 4)]");
    CHECK(error_of<shape_error>([&] {
              lstm(nn::Tensor<float, 2>({7, 4}, 1.0F));
          }) == "nn::LSTM: x has 4 features, expected 3 = input_size  [x (7, 4)]");
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(x, state, nn::Tensor<bool, 2>({2, 6}, true), y, workspace);
          }) == "nn::LSTM: resets (2, 6), expected (2, 7) = the axes of x but the last  [x (2, 7, 3)]");
    CHECK(error_of<shape_error>([&] { lstm.forward_into(x, state, nn::Tensor<bool, 1>({14}, true), y, workspace); }) ==
          "nn::LSTM: resets (14,), expected (2, 7) = the axes of x but the last  [x (2, 7, 3)]");
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(x, state, resets, view(y, {2, 7, 4}), workspace);
          }) == "nn::LSTM: y (2, 7, 4), expected (2, 7, 5)  [x (2, 7, 3)]");
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(x, state, resets, nn::View<float, 3>{y.data(), {2, 7, 5}, {0, 5, 1}}, workspace);
          }) == "nn::LSTM: y has stride 0 along axis 0, so that its elements share memory  [y (2, 7, 5)]");
    CHECK(unchanged());

    // Two elements of y lie on the state, or on x.
    const nn::View<float, 3> on_hidden{state.hidden.data() - 68, {2, 7, 5}, {35, 5, 1}};
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(x, state, on_hidden, workspace);
          }).starts_with("nn::LSTM: y overlaps "));  // the state, or what the heap put beside it
    const nn::View<float, 3> on_cell{state.cell.data() + 9, {2, 7, 5}, {35, 5, 1}};
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(x, state, resets, on_cell, workspace);
          }).starts_with("nn::LSTM: y overlaps "));  // the state, or what the heap put beside it
    std::vector<float> shared(200, 1.0F);
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(nn::contiguous(std::as_const(shared).data(), nn::Shape<3>{2, 7, 3}), state,
                                nn::contiguous(shared.data() + 41, nn::Shape<3>{2, 7, 5}), workspace);
          }) == "nn::LSTM: y overlaps x; give it memory of its own  [y (2, 7, 5), x (2, 7, 3)]");
    CHECK(error_of<shape_error>([&] {
              lstm.forward_into(nn::View<const float, 3>{state.cell.data(), {2, 7, 3}, {0, 0, 1}}, state, y, workspace);
          }) == "nn::LSTM: x overlaps state.cell; give it memory of its own  [x (2, 7, 3), state.cell (2, 5)]");
    CHECK(shared == std::vector<float>(200, 1.0F));
    CHECK(unchanged());

    auto other = lstm.initial_state(3);
    const auto zeros = other;
    CHECK(error_of<shape_error>([&] { lstm.forward_into(x, other, y, workspace); }) ==
          "nn::LSTM: state.hidden (3, 5), state.cell (3, 5), expected (2, 5) = (batch, hidden_size); initial_state(2) makes it  [x (2, 7, "
          "3)]");
    CHECK(identical_states(other, zeros));
    nn::LSTMState<float> torn{start.hidden, nn::Tensor<float, 2>({2, 4}, 0.0F)};
    CHECK(error_of<shape_error>([&] { lstm(x, torn); }) ==
          "nn::LSTM: state.hidden (2, 5), state.cell (2, 4), expected (2, 5) = (batch, hidden_size); initial_state(2) makes it  [x (2, 7, "
          "3)]");
    nn::LSTMState<float> empty;
    CHECK(!error_of<shape_error>([&] { lstm(x, empty); }).empty());
    // Even with nothing to do.
    CHECK(!error_of<shape_error>([&] { lstm(nn::Tensor<float, 3>({2, 0, 3}), other); }).empty());
    CHECK(unchanged());

    const auto cell = cell_of(lstm);
    CHECK(error_of<shape_error>([&] { cell.forward_into(xt::view(x, xt::all(), 0, xt::all()), state, state.hidden, workspace); }) ==
          "nn::LSTMCell: y overlaps state.hidden; give it memory of its own  [y (2, 5), state.hidden (2, 5)]");
    CHECK(error_of<shape_error>([&] { cell(x, state); }) ==
          "nn::LSTMCell: state.hidden (2, 5), state.cell (2, 5), expected (14, 5) = (batch, hidden_size); initial_state(14) makes it  [x "
          "(2, 7, 3)]");
    CHECK(unchanged());
}

TEST_CASE("lstm: options and arrays that disagree are refused, also when assigned later") {
    const auto wrong = [](const nn::LSTMOptions& options) {
        return error_of<std::invalid_argument>([&] { nn::LSTM<float>(options, nn::no_init); });
    };
    CHECK(wrong({.input_size = 0, .hidden_size = 5}) == "nn::LSTM: input_size 0, expected at least 1");
    CHECK(wrong({.input_size = 3, .hidden_size = -1}) == "nn::LSTM: hidden_size -1, expected at least 1");
    CHECK(error_of<std::invalid_argument>([] { nn::LSTMCell<float>({.input_size = 3}, nn::no_init); }) ==
          "nn::LSTMCell: hidden_size 0, expected at least 1");
    CHECK(!wrong({.input_size = 3, .hidden_size = std::numeric_limits<index_t>::max() / 2}).empty());
    CHECK(!wrong({.input_size = std::numeric_limits<index_t>::max(), .hidden_size = 1}).empty());

    const nn::LSTMOptions options{.input_size = 3, .hidden_size = 5};
    const nn::Tensor<float, 2> ih({20, 3}, 0.0F);
    const nn::Tensor<float, 2> hh({20, 5}, 0.0F);
    const nn::Tensor<float, 1> bias({20}, 0.0F);
    const auto made = [&](const auto&... arrays) { return error_of<std::invalid_argument>([&] { nn::LSTM<float>(options, arrays...); }); };
    CHECK(made(ih, hh, bias).empty());
    CHECK(made(nn::Tensor<float, 2>({20, 4}, 0.0F), hh, bias) ==
          "nn::LSTM: weight_ih (20, 4), expected (20, 3) = (4 · hidden_size, input_size)");
    CHECK(made(ih, nn::Tensor<float, 2>({5, 20}, 0.0F), bias) ==
          "nn::LSTM: weight_hh (5, 20), expected (20, 5) = (4 · hidden_size, hidden_size)");
    CHECK(made(ih, hh, nn::Tensor<float, 1>({5}, 0.0F)) == "nn::LSTM: bias (5,), expected (20,) = (4 · hidden_size,)");
    CHECK(made(ih, hh) == "nn::LSTM: no bias, expected one: use_bias is true");
    CHECK(error_of<std::invalid_argument>([&] { nn::LSTM<float>({.input_size = 3, .hidden_size = 5, .use_bias = false}, ih, hh, bias); }) ==
          "nn::LSTM: a bias came, expected none: use_bias is false");

    nn::LSTM<float> lstm(options, ih, hh, bias);
    const nn::Tensor<float, 3> x({2, 7, 3}, 1.0F);
    lstm.weight_hh = nn::Tensor<float, 2>({20, 4}, 0.0F);
    CHECK(error_of<shape_error>([&] { lstm(x); }) == "nn::LSTM: weight_hh (20, 4), expected (20, 5) = (4 · hidden_size, hidden_size)");
    lstm.weight_hh = hh;
    lstm.bias.reset();
    CHECK(error_of<shape_error>([&] { lstm(x); }) == "nn::LSTM: no bias, expected one: use_bias is true");
    lstm.options.use_bias = false;
    CHECK(values_of(lstm(x)) == std::vector<float>(70, 0));
    lstm.options.hidden_size = 0;
    CHECK(error_of<std::invalid_argument>([&] { lstm(x); }) == "nn::LSTM: hidden_size 0, expected at least 1");
    CHECK_THROWS_AS(lstm.initial_state(-1), std::invalid_argument);
}

TEST_CASE("lstm: the operation on views says its own name") {
    const nn::Tensor<float, 2> weight({4, 1}, 0.0F);
    const nn::Tensor<float, 2> x({3, 1}, 1.0F);
    nn::Tensor<float, 2> y({3, 1}, 1.0F);
    std::vector<float> hidden(4, 1);
    std::vector<float> cell(4, 16);
    nn::Workspace workspace;
    const nn::ops::RecurrentParameters<float> parameters{nn::view_of(weight), nn::view_of(weight), {}};
    const auto run = [&](const auto& from, auto& to, const nn::Shape<2>& strides) {
        const auto source = nn::view_of(from);
        const nn::Batch<const float, 2> in(source);
        const nn::Shape<2> shape{in.count(), 1};
        nn::ops::lstm<float, 2>({.input_size = 1, .hidden_size = 1, .use_bias = false}, in, parameters,
                                {nn::View<float, 2>{hidden.data(), shape, strides}, {cell.data(), shape, strides}}, {},
                                nn::Batch<float, 2>(nn::view_of(to)), workspace);
    };
    run(x, y, {9, 2});  // along an axis of one element any stride does
    CHECK(cell[0] == 2);  // every gate is 1/2, g is 0: the cell is halved at each step
    CHECK(close(y, {std::tanh(8) / 2, std::tanh(4) / 2, std::tanh(2) / 2}));
    CHECK(hidden[0] == y(2, 0));
    const nn::Tensor<float, 3> two({2, 1, 1}, 1.0F);
    nn::Tensor<float, 3> of_two({2, 1, 1}, 1.0F);
    CHECK(error_of<shape_error>([&] { run(two, of_two, {2, 1}); }) == "nn::ops::lstm: the state's arrays must be row-major");
}

TEST_CASE("lstm: what carries is written, and what does not fit its type does not compile") {
    static_assert(nn::test::takes_what_it_should<nn::LSTM<float>, nn::LSTMCell<float>, nn::LSTM<double>>());
    SUCCEED();
}
