// SPDX-License-Identifier: MIT
// Linear layers: one row reads the weights at memory speed, many rows are a product.

#include "support/measure.hpp"

namespace {

using nn::index_t;
using nn::Shape;
namespace bench = nn::bench;

void linear(benchmark::State& state) {
    const index_t batch = state.range(0);
    const index_t inputs = state.range(1);
    const index_t outputs = state.range(2);
    std::mt19937 rng(1);
    const nn::Linear<float> layer({.in_features = inputs, .out_features = outputs}, rng);
    const auto x = bench::noise<2>({batch, inputs});
    const auto element = [&](const Shape<2>& index) {
        double sum = static_cast<double>((*layer.bias)(index[1]));
        for (index_t c = 0; c < inputs; ++c) {
            sum += bench::at(layer.weight, Shape<2>{index[1], c}) * bench::at(x, Shape<2>{index[0], c});
        }
        return sum;
    };
    const auto bound = [&](const auto&) {
        return batch == 1 ? bench::read(static_cast<double>(inputs * outputs) * sizeof(float))
                          : bench::flop(2.0 * static_cast<double>(batch * inputs * outputs));
    };
    bench::measure<2>(state, layer, x, element, bound);
}
BENCHMARK(linear)->ArgNames({"batch", "in", "out"})->Args({1, 1024, 1024})->Args({1, 4096, 4096})->Args({128, 1024, 1024});

}  // namespace
