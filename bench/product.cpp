// SPDX-License-Identifier: MIT
// The packed product of kernels/gemm.hpp: its register tile beside the peak of the machine's multiply-adds. Built with -march=native.

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include <nn/kernels/gemm.hpp>

namespace {

using nn::index_t;
namespace kernels = nn::kernels;

/// The bound that the tile chases: ten independent chains of multiply-adds on registers.
void multiply_add_peak(benchmark::State& state) {
    using V = kernels::detail::TileVector<float>::type;
    constexpr int chains = 10;
    constexpr int steps = 4096;
    V sums[chains] = {};
    V factor = kernels::detail::TileVector<float>::zero() + 0.999F;
    for (auto _ : state) {
        benchmark::DoNotOptimize(factor);
        for (int step = 0; step < steps; ++step) {
            NN_UNROLL
            for (int chain = 0; chain < chains; ++chain) {
                sums[chain] = sums[chain] * factor + factor;
            }
        }
        benchmark::DoNotOptimize(sums);
    }
    state.counters["FLOP/s"] = benchmark::Counter(2.0 * chains * steps * static_cast<double>(nn::simd::lanes<float>),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(multiply_add_peak);

/// C (m, n) = A (m, depth) · B (depth, n), both packed beforehand; checked against plain sums first.
template <class T>
void packed_product(benchmark::State& state) {
    const index_t m = state.range(0);
    const index_t n = state.range(1);
    const index_t depth = state.range(2);
    std::mt19937 rng(0);
    std::normal_distribution<T> normal;
    std::vector<T> a(static_cast<std::size_t>(m * depth));
    std::vector<T> b(static_cast<std::size_t>(n * depth));
    for (T& element : a) {
        element = normal(rng);
    }
    for (T& element : b) {
        element = normal(rng);
    }
    std::vector<T> packed_a(static_cast<std::size_t>(kernels::packed_size(m, depth, kernels::tile_rows)));
    std::vector<T> packed_b(static_cast<std::size_t>(kernels::packed_size(n, depth, kernels::tile_columns<T>)));
    kernels::pack<kernels::tile_rows, T>(nn::contiguous<const T>(a.data(), nn::Shape<2>{m, depth}), packed_a.data());
    kernels::pack<kernels::tile_columns<T>, T>(nn::contiguous<const T>(b.data(), nn::Shape<2>{n, depth}), packed_b.data());

    std::vector<T> c(static_cast<std::size_t>(m * n));
    const auto run = [&] {
        kernels::multiply(m, n, depth, static_cast<const T*>(packed_a.data()), static_cast<const T*>(packed_b.data()),
                          [&](index_t row, index_t rows, index_t column, index_t columns, const T* tile) {
                              for (index_t r = 0; r < rows; ++r) {
                                  for (index_t j = 0; j < columns; ++j) {
                                      c[static_cast<std::size_t>((row + r) * n + column + j)] = tile[r * kernels::tile_columns<T> + j];
                                  }
                              }
                          });
    };
    run();
    for (index_t i = 0; i < m; ++i) {
        for (index_t j = 0; j < n; ++j) {
            double sum = 0;
            double size = 0;
            for (index_t k = 0; k < depth; ++k) {
                const double product = static_cast<double>(a[static_cast<std::size_t>(i * depth + k)]) *
                                       static_cast<double>(b[static_cast<std::size_t>(j * depth + k)]);
                sum += product;
                size += std::abs(product);
            }
            const double error = std::abs(sum - static_cast<double>(c[static_cast<std::size_t>(i * n + j)]));
            if (error > static_cast<double>(depth) * static_cast<double>(std::numeric_limits<T>::epsilon()) * size) {
                state.SkipWithError("the product is wrong");
                return;
            }
        }
    }
    for (auto _ : state) {
        run();
        benchmark::DoNotOptimize(c.data());
    }
    state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(m * n * depth), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(packed_product<float>)->ArgNames({"m", "n", "depth"})->Args({6, 16, 256})->Args({64, 256, 576})->Args({128, 784, 1152});
BENCHMARK(packed_product<double>)->ArgNames({"m", "n", "depth"})->Args({64, 256, 576});

}  // namespace
