// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <type_traits>  // std::remove_const_t

#include <nn/core/index.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

namespace detail {

template <class X>
inline constexpr bool is_tensor = false;
template <class T, std::size_t R>
inline constexpr bool is_tensor<Tensor<T, R>> = true;

template <class X>
inline constexpr bool is_optional = false;
template <class X>
inline constexpr bool is_optional<std::optional<X>> = true;

struct AnyMember {
    void operator()(std::string_view, auto&) const {}
};
template <class X>
concept has_members = requires(X& x) { std::remove_const_t<X>::members(x, AnyMember{}); };

/// A state that every call rewrites (LSTM, GRU): no statistics, and never in a file.
template <class X>
concept carried_state = requires { requires std::remove_const_t<X>::carried; };

/// Calls `f(name, tensor)` for every tensor in x, in the order in which `members` names them; children's names are joined by dots.
/// Anything that is neither a tensor, nor an optional, nor has `members` (options, activations, lambdas) holds nothing.
template <bool Carried, class X, class F>
void visit_tensors(X& x, std::string& name, F& f) {
    if constexpr (is_tensor<std::remove_const_t<X>>) {
        f(std::string_view(name), x);
    } else if constexpr (is_optional<std::remove_const_t<X>>) {
        if (x) {
            visit_tensors<Carried>(*x, name, f);
        }
    } else if constexpr (has_members<X> && (Carried || !carried_state<X>)) {
        std::remove_const_t<X>::members(x, [&](std::string_view member, auto& value) {
            const std::size_t length = name.size();
            name += length == 0 ? "" : ".";
            name += member;
            visit_tensors<Carried>(value, name, f);
            name.resize(length);
        });
    }
}

}  // namespace detail

/// Calls `f(name, tensor)` for every parameter of a layer or network, such as "0.conv.weight": the names of PyTorch's state_dict and
/// of the files that `save_safetensors` writes.
template <class Layer, class F>
void visit_parameters(Layer& layer, F&& f) {
    std::string name;
    detail::visit_tensors<true>(layer, name, f);
}

/// The same for the statistics in a state, such as "0.norm.running_mean". Carried states (LSTM, GRU) are no statistics.
template <class State, class F>
void visit_statistics(State& state, F&& f) {
    std::string name;
    detail::visit_tensors<false>(state, name, f);
}

/// Elements of all parameters.
template <class Layer>
index_t parameter_count(const Layer& layer) {
    index_t count = 0;
    visit_parameters(layer, [&](std::string_view, const auto& tensor) { count += static_cast<index_t>(tensor.size()); });
    return count;
}

}  // namespace nn::inline NN_ABI
