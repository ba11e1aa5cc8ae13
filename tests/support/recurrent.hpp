// SPDX-License-Identifier: MIT
#pragma once

// What tests of layers with carried state share.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <vector>

#include <nn/tensor.hpp>

#include "support/random.hpp"
#include "support/strided.hpp"

namespace nn::test {

using Reals = std::vector<long double>;

inline long double sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }

/// Marks for resets, in memory with a gap after every one.
struct Marks {
    Extents shape;
    Extents strides;
    std::unique_ptr<bool[]> memory;

    Marks(Random& random, const Extents& shape_, double probability) : shape(shape_), strides(shape_.size()) {
        index_t step = 2;
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            strides[axis] = step;
            step *= std::max<index_t>(shape[axis], 1);
        }
        memory = std::make_unique<bool[]>(static_cast<std::size_t>(step));
        for (index_t i = 0; i < step; ++i) {
            memory[static_cast<std::size_t>(i)] = random.chance(probability);
        }
    }
    bool at(index_t position) const { return memory[static_cast<std::size_t>(2 * position)]; }  ///< row-major
    template <std::size_t R>
    View<const bool, R> view() const {
        return {memory.get(), fixed<R>(shape), fixed<R>(strides)};
    }
};

/// Steps first … last − 1 of a sequence (B, T, D).
template <class T>
auto cut(const Tensor<T, 3>& x, std::size_t first, std::size_t last) {
    return xt::view(x, xt::all(), xt::range(first, last), xt::all());
}

template <class L, class... A>
concept called_with = requires(const L& layer, A&&... arguments) {
    layer(arguments...);
};
template <class L, class... A>
concept forwarded_with = requires(const L& layer, A&&... arguments) {
    layer.forward_into(arguments...);
};
template <class L>
concept starts_without_batch = requires(const L& layer) {
    layer.initial_state();
};
template <class L>
concept starts_with_batch = requires(const L& layer) {
    layer.initial_state(1);
};

}  // namespace nn::test
