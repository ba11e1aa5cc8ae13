// SPDX-License-Identifier: MIT
// Flags that change the arithmetic leave every layer's answers right: they are compared with what the usual flags give, which stand beside
// them in this program.

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "support/arrays.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"
#include "support/layer_answers.hpp"

namespace {

using nn::test::Array;
using nn::test::Call;
using nn::test::LayerAnswer;

void compare(const std::vector<LayerAnswer>& answers) {
    std::size_t at = 0;
    nn::test::for_each_call([&](Call& call) {
        for (const char* const other : {", carried", ", frozen as it is", ", frozen for its shape"}) {
            if (call.name.find(other) != std::string::npos) {
                return;
            }
        }
        CAPTURE(call.name);
        REQUIRE(at < answers.size());
        const LayerAnswer& answer = answers[at++];
        CHECK(answer.name == call.name);
        const Array x(call.shape, call.indices);
        call.give(x.place());
        call.call();
        REQUIRE(answer.y.size() == call.held().size());
        // Sums of some hundred terms below 1 in another order.
        bool near = true;
        for (std::size_t i = 0; i < answer.y.size(); ++i) {
            const float expected = call.held()[i];
            near = near && std::isfinite(expected) && std::abs(answer.y[i] - expected) <= 2e-5F * (1 + std::abs(expected));
        }
        CHECK(near);
    });
    CHECK(at == answers.size());
    CHECK(at > 150);
}

}  // namespace

TEST_CASE("flags: every layer's answer is right under -ffast-math") {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        WARN("not run: no AVX2 here");
        return;
    }
#endif
    compare(nn::test::answers_fast_math());
}

TEST_CASE("flags: every layer's answer is right without vectors") { compare(nn::test::answers_no_simd()); }
