// SPDX-License-Identifier: MIT
#include "support/stack.hpp"

#include <cstddef>
#include <vector>

#include <nn/core/workspace.hpp>

#include "support/arrays.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"

using nn::test::Array;
using nn::test::Call;
using nn::test::stack_used;

TEST_CASE("a call of any layer takes at most 32 KiB of stack") {
    if (!nn::test::measures_stack) {
        SUCCEED("not under this sanitizer");
        return;
    }
    constexpr std::size_t most = 32 * 1024;
    std::size_t deepest = 0;
    nn::test::for_each_call([&](Call& call) {
        CAPTURE(call.name);
        Array x(call.shape, call.indices);
        call.give(x.place());
        const std::size_t by_value = stack_used([&] { call.call(); });
        CHECK(by_value <= most);
        Array y(call.held_shape(), false);
        nn::Workspace workspace;
        const std::size_t into = stack_used([&] { call.into(x.place(), y.place(), workspace); });
        CHECK(into <= most);
        deepest = std::max({deepest, by_value, into});
    });
    CHECK(deepest > 1024);  // it was measured
}
