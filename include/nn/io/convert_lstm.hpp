// SPDX-License-Identifier: MIT
#pragma once

// Trained arrays of other libraries' LSTMs: as arguments, for the constructors of nn::LSTM and nn::LSTMCell, or all arrays of a layer by
// name, for `LoadOptions::convert`.

#include <array>        // std::array
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/core/view.hpp>
#include <nn/io/gates.hpp>
#include <nn/io/named_arrays.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// What nn::LSTM and nn::LSTMCell are built from.
template <std::floating_point T>
struct LSTMArrays {
    Tensor<T, 2> weight_ih;            ///< (4H, D)
    Tensor<T, 2> weight_hh;            ///< (4H, H)
    std::optional<Tensor<T, 1>> bias;  ///< (4H)

    /// Adds them to `to` under the names of the layer's members.
    void put(NamedArrays& to, const std::string& prefix = "") const {
        to[prefix + "weight_ih"] = weight_ih;
        to[prefix + "weight_hh"] = weight_hh;
        if (bias) {
            to[prefix + "bias"] = *bias;
        }
    }
};

namespace detail {

inline constexpr std::array<Gate, 4> gates_as_they_are{{{0}, {1}, {2}, {3}}};
inline constexpr std::array<Gate, 4> gates_igfo{{{0}, {2}, {1}, {3}}};
inline constexpr std::array<Gate, 4> gates_iofg{{{0}, {2}, {3}, {1}}};

struct LSTMFromTorch {
    static constexpr std::string_view who = "nn::lstm_from_torch";

    template <std::floating_point T>
    LSTMArrays<T> operator()(Tensor<T, 2> weight_ih, Tensor<T, 2> weight_hh, Vector<T> bias_ih_ = {}, Vector<T> bias_hh_ = {}) const {
        const auto bias_ih = detail::take(std::move(bias_ih_), who, "bias_ih");
        const auto bias_hh = detail::take(std::move(bias_hh_), who, "bias_hh");
        check_both(who, bias_ih.has_value(), bias_hh.has_value(), "bias_ih and bias_hh");
        LSTMArrays<T> result{std::move(weight_ih), std::move(weight_hh), bias_ih};
        if (bias_ih) {
            check_shape(who, "bias_hh", *bias_hh, extents_of(*bias_ih), "that of bias_ih");
            kernels::transform(
                view_of(*result.bias), [](T a, T b) { return a + b; }, view_of(*bias_ih), view_of(*bias_hh));
        }
        return result;
    }
    NamedArrays operator()(const NamedArrays& arrays) const { return from_torch_stack(who, arrays, *this); }
};

/// Kernels (D + H, G·H) that x and h are multiplied by as one vector.
struct LSTMFromConcatenated {
    std::string_view who;
    std::string_view kernel_name;
    std::string_view bias_name;

    template <std::floating_point T>
    LSTMArrays<T> operator()(const Tensor<T, 2>& kernel, Vector<T> bias_ = {}) const {
        const auto bias = detail::take(std::move(bias_), who, "bias");
        const index_t hidden = hidden_size_of(who, "kernel", kernel, 4);
        const View<const T, 2> rows = view_of(kernel);
        const index_t inputs = rows.shape[0] - hidden;
        require(inputs >= 0, who, "kernel ", rows.shape, ", expected (input_size + hidden_size, 4 * hidden_size)");
        check_vector(who, "bias", bias, 4 * hidden, "4 * hidden_size");
        LSTMArrays<T> result{make_tensor<T, 2>({4 * hidden, inputs}), make_tensor<T, 2>({4 * hidden, hidden}), bias};
        stack_gates(slice(rows, 0, inputs), gates_igfo, 0, view_of(result.weight_ih));
        stack_gates(slice(rows, inputs, hidden), gates_igfo, 0, view_of(result.weight_hh));
        if (bias) {
            stack_gates(*bias, gates_igfo, 0, *result.bias);
        }
        return result;
    }
    NamedArrays operator()(const NamedArrays& arrays) const {
        TakeArrays from(who, arrays);
        const Tensor<double, 2> kernel = take<2>(who, from, std::string(kernel_name));
        const auto bias = take_vector(who, from, std::string(bias_name));
        from.finish();
        NamedArrays result;
        (*this)(kernel, bias).put(result);
        return result;
    }
};

struct LSTMFromKeras {
    static constexpr std::string_view who = "nn::lstm_from_keras";

    template <std::floating_point T>
    LSTMArrays<T> operator()(const Tensor<T, 2>& kernel, const Tensor<T, 2>& recurrent_kernel, Vector<T> bias_ = {}) const {
        const auto bias = detail::take(std::move(bias_), who, "bias");
        LSTMArrays<T> result{{}, {}, bias};
        from_keras_kernels(who, kernel, recurrent_kernel, gates_as_they_are, result.weight_ih, result.weight_hh);
        check_vector(who, "bias", bias, extents_of(kernel)[1], "4 * hidden_size");
        return result;
    }
    NamedArrays operator()(const NamedArrays& arrays) const {
        TakeArrays from(who, arrays);
        const Tensor<double, 2> kernel = take<2>(who, from, "kernel");
        const Tensor<double, 2> recurrent_kernel = take<2>(who, from, "recurrent_kernel");
        const auto bias = take_vector(who, from, "bias");
        from.finish();
        NamedArrays result;
        (*this)(kernel, recurrent_kernel, bias).put(result);
        return result;
    }
};

struct LSTMFromONNX {
    static constexpr std::string_view who = "nn::lstm_from_onnx";

    template <std::floating_point T>
    LSTMArrays<T> operator()(const Tensor<T, 3>& w, const Tensor<T, 3>& r, Matrix<T> b = {}, index_t direction = 0) const {
        return from_onnx_direction(who, w, r, detail::take(std::move(b), who, "B"), direction, gates_iofg, LSTMFromTorch());
    }
    NamedArrays operator()(const NamedArrays& arrays) const { return from_onnx_names(who, arrays, *this); }
};

}  // namespace detail

/// An LSTM of PyTorch, whose two biases only ever appear as their sum.
///
///     weight_ih (4H, D), weight_hh (4H, H), bias_ih (4H), bias_hh (4H), gates i, f, g, o -> LSTMArrays
///
/// By name: the arrays of an nn.LSTMCell or an nn.LSTM, whose layers and directions become those of Sequential and Bidirectional:
/// "weight_ih_l0" is "weight_ih" of a single layer, "0.weight_ih" of a stack, "forward.weight_ih" of a layer in both directions and
/// "0.forward.weight_ih" of a stack of these; "weight_ih_l1_reverse" is "1.backward.weight_ih".
///
/// Source  torch.nn.LSTM, torch.nn.LSTMCell; without proj_size
inline constexpr detail::LSTMFromTorch lstm_from_torch;

/// An LSTM of blox.
///
///     kernel (D + H, 4H), bias (4H), gates i, g, f, o -> LSTMArrays        by name: "gates.kernel", "gates.bias"
///
/// Source  blox.LSTM
inline constexpr detail::LSTMFromConcatenated lstm_from_blox{"nn::lstm_from_blox", "gates.kernel", "gates.bias"};

/// An LSTM of brainstate, whose 1 on the forget gate is `LSTMOptions::forget_bias`.
///
///     weight (D + H, 4H), bias (4H), gates i, g, f, o -> LSTMArrays        by name: "W.weight", "W.bias"
///
/// Source  brainstate.nn.LSTMCell
inline constexpr detail::LSTMFromConcatenated lstm_from_brainstate{"nn::lstm_from_brainstate", "W.weight", "W.bias"};

/// An LSTM of Keras.
///
///     kernel (D, 4H), recurrent_kernel (H, 4H), bias (4H), gates i, f, c, o -> LSTMArrays        by name: those names
///
/// Source  keras.layers.LSTM
inline constexpr detail::LSTMFromKeras lstm_from_keras;

/// An LSTM of ONNX, without peepholes.
///
///     W (directions, 4H, D), R (directions, 4H, H), B (directions, 8H), gates i, o, f, c -> LSTMArrays
///
/// As arguments, with the direction as the last one. By name: "W", "R" and "B"; two directions become those of Bidirectional.
///
/// Source  onnx.ai, operator LSTM
inline constexpr detail::LSTMFromONNX lstm_from_onnx;

}  // namespace nn::inline NN_ABI
