// SPDX-License-Identifier: MIT
// Pools and norms: bytes in and out, beside copying as many.

#include "support/measure.hpp"

namespace {

using nn::index_t;
using nn::Shape;
namespace bench = nn::bench;

constexpr auto copied_from = [](const auto& x) { return [&x](const auto& y) { return bench::copied(x, y); }; };

template <class Pool>
void pool(benchmark::State& state) {
    const Pool layer({.window = 3, .stride = 2, .padding = 1, .count_padding = true});
    const auto x = bench::noise<4>({1, 64, 112, 112});
    constexpr bool is_max = std::is_same_v<Pool, nn::MaxPool<2>>;
    const auto element = [&](const Shape<4>& index) {
        double most = -INFINITY;
        double sum = 0;
        for (index_t tap = 0; tap < 9; ++tap) {
            const index_t row = index[2] * 2 + tap / 3 - 1;
            const index_t column = index[3] * 2 + tap % 3 - 1;
            if (row >= 0 && row < 112 && column >= 0 && column < 112) {
                const double cell = bench::at(x, Shape<4>{index[0], index[1], row, column});
                most = std::max(most, cell);
                sum += cell;
            }
        }
        return is_max ? most : sum / 9;
    };
    bench::measure<4>(state, layer, x, element, copied_from(x));
}
BENCHMARK(pool<nn::MaxPool<2>>)->Name("max_pool");
BENCHMARK(pool<nn::AvgPool<2>>)->Name("avg_pool");

/// Of some elements.
struct Moments {
    double mean = 0;
    double variance = 0;
    double square = 0;
};
template <class X>
Moments moments(const X& x, index_t first, index_t count) {  // of a run in memory
    Moments m;
    const float* const from = x.data() + first;
    for (index_t i = 0; i < count; ++i) {
        m.mean += static_cast<double>(from[i]) / static_cast<double>(count);
        m.square += static_cast<double>(from[i]) * static_cast<double>(from[i]) / static_cast<double>(count);
    }
    m.variance = m.square - m.mean * m.mean;
    return m;
}

template <class Norm, bool centred>
void last_axis(benchmark::State& state) {
    const index_t rows = state.range(0);
    const index_t length = state.range(1);
    const Norm layer({.shape = length});
    const auto x = bench::noise<2>({rows, length});
    const auto element = [&](const Shape<2>& index) {
        const Moments m = moments(x, index[0] * length, length);
        return (bench::at(x, index) - (centred ? m.mean : 0)) / std::sqrt((centred ? m.variance : m.square) + layer.options.eps);
    };
    bench::measure<2>(state, layer, x, element, copied_from(x));
}
BENCHMARK(last_axis<nn::LayerNorm<float, 1>, true>)->Name("layer_norm")->Args({32, 768})->Args({512, 1024});
BENCHMARK(last_axis<nn::RMSNorm<float, 1>, false>)->Name("rms_norm")->Args({512, 1024});

void group_norm(benchmark::State& state) {
    const nn::GroupNorm<float, 2> layer({.groups = 32, .channels = 64});
    const auto x = bench::noise<4>({1, 64, 56, 56});
    constexpr index_t group = 2 * 56 * 56;
    const auto element = [&](const Shape<4>& index) {
        const Moments m = moments(x, index[1] / 2 * group, group);
        return (bench::at(x, index) - m.mean) / std::sqrt(m.variance + layer.options.eps);
    };
    bench::measure<4>(state, layer, x, element, copied_from(x));
}
BENCHMARK(group_norm);

/// BatchNorm in inference, its state bound.
struct Inference {
    nn::BatchNorm<float, 2> norm;
    nn::BatchNorm<float, 2>::State statistics;

    void forward_into(const auto& x, auto& y, nn::Workspace& workspace) const { norm.forward_into(x, statistics, y, workspace); }
};
void batch_norm(benchmark::State& state) {
    const nn::BatchNorm<float, 2> norm({.size = 64});
    Inference layer{norm, norm.initial_state()};
    layer.statistics.running_mean = bench::noise<1>({64});
    const auto x = bench::noise<4>({1, 64, 56, 56});
    const auto element = [&](const Shape<4>& index) {
        return (bench::at(x, index) - bench::at(layer.statistics.running_mean, Shape<1>{index[1]})) / std::sqrt(1 + norm.options.eps);
    };
    bench::measure<4>(state, layer, x, element, copied_from(x));
}
BENCHMARK(batch_norm);

void local_response_norm(benchmark::State& state) {
    const nn::LocalResponseNorm<float, 2> layer({.size = 5, .k = 1, .average = true});
    const auto x = bench::noise<4>({1, 64, 56, 56});
    const auto element = [&](const Shape<4>& index) {
        double sum = 0;
        for (index_t c = std::max<index_t>(0, index[1] - 2); c <= std::min<index_t>(63, index[1] + 2); ++c) {
            sum += std::pow(bench::at(x, Shape<4>{index[0], c, index[2], index[3]}), 2);
        }
        return bench::at(x, index) / std::pow(1 + 1e-4 / 5 * sum, 0.75);
    };
    bench::measure<4>(state, layer, x, element, copied_from(x));
}
BENCHMARK(local_response_norm);

}  // namespace
