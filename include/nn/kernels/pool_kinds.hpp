// SPDX-License-Identifier: MIT
#pragma once

#include <limits>  // std::numeric_limits

#include <nn/kernels/bounds.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// What a pool does with the cells under a window: joins b to a, vectors of them or single ones, and returns a. A NaN under the window is
/// the answer, as in JAX and PyTorch.
struct Maximum {
    template <class T>
    static constexpr T start = -std::numeric_limits<T>::infinity();
    template <class V>
    NN_INLINE static V& join(V& a, const V& b) {
        keep_larger(a, b);
        return a;
    }
    static constexpr bool divides = false;
};
struct Minimum {
    template <class T>
    static constexpr T start = std::numeric_limits<T>::infinity();
    template <class V>
    NN_INLINE static V& join(V& a, const V& b) {
        keep_smaller(a, b);
        return a;
    }
    static constexpr bool divides = false;
};
struct Mean {
    template <class T>
    static constexpr T start = T(0);
    template <class V>
    NN_INLINE static V& join(V& a, const V& b) {
        return a += b;
    }
    static constexpr bool divides = true;  ///< by the number of cells
};

}  // namespace nn::inline NN_ABI::kernels
