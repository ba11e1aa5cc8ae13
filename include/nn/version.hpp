// SPDX-License-Identifier: MIT
#pragma once

// The one place that holds the version: CMake reads these three lines.
#define NN_VERSION_MAJOR 0
#define NN_VERSION_MINOR 1
#define NN_VERSION_PATCH 0

// Everything of nn lives in `nn::inline NN_ABI`, named after the version and after the compiler flags and macros that change the code of
// an inline function. Two versions of nn, or two files compiled with other -m flags, can then be linked into one program: the linker
// cannot pick the AVX2 copy of a function for a file that was compiled without AVX2.
#if defined(__AVX512F__)
#define NN_ABI_ISA _avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define NN_ABI_ISA _avx2_fma
#elif defined(__AVX2__)
#define NN_ABI_ISA _avx2
#elif defined(__AVX__)
#define NN_ABI_ISA _avx
#elif defined(__SSE4_2__)
#define NN_ABI_ISA _sse4_2
#else
#define NN_ABI_ISA
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

#define NN_ABI_JOIN_(version, isa, math, errors, simd) version##isa##math##errors##simd
#define NN_ABI_JOIN(version, isa, math, errors, simd) NN_ABI_JOIN_(version, isa, math, errors, simd)
#define NN_ABI NN_ABI_JOIN(v0_1, NN_ABI_ISA, NN_ABI_MATH, NN_ABI_ERRORS, NN_ABI_SIMD)
