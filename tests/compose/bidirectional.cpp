// SPDX-License-Identifier: MIT

#include <nn/compose/bidirectional.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/compose/sequential.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/recurrent.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::shape_error;
using nn::test::called_with;
using nn::test::close;
using nn::test::CounterFill;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::forwarded_with;
using nn::test::GoldenLine;
using nn::test::identical;
using nn::test::identical_states;
using nn::test::noise;
using nn::test::shape_of;
using nn::test::starts_without_batch;
using nn::test::values_of;

using Pair = nn::Bidirectional<nn::LSTM<float>, nn::LSTM<float>>;
using Plain = decltype([](const auto& x) { return nn::relu(x); });  // which cannot tell its output's shape
template <class L>
concept tells_shape = requires(const L& layer, nn::Shape<3> x) {
    layer.output_shape(x);
};

/// Input 3, forward 5, backward 2.
Pair pair_of_lstms() {
    std::mt19937 rng(1);
    nn::LSTM<float> forward({.input_size = 3, .hidden_size = 5}, rng);
    return {std::move(forward), nn::LSTM<float>({.input_size = 3, .hidden_size = 2}, rng)};
}

nn::LSTMState<float> random_state(index_t batch, index_t size, std::uint64_t seed) {
    return {noise<float, 2>({batch, size}, seed), noise<float, 2>({batch, size}, seed + 1)};
}
Pair::State random_states(index_t batch) { return {random_state(batch, 5, 10), random_state(batch, 2, 20)}; }

/// (B, T, D) with the steps in the other order, copied.
template <class T>
nn::Tensor<T, 3> in_reverse(const nn::Tensor<T, 3>& x) {
    nn::Tensor<T, 3> y = x;
    for (std::size_t t = 0; t < x.shape(1); ++t) {
        xt::view(y, xt::all(), t, xt::all()) = xt::view(x, xt::all(), x.shape(1) - 1 - t, xt::all());
    }
    return y;
}

/// Two arrays (B, T, F) and (B, T, G) side by side.
template <class T>
nn::Tensor<T, 3> side_by_side(const nn::Tensor<T, 3>& a, const nn::Tensor<T, 3>& b) {
    nn::Tensor<T, 3> y({a.shape(0), a.shape(1), a.shape(2) + b.shape(2)});
    xt::view(y, xt::all(), xt::all(), xt::range(std::size_t{0}, a.shape(2))) = a;
    xt::view(y, xt::all(), xt::all(), xt::range(a.shape(2), y.shape(2))) = b;
    return y;
}

/// A direction that refuses to run, after the other one has.
struct Refuse {
    auto operator()(const auto& x) const {
        nn::fail<std::domain_error>("Refuse", {"not today"});
        return nn::identity(x);
    }
    template <std::size_t R>
    nn::Shape<R> output_shape(const nn::Shape<R>& x) const {
        return x;
    }
};

/// The sequence without its last step: it does not stand beside anything.
struct Shorter {
    auto operator()(const auto& x) const { return nn::identity(x); }
    template <std::size_t R>
    nn::Shape<R> output_shape(nn::Shape<R> x) const {
        --x[R - 2];
        return x;
    }
};

}  // namespace

TEST_CASE("Bidirectional: the numbers of two LSTMs of Equinox, the second over the reversed sequence") {
    const auto lines = nn::test::golden_lines("compose/bidirectional_expected.txt");
    REQUIRE(lines.size() == 12);
    for (const std::string& text : lines) {
        GoldenLine line(text);
        const index_t batch = line.integer();
        const index_t steps = line.integer();
        const index_t width = line.integer();
        const Extents sizes = line.integers(2);
        const bool bias = line.integer() == 1;
        const bool from_zeros = line.integer() == 1;
        const auto expected = line.array();
        std::vector<GoldenLine::Array> ends;
        while (ends.size() < 4) {
            ends.push_back(line.array());
        }
        REQUIRE(line.ended());
        CAPTURE(batch, steps, width, sizes, bias, from_zeros);

        CounterFill fill;
        const auto lstm = [&](index_t size) {
            nn::LSTM<double> layer({.input_size = width, .hidden_size = size, .use_bias = bias}, nn::no_init);
            fill(layer.weight_ih);
            fill(layer.weight_hh);
            if (bias) {
                fill(*layer.bias);
            }
            return layer;
        };
        auto forward = lstm(sizes[0]);
        auto backward = lstm(sizes[1]);
        const nn::Bidirectional both(std::move(forward), std::move(backward));
        auto state = both.initial_state(batch);
        if (!from_zeros) {
            nn::visit_parameters(state, [&](std::string_view, auto& part) { fill(part); });
        }
        auto x = nn::make_tensor<double, 3>({batch, steps, width});
        fill(x);
        const auto start = state;

        const auto y = both(x, state);
        CHECK(shape_of(y) == expected.shape);
        CHECK(close(y, expected.values, 1e-11));
        CHECK(close(state.forward.hidden, ends[0].values, 1e-11));
        CHECK(close(state.forward.cell, ends[1].values, 1e-11));
        CHECK(close(state.backward.hidden, ends[2].values, 1e-11));
        CHECK(close(state.backward.cell, ends[3].values, 1e-11));
        if (from_zeros) {
            CHECK(identical(both(x), y));
        }

        auto again = start;
        nn::Workspace workspace;
        nn::Tensor<double, 3> into;
        both.forward_into(x, again, into, workspace);
        CHECK(identical(into, y));
        CHECK(identical_states(again, state));
    }
}

TEST_CASE("Bidirectional: to the bit what its layers make of the sequence and of the reversed one") {
    const Pair both = pair_of_lstms();
    const auto x = noise<float, 3>({4, 9, 3});
    auto state = random_states(4);
    auto forward = state.forward;
    auto backward = state.backward;
    const auto y = both(x, state);
    const auto expected = side_by_side(both.forward(x, forward), in_reverse(both.backward(in_reverse(x), backward)));
    CHECK(identical(y, expected));
    CHECK(identical_states(state.forward, forward));
    CHECK(identical_states(state.backward, backward));
    // Forward ends after the last step, backward after the first.
    CHECK(identical(state.forward.hidden, xt::eval(xt::view(y, xt::all(), 8, xt::range(0, 5)))));
    CHECK(identical(state.backward.hidden, xt::eval(xt::view(y, xt::all(), 0, xt::range(5, 7)))));
}

TEST_CASE("Bidirectional: with the same layer twice, the reversed sequence gives the halves swapped and reversed") {
    const auto one = pair_of_lstms().forward;
    const nn::Bidirectional both(one, one);
    const auto x = noise<float, 3>({2, 6, 3});
    const auto y = both(x);
    const auto z = in_reverse(both(in_reverse(x)));
    CHECK(identical(xt::eval(xt::view(y, xt::all(), xt::all(), xt::range(0, 5))),
                    xt::eval(xt::view(z, xt::all(), xt::all(), xt::range(5, 10)))));
    CHECK(identical(xt::eval(xt::view(y, xt::all(), xt::all(), xt::range(5, 10))),
                    xt::eval(xt::view(z, xt::all(), xt::all(), xt::range(0, 5)))));
}

TEST_CASE("Bidirectional: each direction carries its own state on; a cut sequence is another computation") {
    const Pair both = pair_of_lstms();
    static_assert(Pair::carries && !Pair::takes_resets && !Pair::needs_state);
    auto state = both.initial_state(2);
    for (const auto* part : {&state.forward, &state.backward}) {
        CHECK(shape_of(part->hidden) == Extents{2, part == &state.forward ? 5 : 2});
        CHECK(shape_of(part->cell) == shape_of(part->hidden));
        for (const auto* tensor : {&part->hidden, &part->cell}) {
            CHECK(values_of(*tensor) == std::vector<float>(tensor->size(), 0));
        }
    }
    const auto x = noise<float, 3>({2, 6, 3});
    const auto zeros = both(x);
    CHECK(identical(both(x, state), zeros));
    const auto carried = state;
    CHECK(!identical(both(x, state), zeros));
    CHECK(identical(both(x), zeros));  // nothing is kept but in the state

    // The forward half of a cut sequence carries on; the backward half has not seen what came later.
    auto cut = both.initial_state(2);
    const nn::Tensor<float, 3> first = xt::view(x, xt::all(), xt::range(0, 4), xt::all());
    const nn::Tensor<float, 3> second = xt::view(x, xt::all(), xt::range(4, 6), xt::all());
    const auto head = both(first, cut);
    (void)both(second, cut);
    CHECK(identical_states(cut.forward, carried.forward));
    CHECK(!identical_states(cut.backward, carried.backward));
    CHECK(identical(xt::eval(xt::view(head, xt::all(), xt::all(), xt::range(0, 5))),
                    xt::eval(xt::view(zeros, xt::all(), xt::range(0, 4), xt::range(0, 5)))));
}

TEST_CASE("Bidirectional: the leading axes are the batch; none is a batch of one") {
    const Pair both = pair_of_lstms();
    const auto x = noise<float, 4>({2, 3, 5, 3});
    auto state = random_states(6);
    const auto start = state;
    const auto y = both(x, state);
    CHECK(shape_of(y) == Extents{2, 3, 5, 7});
    for (std::size_t b = 0; b < 6; ++b) {
        const nn::Tensor<float, 2> one = xt::view(x, b / 3, b % 3, xt::all(), xt::all());
        const auto row = [&](const auto& tensor) { return nn::Tensor<float, 2>(xt::view(tensor, xt::range(b, b + 1), xt::all())); };
        Pair::State alone{{row(start.forward.hidden), row(start.forward.cell)}, {row(start.backward.hidden), row(start.backward.cell)}};
        CHECK(identical(both(one, alone), xt::eval(xt::view(y, b / 3, b % 3, xt::all(), xt::all()))));
        CHECK(identical(alone.backward.cell, row(state.backward.cell)));
    }
    // Batch axes in the other order: one stride does not serve all sequences any more.
    const auto other = xt::view(x, xt::all(), xt::range(0, 3, 2), xt::all(), xt::all());
    CHECK(identical(both(other), both(nn::Tensor<float, 4>(other))));
    const nn::View<const float, 4> turned{x.data(), {3, 2, 5, 3}, {15, 45, 3, 1}};
    nn::Tensor<float, 4> copy({3, 2, 5, 3});
    for (std::size_t a = 0; a < 3; ++a) {
        for (std::size_t b = 0; b < 2; ++b) {
            xt::view(copy, a, b, xt::all(), xt::all()) = xt::view(x, b, a, xt::all(), xt::all());
        }
    }
    CHECK(identical(both(turned), both(copy)));
    CHECK(identical(both(x + 0.0F), both(x)));
    const xt::xarray<float> dynamic = x;
    CHECK(identical(both(dynamic), both(x)));

    // And into any memory.
    nn::Workspace workspace;
    nn::Tensor<float, 4> wide({3, 2, 5, 9}, 9.0F);
    const nn::View<float, 4> narrow{wide.data() + 1, {3, 2, 5, 7}, {90, 45, 9, 1}};
    both.forward_into(turned, narrow, workspace);
    CHECK(identical(xt::eval(xt::view(wide, xt::all(), xt::all(), xt::all(), xt::range(1, 8))), both(copy)));
    CHECK(values_of(xt::eval(xt::view(wide, xt::all(), xt::all(), xt::all(), xt::range(0, 9, 8)))) == std::vector<float>(60, 9.0F));
    auto again = start;
    nn::Tensor<float, 4> other_shape({1, 1, 1, 1});
    both.forward_into(x, again, other_shape, workspace);
    CHECK(identical(other_shape, y));
    CHECK(identical_states(again, state));
}

TEST_CASE("Bidirectional: no steps and no batch are valid and leave the state; one step has no order") {
    const Pair both = pair_of_lstms();
    auto state = random_states(2);
    const auto start = state;
    CHECK(shape_of(both(nn::Tensor<float, 3>({2, 0, 3}), state)) == Extents{2, 0, 7});
    CHECK(identical_states(state, start));
    auto none = both.initial_state(0);
    CHECK(shape_of(both(nn::Tensor<float, 3>({0, 4, 3}), none)) == Extents{0, 4, 7});
    CHECK(shape_of(both(nn::Tensor<float, 2>({0, 3}))) == Extents{0, 7});
    nn::Workspace workspace;
    const nn::View<const float, 3> many{nullptr, {nn::index_t{1} << 40, 0, 3}, {0, 3, 1}};
    both.forward_into(many, nn::View<float, 3>{nullptr, {nn::index_t{1} << 40, 0, 7}, {0, 7, 1}}, workspace);
    CHECK(both.output_shape(nn::Shape<4>{2, 0, 4, 3}) == nn::Shape<4>{2, 0, 4, 7});
    CHECK(both.output_shape(nn::Shape<2>{4, 3}) == nn::Shape<2>{4, 7});
    const auto x = noise<float, 3>({2, 1, 3});
    CHECK(identical(both(x), side_by_side(both.forward(x), both.backward(x))));
}

TEST_CASE("Bidirectional: directions of any kind, networks and one another among them") {
    std::mt19937 rng(2);
    const auto x = noise<float, 3>({2, 6, 3});
    // Without a state.
    const nn::Linear<float> linear({.in_features = 3, .out_features = 2}, rng);
    const nn::Bidirectional steps(linear, nn::relu);
    static_assert(!decltype(steps)::carries && !decltype(steps)::needs_state);
    CHECK(identical(steps(x), side_by_side(linear(x), nn::relu(x))));

    // With both kinds of state: statistics are read, what is carried is written; training writes both.
    const nn::Sequential network(nn::LSTM<float>({.input_size = 3, .hidden_size = 4}, rng), nn::BatchNorm0d<float>({.size = 4}));
    const nn::Bidirectional mixed(network, pair_of_lstms());
    static_assert(decltype(mixed)::carries && decltype(mixed)::needs_state);
    auto state = mixed.initial_state(2);
    CHECK(mixed.output_shape(nn::Shape<3>{2, 6, 3}) == nn::Shape<3>{2, 6, 11});
    auto ahead = network.initial_state(2);
    auto back = pair_of_lstms().initial_state(2);
    const auto expected = side_by_side(network(x, ahead, nn::training()), in_reverse(pair_of_lstms()(in_reverse(x), back)));
    CHECK(identical(mixed(x, state, nn::training()), expected));
    CHECK(identical(state.forward.get<1>().running_mean, ahead.get<1>().running_mean));
    CHECK(state.forward.get<1>().running_mean(0) != 0);
    CHECK(identical_states(state.forward.get<0>(), ahead.get<0>()));
    CHECK(identical_states(state.backward, back));
    (void)mixed(x, state);
    CHECK(identical(state.forward.get<1>().running_mean, ahead.get<1>().running_mean));
    CHECK(!identical_states(state.forward.get<0>(), ahead.get<0>()));
    CHECK(!identical_states(state.backward, back));

    // Forward draws before backward.
    const nn::Dropout dropout({.rate = 0.5});
    std::mt19937 a(5);
    std::mt19937 b(5);
    const auto dropped = nn::Bidirectional(dropout, dropout)(x, nn::training(a));
    const auto first = dropout(x, nn::training(b));
    CHECK(identical(dropped, side_by_side(first, in_reverse(dropout(in_reverse(x), nn::training(b))))));
}

TEST_CASE("Bidirectional: statistics alone make a state that needs no batch") {
    const nn::BatchNorm0d<float> norm({.size = 3});
    const nn::Bidirectional both(norm, nn::relu);
    using Both = decltype(both);
    static_assert(!Both::carries && Both::needs_state);
    auto state = both.initial_state();
    state.forward.running_mean = {.1F, .2F, .3F};
    const auto x = noise<float, 3>({2, 6, 3});
    CHECK(identical(both(x, std::as_const(state)), side_by_side(norm(x, state.forward), nn::relu(x))));
    auto trained = norm.initial_state();
    trained.running_mean = state.forward.running_mean;
    (void)both(x, state, nn::training());
    (void)norm(x, trained, nn::training());
    CHECK(identical(state.forward.running_mean, trained.running_mean));
}

TEST_CASE("Bidirectional: a refused call says why, and leaves output and state as they were") {
    const Pair both = pair_of_lstms();
    const auto x = noise<float, 3>({2, 7, 3});
    auto state = random_states(2);
    const auto start = state;
    auto y = noise<float, 3>({2, 7, 7});
    const auto kept = y;
    nn::Workspace workspace;
    const auto unchanged = [&] { return identical_states(state, start) && identical(y, kept); };

    CHECK(error_of<shape_error>([&] {
              both.forward_into(nn::Tensor<float, 3>({2, 7, 4}, 1.0F), state, y, workspace);
          }) == "nn::LSTM: x has 4 features, expected 3 = input_size  [x (2, 7, 4)]");
    CHECK(error_of<shape_error>([&] {
              both.forward_into(x, state, nn::contiguous(y.data(), nn::Shape<3>{2, 7, 6}), workspace);
          }) == "nn::Bidirectional: y (2, 7, 6), expected (2, 7, 7)  [x (2, 7, 3)]");
    CHECK(error_of<shape_error>([&] {
              both.forward_into(x, state, nn::View<float, 3>{y.data(), {2, 7, 7}, {49, 0, 1}}, workspace);
          }) == "nn::Bidirectional: y has stride 0 along axis 1, so that its elements share memory  [y (2, 7, 7)]");
    CHECK(error_of<shape_error>([&] { (void)both(xt::xarray<float>(std::vector<std::size_t>{3})); }) ==
          "nn::Bidirectional: x has 1 axis, expected at least 2  [x (3,)]");
    CHECK(unchanged());

    // On the state of either direction, and on x. Beyond the tensor lies what the heap put there, which may be met first.
    for (auto* part : {&state.forward.hidden, &state.forward.cell, &state.backward.hidden, &state.backward.cell}) {
        const nn::View<float, 3> on_state{part->data() - 1, {2, 7, 7}, {49, 7, 1}};
        CHECK(error_of<shape_error>([&] {
                  both.forward_into(x, state, on_state, workspace);
              }).starts_with("nn::Bidirectional: y overlaps the state; give it memory of its own  [y (2, 7, 7), the state "));
    }
    std::vector<float> shared(200, 1.0F);
    CHECK(error_of<shape_error>([&] {
              both.forward_into(nn::contiguous(std::as_const(shared).data() + 97, nn::Shape<3>{2, 7, 3}), state,
                                nn::contiguous(shared.data(), nn::Shape<3>{2, 7, 7}), workspace);
          }) == "nn::Bidirectional: y overlaps x; give it memory of its own  [y (2, 7, 7), x (2, 7, 3)]");
    CHECK(shared == std::vector<float>(200, 1.0F));
    CHECK(unchanged());

    // The backward direction refuses when the forward one has already moved on.
    state.backward.cell = nn::Tensor<float, 2>({3, 2}, 1.0F);
    CHECK(error_of<shape_error>([&] { both.forward_into(x, state, y, workspace); }) ==
          "nn::LSTM: state.hidden (2, 2), state.cell (3, 2), expected (2, 2) = (batch, hidden_size); initial_state(2) makes it  [x (2, 7, "
          "3)]");
    CHECK(error_of<shape_error>([&] { (void)both(x, state); }).substr(0, 8) == "nn::LSTM");
    CHECK(identical_states(state.forward, start.forward));
    CHECK(identical(state.backward.hidden, start.backward.hidden));
    CHECK(identical(y, kept));

    const nn::Bidirectional refusing(both.forward, Refuse{});
    auto half = refusing.initial_state(2);
    half.forward = start.forward;
    nn::Tensor<float, 3> z({2, 7, 8}, 4.0F);
    CHECK(error_of<std::domain_error>([&] { refusing.forward_into(x, half, z, workspace); }) == "Refuse: not today");
    CHECK(error_of<std::domain_error>([&] { (void)refusing(x, half); }) == "Refuse: not today");
    CHECK(identical_states(half.forward, start.forward));
    CHECK(values_of(z) == std::vector<float>(112, 4.0F));

    const nn::Bidirectional torn(both.forward, Shorter{});
    CHECK(error_of<shape_error>([&] { (void)torn(x); }) ==
          "nn::Bidirectional: the layers make (2, 7, 5) and (2, 6, 3), which do not stand side by side  [x (2, 7, 3)]");
    CHECK(error_of<shape_error>([&] {
              (void)torn.output_shape(nn::Shape<4>{1, 2, 7, 3});
          }) == "nn::Bidirectional: the layers make (1, 2, 7, 5) and (1, 2, 6, 3), which do not stand side by side  [x (1, 2, 7, 3)]");
    CHECK(error_of<shape_error>([&] {
              (void)both.output_shape(nn::Shape<2>{7, 4});
          }) == "nn::LSTM: x has 4 features, expected 3 = input_size  [x (7, 4)]");
}

TEST_CASE("Bidirectional: no resets, no const state, and no state that is not its own") {
    using State = Pair::State;
    using X = nn::Tensor<float, 3>;
    using Marks = nn::Tensor<bool, 2>;
    using W = nn::Workspace;
    static_assert(called_with<Pair, X&> && called_with<Pair, X&, State&> && called_with<Pair, X&, State&, nn::Training<>>);
    static_assert(!called_with<Pair, X&, const State&> && !called_with<Pair, X&, State&, Marks&> &&
                  !called_with<Pair, X&, nn::LSTMState<float>&>);
    static_assert(forwarded_with<Pair, X&, X&, W&> && forwarded_with<Pair, X&, State&, X&, W&>);
    static_assert(!forwarded_with<Pair, X&, const State&, X&, W&> && !forwarded_with<Pair, X&, State&, Marks&, X&, W&>);
    static_assert(!starts_without_batch<Pair>);
    static_assert(tells_shape<Pair> && !tells_shape<nn::Bidirectional<nn::LSTM<float>, Plain>>);
    static_assert(Pair::allocation_free && !nn::Bidirectional<nn::LSTM<float>, Refuse>::allocation_free);
    SUCCEED();
}
