// SPDX-License-Identifier: MIT
#pragma once

// The one place that holds the version: CMake reads these three lines.
#define NN_VERSION_MAJOR 0
#define NN_VERSION_MINOR 1
#define NN_VERSION_PATCH 0

// Everything of nn lives in `nn::inline NN_ABI`, named after the version and after the compiler flags and macros below, which change the
// code of an inline function: nn::v0_1_0_x86_64_v3. Two versions of nn, or two files compiled with other -m flags, can then be linked into
// one program: the linker cannot pick the AVX2 copy of a function of nn for a file that was compiled without AVX2. What files share of
// other libraries' inline functions is theirs. Left out are instruction sets that a compiler uses for its intrinsics alone, such as AES,
// and flags of which no macro tells, such as -fassociative-math by itself.

// NN_ABI_IF(macro, word): the word where the macro is 1 (RISC-V: a version), else nothing.
#define NN_ABI_IF(macro, word) NN_ABI_IF_(macro, word)
#define NN_ABI_IF_(value, word) NN_ABI_SECOND(NN_ABI_AT_##value word, , )
#define NN_ABI_SECOND(...) NN_ABI_SECOND_(__VA_ARGS__)
#define NN_ABI_SECOND_(a, b, ...) b
#define NN_ABI_AT_1 ,
#define NN_ABI_AT_1000000 ,
#define NN_ABI_AT_2000000 ,

#define NN_ABI_JOIN(a, b, c, d, e, f, g, h) NN_ABI_JOIN_(a, b, c, d, e, f, g, h)
#define NN_ABI_JOIN_(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h

#if defined(__x86_64__) || defined(__i386__)
#if defined(__AVX2__) && defined(__FMA__) && defined(__BMI__) && defined(__BMI2__) && defined(__LZCNT__) && defined(__MOVBE__) && \
    defined(__POPCNT__) && defined(__F16C__)
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512CD__)
#define NN_ABI_LEVEL _x86_64_v4
#else
#define NN_ABI_LEVEL                                                                                                    \
    NN_ABI_JOIN(_x86_64_v3, NN_ABI_IF(__AVX512F__, _avx512f), NN_ABI_IF(__AVX512VL__, vl), NN_ABI_IF(__AVX512BW__, bw), \
                NN_ABI_IF(__AVX512DQ__, dq), NN_ABI_IF(__AVX512CD__, cd), , )
#endif
#else
#if defined(__AVX512F__)
#define NN_ABI_VECTORS                                                                                           \
    NN_ABI_JOIN(_avx512f, NN_ABI_IF(__AVX512VL__, vl), NN_ABI_IF(__AVX512BW__, bw), NN_ABI_IF(__AVX512DQ__, dq), \
                NN_ABI_IF(__AVX512CD__, cd), , , )
#elif defined(__AVX2__)
#define NN_ABI_VECTORS _avx2
#elif defined(__AVX__)
#define NN_ABI_VECTORS _avx
#elif defined(__SSE4_2__)
#define NN_ABI_VECTORS _sse4_2
#elif defined(__SSE4_1__)
#define NN_ABI_VECTORS _sse4_1
#elif defined(__SSSE3__)
#define NN_ABI_VECTORS _ssse3
#elif defined(__SSE3__)
#define NN_ABI_VECTORS _sse3
#elif defined(__x86_64__)
#define NN_ABI_VECTORS
#else
#define NN_ABI_VECTORS NN_ABI_JOIN(NN_ABI_IF(__SSE__, _sse), NN_ABI_IF(__SSE2__, 2), , , , , , )
#endif
#define NN_ABI_LEVEL                                                                                            \
    NN_ABI_JOIN(NN_ABI_VECTORS, NN_ABI_IF(__FMA__, _fma), NN_ABI_IF(__BMI__, _bmi), NN_ABI_IF(__BMI2__, _bmi2), \
                NN_ABI_IF(__LZCNT__, _lzcnt), NN_ABI_IF(__MOVBE__, _movbe), NN_ABI_IF(__POPCNT__, _popcnt), NN_ABI_IF(__F16C__, _f16c))
#endif
#define NN_ABI_MORE                                                                                                           \
    NN_ABI_JOIN(NN_ABI_IF(__SSE4A__, _sse4a), NN_ABI_IF(__FMA4__, _fma4), NN_ABI_IF(__XOP__, _xop), NN_ABI_IF(__TBM__, _tbm), \
                NN_ABI_IF(__GFNI__, _gfni), NN_ABI_IF(__APX_F__, _apx), NN_ABI_IF(__AVXVNNI__, _avxvnni),                     \
                NN_ABI_IF(__AVXIFMA__, _avxifma))
#define NN_ABI_MOST                                                                                                                 \
    NN_ABI_JOIN(NN_ABI_IF(__AVX512VBMI__, _vbmi), NN_ABI_IF(__AVX512VBMI2__, _vbmi2), NN_ABI_IF(__AVX512VNNI__, _vnni),             \
                NN_ABI_IF(__AVX512IFMA__, _ifma), NN_ABI_IF(__AVX512BITALG__, _bitalg), NN_ABI_IF(__AVX512VPOPCNTDQ__, _vpopcntdq), \
                NN_ABI_IF(__AVX512BF16__, _bf16), NN_ABI_IF(__AVX512FP16__, _fp16))
#elif defined(__ARM_ARCH)
#define NN_ABI_LEVEL                                                                                                                      \
    NN_ABI_JOIN(_arm, __ARM_ARCH, NN_ABI_IF(__ARM_NEON, _neon), NN_ABI_IF(__ARM_FEATURE_FMA, _fma), NN_ABI_IF(__ARM_FEATURE_IDIV, _idiv), \
                NN_ABI_IF(__ARM_FEATURE_ATOMICS, _lse), NN_ABI_IF(__ARM_FEATURE_RCPC, _rcpc), NN_ABI_IF(__ARM_FEATURE_MOPS, _mops))
#define NN_ABI_MORE                                                                                                                    \
    NN_ABI_JOIN(NN_ABI_IF(__ARM_FEATURE_FP16_SCALAR_ARITHMETIC, _fp16), NN_ABI_IF(__ARM_FEATURE_DOTPROD, _dotprod),                    \
                NN_ABI_IF(__ARM_FEATURE_MATMUL_INT8, _i8mm), NN_ABI_IF(__ARM_FEATURE_BF16, _bf16),                                     \
                NN_ABI_IF(__ARM_FEATURE_COMPLEX, _fcma), NN_ABI_IF(__ARM_FEATURE_FRINT, _frint), NN_ABI_IF(__ARM_FEATURE_QRDMX, _rdm), \
                NN_ABI_IF(__ARM_FEATURE_JCVT, _jcvt))
#define NN_ABI_MOST \
    NN_ABI_JOIN(NN_ABI_IF(__ARM_FEATURE_SVE, _sve), NN_ABI_IF(__ARM_FEATURE_SVE2, 2), NN_ABI_IF(__ARM_FEATURE_SME, _sme), , , , , )
#elif defined(__riscv)
#define NN_ABI_LEVEL                                                                                                                    \
    NN_ABI_JOIN(NN_ABI_IF(__riscv_compressed, _c), NN_ABI_IF(__riscv_vector, _v), NN_ABI_IF(__riscv_zba, _zba),                         \
                NN_ABI_IF(__riscv_zbb, _zbb), NN_ABI_IF(__riscv_zbs, _zbs), NN_ABI_IF(__riscv_zfh, _zfh), NN_ABI_IF(__riscv_zfa, _zfa), \
                NN_ABI_IF(__riscv_zicond, _zicond))
#define NN_ABI_MORE
#define NN_ABI_MOST
#elif defined(__s390x__)
#define NN_ABI_LEVEL NN_ABI_JOIN(_arch, __ARCH__, NN_ABI_IF(__VX__, _vx), , , , , )
#define NN_ABI_MORE
#define NN_ABI_MOST
#else
#define NN_ABI_LEVEL                                                                                                                    \
    NN_ABI_JOIN(NN_ABI_IF(__ALTIVEC__, _altivec), NN_ABI_IF(__VSX__, _vsx), NN_ABI_IF(_ARCH_PWR8, _pwr8), NN_ABI_IF(_ARCH_PWR9, _pwr9), \
                NN_ABI_IF(_ARCH_PWR10, _pwr10), NN_ABI_IF(__wasm_simd128__, _simd128), NN_ABI_IF(__wasm_relaxed_simd__, _relaxed), )
#define NN_ABI_MORE
#define NN_ABI_MOST
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

#define NN_ABI_FLAGS                                                                                                                    \
    NN_ABI_JOIN(NN_ABI_LEVEL, NN_ABI_MORE, NN_ABI_MOST, NN_ABI_IF(__FAST_MATH__, _fast_math), NN_ABI_IF(__FINITE_MATH_ONLY__, _finite), \
                NN_ABI_ERRORS, NN_ABI_SIMD, )
#define NN_ABI NN_ABI_JOIN(v, NN_VERSION_MAJOR, _, NN_VERSION_MINOR, _, NN_VERSION_PATCH, NN_ABI_FLAGS, )
