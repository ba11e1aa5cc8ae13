// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>  // std::exp, std::log1p, std::tanh

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI::kernels {

/// 1 / (1 + e⁻ˣ). For large −x the exponential is infinite and the result 0, as it should be.
template <class T>
T sigmoid(T x) {
    return T(1) / (T(1) + std::exp(-x));
}

/// ln(1 + eˣ), without overflow for large x nor loss for large −x.
template <class T>
T softplus(T x) {
    return x > T(0) ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

/// One step of an LSTM for one batch element. `gates` holds i, f, g, o, `hidden_size` values each, before their nonlinearities.
///
///     c ← σ(f + forget_bias)·c + σ(i)·tanh(g)        h ← σ(o)·tanh(c)
template <class T>
void lstm_gates(index_t hidden_size, T forget_bias, const T* gates, T* cell, T* hidden) {
    const T* const i = gates;
    const T* const f = i + hidden_size;
    const T* const g = f + hidden_size;
    const T* const o = g + hidden_size;
    for (index_t unit = 0; unit < hidden_size; ++unit) {
        cell[unit] = sigmoid(f[unit] + forget_bias) * cell[unit] + sigmoid(i[unit]) * std::tanh(g[unit]);
        hidden[unit] = sigmoid(o[unit]) * std::tanh(cell[unit]);
    }
}

/// The end of a GRU's step for one batch element. `gates` holds r, after its sigmoid, then z and n before their nonlinearities and without
/// `candidate`, the product with the hidden state, to which r has been applied if `reset_before`.
///
///     n = tanh(n + r·candidate)        h ← n + σ(z)·(h − n)
template <class T>
void gru_gates(index_t hidden_size, bool reset_before, const T* gates, const T* candidate, T* hidden) {
    const T* const r = gates;
    const T* const z = r + hidden_size;
    const T* const n = z + hidden_size;
    for (index_t unit = 0; unit < hidden_size; ++unit) {
        const T next = std::tanh(n[unit] + (reset_before ? candidate[unit] : r[unit] * candidate[unit]));
        hidden[unit] = next + sigmoid(z[unit]) * (hidden[unit] - next);
    }
}

}  // namespace nn::inline NN_ABI::kernels
