// SPDX-License-Identifier: MIT
// Arrays that end where memory ends, or begin where it begins: x, y, parameters, packed weights and state. What reads or writes beside
// them dies.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

#include <nn/core/workspace.hpp>

#include "support/allocations.hpp"
#include "support/arrays.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"
#include "support/executor.hpp"

namespace {

using nn::index_t;
using nn::test::Array;
using nn::test::Call;
using nn::test::count_of;
using nn::test::Extents;
using nn::test::Fence;
using nn::test::for_each_element;
using nn::test::in_order;
using nn::test::packed_strides;
using nn::test::Place;

std::size_t page() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
index_t page_elements() { return static_cast<index_t>(page() / sizeof(float)); }

/// Stretches of pages, each between two pages that may not be touched.
class Stretches {
public:
    Stretches(std::size_t count, std::size_t pages) : pages_(pages), size_((count * (pages + 1) + 1) * page()) {
        void* const memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(memory != MAP_FAILED);
        memory_ = static_cast<std::byte*>(memory);
        for (std::size_t i = 0; i <= count; ++i) {
            REQUIRE(::mprotect(memory_ + i * (pages + 1) * page(), page(), PROT_NONE) == 0);
        }
    }
    Stretches(const Stretches&) = delete;
    Stretches& operator=(const Stretches&) = delete;
    ~Stretches() { ::munmap(memory_, size_); }

    /// So many elements at the end of the first stretch, or at its beginning.
    float* first(index_t elements, bool at_end) const {
        const auto capacity = static_cast<index_t>(pages_) * page_elements();
        REQUIRE(elements <= capacity);
        return reinterpret_cast<float*>(memory_ + page()) + (at_end ? capacity - elements : 0);
    }
    /// From an element to the same one of the next stretch.
    index_t step() const { return static_cast<index_t>(pages_ + 1) * page_elements(); }

private:
    std::size_t pages_;
    std::size_t size_;
    std::byte* memory_ = nullptr;
};

/// Calls f(place) for the ways in which an array of this shape ends, or begins, where memory does: as a whole, with its axes in memory in
/// this order or the other; or line by line along any axis.
class Places {
public:
    void whole(const Extents& shape, const auto& f) const {
        std::vector<std::size_t> order = in_order(shape.size());
        for (int turn = 0; turn < 2; ++turn) {
            for (const bool at_end : {true, false}) {
                f(Place{one_.first(count_of(shape), at_end), shape, packed_strides(shape, order)});
            }
            std::reverse(order.begin(), order.end());
        }
    }
    void lines(const Extents& shape, const auto& f) const {
        bool any = false;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            std::vector<std::size_t> order = in_order(shape.size());
            std::rotate(order.begin() + static_cast<std::ptrdiff_t>(axis), order.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                        order.end());
            Extents outer = shape;
            outer[axis] = 1;
            if (count_of(outer) > index_t(most_lines)) {
                continue;  // the batch of one large item: its other axes are enough
            }
            any = true;
            Extents strides = packed_strides(outer, order);
            for (index_t& stride : strides) {
                stride *= many_.step();
            }
            strides[axis] = 1;
            for (const bool at_end : {true, false}) {
                f(Place{many_.first(shape[axis], at_end), shape, strides});
            }
        }
        REQUIRE(any);
    }

private:
    static constexpr std::size_t most_lines = 2000;
    Stretches one_{1, 64};
    Stretches many_{most_lines, 1};
};

/// Runs one call with x and y wherever they may lie, by one worker and by several, and compares.
class Check {
public:
    explicit Check(Call& call) : call_(call) {}

    /// With x of this shape; also line by line if that is asked for.
    void with(const Extents& shape, bool lines, const Places& for_x, const Places& for_y) {
        const Array x(shape, call_.indices);
        call_.restart(shape);
        call_.give(x.place());
        call_.call();
        const std::vector<float> y(call_.held().begin(), call_.held().end());
        const std::vector<float> state = call_.state();
        const Extents y_shape = call_.held_shape();
        bool same = true;
        const auto run = [&](const Place& from, const Place& to, nn::Workspace& workspace) {
            auto element = x.values().begin();
            for_each_element<float>(from, [&](float& e) { std::memcpy(&e, &*element++, sizeof(float)); });
            for_each_element<float>(to, [](float& e) { e = -9; });
            call_.restart(shape);
            call_.into(from, to, workspace);
            auto expected = y.begin();
            for_each_element<float>(to, [&](const float& e) { same = same && std::memcmp(&e, &*expected++, sizeof(float)) == 0; });
            same = same && nn::test::same_memory(state, call_.state());
            ++calls;
        };
        const Array plain(y_shape, false);
        for (nn::Workspace* const workspace : {&alone_, &shared_}) {
            for_x.whole(shape, [&](const Place& from) { run(from, plain.place(), *workspace); });
            for_y.whole(y_shape, [&](const Place& to) { run(x.place(), to, *workspace); });
        }
        if (lines) {
            for_x.lines(shape, [&](const Place& from) { run(from, plain.place(), alone_); });
            for_y.lines(y_shape, [&](const Place& to) { run(x.place(), to, alone_); });
        }
        CAPTURE(shape);
        CHECK(same);
    }

    long calls = 0;

private:
    Call& call_;
    nn::test::Backwards executor_;
    nn::Workspace alone_;
    nn::Workspace shared_{executor_};
};

/// Extents about the sizes of vectors, tiles and stencils' rows.
constexpr index_t extents[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33};

struct Fenced {
    explicit Fenced(Fence side) { nn::test::fence_allocations(side); }
    ~Fenced() { nn::test::fence_allocations(Fence::none); }
};

}  // namespace

TEST_CASE("every layer touches nothing behind or before x, y, parameters and state") {
    const Places for_x;
    const Places for_y;
    long calls = 0;
    const auto every = [&](bool all_shapes) {
        nn::test::for_each_call([&](Call& call) {
            CAPTURE(call.name);
            Check check(call);
            check.with(call.shape, all_shapes, for_x, for_y);
            for (const std::size_t axis : call.free) {
                for (const index_t extent : extents) {
                    Extents shape = call.shape;
                    shape[axis] = extent;
                    if (all_shapes) {
                        check.with(shape, false, for_x, for_y);
                    }
                }
            }
            calls += check.calls;
        });
    };
    {
        const Fenced fenced(Fence::behind);
        every(true);
    }
    {
        const Fenced fenced(Fence::before);
        every(false);
    }
    CHECK(calls > 50'000);
}

namespace {

/// Whether f dies of touching what it may not.
template <class F>
bool dies(const F& f) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGSEGV, SIG_DFL);
        f();
        ::_exit(0);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

TEST_CASE("what touches an element behind or before an array dies") {
    const Places places;
    int each = 0;
    const auto check = [&](const Place& place) {
        const bool at_end = each++ % 2 == 0;
        volatile float* const data = static_cast<float*>(place.data);
        volatile float* const last = data + 2 * place.strides[0] + 3 * place.strides[1];
        CHECK(!dies([&] { data[0] = last[0]; }));
        CHECK(dies([&] { (at_end ? last + 1 : data - 1)[0] = 1; }));
    };
    places.whole({3, 4}, check);
    places.lines({3, 4}, check);
    for (const Fence side : {Fence::behind, Fence::before}) {
        float* memory = nullptr;
        {
            const Fenced fenced(side);
            memory = new float[5];
        }
        volatile std::uintptr_t address = reinterpret_cast<std::uintptr_t>(memory);  // the compiler is not to follow it
        const auto at = [&address](int i) -> volatile float& {
            return *reinterpret_cast<volatile float*>(address + static_cast<std::uintptr_t>(i) * sizeof(float));
        };
        CHECK(!dies([&] { at(0) = at(4); }));
        CHECK(dies([&] { at(side == Fence::behind ? 5 : -1) = 1; }));
        delete[] memory;
        CHECK(dies([&] { at(0) = 1; }));
    }
}
