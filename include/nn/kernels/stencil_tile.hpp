// SPDX-License-Identifier: MIT
#pragma once

// The part of a stencil's result that stays in registers, and rows of it.

#include <algorithm>  // std::clamp, std::max, std::min

#include <nn/core/index.hpp>
#include <nn/kernels/bounds.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/stencil_cells.hpp>

namespace nn::inline NN_ABI::kernels::detail {

/// `Outputs` outputs of `Rows` rows, of `Vectors` vectors of windows each, or of the two vectors of a cell's channels; the second of
/// two begins `gap` elements after the first. Of each vector `valid` lanes are results, over channels of both.
template <class Target, bool Channels, index_t Outputs, index_t Rows, index_t Vectors, class T>
NN_INLINE void stencil_tile(const Stencil<T>& s, index_t output, const Cells<T>& cells, index_t gap, index_t valid, T* y) {
    using V = typename simd::VectorOf<T, Target>::type;
    constexpr index_t lanes = Target::template lanes<T>;
    static_assert(!Channels || (Outputs == 1 && Vectors == 2));
    const auto at = [&](index_t v) NN_INLINE_LAMBDA { return !Channels && Vectors == 2 ? v * gap : v * lanes; };

    constexpr index_t sums = Outputs * Rows * Vectors;
    V sum[sums];
    const auto each = [&](const auto& f) NN_INLINE_LAMBDA {
        NN_UNROLL
        for (index_t i = 0; i < sums; ++i) {
            f(sum[i], i / (Rows * Vectors), i / Vectors % Rows, i % Vectors);
        }
    };
    each([&](V& to, index_t o, index_t, index_t v)
             NN_INLINE_LAMBDA { simd::load(to, s.start + (output + o + (Channels ? v : 0)) * lanes); });
    const T* row[Rows];
    NN_UNROLL
    for (index_t r = 0; r < Rows; ++r) {
        row[r] = cells.first + r * cells.row;
    }
    const T* const weight = s.weight + output * s.depth;
    const index_t depth = s.depth;
    const index_t* const offsets = cells.offsets;
    for (index_t tap = 0; tap < depth; ++tap) {
        const index_t offset = offsets[tap];
        V shared[Rows * Vectors];  // by several outputs; of one output each cell is read where it is used, from memory
        NN_UNROLL
        for (index_t i = 0; i < Rows * Vectors && Outputs > 1; ++i) {
            simd::load(shared[i], row[i / Vectors] + offset + at(i % Vectors));
        }
        each([&](V& to, index_t o, index_t r, index_t v) NN_INLINE_LAMBDA {
            V part;
            if constexpr (Outputs > 1) {
                part = shared[r * Vectors + v];
            } else {
                simd::load(part, row[r] + offset + at(v));
            }
            if constexpr (Channels) {
                V factor;
                simd::load(factor, weight + (2 * tap + v) * lanes);
                to += factor * part;
            } else {
                to += weight[o * depth + tap] * part;
            }
        });
    }
    if (s.bounds != nullptr) {
        const Bounds<T> bounds = *s.bounds;
        each([&](V& vector, index_t, index_t, index_t) NN_INLINE_LAMBDA { bounds.apply(vector); });
    }
    // Straight to y, or what is not whole vectors by way of `spill`.
    const bool whole = valid == (Channels ? 2 * lanes : lanes);
    if (!whole && !Channels && Vectors == 1 && Rows > 1 && s.y_row == valid) {
        // Dense rows narrower than a vector: what one stores beyond its own the next ones store once more, but for the last of them.
        each([&](const V& vector, index_t o, index_t r, index_t) NN_INLINE_LAMBDA {
            T* const to = y + o * s.y_output + r * valid;
            if ((Rows - r) * valid >= lanes) {
                simd::store(vector, to);
            } else {
                simd::store_part(vector, to, valid);
            }
        });
        return;
    }
    alignas(64) T spill[static_cast<std::size_t>(sums * lanes)];
    T* const to = whole ? y : spill;
    const index_t to_output = whole ? s.y_output : Rows * Vectors * lanes;
    const index_t to_row = whole ? s.y_row : Vectors * lanes;
    const index_t to_vector = whole ? at(1) : lanes;
    each([&](const V& vector, index_t o, index_t r, index_t v)
             NN_INLINE_LAMBDA { simd::store(vector, to + o * to_output + r * to_row + v * to_vector); });
    for (index_t i = 0; i < Outputs * Rows && !whole; ++i) {
        const T* const from = spill + i * Vectors * lanes;
        T* const line = y + i / Rows * s.y_output + i % Rows * s.y_row;
        for (index_t v = 0; v < (Channels ? 1 : Vectors); ++v) {
            for (index_t j = 0; j < valid; ++j) {  // with simd::copy_part whole tiles take 2 % longer
                line[at(v) + j] = from[v * lanes + j];
            }
        }
    }
}

/// `Rows` rows at a time of a block, which has as many at least; the last ones again where they are not a multiple: the same bits. Several
/// rows of several outputs are at most one vector wide.
template <class Target, bool Channels, index_t Outputs, index_t Rows, class T>
NN_INLINE void stencil_rows(const Stencil<T>& s, index_t output, const Cells<T>& cells, index_t rows, index_t columns, T* y) {
    constexpr index_t lanes = Target::template lanes<T>;
    for (index_t i = 0; i < rows; i += Rows) {
        const index_t row = std::min(i, rows - Rows);
        const auto at = [&](index_t column) NN_INLINE_LAMBDA {
            return Cells<T>{cells.first + row * cells.row + column * cells.column, cells.offsets, cells.row, cells.column};
        };
        T* const to = y + row * s.y_row;
        index_t j = 0;
        if constexpr (Channels) {
            for (; j < columns; ++j) {
                stencil_tile<Target, Channels, 1, Rows, 2>(s, output, at(j), lanes, s.channels, to + j * s.y_column);
            }
        } else if constexpr (Outputs > 1 && Rows > 1) {
            stencil_tile<Target, Channels, Outputs, Rows, 1>(s, output, at(0), lanes, columns, to);
        } else {
            const index_t valid = std::min(columns, lanes);
            if constexpr (Outputs == 1 && Rows == 1 && !Target::few_forms) {
                for (; j + 8 * lanes <= columns; j += 8 * lanes) {
                    stencil_tile<Target, Channels, 1, 1, 8>(s, output, at(j), lanes, valid, to + j);
                }
            }
            for (; j < columns; j += 2 * lanes) {
                if constexpr (Rows > 1 || Outputs > 4) {  // four sums take as long as eight
                    if (j + lanes >= columns) {
                        const index_t last = std::max<index_t>(columns - lanes, 0);
                        stencil_tile<Target, Channels, Outputs, Rows, 1>(s, output, at(last), lanes, valid, to + last);
                        break;
                    }
                }
                const index_t first = std::min(j, std::max<index_t>(columns - 2 * lanes, 0));
                const index_t gap = std::clamp<index_t>(columns - first - lanes, 0, lanes);
                stencil_tile<Target, Channels, Outputs, Rows, 2>(s, output, at(first), gap, valid, to + first);
            }
        }
    }
}

/// The outputs from `output` on, so many together, as long as there are as many; moves `output` and `y` behind them.
template <class Target, index_t Outputs, class T>
NN_INLINE void stencil_outputs(const Stencil<T>& s, index_t& output, const Cells<T>& cells, index_t rows, index_t columns, T*& y) {
    const bool narrow = columns <= Target::template lanes<T> && rows > 1;  // a row and the next are two vectors
    for (; output + Outputs <= s.outputs; output += Outputs, y += Outputs * s.y_output) {
        if (narrow) {
            stencil_rows<Target, false, Outputs, 2>(s, output, cells, rows, columns, y);
        } else {
            stencil_rows<Target, false, Outputs, 1>(s, output, cells, rows, columns, y);
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels::detail
