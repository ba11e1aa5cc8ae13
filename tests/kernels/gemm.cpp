// SPDX-License-Identifier: MIT

#include <nn/kernels/gemm.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;
using namespace nn::kernels;

Strided<float> filled(const Extents& shape, Random& random) {
    Strided<float> array(shape);
    array.fill(random);
    return array;
}

/// C = A · B by way of both packings, or with the rows of A where they are, with C in rows, in columns, or anywhere.
template <class T>
std::vector<T> product(simd::Isa isa, const Strided<T>& a, const Strided<T>& b) {
    const index_t m = a.shape()[0];
    const index_t depth = a.shape()[1];
    const index_t n = b.shape()[1];
    const Tile tile = tile_of<T>(isa);
    const T nan = std::numeric_limits<T>::quiet_NaN();
    std::vector<T> packed_a(static_cast<std::size_t>(packed_size(m, depth, tile.rows)), nan);
    std::vector<T> packed_b(static_cast<std::size_t>(packed_size(n, depth, tile.columns)), nan);
    pack(isa, tile.rows, a.template view<2>(), packed_a.data());
    pack(isa, tile.columns, permuted(b.template view<2>(), {1, 0}), packed_b.data());

    std::vector<std::vector<T>> answers;
    std::vector<index_t> reversed_rows(static_cast<std::size_t>(m));
    std::vector<index_t> reversed_columns(static_cast<std::size_t>(n));
    for (index_t i = 0; i < m; ++i) {
        reversed_rows[static_cast<std::size_t>(i)] = (m - 1 - i) * n;
    }
    for (index_t j = 0; j < n; ++j) {
        reversed_columns[static_cast<std::size_t>(j)] = n - 1 - j;
    }
    const std::array<std::pair<Spacing, Spacing>, 4> places{{
        {{.stride = n}, {.stride = 1}},
        {{.stride = 1}, {.stride = m}},
        {{.stride = n}, {.offsets = reversed_columns.data()}},
        {{.offsets = reversed_rows.data()}, {.stride = 1}},
    }};
    const std::vector<T> dense_a = a.values();
    std::vector<index_t> rows_of_a(static_cast<std::size_t>(m));
    for (index_t i = 0; i < m; ++i) {
        rows_of_a[static_cast<std::size_t>(i)] = i * depth;
    }
    std::vector<T> turned_a(dense_a.size());  // A's columns side by side, the last one first
    std::vector<index_t> columns_of_a(static_cast<std::size_t>(depth));
    for (index_t k = 0; k < depth; ++k) {
        columns_of_a[static_cast<std::size_t>(k)] = (depth - 1 - k) * m;
        for (index_t i = 0; i < m; ++i) {
            turned_a[static_cast<std::size_t>((depth - 1 - k) * m + i)] = dense_a[static_cast<std::size_t>(i * depth + k)];
        }
    }
    struct Left {
        const T* from;
        Spacing rows;
        Spacing columns;
    };
    const std::array<Left, 4> lefts{{
        {packed_a.data(), {.stride = 0}, {}},
        {dense_a.data(), {.stride = depth}, {}},
        {dense_a.data(), {.offsets = rows_of_a.data()}, {}},
        {turned_a.data(), {.stride = 1}, {.offsets = columns_of_a.data()}},
    }};
    for (std::size_t form = 0; form < places.size() + lefts.size() - 1; ++form) {
        const auto& [rows, columns] = places[form % places.size()];
        const Left& left = lefts[form < places.size() ? 0 : 1 + form % places.size()];
        std::vector<T> c(static_cast<std::size_t>(m * n) + 1, nan);  // one more: nothing is written beside C
        Product<T> product{.rows = m,
                           .columns = n,
                           .depth = depth,
                           .a = left.from,
                           .b = packed_b.data(),
                           .c = c.data(),
                           .row = rows,
                           .column = columns,
                           .a_rows = left.rows,
                           .a_columns = left.columns};
        multiply(isa, product);
        CHECK(std::isnan(c.back()));
        std::vector<T>& answer = answers.emplace_back();
        for (index_t i = 0; i < m; ++i) {
            for (index_t j = 0; j < n; ++j) {
                answer.push_back(product.at(i, j));
            }
        }
    }
    for (const std::vector<T>& answer : answers) {
        if (!same_bits(answer, answers[0])) {
            FAIL_CHECK("m " << m << " n " << n << " depth " << depth << ": the answer depends on where A or C lies");
        }
    }

    std::vector<T> c(answers[0].size());
    const Bounds<T> bounds{T(-0.25), T(0.5)};
    multiply(isa, Product<T>{.rows = m,
                             .columns = n,
                             .depth = depth,
                             .a = packed_a.data(),
                             .b = packed_b.data(),
                             .c = c.data(),
                             .row = {n},
                             .bounds = &bounds});
    std::vector<T> expected = answers[0];
    for (T& element : expected) {
        element = std::clamp(element, bounds.lower, bounds.upper);  // a NaN stays
    }
    if (!same_bits(c, expected)) {
        FAIL_CHECK("m " << m << " n " << n << " depth " << depth << ": not within the bounds");
    }
    return answers[0];
}

/// Every size around one and two tiles. An element must equal the chain Σ_k a[i][k] · b[k][j] for k = 0, 1, …: all of them fused, or all of
/// them not, as the compiler decides for the one loop that computes them.
template <class T>
void compare(simd::Isa isa, const std::vector<index_t>& depths) {
    Random random(1);
    for (const index_t depth : depths) {
        const index_t most_rows = 2 * tile_of<T>(isa).rows + 2;
        const index_t most_columns = 2 * tile_of<T>(isa).columns + 2;
        Strided<T> a({most_rows, depth});
        Strided<T> b({depth, most_columns});
        a.fill(random);
        b.fill(random);
        std::vector<T> fused(static_cast<std::size_t>(most_rows * most_columns));
        std::vector<T> apart(fused.size());
        std::vector<long double> exact(fused.size());
        std::vector<long double> magnitude(fused.size());
        for (index_t i = 0; i < most_rows; ++i) {
            for (index_t j = 0; j < most_columns; ++j) {
                const auto at = static_cast<std::size_t>(i * most_columns + j);
                for (index_t k = 0; k < depth; ++k) {
                    const T p = a.at({i, k});
                    const T q = b.at({k, j});
                    fused[at] = std::fma(p, q, fused[at]);
                    const volatile T product = p * q;
                    apart[at] += product;
                    exact[at] += static_cast<long double>(p) * static_cast<long double>(q);
                    magnitude[at] += std::abs(static_cast<long double>(p) * static_cast<long double>(q));
                }
            }
        }
        bool all_fused = true;
        bool all_apart = true;
        for (index_t m = 1; m <= most_rows; ++m) {
            for (index_t n = 1; n <= most_columns; ++n) {
                // The last m rows and n columns, so that an element stands in another place of the tile for each size.
                const auto part_a = Strided<T>({m, depth}, [&] {
                    const std::vector<T> all = a.values();
                    return std::vector<T>(all.end() - m * depth, all.end());
                }());
                Strided<T> part_b({depth, n});
                for_each_index(part_b.shape(), [&](const Extents& index) {
                    part_b.at(index) = b.at({index[0], most_columns - n + index[1]});
                });
                const std::vector<T> c = product(isa, part_a, part_b);
                for (index_t i = 0; i < m; ++i) {
                    for (index_t j = 0; j < n; ++j) {
                        const T element = c[static_cast<std::size_t>(i * n + j)];
                        const auto at = static_cast<std::size_t>((most_rows - m + i) * most_columns + most_columns - n + j);
                        all_fused = all_fused && element == fused[at];
                        all_apart = all_apart && element == apart[at];
                        const long double error = std::abs(static_cast<long double>(element) - exact[at]);
                        if (!(error <= sum_bound<T>(depth) * magnitude[at])) {
                            FAIL_CHECK("m " << m << " n " << n << " depth " << depth << " (" << i << ", " << j << ") errs by " << error);
                        }
                    }
                }
            }
        }
        CAPTURE(depth, all_fused, all_apart);
        CHECK((all_fused || all_apart));
    }
}

TEST_CASE("gemm: each element is one chain over the depth, at every size and place, on every instruction set") {
    for (const simd::Isa isa : isas()) {
        CAPTURE(static_cast<int>(isa));
        compare<float>(isa, {0, 1, 2, 3, 17});
        compare<double>(isa, {0, 1, 2, 3, 17});
    }
    compare<long double>(simd::Isa::baseline, {0, 1, 2, 3, 17});  // which compilers have no vectors of
}

TEST_CASE("gemm: sums begin with zero, with a bias or with what C holds, and go on where they were cut") {
    for (const simd::Isa isa : isas()) {
        CAPTURE(static_cast<int>(isa));
        const Tile tile = tile_of<float>(isa);
        for (const index_t m : {index_t{1}, index_t{2}, index_t{4}, tile.rows, tile.rows + 3}) {
            for (const index_t n : {tile.columns - 3, tile.columns, 4 * tile.columns, 9 * tile.columns + 1}) {
                Random random(3);
                const index_t depth = 20;
                const Strided<float> a = filled({m, depth}, random);
                const Strided<float> b = filled({depth, n}, random);
                const Strided<float> bias = filled({std::max(m, n)}, random);
                const Strided<float> before = filled({m, n}, random);
                std::vector<float> packed_a(static_cast<std::size_t>(packed_size(m, depth, tile.rows)));
                std::vector<float> packed_b(static_cast<std::size_t>(packed_size(n, depth, tile.columns)));
                const auto run = [&](Start start, std::vector<index_t> cuts) {
                    std::vector<float> c = before.values();
                    const std::vector<float> bias_values = bias.values();
                    Product<float> product{
                        .rows = m, .columns = n, .c = c.data(), .row = {.stride = n}, .start = start, .bias = bias_values.data()};
                    cuts.push_back(depth);
                    for (index_t first = 0; const index_t last : cuts) {
                        const auto part_a = slice(permuted(a.view<2>(), {1, 0}), first, last - first);
                        const auto part_b = slice(b.view<2>(), first, last - first);
                        pack(isa, tile.rows, permuted(part_a, {1, 0}), packed_a.data());
                        pack(isa, tile.columns, permuted(part_b, {1, 0}), packed_b.data());
                        product.depth = last - first;
                        product.a = packed_a.data();
                        product.b = packed_b.data();
                        multiply(isa, product);
                        product.start = Start::c;
                        first = last;
                    }
                    return c;
                };
                for (const Start start : {Start::zero, Start::row_bias, Start::column_bias, Start::c}) {
                    CAPTURE(m, n, static_cast<int>(start));
                    const std::vector<float> whole = run(start, {});
                    CHECK(same_bits(run(start, {0, 7, 8}), whole));
                    bool close = true;
                    for (index_t i = 0; i < m; ++i) {
                        for (index_t j = 0; j < n; ++j) {
                            const double from = start == Start::zero          ? 0.0
                                                : start == Start::row_bias    ? bias.at({i})
                                                : start == Start::column_bias ? bias.at({j})
                                                                              : before.at({i, j});
                            double exact = from;
                            double magnitude = std::abs(from);
                            for (index_t k = 0; k < depth; ++k) {
                                exact += double{a.at({i, k})} * double{b.at({k, j})};
                                magnitude += std::abs(double{a.at({i, k})} * double{b.at({k, j})});
                            }
                            close = close && std::abs(double{whole[static_cast<std::size_t>(i * n + j)]} - exact) <=
                                                 static_cast<double>(sum_bound<float>(depth + 1)) * magnitude;
                        }
                    }
                    CHECK(close);
                }
            }
        }
    }
}

TEST_CASE("gemm: pack reads any strides, fills the last panel with zeros and writes no further") {
    Random random(2);
    for (int round = 0; round < 1500; ++round) {
        const Extents shape{random.integer(0, 20), random.integer(0, round % 2 == 0 ? 5 : 40)};
        Strided<float> matrix(shape, random.chance(0.5) ? Arrangement::any(random, 2, true) : Arrangement::dense());
        matrix.fill(random);
        const index_t width = random.pick(std::vector<index_t>{4, 6, 8, 12, 16, 32});
        const index_t panels = (shape[0] + width - 1) / width;
        CHECK(packed_size(shape[0], shape[1], width) == panels * width * shape[1]);
        std::vector<float> packed(static_cast<std::size_t>(panels * width * shape[1] + 40), 99.0F);
        pack(random.pick(isas()), width, std::as_const(matrix).view<2>(), packed.data());
        bool right = true;
        std::size_t at = 0;
        for (index_t panel = 0; panel < panels; ++panel) {
            for (index_t k = 0; k < shape[1]; ++k) {
                for (index_t line = panel * width; line < (panel + 1) * width; ++line) {
                    right = right && packed[at++] == (line < shape[0] ? matrix.at({line, k}) : 0.0F);
                }
            }
        }
        while (at < packed.size()) {
            right = right && packed[at++] == 99.0F;
        }
        CHECK(right);
    }
    CHECK(packed_size(std::numeric_limits<index_t>::max(), 2, 8) == std::numeric_limits<index_t>::max());
}

TEST_CASE("gemm: zeros beside the tile do not carry a NaN across rows or columns") {
    Strided<float> a({7, 3}, std::vector<float>(21, 1.0F));
    Strided<float> b({3, 9}, std::vector<float>(27, 1.0F));
    a.at({6, 1}) = std::numeric_limits<float>::quiet_NaN();
    b.at({2, 8}) = std::numeric_limits<float>::infinity();
    const std::vector<float> c = product(simd::machine(), a, b);
    for (index_t i = 0; i < 7; ++i) {
        for (index_t j = 0; j < 9; ++j) {
            const float element = c[static_cast<std::size_t>(i * 9 + j)];
            CHECK((i == 6 ? std::isnan(element) : j == 8 ? std::isinf(element) : element == 3.0F));
        }
    }
}

}  // namespace
