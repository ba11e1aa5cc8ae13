// SPDX-License-Identifier: MIT

#include <nn/compose/sequential.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/compose/bidirectional.hpp>
#include <nn/compose/conv_norm_activation.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/dropout.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>
#include <nn/layers/pool.hpp>

#include "support/catch.hpp"
#include "support/into.hpp"
#include "support/recurrent.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::shape_error;
using nn::test::called_with;
using nn::test::check_into;
using nn::test::close;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::forwarded_with;
using nn::test::identical;
using nn::test::identical_states;
using nn::test::noise;
using nn::test::shape_of;
using nn::test::starts_with_batch;
using nn::test::starts_without_batch;
using nn::test::values_of;

using Values = std::vector<float>;

nn::Linear<float> linear(index_t in, index_t out, unsigned seed = 1) {
    std::mt19937 rng(seed);
    return {{.in_features = in, .out_features = out}, rng};
}
nn::LSTM<float> lstm(index_t in, index_t out, unsigned seed = 1) {
    std::mt19937 rng(seed);
    return {{.input_size = in, .hidden_size = out}, rng};
}

// ---- layers of a user's own ----

nn::Tensor<float, 2> doubled(const nn::Tensor<float, 2>& x) {
    nn::Tensor<float, 2> y = x;
    for (float& element : y) {
        element *= 2;
    }
    return y;
}

/// A call and the names of what it holds.
struct Scale {
    nn::Tensor<float, 1> scale{2.0F};
    nn::Linear<float> inner;

    auto operator()(const auto& x) const {
        auto y = inner(x);
        for (auto& element : y) {
            element *= scale(0);
        }
        return y;
    }
    static void members(auto& self, auto&& f) { f("scale", self.scale), f("inner", self.inner); }
};

/// Statistics: the largest element that training has seen, by which x is divided.
struct Largest {
    struct State {
        nn::Tensor<float, 1> largest{1.0F};

        static void members(auto& self, auto&& f) { f("largest", self.largest); }
    };
    State initial_state() const { return {}; }

    auto operator()(const auto& x, const State& state) const { return nn::Tensor<float, 3>(x / state.largest(0)); }
    auto operator()(const auto& x, State& state, nn::mode auto) const {
        for (const float element : x) {
            state.largest(0) = std::max(state.largest(0), element);
        }
        return (*this)(x, std::as_const(state));
    }
};

/// Carried state: the sum of the steps so far, of sequences (B, T, D).
struct Sum {
    struct State {
        nn::Tensor<float, 2> sum;
        static constexpr bool carried = true;

        static void members(auto& self, auto&& f) { f("sum", self.sum); }
    };
    static constexpr bool carries = true;
    static constexpr bool takes_resets = false;
    index_t width;

    State initial_state(index_t batch) const { return {nn::make_tensor<float, 2>({batch, width}, 0)}; }
    auto operator()(const nn::Tensor<float, 3>& x, State& state) const {
        nn::Tensor<float, 3> y = x;
        for (std::size_t b = 0; b < x.shape(0); ++b) {
            for (std::size_t t = 0; t < x.shape(1); ++t) {
                for (std::size_t d = 0; d < x.shape(2); ++d) {
                    state.sum(b, d) += x(b, t, d);
                    y(b, t, d) = state.sum(b, d);
                }
            }
        }
        return y;
    }
    auto operator()(const nn::Tensor<float, 3>& x) const {
        State state = initial_state(static_cast<index_t>(x.shape(0)));
        return (*this)(x, state);
    }
};

/// Everything that ours have; and final, which is no obstacle.
struct Negate final {
    static constexpr bool allocation_free = true;
    auto operator()(const auto& x) const { return nn::identity(-x); }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, nn::Workspace& workspace) const {
        nn::identity.forward_into(x, y, workspace);
        for (index_t i = 0; i < nn::element_count(nn::extents_of(y)); ++i) {
            *(nn::detail::data_of(y) + i) *= -1;
        }
    }
    template <std::size_t R>
    nn::Shape<R> output_shape(const nn::Shape<R>& x) const {
        return x;
    }
};

/// Has a tensor in its state that training makes, or lets go, before it writes the one behind.
struct Swap {
    struct State {
        std::optional<nn::Tensor<float, 1>> engaged;
        nn::Tensor<float, 1> kept{1.0F, 2.0F};

        static void members(auto& self, auto&& f) { f("engaged", self.engaged), f("kept", self.kept); }
    };
    State initial_state() const { return {}; }

    auto operator()(const auto& x, const State&) const { return nn::Tensor<float, 2>(x); }
    auto operator()(const auto& x, State& state, nn::mode auto) const {
        state.engaged = state.engaged ? std::nullopt : std::optional(nn::Tensor<float, 1>{7.0F, 8.0F});
        state.kept.fill(9.0F);
        return nn::Tensor<float, 2>(x);
    }
};

/// Refuses when an element is larger than 9: sums that grow are refused some calls later.
struct RefuseLarge {
    auto operator()(const auto& x) const {
        for (const auto element : x) {
            nn::require<std::domain_error>(element <= 9, "RefuseLarge", "an element is larger than 9");
        }
        return nn::identity(x);
    }
};

/// Cannot be copied.
struct Owner {
    std::unique_ptr<float> factor;
    auto operator()(const auto& x) const { return nn::identity(x * *factor); }
};

}  // namespace

// ---- what a layer may be ----

TEST_CASE("Sequential: layers, free functions and lambdas, one after another") {
    const auto first = linear(4, 3, 1);
    const auto second = linear(3, 5, 2);
    const auto x = noise<float, 2>({6, 4});
    const nn::Sequential net(first, doubled, nn::relu, second, [](const auto& z) { return nn::tanh(z); });
    const auto expected = nn::tanh(second(nn::relu(doubled(first(x)))));
    CHECK(identical(net(x), expected));
    check_into(net, x);
    CHECK(identical(net.get<0>().weight, first.weight));
    static_assert(!decltype(net)::carries && !decltype(net)::needs_state && !decltype(net)::allocation_free);

    // The first and the last may be plain, too; what has captures, as well.
    float factor = 3;
    const nn::Sequential plain([factor](const auto& z) { return nn::identity(z * factor); }, second, &doubled);
    const auto y = noise<float, 2>({2, 3});
    CHECK(identical(plain(y), doubled(second(nn::identity(y * 3.0F)))));
    check_into(plain, y);
    check_into(nn::Sequential(&doubled), y);

    nn::Tensor<float, 2> narrow({2, 2}, 0.0F);
    nn::Workspace workspace;
    CHECK(error_of<shape_error>([&] { plain.forward_into(y, nn::view_of(narrow), workspace); }) ==
          "nn::Sequential: y (2, 2), expected (2, 5)  [x (2, 5)]");
}

TEST_CASE("Sequential: what a callable returns may refer to its argument") {
    const auto x = noise<float, 2>({6, 4});
    const nn::Sequential net([](const auto& z) { return z * 2.0F; },                                 // an expression
                             [](const auto& z) { return xt::view(z, xt::range(1, 3), xt::all()); },  // a view
                             [](const auto& z) -> const auto& { return z; },                         // a reference
                             [](const nn::Tensor<float, 2>& z) { return nn::view_of(z); },           // nn's view
                             [](const auto& z) { return z + 1.0F; });
    const nn::Tensor<float, 2> expected = xt::view(x, xt::range(1, 3), xt::all()) * 2.0F + 1.0F;
    const auto y = net(x);
    static_assert(std::is_same_v<std::remove_const_t<decltype(y)>, nn::Tensor<float, 2>>);
    CHECK(identical(y, expected));
    nn::Workspace workspace;
    nn::Tensor<float, 2> into;
    net.forward_into(x, into, workspace);
    CHECK(identical(into, expected));
    net.forward_into(nn::view_of(x), into, workspace);
    CHECK(identical(into, expected));
}

TEST_CASE("Sequential: the elements may change their type, and what passes need not be a tensor") {
    const auto lookup = [](const nn::Tensor<int, 2>& ids) {
        nn::Tensor<float, 3> y({ids.shape(0), ids.shape(1), 2});
        for (std::size_t i = 0; i < ids.size(); ++i) {
            y.data()[2 * i] = static_cast<float>(ids.data()[i]);
            y.data()[2 * i + 1] = 1;
        }
        return y;
    };
    const nn::Tensor<int, 2> ids{{1, 2, 3}, {4, 5, 6}};
    const nn::Sequential net(lookup, linear(2, 3), nn::relu);
    CHECK(identical(net(ids), nn::relu(linear(2, 3)(lookup(ids)))));
    check_into(net, ids);

    const nn::Sequential loss([](const auto& x) { return std::pair(x, 2.0); },
                              [](const auto& pair) { return pair.second + pair.first(0); });
    CHECK(loss(nn::Tensor<double, 1>{3}) == 5);
}

TEST_CASE("Sequential: a plain callable in front is given a tensor for a View, by a call as by forward_into") {
    const auto x = noise<float, 2>({6, 4});
    const auto first = [](const auto& z) {
        auto y = z;
        for (auto& element : y) {
            element += 1;
        }
        return y;
    };
    const nn::Sequential net(first, nn::relu);
    nn::Workspace workspace;
    nn::Tensor<float, 2> y;
    net.forward_into(nn::view_of(x), y, workspace);
    CHECK(identical(y, nn::relu(first(x))));
    CHECK(identical(net(nn::view_of(x)), y));
    CHECK(identical(nn::Sequential(&doubled)(nn::view_of(x)), doubled(x)));
}

TEST_CASE("Sequential: a user's layer by its members: called, kept, visited") {
    const nn::Sequential net(Scale{.inner = linear(4, 3)}, nn::relu, Negate{});
    const auto x = noise<float, 3>({2, 5, 4});
    CHECK(identical(net(x), nn::identity(-nn::relu(Scale{.inner = linear(4, 3)}(x)))));
    check_into(nn::Sequential(linear(4, 3), Negate{}, nn::relu), x);
    static_assert(nn::Sequential<nn::Linear<float>, Negate>::allocation_free && !decltype(net)::allocation_free);

    std::vector<std::string> names;
    nn::visit_parameters(net, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"0.scale", "0.inner.weight", "0.inner.bias"});
}

TEST_CASE("Sequential: a user's layers with states of both kinds") {
    const nn::Sequential net(Largest{}, Sum{4}, nn::identity);
    using Net = decltype(net);
    static_assert(Net::carries && Net::needs_state && !Net::takes_resets);
    auto state = net.initial_state(2);
    const nn::Tensor<float, 3> x({2, 3, 4}, 2.0F);
    const auto y = net(x, state);
    CHECK(close(xt::eval(xt::view(y, 1, xt::all(), 0)), {2, 4, 6}));
    CHECK(state.get<0>().largest(0) == 1);  // statistics are read
    CHECK(values_of(state.get<1>().sum) == Values(8, 6));

    const auto z = net(x, state, nn::training());
    CHECK(close(xt::eval(xt::view(z, 1, xt::all(), 0)), {7, 8, 9}));
    CHECK(state.get<0>().largest(0) == 2);
    CHECK(values_of(state.get<1>().sum) == Values(8, 9));
    CHECK(shape_of(nn::Sequential(Sum{4}, nn::relu)(x)) == Extents{2, 3, 4});  // from zeros
    check_into(net, x, state);
}

TEST_CASE("Sequential: layers that cannot be copied, and copies that are their own") {
    nn::Sequential net(Owner{std::make_unique<float>(3.0F)}, nn::relu, linear(4, 2));
    const auto x = noise<float, 2>({3, 4});
    const auto expected = linear(4, 2)(nn::relu(nn::identity(x * 3.0F)));
    CHECK(identical(net(x), expected));
    check_into(net, x);
    static_assert(!std::is_copy_constructible_v<std::tuple_element_t<0, decltype(net.layers)>>);
    auto moved = std::move(net);
    CHECK(identical(moved(x), expected));
    const nn::Sequential outer(std::move(moved), nn::tanh);
    CHECK(identical(outer(x), nn::tanh(expected)));

    nn::Sequential one(linear(4, 2));
    auto copy = one;
    static_assert(std::is_same_v<decltype(copy), decltype(one)>);
    copy.get<0>().weight.fill(0);
    CHECK(identical(one(x), linear(4, 2)(x)));
    copy = one;
    CHECK(identical(copy(x), one(x)));
}

// ---- nesting ----

TEST_CASE("Sequential: nested ones give the bits of a flat one, and keep their states inside") {
    std::mt19937 rng(2);
    const nn::BatchNorm0d<float> norm({.size = 3});
    const nn::Sequential flat(linear(4, 3), norm, lstm(3, 5), nn::tanh, linear(5, 2));
    const nn::Sequential nested(nn::Sequential(linear(4, 3), nn::Sequential(norm)), nn::Sequential(lstm(3, 5), nn::tanh),
                                nn::Sequential<>(), linear(5, 2));
    const auto x = noise<float, 3>({2, 6, 4});
    auto flat_state = flat.initial_state(2);
    auto nested_state = nested.initial_state(2);
    for (int call = 0; call < 2; ++call) {
        CHECK(identical(flat(x, flat_state, nn::training()), nested(x, nested_state, nn::training())));
        CHECK(identical(flat(x, flat_state), nested(x, nested_state)));
    }
    CHECK(identical_states(flat_state.get<1>(), nested_state.get<0>().get<1>().get<0>()));
    CHECK(identical_states(flat_state.get<2>(), nested_state.get<1>().get<0>()));
    CHECK(nested.output_shape(nn::Shape<3>{2, 6, 4}) == nn::Shape<3>{2, 6, 2});
    check_into(nested, x, nested_state);
    static_assert(decltype(nested)::allocation_free);

    // A Sequential of a Sequential is a layer in a layer, not a copy.
    const nn::Sequential inner(nn::relu);
    const nn::Sequential outer(inner);
    static_assert(std::is_same_v<decltype(outer), const nn::Sequential<std::remove_const_t<decltype(inner)>>>);
    CHECK(identical(outer(x), nn::relu(x)));
}

TEST_CASE("Sequential: without layers it is the identity") {
    const nn::Sequential empty;
    static_assert(std::is_same_v<decltype(empty), const nn::Sequential<>>);
    static_assert(!decltype(empty)::carries && !decltype(empty)::needs_state && decltype(empty)::allocation_free);
    static_assert(!starts_without_batch<nn::Sequential<>> && !starts_with_batch<nn::Sequential<>>);
    const auto x = noise<float, 3>({2, 3, 4});
    CHECK(identical(empty(x), x));
    CHECK(identical(empty(x, nn::training()), x));
    CHECK(identical(empty(x + x), nn::identity(x + x)));
    CHECK(identical(empty(nn::view_of(x)), x));
    CHECK(empty.output_shape(nn::Shape<3>{2, 3, 4}) == nn::Shape<3>{2, 3, 4});
    CHECK(nn::parameter_count(empty) == 0);
    check_into(empty, x);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y({1, 1, 1}, 4.0F);
    CHECK(error_of<shape_error>([&] { empty.forward_into(x, nn::view_of(y), workspace); }) ==
          "nn::Sequential: y (1, 1, 1), expected (2, 3, 4)  [x (2, 3, 4)]");
}

// ---- states, modes and resets ----

TEST_CASE("Sequential: statistics are threaded through training and read in inference") {
    std::mt19937 rng(3);
    const nn::Conv1d<float> conv({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, rng);
    const nn::BatchNorm1d<float> first({.size = 2});
    const nn::BatchNorm1d<float> second({.size = 3, .momentum = 0.4});
    const nn::Sequential net(first, nn::relu, conv, second);
    using Net = decltype(net);
    static_assert(!Net::carries && Net::needs_state && starts_without_batch<Net> && !starts_with_batch<Net>);
    auto state = net.initial_state();
    auto a = first.initial_state();
    auto b = second.initial_state();
    CHECK(identical_states(state.get<0>(), a));
    CHECK(identical_states(state.get<3>(), b));
    for (std::uint64_t seed : {1U, 2U, 3U}) {
        const auto x = noise<float, 3>({4, 2, 9}, seed);
        CHECK(identical(net(x, state, nn::training()), second(conv(nn::relu(first(x, a, nn::training()))), b, nn::training())));
        CHECK(identical_states(state.get<0>(), a));
        CHECK(identical_states(state.get<3>(), b));
        CHECK(a.running_mean(0) != 0);
        CHECK(identical(net(x, state), second(conv(nn::relu(first(x, a))), b)));
        CHECK(identical(net(x, std::as_const(state)), net(x, state)));
        CHECK(identical_states(state.get<0>(), a));
        CHECK(identical_states(state.get<3>(), b));
        check_into(net, x, state);

        auto again = state;
        auto expected = state;
        nn::Workspace workspace;
        nn::Tensor<float, 3> y;
        net.forward_into(x, again, nn::training(), y, workspace);
        CHECK(identical(y, net(x, expected, nn::training())));
        CHECK(identical_states(again.get<0>(), expected.get<0>()));
        CHECK(identical_states(again.get<3>(), expected.get<3>()));
    }
}

TEST_CASE("Sequential: a carried state is written by every call, and a cut sequence gives the bits of the whole") {
    const nn::Sequential net(linear(3, 6), lstm(6, 5, 1), nn::relu, lstm(5, 4, 2), linear(4, 2));
    using Net = decltype(net);
    static_assert(Net::carries && !Net::needs_state && Net::takes_resets && !starts_without_batch<Net> && starts_with_batch<Net>);
    const auto x = noise<float, 3>({2, 9, 3});
    auto whole = net.initial_state(2);
    const auto y = net(x, whole);
    CHECK(identical(net(x), y));
    auto a = lstm(6, 5, 1).initial_state(2);
    auto b = lstm(5, 4, 2).initial_state(2);
    CHECK(identical(linear(4, 2)(lstm(5, 4, 2)(nn::relu(lstm(6, 5, 1)(linear(3, 6)(x), a)), b)), y));
    CHECK(identical_states(whole.get<1>(), a));
    CHECK(identical_states(whole.get<3>(), b));
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{9}}) {
        auto state = net.initial_state(2);
        const auto head = net(xt::view(x, xt::all(), xt::range(std::size_t{0}, cut), xt::all()), state);
        const auto tail = net(xt::view(x, xt::all(), xt::range(cut, std::size_t{9}), xt::all()), state);
        CHECK(identical(head, xt::eval(xt::view(y, xt::all(), xt::range(std::size_t{0}, cut), xt::all()))));
        CHECK(identical(tail, xt::eval(xt::view(y, xt::all(), xt::range(cut, std::size_t{9}), xt::all()))));
        CHECK(identical_states(state.get<1>(), a));
        CHECK(identical_states(state.get<3>(), b));
    }
    check_into(net, x);
    check_into(net, x, whole);
}

TEST_CASE("Sequential: of a state of both kinds inference reads the statistics and writes what is carried") {
    const nn::BatchNorm0d<float> norm({.size = 5});
    const nn::Sequential net(lstm(3, 5), norm, nn::Dropout({.rate = 0.5}));
    static_assert(decltype(net)::carries && decltype(net)::needs_state);
    const auto x = noise<float, 3>({2, 6, 3});
    auto state = net.initial_state(2);
    auto carried = lstm(3, 5).initial_state(2);
    auto statistics = norm.initial_state();
    std::mt19937 a(7);
    std::mt19937 b(7);
    const auto trained = norm(lstm(3, 5)(x, carried), statistics, nn::training());
    CHECK(identical(net(x, state, nn::training(a)), nn::Dropout({.rate = 0.5})(trained, nn::training(b))));
    CHECK(identical_states(state.get<0>(), carried));
    CHECK(identical_states(state.get<1>(), statistics));

    CHECK(identical(net(x, state), norm(lstm(3, 5)(x, carried), statistics)));
    CHECK(identical_states(state.get<0>(), carried));
    CHECK(identical_states(state.get<1>(), statistics));
    check_into(net, x, state);
}

TEST_CASE("Sequential: resets go to the layers that carry, with a mode or without") {
    const nn::BatchNorm0d<float> norm({.size = 5});
    const nn::Sequential net(linear(3, 3), nn::Sequential(lstm(3, 5, 1), norm), lstm(5, 4, 2), nn::relu);
    const auto x = noise<float, 3>({2, 6, 3});
    nn::Tensor<bool, 2> resets({2, 6}, false);
    resets(0, 2) = resets(1, 0) = resets(1, 5) = true;
    auto state = net.initial_state(2);
    (void)net(x, state);
    auto a = state.get<1>().get<0>();
    auto statistics = state.get<1>().get<1>();
    auto b = state.get<2>();
    auto not_reset = state;
    const auto plain = net(x, not_reset);
    const auto y = net(x, state, resets);
    CHECK(identical(y, nn::relu(lstm(5, 4, 2)(norm(lstm(3, 5, 1)(linear(3, 3)(x), a, resets), statistics), b, resets))));
    CHECK(!identical(y, plain));
    CHECK(identical_states(state.get<1>().get<0>(), a));
    CHECK(identical_states(state.get<2>(), b));

    nn::Workspace workspace;
    nn::Tensor<float, 3> into;
    auto again = state;
    net.forward_into(x, again, resets, into, workspace);
    auto expected = state;
    CHECK(identical(net(x, expected, resets), into));
    CHECK(identical_states(again.get<2>(), expected.get<2>()));
    net.forward_into(x, again, resets, nn::training(), into, workspace);
    CHECK(identical(net(x, expected, resets, nn::training()), into));
    CHECK(identical_states(again.get<2>(), expected.get<2>()));
    CHECK(identical_states(again.get<1>().get<1>(), expected.get<1>().get<1>()));
    CHECK(!identical_states(again.get<1>().get<1>(), statistics));
}

TEST_CASE("Sequential: Dropouts draw in the order of the layers; without a mode nobody draws") {
    const nn::Dropout half({.rate = 0.5});
    const nn::Sequential net(half, linear(4, 8), half);
    const auto x = noise<float, 2>({6, 4});
    std::mt19937 a(7);
    std::mt19937 b(7);
    const auto first = half(x, nn::training(b));
    const auto expected = half(linear(4, 8)(first), nn::training(b));
    CHECK(identical(net(x, nn::training(a)), expected));
    CHECK((a == b));
    CHECK(identical(net(x), linear(4, 8)(x)));
    std::mt19937 c(7);
    nn::Workspace workspace;
    nn::Tensor<float, 2> y;
    net.forward_into(x, nn::training(c), y, workspace);
    CHECK(identical(y, expected));
    CHECK((b == c));
}

// ---- forward_into and output_shape ----

TEST_CASE("Sequential: forward_into gives the bits of the call") {
    std::mt19937 rng(5);
    const auto image = noise<float, 4>({2, 3, 9, 8});
    const nn::Conv2d<float> conv({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1}, rng);
    const nn::MaxPool2d pool({.window = 2});
    check_into(nn::Sequential(conv), image);
    check_into(nn::Sequential(conv, nn::relu), image);
    check_into(nn::Sequential(nn::relu, conv, pool, nn::tanh, linear(4, 7)), image);
    check_into(nn::Sequential(
                   conv, [](const auto& x) { return nn::max_pool<2>(x, {.window = 3}); }, nn::relu, linear(2, 3), nn::silu),
               image);
    check_into(nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 2}, nn::identity, nn::Sequential(pool, nn::tanh), rng),
               image);
    const auto sequence = noise<float, 3>({2, 7, 3});
    const nn::Sequential both(nn::Bidirectional(lstm(3, 4), lstm(3, 2)), linear(6, 5), lstm(5, 3), nn::sigmoid);
    auto state = both.initial_state(2);
    (void)both(sequence, state);
    check_into(both, sequence, state);
    check_into(both, sequence);
    check_into(nn::Sequential(linear(3, 4), nn::relu), nn::Tensor<float, 3>({0, 7, 3}));

    // What is not dense, and an xarray, whose rank is known at run time.
    const auto strided = xt::view(image, xt::all(), xt::all(), xt::range(1, 9, 2), xt::range(0, 8));
    const nn::Sequential net(nn::tanh, conv, pool);
    nn::Workspace workspace;
    nn::Tensor<float, 4> y;
    net.forward_into(strided, y, workspace);
    CHECK(identical(y, net(nn::Tensor<float, 4>(strided))));
    CHECK(identical(y, net(strided)));
    const xt::xarray<float> dynamic = image;
    CHECK(identical(net(dynamic), net(image)));
    xt::xarray<float> into;
    net.forward_into(dynamic, into, workspace);
    CHECK(identical(into, net(image)));

    // One workspace for inputs of any size, by turns.
    for (const index_t size : {9, 4, 17}) {
        const auto x = noise<float, 4>({1, 3, size, size});
        net.forward_into(x, y, workspace);
        CHECK(identical(y, net(x)));
    }
}

TEST_CASE("Sequential: output_shape is that of its layers in turn, where all of them can tell") {
    std::mt19937 rng(6);
    const nn::Sequential net(nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 8, .stride = 2},
                                                                nn::BatchNorm2d<float>({.size = 8}), nn::silu, rng),
                             nn::MaxPool2d({.window = 2}), nn::Dropout(), nn::Sequential(linear(4, 10), nn::relu));
    const nn::Tensor<float, 4> x({2, 3, 9, 16}, 1.0F);
    CHECK(net.output_shape(nn::extents_of(x)) == nn::Shape<4>{2, 8, 2, 10});
    CHECK(shape_of(net(x, net.initial_state())) == Extents{2, 8, 2, 10});
    CHECK(net.output_shape(nn::Shape<3>{3, 9, 16}) == nn::Shape<3>{8, 2, 10});
    CHECK(error_of<shape_error>([&] {
              (void)net.output_shape(nn::Shape<4>{2, 4, 9, 16});
          }) == "nn::Conv: x has 4 channels, expected 3 = weight.shape[1] · groups  [x (2, 4, 9, 16), weight (8, 3, 3, 3), groups 1]");
    CHECK(error_of<shape_error>([&] {
              (void)net.output_shape(nn::Shape<4>{2, 3, 9, 20});
          }) == "nn::Linear: x has 5 features, expected 4 = weight.shape[1]  [x (2, 8, 2, 5), weight (10, 4)]");
}

// ---- what is refused ----

TEST_CASE("Sequential: a function of one element in front reads x where it lies, and lays its result out without gaps") {
    const nn::Sequential net(nn::relu, linear(4, 3));
    const auto dense = noise<float, 2>({6, 4});
    const auto expected = net(dense);
    nn::Workspace workspace;
    std::vector<float> memory(6 * 5000, 7.0F);
    struct Lie {
        index_t first;
        nn::Shape<2> strides;
    };
    for (const Lie& lie : {Lie{0, {5000, 1}}, Lie{0, {5000, 3}}, Lie{5 * 5000 + 3, {-5000, -1}}, Lie{0, {1, 6}}, Lie{0, {4, 1}}}) {
        const nn::View<float, 2> x{memory.data() + lie.first, {6, 4}, lie.strides};
        for (std::size_t i = 0; i < 6; ++i) {
            for (std::size_t j = 0; j < 4; ++j) {
                x(static_cast<index_t>(i), static_cast<index_t>(j)) = dense(i, j);
            }
        }
        CAPTURE(lie.strides);
        nn::Tensor<float, 2> y;
        net.forward_into(x, y, workspace);
        CHECK(identical(y, expected));
        CHECK(identical(net(x), expected));
    }
    const nn::View<const float, 2> same{dense.data(), {6, 4}, {0, 1}};
    CHECK(identical(net(same), net(nn::Tensor<float, 2>(xt::broadcast(xt::view(dense, 0), std::array<std::size_t, 2>{6, 4})))));

    const auto strides = [](const nn::Shape<2>& shape, const nn::Shape<2>& of_x) {
        return nn::detail::result_strides(nn::relu, nn::View<float, 2>{nullptr, shape, of_x}, shape);
    };
    CHECK(strides({2, 3}, {1, 2}) == nn::Shape<2>{1, 2});
    CHECK(strides({2, 1}, {1, 9}) == nn::Shape<2>{1, 9});
    CHECK(strides({2, 3}, {4, 1}) == nn::Shape<2>{3, 1});
    CHECK(strides({2, 3}, {-3, 1}) == nn::Shape<2>{3, 1});
    CHECK(strides({2, 3}, {0, 1}) == nn::Shape<2>{3, 1});
    CHECK(strides({2, 2}, {1, 1}) == nn::Shape<2>{2, 1});

    // The backward direction gets a reversed view.
    const nn::Sequential behind(nn::relu, lstm(4, 2));
    const nn::Bidirectional both(lstm(4, 2, 3), behind);
    const auto sequence = noise<float, 3>({2, 5, 4});
    const nn::Tensor<float, 3> reversed = xt::flip(sequence, 1);
    const nn::Tensor<float, 3> back = xt::flip(behind(reversed), 1);
    CHECK(identical(nn::Tensor<float, 3>(xt::view(both(sequence), xt::all(), xt::all(), xt::range(2, 4))), back));
}

TEST_CASE("Sequential: when the third layer throws, state and y are as before the call") {
    const nn::Sequential net(nn::BatchNorm0d<float>({.size = 3}), lstm(3, 5), Sum{5}, RefuseLarge{}, nn::relu);
    auto state = net.initial_state(2);
    const auto x = noise<float, 3>({2, 3, 3});
    nn::Workspace workspace;
    (void)net(x, state, nn::training());  // a state that is not the first
    const auto start = state;
    nn::Tensor<float, 3> y({2, 3, 5}, 4.0F);
    nn::Tensor<float, 3> small({1, 1, 1}, 4.0F);
    const auto unchanged = [&] {
        return identical_states(state.get<0>(), start.get<0>()) && identical_states(state.get<1>(), start.get<1>()) &&
               identical(state.get<2>().sum, start.get<2>().sum) && values_of(y) == Values(30, 4) && values_of(small) == Values{4};
    };
    // Four hundred steps of one sign take the sum past 9.
    const nn::Tensor<float, 3> large({2, 400, 3}, 1.0F);
    const std::string refused = "RefuseLarge: an element is larger than 9";
    const auto said = [](const auto& f) { return error_of<std::domain_error>(f); };
    nn::Tensor<float, 3> fits({2, 400, 5}, 4.0F);
    CHECK(said([&] { (void)net(large, state); }) == refused);
    CHECK(said([&] { (void)net(large, state, nn::training()); }) == refused);
    CHECK(said([&] { net.forward_into(large, state, fits, workspace); }) == refused);
    CHECK(said([&] { net.forward_into(large, state, nn::training(), fits, workspace); }) == refused);
    CHECK(said([&] { net.forward_into(large, state, small, workspace); }) == refused);
    CHECK(values_of(fits) == Values(4000, 4));
    CHECK(unchanged());

    // A layer of nn refuses: the last one, whose y does not fit.
    CHECK(error_of<shape_error>([&] {
              net.forward_into(x, state, nn::training(), nn::contiguous(y.data(), nn::Shape<3>{2, 3, 4}), workspace);
          }) == "nn::relu: y (2, 3, 4), expected (2, 3, 5)  [x (2, 3, 5)]");
    CHECK(unchanged());

    // And the call that does not throw is what it would have been.
    auto fresh = start;
    CHECK(identical(net(x, state, nn::training()), net(x, fresh, nn::training())));
    CHECK(identical_states(state.get<1>(), fresh.get<1>()));
    CHECK(!unchanged());
}

TEST_CASE("Sequential: what a call made of a user's state cannot go to the wrong tensor") {
    const nn::Sequential net(Swap{}, linear(3, 3), Swap{}, RefuseLarge{});
    for (const bool first : {false, true}) {
        auto state = net.initial_state();
        state.get<0>().engaged = first ? std::optional(nn::Tensor<float, 1>{5, 6}) : std::nullopt;
        const nn::Tensor<float, 2> large({1, 3}, 1000.0F);
        CHECK(error_of<std::domain_error>([&] { (void)net(large, state, nn::training()); }) == "RefuseLarge: an element is larger than 9");
        CHECK(values_of(state.get<0>().kept) == Values{1, 2});
        CHECK(values_of(state.get<2>().kept) == Values{1, 2});
    }
}

TEST_CASE("Sequential: nested networks are rolled back, whatever is thrown") {
    const auto fail = [](const auto& x) {
        if (x(0, 0, 0) > -2) {
            throw 7;
        }
        return x;
    };
    const nn::Sequential net(lstm(3, 3, 1), nn::Sequential(nn::Sequential(lstm(3, 3, 2), nn::BatchNorm0d<float>({.size = 3}))),
                             lstm(3, 4, 3), fail);
    auto state = net.initial_state(2);
    const auto start = state;
    const auto x = noise<float, 3>({2, 3, 3});
    const nn::Tensor<bool, 2> resets({2, 3}, true);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y({2, 3, 4}, 4.0F);
    CHECK_THROWS_AS(net(x, state), int);
    CHECK_THROWS_AS(net(x, state, resets, nn::training()), int);
    CHECK_THROWS_AS(net.forward_into(x, state, resets, nn::training(), y, workspace), int);
    CHECK(identical_states(state.get<0>(), start.get<0>()));
    CHECK(identical_states(state.get<1>().get<0>().get<0>(), start.get<1>().get<0>().get<0>()));
    CHECK(identical_states(state.get<1>().get<0>().get<1>(), start.get<1>().get<0>().get<1>()));
    CHECK(identical_states(state.get<2>(), start.get<2>()));
    CHECK(values_of(y) == Values(24, 4));

    // The third layer's state is of another batch: the first two have run.
    auto wrong = net.initial_state(2);
    wrong.get<2>() = lstm(3, 4, 3).initial_state(1);
    CHECK(error_of<shape_error>([&] { (void)net(x, wrong, nn::training()); }) ==
          "nn::LSTM: state.hidden (1, 4), state.cell (1, 4), expected (2, 4) = (batch, hidden_size); initial_state(2) makes it  [x (2, 3, "
          "3)]");
    CHECK(identical_states(wrong.get<0>(), start.get<0>()));
    CHECK(identical_states(wrong.get<1>().get<0>().get<1>(), start.get<1>().get<0>().get<1>()));
}

TEST_CASE("Sequential: the error is that of the layer, with what came to it") {
    const nn::Sequential net(linear(4, 3), nn::relu, linear(5, 2));
    CHECK(error_of<shape_error>([&] {
              (void)net(nn::Tensor<float, 2>({6, 4}, 1.0F));
          }) == "nn::Linear: x has 3 features, expected 5 = weight.shape[1]  [x (6, 3), weight (2, 5)]");
    CHECK(error_of<shape_error>([&] {
              (void)net(nn::Tensor<float, 2>({6, 7}, 1.0F));
          }) == "nn::Linear: x has 7 features, expected 4 = weight.shape[1]  [x (6, 7), weight (3, 4)]");
    nn::Tensor<float, 2> y({6, 2}, 4.0F);
    nn::Workspace workspace;
    CHECK(error_of<shape_error>([&] {
              net.forward_into(nn::Tensor<float, 2>({6, 4}, 1.0F), y, workspace);
          }) == "nn::Linear: x has 3 features, expected 5 = weight.shape[1]  [x (6, 3), weight (2, 5)]");
    CHECK(values_of(y) == Values(12, 4));
}

TEST_CASE("Sequential: a y on the state of any child is refused before anything runs") {
    std::mt19937 rng(1);
    const nn::LSTMCell<float> first({.input_size = 3, .hidden_size = 5}, rng);
    const nn::LSTMCell<float> second({.input_size = 5, .hidden_size = 5}, rng);
    const nn::Sequential net(first, nn::BatchNorm0d<float>({.size = 5}), nn::Sequential(second, nn::relu), nn::relu);
    auto state = net.initial_state(2);
    const auto x = noise<float, 2>({2, 3});
    (void)net(x, state, nn::training());
    const auto start = state;
    nn::Workspace workspace;
    const std::string on = "nn::Sequential: y overlaps the state; give it memory of its own  [y (2, 5), the state ";
    for (auto* tensor : {&state.get<0>().hidden, &state.get<0>().cell, &state.get<2>().get<0>().hidden, &state.get<2>().get<0>().cell}) {
        CHECK(error_of<shape_error>([&] { net.forward_into(x, state, *tensor, workspace); }) == on + "(2, 5)]");
        CHECK(error_of<shape_error>([&] { net.forward_into(x, state, nn::training(), *tensor, workspace); }) == on + "(2, 5)]");
        // Beyond the tensor lies what the heap put there, which may be met first.
        const nn::View<float, 2> last_element{tensor->data() + 9, {2, 5}, {5, 1}};
        CHECK(error_of<shape_error>([&] { net.forward_into(x, state, last_element, workspace); }).starts_with(on));
    }
    for (auto* tensor : {&state.get<1>().running_mean, &state.get<1>().running_var}) {
        const nn::View<float, 2> first_element{tensor->data() - 9, {2, 5}, {5, 1}};
        CHECK(error_of<shape_error>([&] { net.forward_into(x, state, first_element, workspace); }).starts_with(on));
    }
    // Of another shape, too: it would be replaced.
    CHECK(error_of<shape_error>([&] {
              net.forward_into(nn::Tensor<float, 2>({4, 3}, 1.0F), state, state.get<0>().cell, workspace);
          }) == on + "(2, 5)]");
    CHECK(identical_states(state.get<0>(), start.get<0>()));
    CHECK(identical_states(state.get<1>(), start.get<1>()));
    CHECK(identical_states(state.get<2>().get<0>(), start.get<2>().get<0>()));

    // Statistics that are only read.
    const nn::Sequential norms(nn::BatchNorm0d<float>({.size = 5}), nn::relu);
    auto statistics = norms.initial_state();
    CHECK(error_of<shape_error>([&] {
              norms.forward_into(nn::Tensor<float, 1>({5}, 1.0F), std::as_const(statistics), statistics.get<0>().running_var, workspace);
          }) == "nn::Sequential: y overlaps the state; give it memory of its own  [y (5,), the state (5,)]");
    CHECK(values_of(statistics.get<0>().running_var) == Values(5, 1));
}

TEST_CASE("Sequential: what does not fit its type does not compile") {
    using X = nn::Tensor<float, 3>;
    using Marks = nn::Tensor<bool, 2>;
    using Train = nn::Training<>;
    using Draw = nn::Training<std::mt19937>;
    using W = nn::Workspace;

    using Plain = nn::Sequential<nn::Linear<float>, std::remove_const_t<decltype(nn::relu)>>;
    static_assert(called_with<Plain, X&> && called_with<Plain, X&, Train> && called_with<Plain, X&, Draw>);
    static_assert(!called_with<Plain, X&, Marks&> && !called_with<Plain, X&, X&> && !called_with<Plain, X&, nn::BatchNormState<float>&>);
    static_assert(forwarded_with<Plain, X&, X&, W&> && forwarded_with<Plain, X&, Train, X&, W&> &&
                  !forwarded_with<Plain, X&, Marks&, X&, W&>);

    using Norms = nn::Sequential<nn::Linear<float>, nn::BatchNorm0d<float>>;
    using S = Norms::State;
    static_assert(called_with<Norms, X&, S&> && called_with<Norms, X&, const S&> && called_with<Norms, X&, S&, Train>);
    static_assert(!called_with<Norms, X&> && !called_with<Norms, X&, Train> && !called_with<Norms, X&, const S&, Train>);
    static_assert(!called_with<Norms, X&, S&, Marks&> && !called_with<Norms, X&, Train, S&> && !called_with<Norms, X&, S&, S&>);
    static_assert(forwarded_with<Norms, X&, const S&, X&, W&> && !forwarded_with<Norms, X&, X&, W&> &&
                  !forwarded_with<Norms, X&, const S&, Train, X&, W&>);

    using Carrying = nn::Sequential<nn::LSTM<float>, nn::Linear<float>>;
    using C = Carrying::State;
    static_assert(called_with<Carrying, X&> && called_with<Carrying, X&, C&> && called_with<Carrying, X&, C&, Marks&>);
    static_assert(called_with<Carrying, X&, C&, Marks&, Train> && called_with<Carrying, X&, C&, Train>);
    static_assert(!called_with<Carrying, X&, const C&> && !called_with<Carrying, X&, Marks&> &&
                  !called_with<Carrying, X&, C&, Train, Marks&>);
    static_assert(!called_with<Carrying, X&, C&, nn::Tensor<int, 2>&> && !called_with<Carrying, X&, const C&, Marks&>);
    static_assert(forwarded_with<Carrying, X&, C&, Marks&, Train, X&, W&> && !forwarded_with<Carrying, X&, const C&, X&, W&>);

    // One layer that carries and takes no resets, and the network takes none.
    using Mixed = nn::Sequential<nn::LSTM<float>, Sum>;
    static_assert(Mixed::carries && !Mixed::takes_resets && !called_with<Mixed, X&, Mixed::State&, Marks&>);
    static_assert(!nn::Sequential<nn::Bidirectional<nn::LSTM<float>, nn::LSTM<float>>>::takes_resets);
    SUCCEED();
}
