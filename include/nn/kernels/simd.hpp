// SPDX-License-Identifier: MIT
#pragma once

// Vectors of the machine's width, and the only place with compiler extensions: GCC's and clang's vector types. Without them, or with
// NN_NO_SIMD defined, `available` is false and kernels use Eigen's fixed-size arrays in their place.

#include <concepts>  // std::same_as
#include <cstddef>   // std::size_t

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI::simd {

#if defined(__AVX512F__)
inline constexpr std::size_t register_bytes = 64;
inline constexpr int register_count = 32;
#elif defined(__AVX__)
inline constexpr std::size_t register_bytes = 32;
inline constexpr int register_count = 16;
#elif defined(__aarch64__)
inline constexpr std::size_t register_bytes = 16;
inline constexpr int register_count = 32;
#else
inline constexpr std::size_t register_bytes = 16;
inline constexpr int register_count = 16;
#endif

#if defined(__GNUC__) && !defined(NN_NO_SIMD)
template <class T>
inline constexpr bool available = std::same_as<T, float> || std::same_as<T, double>;
template <class T>
struct VectorOf {
    typedef T type __attribute__((vector_size(register_bytes)));
};
#define NN_UNROLL _Pragma("GCC unroll 16")
#else
template <class T>
inline constexpr bool available = false;
template <class T>
struct VectorOf {};
#define NN_UNROLL
#endif

/// Elements of T in one register, at least one.
template <class T>
inline constexpr index_t lanes = sizeof(T) < register_bytes ? static_cast<index_t>(register_bytes / sizeof(T)) : 1;

}  // namespace nn::inline NN_ABI::simd
