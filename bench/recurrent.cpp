// SPDX-License-Identifier: MIT
// LSTM and GRU over a sequence, checked against the cell, step by step, and held against the peak of multiply-adds.

#include "support/measure.hpp"

namespace {

using nn::index_t;
using nn::Shape;
namespace bench = nn::bench;

/// y (B, T, H) of a cell that is called once a step.
template <class Cell>
nn::Tensor<float, 3> step_by_step(const Cell& cell, const nn::Tensor<float, 3>& x) {
    const auto batch = static_cast<index_t>(x.shape(0));
    auto y = nn::make_tensor<float, 3>({batch, static_cast<index_t>(x.shape(1)), cell.options.hidden_size});
    auto carried = cell.initial_state(batch);
    for (std::size_t t = 0; t < x.shape(1); ++t) {
        xt::view(y, xt::all(), t) = cell(xt::view(x, xt::all(), t), carried);
    }
    return y;
}

template <class Sequence, class Cell>
void recurrent(benchmark::State& state) {
    const index_t steps = state.range(0);
    const index_t batch = state.range(1);
    const index_t size = state.range(2);
    std::mt19937 rng(1);
    const Sequence layer({.input_size = size, .hidden_size = size}, rng);
    rng.seed(1);
    const Cell cell({.input_size = size, .hidden_size = size}, rng);  // the same draws
    const Shape<3> shape{batch, steps, size};
    const auto x = bench::noise<3>(shape);
    const auto expected = step_by_step(cell, x);
    bench::measure<3>(
        state, layer, x, [&](const Shape<3>& index) { return bench::at(expected, index); },
        [&](const auto&) { return bench::flop(2.0 * static_cast<double>(layer.multiply_adds(shape))); });
    const auto unit = benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert;
    state.counters["s/step"] = benchmark::Counter(static_cast<double>(steps), unit);
}

void sizes(benchmark::internal::Benchmark* registered) {
    registered->ArgNames({"T", "B", "H"})->Args({100, 1, 128})->Args({100, 32, 128})->Args({100, 1, 512});
    for (const int small : {8, 16, 32, 64}) {  // audio plug-ins: one step a call
        registered->Args({1, 1, small});
    }
}
/// An LSTM whose state has decayed to denormals, as behind a signal that has ended.
struct Decaying {
    nn::LSTM<float> layer;
    nn::LSTM<float>::State start;
    mutable nn::LSTM<float>::State state = start;

    void forward_into(const auto& x, auto& y, nn::Workspace& workspace) const {
        state = start;
        layer.forward_into(x, state, y, workspace);
    }
};

template <class Scope>
void decaying(benchmark::State& state) {
    std::mt19937 rng(1);
    nn::LSTM<float> layer({.input_size = 128, .hidden_size = 128, .forget_bias = 4}, rng);
    auto start = layer.initial_state(1);
    start.hidden.fill(1e-39F);
    start.cell.fill(1e-38F);
    layer.bias->fill(0);
    const Shape<3> shape{1, 100, 128};
    const auto silence = nn::make_tensor<float, 3>(shape, 0);
    [[maybe_unused]] const Scope scope;
    bench::measure<3>(
        state, Decaying{layer, start}, silence, [](const Shape<3>&) { return 0.0; },
        [&](const auto&) { return bench::flop(2.0 * static_cast<double>(layer.multiply_adds(shape))); });
}
struct NoScope {};

BENCHMARK(recurrent<nn::LSTM<float>, nn::LSTMCell<float>>)->Name("lstm")->Apply(sizes);
BENCHMARK(recurrent<nn::GRU<float>, nn::GRUCell<float>>)->Name("gru")->Apply(sizes);
BENCHMARK(decaying<NoScope>)->Name("lstm of denormals");
BENCHMARK(decaying<nn::ScopedFlushDenormals>)->Name("lstm of denormals, flushed");

}  // namespace
