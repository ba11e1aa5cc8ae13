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

#include <algorithm>  // std::copy, std::fill, std::fill_n, std::min
#include <cstddef>    // std::size_t

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
#include <nn/kernels/bounds.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/pack.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// The part of a result that stays in registers: rows of A by columns of B. Two vectors wide; as high as the registers allow, those of
/// addresses too: on AVX-512 twelve rows leave none for the loop, and reach 141 GFLOP/s of 165 on one Sapphire Rapids core, eight 160.
struct Tile {
    index_t rows;
    index_t columns;
};
template <class T, class Target>
constexpr Tile tile_on() {
    return {Target::registers == 16 ? 6 : Target::register_bytes == 64 ? 8 : 12, 2 * Target::template lanes<T>};
}
template <class T>
constexpr Tile tile_of(simd::Isa isa) {
    if (simd::available<T> && isa == simd::Isa::avx2) {
        return tile_on<T, simd::Avx2>();
    }
    if (simd::available<T> && isa == simd::Isa::avx512) {
        return tile_on<T, simd::Avx512>();
    }
    return tile_on<T, simd::Baseline>();
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
    const T* ahead = b;                 ///< what is to be fetched meanwhile if the elements of a row are a step apart,
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
    index_t last;       ///< one behind the last column
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

/// `Vectors` vectors of columns from `column` on; where there are fewer panels, the last one again. What is not whole vectors of neighbours
/// in C goes through `spill`.
template <class Target, index_t Rows, index_t Vectors, class T>
NN_INLINE void multiply_tile(const Product<T>& p, index_t row, index_t column, TileRows<T, Rows>& lines) {
    using V = typename TileVector<T, Target>::type;
    constexpr index_t lanes = Target::template lanes<T>;
    constexpr index_t width = Vectors * lanes;
    constexpr index_t panel_width = tile_on<T, Target>().columns;

    const index_t columns = std::min(width, lines.last - column);
    const bool dense = p.column.offsets == nullptr && p.column.stride == 1;
    const bool whole = dense && lines.count == Rows && columns == width;
    // Columns that go straight to C although the tile is not whole, in forms of few rows: others have no registers left for the question.
    const index_t direct = Vectors > 3 && dense ? columns / lanes * lanes : 0;
    alignas(64) T spill[static_cast<std::size_t>(Rows * width)];
    const auto target = [&](index_t r, index_t j) NN_INLINE_LAMBDA {
        return r < lines.count && j < direct ? lines.c[r] + column + j : spill + r * width + j;
    };

    V sum[Rows][Vectors];
    const auto each = [&](const auto& f) NN_INLINE_LAMBDA {
        NN_UNROLL
        for (index_t r = 0; r < Rows; ++r) {
            NN_UNROLL
            for (index_t v = 0; v < Vectors; ++v) {
                f(sum[r][v], r, v * lanes);
            }
        }
    };
    if (p.start == Start::zero || p.start == Start::row_bias) {
        const T zero(0);
        const T* const bias = p.start == Start::zero ? &zero : p.bias + row;
        const index_t last = p.start == Start::zero ? 0 : lines.count - 1;
        each([&](V& s, index_t r, index_t) NN_INLINE_LAMBDA { TileVector<T, Target>::fill(s, bias[std::min(r, last)]); });
    } else if (p.start == Start::column_bias) {
        const T* bias = p.bias + column;
        if (columns < width) {
            std::fill(std::copy(bias, bias + columns, spill), spill + width, T(0));
            bias = spill;
        }
        each([&](V& s, index_t, index_t j) NN_INLINE_LAMBDA { simd::load(s, bias + j); });
    } else if (whole) {
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::load(s, lines.c[r] + column + j); });
    } else {
        std::fill_n(spill, Rows * width, T(0));
        for (index_t r = 0; r < lines.count; ++r) {
            T* const to = spill + r * width;
            for_columns(lines.c[r], p.column, column + direct, column + columns,
                        [&](const T& element, index_t j) NN_INLINE_LAMBDA { to[j - column] = element; });
        }
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::load(s, target(r, j)); });
    }

    constexpr index_t together = Vectors % 2 == 0 ? 2 : 1;  // vectors of the same panel
    const T* b[Vectors / together];
    const index_t last_panel = (p.columns - 1) / panel_width * panel_width;
    for (index_t i = 0; i < Vectors / together; ++i) {
        const index_t first = column + i * together * lanes;
        b[i] = p.b + std::min(first / panel_width * panel_width, last_panel) * p.depth + first % panel_width;
    }
    const T* ahead = lines.ahead;
    const Spacing at = lines.a_columns;
    const auto step = [&](index_t k, index_t place) NN_INLINE_LAMBDA {
        V part[Vectors];
        NN_UNROLL
        for (index_t v = 0; v < Vectors; ++v) {
            simd::load(part[v], b[v / together] + k * panel_width + v % together * lanes);
        }
        each([&](V& s, index_t r, index_t j) NN_INLINE_LAMBDA { s += lines.a[r][place] * part[j / lanes]; });
    };
    // At a depth of 64 to 96 the end of a shorter loop is foreseen more often: 91 % of the peak, not 88.
    if (at.offsets == nullptr) {
        index_t place = 0;
        NN_UNROLL_LOOP
        for (index_t k = 0; k < p.depth; ++k, ahead += p.ahead_step, place += at.stride) {
            simd::prefetch(ahead);
            step(k, place);
        }
    } else {
        NN_UNROLL_LOOP
        for (index_t k = 0; k < p.depth; ++k) {
            step(k, at.offsets[k]);
        }
    }
    lines.ahead = ahead;

    if (p.bounds != nullptr) {
        const Bounds<T> bounds = *p.bounds;
        each([&](V& s, index_t, index_t) NN_INLINE_LAMBDA { TileVector<T, Target>::bound(s, bounds); });
    }
    if (whole) {
        each([&](const V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::store(s, lines.c[r] + column + j); });
        return;
    }
    each([&](const V& s, index_t r, index_t j) NN_INLINE_LAMBDA { simd::store(s, target(r, j)); });
    for (index_t r = 0; r < lines.count && direct < columns; ++r) {
        const T* const from = spill + r * width;
        if (dense) {
            for (index_t j = direct; j < columns; j += lanes) {
                simd::copy_part<lanes>(from + j, lines.c[r] + column + j, std::min(lanes, columns - j));
            }
            continue;
        }
        for_columns(lines.c[r], p.column, column + direct, column + columns,
                    [&](T& element, index_t j) NN_INLINE_LAMBDA { element = from[j - column]; });
    }
}

/// `Rows` rows from `row` on, of columns first … last − 1. Fetches from `ahead` on, which is moved behind that.
template <class Target, index_t Rows, index_t Vectors, class T>
NN_INLINE void multiply_rows(const Product<T>& p, index_t row, index_t first, index_t last, const T*& ahead) {
    constexpr Tile tile = tile_on<T, Target>();
    const bool panels = p.a_rows.stride == 0 && p.a_rows.offsets == nullptr;
    TileRows<T, Rows> lines;
    lines.a_columns = panels ? Spacing{tile.rows} : p.a_columns;
    lines.count = std::min(Rows, p.rows - row);
    lines.last = last;
    lines.ahead = ahead;
    const auto each = [&](const auto& f) NN_INLINE_LAMBDA {
        NN_UNROLL
        for (index_t r = 0; r < Rows; ++r) {
            f(r, row + std::min(r, lines.count - 1));
        }
    };
    if (panels) {
        each([&](index_t r, index_t i) NN_INLINE_LAMBDA { lines.a[r] = p.a + i / tile.rows * tile.rows * p.depth + i % tile.rows; });
    } else if (p.a_rows.offsets != nullptr) {
        each([&](index_t r, index_t i) NN_INLINE_LAMBDA { lines.a[r] = p.a + p.a_rows.offsets[i]; });
    } else {
        each([&](index_t r, index_t i) NN_INLINE_LAMBDA { lines.a[r] = p.a + i * p.a_rows.stride; });
    }
    if (p.row.offsets != nullptr) {
        each([&](index_t r, index_t i) NN_INLINE_LAMBDA { lines.c[r] = p.c + p.row.offsets[i]; });
    } else {
        each([&](index_t r, index_t i) NN_INLINE_LAMBDA { lines.c[r] = p.c + i * p.row.stride; });
    }
    for (index_t column = first; column < last; column += Vectors * Target::template lanes<T>) {
        multiply_tile<Target, Rows, Vectors>(p, row, column, lines);
    }
    ahead = lines.ahead;
}

/// A product of no depth: its operands, of no elements, may have no address that anything could be added to.
template <class T>
void start_all(const Product<T>& p) {
    for (index_t i = 0; i < p.rows; ++i) {
        for (index_t j = 0; j < p.columns; ++j) {
            T& element = p.at(i, j);
            switch (p.start) {
                case Start::zero: element = T(0); break;
                case Start::row_bias: element = p.bias[i]; break;
                case Start::column_bias: element = p.bias[j]; break;
                case Start::c: break;
            }
            if (p.bounds != nullptr) {
                p.bounds->apply(element);
            }
        }
    }
}

}  // namespace detail

/// Cost  2·rows·columns·depth flop.
template <class T>
void multiply(simd::Isa isa, const Product<T>& p) {
    if (p.depth == 0) {
        return detail::start_all(p);
    }
    simd::run<T>(isa, [&p](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        constexpr Tile tile = tile_on<T, Target>();
        // Columns that fill no more than half of the last panel are done with those of the panel before, 24 as three vectors, not as four:
        // 144 -> 24 channels reach 91 % of the peak, not 61.
        const index_t beyond = p.columns % tile.columns;
        const bool half = 0 < beyond && beyond <= tile.columns / 2 && p.columns > tile.columns && p.rows > 2;
        const index_t threes = half && !Target::few_forms ? tile.columns + beyond : 0;
        const T* ahead = p.ahead;
        index_t last = threes == p.columns ? threes : p.columns - threes;
        for (index_t first = 0; first < p.columns; first = last, last = p.columns) {
            for (index_t row = 0; row < p.rows;) {
                if constexpr (!Target::few_forms) {
                    // A multiply-add takes four cycles and begins twice in one: eight vectors of sums keep it busy. So few rows are done
                    // with several panels, and 7 rows as 4 and 3, not as 6 and 1.
                    const index_t left = p.rows - row;
                    const bool in_threes = threes > 0 && last == p.columns;
                    if (in_threes || left == 3 || left == 4 || (4 < left && left <= 8 && (left > tile.rows || left <= tile.rows - 4))) {
                        detail::multiply_rows<Target, 4, 3>(p, row, first, last, ahead);
                        row += 4;
                        continue;
                    }
                    if (left == 1) {
                        detail::multiply_rows<Target, 1, 8>(p, row, first, last, ahead);
                        break;
                    }
                    if (left == 2) {
                        detail::multiply_rows<Target, 2, 4>(p, row, first, last, ahead);
                        break;
                    }
                    if (p.columns <= tile.columns / 2) {  // 32 -> 16 channels on AVX-512: 86 GFLOP/s, not 52
                        detail::multiply_rows<Target, tile.rows, 1>(p, row, first, last, ahead);
                        row += tile.rows;
                        continue;
                    }
                }
                detail::multiply_rows<Target, tile.rows, 2>(p, row, first, last, ahead);
                row += tile.rows;
            }
        }
    });
}

NN_KERNEL(void multiply(simd::Isa, const Product<float>&));
NN_KERNEL(void multiply(simd::Isa, const Product<double>&));

}  // namespace nn::inline NN_ABI::kernels
