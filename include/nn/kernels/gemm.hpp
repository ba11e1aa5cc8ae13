// SPDX-License-Identifier: MIT
#pragma once

// The matrix product of every layer, and the only file that includes Eigen.
//
// It is a register tile over operands packed by the caller into the caller's scratch memory, because Eigen's public product allocates
// when warm, keeps a function-local static, takes up to 256 KiB of stack, and sums the last rows in another order than the first.
// Here every element of the result is one chain of multiply-adds over the depth, 0, 1, 2, …: its bits depend on the depth alone,
// never on where in the matrix it stands or how many rows and columns there are. Tails run the full tile over zeros.
//
// 6 × 16 floats reach 103 of 104 GFLOP/s on one Zen 3 core under g++ 12 and clang 14 at -O2, with or without -mavx2 -mfma.

#include <algorithm>  // std::fill_n, std::min

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

/// The part of a result that stays in registers: rows of A by columns of B. Two vectors wide; as high as the registers allow.
struct Tile {
    index_t rows;
    index_t columns;
};
template <class T, class Target>
constexpr Tile tile_on() {
    return {Target::registers == 32 ? 12 : 6, 2 * Target::template lanes<T>};
}
template <class T>
constexpr Tile tile_of(simd::Isa isa) {
    switch (isa) {
        case simd::Isa::avx2: return tile_on<T, simd::Avx2>();
        case simd::Isa::avx512: return tile_on<T, simd::Avx512>();
        case simd::Isa::baseline: break;
    }
    return tile_on<T, simd::Baseline>();
}

/// Elements that `pack` writes for `lines` lines of `depth` elements in panels of `width` lines.
constexpr index_t packed_size(index_t lines, index_t depth, index_t width) {
    return saturating_multiply(saturating_multiply(divide_up(lines, width), width), depth);
}

/// Lays lines of `depth` elements into panels of `width` lines, the depth outermost: out[panel][k][line]. The last panel is filled up
/// with zeros. `line(i)` is the address of line i, whose elements lie `step` apart.
template <class T, class Line>
void pack_lines(index_t width, index_t lines, index_t depth, index_t step, const Line& line, T* out) {
    for (index_t first = 0; first < lines; first += width, out += width * depth) {
        for (index_t offset = 0; offset < width; ++offset) {
            const T* const from = first + offset < lines ? line(first + offset) : nullptr;
            for (index_t k = 0; k < depth; ++k) {
                out[k * width + offset] = from != nullptr ? from[k * step] : T(0);
            }
        }
    }
}

/// The same for the lines of a matrix (lines, depth).
template <class T>
void pack(index_t width, const View<const T, 2>& matrix, T* out) {
    pack_lines(
        width, matrix.shape[0], matrix.shape[1], matrix.strides[1], [&](index_t i) { return matrix.data + i * matrix.strides[0]; }, out);
}

/// Where the rows or the columns of a result lie: `offsets[i]` elements from the first or, without these, i · stride.
struct Spacing {
    index_t stride = 1;
    const index_t* offsets = nullptr;

    index_t operator[](index_t i) const { return offsets != nullptr ? offsets[i] : i * stride; }
};

/// What the sums of a product begin with.
enum class Start : unsigned char {
    zero,
    row_bias,     ///< bias[row]
    column_bias,  ///< bias[column]
    c,            ///< what C holds
};

/// C = start + A · B.
template <class T>
struct Product {
    index_t rows = 0;      ///< of A and of C
    index_t columns = 0;   ///< of B and of C
    index_t depth = 0;     ///< columns of A, rows of B
    const T* a = nullptr;  ///< in panels of `Tile::rows` lines
    const T* b = nullptr;  ///< in panels of `Tile::columns` lines
    T* c = nullptr;
    Spacing row{};
    Spacing column{};
    Start start = Start::zero;
    const T* bias = nullptr;

    T& at(index_t i, index_t j) const { return c[row[i] + column[j]]; }
};

namespace detail {

// g++ 12 takes what is set here for unset, at -O2 and in large programs alone.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
template <class T, class Target, bool = simd::available<T>>
struct TileVector {
    using type = typename simd::VectorOf<T, Target>::type;
    NN_INLINE static void fill(type& vector, T value) { vector = value - type{}; }  // not value + 0, which is 0 for -0
};
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
/// Where the compiler has no vectors of T, Eigen's arrays vectorise what its packet types know, and loop over the rest.
template <class T, class Target>
struct TileVector<T, Target, false> {
    using type = Eigen::Array<T, static_cast<int>(Target::template lanes<T>), 1>;
    static void fill(type& vector, T value) { vector.setConstant(value); }
};

/// At most `Rows` rows from `row` on and `Panels` panels of columns from `column` on. What is not a whole tile goes through `spill`.
template <class Target, index_t Rows, index_t Panels, class T>
NN_INLINE void multiply_tile(const Product<T>& p, index_t row, index_t column) {
    using V = typename TileVector<T, Target>::type;
    constexpr Tile tile = tile_on<T, Target>();
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t width = Panels * tile.columns;
    constexpr index_t vectors = width / lanes;

    const index_t rows = std::min(Rows, p.rows - row);
    const index_t columns = std::min(width, p.columns - column);
    const bool whole = rows == Rows && columns == width && p.column.offsets == nullptr && p.column.stride == 1;
    alignas(64) T spill[static_cast<std::size_t>(Rows * width)];

    V sum[Rows][vectors];
    const auto each = [&](const auto& f) NN_INLINE_LAMBDA {
        NN_UNROLL
        for (index_t r = 0; r < Rows; ++r) {
            NN_UNROLL
            for (index_t v = 0; v < vectors; ++v) {
                f(sum[r][v], r, v * lanes);
            }
        }
    };
    if (p.start == Start::zero || p.start == Start::row_bias) {
        const T zero(0);
        const T* const bias = p.start == Start::zero ? &zero : p.bias + row;
        const index_t last = p.start == Start::zero ? 0 : rows - 1;
        each([&](V& s, index_t r, index_t) NN_INLINE_LAMBDA { TileVector<T, Target>::fill(s, bias[std::min(r, last)]); });
    } else if (whole && p.start == Start::c) {
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::load(s, &p.at(row + r, column) + j); });
    } else if (columns == width && p.start == Start::column_bias) {
        each([&](V& s, index_t, index_t j) NN_INLINE_LAMBDA { simd::load(s, p.bias + column + j); });
    } else {
        std::fill_n(spill, Rows * width, T(0));
        for (index_t r = 0; r < rows; ++r) {
            for (index_t j = 0; j < columns; ++j) {
                spill[r * width + j] = p.start == Start::c ? p.at(row + r, column + j) : p.bias[column + j];
            }
        }
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::load(s, spill + r * width + j); });
    }

    const T* a = p.a + row * p.depth;
    const T* b = p.b + column * p.depth;
    for (index_t k = 0; k < p.depth; ++k) {
        V part[vectors];
        NN_UNROLL
        for (index_t v = 0; v < vectors; ++v) {
            simd::load(part[v], b + v / 2 * tile.columns * p.depth + v % 2 * lanes);
        }
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { s += a[r] * part[j / lanes]; });
        a += tile.rows;
        b += tile.columns;
    }

    each([&](const V& s, index_t r, index_t j)
             NN_INLINE_LAMBDA { simd::store(s, (whole ? &p.at(row + r, column) : spill + r * width) + j); });
    if (!whole) {
        for (index_t r = 0; r < rows; ++r) {
            for (index_t j = 0; j < columns; ++j) {
                p.at(row + r, column + j) = spill[r * width + j];
            }
        }
    }
}

/// `Rows` rows from `row` on, of all columns.
template <class Target, index_t Rows, index_t Panels, class T>
NN_INLINE void multiply_rows(const Product<T>& p, index_t row) {
    constexpr index_t width = tile_on<T, Target>().columns;
    index_t column = 0;
    for (; column + Panels * width <= p.columns; column += Panels * width) {
        multiply_tile<Target, Rows, Panels>(p, row, column);
    }
    if constexpr (Panels > 1) {
        for (; column + width <= p.columns; column += width) {
            multiply_tile<Target, Rows, 1>(p, row, column);
        }
    }
    if (column < p.columns) {
        multiply_tile<Target, Rows, 1>(p, row, column);
    }
}

}  // namespace detail

/// Cost  2·rows·columns·depth flop.
template <class T>
void multiply(simd::Isa isa, const Product<T>& p) {
    simd::run(isa, [&p](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        constexpr index_t height = tile_on<T, Target>().rows;
        for (index_t row = 0; row < p.rows; row += height) {
            const index_t rows = p.rows - row;
            if (rows == 1) {
                detail::multiply_rows<Target, 1, 4>(p, row);  // several panels: one row of one panel waits for its own sums
            } else if (rows == 2) {
                detail::multiply_rows<Target, 2, 2>(p, row);
            } else if (rows <= 4) {
                detail::multiply_rows<Target, 4, 1>(p, row);
            } else {
                detail::multiply_rows<Target, height, 1>(p, row);
            }
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
