// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>        // std::exp, std::tanh
#include <type_traits>  // std::is_same_v

#include <nn/core/index.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/math.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// 1 / (1 + e⁻ˣ). For large −x the exponential is infinite and the result 0, as it should be.
template <class T>
T sigmoid(T x) {
    return T(1) / (T(1) + std::exp(-x));
}

namespace detail {

/// What gates are computed in: one number, of double too, whose exponential is the standard library's.
template <class T>
struct Scalar {
    static void sigmoid(T& x) { x = kernels::sigmoid(x); }
    static void tanh(T& x) { x = std::tanh(x); }
    static void load(T& x, const T* from, index_t) { x = *from; }
    static void store(const T& x, T* to, index_t) { *to = x; }
};
#if NN_SIMD
/// Or a vector of floats; the last of a row in part.
template <class V>
struct Lanes {
    NN_INLINE static void sigmoid(V& x) { logistic(x); }
    NN_INLINE static void tanh(V& x) { hyperbolic_tangent(x); }
    NN_INLINE static void load(V& x, const float* from, index_t count) { simd::load_part(x, from, count); }
    NN_INLINE static void store(const V& x, float* to, index_t count) { simd::store_part(x, to, count); }
};
#endif

/// Calls f.template operator()<Value, Functions>(unit, count) for all units of a row, as many at once as are computed together. The bits
/// of a unit do not depend on where it stands.
template <class T, class F>
void for_each_unit(index_t units, const F& f) {
#if NN_SIMD
    if constexpr (std::is_same_v<T, float>) {
        simd::run<T>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA {
            using Target = decltype(target);
            using V = typename simd::VectorOf<float, Target>::type;
            constexpr index_t lanes = Target::template lanes<float>;
            index_t unit = 0;
            for (; unit + lanes <= units; unit += lanes) {
                f.template operator()<V, Lanes<V>>(unit, lanes);
            }
            if (unit < units) {
                f.template operator()<V, Lanes<V>>(unit, units - unit);
            }
        });
        return;
    }
#endif
    for (index_t unit = 0; unit < units; ++unit) {
        f.template operator()<T, Scalar<T>>(unit, index_t(1));
    }
}

}  // namespace detail

/// One step of an LSTM for one batch element. `gates` holds i, f, g, o, `hidden_size` values each, before their nonlinearities.
///
///     c ← σ(f + forget_bias)·c + σ(i)·tanh(g)        h ← σ(o)·tanh(c)
template <class T>
void lstm_gates(index_t hidden_size, T forget_bias, const T* gates, T* cell, T* hidden) {
    detail::for_each_unit<T>(hidden_size, [=]<class V, class Functions>(index_t unit, index_t count) NN_INLINE_LAMBDA {
        V i;
        V f;
        V g;
        V o;
        V c;
        Functions::load(i, gates + unit, count);
        Functions::load(f, gates + hidden_size + unit, count);
        Functions::load(g, gates + 2 * hidden_size + unit, count);
        Functions::load(o, gates + 3 * hidden_size + unit, count);
        Functions::load(c, cell + unit, count);
        f += forget_bias;
        Functions::sigmoid(i);
        Functions::sigmoid(f);
        Functions::sigmoid(o);
        Functions::tanh(g);
        c = f * c + i * g;
        Functions::store(c, cell + unit, count);
        Functions::tanh(c);
        Functions::store(o * c, hidden + unit, count);
    });
}

/// The first half of a GRU's step for one batch element, after the products of r: r becomes its sigmoid, `reset_hidden` r·h.
template <class T>
void gru_reset(index_t hidden_size, const T* hidden, T* r, T* reset_hidden) {
    detail::for_each_unit<T>(hidden_size, [=]<class V, class Functions>(index_t unit, index_t count) NN_INLINE_LAMBDA {
        V gate;
        V h;
        Functions::load(gate, r + unit, count);
        Functions::load(h, hidden + unit, count);
        Functions::sigmoid(gate);
        Functions::store(gate, r + unit, count);
        Functions::store(gate * h, reset_hidden + unit, count);
    });
}

/// The end of a GRU's step for one batch element. `gates` holds r, after its sigmoid, then z and n before their nonlinearities and without
/// `candidate`, the product with the hidden state, to which r has been applied if `reset_before`.
///
///     n = tanh(n + r·candidate)        h ← n + σ(z)·(h − n)
template <class T>
void gru_gates(index_t hidden_size, bool reset_before, const T* gates, const T* candidate, T* hidden) {
    detail::for_each_unit<T>(hidden_size, [=]<class V, class Functions>(index_t unit, index_t count) NN_INLINE_LAMBDA {
        V r;
        V z;
        V n;
        V product;
        V h;
        Functions::load(r, gates + unit, count);
        Functions::load(z, gates + hidden_size + unit, count);
        Functions::load(n, gates + 2 * hidden_size + unit, count);
        Functions::load(product, candidate + unit, count);
        Functions::load(h, hidden + unit, count);
        if (!reset_before) {
            product *= r;
        }
        n += product;
        Functions::tanh(n);
        Functions::sigmoid(z);
        Functions::store(n + z * (h - n), hidden + unit, count);
    });
}

NN_KERNEL(void lstm_gates(index_t, float, const float*, float*, float*));
NN_KERNEL(void gru_reset(index_t, const float*, float*, float*));
NN_KERNEL(void gru_gates(index_t, bool, const float*, const float*, float*));
NN_KERNEL(void lstm_gates(index_t, double, const double*, double*, double*));
NN_KERNEL(void gru_reset(index_t, const double*, double*, double*));
NN_KERNEL(void gru_gates(index_t, bool, const double*, const double*, double*));

}  // namespace nn::inline NN_ABI::kernels
