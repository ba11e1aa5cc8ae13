// SPDX-License-Identifier: MIT
#include "support/calls.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/nn.hpp>

#include "support/layers.hpp"
#include "support/tensors.hpp"

namespace nn::test {

namespace {

// What a layer is called with besides x: start(layer, shape of x) is a state, arguments(state) what stands behind x.

struct Nothing {
    struct State {
        static void members(auto&, auto&&) {}
    };
    static State start(const auto&, const Extents&) { return {}; }
    static auto arguments(State&) { return std::tuple<>(); }
};

/// A state that every call writes.
struct Carried {
    template <class L>
    static auto start(const L& layer, const Extents& x) {
        constexpr index_t axes = requires { layer.output_shape(Shape<1>{}); }
        ? 1 : 2;  // of an item: a cell takes one step
        Random random(920);
        return filled(random, layer.initial_state(count_of({x.begin(), x.end() - axes})));
    }
    static auto arguments(auto& state) { return std::tie(state); }
};

/// The same with resets, of every second step.
template <class Layers, std::size_t Axes>
struct StateAndResets {
    Layers layers;
    Tensor<bool, Axes> resets;

    static void members(auto& self, auto&& f) { f("layers", self.layers); }
};
template <std::size_t Axes>
struct CarriedWithResets {
    static auto start(const auto& layer, const Extents& x) {
        auto resets = make_tensor<bool, Axes>(fixed<Axes>({x.begin(), x.end() - 1}));
        bool last = true;
        for (bool& reset : resets) {
            reset = last = !last;
        }
        return StateAndResets<decltype(Carried::start(layer, x)), Axes>{Carried::start(layer, x), std::move(resets)};
    }
    static auto arguments(auto& state) {
        return std::tuple<decltype((state.layers)), decltype(std::as_const(state.resets))>(state.layers, state.resets);
    }
};

/// A state that a call in training writes.
template <class State>
struct InTraining {
    const State& from;

    State start(const auto&, const Extents&) const { return from; }
    static auto arguments(State& state) { return std::tuple<State&, Training<>>(state, training()); }
};

template <class L, class Extra, class E, std::size_t R>
class CallOf final : public Call {
    using State = decltype(std::declval<const Extra&>().start(std::declval<const L&>(), Extents()));

    template <class X>
    static auto call_with(const L& layer, State& state, const X& x) {
        return std::apply([&](auto&&... more) { return layer(x, more...); }, Extra::arguments(state));
    }
    using Y = decltype(call_with(std::declval<const L&>(), std::declval<State&>(), std::declval<const Tensor<E, R>&>()));
    static constexpr std::size_t rank = rank_of<Y>;

    /// An array and a view of it, which computes its strides when they are first asked for.
    struct Given {
        explicit Given(Tensor<E, R> x) : array(std::move(x)) {}

        const Tensor<E, R> array;
        const decltype(xt::view(std::declval<const Tensor<E, R>&>(), xt::all())) view = xt::view(array, xt::all());
    };

    template <class T, std::size_t Axes>
    static View<T, Axes> view_at(const Place& place) {
        return {static_cast<T*>(place.data), fixed<Axes>(place.shape), fixed<Axes>(place.strides)};
    }

public:
    CallOf(std::string called, const L& layer, const Extra& extra, const Extents& x, const Free& axes)
        : Call(std::move(called), x, axes, std::is_integral_v<E>), layer_(layer), extra_(extra), state_(extra.start(layer, x)) {}

    std::unique_ptr<Call> another() const override {
        auto copy = std::make_unique<CallOf>(name, layer_, extra_, shape, free);
        copy->given_ = given_;
        return copy;
    }
    void restart(const Extents& x) override { state_ = extra_.start(layer_, x); }
    std::vector<float> state() const override {
        std::vector<float> all;
        visit_parameters(state_, [&](std::string_view, const auto& array) { all.insert(all.end(), array.begin(), array.end()); });
        return all;
    }
    void give(const Place& x) override {
        Tensor<E, R> copy = make_tensor<E, R>(fixed<R>(x.shape));
        auto to = copy.begin();
        for_each_index(x.shape, [&](const Extents& index) {
            *to++ = static_cast<const E*>(x.data)[std::inner_product(index.begin(), index.end(), x.strides.begin(), index_t{0})];
        });
        given_ = std::make_shared<const Given>(std::move(copy));
    }
    void call() override { held_ = call_with(layer_, state_, given_->view); }
    void into(const Place& x, const Place& y, Workspace& workspace) override {
        forward_into(view_at<const E, R>(x), view_at<float, rank>(y), workspace);
    }
    void into_held(const Place& x, Workspace& workspace) override { forward_into(view_at<const E, R>(x), held_, workspace); }
    void hold(const Extents& y) override { held_ = make_tensor<float, rank>(fixed<rank>(y), 9); }
    Extents held_shape() const override { return shape_of(held_); }
    std::span<const float> held() const override { return {held_.data(), held_.size()}; }

private:
    void forward_into(const View<const E, R>& x, auto&& y, Workspace& workspace) {
        std::apply([&](auto&&... more) { layer_.forward_into(x, more..., y, workspace); }, Extra::arguments(state_));
    }

    const L& layer_;
    Extra extra_;
    State state_;
    std::shared_ptr<const Given> given_;
    Y held_;
};

/// Calls f(what, layer, extra) for the ways in which a layer is called.
template <std::size_t R, class L>
void each_way(const std::string& form, const L& layer, const auto& f) {
    f(form, layer, Nothing());
    if constexpr (detail::carries<L>) {
        f(form + ", carried", layer, Carried());
        if constexpr (detail::takes_resets<L>) {
            f(form + ", carried with resets", layer, CarriedWithResets<R - 1>());
        }
    }
}
template <std::size_t R, class L>
void each_form(const L& layer, const Shape<R>& shape, const auto& f) {
    each_way<R>("", layer, f);
    if constexpr (requires { freeze(layer); }) {
        if constexpr (!std::is_same_v<decltype(freeze(layer)), L>) {
            each_way<R>(", frozen", freeze(layer), f);
            if constexpr (!detail::carries<L>) {
                f(", frozen as it is", freeze(layer, {.algorithm = ConvAlgorithm::exact}), Nothing());
                f(", frozen for its shape", freeze(layer, {.input_shape = {shape.begin(), shape.end()}}), Nothing());
            }
        }
    }
}
template <std::size_t R, class L>
void each_form(const Inference<L>& layer, const Shape<R>&, const auto& f) {
    f("", layer, Nothing());
    f(", frozen", freeze(layer.layer, layer.state), Nothing());
}
template <std::size_t R, class L>
void each_form(const Trained<L>& layer, const Shape<R>&, const auto& f) {
    f("", layer.layer, InTraining<typename L::State>{layer.state});
}

}  // namespace

void for_each_call(const std::function<void(Call&)>& f) {
    const auto calls = [&]<class L, std::size_t R>(std::string_view name, const L& row, const Shape<R>& shape, const Free& free) {
        each_form<R>(row, shape, [&](const std::string& form, const auto& layer, const auto& extra) {
            CallOf<std::remove_cvref_t<decltype(layer)>, std::remove_cvref_t<decltype(extra)>, Input<L, float>, R> call(
                std::string(name) + form, layer, extra, Extents(shape.begin(), shape.end()), free);
            f(call);
        });
    };
    for_each_layer<float>(calls);
    for_each_path(calls);
}

}  // namespace nn::test
