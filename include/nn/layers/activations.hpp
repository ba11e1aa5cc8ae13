// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>        // std::exp, std::tanh
#include <concepts>     // std::floating_point
#include <string_view>  // std::string_view

#include <nn/kernels/gates.hpp>
#include <nn/layers/call.hpp>
#include <nn/ops/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A function of one element as a layer. `F` has a static `apply` for every floating-point type and a `name`.
///
///     y = f(x), element by element; x and y of any one shape; y may be x itself.
///
/// Errors  shape_error; the output is untouched.
template <class F>
struct Elementwise {
    static constexpr bool carries = false;

    template <operand X>
        requires std::floating_point<element_of<X>>
    auto operator()(const X& x) const { return detail::evaluate(operation<element_of<X>>(), x); }
    template <in_memory X, output_of<element_of<X>> Y>
        requires std::floating_point<element_of<X>>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const { detail::evaluate_into(operation<element_of<X>>(), x, y, workspace); }
    template <std::size_t R>
    Shape<R> output_shape(const Shape<R>& x) const {
        return x;
    }

private:
    template <class T>
    static auto operation() {
        return detail::operation<T, 0, 0>(
            F::name, [](const Batch<const T, 0>&) { return Shape<0>{}; },
            [](const Batch<const T, 0>& x, const Batch<T, 0>& y, Workspace&) {
                ops::transform(
                    x, [](T v) { return F::apply(v); }, y, F::name);
            });
    }
};

namespace functions {

struct Identity {
    static constexpr std::string_view name = "nn::identity";
    static auto apply(auto x) { return x; }
};
struct Relu {
    static constexpr std::string_view name = "nn::relu";
    template <class T>
    static T apply(T x) {
        return x < T(0) ? T(0) : x;  // this way round a NaN stays a NaN
    }
};
struct Sigmoid {
    static constexpr std::string_view name = "nn::sigmoid";
    static auto apply(auto x) { return kernels::sigmoid(x); }
};
struct Tanh {
    static constexpr std::string_view name = "nn::tanh";
    static auto apply(auto x) { return std::tanh(x); }
};
struct Silu {
    static constexpr std::string_view name = "nn::silu";
    static auto apply(auto x) { return x * kernels::sigmoid(x); }
};

}  // namespace functions

using Identity = Elementwise<functions::Identity>;

inline constexpr Identity identity{};                        ///< x
inline constexpr Elementwise<functions::Relu> relu{};        ///< max(x, 0)
inline constexpr Elementwise<functions::Sigmoid> sigmoid{};  ///< 1 / (1 + e⁻ˣ)
inline constexpr Elementwise<functions::Tanh> tanh{};        ///< (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
inline constexpr Elementwise<functions::Silu> silu{};        ///< x / (1 + e⁻ˣ), also called swish

}  // namespace nn::inline NN_ABI
