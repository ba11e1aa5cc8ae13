// SPDX-License-Identifier: MIT
#include <nn/core/denormals.hpp>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include <nn/layers/activations.hpp>
#include <nn/layers/batch_norm.hpp>
#include <nn/layers/linear.hpp>
#include <nn/layers/lstm.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

using nn::ScopedFlushDenormals;
using nn::Tensor;
using nn::test::values_of;

namespace {

constexpr float least = std::numeric_limits<float>::min();
constexpr double least_double = std::numeric_limits<double>::min();

/// Half of a number, as the processor has it.
template <class T>
T half(T x) {
    volatile T value = x;
    value = value * T(0.5);
    return value;
}

/// What CHECKs compare must be read when denormals count.
template <class F>
auto flushed(const F& f) {
    const ScopedFlushDenormals flush;
    return f();
}

}  // namespace

TEST_CASE("denormals: flushed in the scope alone, in this thread alone") {
    REQUIRE(half(least) == std::ldexp(1.0F, -127));
    if (!ScopedFlushDenormals::supported) {
        SUCCEED("not on this machine");
        return;
    }
    CHECK(flushed([] { return half(least); }) == 0);
    CHECK(flushed([] { return half(least_double); }) == 0);
    CHECK(flushed([] { return half(2 * least); }) == least);
    volatile float denormal = std::numeric_limits<float>::denorm_min();
    CHECK(flushed([&] { return denormal * 1e30F; }) == 0);  // read as 0, too
    CHECK(half(least) > 0);
    CHECK(half(least_double) > 0);

    float inside = -1;
    float elsewhere = -1;
    std::atomic<bool> go = false;
    std::thread other([&] {  // made before: a new thread has its maker's mode
        while (!go) {
            std::this_thread::yield();
        }
        elsewhere = half(least);
    });
    {
        const ScopedFlushDenormals outer;
        { const ScopedFlushDenormals inner; }
        inside = half(least);
        go = true;
        other.join();
    }
    CHECK(inside == 0);  // the inner one left what it found
    CHECK(elsewhere > 0);
    CHECK(half(least) > 0);
}

TEST_CASE("denormals: layers of what decays give 0 in the scope, and without it the exact numbers") {
    const float odd = 1.5F;
    const Tensor<float, 2> x{{least / 4, -least / 2}, {odd, least}};
    const nn::Linear<float> linear({.in_features = 2, .out_features = 2, .use_bias = false}, Tensor<float, 2>{{0.5F, 0}, {0, 0.25F}});
    const std::vector<float> exact{least / 8, -least / 8, odd / 2, least / 4};
    CHECK(values_of(linear(x)) == exact);

    const nn::BatchNorm0d<float> norm({.size = 2, .eps = 0});
    auto state = norm.initial_state();
    state.running_var.fill(4);
    const std::vector<float> halves{least / 8, -least / 4, odd / 2, least / 2};
    CHECK(values_of(norm(x, state)) == halves);
    CHECK(values_of(nn::relu(x)) == std::vector<float>{least / 4, 0, odd, least});

    // A forget gate of sigmoid(0) and an input gate of sigmoid(-200) = 0: the cell halves at every step, h is half its tanh.
    nn::LSTM<float> lstm({.input_size = 1, .hidden_size = 1}, nn::no_init);
    lstm.bias.value()(0) = -200;
    auto carried = lstm.initial_state(1);
    carried.cell.fill(least);
    auto carried_flushed = carried;
    const Tensor<float, 3> silence({1, 3, 1}, 0);
    CHECK(values_of(lstm(silence, carried)) == std::vector<float>{least / 4, least / 8, least / 16});
    CHECK(values_of(carried.cell) == std::vector<float>{least / 8});

    if (ScopedFlushDenormals::supported) {
        const auto y = flushed([&] { return linear(x); });
        CHECK(values_of(y) == std::vector<float>{0, 0, odd / 2, 0});
        const auto z = flushed([&] { return norm(x, state); });
        CHECK(values_of(z) == std::vector<float>{0, 0, odd / 2, 0});
        const auto h = flushed([&] { return lstm(silence, carried_flushed); });
        CHECK(values_of(h) == std::vector<float>{0, 0, 0});
        CHECK(values_of(carried_flushed.cell) == std::vector<float>{0});
    }
    CHECK(values_of(linear(x)) == exact);
}
