// SPDX-License-Identifier: MIT

#include <nn/compose/residual.hpp>

#include <algorithm>
#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/compose/conv_norm_activation.hpp>
#include <nn/compose/sequential.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/causal_conv.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/gru.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>

#include "support/catch.hpp"
#include "support/into.hpp"
#include "support/recurrent.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::shape_error;
using nn::test::called_with;
using nn::test::check_into;
using nn::test::cut;
using nn::test::error_of;
using nn::test::forwarded_with;
using nn::test::identical;
using nn::test::noise;
using nn::test::starts_with_batch;
using nn::test::starts_without_batch;
using nn::test::values_of;

using Values = std::vector<float>;

nn::Linear<float> linear(index_t in, index_t out, unsigned seed = 1) {
    return {{.in_features = in, .out_features = out}, std::mt19937(seed)};
}
nn::GRU<float> gru(index_t in, index_t out, unsigned seed = 1) { return {{.input_size = in, .hidden_size = out}, std::mt19937(seed)}; }
nn::LSTM<float> lstm(index_t in, index_t out, unsigned seed = 1) { return {{.input_size = in, .hidden_size = out}, std::mt19937(seed)}; }
nn::CausalConv1d<float> causal(index_t in, index_t out, unsigned seed = 1) {
    return {{.in_channels = in, .out_channels = out, .kernel_size = 3}, std::mt19937(seed)};
}

/// a + b, element by element.
template <class A>
A added(const A& a, const A& b) {
    A y = a;
    std::transform(y.begin(), y.end(), b.begin(), y.begin(), [](auto p, auto q) { return p + q; });
    return y;
}

nn::Tensor<float, 2> doubled(const nn::Tensor<float, 2>& x) { return added(x, x); }

/// Throws where the first element is larger than 9.
struct RefuseLarge {
    auto operator()(const auto& x) const {
        nn::require<std::domain_error>(x(0, 0, 0) <= 9, "RefuseLarge", "larger than 9");
        return nn::identity(x);
    }
};

/// Every tensor of a state.
template <class State>
std::vector<Values> tensors_of(const State& state) {
    std::vector<Values> result;
    nn::visit_parameters(state, [&](std::string_view, const auto& tensor) { result.push_back(values_of(tensor)); });
    return result;
}

}  // namespace

// ---- paths ----

TEST_CASE("residual: without a shortcut x itself is added, to the bit") {
    const auto x = noise<float, 3>({2, 5, 4});
    const nn::Residual net(linear(4, 4));
    static_assert(std::is_same_v<std::remove_const_t<decltype(net)>, nn::Residual<nn::Linear<float>>>);
    static_assert(!decltype(net)::carries && !decltype(net)::needs_state && decltype(net)::allocation_free);
    CHECK(identical(net(x), added(x, linear(4, 4)(x))));
    CHECK(net.output_shape(nn::Shape<3>{2, 5, 4}) == nn::Shape<3>{2, 5, 4});
    check_into(net, x);
    check_into(net, noise<float, 1>({4}));
    check_into(net, nn::Tensor<float, 3>({0, 5, 4}));
    const nn::Residual exact(nn::Linear<double>({.in_features = 4, .out_features = 4}, std::mt19937(1)));
    check_into(exact, noise<double, 2>({3, 4}));
    CHECK(identical(nn::Residual(nn::identity)(x), added(x, x)));
}

TEST_CASE("residual: a shortcut layer, as where a block changes the image's size") {
    std::mt19937 rng(2);
    const nn::Conv2d<float> main({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2, .padding = 1}, rng);
    const nn::Conv2d<float> shortcut({.in_channels = 2, .out_channels = 3, .stride = 2}, rng);
    const nn::Residual net(main, shortcut);
    const auto x = noise<float, 4>({2, 2, 7, 6});
    CHECK(identical(net(x), added(shortcut(x), main(x))));
    CHECK(net.output_shape(nn::Shape<4>{2, 2, 7, 6}) == nn::Shape<4>{2, 3, 4, 3});
    check_into(net, x);
    check_into(nn::Sequential(nn::relu, net, nn::Residual(nn::tanh), nn::silu), x);
    check_into(nn::Residual(nn::identity, linear(4, 4)), noise<float, 2>({3, 4}));

    std::vector<std::string> names;
    nn::visit_parameters(net, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"main.weight", "main.bias", "shortcut.weight", "shortcut.bias"});
    CHECK(nn::parameter_count(nn::Residual(linear(4, 4))) == 20);
}

TEST_CASE("residual: plain callables on either path, whatever they return") {
    const auto x = noise<float, 2>({3, 4});
    const auto twice = added(x, x);
    const auto thrice = added(x, twice);
    const auto expression = [](const auto& z) { return z * 2.0F; };
    const auto same = [](const auto& z) -> const auto& { return z; };
    const auto view = [](const auto& z) { return xt::view(z, xt::all(), xt::all()); };
    CHECK(identical(nn::Residual(&doubled)(x), thrice));
    CHECK(identical(nn::Residual(expression)(x), thrice));
    CHECK(identical(nn::Residual(same)(x), twice));
    CHECK(identical(nn::Residual(same, view)(x), twice));
    CHECK(identical(nn::Residual(expression, same)(x), thrice));
    CHECK(identical(nn::Residual(linear(4, 4), &doubled)(x), added(twice, linear(4, 4)(x))));
    CHECK(identical(nn::Residual(&doubled, linear(4, 4))(x), added(linear(4, 4)(x), twice)));
    check_into(nn::Residual(&doubled), x);
    check_into(nn::Residual(same, view), x);
    check_into(nn::Residual(linear(4, 4), expression), x);
    check_into(nn::Residual(expression, linear(4, 4)), x);
    check_into(nn::Sequential(linear(4, 4), nn::Residual(&doubled), nn::relu), x);
    static_assert(!decltype(nn::Residual(&doubled))::allocation_free);
    const float factor = 3;
    const nn::Residual captured([factor](const auto& z) { return nn::identity(z * factor); });
    CHECK(identical(captured(x), added(x, nn::identity(x * 3.0F))));
}

TEST_CASE("residual: views, lazy expressions and xarrays, in and out") {
    const auto x = noise<float, 3>({4, 5, 8});
    for (const bool layer : {false, true}) {
        const auto check = [&](const auto& net) {
            const auto part = xt::view(x, xt::range(0, 4, 2), xt::all(), xt::range(1, 8, 2));
            const nn::Tensor<float, 3> copy = part;
            CHECK(identical(net(part), net(copy)));
            CHECK(identical(net(copy + copy), net(nn::identity(copy + copy))));
            CHECK(identical(net(nn::view_of(copy)), net(copy)));
            const xt::xarray<float> dynamic = copy;
            const auto y = net(dynamic);
            static_assert(std::is_same_v<std::remove_const_t<decltype(y)>, xt::xarray<float, xt::layout_type::row_major>>);
            CHECK(identical(y, net(copy)));
            nn::Workspace workspace;
            xt::xarray<float> any_rank;
            net.forward_into(copy, any_rank, workspace);
            CHECK(identical(any_rank, net(copy)));
        };
        layer ? check(nn::Residual(linear(4, 6), linear(4, 6, 2))) : check(nn::Residual(nn::Sequential(linear(4, 4), nn::relu)));
    }
}

TEST_CASE("residual: a Residual of a Residual is a layer in a layer, not a copy") {
    const auto x = noise<float, 2>({3, 4});
    const nn::Residual inner(linear(4, 4));
    const nn::Residual outer(inner);
    static_assert(std::is_same_v<std::remove_const_t<decltype(outer)>, nn::Residual<nn::Residual<nn::Linear<float>>>>);
    CHECK(identical(outer(x), added(x, inner(x))));
    check_into(outer, x);
    auto copy = inner;
    static_assert(std::is_same_v<decltype(copy), nn::Residual<nn::Linear<float>>>);
    copy.main.weight.fill(0);
    CHECK(identical(inner(x), added(x, linear(4, 4)(x))));

    const nn::Residual deep(nn::Residual(gru(4, 4), nn::Residual(lstm(4, 4))));
    const auto sequence = noise<float, 3>({2, 6, 4});
    auto state = deep.initial_state(2);
    auto a = gru(4, 4).initial_state(2);
    auto b = lstm(4, 4).initial_state(2);
    const auto expected = added(sequence, added(added(sequence, lstm(4, 4)(sequence, b)), gru(4, 4)(sequence, a)));
    CHECK(identical(deep(sequence, state), expected));
    CHECK(identical(state.main.main.hidden, a.hidden));
    CHECK(identical(state.main.shortcut.main.cell, b.cell));
    check_into(deep, sequence, state);
}

// ---- states, modes and resets ----

TEST_CASE("residual: statistics of either path are read, and written by training alone") {
    const nn::BatchNorm0d<float> first({.size = 4});
    const nn::BatchNorm0d<float> second({.size = 4, .momentum = 0.4});
    const nn::Residual net(nn::Sequential(linear(4, 4), first), second);
    using Net = decltype(net);
    static_assert(!Net::carries && Net::needs_state && starts_without_batch<Net> && !starts_with_batch<Net>);
    const auto x = noise<float, 2>({6, 4});
    auto state = net.initial_state();
    auto a = first.initial_state();
    auto b = second.initial_state();
    for (int call = 0; call < 2; ++call) {
        const auto main = first(linear(4, 4)(x), a, nn::training());
        CHECK(identical(net(x, state, nn::training()), added(second(x, b, nn::training()), main)));
        CHECK(identical(state.main.get<1>().running_var, a.running_var));
        CHECK(identical(state.shortcut.running_mean, b.running_mean));
        CHECK(b.running_mean(0) != 0);
    }
    const auto before = tensors_of(state);
    CHECK(identical(net(x, std::as_const(state)), added(second(x, b), first(linear(4, 4)(x), a))));
    CHECK(identical(net(x, state), net(x, std::as_const(state))));
    CHECK(tensors_of(state) == before);
    check_into(net, x, state);

    auto again = state;
    nn::Workspace workspace;
    nn::Tensor<float, 2> y;
    net.forward_into(x, again, nn::training(), y, workspace);
    CHECK(identical(y, net(x, state, nn::training())));
    CHECK(tensors_of(again) == tensors_of(state));

    // One path alone has a state.
    const nn::Residual bare(first);
    auto one = bare.initial_state();
    auto alone = first.initial_state();
    CHECK(identical(bare(x, one, nn::training()), added(x, first(x, alone, nn::training()))));
    CHECK(identical(one.main.running_mean, alone.running_mean));
    const nn::Residual other(linear(4, 4), first);
    CHECK(identical(other(x, other.initial_state()), added(first(x, first.initial_state()), linear(4, 4)(x))));
}

TEST_CASE("residual: a carried state is written by every call, and a cut sequence gives the bits of the whole") {
    const auto x = noise<float, 3>({2, 9, 4});
    const auto check = [&](const auto& net) {
        using Net = std::remove_cvref_t<decltype(net)>;
        static_assert(Net::carries && !Net::needs_state && starts_with_batch<Net> && !starts_without_batch<Net>);
        auto whole = net.initial_state(2);
        const auto y = net(x, whole);
        CHECK(identical(net(x), y));
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{9}}) {
            auto state = net.initial_state(2);
            CHECK(identical(net(cut(x, 0, at), state), xt::eval(cut(y, 0, at))));
            CHECK(identical(net(cut(x, at, 9), state), xt::eval(cut(y, at, 9))));
            CHECK(tensors_of(state) == tensors_of(whole));
        }
        check_into(net, x);
        check_into(net, x, whole);
    };
    check(nn::Residual(gru(4, 4)));
    check(nn::Residual(linear(4, 5), lstm(4, 5)));
    check(nn::Residual(nn::Sequential(causal(4, 6), nn::relu, gru(6, 3)), causal(4, 3, 2)));
    auto state = nn::Residual(gru(4, 4), lstm(4, 4)).initial_state(2);
    auto a = gru(4, 4).initial_state(2);
    auto b = lstm(4, 4).initial_state(2);
    CHECK(identical(nn::Residual(gru(4, 4), lstm(4, 4))(x, state), added(lstm(4, 4)(x, b), gru(4, 4)(x, a))));
    CHECK(identical(state.main.hidden, a.hidden));
    CHECK(identical(state.shortcut.cell, b.cell));
}

TEST_CASE("residual: of a state of both kinds inference reads the statistics and writes what is carried") {
    const nn::BatchNorm0d<float> norm({.size = 4});
    const nn::Residual net(gru(4, 4), norm);
    static_assert(decltype(net)::carries && decltype(net)::needs_state);
    const auto x = noise<float, 3>({2, 6, 4});
    auto state = net.initial_state(2);
    auto carried = gru(4, 4).initial_state(2);
    auto statistics = norm.initial_state();
    CHECK(identical(net(x, state), added(norm(x, statistics), gru(4, 4)(x, carried))));
    CHECK(identical(state.main.hidden, carried.hidden));
    CHECK(values_of(state.shortcut.running_mean) == Values(4, 0));
    const auto main = gru(4, 4)(x, carried);
    CHECK(identical(net(x, state, nn::training()), added(norm(x, statistics, nn::training()), main)));
    CHECK(identical(state.main.hidden, carried.hidden));
    CHECK(identical(state.shortcut.running_var, statistics.running_var));
    CHECK(values_of(state.shortcut.running_mean) != Values(4, 0));
    check_into(net, x, state);
}

TEST_CASE("residual: resets go to every path that carries, a mode to every path that takes one") {
    const nn::Residual net(nn::Sequential(gru(4, 4), nn::Dropout({.rate = 0.5})), lstm(4, 4));
    static_assert(decltype(net)::takes_resets);
    const auto x = noise<float, 3>({2, 6, 4});
    nn::Tensor<bool, 2> resets({2, 6}, false);
    resets(0, 2) = resets(1, 0) = true;
    auto state = net.initial_state(2);
    (void)net(x, state);
    auto a = state.main.get<0>();
    auto b = state.shortcut;
    auto expected = state;
    auto not_reset = state;
    CHECK(identical(net(x, state, resets), added(lstm(4, 4)(x, b, resets), gru(4, 4)(x, a, resets))));
    CHECK(!identical(net(x, not_reset), net(x, expected, resets)));
    CHECK(identical(state.main.get<0>().hidden, a.hidden));
    CHECK(identical(state.shortcut.cell, b.cell));

    std::mt19937 one(5);
    std::mt19937 two(5);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y;
    auto again = state;
    net.forward_into(x, again, resets, nn::training(one), y, workspace);
    const auto main = nn::Dropout({.rate = 0.5})(gru(4, 4)(x, a, resets), nn::training(two));
    CHECK(identical(y, added(lstm(4, 4)(x, b, resets), main)));
    CHECK(one == two);
    CHECK(identical(again.shortcut.cell, b.cell));
    CHECK(identical(nn::Residual(nn::Dropout({.rate = 0.5}))(x), added(x, x)));  // nobody draws without a mode
}

// ---- in place ----

TEST_CASE("residual: y may be x, on whichever path x goes") {
    nn::Workspace workspace;
    const auto start = noise<float, 2>({3, 4});
    const auto check = [&](const auto& net) {
        auto x = start;
        net.forward_into(x, x, workspace);
        CHECK(identical(x, net(start)));
        auto strided = nn::Tensor<float, 2>(xt::transpose(start));
        auto view = nn::permuted(nn::view_of(strided), {1, 0});
        net.forward_into(view, view, workspace);
        CHECK(identical(nn::Tensor<float, 2>(xt::transpose(strided)), net(start)));
    };
    check(nn::Residual(nn::tanh));
    check(nn::Residual(linear(4, 4)));
    check(nn::Residual(nn::identity));
    check(nn::Residual(nn::identity, linear(4, 4)));
    check(nn::Residual(linear(4, 4), linear(4, 4, 2)));
    check(nn::Residual(&doubled, linear(4, 4)));
    check(nn::Residual(nn::Residual(linear(4, 4))));
}

TEST_CASE("residual: y beside x is refused where x is added, and nothing is written") {
    nn::Workspace workspace;
    std::vector<float> memory(20, 1);
    const nn::View<const float, 2> x = nn::contiguous(std::as_const(memory).data(), nn::Shape<2>{3, 4});
    const auto said = [&](const auto& net) {
        std::string text = error_of<shape_error>([&] {
            net.forward_into(x, nn::contiguous(memory.data() + 1, nn::Shape<2>{3, 4}), workspace);
        });
        CHECK(memory == Values(20, 1));
        return text;
    };
    const std::string beside = "nn::Residual: y overlaps x; give it memory of its own  [y (3, 4), x (3, 4)]";
    CHECK(said(nn::Residual(linear(4, 4))) == beside);
    CHECK(said(nn::Residual(nn::identity, linear(4, 4))) == beside);
    CHECK(said(nn::Residual(nn::identity)) == beside);
    CHECK(error_of<shape_error>([&] {
              nn::Residual(nn::tanh).forward_into(x, nn::View<float, 2>{memory.data(), {3, 4}, {1, 3}}, workspace);
          }) == beside);
}

// ---- what is refused ----

TEST_CASE("residual: paths that do not agree in shape are refused, and state and y are as before") {
    const nn::Residual net(nn::Sequential(gru(4, 4), linear(4, 3)));
    const auto x = noise<float, 3>({2, 5, 4});
    auto state = net.initial_state(2);
    const auto start = tensors_of(state);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y({2, 5, 4}, 4.0F);
    const std::string text = "nn::Residual: main makes (2, 5, 3), shortcut (2, 5, 4), expected the same shape  [x (2, 5, 4)]";
    CHECK(error_of<shape_error>([&] { (void)net(x, state); }) == text);
    CHECK(error_of<shape_error>([&] { net.forward_into(x, state, y, workspace); }) == text);
    CHECK(error_of<shape_error>([&] { net.forward_into(x, state, nn::view_of(y), workspace); }) == text);
    CHECK(error_of<shape_error>([&] { (void)net.output_shape(nn::Shape<3>{2, 5, 4}); }) == text);
    CHECK(tensors_of(state) == start);
    CHECK(values_of(y) == Values(40, 4));
    const auto shorter = [](const nn::Tensor<float, 3>& z) { return nn::Tensor<float, 3>(cut(z, 0, 3)); };
    CHECK(error_of<shape_error>([&] { (void)nn::Residual(shorter)(x); }) ==
          "nn::Residual: main makes (2, 3, 4), shortcut (2, 5, 4), expected the same shape  [x (2, 5, 4)]");
    CHECK(error_of<shape_error>([&] { (void)nn::Residual(nn::relu, shorter)(x); }) ==
          "nn::Residual: main makes (2, 5, 4), shortcut (2, 3, 4), expected the same shape  [x (2, 5, 4)]");

    // A y that does not fit, and the error of a layer.
    const nn::Residual good(gru(4, 4));
    auto other = good.initial_state(2);
    CHECK(error_of<shape_error>([&] {
              good.forward_into(x, other, nn::contiguous(y.data(), nn::Shape<3>{2, 4, 5}), workspace);
          }) == "nn::Residual: y (2, 4, 5), expected (2, 5, 4)  [x (2, 5, 4)]");
    CHECK(values_of(other.main.hidden) == Values(8, 0));
    CHECK(error_of<shape_error>([&] {
              (void)good(nn::Tensor<float, 3>({2, 5, 3}, 1.0F), other);
          }) == "nn::GRU: x has 3 features, expected 4 = input_size  [x (2, 5, 3)]");
}

TEST_CASE("residual: when the shortcut throws after main wrote its state, everything is as before") {
    const nn::BatchNorm0d<float> norm({.size = 4});
    const nn::Residual net(nn::Sequential(gru(4, 4), norm, causal(4, 4)),
                           nn::Sequential(
                               lstm(4, 4), [](const auto& z) { return z * 100.0F; }, RefuseLarge{}));
    const auto small = noise<float, 3>({2, 5, 4});
    auto state = net.initial_state(2);
    nn::Workspace workspace;
    // A state that is not the first, and an x that is refused.
    const auto x = [&] {
        for (std::uint64_t seed = 1;; ++seed) {
            auto candidate = noise<float, 3>({2, 5, 4}, seed);
            if (lstm(4, 4)(candidate)(0, 0, 0) > 0.0901F) {
                return candidate;
            }
        }
    }();
    (void)net.main(small, state.main, nn::training());
    const auto start = tensors_of(state);
    nn::Tensor<float, 3> y({2, 5, 4}, 4.0F);
    const nn::Tensor<bool, 2> resets({2, 5}, true);
    const auto said = [](const auto& call) { return error_of<std::domain_error>(call); };
    CHECK(said([&] { (void)net(x, state); }) == "RefuseLarge: larger than 9");
    CHECK(said([&] { (void)net(x, state, nn::training()); }) == "RefuseLarge: larger than 9");
    CHECK(said([&] { net.forward_into(x, state, y, workspace); }) == "RefuseLarge: larger than 9");
    CHECK(said([&] { net.forward_into(x, state, nn::training(), y, workspace); }) == "RefuseLarge: larger than 9");
    CHECK(tensors_of(state) == start);
    CHECK(values_of(y) == Values(40, 4));

    // And nested in another network.
    const auto fail = [](const auto& z) {
        if (z(0, 0, 0) > -2) {
            throw 7;
        }
        return z;
    };
    const nn::Sequential outer(gru(4, 4, 7), nn::Residual(gru(4, 4), fail));
    auto both = outer.initial_state(2);
    CHECK_THROWS_AS(outer(x, both, resets), int);
    CHECK_THROWS_AS(outer.forward_into(x, both, y, workspace), int);
    CHECK(tensors_of(both) == tensors_of(outer.initial_state(2)));
    CHECK(values_of(y) == Values(40, 4));
}

TEST_CASE("residual: a y on the state of either path is refused before anything runs") {
    const nn::GRUCell<float> first({.input_size = 5, .hidden_size = 5}, std::mt19937(1));
    const nn::LSTMCell<float> second({.input_size = 5, .hidden_size = 5}, std::mt19937(2));
    const nn::Residual net(first, nn::Sequential(second, nn::BatchNorm0d<float>({.size = 5})));
    auto state = net.initial_state(2);
    const auto x = noise<float, 2>({2, 5});
    (void)net(x, state, nn::training());
    const auto start = tensors_of(state);
    nn::Workspace workspace;
    const std::string on = "nn::Residual: y overlaps the state; give it memory of its own  [y (2, 5), the state ";
    for (auto* tensor : {&state.main.hidden, &state.shortcut.get<0>().hidden, &state.shortcut.get<0>().cell}) {
        CHECK(error_of<shape_error>([&] { net.forward_into(x, state, *tensor, workspace); }) == on + "(2, 5)]");
        CHECK(error_of<shape_error>([&] { net.forward_into(x, state, nn::training(), *tensor, workspace); }) == on + "(2, 5)]");
    }
    const nn::View<float, 2> first_element{state.shortcut.get<1>().running_var.data() - 9, {2, 5}, {5, 1}};
    // Before the tensor lies what the heap put there, which may be met first.
    CHECK(error_of<shape_error>([&] { net.forward_into(x, state, first_element, workspace); }).starts_with(on));
    CHECK(tensors_of(state) == start);
}

// ---- static ----

TEST_CASE("residual: what does not fit its type does not compile") {
    using X = nn::Tensor<float, 3>;
    using Marks = nn::Tensor<bool, 2>;
    using Train = nn::Training<>;
    using Draw = nn::Training<std::mt19937>;
    using W = nn::Workspace;

    using Plain = nn::Residual<nn::Linear<float>>;
    static_assert(called_with<Plain, X&> && called_with<Plain, X&, Train> && called_with<Plain, X&, Draw>);
    static_assert(!called_with<Plain, X&, Marks&> && !called_with<Plain, X&, X&> && !called_with<Plain, X&, nn::GRUState<float>&>);
    static_assert(forwarded_with<Plain, X&, X&, W&> && forwarded_with<Plain, X&, Train, X&, W&> &&
                  !forwarded_with<Plain, X&, Marks&, X&, W&>);
    static_assert(!starts_with_batch<Plain> && !starts_without_batch<Plain>);

    using Norms = nn::Residual<nn::Linear<float>, nn::BatchNorm0d<float>>;
    using S = Norms::State;
    static_assert(called_with<Norms, X&, S&> && called_with<Norms, X&, const S&> && called_with<Norms, X&, S&, Train>);
    static_assert(!called_with<Norms, X&> && !called_with<Norms, X&, const S&, Train> && !called_with<Norms, X&, S&, Marks&>);
    static_assert(forwarded_with<Norms, X&, const S&, X&, W&> && !forwarded_with<Norms, X&, const S&, Train, X&, W&>);

    using Carrying = nn::Residual<nn::GRU<float>>;
    using C = Carrying::State;
    static_assert(called_with<Carrying, X&> && called_with<Carrying, X&, C&> && called_with<Carrying, X&, C&, Marks&, Train>);
    static_assert(!called_with<Carrying, X&, const C&> && !called_with<Carrying, X&, Marks&> &&
                  !called_with<Carrying, X&, C&, Train, Marks&>);
    static_assert(forwarded_with<Carrying, X&, C&, Marks&, X&, W&> && !forwarded_with<Carrying, X&, const C&, X&, W&>);

    // One path that carries and takes no resets, and the whole takes none.
    using Mixed = nn::Residual<nn::GRU<float>, nn::CausalConv1d<float>>;
    static_assert(Mixed::carries && !Mixed::takes_resets && !called_with<Mixed, X&, Mixed::State&, Marks&>);
    static_assert(!nn::Residual<nn::CausalConv1d<float>>::takes_resets && nn::Residual<nn::Linear<float>, nn::GRU<float>>::takes_resets);
    SUCCEED();
}
