// SPDX-License-Identifier: MIT

#include <nn/kernels/gemm.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;
using namespace nn::kernels;

/// C = A · B by way of both packings. Each element of C must be stored exactly once.
template <class T>
std::vector<T> product(const Strided<T>& a, const Strided<T>& b) {
    const index_t m = a.shape()[0];
    const index_t depth = a.shape()[1];
    const index_t n = b.shape()[1];
    std::vector<T> packed_a(static_cast<std::size_t>(packed_size(m, depth, tile_rows)), std::numeric_limits<T>::quiet_NaN());
    std::vector<T> packed_b(static_cast<std::size_t>(packed_size(n, depth, tile_columns<T>)), std::numeric_limits<T>::quiet_NaN());
    pack<tile_rows>(a.template view<2>(), packed_a.data());
    pack<tile_columns<T>>(permuted(b.template view<2>(), {1, 0}), packed_b.data());
    std::vector<T> c(static_cast<std::size_t>(m * n));
    std::vector<int> stored(c.size(), 0);
    multiply(m, n, depth, packed_a.data(), packed_b.data(), [&](index_t row, index_t rows, index_t column, index_t columns, const T* tile) {
        for (index_t r = 0; r < rows; ++r) {
            for (index_t j = 0; j < columns; ++j) {
                const auto at = static_cast<std::size_t>((row + r) * n + column + j);
                c.at(at) = tile[r * tile_columns<T> + j];
                ++stored.at(at);
            }
        }
    });
    if (std::any_of(stored.begin(), stored.end(), [](int count) { return count != 1; })) {
        FAIL_CHECK("m " << m << " n " << n << " depth " << depth << ": an element was not stored exactly once");
    }
    return c;
}

/// Every size around one and two tiles. An element must equal the chain Σ_k a[i][k] · b[k][j] for k = 0, 1, …: all of them fused, or all of
/// them not, as the compiler decides for the one loop that computes them.
template <class T>
void compare(const std::vector<index_t>& depths, index_t step) {
    Random random(1);
    for (const index_t depth : depths) {
        const index_t most_rows = 2 * tile_rows + 2;
        const index_t most_columns = 2 * tile_columns<T> + 2;
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
        for (index_t m = 1; m <= most_rows; m += step) {
            for (index_t n = 1; n <= most_columns; n += step) {
                // The last m rows and n columns, so that an element stands in another place of the tile for each size.
                const auto part_a = Strided<T>({m, depth}, [&] {
                    const std::vector<T> all = a.values();
                    return std::vector<T>(all.end() - m * depth, all.end());
                }());
                Strided<T> part_b({depth, n});
                for_each_index(part_b.shape(), [&](const Extents& index) { part_b.at(index) = b.at({index[0], most_columns - n + index[1]}); });
                const std::vector<T> c = product(part_a, part_b);
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

TEST_CASE("gemm: each float is one chain over the depth, at every size and place") { compare<float>({0, 1, 2, 3, 17, 64}, 1); }
TEST_CASE("gemm: each double is one chain over the depth, at every size and place") { compare<double>({0, 1, 2, 3, 17, 64}, 1); }
TEST_CASE("gemm: each long double, which the compiler has no vectors of, is one chain too") { compare<long double>({0, 1, 2, 3, 17}, 1); }

TEST_CASE("gemm: pack reads any strides, fills the last panel with zeros and writes no further") {
    Random random(2);
    for (int round = 0; round < 500; ++round) {
        const Extents shape{random.integer(0, 9), random.integer(0, 5)};
        Strided<float> matrix(shape, Arrangement::any(random, 2, true));
        matrix.fill(random);
        constexpr index_t width = 4;
        const index_t panels = (shape[0] + width - 1) / width;
        CHECK(packed_size(shape[0], shape[1], width) == panels * width * shape[1]);
        std::vector<float> packed(static_cast<std::size_t>(panels * width * shape[1] + 5), 99.0F);
        pack<width>(std::as_const(matrix).view<2>(), packed.data());
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
    const std::vector<float> c = product(a, b);
    for (index_t i = 0; i < 7; ++i) {
        for (index_t j = 0; j < 9; ++j) {
            const float element = c[static_cast<std::size_t>(i * 9 + j)];
            CHECK((i == 6 ? std::isnan(element) : j == 8 ? std::isinf(element) : element == 3.0F));
        }
    }
}

}  // namespace
