// SPDX-License-Identifier: MIT

#include <nn/core/workspace.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace nn;

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 64 == 0; }

struct Taken {
    std::byte* data;
    index_t size;
};

/// Takes and gives back at random, the same way for the same seed. Every piece is filled when it is taken and must be whole when it is
/// given back: pieces that overlap are seen.
void exercise(Workspace& workspace, test::Random& random, int depth, std::vector<const void*>& places) {
    const auto frame = workspace.frame();
    std::vector<Taken> pieces;
    const auto whole = [&] {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            for (index_t b = 0; b < pieces[i].size; ++b) {
                if (pieces[i].data[b] != static_cast<std::byte>(depth * 16 + static_cast<int>(i))) {
                    return false;
                }
            }
        }
        return true;
    };
    for (index_t step = random.integer(1, 6); step > 0; --step) {
        if (depth < 5 && random.chance(0.4)) {
            exercise(workspace, random, depth + 1, places);
        } else {
            const index_t size = random.chance(0.1) ? random.integer(4000, 30000) : random.integer(0, 900);
            auto* const data = frame.take<std::byte>(size);
            CHECK(aligned(data));
            std::memset(data, depth * 16 + static_cast<int>(pieces.size()), static_cast<std::size_t>(size));
            pieces.push_back({data, size});
            places.push_back(data);
        }
        CHECK(whole());
    }
}

TEST_CASE("Workspace: pieces are aligned and apart, frames nest, and a warm round takes the same memory") {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Workspace workspace;
        std::vector<const void*> cold;
        test::Random first(seed);
        exercise(workspace, first, 0, cold);
        const std::size_t held = workspace.capacity();
        for (int round = 0; round < 2; ++round) {
            std::vector<const void*> warm;
            test::Random again(seed);
            exercise(workspace, again, 0, warm);
            CHECK(warm == cold);
            CHECK(workspace.capacity() == held);
        }
    }
}

TEST_CASE("Workspace: what is given back is taken again") {
    Workspace workspace;
    CHECK(workspace.capacity() == 0);
    float* first = nullptr;
    {
        const auto frame = workspace.frame();
        first = frame.take<float>(100);
    }
    {
        const auto frame = workspace.frame();
        CHECK(frame.take<float>(100) == first);
        const auto inner = workspace.frame();
        CHECK(inner.take<double>(1) > static_cast<void*>(first));
    }
    const std::size_t held = workspace.capacity();
    for (int i = 0; i < 1000; ++i) {
        const auto frame = workspace.frame();
        (void)frame.take<float>(1000);
    }
    CHECK(workspace.capacity() == held);
}

TEST_CASE("Workspace: holds less than three times the most that was needed, and a page") {
    test::Random random(7);
    for (int round = 0; round < 50; ++round) {
        Workspace workspace;
        std::size_t need = 0;
        for (int call = 0; call < 10; ++call) {
            const auto frame = workspace.frame();
            std::size_t taken = 0;
            for (index_t i = random.integer(1, 20); i > 0; --i) {
                const index_t size = random.integer(1, 5000);
                (void)frame.take<std::byte>(size);
                taken += static_cast<std::size_t>(size + 63) / 64 * 64;
            }
            need = std::max(need, taken);
        }
        CHECK(workspace.capacity() <= 3 * need + 4096);
    }
}

TEST_CASE("Workspace: nothing may be taken too") {
    Workspace workspace;
    const auto frame = workspace.frame();
    CHECK(aligned(frame.take<float>(0)));
    float* const some = frame.take<float>(3);
    some[0] = some[1] = some[2] = 1;
    CHECK(frame.take<char>(0) != nullptr);
}

TEST_CASE("Workspace: a count that no memory holds is an error and changes nothing") {
    constexpr index_t most = std::numeric_limits<index_t>::max();
    Workspace workspace;
    const auto frame = workspace.frame();
    float* const before = frame.take<float>(10);
    before[9] = 5;
    const std::size_t held = workspace.capacity();
    CHECK_THROWS_AS(frame.take<float>(most), std::length_error);
    CHECK_THROWS_WITH(frame.take<double>(most), "nn::Workspace: asked for " + std::to_string(most) + " elements of 8 bytes");
    CHECK_THROWS_WITH(frame.take<double>(-1), "nn::Workspace: asked for -1 elements of 8 bytes");
    CHECK_THROWS_AS(frame.take<char>(std::numeric_limits<index_t>::min()), std::length_error);
#if defined(__LP64__) && !defined(__SANITIZE_ADDRESS__)  // with 32 bits there may be as much
    CHECK_THROWS_AS(frame.take<char>(most - 4096), std::bad_alloc);
    CHECK_THROWS_AS(frame.take<float>(most / 8), std::bad_alloc);
#endif
    CHECK(workspace.capacity() == held);
    CHECK(before[9] == 5);
    CHECK(frame.take<float>(1) == before + 16);
}

TEST_CASE("Workspace: moves with its memory, and both ends stay usable") {
    Workspace a;
    float* place = nullptr;
    {
        const auto frame = a.frame();
        place = frame.take<float>(5000);
    }
    const std::size_t held = a.capacity();
    Workspace b(std::move(a));
    CHECK(b.capacity() == held);
    {
        const auto frame = b.frame();
        CHECK(frame.take<float>(5000) == place);
    }
    {
        const auto frame = a.frame();  // NOLINT(bugprone-use-after-move)
        frame.take<float>(7000)[6999] = 1;
    }
    b = std::move(a);
    {
        const auto frame = b.frame();
        frame.take<float>(9000)[8999] = 1;
    }
    b = {};
    CHECK(b.capacity() == 0);
    {
        const auto frame = b.frame();
        frame.take<float>(10)[9] = 1;
    }
    static_assert(!std::is_copy_constructible_v<Workspace> && !std::is_copy_assignable_v<Workspace>);
    static_assert(std::is_nothrow_move_constructible_v<Workspace>);
    static_assert(!std::is_copy_constructible_v<Workspace::Frame>);
}

TEST_CASE("Workspace: a rehearsal takes memory and does no work, and ends when it throws") {
    struct Counting {
        int runs = 0;
        index_t workers() const { return 3; }
        void run(index_t n, void* context, Task task) {
            ++runs;
            for (index_t i = 0; i < n; ++i) {
                task(context, i, 0);
            }
        }
    };
    Counting executor;
    Workspace alone;
    Workspace shared(executor);
    for (Workspace* const workspace : {&alone, &shared}) {
        int done = 0;
        const auto work = [&] {
            const auto frame = workspace->frame();
            (void)frame.take<float>(1000 * workspace->executor().workers());
            workspace->executor().for_each(1, [&](index_t, index_t) { ++done; });
            workspace->executor().for_each(2, [&](index_t, index_t) { ++done; });
        };
        workspace->rehearse(work);
        CHECK(done == 0);
        CHECK(executor.runs == 0);
        const std::size_t held = workspace->capacity();
        CHECK(held >= (workspace == &shared ? 12000 : 4000));
        work();
        CHECK(done == 3);
        CHECK(workspace->capacity() == held);
        CHECK_THROWS_AS(workspace->rehearse([] { throw std::runtime_error("no"); }), std::runtime_error);
        work();
        CHECK(done == 6);
        executor.runs = 0;
    }
}

}  // namespace
