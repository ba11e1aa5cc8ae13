// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string>       // std::string, std::to_string
#include <string_view>  // std::string_view
#include <tuple>        // std::apply, std::tuple_size
#include <type_traits>  // std::bool_constant, std::remove_const_t

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
concept has_members = requires(X& x) {
    std::remove_const_t<X>::members(x, AnyMember{});
};

/// A state that every call rewrites (LSTM, GRU): no statistics, and never in a file.
template <class X>
concept carried_state = requires {
    requires std::bool_constant<std::remove_const_t<X>::carried>::value;  // a user's member may bear the name
};

/// The dotted name of a member on the way down to it.
class Path {
public:
    std::size_t enter(std::string_view member) {
        const std::size_t length = name_.size();
        name_ += length == 0 ? "" : ".";
        name_ += member;
        return length;
    }
    void leave(std::size_t length) { name_.resize(length); }
    std::string_view name() const { return name_; }

private:
    std::string name_;
};

/// The same for a visitor that wants no names, and no allocation.
struct NoPath {
    std::size_t enter(std::string_view) { return 0; }
    void leave(std::size_t) {}
};

/// Calls `f(path, tensor)` for every tensor in x, in the order in which `members` names them; elements of a container or a tuple are "0",
/// "1", …. Anything else (options, activations, lambdas, a number) holds nothing, but for an array of another type, which does not compile.
template <bool Carried, class X, class Path, class F>
void visit_tensors(X& x, Path& path, F& f) {
    if constexpr (is_tensor<std::remove_const_t<X>>) {
        f(path, x);
    } else if constexpr (is_optional<std::remove_const_t<X>>) {
        if (x) {
            visit_tensors<Carried>(*x, path, f);
        }
    } else if constexpr (has_members<X> && (Carried || !carried_state<X>)) {
        std::remove_const_t<X>::members(x, [&](std::string_view member, auto& value) {
            const std::size_t outside = path.enter(member);
            visit_tensors<Carried>(value, path, f);
            path.leave(outside);
        });
    } else if constexpr (!has_members<X>) {
        using Plain = std::remove_const_t<X>;
        static_assert(!operand<Plain>, "nn: `members` names an array that is no nn::Tensor: it would be neither saved nor loaded");
        std::size_t number = 0;
        const auto visit = [&](auto& element) {
            const std::size_t outside = path.enter(std::to_string(number++));
            visit_tensors<Carried>(element, path, f);
            path.leave(outside);
        };
        if constexpr (requires { x.begin() != x.end(); }) {
            for (auto& element : x) {
                visit(element);
            }
        } else if constexpr (requires { std::tuple_size<Plain>::value; }) {
            std::apply([&](auto&... element) { (visit(element), ...); }, x);
        }
    }
}

template <class X, class F>
void for_each_tensor(X& x, F&& f) {
    NoPath path;
    const auto visit = [&](const NoPath&, auto& tensor) { f(tensor); };
    visit_tensors<true>(x, path, visit);
}

template <bool Carried, class X, class F>
void for_each_named_tensor(X& x, F& f) {
    Path path;
    const auto visit = [&](const Path& at, auto& tensor) { f(at.name(), tensor); };
    visit_tensors<Carried>(x, path, visit);
}

}  // namespace detail

/// Calls `f(name, tensor)` for every parameter of a layer or network; children's names are joined by dots, such as "0.conv.weight": the
/// names of PyTorch's state_dict and of the files that `save_safetensors` writes.
template <class Layer, class F>
void visit_parameters(Layer& layer, F&& f) {
    detail::for_each_named_tensor<true>(layer, f);
}

/// The same for the statistics in a state, such as "0.norm.running_mean". Carried states (LSTM, GRU) are no statistics.
template <class State, class F>
void visit_statistics(State& state, F&& f) {
    detail::for_each_named_tensor<false>(state, f);
}

/// Elements of all parameters.
template <class Layer>
index_t parameter_count(const Layer& layer) {
    index_t count = 0;
    detail::for_each_tensor(layer, [&](const auto& tensor) { count += static_cast<index_t>(tensor.size()); });
    return count;
}

}  // namespace nn::inline NN_ABI
