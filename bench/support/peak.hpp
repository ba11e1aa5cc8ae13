// SPDX-License-Identifier: MIT
#pragma once

// What one core of this machine does at the moment: the bounds that benchmarks are held against.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include <benchmark/benchmark.h>

#include <nn/kernels/simd.hpp>

namespace nn::bench {

/// Seconds of a call.
template <class F>
double seconds_of(const F& f) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    f();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Independent chains of multiply-adds on registers, each of other numbers: equal ones the compiler makes once. Returns the flop.
template <class Target>
NN_INLINE double multiply_adds(float* sink) {
    using V = typename simd::VectorOf<float, Target>::type;
    constexpr index_t lanes = Target::template lanes<float>;
    constexpr index_t chains = 10;  // more than latency · ports, fewer than registers
    constexpr index_t steps = 300'000;
    float numbers[(chains + 1) * lanes];
    for (index_t i = 0; i < (chains + 1) * lanes; ++i) {
        numbers[i] = std::sin(static_cast<float>(i + 1));
    }
    V factor;
    simd::load(factor, numbers);
    V sums[chains];
    simd::unrolled<chains>([&](auto chain) NN_INLINE_LAMBDA { simd::load(sums[chain], numbers + (chain + 1) * lanes); });
    for (index_t step = 0; step < steps; ++step) {
        simd::unrolled<chains>([&](auto chain) NN_INLINE_LAMBDA { sums[chain] = sums[chain] * factor + factor; });
    }
    for (V& sum : sums) {
        *sink += sum[0];
    }
    return 2.0 * static_cast<double>(chains * steps * lanes);
}

/// FLOP/s of multiply-adds of floats, on the widest vectors that nn's kernels use here.
inline double multiply_add_rate() {
    float sink = 0;
    double flop = 0;
    const double seconds = seconds_of(
        [&] { simd::run<float>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA { flop = multiply_adds<decltype(target)>(&sink); }); });
    benchmark::DoNotOptimize(sink);
    return flop / seconds;
}

/// Bytes/s read and written by copying within so many bytes, half of them to the other half.
inline double copy_rate(std::size_t bytes) {
    std::vector<char> memory(std::max<std::size_t>(bytes, 2), 1);
    const std::size_t half = memory.size() / 2;
    const std::size_t repeats = 1 + (std::size_t{1} << 24) / memory.size();
    const double seconds = seconds_of([&] {
        for (std::size_t i = 0; i < repeats; ++i) {
            std::memcpy(memory.data() + half, memory.data(), half);
            benchmark::ClobberMemory();
        }
    });
    return 2 * static_cast<double>(half * repeats) / seconds;
}

/// Bytes/s read from so many bytes, again and again.
inline double read_rate(std::size_t bytes) {
    constexpr std::size_t step = 1024;
    const std::vector<float> memory((bytes / step + 1) * step / sizeof(float), 1.0F);
    const std::size_t repeats = 1 + (std::size_t{1} << 24) / bytes;
    float sink = 0;
    const double seconds = seconds_of([&] {
        for (std::size_t i = 0; i < repeats; ++i) {
            simd::run<float>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA {
                using V = typename simd::VectorOf<float, decltype(target)>::type;
                constexpr std::size_t lanes = sizeof(V) / sizeof(float);
                V sums[8] = {};
                for (std::size_t at = 0; at < memory.size(); at += 8 * lanes) {
                    NN_UNROLL
                    for (std::size_t v = 0; v < 8; ++v) {
                        V read;
                        simd::load(read, memory.data() + at + v * lanes);
                        sums[v] += read;
                    }
                }
                for (V& sum : sums) {
                    sink += sum[0];
                }
            });
            benchmark::ClobberMemory();
        }
    });
    benchmark::DoNotOptimize(sink);
    return static_cast<double>(memory.size() * sizeof(float) * repeats) / seconds;
}

}  // namespace nn::bench
