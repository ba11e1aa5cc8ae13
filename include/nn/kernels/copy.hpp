// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t
#include <cstring>    // std::memcpy

#include <nn/core/index.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// Lines to be copied: `count` elements of each, `step` apart, those of the next line `from_line` and `to_line` further.
template <class T>
struct Lines {
    index_t lines;
    index_t count;
    const T* from;
    index_t from_line;
    index_t step;
    T* to;
    index_t to_line;
};

namespace detail {

// They take copies of their arguments, which no store can change.

/// Elements side by side, Most at a time, or half as many where there are fewer; the last ones again.
template <index_t Most, class T>
NN_INLINE void copy_dense(Lines<T> s) {
    constexpr std::size_t bytes = static_cast<std::size_t>(Most) * sizeof(T);
    if (s.count >= Most) {
        const T* from = s.from;
        T* to = s.to;
        for (index_t line = 0; line < s.lines; ++line, from += s.from_line, to += s.to_line) {
            for (index_t i = 0; i < s.count - Most; i += Most) {
                std::memcpy(to + i, from + i, bytes);
            }
            std::memcpy(to + s.count - Most, from + s.count - Most, bytes);
        }
    } else if constexpr (Most > 1) {
        copy_dense<Most / 2>(s);
    }
}

/// Every second of more than a V of elements. The last ones end with the last element: what begins with one would end behind it.
template <class V, class T>
NN_INLINE void copy_every_second(Lines<T> s) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    const T* from = s.from;
    T* to = s.to;
    V even;
    V odd;
    for (index_t line = 0; line < s.lines; ++line, from += s.from_line, to += s.to_line) {
        for (index_t i = 0; i + lanes < s.count; i += lanes) {
            simd::load_pairs(even, odd, from + 2 * i);
            simd::store(even, to + i);
        }
        simd::load_pairs(even, odd, from + 2 * (s.count - lanes) - 1);
        simd::store(odd, to + s.count - lanes);
    }
}

}  // namespace detail

/// Lines, whose elements lie side by side, as columns: element i of a line goes i · `to_line` elements behind `to`, lines side by side.
template <class T>
void copy_turned(simd::Isa isa, const Lines<T>& lines) {
    simd::run<T, simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        const Lines<T> s = lines;  // a copy, which no store can change
        if constexpr (simd::transposes<T, Target>) {
            constexpr index_t lanes = Target::template lanes<T>;
            if (s.lines >= lanes && s.count >= lanes) {
                // Square by square; the last ones begin earlier, and copy some elements again.
                for (index_t line = 0; line < s.lines; line += lanes) {
                    const index_t top = std::min(line, s.lines - lanes);
                    for (index_t i = 0; i < s.count; i += lanes) {
                        const index_t first = std::min(i, s.count - lanes);
                        typename simd::VectorOf<T, Target>::type square[static_cast<std::size_t>(lanes)];
                        NN_UNROLL
                        for (index_t j = 0; j < lanes; ++j) {
                            simd::load(square[j], s.from + (top + j) * s.from_line + first);
                        }
                        simd::transpose<lanes, lanes / 2>(square);
                        NN_UNROLL
                        for (index_t j = 0; j < lanes; ++j) {
                            simd::store(square[j], s.to + (first + j) * s.to_line + top);
                        }
                    }
                }
                return;
            }
        }
        for (index_t i = 0; i < s.count; ++i) {
            for (index_t line = 0; line < s.lines; ++line) {
                s.to[i * s.to_line + line] = s.from[line * s.from_line + i];
            }
        }
    });
}

/// to[line · to_line + i] = from[line · from_line + i · step]. Reads no other memory of a line than that between its first element and its
/// last.
template <class T>
void copy_lines(simd::Isa isa, const Lines<T>& s) {
    if constexpr (simd::available<T>) {
        if (s.step == 1) {
            return simd::run<T, simd::Avx2>(
                isa, [&](auto target) NN_INLINE_LAMBDA { detail::copy_dense<decltype(target)::template lanes<T>>(s); });
        }
        if (s.step == 2 && s.count > simd::Baseline::lanes<T>) {
            return simd::run<T, simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA {
                using Target = decltype(target);
                if (s.count > Target::template lanes<T>) {
                    detail::copy_every_second<typename simd::VectorOf<T, Target>::type>(s);
                } else {
                    detail::copy_every_second<typename simd::VectorOf<T, simd::Baseline>::type>(s);
                }
            });
        }
    }
    if (s.from_line == 1) {  // the first elements of all lines lie side by side, and so on
        return copy_turned(isa, Lines<T>{s.count, s.lines, s.from, s.step, 1, s.to, s.to_line});
    }
    for (index_t line = 0; line < s.lines; ++line) {
        const T* const from = s.from + line * s.from_line;
        for (index_t i = 0; i < s.count; ++i) {
            s.to[line * s.to_line + i] = from[i * s.step];
        }
    }
}

/// Both elements of pairs that lie side by side, as many as a vector holds or more: the second of each to `second` further.
template <class T>
void copy_pairs(simd::Isa isa, const Lines<T>& lines, index_t second) {
    simd::run<T, simd::Avx2>(isa, [&](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        const Lines<T> s = lines;  // a copy, which no store can change
        T* const second_to = s.to + second;
        constexpr index_t lanes = Target::template lanes<T>;
        typename simd::VectorOf<T, Target>::type even;
        typename simd::VectorOf<T, Target>::type odd;
        for (index_t line = 0; line < s.lines; ++line) {
            const T* const from = s.from + line * s.from_line;
            const index_t to = line * s.to_line;
            for (index_t i = 0; i < s.count; i += lanes) {
                const index_t at = std::min(i, s.count - lanes);
                simd::load_pairs(even, odd, from + 2 * at);
                simd::store(even, s.to + to + at);
                simd::store(odd, second_to + to + at);
            }
        }
    });
}

NN_KERNEL(void copy_lines(simd::Isa, const Lines<float>&));
NN_KERNEL(void copy_turned(simd::Isa, const Lines<float>&));
NN_KERNEL(void copy_lines(simd::Isa, const Lines<double>&));
NN_KERNEL(void copy_turned(simd::Isa, const Lines<double>&));
#if NN_SIMD
NN_KERNEL(void copy_pairs(simd::Isa, const Lines<float>&, index_t));
NN_KERNEL(void copy_pairs(simd::Isa, const Lines<double>&, index_t));
#endif

}  // namespace nn::inline NN_ABI::kernels
