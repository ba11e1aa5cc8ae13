// SPDX-License-Identifier: MIT
#include <nn/threads.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/executor.hpp"
#include "support/tensors.hpp"

using nn::index_t;
using nn::no_init;
using nn::Shape;
using nn::Tensor;
using nn::Workspace;
using nn::test::Backwards;
using nn::test::error_of;
using nn::test::filled;
using nn::test::identical;
using nn::test::noise;
using nn::test::Random;

namespace {

/// y = layer(x) with one thread, with pools and with another executor: the same bits.
template <class L, class X>
void check_threads(const L& layer, const X& x) {
    const auto expected = layer(x);
    for (const index_t workers : {1, 2, 3, 7}) {
        nn::ThreadPool pool(workers);
        Workspace workspace(pool);
        auto y = expected;
        y.fill(-1);
        layer.forward_into(x, y, workspace);
        CHECK(identical(y, expected));
    }
    Backwards backwards;
    Workspace workspace(backwards);
    auto y = expected;
    y.fill(-1);
    layer.forward_into(x, y, workspace);
    CHECK(identical(y, expected));
    CHECK(backwards.most > 1);  // there was something to split
}

}  // namespace

TEST_CASE("threads: a pool runs every piece once, by workers of its own number, round after round") {
    for (const index_t workers : {1, 2, 5}) {
        nn::ThreadPool pool(workers);
        CHECK(pool.workers() == workers);
        for (const index_t n : {0, 1, 2, 100, 3, 1000}) {
            struct Context {
                std::vector<std::atomic<int>> times;
                std::atomic<index_t> highest;
            } context{std::vector<std::atomic<int>>(static_cast<std::size_t>(n)), 0};
            pool.run(n, &context, [](void* pointer, index_t i, index_t worker) noexcept {
                Context& c = *static_cast<Context*>(pointer);
                ++c.times[static_cast<std::size_t>(i)];
                index_t seen = c.highest;
                while (worker > seen && !c.highest.compare_exchange_weak(seen, worker)) {
                }
            });
            CHECK(std::all_of(context.times.begin(), context.times.end(), [](int times) { return times == 1; }));
            CHECK(context.highest < workers);
        }
    }
}

TEST_CASE("threads: callers in several threads take turns") {
    nn::ThreadPool pool(2);
    std::atomic<int> inside = 0;
    std::atomic<bool> ok = true;
    struct Context {
        std::atomic<int>& inside;
        std::atomic<bool>& ok;
        std::atomic<int> done = 0;
    };
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 3; ++caller) {
        callers.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                Context context{inside, ok};
                pool.run(5, &context, [](void* pointer, index_t, index_t) noexcept {
                    Context& c = *static_cast<Context*>(pointer);
                    if (++c.inside > 2) {
                        c.ok = false;
                    }
                    ++c.done;
                    --c.inside;
                });
                if (context.done != 5) {
                    ok = false;
                }
            }
        });
    }
    for (std::thread& caller : callers) {
        caller.join();
    }
    CHECK(ok);
}

TEST_CASE("threads: a pool of no workers is refused") {
    CHECK(error_of<std::invalid_argument>([] { nn::ThreadPool(0); }) == "nn::ThreadPool: workers 0, expected at least 1");
    CHECK(error_of<std::invalid_argument>([] { nn::ThreadPool(-3); }) == "nn::ThreadPool: workers -3, expected at least 1");
}

TEST_CASE("threads: any number of them gives the same bits") {
    Random random(1);
    // More than 1024 pairs of channels a group: a product, not a stencil.
    SECTION("a convolution over a large image") {
        check_threads(filled(random, nn::Conv2d<float>({.in_channels = 33, .out_channels = 40, .kernel_size = 3, .padding = 1}, no_init)),
                      noise<float, 4>({2, 33, 60, 50}));
    }
    SECTION("over small images, in groups, channels last") {
        check_threads(filled(random, nn::Conv2d<float>({.in_channels = 66, .out_channels = 80, .kernel_size = 3, .groups = 2}, no_init)),
                      noise<float, 4>({3, 66, 6, 7}));
        check_threads(
            filled(random, nn::Conv2d<double>(
                               {.in_channels = 33, .out_channels = 40, .kernel_size = 3, .layout = nn::Layout::channels_last}, no_init)),
            noise<double, 4>({2, 9, 8, 33}));
    }
    SECTION("a transposed one, and one in one dimension") {
        check_threads(
            filled(random, nn::ConvTranspose2d<float>({.in_channels = 33, .out_channels = 40, .kernel_size = 3, .stride = 2}, no_init)),
            noise<float, 4>({2, 33, 9, 8}));
        check_threads(filled(random, nn::Conv1d<float>({.in_channels = 33, .out_channels = 40, .kernel_size = 9}, no_init)),
                      noise<float, 2>({33, 2000}));
    }
    SECTION("stencils: groups, rows of one image, lanes over the channels, one axis and three") {
        const auto stem = filled(random, nn::Conv2d<float>({.in_channels = 3, .out_channels = 6, .kernel_size = 5, .stride = 2}, no_init));
        check_threads(stem, noise<float, 3>({3, 150, 170}));
        check_threads(nn::freeze(nn::Sequential(stem, nn::silu)), noise<float, 3>({3, 150, 170}));
        const nn::ConvOptions<2> depthwise{.in_channels = 37, .out_channels = 37, .kernel_size = 3, .padding = 1, .groups = 37};
        check_threads(filled(random, nn::Conv2d<float>(depthwise, no_init)), noise<float, 4>({2, 37, 20, 30}));
        nn::ConvOptions<2> last = depthwise;
        last.layout = nn::Layout::channels_last;
        const nn::Sequential net(filled(random, nn::Conv2d<float>(last, no_init)), nn::silu);
        check_threads(nn::freeze(net), noise<float, 3>({40, 30, 37}));
        check_threads(filled(random, nn::Conv1d<float>({.in_channels = 5, .out_channels = 5, .kernel_size = 3, .groups = 5}, no_init)),
                      noise<float, 3>({4, 5, 90}));
        check_threads(nn::freeze(filled(random, nn::Conv3d<double>({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, no_init))),
                      noise<double, 4>({2, 9, 20, 14}));
    }
    SECTION("pools, channels first and last") {
        const nn::PoolOptions<2> options{.window = 3, .stride = 2, .padding = 1};
        nn::PoolOptions<2> last = options;
        last.layout = nn::Layout::channels_last;
        check_threads(nn::MaxPool<2>(options), noise<float, 4>({2, 7, 20, 31}));
        check_threads(nn::AvgPool<2>(last), noise<double, 4>({3, 20, 31, 70}));
        check_threads(nn::AdaptiveAvgPool<1>({.output_size = 5}), noise<float, 3>({2, 6, 37}));
    }
    SECTION("a linear layer, many rows and one") {
        const auto linear = filled(random, nn::Linear<float>({.in_features = 40, .out_features = 100}, no_init));
        check_threads(linear, noise<float, 2>({900, 40}));
        check_threads(linear, noise<float, 1>({40}));
        const auto in_parts = filled(random, nn::Linear<float>({.in_features = 900, .out_features = 500}, no_init));
        check_threads(in_parts, noise<float, 2>({5, 900}));
        check_threads(nn::freeze(nn::Sequential(linear, nn::silu)), noise<float, 2>({7, 40}));
    }
    SECTION("a frozen network") {
        const nn::Sequential net(
            filled(random, nn::Conv2d<float>({.in_channels = 3, .out_channels = 16, .kernel_size = 3}, no_init)), nn::relu,
            nn::Residual(filled(random, nn::Conv2d<float>({.in_channels = 16, .out_channels = 16, .kernel_size = 1}, no_init))),
            nn::GlobalAvgPool2d());
        check_threads(nn::freeze(net), noise<float, 4>({2, 3, 30, 30}));
    }
}

TEST_CASE("threads: what is folded back onto the image is one worker's, and right") {
    Random random(2);
    const auto layer = filled(
        random,
        nn::ConvTranspose2d<float>(
            {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = 1, .padding_mode = nn::PaddingMode::circular}, no_init));
    const auto x = noise<float, 4>({3, 4, 12, 12});
    nn::ThreadPool pool(3);
    Workspace workspace(pool);
    const auto expected = layer(x);
    auto y = expected;
    y.fill(-9);
    layer.forward_into(x, y, workspace);
    CHECK(identical(y, expected));
}

TEST_CASE("threads: scratch is bounded by the workers, not by the picture") {
    const nn::Conv2d<float> conv({.in_channels = 33, .out_channels = 33, .kernel_size = 3}, no_init);
    const auto capacity = [&](index_t workers, index_t edge) {
        nn::ThreadPool pool(workers);
        Workspace workspace(pool);
        Tensor<float, 3> y;
        conv.forward_into(noise<float, 3>({33, edge, edge}), y, workspace);
        return workspace.capacity();
    };
    // Blocks are of whole rows of the picture, so that what they take differs a little; an arena holds up to three times as much.
    const std::size_t most = 3 * std::size_t{200} * 1024;
    for (const index_t edge : {20, 100, 300}) {
        CAPTURE(edge);
        CHECK(capacity(1, edge) <= most);
        CHECK(capacity(4, edge) <= 4 * most);
    }
    if (nn::simd::machine() == nn::simd::Isa::avx2) {  // whose blocks are alike for these two
        CHECK(capacity(1, 300) == capacity(1, 100));
        CHECK(capacity(4, 300) == capacity(4, 100));
    }
}
