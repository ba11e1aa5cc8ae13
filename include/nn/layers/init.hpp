// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>   // std::sqrt
#include <random>  // std::uniform_real_distribution

#include <nn/core/mode.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A tensor drawn from U(−limit, limit); zeros for `nn::no_init`. Equinox and PyTorch draw weights and biases alike so, with
/// limit = 1 / √fan_in.
template <class T, std::size_t R, initialiser Engine>
Tensor<T, R> uniform_tensor(const Shape<R>& shape, T limit, Engine& engine) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape, T(0));
    if constexpr (random_engine<Engine>) {
        std::uniform_real_distribution<T> uniform(-limit, limit);
        for (T& element : tensor) {
            element = uniform(engine);
        }
    }
    return tensor;
}

}  // namespace nn::inline NN_ABI
