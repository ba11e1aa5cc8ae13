// SPDX-License-Identifier: MIT
#pragma once

// Kernels compiled once for a program instead of once for each of its files that calls them.
//
// Every kernel is a template, and is compiled wherever it is called. With NN_EXTERN_KERNELS defined for all files of a program, those
// named by NN_KERNEL, which take most of the compiler's time, and what else of convolutions and products is large are declared alone; one
// file defines NN_COMPILE_KERNELS before it includes nn, and compiles them for all: a small frozen network takes g++ 12 at -O2 12 s then,
// and not 32, on an EPYC with AVX2.

#if defined(NN_COMPILE_KERNELS)
#define NN_KERNEL(...) template __VA_ARGS__
#elif defined(NN_EXTERN_KERNELS)
#define NN_KERNEL(...) extern template __VA_ARGS__
#else
#define NN_KERNEL(...) static_assert(true)
#endif
