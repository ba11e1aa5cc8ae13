// SPDX-License-Identifier: MIT
#pragma once

namespace nn::test {

/// How often memory was asked for since the program began: through every operator new and, except under a sanitizer (which has its own),
/// through malloc, calloc, realloc, reallocarray, aligned_alloc, posix_memalign, memalign, valloc, pvalloc and mmap. Only programs that
/// link support/allocations.cpp have it.
long allocations();

/// Whether what is not an operator new is counted.
extern const bool counts_malloc;

template <class F>
long allocations_in(const F& f) {
    const long before = allocations();
    f();
    return allocations() - before;
}

/// Allocations of the second call.
template <class F>
long allocations_when_warm(const F& f) {
    f();
    return allocations_in(f);
}

}  // namespace nn::test
