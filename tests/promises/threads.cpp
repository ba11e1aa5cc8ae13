// SPDX-License-Identifier: MIT
// One layer and one input for many threads. Under ThreadSanitizer (tests/run --thread) a race is an error.

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include <nn/core/workspace.hpp>

#include "support/arrays.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"

using nn::test::Array;
using nn::test::Call;
using nn::test::same_memory;

TEST_CASE("every layer: threads share it, a view of an x and nothing else, and all have the same bits") {
    constexpr int threads = 4;
    nn::test::for_each_call([&](Call& call) {
        CAPTURE(call.name);
        const Array x(call.shape, call.indices);
        call.give(x.place());
        const auto expected = call.another();
        expected->give(x.place());
        expected->call();

        std::vector<std::unique_ptr<Call>> calls;
        std::vector<std::unique_ptr<Array>> outputs;
        for (int i = 0; i < threads; ++i) {
            calls.push_back(call.another());  // shares the view, whose strides nobody has asked for yet
            outputs.push_back(std::make_unique<Array>(expected->held_shape(), false));
        }
        std::atomic<int> ready = 0;
        std::vector<std::thread> running;
        for (std::size_t i = 0; i < threads; ++i) {
            running.emplace_back([&, i] {
                nn::Workspace workspace;
                for (++ready; ready < threads;) {
                    std::this_thread::yield();
                }
                calls[i]->call();
                calls[i]->restart(call.shape);
                calls[i]->into(x.place(), outputs[i]->place(), workspace);
            });
        }
        for (std::thread& thread : running) {
            thread.join();
        }
        for (std::size_t i = 0; i < threads; ++i) {
            CHECK(same_memory(calls[i]->held(), expected->held()));
            CHECK(same_memory(outputs[i]->values(), expected->held()));
            CHECK(same_memory(calls[i]->state(), expected->state()));
        }
    });
}
