// SPDX-License-Identifier: MIT
#pragma once

// What the tests of kernels have in common.

#include <nn/core/per_axis.hpp>
#include <nn/kernels/simd.hpp>

#include <array>
#include <cstddef>
#include <vector>

#include "support/strided.hpp"

namespace nn::test {

/// What this machine runs.
inline std::vector<simd::Isa> isas() {
    std::vector<simd::Isa> all{simd::Isa::baseline};
    for (const simd::Isa isa : {simd::Isa::avx2, simd::Isa::avx512}) {
        if (isa <= simd::machine()) {
            all.push_back(isa);
        }
    }
    return all;
}

/// What `draw()` says, axis by axis.
template <std::size_t N, class F>
PerAxis<N> per_axis(const F& draw) {
    std::array<index_t, N> values{};
    for (index_t& value : values) {
        value = draw();
    }
    return PerAxis<N>(values);
}

/// Of a row-major array.
inline Extents dense_strides(const Extents& shape) {
    Extents strides(shape.size(), 1);
    for (std::size_t axis = shape.size(); axis-- > 1;) {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    return strides;
}

}  // namespace nn::test
