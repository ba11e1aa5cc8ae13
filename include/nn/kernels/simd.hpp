// SPDX-License-Identifier: MIT
#pragma once

// Vectors, and kernels compiled once per instruction set: the only place with compiler extensions, GCC's and clang's vector types and
// target attributes. With NN_NO_SIMD, or where the compiler has none, kernels are plain loops; with NN_NO_DISPATCH they are compiled for
// what the compiler's flags allow, and for nothing else.
//     simd::run<T>(isa, [&](auto target) NN_INLINE_LAMBDA { body<decltype(target)>(…); });
// compiles `body` for every instruction set that is wider than the flags' own, where there are vectors of T, and calls the one that `isa`
// names. All that `body` calls and that is to be wide must be NN_INLINE too: a function of its own is compiled for the flags. Vectors pass
// by reference, since passing them by value would be another calling convention with every -m flag (-Wpsabi).

#include <concepts>     // std::same_as
#include <cstddef>      // std::size_t
#include <cstring>      // std::memcpy
#include <type_traits>  // std::integral_constant, std::remove_cvref_t
#include <utility>      // std::declval, std::index_sequence

#include <nn/core/index.hpp>

#if defined(__GNUC__) && !defined(NN_NO_SIMD)
#define NN_SIMD 1
#define NN_INLINE [[gnu::always_inline]] inline
#define NN_INLINE_LAMBDA __attribute__((always_inline))
#define NN_UNROLL _Pragma("GCC unroll 16")
#else
#define NN_SIMD 0
#define NN_INLINE inline
#define NN_INLINE_LAMBDA
#define NN_UNROLL
#endif
// A long loop four times over. Not under clang 14, which then keeps a tile of `multiply` in memory: 80 % of the peak instead of 96.
#if NN_SIMD && !defined(__clang__)
#define NN_UNROLL_LOOP _Pragma("GCC unroll 4")
#else
#define NN_UNROLL_LOOP
#endif

#if NN_SIMD && defined(__x86_64__) && !defined(NN_NO_DISPATCH)
#define NN_DISPATCH 1
#else
#define NN_DISPATCH 0
#endif

namespace nn::inline NN_ABI::simd {

/// Width and number of the vector registers that a kernel is compiled for; with `Few`, in as few forms as will do.
template <std::size_t Bytes, int Count, bool Few = false>
struct Target {
    static constexpr std::size_t register_bytes = Bytes;
    static constexpr int registers = Count;
    static constexpr bool few_forms = Few;

    /// Elements of T in one register, at least one.
    template <class T>
    static constexpr index_t lanes = sizeof(T) < Bytes ? static_cast<index_t>(Bytes / sizeof(T)) : 1;
};
using Avx2 = Target<32, 16>;
using Avx512 = Target<64, 32>;

/// What the compiler's flags allow.
#if defined(__AVX512F__)
using Baseline = Avx512;
#elif defined(__AVX__)
using Baseline = Avx2;
#elif defined(__aarch64__)
using Baseline = Target<16, 32>;
#else
using Baseline = Target<16, 16, NN_DISPATCH == 1>;  // then for machines without AVX2 alone: a third of the compiler's work
#endif

/// An instruction set that kernels are compiled for, narrowest first.
enum class Isa : unsigned char { baseline, avx2, avx512 };

/// The widest that this machine has, never narrower than the flags'. A load and a test: no static of ours.
inline Isa machine() {
#if NN_DISPATCH && !defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        return Isa::avx512;
    }
#if !(defined(__AVX2__) && defined(__FMA__))
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return Isa::avx2;
    }
#endif
#endif
    return Isa::baseline;
}

namespace detail {

#if NN_DISPATCH
template <class F>
__attribute__((target("avx2,fma"))) void on_avx2(const F& f) {
    f(Avx2());
}
template <class F>
__attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma"))) void on_avx512(const F& f) {
    f(Avx512());
}
#endif

}  // namespace detail

#if NN_SIMD
/// Whether there are vectors of T.
template <class T>
inline constexpr bool available = std::same_as<T, float> || std::same_as<T, double>;
template <class T, class Target>
struct VectorOf {
    typedef T type __attribute__((vector_size(Target::register_bytes)));
};
#else
template <class T>
inline constexpr bool available = false;
template <class T, class Target>
struct VectorOf {};
#endif

/// Calls f(Target()), compiled for `isa`, which the machine must have, or for `Widest` if that is narrower, but never for less than the
/// compiler's flags allow: what waits for memory is no faster with vectors of 64 bytes, and each instruction set takes its time to compile.
template <class T, class Widest = Avx512, class F>
void run(Isa isa, const F& f) {
#if NN_DISPATCH && !defined(__AVX512F__)
    if constexpr (available<T> && Widest::register_bytes == Avx512::register_bytes) {
        if (isa == Isa::avx512) {
            return detail::on_avx512(f);
        }
    }
#if !(defined(__AVX2__) && defined(__FMA__))
    if constexpr (available<T>) {
        if (isa != Isa::baseline) {
            return detail::on_avx2(f);
        }
    }
#endif
#endif
    static_cast<void>(isa);
    f(Baseline());
}

#if NN_SIMD
/// As many 32-bit integers as V has floats.
template <class V>
struct IntegersOf {
    typedef int type __attribute__((vector_size(sizeof(V))));
};
template <class V>
using Integers = typename IntegersOf<V>::type;

/// Lane by lane; to integers by dropping the fraction.
template <class From, class To>
NN_INLINE void convert(const From& from, To& to) {
    to = __builtin_convertvector(from, To);
}
#endif

/// What a kernel computes with: vectors of T where there are some, else single numbers. `load` and `store` do for both.
template <class T, class Target>
struct ValuesOf {
    using type = T;
};
template <class T, class Target>
    requires available<T>
struct ValuesOf<T, Target> : VectorOf<T, Target> {
};
template <class T, class Target>
using Values = typename ValuesOf<T, Target>::type;

/// The type of one number of them.
template <class V>
struct ElementOf {
    using type = V;
};
template <class V>
    requires requires(const V& v) { v[0]; }
struct ElementOf<V> {
    using type = std::remove_cvref_t<decltype(std::declval<const V&>()[0])>;
};
template <class V>
using Element = typename ElementOf<V>::type;

/// From and to memory of any alignment.
template <class V, class T>
NN_INLINE void load(V& vector, const T* from) {
    std::memcpy(static_cast<void*>(&vector), from, sizeof(V));
}
template <class V, class T>
NN_INLINE void store(const V& vector, T* to) {
    std::memcpy(to, static_cast<const void*>(&vector), sizeof(V));
}

/// Copies `count` ≤ Most elements, in two pieces that may overlap: memcpy of a size that is not known is a call.
template <index_t Most, class T>
NN_INLINE void copy_part(const T* from, T* to, index_t count) {
    constexpr index_t piece = (Most + 1) / 2;
    if (count >= piece) {
        std::memcpy(to, from, static_cast<std::size_t>(piece) * sizeof(T));
        std::memcpy(to + count - piece, from + count - piece, static_cast<std::size_t>(piece) * sizeof(T));
    } else if constexpr (piece > 1) {
        copy_part<piece>(from, to, count);
    }
}

/// The first `count` lanes alone; the others are 0.
template <class V, class T>
NN_INLINE void load_part(V& vector, const T* from, index_t count) {
    vector = V{};
    std::memcpy(static_cast<void*>(&vector), from, static_cast<std::size_t>(count) * sizeof(T));
}
template <class V, class T>
NN_INLINE void store_part(const V& vector, T* to, index_t count) {
    constexpr auto lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    if (count == lanes) {
        return store(vector, to);
    }
    T all[sizeof(V) / sizeof(T)];
    store(vector, all);
    copy_part<lanes>(all, to, count);
}

/// Keeps the first `count` lanes; the others become those of `rest`.
template <class V>
NN_INLINE void keep_part(V& vector, const V& rest, index_t count) {
    V all = rest;
    std::memcpy(static_cast<void*>(&all), static_cast<const void*>(&vector), static_cast<std::size_t>(count) * sizeof(Element<V>));
    vector = all;
}

/// Calls f with each number of a vector in turn, or with the only one, to be changed.
template <class V, class F>
NN_INLINE void each_lane(V& x, const F& f) {
    using T = Element<V>;
    if constexpr (std::same_as<V, T>) {
        f(x);
    } else {
        T lanes[sizeof(V) / sizeof(T)];
        store(x, lanes);
        for (T& lane : lanes) {
            f(lane);
        }
        load(x, lanes);
    }
}

namespace detail {

template <class V, std::size_t... I>
NN_INLINE void fill(V& vector, std::index_sequence<I...>) {
    vector = __builtin_shufflevector(vector, vector, static_cast<int>(I * 0)...);
}

}  // namespace detail

/// Sets all lanes, by what g++ 12 makes one instruction of; of value + V{}, which also takes its sign from −0, it makes one for each lane.
template <class V>
NN_INLINE void fill(V& vector, Element<V> value) {
    vector = V{};
    vector[0] = value;
    detail::fill(vector, std::make_index_sequence<sizeof(V) / sizeof(value)>());
}

namespace detail {

template <class F, index_t... I>
NN_INLINE void unrolled(const F& f, std::integer_sequence<index_t, I...>) {
    (f(std::integral_constant<index_t, I>()), ...);
}

}  // namespace detail

/// Calls f(0), …, f(Count − 1), each with a constant: arrays of vectors then stay in registers, which g++ does not see to in every loop
/// that it is told to unroll.
template <index_t Count, class F>
NN_INLINE void unrolled(const F& f) {
    detail::unrolled(f, std::make_integer_sequence<index_t, Count>());
}

namespace detail {

template <class V, class H, std::size_t... I>
NN_INLINE void join(V& vector, const H& a, const H& b, std::index_sequence<I...>) {
    vector = __builtin_shufflevector(a, b, static_cast<int>(I)...);
}
template <std::size_t First, class V, std::size_t... I>
NN_INLINE void every_second(V& vector, const V& a, const V& b, std::index_sequence<I...>) {
    vector = __builtin_shufflevector(a, b, static_cast<int>(First + 2 * I)...);
}
/// The same of a and b that hold quarters 0, 2 and 1, 3 of the memory: no element crosses the halves of a vector, which is slow on AVX.
template <std::size_t First, class V, std::size_t... I>
NN_INLINE void every_second_of_halves(V& vector, const V& a, const V& b, std::index_sequence<I...>) {
    constexpr std::size_t half = sizeof...(I) / 2;
    vector = __builtin_shufflevector(
        a, b, static_cast<int>(First + I / half * half + I % half * 2 % half + I % half * 2 / half * sizeof...(I))...);
}

template <std::size_t First, class V, std::size_t... I>
NN_INLINE void alternate(V& vector, const V& a, const V& b, std::index_sequence<I...>) {
    vector = __builtin_shufflevector(a, b, static_cast<int>(I % 2 * sizeof...(I) + (First + I) / 2)...);
}

}  // namespace detail

/// Elements 0, 2, … and 1, 3, … of two vectors' worth of memory.
template <class V, class T>
NN_INLINE void load_pairs(V& even, V& odd, const T* from) {
    constexpr std::size_t lanes = sizeof(V) / sizeof(T);
    constexpr std::make_index_sequence<lanes> all;
    V a;
    V b;
    if constexpr (sizeof(V) == 32) {
        typename VectorOf<T, Target<16, 16>>::type quarters[4];
        load(quarters[0], from);
        load(quarters[1], from + lanes / 2);
        load(quarters[2], from + lanes);
        load(quarters[3], from + lanes / 2 * 3);
        detail::join(a, quarters[0], quarters[2], all);
        detail::join(b, quarters[1], quarters[3], all);
        detail::every_second_of_halves<0>(even, a, b, all);
        detail::every_second_of_halves<1>(odd, a, b, all);
    } else {
        load(a, from);
        load(b, from + lanes);
        detail::every_second<0>(even, a, b, all);
        detail::every_second<1>(odd, a, b, all);
    }
}

/// Has x rounded before it goes into another sum. Under -ffast-math (a − b) − c is a − (b + c) otherwise, where what b was to leave of a is
/// lost.
template <class V>
NN_INLINE void round_first([[maybe_unused]] V& x) {
#if NN_SIMD && defined(__FAST_MATH__)
#if __has_builtin(__builtin_assoc_barrier)
    x = __builtin_assoc_barrier(x);
#elif __has_builtin(__arithmetic_fence) && defined(__x86_64__)
    x = __arithmetic_fence(x);
#endif
#endif
}

/// Asks for a cache line that will be read. Any address may be given.
template <class T>
NN_INLINE void prefetch(const T* address) {
#if NN_SIMD
    __builtin_prefetch(address);
#else
    static_cast<void>(address);
#endif
}

#if NN_SIMD
/// Exchanges the upper right and lower left blocks of `Step` elements of two lines: what the transposition of a square of vectors does to
/// lines `Step` apart, for Step = lanes / 2, lanes / 4, … 1.
template <index_t Step, class V, std::size_t... I>
NN_INLINE void exchange(V& upper, V& lower, std::index_sequence<I...>) {
    constexpr int lanes = sizeof...(I);
    constexpr int step = static_cast<int>(Step);
    const V a = upper;
    const V b = lower;
    upper =
        __builtin_shufflevector(a, b, ((static_cast<int>(I) & step) != 0 ? lanes + static_cast<int>(I) - step : static_cast<int>(I))...);
    lower =
        __builtin_shufflevector(a, b, ((static_cast<int>(I) & step) != 0 ? lanes + static_cast<int>(I) : static_cast<int>(I) + step)...);
}
#endif

/// Transposes a square of vectors; `Step` is half their length.
template <index_t Lanes, index_t Step, class V>
NN_INLINE void transpose(V* line) {
#if NN_SIMD
    NN_UNROLL
    for (index_t i = 0; i < Lanes; ++i) {
        if ((i & Step) == 0) {
            exchange<Step>(line[i], line[i + Step], std::make_index_sequence<static_cast<std::size_t>(Lanes)>());
        }
    }
    if constexpr (Step > 1) {
        transpose<Lanes, Step / 2>(line);
    }
#else
    static_cast<void>(line);
#endif
}
/// Whether `transpose` is there.
template <class T, class Target>
inline constexpr bool transposes = available<T> && (Target::template lanes<T> > 1);

/// The reverse of `load_pairs`: elements of `even` and `odd` by turns.
template <class V, class T>
NN_INLINE void store_pairs(const V& even, const V& odd, T* to) {
    constexpr std::size_t lanes = sizeof(V) / sizeof(T);
    constexpr std::make_index_sequence<lanes> all;
    V part;
    detail::alternate<0>(part, even, odd, all);
    store(part, to);
    detail::alternate<lanes>(part, even, odd, all);
    store(part, to + lanes);
}

}  // namespace nn::inline NN_ABI::simd
