// SPDX-License-Identifier: MIT
#pragma once

// Some rows of an image with as many of its channels as a vector has lanes side by side: strip[row][pixel][lane]. Kernels whose lanes are
// channels read and write this, and know neither layout nor padding.

#include <algorithm>  // std::fill_n, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <utility>    // std::make_index_sequence

#include <nn/core/view.hpp>
#include <nn/kernels/gemm.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

/// Channels of a strip.
template <class T>
constexpr index_t strip_lanes(simd::Isa isa) {
    return tile_of<T>(isa).columns / 2;
}

/// Pixels for a strip: positions `first` + i · dilation along both axes, padded as the axes say, of `channels` ≤ lanes channels. Lanes
/// without a channel hold zeros.
template <class T>
struct StripInput {
    View<const T, 3> image;  ///< (C, L₁, L₂)
    std::array<WindowAxis, 2> axes;
    index_t channel;
    index_t channels;
    std::array<index_t, 2> first;
    index_t rows;
    index_t count;  ///< pixels of a row
    T* strip;
    index_t pitch;  ///< from one row of the strip to the next
};

/// Pixels of a strip for `channels` ≤ lanes channels of an image.
template <class T>
struct StripOutput {
    T* to;           ///< the first pixel of the first channel
    Shape<3> steps;  ///< from channel to channel, row to row, pixel to pixel
    index_t channels;
    index_t rows;
    index_t count;
    const T* strip;
    index_t pitch;
};

namespace detail {

template <class Target, class T>
NN_INLINE void load_row(const StripInput<T>& in, index_t cell, T* to) {
    constexpr index_t lanes = Target::template lanes<T>;
    const WindowAxis& axis = in.axes[1];
    const index_t d = axis.dilation;
    const index_t step = in.image.strides[0];
    const index_t pitch = in.image.strides[2];
    const T* const from = in.image.data + (cell < 0 || axis.input == 0 ? 0 : in.channel * step + cell * in.image.strides[1]);
    const auto one_by_one = [&](index_t first, index_t last) {
        for (index_t p = first; p < last; ++p) {
            const index_t at = cell < 0 ? -1 : axis.cell(in.first[1] + p * d);
            const index_t channels = at < 0 ? 0 : in.channels;
            for (index_t c = 0; c < channels; ++c) {
                to[p * lanes + c] = from[c * step + at * pitch];
            }
            std::fill_n(to + p * lanes + channels, lanes - channels, T(0));
        }
    };
    if constexpr (simd::transposes<T, Target>) {
        // Elements that may be read from the first of this row on: the row's, or those to the end of the channel.
        const bool dense = in.image.strides[1] == axis.input;
        const index_t readable = dense ? (in.axes[0].input - cell) * axis.input : axis.input;
        const bool squares = pitch == 1 && d == 1 && (dense ? in.axes[0].input * axis.input : axis.input) >= lanes;
        if (cell >= 0 && in.channels == lanes && (step == 1 || squares)) {
            using V = typename TileVector<T, Target>::type;
            const index_t position = in.first[1];
            const Range inside = axis.cells_among(position, d, in.count);
            one_by_one(0, inside.first);
            for (index_t p = inside.first; p < inside.last && step == 1; ++p) {
                V pixel;
                simd::load(pixel, from + (position + p * d) * pitch);
                simd::store(pixel, to + p * lanes);
            }
            for (index_t p = inside.first; p < inside.last && step != 1; p += lanes) {
                // The last square begins earlier, so that nothing behind the channel is read.
                const index_t early = std::max<index_t>(position + p + lanes - readable, 0);
                V line[static_cast<std::size_t>(lanes)];
                NN_UNROLL
                for (index_t c = 0; c < lanes; ++c) {
                    simd::load(line[c], from + c * step + position + p - early);
                }
                simd::transpose<lanes, lanes / 2>(line);
                const index_t last = std::min(lanes, inside.last - p + early);
                NN_UNROLL
                for (index_t u = 0; u < lanes; ++u) {
                    if (u >= early && u < last) {
                        simd::store(line[u], to + (p + u - early) * lanes);
                    }
                }
            }
            one_by_one(inside.last, in.count);
            return;
        }
    }
    one_by_one(0, in.count);
}

template <class Target, class T>
NN_INLINE void store_row(const StripOutput<T>& out, const T* from, T* to) {
    constexpr index_t lanes = Target::template lanes<T>;
    const index_t step = out.steps[0];
    const index_t pitch = out.steps[2];
    if constexpr (simd::transposes<T, Target>) {
        using V = typename TileVector<T, Target>::type;
        if (out.channels == lanes && step == 1) {
            for (index_t p = 0; p < out.count; ++p) {
                V pixel;
                simd::load(pixel, from + p * lanes);
                simd::store(pixel, to + p * pitch);
            }
            return;
        }
        if (out.channels == lanes && pitch == 1 && out.count >= lanes) {
            for (index_t next = 0; next < out.count; next += lanes) {
                const index_t p = std::min(next, out.count - lanes);  // the last square covers some pixels once more
                V line[static_cast<std::size_t>(lanes)];
                NN_UNROLL
                for (index_t u = 0; u < lanes; ++u) {
                    simd::load(line[u], from + (p + u) * lanes);
                }
                simd::transpose<lanes, lanes / 2>(line);
                NN_UNROLL
                for (index_t c = 0; c < lanes; ++c) {
                    simd::store(line[c], to + c * step + p);
                }
            }
            return;
        }
    }
    for (index_t c = 0; c < out.channels; ++c) {
        for (index_t p = 0; p < out.count; ++p) {
            to[c * step + p * pitch] = from[p * lanes + c];
        }
    }
}

}  // namespace detail

/// Cells of some channels as rows of vectors, zeros where there are none.
template <class T>
void load_strip(simd::Isa isa, const StripInput<T>& in) {
    simd::run<T>(isa, [&in](auto target) NN_INLINE_LAMBDA {
        for (index_t row = 0; row < in.rows; ++row) {
            const index_t cell = in.axes[0].cell(in.first[0] + row * in.axes[0].dilation);
            detail::load_row<decltype(target)>(in, cell, in.strip + row * in.pitch);
        }
    });
}

/// Rows of vectors of results as elements of y.
template <class T>
void store_strip(simd::Isa isa, const StripOutput<T>& out) {
    simd::run<T>(isa, [&out](auto target) NN_INLINE_LAMBDA {
        for (index_t row = 0; row < out.rows; ++row) {
            detail::store_row<decltype(target)>(out, out.strip + row * out.pitch, out.to + row * out.steps[1]);
        }
    });
}

NN_KERNEL(void load_strip(simd::Isa, const StripInput<float>&));
NN_KERNEL(void store_strip(simd::Isa, const StripOutput<float>&));
NN_KERNEL(void load_strip(simd::Isa, const StripInput<double>&));
NN_KERNEL(void store_strip(simd::Isa, const StripOutput<double>&));

}  // namespace nn::inline NN_ABI::kernels
