// SPDX-License-Identifier: MIT
#pragma once

// The one place that holds the version: CMake reads these three lines.
#define NN_VERSION_MAJOR 0
#define NN_VERSION_MINOR 1
#define NN_VERSION_PATCH 0

// Everything of nn lives in `nn::inline NN_ABI`, named after the version and after the compiler flags and macros below, which change the
// code of an inline function most: nn::v0_1_0_avx2_fma. Two versions of nn, or two files compiled with other -m flags, can then be linked
// into one program: the linker cannot pick the AVX2 copy of a function of nn for a file that was compiled without AVX2. What files share of
// other libraries' inline functions is theirs.
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512CD__)
#define NN_ABI_ISA _avx512
#elif defined(__AVX512F__)
#define NN_ABI_ISA _avx512f
#elif defined(__AVX2__)
#define NN_ABI_ISA _avx2
#elif defined(__AVX__)
#define NN_ABI_ISA _avx
#elif defined(__SSE4_2__)
#define NN_ABI_ISA _sse4_2
#elif defined(__SSE4_1__)
#define NN_ABI_ISA _sse4_1
#elif defined(__SSSE3__)
#define NN_ABI_ISA _ssse3
#elif defined(__SSE3__)
#define NN_ABI_ISA _sse3
#elif defined(__ARM_FEATURE_SVE)
#define NN_ABI_ISA _sve
#else
#define NN_ABI_ISA
#endif

#if defined(__FMA__)
#define NN_ABI_FMA _fma
#else
#define NN_ABI_FMA
#endif

#if defined(__BMI__) || defined(__BMI2__) || defined(__LZCNT__)
#define NN_ABI_BITS _bmi
#else
#define NN_ABI_BITS
#endif

#if defined(__FAST_MATH__)
#define NN_ABI_MATH _fast_math
#else
#define NN_ABI_MATH
#endif

#if defined(__cpp_exceptions)
#define NN_ABI_ERRORS
#else
#define NN_ABI_ERRORS _no_exceptions
#endif

#if defined(NN_NO_SIMD)
#define NN_ABI_SIMD _no_simd
#elif defined(NN_NO_DISPATCH)
#define NN_ABI_SIMD _no_dispatch
#else
#define NN_ABI_SIMD
#endif

#define NN_ABI_JOIN_(major, minor, patch, isa, fma, bits, math, errors, simd) \
    v##major##_##minor##_##patch##isa##fma##bits##math##errors##simd
#define NN_ABI_JOIN(...) NN_ABI_JOIN_(__VA_ARGS__)
#define NN_ABI                                                                                                                         \
    NN_ABI_JOIN(NN_VERSION_MAJOR, NN_VERSION_MINOR, NN_VERSION_PATCH, NN_ABI_ISA, NN_ABI_FMA, NN_ABI_BITS, NN_ABI_MATH, NN_ABI_ERRORS, \
                NN_ABI_SIMD)
