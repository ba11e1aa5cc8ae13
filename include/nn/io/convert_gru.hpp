// SPDX-License-Identifier: MIT
#pragma once

// Trained arrays of other libraries' GRUs: as arguments, for the constructors of nn::GRU and nn::GRUCell, or all arrays of a layer by name,
// for `LoadOptions::convert`.

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
#include <nn/ops/gru.hpp>  // GRUReset
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// What nn::GRU and nn::GRUCell are built from.
template <std::floating_point T>
struct GRUArrays {
    Tensor<T, 2> weight_ih;              ///< (3H, D)
    Tensor<T, 2> weight_hh;              ///< (3H, H)
    std::optional<Tensor<T, 1>> bias;    ///< (3H)
    std::optional<Tensor<T, 1>> bias_n;  ///< (H), with GRUReset::after

    /// Adds them to `to` under the names of the layer's members.
    void put(NamedArrays& to, const std::string& prefix = "") const {
        to[prefix + "weight_ih"] = weight_ih;
        to[prefix + "weight_hh"] = weight_hh;
        if (bias) {
            to[prefix + "bias"] = *bias;
        }
        if (bias_n) {
            to[prefix + "bias_n"] = *bias_n;
        }
    }
};

namespace detail {

// z of blox and brainstate is 1 − z of nn: σ(−a) = 1 − σ(a).
inline constexpr std::array<Gate, 2> gates_zr{{{1}, {0, true}}};
inline constexpr std::array<Gate, 2> gates_rz{{{0}, {1, true}}};
inline constexpr std::array<Gate, 1> candidate_gate{{{0}}};
inline constexpr std::array<Gate, 3> gates_zrn{{{1}, {0}, {2}}};

struct GRUFromTorch {
    static constexpr std::string_view who = "nn::gru_from_torch";

    template <std::floating_point T>
    GRUArrays<T> operator()(Tensor<T, 2> weight_ih, Tensor<T, 2> weight_hh, Vector<T> bias_ih_ = {}, Vector<T> bias_hh_ = {}) const {
        const auto bias_ih = detail::take(std::move(bias_ih_), who, "bias_ih");
        const auto bias_hh = detail::take(std::move(bias_hh_), who, "bias_hh");
        check_both(who, bias_ih.has_value(), bias_hh.has_value(), "bias_ih and bias_hh");
        GRUArrays<T> result{std::move(weight_ih), std::move(weight_hh), bias_ih, {}};
        if (bias_ih) {
            const index_t hidden = static_cast<index_t>(bias_ih->size()) / 3;
            check_shape(who, "bias_ih", *bias_ih, {3 * hidden}, "that of 3 gates");
            check_shape(who, "bias_hh", *bias_hh, {3 * hidden}, "that of bias_ih");
            const auto rz = [&](auto& bias) { return slice(view_of(bias), 0, 2 * hidden); };
            kernels::transform(
                rz(*result.bias), [](T a, T b) { return a + b; }, rz(*bias_ih), rz(*bias_hh));
            result.bias_n = make_tensor<T, 1>({hidden});
            kernels::transform(
                view_of(*result.bias_n), [](T b) { return b; }, slice(view_of(*bias_hh), 2 * hidden, hidden));
        }
        return result;
    }
    NamedArrays operator()(const NamedArrays& arrays) const { return from_torch_stack(who, arrays, *this); }
};

/// Kernels (D + H, G·H) that x and h are multiplied by as one vector.
struct GRUFromConcatenated {
    std::string_view who;
    std::array<std::string_view, 4> names;  ///< of the gates' kernel and bias and the candidate's
    std::array<Gate, 2> order;

    template <std::floating_point T>
    GRUArrays<T> operator()(const Tensor<T, 2>& gates, Vector<T> gates_bias_, const Tensor<T, 2>& candidate,
                            Vector<T> candidate_bias_) const {
        const auto gates_bias = detail::take(std::move(gates_bias_), who, "the gates' bias");
        const auto candidate_bias = detail::take(std::move(candidate_bias_), who, "the candidate's bias");
        const index_t hidden = hidden_size_of(who, "gates", gates, 2);
        const View<const T, 2> rows = view_of(gates);
        const index_t inputs = rows.shape[0] - hidden;
        require(inputs >= 0, who, "gates ", rows.shape, ", expected (input_size + hidden_size, 2 * hidden_size)");
        check_shape(who, "candidate", candidate, {inputs + hidden, hidden}, "(input_size + hidden_size, hidden_size)");
        check_both(who, gates_bias.has_value(), candidate_bias.has_value(), "the gates' bias and the candidate's");
        check_vector(who, "the gates' bias", gates_bias, 2 * hidden, "2 * hidden_size");
        check_vector(who, "the candidate's bias", candidate_bias, hidden, "hidden_size");
        GRUArrays<T> result{make_tensor<T, 2>({3 * hidden, inputs}), make_tensor<T, 2>({3 * hidden, hidden}), {}, {}};
        const auto fill = [&](index_t first, Tensor<T, 2>& weight) {
            const index_t count = extents_of(weight)[1];
            stack_gates(slice(rows, first, count), order, 0, view_of(weight));
            stack_gates(slice(view_of(candidate), first, count), candidate_gate, 2, view_of(weight));
        };
        fill(0, result.weight_ih);
        fill(inputs, result.weight_hh);
        if (gates_bias) {
            result.bias = make_tensor<T, 1>({3 * hidden});
            stack_gates(*gates_bias, order, 0, *result.bias);
            stack_gates(*candidate_bias, candidate_gate, 2, *result.bias);
        }
        return result;
    }
    NamedArrays operator()(const NamedArrays& arrays) const {
        TakeArrays from(who, arrays);
        const Tensor<double, 2> gates = take<2>(who, from, std::string(names[0]));
        const auto gates_bias = take_vector(who, from, std::string(names[1]));
        const Tensor<double, 2> candidate = take<2>(who, from, std::string(names[2]));
        const auto candidate_bias = take_vector(who, from, std::string(names[3]));
        from.finish();
        NamedArrays result;
        (*this)(gates, gates_bias, candidate, candidate_bias).put(result);
        return result;
    }
};

struct GRUFromKeras {
    static constexpr std::string_view who = "nn::gru_from_keras";

    template <std::floating_point T>
    GRUArrays<T> operator()(const Tensor<T, 2>& kernel, const Tensor<T, 2>& recurrent_kernel, Vector<T> bias = {},
                            Vector<T> recurrent_bias = {}) const {
        Tensor<T, 2> weight_ih;
        Tensor<T, 2> weight_hh;
        from_keras_kernels(who, kernel, recurrent_kernel, gates_zrn, weight_ih, weight_hh);
        const auto ordered = [&](std::string_view name, Vector<T>&& array) {
            const auto from = detail::take(std::move(array), who, name);
            check_vector(who, name, from, extents_of(kernel)[1], "3 * hidden_size");
            auto to = from;
            if (from) {
                stack_gates(*from, gates_zrn, 0, *to);
            }
            return to;
        };
        const auto bias_ih = ordered("bias", std::move(bias));
        const auto bias_hh = ordered("recurrent_bias", std::move(recurrent_bias));
        require<std::invalid_argument>(bias_ih || !bias_hh, who, "one of bias and recurrent_bias came alone");
        if (bias_hh) {
            return GRUFromTorch()(std::move(weight_ih), std::move(weight_hh), bias_ih, bias_hh);
        }
        return {std::move(weight_ih), std::move(weight_hh), bias_ih, {}};
    }
    NamedArrays operator()(const NamedArrays& arrays) const {
        TakeArrays from(who, arrays);
        const Tensor<double, 2> kernel = take<2>(who, from, "kernel");
        const Tensor<double, 2> recurrent_kernel = take<2>(who, from, "recurrent_kernel");
        std::array<std::optional<Tensor<double, 1>>, 2> biases;
        if (from.has("bias")) {
            const Array bias = from.take("bias");
            if (bias.dimension() == 2) {
                const Tensor<double, 2> rows(bias);
                check_shape(who, "bias", rows, {2, extents_of(kernel)[1]}, "(2, 3 * hidden_size)");
                for (std::size_t row = 0; row < 2; ++row) {
                    biases[row] = Tensor<double, 1>(xt::view(rows, row, xt::all()));
                }
            } else {
                biases[0] = of_rank<1>(who, "bias", bias);
            }
        }
        from.finish();
        NamedArrays result;
        (*this)(kernel, recurrent_kernel, biases[0], biases[1]).put(result);
        return result;
    }
};

struct GRUFromONNX {
    std::string_view who;
    GRUReset reset;

    template <std::floating_point T>
    GRUArrays<T> operator()(const Tensor<T, 3>& w, const Tensor<T, 3>& r, Matrix<T> b = {}, index_t direction = 0) const {
        const auto arrays = [this](Tensor<T, 2> weight_ih, Tensor<T, 2> weight_hh, const auto& bias_ih, const auto& bias_hh) {
            GRUArrays<T> result = GRUFromTorch()(std::move(weight_ih), std::move(weight_hh), bias_ih, bias_hh);
            if (result.bias_n && reset == GRUReset::before) {  // then it stands beside the other bias
                const View<T, 1> n = slice(view_of(*result.bias), 2 * view_of(*result.bias_n).shape[0], view_of(*result.bias_n).shape[0]);
                kernels::transform(
                    n, [](T a, T c) { return a + c; }, View<const T, 1>(n), view_of(std::as_const(*result.bias_n)));
                result.bias_n.reset();
            }
            return result;
        };
        return from_onnx_direction(who, w, r, detail::take(std::move(b), who, "B"), direction, gates_zrn, arrays);
    }
    NamedArrays operator()(const NamedArrays& arrays) const { return from_onnx_names(who, arrays, *this); }
};

}  // namespace detail

/// A GRU of PyTorch: what bias_hh gives the candidate is `bias_n`, the rest of it is added to bias_ih. Names as for `lstm_from_torch`.
///
///     weight_ih (3H, D), weight_hh (3H, H), bias_ih (3H), bias_hh (3H), gates r, z, n -> GRUArrays
///
/// Source  torch.nn.GRU, torch.nn.GRUCell
inline constexpr detail::GRUFromTorch gru_from_torch;

/// A GRU of blox, for GRUReset::before. Its z is 1 − z here.
///
///     gates (D + H, 2H) in the order z, r, and their bias (2H), candidate (D + H, H), and its bias (H) -> GRUArrays
///
/// By name: "gates.kernel", "gates.bias", "candidate.kernel", "candidate.bias".
///
/// Source  blox.GRU
inline constexpr detail::GRUFromConcatenated gru_from_blox{
    "nn::gru_from_blox", {"gates.kernel", "gates.bias", "candidate.kernel", "candidate.bias"}, detail::gates_zr};

/// A GRU of brainstate, for GRUReset::before. Its z is 1 − z here.
///
///     gates (D + H, 2H) in the order r, z, and their bias (2H), candidate (D + H, H), and its bias (H) -> GRUArrays
///
/// By name: "Wrz.weight", "Wrz.bias", "Wh.weight", "Wh.bias".
///
/// Source  brainstate.nn.GRUCell
inline constexpr detail::GRUFromConcatenated gru_from_brainstate{
    "nn::gru_from_brainstate", {"Wrz.weight", "Wrz.bias", "Wh.weight", "Wh.bias"}, detail::gates_rz};

/// A GRU of Keras, for GRUReset::after with a recurrent bias (`reset_after = True`), else for GRUReset::before.
///
///     kernel (D, 3H), recurrent_kernel (H, 3H), bias (3H), recurrent_bias (3H), gates z, r, h -> GRUArrays
///
/// By name: "kernel", "recurrent_kernel" and "bias", which is (2, 3H) for both biases.
///
/// Source  keras.layers.GRU
inline constexpr detail::GRUFromKeras gru_from_keras;

/// A GRU of ONNX, for GRUReset::before; with the attribute `linear_before_reset` (as PyTorch exports), the second one and GRUReset::after.
///
///     W (directions, 3H, D), R (directions, 3H, H), B (directions, 6H), gates z, r, h -> GRUArrays
///
/// As arguments, with the direction as the last one. By name: "W", "R" and "B"; two directions become those of Bidirectional.
///
/// Source  onnx.ai, operator GRU
inline constexpr detail::GRUFromONNX gru_from_onnx{"nn::gru_from_onnx", GRUReset::before};
/// The same with the attribute `linear_before_reset`.
inline constexpr detail::GRUFromONNX gru_from_onnx_linear_before_reset{"nn::gru_from_onnx_linear_before_reset", GRUReset::after};

}  // namespace nn::inline NN_ABI
