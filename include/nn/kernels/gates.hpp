// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>  // std::exp, std::tanh

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI::kernels {

/// 1 / (1 + e⁻ˣ). For large −x the exponential is infinite and the result 0, as it should be.
template <class T>
T sigmoid(T x) {
    return T(1) / (T(1) + std::exp(-x));
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

}  // namespace nn::inline NN_ABI::kernels
