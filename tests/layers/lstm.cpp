// SPDX-License-Identifier: MIT
#include <nn/layers/lstm.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "support/recurrent.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::shape_error;
using nn::test::Arrangement;
using nn::test::called_with;
using nn::test::count_of;
using nn::test::cut;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::forwarded_with;
using nn::test::identical;
using nn::test::joined;
using nn::test::Marks;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::Reals;
using nn::test::same_bits;
using nn::test::sigmoid;
using nn::test::starts_without_batch;
using nn::test::Strided;
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
    Reals hidden_error = Reals(hidden.size(), 0);
    Reals cell_error = Reals(cell.size(), 0);

    void reset() {
        hidden.assign(hidden.size(), 0);
        cell.assign(cell.size(), 0);
        hidden_error.assign(hidden.size(), 0);
        cell_error.assign(cell.size(), 0);
    }

    void step(const std::vector<T>& x) {
        const std::size_t size = hidden.size();
        const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.1L;
        Reals sum(4 * size);
        Reals error(4 * size);
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
                error[row] += std::abs(weight) * hidden_error[h];
            }
            sum[row] = value;
            error[row] += static_cast<long double>(x.size() + size + 4) * u * magnitude;
        }
        for (std::size_t h = 0; h < size; ++h) {
            const long double i = sigmoid(sum[h]);
            const long double f = sigmoid(sum[size + h]);
            const long double g = std::tanh(sum[2 * size + h]);
            const long double o = sigmoid(sum[3 * size + h]);
            const long double old = cell[h];
            cell[h] = f * old + i * g;
            cell_error[h] = f * cell_error[h] + std::abs(old) * (error[size + h] / 4 + 4 * u) + std::abs(g) * (error[h] / 4 + 4 * u) +
                            i * (error[2 * size + h] + 4 * u) + 2 * u * (std::abs(f * old) + std::abs(i * g));
            const long double squashed = std::tanh(cell[h]);
            hidden[h] = o * squashed;
            hidden_error[h] =
                std::abs(squashed) * (error[3 * size + h] / 4 + 4 * u) + o * (cell_error[h] + 4 * u) + u * std::abs(hidden[h]);
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

template <class T>
nn::LSTMState<T> random_state(Random& random, index_t batch, index_t size) {
    return {random_tensor<T, 2>(random, {batch, size}), random_tensor<T, 2>(random, {batch, size})};
}

template <class T>
bool identical_states(const nn::LSTMState<T>& a, const nn::LSTMState<T>& b) {
    return identical(a.hidden, b.hidden) && identical(a.cell, b.cell);
}

/// One random configuration with `Leading` axes in front, against the naive one: a call on strided memory, with and without resets.
template <class T, std::size_t Leading>
void check_against_naive(Random& random) {
    const nn::LSTMOptions options{.input_size = random.integer(1, 20),
                                  .hidden_size = random.integer(1, 20),
                                  .use_bias = random.chance(0.7),
                                  .forget_bias = random.chance(0.5) ? 0.0 : 1.0};
    const nn::LSTM<T> lstm = random_lstm<T>(random, options);
    Extents leading;
    for (std::size_t axis = 0; axis < Leading; ++axis) {
        leading.push_back(random.integer(0, 4));
    }
    const index_t batch = count_of(leading);
    const index_t steps = random.integer(0, 9);
    Strided<T> x(joined(leading, {steps, options.input_size}), Arrangement::any(random, Leading + 2, true));
    x.fill(random);
    Strided<T> y(joined(leading, {steps, options.hidden_size}), Arrangement::any(random, Leading + 2, false));
    const std::optional<Marks> resets =
        random.chance(0.5) ? std::optional<Marks>(std::in_place, random, joined(leading, {steps}), 0.3) : std::nullopt;
    nn::LSTMState<T> state = random_state<T>(random, batch, options.hidden_size);
    const nn::LSTMState<T> before = state;
    CAPTURE(leading, steps, options.input_size, options.hidden_size, options.forget_bias, options.use_bias, x.strides(), y.strides());

    nn::Workspace workspace;
    const nn::View<const T, Leading + 2> input = std::as_const(x).template view<Leading + 2>();
    if (resets) {
        lstm.forward_into(input, state, resets->template view<Leading + 1>(), y.template view<Leading + 2>(), workspace);
    } else {
        lstm.forward_into(input, state, y.template view<Leading + 2>(), workspace);
    }
    CHECK(y.intact());

    const std::vector<T> in = x.values();
    const std::vector<T> out = y.values();
    const auto width = static_cast<std::size_t>(options.input_size);
    const auto size = static_cast<std::size_t>(options.hidden_size);
    bool within = true;
    long double worst = 0;
    for (std::size_t b = 0; b < static_cast<std::size_t>(batch); ++b) {
        NaiveLSTM<T> naive{lstm, Reals(size), Reals(size)};
        for (std::size_t h = 0; h < size; ++h) {
            naive.hidden[h] = before.hidden(b, h);
            naive.cell[h] = before.cell(b, h);
        }
        for (std::size_t t = 0; t < static_cast<std::size_t>(steps); ++t) {
            const std::size_t row = b * static_cast<std::size_t>(steps) + t;
            if (resets && resets->at(static_cast<index_t>(row))) {
                naive.reset();
            }
            naive.step({in.begin() + static_cast<index_t>(row * width), in.begin() + static_cast<index_t>((row + 1) * width)});
            for (std::size_t h = 0; h < size; ++h) {
                within = within && std::abs(static_cast<long double>(out[row * size + h]) - naive.hidden[h]) <= naive.hidden_error[h];
                worst = std::max(worst, naive.hidden_error[h]);
            }
        }
        for (std::size_t h = 0; h < size; ++h) {
            within = within && std::abs(static_cast<long double>(state.hidden(b, h)) - naive.hidden[h]) <= naive.hidden_error[h] &&
                     std::abs(static_cast<long double>(state.cell(b, h)) - naive.cell[h]) <= naive.cell_error[h];
        }
    }
    CHECK(within);
    CHECK(worst < 0.02L);  // the bound says something
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
    CHECK(nn::test::close(y, {-.0246974, .2963769}, 1e-7));
    CHECK(nn::test::close(state.cell, {-.0470794, .5943804}, 1e-7));
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
        CHECK(nn::test::close(y, forget == 0 ? std::vector{.0468919, .2997918} : std::vector{.0555865, .3644598}, 1e-7));
        CHECK(nn::test::close(state.cell, forget == 0 ? std::vector{.1191784, .6392038} : std::vector{.141549, .8405389}, 1e-7));
    }
}

TEST_CASE("lstm: any sizes, leading axes, strides and resets against the equations") {
    Random random(20);
    for (int i = 0; i < 60; ++i) {
        check_against_naive<float, 0>(random);
        check_against_naive<float, 1>(random);
        check_against_naive<double, 1>(random);
        check_against_naive<float, 2>(random);
    }
}

TEST_CASE("lstm: without a state a call starts from zeros and keeps nothing") {
    Random random(21);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto x = random_tensor<float, 3>(random, {2, 7, 3});
    auto state = lstm.initial_state(2);
    CHECK(values_of(state.hidden) == std::vector<float>(10, 0));
    CHECK(values_of(state.cell) == std::vector<float>(10, 0));
    const auto first = lstm(x);
    CHECK(identical(first, lstm(x)));
    CHECK(identical(first, lstm(x, state)));
    CHECK(!identical(first, lstm(x, state)));

    const auto cell = cell_of(lstm);
    CHECK(identical(cell(cut(x, 0, 1)), xt::eval(cut(first, 0, 1))));
    nn::Workspace workspace;
    nn::Tensor<float, 3> y;
    lstm.forward_into(x, y, workspace);
    CHECK(identical(first, y));
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
            const auto x = random_tensor<float, 3>(random, {size.batch, size.steps, size.input});
            const auto start = random_state<float>(random, size.batch, size.hidden);
            const auto steps = static_cast<std::size_t>(size.steps);
            auto whole = start;
            const auto y = lstm(x, whole);
            CAPTURE(size.batch, size.steps, size.input, size.hidden);
            CHECK(identical(whole.hidden, xt::eval(xt::view(y, xt::all(), steps - 1, xt::all()))));

            for (const std::size_t at : {std::size_t{0}, std::size_t{1}, steps / 2 + 1, steps - 1, steps}) {
                auto state = start;
                const auto head = lstm(cut(x, 0, at), state);
                const auto tail = lstm(cut(x, at, steps), state);
                CHECK(identical(head, xt::eval(cut(y, 0, at))));
                CHECK(identical(tail, xt::eval(cut(y, at, steps))));
                CHECK(identical_states(state, whole));
            }

            const auto cell = cell_of(lstm);
            auto state = start;
            bool same = true;
            for (std::size_t t = 0; t < steps; ++t) {
                const auto step = cell(xt::view(x, xt::all(), t, xt::all()), state);
                same = same && identical(step, xt::eval(xt::view(y, xt::all(), t, xt::all())));
            }
            CHECK(same);
            CHECK(identical_states(state, whole));
        }
    }
}

TEST_CASE("lstm: a batch element has the same bits alone, anywhere in a batch, and on any strides") {
    Random random(23);
    const auto lstm = random_lstm<float>(random, {.input_size = 19, .hidden_size = 21});
    const auto x = random_tensor<float, 3>(random, {15, 6, 19});
    const auto start = random_state<float>(random, 15, 21);
    auto state = start;
    const auto y = lstm(x, state);
    for (std::size_t b = 0; b < 15; ++b) {
        nn::LSTMState<float> alone{xt::view(start.hidden, xt::range(b, b + 1), xt::all()),
                                   xt::view(start.cell, xt::range(b, b + 1), xt::all())};
        CHECK(identical(lstm(xt::view(x, b, xt::all(), xt::all()), alone), xt::eval(xt::view(y, b, xt::all(), xt::all()))));
        CHECK(identical(alone.cell, xt::eval(xt::view(state.cell, xt::range(b, b + 1), xt::all()))));
    }
    Strided<float> strided({15, 6, 19}, values_of(x),
                           {.order = {2, 0, 1}, .reversed = {true, false, true}, .broadcast = {}, .gap = {0, 1, 2}});
    auto again = start;
    CHECK(identical(y, lstm(std::as_const(strided).view<3>(), again)));
    CHECK(identical_states(again, state));

    // Leading axes are one batch.
    auto folded = start;
    auto deep = nn::make_tensor<float, 4>({3, 5, 6, 19});
    std::copy(x.begin(), x.end(), deep.begin());
    CHECK(same_bits(values_of(lstm(deep, folded)), values_of(y)));
    CHECK(identical_states(folded, state));
}

TEST_CASE("lstm: a reset starts one batch element afresh before that step") {
    Random random(24);
    const auto lstm = random_lstm<float>(random, {.input_size = 4, .hidden_size = 4});  // B = H: blox resets columns here
    const auto x = random_tensor<float, 3>(random, {4, 8, 4});
    const auto start = random_state<float>(random, 4, 4);
    auto plain = start;
    const auto y = lstm(x, plain);
    nn::Tensor<bool, 2> resets({4, 8}, false);
    resets(1, 0) = true;
    resets(2, 3) = true;
    resets(3, 7) = true;
    auto state = start;
    const auto z = lstm(x, state, resets);
    const auto from = [](const auto& tensor, std::size_t b, std::size_t t) {
        return xt::eval(xt::view(tensor, b, xt::range(t, 8), xt::all()));
    };
    CHECK(identical(from(z, 0, 0), from(y, 0, 0)));
    CHECK(identical(from(z, 1, 0), lstm(from(x, 1, 0))));
    CHECK(identical(from(z, 2, 3), lstm(from(x, 2, 3))));
    CHECK(identical(xt::eval(xt::view(z, 2, xt::range(0, 3), xt::all())), xt::eval(xt::view(y, 2, xt::range(0, 3), xt::all()))));
    CHECK(identical(from(z, 3, 7), lstm(from(x, 3, 7))));
    CHECK(state.cell(0, 2) == plain.cell(0, 2));
    CHECK(state.cell(3, 2) != plain.cell(3, 2));

    // No marks are no resets; a lazy expression and an xarray of marks will do; a cell takes one mark per element.
    auto a = start;
    CHECK(identical(lstm(x, a, nn::Tensor<bool, 2>({4, 8}, false)), y));
    auto b = start;
    const xt::xarray<bool> dynamic = resets;
    CHECK(identical(lstm(x, b, dynamic), z));
    auto c = start;
    CHECK(identical(lstm(x, c, !(!resets)), z));
    auto d = start;
    nn::Tensor<bool, 1> marks{false, true, false, false};
    const auto step = cell_of(lstm)(xt::view(x, xt::all(), 0, xt::all()), d, marks);
    CHECK(identical(step, xt::eval(xt::view(z, xt::all(), 0, xt::all()))));
    auto e = cell_of(lstm).initial_state(1);
    const nn::Tensor<bool, 0> mark(true);
    CHECK(cell_of(lstm)(nn::Tensor<float, 1>{1, 2, 3, 4}, e, mark).size() == 4);
}

TEST_CASE("lstm: no steps and no batch are valid and leave the state") {
    Random random(25);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto start = random_state<float>(random, 2, 5);
    auto state = start;
    CHECK(nn::test::shape_of(lstm(nn::Tensor<float, 3>({2, 0, 3}), state)) == Extents{2, 0, 5});
    CHECK(nn::test::shape_of(lstm(nn::Tensor<float, 3>({2, 0, 3}), state, nn::Tensor<bool, 2>({2, 0}))) == Extents{2, 0, 5});
    CHECK(identical_states(state, start));
    CHECK(nn::test::shape_of(lstm(nn::Tensor<float, 3>({2, 0, 3}))) == Extents{2, 0, 5});

    auto none = lstm.initial_state(0);
    CHECK(nn::test::shape_of(lstm(nn::Tensor<float, 3>({0, 7, 3}), none)) == Extents{0, 7, 5});
    CHECK(nn::test::shape_of(lstm(nn::Tensor<float, 4>({2, 0, 7, 3}), none)) == Extents{2, 0, 7, 5});
    CHECK(nn::test::shape_of(cell_of(lstm)(nn::Tensor<float, 2>({0, 3}), none)) == Extents{0, 5});
    CHECK(lstm.output_shape(nn::Shape<4>{2, 0, 7, 3}) == nn::Shape<4>{2, 0, 7, 5});
    CHECK(cell_of(lstm).output_shape(nn::Shape<1>{3}) == nn::Shape<1>{5});
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
          "nn::LSTM: x has 1 axes, expected at least 2  [x (3,)]");
}

TEST_CASE("lstm: an error says what came and leaves output and state as they were") {
    Random random(27);
    const auto lstm = random_lstm<float>(random, {.input_size = 3, .hidden_size = 5});
    const auto x = random_tensor<float, 3>(random, {2, 7, 3});
    const auto start = random_state<float>(random, 2, 5);
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
          }) == "nn::LSTM: y (2, 7, 4) does not fit, expected the leading axes (2,) of x and then (7, 5)  [x (2, 7, 3)]");
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
          }) == "nn::LSTM: x overlaps the state; give it memory of its own  [x (2, 7, 3), the state (2, 5)]");
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
          "nn::LSTMCell: y overlaps the state; give it memory of its own  [y (2, 5), the state (2, 5)]");
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

TEST_CASE("lstm: what carries is written, and what does not fit its type does not compile") {
    using L = nn::LSTM<float>;
    using State = L::State;
    using X = nn::Tensor<float, 3>;
    using Marks2 = nn::Tensor<bool, 2>;
    static_assert(L::carries && nn::LSTMCell<double>::carries);
    static_assert(called_with<L, X&> && called_with<L, X&, State&> && called_with<L, X&, State&, Marks2&>);
    static_assert(!called_with<L, X&, const State&> && !called_with<L, X&, const State&, Marks2&>);
    static_assert(!called_with<L, X&, State&, nn::Tensor<int, 2>&>);
    static_assert(!called_with<L, nn::Tensor<double, 3>&> && !called_with<L, nn::Tensor<float, 1>&> &&
                  called_with<L, nn::Tensor<float, 2>&>);
    static_assert(!called_with<L, X&, Marks2&>);
    static_assert(!called_with<L, X&, nn::LSTM<double>::State&>);
    static_assert(called_with<nn::LSTMCell<float>, nn::Tensor<float, 1>&>);
    using W = nn::Workspace;
    static_assert(forwarded_with<L, X&, X&, W&> && forwarded_with<L, X&, State&, X&, W&> && forwarded_with<L, X&, State&, Marks2&, X&, W&>);
    static_assert(!forwarded_with<L, X&, const State&, X&, W&> && !forwarded_with<L, X&, State&, const X&, W&> &&
                  !forwarded_with<L, X&, State&, nn::Tensor<double, 3>&, W&>);
    static_assert(!starts_without_batch<L>);
    SUCCEED();
}
