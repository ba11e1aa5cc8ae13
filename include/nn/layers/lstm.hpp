// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>        // std::sqrt
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/layers/call.hpp>
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
/// A sequence cut anywhere gives the same bits, steps by `LSTMCell` too: sums run over D and over H in order, in T.
///
/// Errors  shape_error, std::invalid_argument; output and state are untouched.
/// Cost    8·B·T·H·(D + H) flop and 5·B·T·H exponentials; scratch for both weights, packed, and for the gates of as many steps as fit
///         into 256 KiB, at least one.
/// Source  Hochreiter & Schmidhuber 1997 as in equinox.nn.LSTMCell and torch.nn.LSTM (whose two biases are summed here).
template <std::floating_point T, std::size_t Axes>
struct BasicLSTM {
    using State = LSTMState<T>;

    LSTMOptions options;
    Tensor<T, 2> weight_ih;
    Tensor<T, 2> weight_hh;
    std::optional<Tensor<T, 1>> bias;

    static constexpr bool carries = true;

    /// All arrays from U(−L, L), L = 1 / √H, as in Equinox and PyTorch.
    template <initialiser Engine>
    BasicLSTM(const LSTMOptions& options_, Engine&& engine) : options((ops::check_lstm_options(who, options_), options_)) {
        const T limit = T(1) / std::sqrt(static_cast<T>(options.hidden_size));
        const index_t gates = 4 * options.hidden_size;
        weight_ih = uniform_tensor<T, 2>({gates, options.input_size}, limit, engine);
        weight_hh = uniform_tensor<T, 2>({gates, options.hidden_size}, limit, engine);
        if (options.use_bias) {
            bias = uniform_tensor<T, 1>({gates}, limit, engine);
        }
    }

    /// Trained arrays, checked against the options.
    BasicLSTM(const LSTMOptions& options_, Tensor<T, 2> weight_ih_, Tensor<T, 2> weight_hh_, std::optional<Tensor<T, 1>> bias_ = {})
        : options((ops::check_lstm_options(who, options_), options_)),
          weight_ih(std::move(weight_ih_)),
          weight_hh(std::move(weight_hh_)),
          bias(std::move(bias_)) {
        ops::check_lstm_parameters(who, options, parameters());
    }

    /// Zeros, for a batch of this size.
    State initial_state(index_t batch) const {
        const Shape<2> shape{batch, options.hidden_size};
        check_allocatable(who, shape, sizeof(T));
        return {make_tensor<T, 2>(shape, T(0)), make_tensor<T, 2>(shape, T(0))};
    }

    template <tensor_of<T, Axes> X>
    auto operator()(const X& x) const {
        return detail::evaluate(from_zeros(), x);
    }
    template <tensor_of<T, Axes> X>
    auto operator()(const X& x, State& state) const {
        return detail::evaluate(with(state, {}), x);
    }
    template <tensor_of<T, Axes> X, tensor_of<bool, Axes - 1> Resets>
    auto operator()(const X& x, State& state, const Resets& resets) const {
        const detail::Operand<const Resets> held(resets);
        return detail::evaluate(with(state, held.template batch<Axes - 1>(who, "resets")), x);
    }
    template <input_of<T, Axes> X, output_of<T, Axes> Y>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        detail::evaluate_into(from_zeros(), x, y, workspace);
    }
    template <input_of<T, Axes> X, output_of<T, Axes> Y>
    void forward_into(const X& x, State& state, Y&& y, Workspace& workspace) const {
        detail::evaluate_into(with(state, {}), x, y, workspace);
    }
    template <input_of<T, Axes> X, input_of<bool, Axes - 1> Resets, output_of<T, Axes> Y>
    void forward_into(const X& x, State& state, const Resets& resets, Y&& y, Workspace& workspace) const {
        const detail::Operand<const Resets> held(resets);
        detail::evaluate_into(with(state, held.template batch<Axes - 1>(who, "resets")), x, y, workspace);
    }
    template <std::size_t R>
        requires(R >= Axes)
    Shape<R> output_shape(const Shape<R>& x)
    const { return detail::shape_after(from_zeros(), x); }

    static void members(auto& self, auto&& f) {
        f("weight_ih", self.weight_ih);
        f("weight_hh", self.weight_hh);
        f("bias", self.bias);
    }

private:
    static constexpr std::string_view who = Axes == 1 ? "nn::LSTMCell" : "nn::LSTM";

    ops::LSTMParameters<T> parameters() const { return {view_of(weight_ih), view_of(weight_hh), view_of(bias)}; }

    auto item() const {
        return [this](const Batch<const T, Axes>& x) { return ops::lstm_item(who, options, parameters(), x); };
    }
    auto with(State& state, const std::optional<Batch<const bool, Axes - 1>>& resets) const {
        return detail::operation<T, Axes, Axes>(
            who, item(), [this, &state, resets](const Batch<const T, Axes>& x, const Batch<T, Axes>& y, Workspace& workspace) {
                ops::lstm(options, x, parameters(), {view_of(state.hidden), view_of(state.cell)}, resets, y, workspace, who);
            });
    }
    auto from_zeros() const {
        return detail::operation<T, Axes, Axes>(
            who, item(), [this](const Batch<const T, Axes>& x, const Batch<T, Axes>& y, Workspace& workspace) {
                const auto frame = workspace.frame();
                const Shape<2> shape{x.count(), options.hidden_size};
                const ops::LSTMStateView<T> state{contiguous(frame.template take<T>(element_count(shape)), shape),
                                                  contiguous(frame.template take<T>(element_count(shape)), shape)};
                std::fill_n(state.hidden.data, state.hidden.size(), T(0));
                std::fill_n(state.cell.data, state.cell.size(), T(0));
                ops::lstm(options, x, parameters(), state, {}, y, workspace, who);
            });
    }
};

template <std::floating_point T>
using LSTM = BasicLSTM<T, 2>;
template <std::floating_point T>
using LSTMCell = BasicLSTM<T, 1>;

}  // namespace nn::inline NN_ABI
