// SPDX-License-Identifier: MIT
#pragma once

namespace nn::test {

/// How often memory was asked for since the program began: through every operator new and, except under a sanitizer (which has its own),
/// through malloc, calloc, realloc, reallocarray, aligned_alloc, posix_memalign, memalign, valloc, pvalloc and mmap. Only programs that
/// link support/allocations.cpp have it.
long allocations();

/// Whether what is not an operator new is counted.
extern const bool counts_malloc;

/// What operator new gave and operator delete has not got back.
long living_allocations();

/// The n-th operator new from now on fails, alone or with all that follow it, until this is called with 0.
enum class Failing { alone, and_all_later };
void fail_allocations(long n, Failing which = Failing::and_all_later);

/// Whether one has failed since that was last asked for.
bool allocation_has_failed();

/// Where operator new places what it gives from now on: anywhere; or against a page that may not be touched, which lies behind it, but for
/// what its alignment wants (the largest power of 2 that divides its size, at most 16, or what was asked for), or just before it. What was
/// so placed may not be touched once it is deleted, either.
enum class Fence { none, behind, before };
void fence_allocations(Fence fence);

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
