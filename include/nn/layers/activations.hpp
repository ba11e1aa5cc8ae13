// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>        // std::abs, std::erfc, std::expm1, std::tanh
#include <concepts>     // std::floating_point
#include <string_view>  // std::string_view

#include <nn/kernels/gates.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A function of one element as a layer. `F` has an `apply` for every floating-point type, a `name`, and its parameters.
///
///     y = f(x), element by element; x and y of any one shape; y may be x itself.
///
/// Errors  shape_error; the output is untouched.
template <class F>
struct Elementwise : detail::Stateless<Elementwise<F>, void, 0> {
    [[no_unique_address]] F function{};

    static constexpr std::string_view name = F::name;

    constexpr Elementwise() = default;
    explicit constexpr Elementwise(const F& function_) : function(function_) {}

private:
    friend detail::Stateless<Elementwise<F>, void, 0>;

    template <class T>
    auto operation() const {
        return detail::operation<T, 0, 0>(
            F::name, [](const Batch<const T, 0>&) { return Shape<0>{}; },
            [f = function](const Batch<const T, 0>& x, const Batch<T, 0>& y, Workspace&) {
                ops::transform(
                    x, [&](T v) { return f.apply(v); }, y, F::name);
            });
    }
};

/// The functions. A NaN stays a NaN in each.
namespace functions {

struct Identity {
    static constexpr std::string_view name = "nn::identity";
    static auto apply(auto x) { return x; }
};
struct Relu {
    static constexpr std::string_view name = "nn::relu";
    template <class T>
    static T apply(T x) {
        return x < T(0) ? T(0) : x;
    }
};
struct Relu6 {
    static constexpr std::string_view name = "nn::relu6";
    template <class T>
    static T apply(T x) {
        return x < T(0) ? T(0) : x > T(6) ? T(6) : x;
    }
};
struct LeakyRelu {
    double negative_slope = 0.01;

    static constexpr std::string_view name = "nn::leaky_relu";
    template <class T>
    T apply(T x) const {
        return x < T(0) ? static_cast<T>(negative_slope) * x : x;
    }
};
struct Elu {
    double alpha = 1;

    static constexpr std::string_view name = "nn::elu";
    template <class T>
    T apply(T x) const {
        return x < T(0) ? static_cast<T>(alpha) * std::expm1(x) : x;
    }
};
struct Selu {
    static constexpr std::string_view name = "nn::selu";
    template <class T>
    static T apply(T x) {
        constexpr T scale = T(1.0507009873554804934193349852946L);
        constexpr T alpha = T(1.6732632423543772848170429916717L);
        return scale * (x < T(0) ? alpha * std::expm1(x) : x);
    }
};
struct Gelu {
    static constexpr std::string_view name = "nn::gelu";
    template <class T>
    static T apply(T x) {
        return x * T(0.5) * std::erfc(-x * T(0.70710678118654752440084436210485L));  // erfc: 1 + erf cancels where Φ is small
    }
};
struct GeluTanh {
    static constexpr std::string_view name = "nn::gelu_tanh";
    template <class T>
    static T apply(T x) {
        constexpr T c = T(1.5957691216057307117597842397375L);           // 2·√(2 / π)
        return x * kernels::sigmoid(c * (x + T(0.044715) * x * x * x));  // 1 + tanh(t) = 2·σ(2·t), but cancels where t is far below 0
    }
};
struct Sigmoid {
    static constexpr std::string_view name = "nn::sigmoid";
    static auto apply(auto x) { return kernels::sigmoid(x); }
};
struct LogSigmoid {
    static constexpr std::string_view name = "nn::log_sigmoid";
    static auto apply(auto x) { return -kernels::softplus(-x); }
};
struct HardSigmoid {
    static constexpr std::string_view name = "nn::hard_sigmoid";
    template <class T>
    static T apply(T x) {
        return Relu6::apply(x + T(3)) / T(6);
    }
};
struct Tanh {
    static constexpr std::string_view name = "nn::tanh";
    static auto apply(auto x) { return std::tanh(x); }
};
struct HardTanh {
    static constexpr std::string_view name = "nn::hard_tanh";
    template <class T>
    static T apply(T x) {
        return x < T(-1) ? T(-1) : x > T(1) ? T(1) : x;
    }
};
struct Silu {
    static constexpr std::string_view name = "nn::silu";
    static auto apply(auto x) { return x * kernels::sigmoid(x); }
};
struct HardSilu {
    static constexpr std::string_view name = "nn::hard_silu";
    static auto apply(auto x) { return x * HardSigmoid::apply(x); }
};
struct Softplus {
    static constexpr std::string_view name = "nn::softplus";
    static auto apply(auto x) { return kernels::softplus(x); }
};
struct Softsign {
    static constexpr std::string_view name = "nn::softsign";
    template <class T>
    static T apply(T x) {
        return x / (T(1) + std::abs(x));
    }
};
struct Mish {
    static constexpr std::string_view name = "nn::mish";
    static auto apply(auto x) { return x * std::tanh(kernels::softplus(x)); }
};

}  // namespace functions

using Identity = Elementwise<functions::Identity>;
using LeakyRelu = Elementwise<functions::LeakyRelu>;  ///< nn::LeakyRelu{{.negative_slope = 0.2}}
using Elu = Elementwise<functions::Elu>;              ///< nn::Elu{{.alpha = 0.5}}

inline constexpr Identity identity{};                                 ///< x
inline constexpr Elementwise<functions::Relu> relu{};                 ///< max(x, 0)
inline constexpr Elementwise<functions::Relu6> relu6{};               ///< min(max(x, 0), 6)
inline constexpr LeakyRelu leaky_relu{};                              ///< x, or 0.01·x below 0
inline constexpr Elu elu{};                                           ///< x, or eˣ − 1 below 0
inline constexpr Elementwise<functions::Selu> selu{};                 ///< λ·x, or λ·α·(eˣ − 1) below 0
inline constexpr Elementwise<functions::Gelu> gelu{};                 ///< x·Φ(x), as torch.nn.GELU and jax.nn.gelu(approximate = False)
inline constexpr Elementwise<functions::GeluTanh> gelu_tanh{};        ///< x / 2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), JAX's default
inline constexpr Elementwise<functions::Sigmoid> sigmoid{};           ///< 1 / (1 + e⁻ˣ)
inline constexpr Elementwise<functions::LogSigmoid> log_sigmoid{};    ///< ln(1 / (1 + e⁻ˣ))
inline constexpr Elementwise<functions::HardSigmoid> hard_sigmoid{};  ///< min(max(x + 3, 0), 6) / 6
inline constexpr Elementwise<functions::Tanh> tanh{};                 ///< (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
inline constexpr Elementwise<functions::HardTanh> hard_tanh{};        ///< min(max(x, −1), 1)
inline constexpr Elementwise<functions::Silu> silu{};                 ///< x / (1 + e⁻ˣ), also called swish
inline constexpr Elementwise<functions::HardSilu> hard_silu{};        ///< x·hard_sigmoid(x), also called hard swish
inline constexpr Elementwise<functions::Softplus> softplus{};         ///< ln(1 + eˣ)
inline constexpr Elementwise<functions::Softsign> softsign{};         ///< x / (1 + |x|)
inline constexpr Elementwise<functions::Mish> mish{};                 ///< x·tanh(ln(1 + eˣ))

}  // namespace nn::inline NN_ABI
