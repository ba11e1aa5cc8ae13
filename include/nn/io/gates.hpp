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
    require(shape[1] % gates == 0, who, name, " ", shape, ", expected columns for ", gates, " gates");
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
    require(shape.size() == R, who, "\"", name, "\" ", shape, " has ", shape.size(), " axes, expected ", R);
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

}  // namespace nn::inline NN_ABI::detail
