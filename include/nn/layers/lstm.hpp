// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/core/freeze.hpp>
#include <nn/layers/carrying.hpp>
#include <nn/layers/frozen_recurrent.hpp>
#include <nn/layers/init.hpp>
#include <nn/ops/lstm.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// What an LSTM carries from step to step, owned by the caller and written by every call that is given it.
template <class T>
struct LSTMState {
    Tensor<T, 2> hidden;  ///< (B, H), the last output
    Tensor<T, 2> cell;    ///< (B, H)

    static constexpr bool carried = true;

    static void members(auto& self, auto&& f) {
        f("hidden", self.hidden);
        f("cell", self.cell);
    }
};

/// Long short-term memory: `LSTM` over sequences, `LSTMCell` over one step.
///
///     i, f, g, o = W_ih·x + bias + W_hh·h
///     c ← σ(f + forget_bias)·c + σ(i)·tanh(g)        h ← σ(o)·tanh(c)        y = h
///
///     LSTM      x (…, T, D)    y (…, T, H)
///     LSTMCell  x (…, D)       y (…, H)
///     weight_ih (4H, D)    weight_hh (4H, H)    bias (4H), gates in the order i, f, g, o
///
/// The leading axes are the batch; none is a batch of one. Without a state a call starts from zeros. With `resets`, bools of the shape of
/// x without its last axis, a batch element starts afresh before each step that is marked.
///
///     y = lstm(x)      y = lstm(x, state)      y = lstm(x, state, resets)
///
/// A sequence cut anywhere gives the same bits, steps by `LSTMCell` too: sums run over D and over H in order, in the element type.
///
/// Errors  shape_error, std::invalid_argument; output and state are untouched.
/// Cost    8·B·T·H·(D + H) flop and 5·B·T·H exponentials; scratch for both weights, packed, and for the gates of as many steps as fit
///         into 256 KiB, at least one.
/// Source  Hochreiter & Schmidhuber 1997 as in equinox.nn.LSTMCell and torch.nn.LSTM (whose two biases are summed here).
template <std::floating_point T, std::size_t Axes>
struct BasicLSTM : detail::Carrying<BasicLSTM<T, Axes>, LSTMState<T>, T, Axes> {
    using State = LSTMState<T>;

    LSTMOptions options;               ///< what it was built with
    Tensor<T, 2> weight_ih;            ///< (4H, D)
    Tensor<T, 2> weight_hh;            ///< (4H, H)
    std::optional<Tensor<T, 1>> bias;  ///< (4H)

    static constexpr std::string_view name = Axes == 1 ? "nn::LSTMCell" : "nn::LSTM";
    static constexpr bool takes_resets = true;

    /// All arrays from U(−L, L), L = 1 / √H, as in Equinox and PyTorch, unless the options say otherwise.
    template <engine_or_none Engine>
    BasicLSTM(const LSTMOptions& options_, Engine&& engine) : options((ops::check_lstm_options(name, options_), options_)) {
        detail::draw_recurrent(options, std::array{4 * options.hidden_size}, weight_ih, weight_hh, bias, engine);
    }

    /// Trained arrays, checked against the options.
    BasicLSTM(const LSTMOptions& options_, TrainedArray<T, 2> weight_ih_, TrainedArray<T, 2> weight_hh_,
              std::optional<TrainedArray<T, 1>> bias_ = {})
        : options((ops::check_lstm_options(name, options_), options_)),
          weight_ih(std::move(weight_ih_).take(name, "weight_ih")),
          weight_hh(std::move(weight_hh_).take(name, "weight_hh")),
          bias(detail::take(std::move(bias_), name, "bias")) {
        ops::check_lstm_parameters(name, options, parameters());
    }

    /// Zeros, for a batch of this size.
    State initial_state(index_t batch) const { return zero_state(options, batch); }

    /// The form for inference, packed for this machine.
    auto frozen(const FreezeOptions&) const {
        ops::check_lstm_options(name, options);  // they may have been assigned since
        ops::check_lstm_parameters(name, options, parameters());
        return FrozenRecurrent<BasicLSTM, T, Axes>(*this);
    }

    /// Multiply-adds of the products of a call with x of this shape.
    template <std::size_t R>
        requires(R >= Axes)
    index_t multiply_adds(const Shape<R>& x)
    const { return saturating_multiply(element_count(this->output_shape(x)), 4 * (options.input_size + options.hidden_size)); }

    static void members(auto& self, auto&& f) {
        f("weight_ih", self.weight_ih);
        f("weight_hh", self.weight_hh);
        f("bias", self.bias);
    }

private:
    friend detail::Carrying<BasicLSTM, LSTMState<T>, T, Axes>;
    friend FrozenRecurrent<BasicLSTM, T, Axes>;
    using Views = std::array<View<T, 2>, 2>;

    static constexpr index_t gates = 4;
    static constexpr index_t candidate_gates = 0;

    static Views views(State& state) { return {view_of(state.hidden), view_of(state.cell)}; }
    static std::array<Shape<2>, 2> state_shapes(const LSTMOptions& options_, index_t batch) {
        return {{{batch, options_.hidden_size}, {batch, options_.hidden_size}}};
    }
    static State zero_state(const LSTMOptions& options_, index_t batch) {
        const auto [hidden, cell] = state_shapes(options_, batch);
        check_allocatable(name, hidden, sizeof(T));
        return {make_tensor<T, 2>(hidden, T(0)), make_tensor<T, 2>(cell, T(0))};
    }
    static void run_packed(const LSTMOptions& options_, const Batch<const T, Axes>& x, const auto& weights, const T* bias_, const T*,
                           const Views& state, const std::optional<Batch<const bool, Axes - 1>>& resets, const Batch<T, Axes>& y,
                           Workspace& workspace) {
        ops::run_lstm(name, options_, x, weights, bias_, {state[0], state[1]}, resets, y, workspace);
    }

    ops::RecurrentParameters<T> parameters() const { return {view_of(weight_ih), view_of(weight_hh), view_of(bias)}; }
    std::array<Shape<2>, 2> state_shapes(index_t batch) const { return state_shapes(options, batch); }
    Shape<Axes> item(const Batch<const T, Axes>& x) const { return ops::lstm_item(name, options, parameters(), x); }
    void run(const Batch<const T, Axes>& x, const Views& state, const std::optional<Batch<const bool, Axes - 1>>& resets,
             const Batch<T, Axes>& y, Workspace& workspace) const {
        ops::lstm(options, x, parameters(), {state[0], state[1]}, resets, y, workspace, name);
    }
};

/// Over sequences, and over one step.
template <std::floating_point T>
using LSTM = BasicLSTM<T, 2>;
template <std::floating_point T>
using LSTMCell = BasicLSTM<T, 1>;

}  // namespace nn::inline NN_ABI
