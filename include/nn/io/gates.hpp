// SPDX-License-Identifier: MIT
#pragma once

// What the conversions of LSTMs and GRUs have in common: gates that change places, arrays by name.

#include <array>        // std::array
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <stdexcept>    // std::invalid_argument
#include <string>       // std::string, std::to_string
#include <string_view>  // std::string_view
#include <type_traits>  // std::type_identity_t
#include <utility>      // std::move
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/core/view.hpp>
#include <nn/io/named_arrays.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// A vector that may be absent. T is deduced from the weights.
template <class T>
using Vector = std::type_identity_t<std::optional<TrainedArray<T, 1>>>;

/// A matrix that may be absent.
template <class T>
using Matrix = std::type_identity_t<std::optional<TrainedArray<T, 2>>>;

/// Where a gate comes from: the place among the source's gates, and whether its sign is turned.
struct Gate {
    index_t from;
    bool negated = false;
};

/// Gates side by side, (n, G·H), one under another: rows `row`·H … of `to` (…, n).
template <class T, std::size_t G>
void stack_gates(const View<const T, 2>& from, const std::array<Gate, G>& gates, index_t row, const View<T, 2>& to) {
    const index_t hidden = from.shape[1] / static_cast<index_t>(G);
    for (const Gate& gate : gates) {
        const auto columns = slice(permuted(from, std::array<std::size_t, 2>{1, 0}), gate.from * hidden, hidden);
        const T sign = gate.negated ? T(-1) : T(1);
        kernels::transform(
            slice(to, row++ * hidden, hidden), [sign](T w) { return sign * w; }, columns);
    }
}
template <class T, std::size_t G>
void stack_gates(const Tensor<T, 1>& from, const std::array<Gate, G>& gates, index_t row, Tensor<T, 1>& to) {
    const index_t count = static_cast<index_t>(to.size());
    stack_gates(contiguous<const T, 2>(from.data(), {1, static_cast<index_t>(from.size())}), gates, row,
                contiguous<T, 2>(to.data(), {count, 1}));
}

/// H of a matrix whose columns are G·H.
template <class T>
index_t hidden_size_of(std::string_view who, std::string_view name, const Tensor<T, 2>& kernel, index_t gates) {
    const Shape<2> shape = extents_of(kernel);
    require(shape[1] % gates == 0, who, name, " ", shape, ", expected a multiple of ", gates, " columns, a block for each gate");
    return shape[1] / gates;
}

template <class T, std::size_t R>
void check_shape(std::string_view who, std::string_view name, const Tensor<T, R>& array, const Shape<R>& expected, std::string_view why) {
    require(extents_of(array) == expected, who, name, " ", extents_of(array), ", expected ", expected, " = ", why);
}
template <class T>
void check_vector(std::string_view who, std::string_view name, const std::optional<Tensor<T, 1>>& array, index_t size,
                  std::string_view why) {
    if (array) {
        check_shape(who, name, *array, {size}, why);
    }
}

inline void check_both(std::string_view who, bool first, bool second, std::string_view names) {
    require<std::invalid_argument>(first == second, who, "one of ", names, " came alone");
}

/// An array of known rank.
template <std::size_t R>
Tensor<double, R> of_rank(std::string_view who, std::string_view name, const Array& array) {
    const std::vector<index_t> shape(array.shape().begin(), array.shape().end());
    require(shape.size() == R, who, "\"", name, "\" ", shape, " has ", shape.size(), axes(shape.size()), ", expected ", R);
    return Tensor<double, R>(array);
}
template <std::size_t R>
Tensor<double, R> take(std::string_view who, TakeArrays& arrays, const std::string& name) {
    return of_rank<R>(who, name, arrays.take(name));
}
inline std::optional<Tensor<double, 1>> take_vector(std::string_view who, TakeArrays& arrays, const std::string& name) {
    return arrays.has(name) ? std::optional(take<1>(who, arrays, name)) : std::nullopt;
}

/// All layers and directions of a torch.nn.LSTM or GRU, or a cell, each converted by itself.
template <class Convert>
NamedArrays from_torch_stack(std::string_view who, const NamedArrays& arrays, const Convert& convert) {
    TakeArrays from(who, arrays);
    NamedArrays result;
    const bool both_ways = from.has("weight_ih_l0_reverse");
    const bool many = from.has("weight_ih_l1");
    const auto one = [&](const std::string& suffix, const std::string& prefix) {
        Tensor<double, 2> weight_ih = take<2>(who, from, "weight_ih" + suffix);
        Tensor<double, 2> weight_hh = take<2>(who, from, "weight_hh" + suffix);
        const auto bias_ih = take_vector(who, from, "bias_ih" + suffix);
        const auto bias_hh = take_vector(who, from, "bias_hh" + suffix);
        convert(std::move(weight_ih), std::move(weight_hh), bias_ih, bias_hh).put(result, prefix);
    };
    if (from.has("weight_ih")) {
        one("", "");
    } else {
        std::size_t layer = 0;
        do {
            const std::string suffix = "_l" + std::to_string(layer);
            const std::string prefix = many ? std::to_string(layer) + "." : "";
            one(suffix, prefix + (both_ways ? "forward." : ""));
            if (both_ways) {
                one(suffix + "_reverse", prefix + "backward.");
            }
            ++layer;
        } while (from.has("weight_ih_l" + std::to_string(layer)));
    }
    from.finish();
    return result;
}

/// Keras: kernel (D, G·H), recurrent_kernel (H, G·H).
template <class T, std::size_t G>
void from_keras_kernels(std::string_view who, const Tensor<T, 2>& kernel, const Tensor<T, 2>& recurrent, const std::array<Gate, G>& order,
                        Tensor<T, 2>& weight_ih, Tensor<T, 2>& weight_hh) {
    const index_t columns = static_cast<index_t>(G) * hidden_size_of(who, "kernel", kernel, static_cast<index_t>(G));
    const index_t hidden = columns / static_cast<index_t>(G);
    check_shape(who, "recurrent_kernel", recurrent, {hidden, columns}, "(hidden_size, gates * hidden_size)");
    weight_ih = make_tensor<T, 2>({columns, extents_of(kernel)[0]});
    weight_hh = make_tensor<T, 2>({columns, hidden});
    stack_gates(view_of(kernel), order, 0, view_of(weight_ih));
    stack_gates(view_of(recurrent), order, 0, view_of(weight_hh));
}

/// The gates of one direction of an array of ONNX, (directions, G·H, n), under one another in another order.
template <class T, std::size_t G>
Tensor<T, 2> onnx_rows(const Tensor<T, 3>& from, index_t direction, const std::array<Gate, G>& order) {
    const View<const T, 2> rows = at(view_of(from), direction);
    Tensor<T, 2> to = make_tensor<T, 2>(rows.shape);
    stack_gates(permuted(rows, std::array<std::size_t, 2>{1, 0}), order, 0, view_of(to));
    return to;
}

/// ONNX: W (directions, G·H, D), R (directions, G·H, H), B (directions, 2·G·H), the biases of both products one after another. Calls
/// f(weight_ih, weight_hh, bias_ih, bias_hh) with those of one direction, as PyTorch has them.
template <class T, std::size_t G, class F>
auto from_onnx_direction(std::string_view who, const Tensor<T, 3>& w, const Tensor<T, 3>& r, const std::optional<Tensor<T, 2>>& b,
                         index_t direction, const std::array<Gate, G>& order, const F& f) {
    const auto [directions, rows, inputs] = extents_of(w);
    constexpr auto gates = static_cast<index_t>(G);
    require(rows % gates == 0, who, "W ", extents_of(w), ", expected a multiple of ", gates, " rows, a block for each gate");
    check_shape(who, "R", r, {directions, rows, rows / gates}, "(directions, gates * hidden_size, hidden_size)");
    if (b) {
        check_shape(who, "B", *b, {directions, 2 * rows}, "(directions, 2 * gates * hidden_size)");
    }
    require<std::invalid_argument>(direction >= 0 && direction < directions, who, "direction ", direction, ", expected 0 … ",
                                   directions - 1, "  [W ", extents_of(w), "]");
    std::array<std::optional<Tensor<T, 1>>, 2> biases;
    for (std::size_t i = 0; b && i < 2; ++i) {
        const View<const T, 1> both = at(view_of(*b), direction);
        const View<const T, 1> one = slice(both, static_cast<index_t>(i) * rows, rows);
        biases[i] = make_tensor<T, 1>({rows});
        stack_gates(contiguous<const T, 2>(one.data, {1, rows}), order, 0, contiguous<T, 2>(biases[i]->data(), {rows, 1}));
    }
    return f(onnx_rows(w, direction, order), onnx_rows(r, direction, order), biases[0], biases[1]);
}

/// The arrays "W", "R" and "B" of an ONNX LSTM or GRU, each direction converted by itself.
template <class Convert>
NamedArrays from_onnx_names(std::string_view who, const NamedArrays& arrays, const Convert& convert) {
    TakeArrays from(who, arrays);
    const Tensor<double, 3> w = take<3>(who, from, "W");
    const Tensor<double, 3> r = take<3>(who, from, "R");
    const auto b = from.has("B") ? std::optional(take<2>(who, from, "B")) : std::nullopt;
    from.finish();
    const index_t directions = extents_of(w)[0];
    NamedArrays result;
    for (index_t direction = 0; direction < directions; ++direction) {
        convert(w, r, b, direction).put(result, directions == 1 ? "" : direction == 0 ? "forward." : "backward.");
    }
    return result;
}

}  // namespace nn::inline NN_ABI::detail
