// SPDX-License-Identifier: MIT
#pragma once

// The panels that the operands of a product are packed into.

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t

#include <nn/core/index.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// Elements that `pack` writes for `lines` lines of `depth` elements in panels of `width` lines.
constexpr index_t packed_size(index_t lines, index_t depth, index_t width) {
    return saturating_multiply(saturating_multiply(divide_up(lines, width), width), depth);
}

namespace detail {

/// A panel of `count` ≤ width lines from `from` on, whose elements lie side by side, by transposed squares; the first k that is left.
/// Beyond the lines of a square a store reaches into the next k, so what is written there comes later. Nothing is written at `end` or
/// behind it.
template <class Target, class T>
NN_INLINE index_t pack_squares(index_t width, index_t count, index_t depth, const T* from, index_t line_step, T* out, const T* end) {
    index_t done = 0;
    if constexpr (simd::transposes<T, Target>) {
        constexpr index_t lanes = Target::template lanes<T>;
        using V = typename simd::VectorOf<T, Target>::type;
        done = depth / lanes * lanes;
        for (index_t first = (width - 1) / lanes * lanes; first >= 0; first -= lanes) {
            for (index_t k = 0; k < done; k += lanes) {
                V line[static_cast<std::size_t>(lanes)];
                for (index_t i = 0; i < lanes; ++i) {
                    line[i] = V{};
                    if (first + i < count) {
                        simd::load(line[i], from + (first + i) * line_step + k);
                    }
                }
                simd::transpose<lanes, lanes / 2>(line);
                for (index_t i = 0; i < lanes; ++i) {
                    T* const to = out + (k + i) * width + first;
                    if (end - to >= lanes) {
                        simd::store(line[i], to);
                    } else {
                        simd::store_part(line[i], to, end - to);
                    }
                }
            }
        }
    }
    return done;
}

}  // namespace detail

/// Lays the lines of a matrix (lines, depth) into panels of `width` lines, the depth outermost: out[panel][k][line]. The last panel is
/// filled up with zeros.
template <class T>
void pack(simd::Isa isa, index_t width, const View<const T, 2>& matrix, T* out) {
    const index_t lines = matrix.shape[0];
    const index_t depth = matrix.shape[1];
    const index_t line_step = matrix.strides[0];
    const index_t step = matrix.strides[1];
    const T* const end = out + packed_size(lines, depth, width);
    for (index_t first = 0; first < lines && depth > 0; first += width, out += width * depth) {
        const index_t count = std::min(width, lines - first);
        const T* const from = &matrix(first, 0);
        index_t k = 0;
        if (step == 1) {
            simd::run<T, simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA {
                k = detail::pack_squares<decltype(target)>(width, count, depth, from, line_step, out, end);
            });
        }
        for (; k < depth; ++k) {
            for (index_t line = 0; line < width; ++line) {
                out[k * width + line] = line < count ? from[line * line_step + k * step] : T(0);
            }
        }
    }
}

NN_KERNEL(void pack(simd::Isa, index_t, const View<const float, 2>&, float*));
NN_KERNEL(void pack(simd::Isa, index_t, const View<const double, 2>&, double*));

}  // namespace nn::inline NN_ABI::kernels
