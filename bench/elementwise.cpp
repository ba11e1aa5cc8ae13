// SPDX-License-Identifier: MIT
// Activations and softmax: bytes in and out, beside copying as many.

#include "support/measure.hpp"

namespace {

using nn::index_t;
using nn::Shape;
namespace bench = nn::bench;

template <class Layer, class F>
void activation(benchmark::State& state, const Layer& layer, const F& f) {
    const auto x = bench::noise<2>({state.range(0), 1024});
    bench::measure<2>(
        state, layer, x, [&](const Shape<2>& index) { return f(bench::at(x, index)); }, [&](const auto& y) { return bench::copied(x, y); });
}
BENCHMARK_CAPTURE(activation, relu, nn::relu, [](double v) { return std::max(v, 0.0); })->Arg(16)->Arg(4096);
BENCHMARK_CAPTURE(activation, sigmoid, nn::sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); })->Arg(16);
BENCHMARK_CAPTURE(activation, tanh, nn::tanh, [](double v) { return std::tanh(v); })->Arg(16);
BENCHMARK_CAPTURE(activation, silu, nn::silu, [](double v) { return v / (1 + std::exp(-v)); })->Arg(16);
BENCHMARK_CAPTURE(activation, gelu, nn::gelu, [](double v) { return v / 2 * std::erfc(-v / std::sqrt(2.0)); })->Arg(16);

void softmax(benchmark::State& state) {
    const auto x = bench::noise<2>({16, 1024});
    const auto element = [&](const Shape<2>& index) {
        double sum = 0;
        for (index_t i = 0; i < 1024; ++i) {
            sum += std::exp(bench::at(x, Shape<2>{index[0], i}));
        }
        return std::exp(bench::at(x, index)) / sum;
    };
    bench::measure<2>(state, nn::softmax, x, element, [&](const auto& y) { return bench::copied(x, y); });
}
BENCHMARK(softmax);

}  // namespace
