// SPDX-License-Identifier: MIT

// Replaces every operator new, and with glibc every function that hands out memory, by one that counts; operator new may also be made to
// fail, or to place what it gives beside a page that may not be touched. The C functions are defined here on glibc's own ones
// (__libc_malloc, …), as its manual allows: a definition in the program takes the place of the library's.

#include "support/allocations.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NN_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NN_TEST_SANITIZED 1
#endif
#endif

#include <sys/mman.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(NN_TEST_SANITIZED)
#define NN_TEST_COUNTS_MALLOC 1
#include <sys/syscall.h>
#else
#define NN_TEST_COUNTS_MALLOC 0
#endif

namespace {

using nn::test::Fence;

constinit std::atomic<long> count = 0;
constinit std::atomic<long> living = 0;
constinit std::atomic<long> until_failure = 0;  // 0: none fails
constinit std::atomic<bool> fails_alone = false;
constinit std::atomic<bool> has_failed = false;
constinit std::atomic<Fence> fence = Fence::none;

/// Addresses for what is fenced, each used once. All but the pages of what lives may not be touched.
class Fenced {
public:
    void* place(std::size_t bytes, std::size_t alignment, Fence side) {
        if (begin_ == nullptr) {
            begin_ = static_cast<std::byte*>(reserve(size, PROT_NONE));
            pages_of_ = static_cast<std::uint32_t*>(reserve(size / page() * sizeof(std::uint32_t), PROT_READ | PROT_WRITE));
        }
        const std::size_t pages = (bytes + page() - 1) / page();
        const std::size_t first = used_ + 1;  // a closed page between any two
        used_ += 1 + pages;
        if ((used_ + 1) * page() > size || ::mprotect(begin_ + first * page(), pages * page(), PROT_READ | PROT_WRITE) != 0) {
            std::abort();
        }
        pages_of_[first] = static_cast<std::uint32_t>(pages);
        return begin_ + first * page() + (side == Fence::before ? 0 : (pages * page() - bytes) / alignment * alignment);
    }
    bool holds(const void* memory) const {
        return begin_ != nullptr && !std::less<>()(memory, begin_) && std::less<>()(memory, begin_ + size);
    }
    void close(void* memory) {
        const std::size_t first = static_cast<std::size_t>(static_cast<std::byte*>(memory) - begin_) / page();
        std::byte* const at = begin_ + first * page();
        if (::madvise(at, pages_of_[first] * page(), MADV_DONTNEED) != 0 || ::mprotect(at, pages_of_[first] * page(), PROT_NONE) != 0) {
            std::abort();
        }
    }

private:
    static constexpr std::size_t size = std::size_t{1} << 35;
    static std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
    static void* reserve(std::size_t bytes, int protection) {
        void* const memory = ::mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return memory != MAP_FAILED ? memory : (std::abort(), nullptr);
    }

    std::byte* begin_ = nullptr;
    std::uint32_t* pages_of_ = nullptr;  // of what begins on a page
    std::size_t used_ = 0;               // pages
};
constinit Fenced fenced;

void* allocate(std::size_t bytes, std::size_t alignment) {
    ++count;
    if (until_failure == 1) {
        has_failed = true;
        until_failure = fails_alone ? 0 : 1;
        return nullptr;
    }
    if (until_failure > 1) {
        --until_failure;
    }
    bytes = bytes == 0 ? 1 : bytes;
    void* memory = nullptr;
    if (const Fence side = fence; side != Fence::none) {
        memory = fenced.place(bytes, alignment > 1 ? alignment : std::min<std::size_t>(bytes & -bytes, alignof(std::max_align_t)), side);
    } else {
        memory = alignment <= alignof(std::max_align_t) ? std::malloc(bytes)
                                                        : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    }
    living += memory != nullptr ? 1 : 0;
    return memory;
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    if (void* const memory = allocate(bytes, alignment)) {
        return memory;
    }
    throw std::bad_alloc();
}

void release(void* memory) {
    living -= memory != nullptr ? 1 : 0;
    if (fenced.holds(memory)) {
        fenced.close(memory);
    } else {
        std::free(memory);
    }
}

}  // namespace

namespace nn::test {

long allocations() { return count; }
const bool counts_malloc = NN_TEST_COUNTS_MALLOC == 1;
long living_allocations() { return living; }
void fail_allocations(long n, Failing which) {
    fails_alone = which == Failing::alone;
    has_failed = has_failed && n == 0;
    until_failure = n;
}
bool allocation_has_failed() { return has_failed; }
void fence_allocations(Fence side) { fence = side; }

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

void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { release(memory); }

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
