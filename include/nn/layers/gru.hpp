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
#include <nn/ops/gru.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// What a GRU carries from step to step, owned by the caller and written by every call that is given it.
template <class T>
struct GRUState {
    Tensor<T, 2> hidden;  ///< (B, H), the last output

    static constexpr bool carried = true;

    static void members(auto& self, auto&& f) { f("hidden", self.hidden); }
};

/// Gated recurrent unit: `GRU` over sequences, `GRUCell` over one step.
///
///     r, z = σ(W_ih·x + bias + W_hh·h)
///     n = tanh(W_in·x + bias + r·(W_hn·h + bias_n))      GRUReset::after
///     n = tanh(W_in·x + bias + W_hn·(r·h))               GRUReset::before
///     h ← (1 − z)·n + z·h        y = h
///
///     GRU      x (…, T, D)    y (…, T, H)
///     GRUCell  x (…, D)       y (…, H)
///     weight_ih (3H, D)    weight_hh (3H, H)    bias (3H), gates in the order r, z, n    bias_n (H)
///
/// Batch, state and resets are as for `LSTM`:
///
///     y = gru(x)      y = gru(x, state)      y = gru(x, state, resets)
///
/// A sequence cut anywhere gives the same bits, steps by `GRUCell` too: sums run over D and over H in order, in the element type.
///
/// Errors  shape_error, std::invalid_argument; output and state are untouched.
/// Cost    6·B·T·H·(D + H) flop and 3·B·T·H exponentials; scratch for both weights, packed, and for the gates of as many steps as fit
///         into 256 KiB, at least one.
/// Source  Cho et al. 2014, arXiv:1406.1078 (before); equinox.nn.GRUCell and torch.nn.GRU (after). blox and brainstate mean 1 − z by z.
template <std::floating_point T, std::size_t Axes>
struct BasicGRU : detail::Carrying<BasicGRU<T, Axes>, GRUState<T>, T, Axes> {
    using State = GRUState<T>;

    GRUOptions options;                  ///< what it was built with
    Tensor<T, 2> weight_ih;              ///< (3H, D)
    Tensor<T, 2> weight_hh;              ///< (3H, H)
    std::optional<Tensor<T, 1>> bias;    ///< (3H)
    std::optional<Tensor<T, 1>> bias_n;  ///< (H), with GRUReset::after and use_bias

    static constexpr std::string_view name = Axes == 1 ? "nn::GRUCell" : "nn::GRU";
    static constexpr bool takes_resets = true;

    /// All arrays from U(−L, L), L = 1 / √H, as in Equinox and PyTorch, unless the options say otherwise.
    template <engine_or_none Engine>
    BasicGRU(const GRUOptions& options_, Engine&& engine) : options((ops::check_gru_options(name, options_), options_)) {
        const index_t hidden = options.hidden_size;
        const Fans fans = detail::draw_recurrent(options, std::array{2 * hidden, hidden}, weight_ih, weight_hh, bias, engine);
        if (ops::has_bias_n(options)) {
            bias_n = draw_tensor<T, 1>({hidden}, options.bias_init, fans, engine);
        }
    }

    /// Trained arrays, checked against the options.
    BasicGRU(const GRUOptions& options_, TrainedArray<T, 2> weight_ih_, TrainedArray<T, 2> weight_hh_,
             std::optional<TrainedArray<T, 1>> bias_ = {}, std::optional<TrainedArray<T, 1>> bias_n_ = {})
        : options((ops::check_gru_options(name, options_), options_)),
          weight_ih(std::move(weight_ih_).take(name, "weight_ih")),
          weight_hh(std::move(weight_hh_).take(name, "weight_hh")),
          bias(detail::take(std::move(bias_), name, "bias")),
          bias_n(detail::take(std::move(bias_n_), name, "bias_n")) {
        ops::check_gru_parameters(name, options, parameters());
    }

    /// Zeros, for a batch of this size.
    State initial_state(index_t batch) const { return zero_state(options, batch); }

    /// The form for inference, packed for this machine.
    auto frozen(const FreezeOptions&) const {
        ops::check_gru_options(name, options);  // they may have been assigned since
        ops::check_gru_parameters(name, options, parameters());
        return FrozenRecurrent<BasicGRU, T, Axes>(*this);
    }

    /// Multiply-adds of the products of a call with x of this shape.
    template <std::size_t R>
        requires(R >= Axes)
    index_t multiply_adds(const Shape<R>& x)
    const { return saturating_multiply(element_count(this->output_shape(x)), 3 * (options.input_size + options.hidden_size)); }

    static void members(auto& self, auto&& f) {
        f("weight_ih", self.weight_ih);
        f("weight_hh", self.weight_hh);
        f("bias", self.bias);
        f("bias_n", self.bias_n);
    }

private:
    friend detail::Carrying<BasicGRU, GRUState<T>, T, Axes>;
    friend FrozenRecurrent<BasicGRU, T, Axes>;
    using Views = std::array<View<T, 2>, 1>;

    static constexpr index_t gates = 3;
    static constexpr index_t candidate_gates = 1;  // whose product with the hidden state is apart from the others'

    static Views views(State& state) { return {view_of(state.hidden)}; }
    static std::array<Shape<2>, 1> state_shapes(const GRUOptions& options_, index_t batch) { return {{{batch, options_.hidden_size}}}; }
    static State zero_state(const GRUOptions& options_, index_t batch) {
        const auto [hidden] = state_shapes(options_, batch);
        check_allocatable(name, hidden, sizeof(T));
        return {make_tensor<T, 2>(hidden, T(0))};
    }
    static void run_packed(const GRUOptions& options_, const Batch<const T, Axes>& x, const auto& weights, const T* bias_, const T* bias_n_,
                           const Views& state, const std::optional<Batch<const bool, Axes - 1>>& resets, const Batch<T, Axes>& y,
                           Workspace& workspace) {
        ops::run_gru(name, options_, x, weights, bias_, bias_n_, state[0], resets, y, workspace);
    }

    ops::GRUParameters<T> parameters() const { return {{view_of(weight_ih), view_of(weight_hh), view_of(bias)}, view_of(bias_n)}; }
    std::array<Shape<2>, 1> state_shapes(index_t batch) const { return state_shapes(options, batch); }
    Shape<Axes> item(const Batch<const T, Axes>& x) const { return ops::gru_item(name, options, parameters(), x); }
    void run(const Batch<const T, Axes>& x, const Views& state, const std::optional<Batch<const bool, Axes - 1>>& resets,
             const Batch<T, Axes>& y, Workspace& workspace) const {
        ops::gru(options, x, parameters(), state[0], resets, y, workspace, name);
    }
};

/// Over sequences, and over one step.
template <std::floating_point T>
using GRU = BasicGRU<T, 2>;
template <std::floating_point T>
using GRUCell = BasicGRU<T, 1>;

}  // namespace nn::inline NN_ABI
