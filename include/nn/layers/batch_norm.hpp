// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <cmath>        // std::sqrt
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <type_traits>  // std::common_type_t

#include <nn/core/mode.hpp>
#include <nn/layers/call.hpp>
#include <nn/ops/batch_norm.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// The statistics of a `BatchNorm`, owned by the caller.
template <class T>
struct BatchNormState {
    Tensor<T, 1> running_mean;  ///< (C), 0 before training
    Tensor<T, 1> running_var;   ///< (C), 1 before training

    static void members(auto& self, auto&& f) {
        f("running_mean", self.running_mean);
        f("running_var", self.running_var);
    }
};

/// Batch normalisation over every axis but the channels; N spatial axes.
///
///     y = (x − μ) / √(σ² + eps) · weight + bias
///
///     x, y (…, C, L₁ … L_N)    weight, bias, μ, σ² (C)
///
///     inference   μ, σ² are the state's running_mean and running_var, which are read
///     training    μ, σ² are the batch's mean and biased variance; the state becomes (1 − momentum) · old + momentum · new, where the new
///                 variance is σ²·n / (n − 1), n = B·ΠL, unless `unbiased_running_var` is false
///
///     y = bn(x, state)      y = bn(x, state, nn::training())
///
/// y may be x itself. Variances are two-pass. Sums in T, in blocks of 1024 elements in row-major order of (batch, spatial…), each in the
/// lanes of a few vectors: their order depends on n alone, and on the instruction set.
///
/// Errors  shape_error, std::invalid_argument; output and state are untouched.
/// Cost    1 read and 1 write of x in inference, two reads more in training; scratch 3·C or 5·C elements, and at most
///         3·1024 more where channels lie innermost.
/// Source  Ioffe & Szegedy 2015; the numbers of noxton.BatchNorm and torch.nn.BatchNorm; of blox.BatchNorm with
///         `unbiased_running_var = false` and momentum 1 − blox's.
template <std::floating_point T, std::size_t N>
struct BatchNorm : detail::OutputShape<BatchNorm<T, N>, N + 1> {
    using State = BatchNormState<T>;

    BatchNormOptions options;            ///< what it was built with
    std::optional<Tensor<T, 1>> weight;  ///< (C), 1 at first
    std::optional<Tensor<T, 1>> bias;    ///< (C), 0 at first

    static constexpr std::string_view name = "nn::BatchNorm";
    static constexpr bool carries = false;

    /// Weight 1 and bias 0, as far as the options want them.
    explicit BatchNorm(const BatchNormOptions& options_) : options((ops::check_batch_norm_options(name, options_), options_)) {
        check_allocatable(name, Shape<1>{options.size}, sizeof(T));
        if (options.use_weight) {
            weight = make_tensor<T, 1>({options.size}, T(1));
        }
        if (options.use_bias) {
            bias = make_tensor<T, 1>({options.size}, T(0));
        }
    }

    State initial_state() const { return {make_tensor<T, 1>({options.size}, T(0)), make_tensor<T, 1>({options.size}, T(1))}; }

    /// y in inference: the statistics are read.
    template <tensor_of<T, N + 1> X>
    auto operator()(const X& x, const State& state) const {
        return detail::evaluate(inference(state), x);
    }
    /// y in training: the statistics are written.
    template <tensor_of<T, N + 1> X, mode Mode>
    auto operator()(const X& x, State& state, Mode) const {
        return detail::evaluate(training(state), x);
    }
    /// The same two into y, which may be x: a container of another shape is replaced by one that fits, a view must fit.
    template <input_of<T, N + 1> X, output_of<T, N + 1> Y>
    void forward_into(const X& x, const State& state, Y&& y, Workspace& workspace) const {
        detail::evaluate_into(inference(state), x, y, workspace);
    }
    template <input_of<T, N + 1> X, mode Mode, output_of<T, N + 1> Y>
    void forward_into(const X& x, State& state, Mode, Y&& y, Workspace& workspace) const {
        detail::evaluate_into(training(state), x, y, workspace);
    }

    /// Scale and shift (C) that inference amounts to: y = x · scale + shift.
    std::array<Tensor<T, 1>, 2> affine(const State& state) const {
        ops::check_batch_norm_arrays(name, options, parameters(), view_of(state.running_mean), view_of(state.running_var));
        Tensor<T, 1> scale = make_tensor<T, 1>({options.size});
        Tensor<T, 1> shift = make_tensor<T, 1>({options.size});
        using Wide = std::common_type_t<T, double>;
        for (std::size_t c = 0; c < scale.size(); ++c) {
            const Wide gain = (weight ? Wide((*weight)(c)) : 1) / std::sqrt(Wide(state.running_var(c)) + Wide(options.eps));
            scale(c) = static_cast<T>(gain);
            shift(c) = static_cast<T>((bias ? Wide((*bias)(c)) : 0) - Wide(state.running_mean(c)) * gain);
        }
        return {std::move(scale), std::move(shift)};
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::OutputShape<BatchNorm, N + 1>;

    auto shaped() const { return detail::operation<T, N + 1, N + 1>(name, item(), 0); }
    ops::ChannelParameters<T> parameters() const { return {view_of(weight), view_of(bias)}; }

    auto item() const {
        return [this](const Batch<const T, N + 1>& x) { return ops::batch_norm_item(name, options, x); };
    }
    auto inference(const State& state) const {
        return detail::operation<T, N + 1, N + 1>(
            name, item(), [this, &state](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::batch_norm(options, x, parameters(), view_of(state.running_mean), view_of(state.running_var), y, workspace, name);
            });
    }
    auto training(State& state) const {
        return detail::operation<T, N + 1, N + 1>(
            name, item(), [this, &state](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::batch_norm_training(options, x, parameters(), view_of(state.running_mean), view_of(state.running_var), y, workspace,
                                         name);
            });
    }
};

/// Over 0, 1, 2 and 3 axes; over none x is (…, C).
template <std::floating_point T>
using BatchNorm0d = BatchNorm<T, 0>;
template <std::floating_point T>
using BatchNorm1d = BatchNorm<T, 1>;
template <std::floating_point T>
using BatchNorm2d = BatchNorm<T, 2>;
template <std::floating_point T>
using BatchNorm3d = BatchNorm<T, 3>;

}  // namespace nn::inline NN_ABI
