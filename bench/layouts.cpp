// SPDX-License-Identifier: MIT
// Channels last beside channels first: the same layer, frozen, over the same numbers in another order.

#include <array>
#include <cstddef>
#include <random>

#include "support/measure.hpp"

namespace {

using nn::index_t;
using nn::Layout;
using nn::Shape;
namespace bench = nn::bench;

/// An array (B, C, H, W) as (B, H, W, C).
nn::Tensor<float, 4> moved_last(const nn::Tensor<float, 4>& x) { return xt::transpose(x, std::array<std::size_t, 4>{0, 2, 3, 1}); }

/// `make(layout)` gives the frozen layer. Channels last must answer as channels first, which the other families check.
template <class Make>
void layer(benchmark::State& state, const Make& make, Layout layout, const Shape<4>& shape, double flop = 0) {
    const auto x = bench::noise<4>(shape);
    const nn::Tensor<float, 4> expected = make(Layout::channels_first)(x);
    const auto bound = [&](const auto& y) { return flop > 0 ? bench::flop(flop) : bench::copied(x, y); };
    if (layout == Layout::channels_first) {
        bench::measure<4>(
            state, make(layout), x, [&](const Shape<4>& i) { return bench::at(expected, i); }, bound);
    } else {
        bench::measure<4>(
            state, make(layout), moved_last(x),
            [&](const Shape<4>& i) {
                return bench::at(expected, Shape<4>{i[0], i[3], i[1], i[2]});
            },
            bound);
    }
}

void conv(benchmark::State& state, nn::ConvOptions<2> options, index_t length, Layout layout) {
    const auto make = [&](Layout chosen) {
        std::mt19937 rng(1);
        options.layout = chosen;
        return nn::freeze(nn::Conv2d<float>(options, rng));
    };
    const Shape<4> shape{1, options.in_channels, length, length};
    const double windows = static_cast<double>(length * length);
    const double products = static_cast<double>(nn::element_count(nn::ops::conv_weight_shape(options)));
    layer(state, make, layout, shape, 2 * windows * products);
}

void batch_norm(benchmark::State& state, Layout layout) {
    const auto make = [](Layout chosen) {
        const nn::BatchNorm2d<float> norm({.size = 64, .layout = chosen});
        return nn::freeze(norm, norm.initial_state());
    };
    layer(state, make, layout, {1, 64, 56, 56});
}

void max_pool(benchmark::State& state, Layout layout) {
    const auto make = [](Layout chosen) { return nn::MaxPool<2>({.window = 3, .stride = 2, .padding = 1, .layout = chosen}); };
    layer(state, make, layout, {1, 64, 112, 112});
}

using Two = nn::ConvOptions<2>;
constexpr Two c3x3_64{.in_channels = 64, .out_channels = 64, .kernel_size = 3, .padding = 1};
constexpr Two dw3x3_32{.in_channels = 32, .out_channels = 32, .kernel_size = 3, .padding = 1, .groups = 32};
constexpr Two c1x1_64_256{.in_channels = 64, .out_channels = 256};
BENCHMARK_CAPTURE(conv, c3x3_64_56_first, c3x3_64, 56, Layout::channels_first);
BENCHMARK_CAPTURE(conv, c3x3_64_56_last, c3x3_64, 56, Layout::channels_last);
BENCHMARK_CAPTURE(conv, dw3x3_32_112_first, dw3x3_32, 112, Layout::channels_first);
BENCHMARK_CAPTURE(conv, dw3x3_32_112_last, dw3x3_32, 112, Layout::channels_last);
BENCHMARK_CAPTURE(conv, c1x1_64_256_56_first, c1x1_64_256, 56, Layout::channels_first);
BENCHMARK_CAPTURE(conv, c1x1_64_256_56_last, c1x1_64_256, 56, Layout::channels_last);
BENCHMARK_CAPTURE(batch_norm, first, Layout::channels_first);
BENCHMARK_CAPTURE(batch_norm, last, Layout::channels_last);
BENCHMARK_CAPTURE(max_pool, first, Layout::channels_first);
BENCHMARK_CAPTURE(max_pool, last, Layout::channels_last);

}  // namespace
