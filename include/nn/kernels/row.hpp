// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min

#include <nn/core/index.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// Calls f.template operator()<V, Count>(i) so that runs of `Count` vectors V, of the elements from i on, cover the elements 0 … count − 1
/// and no others. V is the widest vector that the target has and that fits, or a T; Count is `Most` or 1. The last run may overlap the one
/// before, so f must give an element the same result each time.
template <class Target, class T, index_t Most = 1, class F>
NN_INLINE void over_row(index_t count, const F& f) {
#if NN_SIMD
    if constexpr (simd::available<T>) {
        using V = typename simd::VectorOf<T, Target>::type;
        using Half = typename simd::VectorOf<T, simd::Target<16, 16>>::type;
        constexpr index_t lanes = Target::template lanes<T>;
        constexpr index_t half = 16 / static_cast<index_t>(sizeof(T));
        if (count >= lanes) {
            index_t i = 0;
            if constexpr (Most > 1 && !Target::few_forms) {
                for (; i + Most * lanes <= count; i += Most * lanes) {
                    f.template operator()<V, Most>(i);
                }
            }
            for (; i < count; i += lanes) {
                f.template operator()<V, 1>(std::min(i, count - lanes));
            }
            return;
        }
        if (count >= half) {
            for (index_t i = 0; i < count; i += half) {
                f.template operator()<Half, 1>(std::min(i, count - half));
            }
            return;
        }
    }
#endif
    for (index_t i = 0; i < count; ++i) {
        f.template operator()<T, 1>(i);
    }
}

}  // namespace nn::inline NN_ABI::kernels
