// SPDX-License-Identifier: MIT
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace nn::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool measures_stack = false;  // sanitizers put guards of their own between the variables
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool measures_stack = false;
#else
inline constexpr bool measures_stack = true;
#endif
#else
inline constexpr bool measures_stack = true;
#endif

/// Bytes of stack that f() takes: it runs on a painted stack of its own, and the lowest byte that lost its paint tells. f must not throw.
template <class F>
std::size_t stack_used(const F& f) {
    constexpr std::size_t size = std::size_t{1} << 20;
    constexpr unsigned char paint = 0xA5;
    const auto stack = std::make_unique<unsigned char[]>(size);
    std::memset(stack.get(), paint, size);

    struct Run {
        const F* f;
        std::uintptr_t top;

        static void enter(unsigned high, unsigned low) {  // makecontext passes ints
            auto* const self = reinterpret_cast<Run*>(static_cast<std::uintptr_t>(high) << 32 | low);
            const volatile char here = 0;
            self->top = reinterpret_cast<std::uintptr_t>(&here);
            (*self->f)();
        }
    };
    Run run{&f, 0};
    ucontext_t caller;
    ucontext_t callee;
    getcontext(&callee);
    callee.uc_stack.ss_sp = stack.get();
    callee.uc_stack.ss_size = size;
    callee.uc_link = &caller;
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&run));
    makecontext(&callee, reinterpret_cast<void (*)()>(&Run::enter), 2, static_cast<unsigned>(address >> 32),
                static_cast<unsigned>(address));
    swapcontext(&caller, &callee);

    std::size_t untouched = 0;
    while (untouched < size && stack[untouched] == paint) {
        ++untouched;
    }
    return run.top - (reinterpret_cast<std::uintptr_t>(stack.get()) + untouched);
}

}  // namespace nn::test
