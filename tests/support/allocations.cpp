// SPDX-License-Identifier: MIT

// Replaces every operator new, and with glibc every function that hands out memory, by one that counts. The C functions are defined here
// on glibc's own ones (__libc_malloc, …), as its manual allows: a definition in the program takes the place of the library's.

#include "support/allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NN_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NN_TEST_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(NN_TEST_SANITIZED)
#define NN_TEST_COUNTS_MALLOC 1
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define NN_TEST_COUNTS_MALLOC 0
#endif

namespace {

constinit std::atomic<long> count = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
    ++count;
    bytes = bytes == 0 ? 1 : bytes;
    return alignment <= alignof(std::max_align_t) ? std::malloc(bytes)
                                                  : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    if (void* const memory = allocate(bytes, alignment)) {
        return memory;
    }
    throw std::bad_alloc();
}

}  // namespace

namespace nn::test {

long allocations() { return count; }
const bool counts_malloc = NN_TEST_COUNTS_MALLOC == 1;

}  // namespace nn::test

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return allocate_or_throw(bytes, static_cast<std::size_t>(alignment)); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
    return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate(bytes, static_cast<std::size_t>(alignment));
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

#if NN_TEST_COUNTS_MALLOC
extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* __libc_valloc(std::size_t);
void* __libc_pvalloc(std::size_t);

void* malloc(std::size_t bytes) noexcept {
    ++count;
    return __libc_malloc(bytes);
}
void* calloc(std::size_t elements, std::size_t bytes) noexcept {
    ++count;
    return __libc_calloc(elements, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
    ++count;
    return __libc_realloc(memory, bytes);
}
void* reallocarray(void* memory, std::size_t elements, std::size_t bytes) noexcept {
    ++count;
    std::size_t total = 0;
    if (__builtin_mul_overflow(elements, bytes, &total)) {
        errno = ENOMEM;
        return nullptr;
    }
    return __libc_realloc(memory, total);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
    ++count;
    return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    ++count;
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
    ++count;
    void* const allocated = __libc_memalign(alignment, bytes);
    if (allocated == nullptr) {
        return ENOMEM;
    }
    *memory = allocated;
    return 0;
}
void* valloc(std::size_t bytes) noexcept {
    ++count;
    return __libc_valloc(bytes);
}
void* pvalloc(std::size_t bytes) noexcept {
    ++count;
    return __libc_pvalloc(bytes);
}

#if defined(SYS_mmap) && defined(__LP64__)
void* mmap(void* address, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
    ++count;
    return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
void* mmap64(void* address, std::size_t bytes, int protection, int flags, int file, off64_t offset) noexcept {
    ++count;
    return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, file, offset));
}
#endif

}  // extern "C"
#endif
