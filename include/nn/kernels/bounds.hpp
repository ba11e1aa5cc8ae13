// SPDX-License-Identifier: MIT
#pragma once

#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// y = min(max(x, lower), upper); a NaN stays one.
template <class T>
struct Bounds {
    T lower;
    T upper;

    template <class V>
    NN_INLINE void apply(V& x) const {
        const V least = V{} + lower;
        const V most = V{} + upper;
        x = x < least ? least : x;
        x = x > most ? most : x;
    }
};

/// a = max(a, b) and min(a, b), a NaN where either is one. One comparison chooses between two vectors: where a second one is joined to it,
/// g++ 12 goes lane by lane on AVX-512.
template <class V>
NN_INLINE void keep_larger(V& a, const V& b) {
    const V larger = b > a ? b : a;
    a = larger >= b ? larger : larger + b;
}
template <class V>
NN_INLINE void keep_smaller(V& a, const V& b) {
    const V smaller = b < a ? b : a;
    a = smaller <= b ? smaller : smaller + b;
}

/// A function of one element that keeps it within `F::bounds`. Kernels do that while their results are in registers.
template <class F>
concept Bounding = requires {
    F::bounds.upper;
};

}  // namespace nn::inline NN_ABI::kernels
