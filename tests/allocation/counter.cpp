// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "support/allocations.hpp"
#include "support/stack.hpp"

namespace {

using nn::test::allocations_in;
using nn::test::stack_used;

void* volatile sink = nullptr;

/// A compiler may remove an allocation whose address goes nowhere.
void* keep(void* memory) {
    sink = memory;
    return sink;
}

long volatile stack_sink = 0;

}  // namespace

TEST_CASE("the counter counts every operator new") {
    struct alignas(128) Wide {
        char bytes[128];
    };
    CHECK(allocations_in([] {}) == 0);
    CHECK(allocations_in([] { delete static_cast<int*>(keep(new int)); }) > 0);
    CHECK(allocations_in([] { delete[] static_cast<int*>(keep(new int[3])); }) > 0);
    CHECK(allocations_in([] { delete static_cast<int*>(keep(new (std::nothrow) int)); }) > 0);
    CHECK(allocations_in([] { delete[] static_cast<int*>(keep(new (std::nothrow) int[3])); }) > 0);
    CHECK(allocations_in([] { delete static_cast<Wide*>(keep(new Wide)); }) > 0);
    CHECK(allocations_in([] { delete[] static_cast<Wide*>(keep(new Wide[3])); }) > 0);
    CHECK(allocations_in([] { delete static_cast<Wide*>(keep(new (std::nothrow) Wide)); }) > 0);
    CHECK(allocations_in([] { delete[] static_cast<Wide*>(keep(new (std::nothrow) Wide[3])); }) > 0);
    CHECK(allocations_in([] { keep(std::vector<double>(100).data()); }) > 0);
    CHECK(allocations_in([] { keep(std::string(100, 'a').data()); }) > 0);
}

TEST_CASE("the counter counts malloc and its kin") {
    if (!nn::test::counts_malloc) {
        SUCCEED("not under this sanitizer or this C library");
        return;
    }
    CHECK(allocations_in([] { std::free(keep(std::malloc(10))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(std::calloc(10, 10))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(std::realloc(nullptr, 10))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(::reallocarray(nullptr, 10, 10))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(std::aligned_alloc(64, 128))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(::memalign(64, 128))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(::valloc(10))); }) == 1);
    CHECK(allocations_in([] { std::free(keep(::pvalloc(10))); }) == 1);
    CHECK(allocations_in([] {
              void* memory = nullptr;
              if (::posix_memalign(&memory, 64, 128) == 0) {
                  std::free(keep(memory));
              }
          }) == 1);
    CHECK(allocations_in([] { ::munmap(keep(::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), 4096); }) == 1);
    CHECK(allocations_in([] { delete static_cast<int*>(keep(new int)); }) == 2);  // and the malloc behind it
}

TEST_CASE("the stack of a call is measured") {
    if (!nn::test::measures_stack) {
        SUCCEED("not under this sanitizer");
        return;
    }
    const auto takes = [](auto size) {
        return stack_used([] {
            volatile char bytes[decltype(size)::value];
            for (volatile char& byte : bytes) {
                byte = 1;
            }
            stack_sink = stack_sink + bytes[0];
        });
    };
    CHECK(stack_used([] {}) < 1024);
    const std::size_t small = takes(std::integral_constant<std::size_t, 1000>());
    CHECK(small >= 1000);
    CHECK(small < 3000);
    const std::size_t large = takes(std::integral_constant<std::size_t, 100'000>());
    CHECK(large >= 100'000);
    CHECK(large < 102'000);
}
