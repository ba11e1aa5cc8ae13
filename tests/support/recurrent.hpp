// SPDX-License-Identifier: MIT
#pragma once

// What tests of layers with carried state share.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/core/workspace.hpp>
#include <nn/tensor.hpp>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace nn::test {

using Reals = std::vector<long double>;

inline long double sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }

/// Marks for resets, in memory with a gap after every one.
struct Marks {
    Extents shape;
    Extents strides;
    std::unique_ptr<bool[]> memory;

    Marks(Random& random, const Extents& shape_, double probability) : shape(shape_), strides(shape_.size()) {
        index_t step = 2;
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            strides[axis] = step;
            step *= std::max<index_t>(shape[axis], 1);
        }
        memory = std::make_unique<bool[]>(static_cast<std::size_t>(step));
        for (index_t i = 0; i < step; ++i) {
            memory[static_cast<std::size_t>(i)] = random.chance(probability);
        }
    }
    bool at(index_t position) const { return memory[static_cast<std::size_t>(2 * position)]; }  ///< row-major
    template <std::size_t R>
    View<const bool, R> view() const {
        return {memory.get(), fixed<R>(shape), fixed<R>(strides)};
    }
};

/// Steps first … last − 1 of a sequence (B, T, D).
template <class T>
auto cut(const Tensor<T, 3>& x, std::size_t first, std::size_t last) {
    return xt::view(x, xt::all(), xt::range(first, last), xt::all());
}

/// One row of an array (B, H); and whether such numbers are within `error` of the expected ones.
template <class T>
Reals row_of(const Tensor<T, 2>& array, std::size_t b) {
    const auto row = values_of(xt::view(array, b, xt::all()));
    return {row.begin(), row.end()};
}
inline bool near(const Reals& values, const Reals& expected, const Reals& error) {
    bool within = true;
    for (std::size_t i = 0; i < values.size(); ++i) {
        within = within && std::abs(values[i] - expected[i]) <= error[i];
    }
    return within;
}

/// The arrays (B, …) of a state, in their order.
template <class State>
auto arrays_of(State& state) {
    std::vector<decltype(&state.hidden)> arrays;
    State::members(state, [&](std::string_view, auto& array) { arrays.push_back(&array); });
    return arrays;
}
template <class L>
typename L::State random_state(Random& random, const L& layer, index_t batch) {
    auto state = layer.initial_state(batch);
    for (auto* array : arrays_of(state)) {
        *array = random_tensor<typename std::remove_pointer_t<decltype(array)>::value_type, 2>(random, extents_of(*array));
    }
    return state;
}
/// The part of a state that is one batch element's.
template <class State>
State element_of_batch(State state, std::size_t b) {
    for (auto* array : arrays_of(state)) {
        *array = xt::eval(xt::view(*array, xt::range(b, b + 1), xt::all()));
    }
    return state;
}

/// One random call of a layer with `Leading` axes in front, on strided memory, with and without resets, against a naive one that says
/// how far off it may be. Naive(layer, state, b) starts from a batch element's state; step(x) makes `hidden`, `error` bounds it; reset()
/// starts afresh; holds(state, b) says whether this state is where it is. The worst bound stays below `most`: it says something.
template <class Naive, std::size_t Leading, class L>
void check_against_equations(Random& random, const L& layer, long double most) {
    using T = typename decltype(L::weight_ih)::value_type;
    const index_t input = layer.options.input_size;
    const index_t hidden = layer.options.hidden_size;
    Extents leading;
    for (std::size_t axis = 0; axis < Leading; ++axis) {
        leading.push_back(random.integer(0, 4));
    }
    const index_t steps = random.integer(0, 9);
    Strided<T> x(joined(leading, {steps, input}), Arrangement::any(random, Leading + 2, true));
    x.fill(random);
    Strided<T> y(joined(leading, {steps, hidden}), Arrangement::any(random, Leading + 2, false));
    const std::optional<Marks> resets =
        random.chance(0.5) ? std::optional<Marks>(std::in_place, random, joined(leading, {steps}), 0.3) : std::nullopt;
    auto state = random_state(random, layer, count_of(leading));
    const auto before = state;
    CAPTURE(leading, steps, input, hidden, x.strides(), y.strides());

    Workspace workspace;
    const View<const T, Leading + 2> in = std::as_const(x).template view<Leading + 2>();
    if (resets) {
        layer.forward_into(in, state, resets->template view<Leading + 1>(), y.template view<Leading + 2>(), workspace);
    } else {
        layer.forward_into(in, state, y.template view<Leading + 2>(), workspace);
    }
    CHECK(y.intact());

    const std::vector<T> values = x.values();
    const std::vector<T> out = y.values();
    bool within = true;
    long double worst = 0;
    index_t row = 0;
    for (index_t b = 0; b < count_of(leading); ++b) {
        Naive naive(layer, before, static_cast<std::size_t>(b));
        for (index_t t = 0; t < steps; ++t, ++row) {
            if (resets && resets->at(row)) {
                naive.reset();
            }
            naive.step({values.begin() + row * input, values.begin() + (row + 1) * input});
            for (std::size_t h = 0; h < naive.hidden.size(); ++h) {
                const long double value = out[static_cast<std::size_t>(row * hidden) + h];
                within = within && std::abs(value - naive.hidden[h]) <= naive.error[h];
                worst = std::max(worst, naive.error[h]);
            }
        }
        within = within && naive.holds(state, static_cast<std::size_t>(b));
    }
    CHECK(within);
    CHECK(worst < most);
}

/// That a call without a state is one from zeros, and keeps nothing. x (2, T, D).
template <class L, class Cell>
void check_start(const L& layer, const Cell& cell, const Tensor<float, 3>& x) {
    auto state = layer.initial_state(2);
    for (const auto* array : arrays_of(state)) {
        CHECK(values_of(*array) == std::vector<float>(array->size(), 0));
    }
    const auto first = layer(x);
    CHECK(identical(first, layer(x)));
    CHECK(identical(first, layer(x, state)));
    CHECK(!identical(first, layer(x, state)));
    CHECK(identical(cell(cut(x, 0, 1)), xt::eval(cut(first, 0, 1))));
    Workspace workspace;
    Tensor<float, 3> y;
    layer.forward_into(x, y, workspace);
    CHECK(identical(first, y));
}

/// That a sequence (B, T, D) cut anywhere gives the same bits, step by step too.
template <class L, class Cell>
void check_cuts(Random& random, const L& layer, const Cell& cell, const Tensor<float, 3>& x) {
    const auto start = random_state(random, layer, static_cast<index_t>(x.shape(0)));
    const std::size_t steps = x.shape(1);
    auto whole = start;
    const auto y = layer(x, whole);
    CAPTURE(x.shape(), y.shape());
    CHECK(identical(whole.hidden, xt::eval(xt::view(y, xt::all(), steps - 1, xt::all()))));
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}, steps / 2 + 1, steps - 1, steps}) {
        auto state = start;
        const auto head = layer(cut(x, 0, at), state);
        const auto tail = layer(cut(x, at, steps), state);
        CHECK(identical(head, xt::eval(cut(y, 0, at))));
        CHECK(identical(tail, xt::eval(cut(y, at, steps))));
        CHECK(identical_states(state, whole));
    }
    auto state = start;
    bool same = true;
    for (std::size_t t = 0; t < steps; ++t) {
        const auto step = cell(xt::view(x, xt::all(), t, xt::all()), state);
        same = same && identical(step, xt::eval(xt::view(y, xt::all(), t, xt::all())));
    }
    CHECK(same);
    CHECK(identical_states(state, whole));
}

/// That each element of a batch (15, 6, D) has the bits it has alone, state and all, and that leading axes are one batch.
template <class L>
void check_batch(Random& random, const L& layer, const Tensor<float, 3>& x) {
    const auto start = random_state(random, layer, 15);
    auto state = start;
    const auto y = layer(x, state);
    for (std::size_t b = 0; b < 15; ++b) {
        auto alone = element_of_batch(start, b);
        CHECK(identical(layer(xt::view(x, b, xt::all(), xt::all()), alone), xt::eval(xt::view(y, b, xt::all(), xt::all()))));
        CHECK(identical_states(alone, element_of_batch(state, b)));
    }
    auto folded = start;
    auto deep = make_tensor<float, 4>({3, 5, 6, layer.options.input_size});
    std::copy(x.begin(), x.end(), deep.begin());
    CHECK(same_bits(values_of(layer(deep, folded)), values_of(y)));
    CHECK(identical_states(folded, state));
}

/// That a reset starts one batch element afresh before that step. The layer is of 4 features and 4 units, and so is the batch: blox resets
/// columns there.
template <class L, class Cell>
void check_resets(Random& random, const L& layer, const Cell& cell) {
    const auto x = random_tensor<float, 3>(random, {4, 8, 4});
    const auto start = random_state(random, layer, 4);
    auto plain = start;
    const auto y = layer(x, plain);
    Tensor<bool, 2> resets({4, 8}, false);
    resets(1, 0) = resets(2, 3) = resets(3, 7) = true;
    auto state = start;
    const auto z = layer(x, state, resets);
    const auto from = [](const auto& tensor, std::size_t b, std::size_t t) {
        return xt::eval(xt::view(tensor, b, xt::range(t, 8), xt::all()));
    };
    CHECK(identical(from(z, 0, 0), from(y, 0, 0)));
    CHECK(identical(from(z, 1, 0), layer(from(x, 1, 0))));
    CHECK(identical(from(z, 2, 3), layer(from(x, 2, 3))));
    CHECK(identical(xt::eval(xt::view(z, 2, xt::range(0, 3), xt::all())), xt::eval(xt::view(y, 2, xt::range(0, 3), xt::all()))));
    CHECK(identical(from(z, 3, 7), layer(from(x, 3, 7))));
    CHECK(identical_states(element_of_batch(state, 0), element_of_batch(plain, 0)));
    CHECK(!identical_states(element_of_batch(state, 3), element_of_batch(plain, 3)));
    auto afresh = layer.initial_state(1);
    (void)layer(from(x, 3, 7), afresh);
    CHECK(identical_states(element_of_batch(state, 3), afresh));

    // No marks are no resets; a lazy expression and an xarray of marks will do; a cell takes one mark per element.
    const auto called = [&](const auto& marks) {
        auto own = start;
        return layer(x, own, marks);
    };
    CHECK(identical(called(Tensor<bool, 2>({4, 8}, false)), y));
    CHECK(identical(called(xt::xarray<bool>(resets)), z));
    CHECK(identical(called(!(!resets)), z));
    auto one = start;
    const auto step = cell(xt::view(x, xt::all(), 0, xt::all()), one, Tensor<bool, 1>{false, true, false, false});
    CHECK(identical(step, xt::eval(xt::view(z, xt::all(), 0, xt::all()))));
    auto bare = cell.initial_state(1);
    CHECK(identical(cell(Tensor<float, 1>{1, 2, 3, 4}, bare, Tensor<bool, 0>(true)), cell(Tensor<float, 1>{1, 2, 3, 4})));
}

/// That no steps and no batch are valid and leave the state of a layer of 3 features and 5 units.
template <class L, class Cell>
void check_nothing_to_do(Random& random, const L& layer, const Cell& cell) {
    const auto start = random_state(random, layer, 2);
    auto state = start;
    CHECK(shape_of(layer(Tensor<float, 3>({2, 0, 3}), state)) == Extents{2, 0, 5});
    CHECK(shape_of(layer(Tensor<float, 3>({2, 0, 3}), state, Tensor<bool, 2>({2, 0}))) == Extents{2, 0, 5});
    CHECK(identical_states(state, start));
    CHECK(shape_of(layer(Tensor<float, 3>({2, 0, 3}))) == Extents{2, 0, 5});

    auto none = layer.initial_state(0);
    CHECK(shape_of(layer(Tensor<float, 3>({0, 7, 3}), none)) == Extents{0, 7, 5});
    CHECK(shape_of(layer(Tensor<float, 4>({2, 0, 7, 3}), none)) == Extents{2, 0, 7, 5});
    CHECK(shape_of(cell(Tensor<float, 2>({0, 3}), none)) == Extents{0, 5});
    CHECK(layer.output_shape(Shape<4>{2, 0, 7, 3}) == Shape<4>{2, 0, 7, 5});
    CHECK(cell.output_shape(Shape<1>{3}) == Shape<1>{5});
}

template <class L, class... A>
concept called_with = requires(const L& layer, A&&... arguments) {
    layer(arguments...);
};
template <class L, class... A>
concept forwarded_with = requires(const L& layer, A&&... arguments) {
    layer.forward_into(arguments...);
};
template <class L>
concept starts_without_batch = requires(const L& layer) {
    layer.initial_state();
};
template <class L>
concept starts_with_batch = requires(const L& layer) {
    layer.initial_state(1);
};

/// What a recurrent layer of floats takes, and what does not compile: `Wide` is the same layer of doubles.
template <class L, class Cell, class Wide>
constexpr bool takes_what_it_should() {
    using State = typename L::State;
    using X = Tensor<float, 3>;
    using Marks2 = Tensor<bool, 2>;
    using W = Workspace;
    static_assert(L::carries && Cell::carries && Wide::carries && L::takes_resets);
    static_assert(called_with<L, X&> && called_with<L, X&, State&> && called_with<L, X&, State&, Marks2&>);
    static_assert(!called_with<L, X&, const State&> && !called_with<L, X&, const State&, Marks2&>);
    static_assert(!called_with<L, X&, State&, Tensor<int, 2>&> && !called_with<L, X&, Marks2&>);
    static_assert(!called_with<L, Tensor<double, 3>&> && !called_with<L, Tensor<float, 1>&> && called_with<L, Tensor<float, 2>&>);
    static_assert(!called_with<L, X&, typename Wide::State&> && called_with<Cell, Tensor<float, 1>&>);
    static_assert(forwarded_with<L, X&, X&, W&> && forwarded_with<L, X&, State&, X&, W&> && forwarded_with<L, X&, State&, Marks2&, X&, W&>);
    static_assert(!forwarded_with<L, X&, const State&, X&, W&> && !forwarded_with<L, X&, State&, const X&, W&> &&
                  !forwarded_with<L, X&, State&, Tensor<double, 3>&, W&>);
    static_assert(!starts_without_batch<L> && starts_with_batch<L>);
    static_assert(std::copyable<L> && !std::default_initializable<L>);
    return true;
}

}  // namespace nn::test
