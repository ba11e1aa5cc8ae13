// SPDX-License-Identifier: MIT
#pragma once

#include <limits>       // std::numeric_limits
#include <string_view>  // std::string_view

#include <nn/kernels/bounds.hpp>
#include <nn/kernels/elementary.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A function of one element as a layer. `F` has a `name`, its parameters, and an `apply(x)` that changes in place a number of any
/// floating-point type or, by the same definition, a vector of them (kernels/elementary.hpp has the functions for that); if only
/// numbers will do, it is a template constrained to them.
///
///     y = f(x), element by element; x and y of any one shape; y may be x itself.
///
/// Errors  shape_error; the output is untouched.
/// Cost    1 read and 1 write of x; no scratch. The bits of an element do not depend on where it stands.
template <class F>
struct Elementwise : detail::Stateless<Elementwise<F>, void, 0> {
    [[no_unique_address]] F function{};  ///< with its parameters

    static constexpr std::string_view name = F::name;

    constexpr Elementwise() = default;
    /// With these parameters.
    explicit constexpr Elementwise(const F& function_) : function(function_) {}

private:
    friend detail::Stateless<Elementwise<F>, void, 0>;

    template <class T>
    auto operation() const {
        return detail::operation<T, 0, 0>(
            F::name, [](const Batch<const T, 0>&) { return Shape<0>{}; },
            [f = function](const Batch<const T, 0>& x, const Batch<T, 0>& y, Workspace&) { ops::apply(x, f, y, F::name); });
    }
};

namespace detail {

template <class L>
inline constexpr bool is_elementwise = false;
template <class F>
inline constexpr bool is_elementwise<Elementwise<F>> = true;

}  // namespace detail

/// The functions. A NaN stays a NaN in each. Of floats those of exponentials are within 6 units in the last place, `Gelu` within 7 + x²
/// and `GeluTanh` within 6 + |x|³; below 1.2e-38·(1 + |x|) a result may be 0.
namespace functions {

namespace elementary = kernels::elementary;
using simd::Element;

/// x
struct Identity {
    static constexpr std::string_view name = "nn::identity";
    /// Nothing.
    template <class V>
    NN_INLINE static void apply(V&) {}
};
/// `F` keeps its argument within F::bounds.
template <class F>
struct Within {
    template <class V>
    NN_INLINE static void apply(V& x) {
        kernels::Bounds<Element<V>>{F::bounds.lower, F::bounds.upper}.apply(x);
    }
};
/// max(x, 0)
struct Relu : Within<Relu> {
    static constexpr std::string_view name = "nn::relu";
    /// The least and the greatest result.
    static constexpr kernels::Bounds<float> bounds{0, std::numeric_limits<float>::infinity()};
};
/// min(max(x, 0), 6)
struct Relu6 : Within<Relu6> {
    static constexpr std::string_view name = "nn::relu6";
    /// The least and the greatest result.
    static constexpr kernels::Bounds<float> bounds{0, 6};
};
/// x, or negative_slope·x below 0
struct LeakyRelu {
    double negative_slope = 0.01;  ///< what x is multiplied by below 0

    static constexpr std::string_view name = "nn::leaky_relu";
    template <class V>
    NN_INLINE void apply(V& x) const {
        const V below = x * static_cast<Element<V>>(negative_slope);
        x = x < V{} ? below : x;
    }
};
/// x, or alpha·(eˣ − 1) below 0
struct Elu {
    double alpha = 1;  ///< −alpha is the limit far below 0

    static constexpr std::string_view name = "nn::elu";
    template <class V>
    NN_INLINE void apply(V& x) const {
        V below = x < V{} ? x : V{};
        elementary::exponential_minus_one(below);
        below = below * static_cast<Element<V>>(alpha);
        x = x < V{} ? below : x;
    }
};
/// λ·x, or λ·α·(eˣ − 1) below 0
struct Selu {
    static constexpr std::string_view name = "nn::selu";
    template <class V>
    NN_INLINE static void apply(V& x) {
        Elu{.alpha = 1.6732632423543772848170429916717}.apply(x);
        x = x * Element<V>(1.0507009873554804934193349852946L);
    }
};
/// x·Φ(x)
struct Gelu {
    static constexpr std::string_view name = "nn::gelu";
    template <class V>
    NN_INLINE static void apply(V& x) {
        V tail = x;
        elementary::normal_tail(tail);  // and not 1 + erf, which cancels where Φ is small
        x = x * (x > V{} ? Element<V>(1) - tail : tail);
    }
};
/// 1 / (1 + e⁻ˣ)
struct Sigmoid {
    static constexpr std::string_view name = "nn::sigmoid";
    template <class V>
    NN_INLINE static void apply(V& x) {
        elementary::logistic(x);
    }
};
/// x / 2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
struct GeluTanh {
    static constexpr std::string_view name = "nn::gelu_tanh";
    template <class V>
    NN_INLINE static void apply(V& x) {
        using T = Element<V>;
        constexpr T c = T(1.5957691216057307117597842397375L);  // 2·√(2 / π)
        V gate = (x + x * x * x * T(0.044715)) * c;
        elementary::logistic(gate);  // 1 + tanh(t) = 2·σ(2·t), but cancels where t is far below 0
        x = x * gate;
    }
};
/// ln(1 / (1 + e⁻ˣ))
struct LogSigmoid {
    static constexpr std::string_view name = "nn::log_sigmoid";
    template <class V>
    NN_INLINE static void apply(V& x) {
        x = -x;
        elementary::softplus(x);
        x = -x;
    }
};
/// min(max(x + 3, 0), 6) / 6
struct HardSigmoid {
    static constexpr std::string_view name = "nn::hard_sigmoid";
    template <class V>
    NN_INLINE static void apply(V& x) {
        x = x + Element<V>(3);
        Relu6::apply(x);
        x = x / Element<V>(6);
    }
};
/// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
struct Tanh {
    static constexpr std::string_view name = "nn::tanh";
    template <class V>
    NN_INLINE static void apply(V& x) {
        elementary::hyperbolic_tangent(x);
    }
};
/// min(max(x, −1), 1)
struct HardTanh : Within<HardTanh> {
    static constexpr std::string_view name = "nn::hard_tanh";
    /// The least and the greatest result.
    static constexpr kernels::Bounds<float> bounds{-1, 1};
};
/// x / (1 + e⁻ˣ)
struct Silu {
    static constexpr std::string_view name = "nn::silu";
    template <class V>
    NN_INLINE static void apply(V& x) {
        V gate = x;
        elementary::logistic(gate);
        x = x * gate;
    }
};
/// x·hard_sigmoid(x)
struct HardSilu {
    static constexpr std::string_view name = "nn::hard_silu";
    template <class V>
    NN_INLINE static void apply(V& x) {
        V gate = x;
        HardSigmoid::apply(gate);
        x = x * gate;
    }
};
/// ln(1 + eˣ)
struct Softplus {
    static constexpr std::string_view name = "nn::softplus";
    template <class V>
    NN_INLINE static void apply(V& x) {
        elementary::softplus(x);
    }
};
/// x / (1 + |x|)
struct Softsign {
    static constexpr std::string_view name = "nn::softsign";
    template <class V>
    NN_INLINE static void apply(V& x) {
        const V magnitude = x < V{} ? -x : x;
        x = x / (magnitude + Element<V>(1));
    }
};
/// x·tanh(ln(1 + eˣ))
struct Mish {
    static constexpr std::string_view name = "nn::mish";
    template <class V>
    NN_INLINE static void apply(V& x) {
        using T = Element<V>;
        const V limit = V{} + T(40);  // above, the quotient is 1
        V power = x > limit ? limit : x;
        elementary::exponential(power);
        power = power * (power + T(2));  // tanh(ln(1 + t)) = t·(t + 2) / (t·(t + 2) + 2): nothing cancels
        x = x * (power / (power + T(2)));
    }
};

}  // namespace functions

/// Functions with parameters, and the one that is a default.
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
