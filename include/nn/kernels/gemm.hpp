// SPDX-License-Identifier: MIT
#pragma once

// The matrix product of every layer, and the only file that includes Eigen.
//
// It is a register tile over a B packed by the caller into the caller's memory and an A that is packed too or lies in rows, because
// Eigen's public product allocates when warm, keeps a function-local static, takes up to 256 KiB of stack, and sums the last rows in
// another order than the first. Here every element of the result is one chain of multiply-adds over the depth, 0, 1, 2, …: its bits
// depend on the depth alone, never on where in the matrix it stands or how many rows and columns there are. What is left of a tile at
// the end is filled with the last row or panel once more.
//
// 6 × 16 floats reach 103 of 104 GFLOP/s on one Zen 3 core under g++ 12 and clang 14 at -O2, with or without -mavx2 -mfma.

#include <algorithm>  // std::copy, std::fill_n, std::max, std::min

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
#include <nn/kernels/bounds.hpp>
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
            simd::run<simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA {
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

/// C = start + A · B, and then within bounds if any.
template <class T>
struct Product {
    index_t rows = 0;      ///< of A and of C
    index_t columns = 0;   ///< of B and of C
    index_t depth = 0;     ///< columns of A, rows of B
    const T* a = nullptr;  ///< in panels of `Tile::rows` lines, unless `a_rows` tells where its rows are
    const T* b = nullptr;  ///< in panels of `Tile::columns` lines
    T* c = nullptr;
    Spacing row{};
    Spacing column{};
    Start start = Start::zero;
    const T* bias = nullptr;
    const Bounds<T>* bounds = nullptr;  ///< of what C is set to, or none
    Spacing a_rows{.stride = 0};        ///< where the rows of an A that is not packed begin,
    Spacing a_columns{};                ///< and the elements of each
    const T* ahead = b;                 ///< what is to be fetched meanwhile,
    index_t ahead_step = 0;             ///< so many elements further for each of the depth of each tile

    T& at(index_t i, index_t j) const { return c[row[i] + column[j]]; }
};

namespace detail {

template <class T, class Target, bool = simd::available<T>>
struct TileVector {
    using type = typename simd::VectorOf<T, Target>::type;
    NN_INLINE static void fill(type& vector, T value) { simd::fill(vector, value); }
    NN_INLINE static void bound(type& vector, const Bounds<T>& bounds) { bounds.apply(vector); }
};
/// Where the compiler has no vectors of T, Eigen's arrays vectorise what its packet types know, and loop over the rest.
template <class T, class Target>
struct TileVector<T, Target, false> {
    using type = Eigen::Array<T, static_cast<int>(Target::template lanes<T>), 1>;
    static void fill(type& vector, T value) { vector.setConstant(value); }
    static void bound(type& vector, const Bounds<T>& bounds) {
        for (T& element : vector) {
            bounds.apply(element);
        }
    }
};

/// The rows of A and C that a tile is made of; where there are fewer, the last one again.
template <class T, index_t Rows>
struct TileRows {
    const T* a[Rows];
    T* c[Rows];
    Spacing a_columns;  ///< the elements of a row of A
    index_t count;      ///< of rows as there are
    const T* ahead;     ///< of the product, for the next tile
};

/// Calls f(element, j) for columns first … last − 1 of a row of C; `row` is its first element.
template <class T, class F>
NN_INLINE void for_columns(T* row, const Spacing& column, index_t first, index_t last, const F& f) {
    if (column.offsets == nullptr) {
        for (index_t j = first; j < last; ++j) {
            f(row[j * column.stride], j);
        }
    } else {
        for (index_t j = first; j < last; ++j) {
            f(row[column.offsets[j]], j);
        }
    }
}

/// `Panels` panels of columns from `column` on; where there are fewer, the last one again. What is not whole vectors goes through `spill`.
template <class Target, index_t Rows, index_t Panels, class T>
NN_INLINE void multiply_tile(const Product<T>& p, index_t row, index_t column, TileRows<T, Rows>& lines) {
    using V = typename TileVector<T, Target>::type;
    constexpr Tile tile = tile_on<T, Target>();
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t width = Panels * tile.columns;
    constexpr index_t vectors = width / lanes;

    const index_t rows = lines.count;
    const index_t columns = std::min(width, p.columns - column);
    const index_t full = columns / tile.columns * tile.columns;  // columns in whole panels, and those that lie side by side in C too
    const index_t direct = p.column.offsets == nullptr && p.column.stride == 1 ? full : 0;
    alignas(64) T spill[static_cast<std::size_t>(Rows * width)];
    T* line[Rows][Panels];
    for (index_t r = 0; r < Rows; ++r) {
        for (index_t panel = 0; panel < Panels; ++panel) {
            const bool there = r < rows && panel * tile.columns < direct;
            line[r][panel] = (there ? lines.c[r] + column : spill + r * width) + panel * tile.columns;
        }
    }

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
    } else {
        const bool biases = p.start == Start::column_bias;
        const index_t loaded = biases ? full : direct;
        if (loaded < width || rows < Rows) {
            std::fill_n(spill, Rows * width, T(0));
            for (index_t r = 0; r < rows; ++r) {
                T* const to = spill + r * width;
                if (biases) {
                    std::copy(p.bias + column + loaded, p.bias + column + columns, to + loaded);
                } else {
                    for_columns(lines.c[r], p.column, column + loaded, column + columns,
                                [&](const T& element, index_t j) NN_INLINE_LAMBDA { to[j - column] = element; });
                }
            }
        }
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA {
            const index_t panel = j / tile.columns;
            const bool bias = biases && panel * tile.columns < full;
            simd::load(s, bias ? p.bias + column + j : line[r][panel] + j % tile.columns);
        });
    }

    const T* b[Panels];
    for (index_t panel = 0; panel < Panels; ++panel) {
        b[panel] = p.b + std::min(column + panel * tile.columns, (p.columns - 1) / tile.columns * tile.columns) * p.depth;
    }
    const T* ahead = lines.ahead;
    const Spacing at = lines.a_columns;
    index_t place = 0;
    // At a depth of 64 to 96 the end of a shorter loop is foreseen more often: 91 % of the peak, not 88.
    NN_UNROLL_LOOP
    for (index_t k = 0; k < p.depth; ++k, ahead += p.ahead_step, place += at.stride) {
        simd::prefetch(ahead);
        if (at.offsets != nullptr) {
            place = at.offsets[k];
        }
        V part[vectors];
        NN_UNROLL
        for (index_t v = 0; v < vectors; ++v) {
            simd::load(part[v], b[v / 2] + k * tile.columns + v % 2 * lanes);
        }
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { s += lines.a[r][place] * part[j / lanes]; });
    }
    lines.ahead = ahead;

    if (p.bounds != nullptr) {
        const Bounds<T> bounds = *p.bounds;
        each([&](V& s, index_t, index_t) NN_INLINE_LAMBDA { TileVector<T, Target>::bound(s, bounds); });
    }
    each([&](const V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::store(s, line[r][j / tile.columns] + j % tile.columns); });
    for (index_t r = 0; r < rows && direct < columns; ++r) {
        const T* const from = spill + r * width;
        for_columns(lines.c[r], p.column, column + direct, column + columns,
                    [&](T& element, index_t j) NN_INLINE_LAMBDA { element = from[j - column]; });
    }
}

/// `Rows` rows from `row` on, of all columns. Fetches from `ahead` on, which is moved behind that.
template <class Target, index_t Rows, index_t Panels, class T>
NN_INLINE void multiply_rows(const Product<T>& p, index_t row, const T*& ahead) {
    constexpr Tile tile = tile_on<T, Target>();
    const bool panels = p.a_rows.stride == 0 && p.a_rows.offsets == nullptr;
    TileRows<T, Rows> lines;
    lines.a_columns = panels ? Spacing{tile.rows} : p.a_columns;
    lines.count = std::min(Rows, p.rows - row);
    lines.ahead = ahead;
    for (index_t r = 0; r < Rows; ++r) {
        const index_t i = std::min(row + r, p.rows - 1);
        lines.a[r] = p.a + (panels ? i / tile.rows * tile.rows * p.depth + i % tile.rows : p.a_rows[i]);
        lines.c[r] = p.c + p.row[i];
    }
    for (index_t column = 0; column < p.columns; column += Panels * tile.columns) {
        multiply_tile<Target, Rows, Panels>(p, row, column, lines);
    }
    ahead = lines.ahead;
}

}  // namespace detail

/// Cost  2·rows·columns·depth flop.
template <class T>
void multiply(simd::Isa isa, const Product<T>& p) {
    simd::run(isa, [&p](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        constexpr index_t height = tile_on<T, Target>().rows;
        const T* ahead = p.ahead;
        for (index_t row = 0; row < p.rows;) {
            const index_t left = p.rows - row;
            if constexpr (!Target::few_forms) {
                // A multiply-add takes four cycles and begins twice in one: eight vectors of sums keep it busy. So few rows are done with
                // several panels, and 7 rows as 4 and 3, not as 6 and 1.
                if (left == 1) {
                    return detail::multiply_rows<Target, 1, 4>(p, row, ahead);
                }
                if (left == 2) {
                    return detail::multiply_rows<Target, 2, 2>(p, row, ahead);
                }
                if (left <= 4 || (left <= 8 && (left > height || left <= height - 4))) {
                    detail::multiply_rows<Target, 4, 1>(p, row, ahead);
                    row += 4;
                    continue;
                }
            }
            detail::multiply_rows<Target, height, 1>(p, row, ahead);
            row += height;
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
