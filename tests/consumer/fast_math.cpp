// SPDX-License-Identifier: MIT
// Compiled with -ffast-math: finite numbers give the right ones. What the compiler may then take for equal, or for impossible, is used
// here: infinity where a pool begins, sums put in another order, and numbers near the end of a float's range.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nn/layers/activations.hpp>
#include <nn/layers/layer_norm.hpp>
#include <nn/layers/local_response_norm.hpp>
#include <nn/layers/lstm.hpp>
#include <nn/layers/pool.hpp>
#include <nn/layers/softmax.hpp>

namespace {

int failures = 0;

void near(double value, double expected, double tolerance, const char* what) {
    if (!(std::abs(value - expected) <= tolerance)) {
        ++failures;
        std::printf("FAILED %s: %.9g, expected %.9g to %.1g\n", what, value, expected, tolerance);
    }
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// For x up to ±76, small ones too, within the 6 units in the last place that the functions promise; what is less than 2e-36 may be 0.
template <class Function, class Reference>
void activation(const Function& function, const Reference& reference, const char* what) {
    nn::Tensor<float, 1> x = nn::make_tensor<float, 1>({244});
    for (std::size_t i = 0; i < 122; ++i) {
        x(2 * i) = std::exp2(static_cast<float>(i) / 4 - 24);
        x(2 * i + 1) = -x(2 * i);
    }
    const nn::Tensor<float, 1> y = function(x);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = reference(static_cast<double>(x(i)));
        near(y(i), expected, std::abs(expected) * 6 * 1.2e-7 + 2e-36, what);
    }
}

void activations() {
    activation(
        nn::relu, [](double x) { return std::max(x, 0.0); }, "relu");
    activation(nn::sigmoid, logistic, "sigmoid");
    activation(
        nn::tanh, [](double x) { return std::tanh(x); }, "tanh");
    activation(
        nn::silu, [](double x) { return x * logistic(x); }, "silu");
    activation(
        nn::elu, [](double x) { return x > 0 ? x : std::expm1(x); }, "elu");
    activation(
        nn::softplus, [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, "softplus");
    activation(
        nn::mish, [](double x) { return x * std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)))); }, "mish");
    activation(
        nn::hard_silu, [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }, "hard_silu");
}

void rows() {
    const nn::Tensor<float, 1> x{1000, 1001, 999, 900};
    const nn::Tensor<float, 1> y = nn::softmax(x);
    const double sum = 1 + std::exp(1.0) + std::exp(-1.0);
    near(y(0), 1 / sum, 1e-6, "softmax");
    near(y(3), 0, 1e-37, "softmax, far below");

    // Their squares' difference would be all rounding.
    const nn::Tensor<float, 1> norm = nn::LayerNorm<float, 1>({.shape = {2}})(nn::Tensor<float, 1>{10000, 10001});
    near(norm(0), -0.5 / std::sqrt(0.25 + 1e-5), 1e-6, "LayerNorm");
    near(norm(1), 0.5 / std::sqrt(0.25 + 1e-5), 1e-6, "LayerNorm");

    nn::Tensor<float, 2> channels({7, 5}, 0.0F);
    for (std::size_t c = 0; c < 7; ++c) {
        for (std::size_t i = 0; i < 5; ++i) {
            channels(c, i) = static_cast<float>(c * 5 + i) - 17;
        }
    }
    for (const double beta : {0.75, 0.6}) {
        const nn::Tensor<float, 2> response = nn::LocalResponseNorm<float, 1>({.size = 5, .alpha = 100, .beta = beta})(channels);
        for (std::size_t c = 0; c < 7; ++c) {
            for (std::size_t i = 0; i < 5; ++i) {
                double squares = 0;
                for (std::size_t k = c < 2 ? 0 : c - 2; k <= std::min<std::size_t>(c + 2, 6); ++k) {
                    squares += channels(k, i) * channels(k, i);
                }
                const double expected = channels(c, i) / std::pow(2 + 100 * squares, beta);
                near(response(c, i), expected, std::abs(expected) * 8 * 1.2e-7, "LocalResponseNorm");
            }
        }
    }
}

void pools() {
    // Below every number that padding might be taken for.
    const nn::Tensor<float, 2> x{{-3e38F, -2e38F, -3e38F}};
    const nn::Tensor<float, 2> most = nn::MaxPool1d({.window = 3, .stride = 2, .padding = 1})(x);
    near(most(0, 0), -2e38F, 0, "MaxPool");
    near(most(0, 1), -2e38F, 0, "MaxPool");
    const nn::Tensor<float, 2> least = nn::MinPool1d({.window = 2, .stride = 2, .padding = 1})(nn::Tensor<float, 2>(-x));
    near(least(0, 0), 3e38F, 0, "MinPool");
    near(least(0, 1), 2e38F, 0, "MinPool");
}

/// One step with one number in and out, from the equations.
void recurrent() {
    const nn::LSTM<float> lstm({.input_size = 1, .hidden_size = 1}, {{0.5F}, {-1}, {2}, {0.25F}}, {{1}, {0.5F}, {-0.5F}, {1}},
                               {{0.125F, 1, 0, -1}});
    auto state = lstm.initial_state(1);
    const nn::Tensor<float, 3> y = lstm(nn::Tensor<float, 3>{{{3}, {-2}}}, state);
    double h = 0;
    double c = 0;
    const double x[] = {3, -2};
    for (std::size_t t = 0; t < 2; ++t) {
        const double i = logistic(0.5 * x[t] + h + 0.125);
        const double f = logistic(-x[t] + 0.5 * h + 1);
        const double g = std::tanh(2 * x[t] - 0.5 * h);
        const double o = logistic(0.25 * x[t] + h - 1);
        c = f * c + i * g;
        h = o * std::tanh(c);
        near(y(0, t, 0), h, 1e-6, "LSTM");
    }
}

}  // namespace

int main() {
    activations();
    rows();
    pools();
    recurrent();
    return failures == 0 ? 0 : 1;
}
