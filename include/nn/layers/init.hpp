// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max, std::min
#include <array>      // std::array
#include <cmath>      // std::sqrt
#include <cstddef>    // std::size_t
#include <numeric>    // std::accumulate
#include <optional>   // std::optional
#include <random>     // std::normal_distribution, std::uniform_real_distribution
#include <stdexcept>  // std::invalid_argument
#include <vector>     // std::vector

#include <nn/core/initialiser.hpp>
#include <nn/core/mode.hpp>
#include <nn/kernels/reduce.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// The fans of an array, as `Initialiser::Fan` names them.
struct Fans {
    index_t in = 1;        ///< what an output is summed of
    index_t out = 1;       ///< what an input adds to
    index_t equinox = in;  ///< what Equinox's own initialiser divides by

    /// The one that is meant; 1 for none.
    double operator[](Initialiser::Fan fan) const {
        switch (fan) {
            case Initialiser::Fan::none: return 1;
            case Initialiser::Fan::in: return static_cast<double>(in);
            case Initialiser::Fan::out: return static_cast<double>(out);
            case Initialiser::Fan::average: return (static_cast<double>(in) + static_cast<double>(out)) / 2;
            case Initialiser::Fan::equinox: break;
        }
        return static_cast<double>(equinox);
    }
};

/// The fans of a weight (O, C, K…).
template <std::size_t R>
constexpr Fans weight_fans(const Shape<R>& shape) {
    const index_t taps = element_count(std::span(shape).subspan(2));
    return {.in = shape[1] * taps, .out = shape[0] * taps};
}

namespace detail {

/// N(0, 1) cut at ±2.
template <class Engine>
double truncated_normal(Engine& engine) {
    std::normal_distribution<double> normal;
    double draw = normal(engine);
    while (draw < -2 || draw > 2) {  // 4.6 % of the draws
        draw = normal(engine);
    }
    return draw;
}

/// Fills a row-major matrix with the orthogonal factor of a random one: orthonormal rows or, where there are more rows than columns,
/// columns. Gram-Schmidt, twice, in double; the result is uniform over all such matrices.
template <class T, class Engine>
void draw_orthogonal(T* matrix, index_t rows, index_t columns, double gain, Engine& engine) {
    const index_t count = std::min(rows, columns);
    const index_t length = std::max(rows, columns);
    const auto size = static_cast<std::size_t>(length);
    std::vector<double> lines(static_cast<std::size_t>(count) * size);
    std::normal_distribution<double> normal;
    for (index_t i = 0; i < count; ++i) {
        double* const line = lines.data() + i * length;
        const auto dot = [length](const double* a, const double* b) {
            kernels::Sum<double> sum;
            for (index_t k = 0; k < length; ++k) {
                sum.add(a[k] * b[k]);
            }
            return sum.total();
        };
        double norm = 0;
        while (!(norm > 1e-6)) {  // a draw that hardly leaves the span of the lines before: draw again
            for (index_t k = 0; k < length; ++k) {
                line[k] = normal(engine);
            }
            for (int pass = 0; pass < 2; ++pass) {
                for (index_t j = 0; j < i; ++j) {
                    const double* const before = lines.data() + j * length;
                    const double along = dot(line, before);
                    for (index_t k = 0; k < length; ++k) {
                        line[k] -= along * before[k];
                    }
                }
            }
            norm = std::sqrt(dot(line, line));
        }
        for (index_t k = 0; k < length; ++k) {
            line[k] /= norm;
        }
    }
    for (index_t r = 0; r < rows; ++r) {
        for (index_t c = 0; c < columns; ++c) {
            matrix[r * columns + c] = static_cast<T>(gain * (rows <= columns ? lines[static_cast<std::size_t>(r * length + c)]
                                                                             : lines[static_cast<std::size_t>(c * length + r)]));
        }
    }
}

}  // namespace detail

/// A tensor drawn as `how` says; zeros for `nn::no_init`. The first axis counts the outputs.
template <class T, std::size_t R, engine_or_none Engine>
Tensor<T, R> draw_tensor(const Shape<R>& shape, const Initialiser& how, const Fans& fans, Engine& engine) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape, T(0));
    if constexpr (random_engine<Engine>) {
        require<std::invalid_argument>(how.fan == Initialiser::Fan::none || how.scale >= 0, "nn::Initialiser", "scale ", how.scale,
                                       ", expected at least 0: it is a variance");
        const bool scaled = how.fan != Initialiser::Fan::none;
        const double spread = scaled ? std::sqrt(how.scale / std::max(fans[how.fan], 1.0)) : how.scale;
        const auto fill = [&](auto draw) {
            for (T& element : tensor) {
                element = static_cast<T>(draw());
            }
        };
        switch (how.distribution) {
            case Initialiser::Distribution::uniform: {
                const double limit = scaled ? std::sqrt(3.0) * spread : spread;
                std::uniform_real_distribution<double> uniform(-1, 1);
                fill([&] { return limit * uniform(engine); });
                break;
            }
            case Initialiser::Distribution::normal: {
                std::normal_distribution<double> normal;
                fill([&] { return spread * normal(engine); });
                break;
            }
            case Initialiser::Distribution::truncated_normal: {
                constexpr double kept = 0.87962566103423978;  // the standard deviation of N(0, 1) cut at ±2
                const double factor = scaled ? spread / kept : spread;
                fill([&] { return factor * detail::truncated_normal(engine); });
                break;
            }
            case Initialiser::Distribution::constant: fill([&] { return how.scale; }); break;
            case Initialiser::Distribution::orthogonal: {
                const index_t rows = R == 0 ? 1 : shape[0];
                if (tensor.size() > 0) {
                    detail::draw_orthogonal(tensor.data(), rows, static_cast<index_t>(tensor.size()) / rows, how.scale, engine);
                }
                break;
            }
        }
    }
    return tensor;
}

namespace detail {

/// Draws weight and bias of a layer with `weight_init`, `use_bias` and `bias_init` among its options.
template <class T, std::size_t R, class Options, class Engine>
void draw_affine(const Options& options, const Shape<R>& shape, Tensor<T, R>& weight, std::optional<Tensor<T, 1>>& bias, Engine& engine) {
    const Fans fans = weight_fans(shape);
    weight = draw_tensor<T, R>(shape, options.weight_init, fans, engine);
    if (options.use_bias) {
        bias = draw_tensor<T, 1>({shape[0]}, options.bias_init, fans, engine);
    }
}

/// Draws the arrays that every recurrent layer has. As in blox and brainstate, rows that make one matrix (rows, D + H) there are drawn,
/// with its fans, as one: all gates of an LSTM; r and z of a GRU, then n. Returns the fans of the biases, those of all gates.
template <class T, class Options, std::size_t M, class Engine>
Fans draw_recurrent(const Options& options, const std::array<index_t, M>& matrices, Tensor<T, 2>& weight_ih, Tensor<T, 2>& weight_hh,
                    std::optional<Tensor<T, 1>>& bias, Engine& engine) {
    const index_t inputs = options.input_size;
    const index_t columns = inputs + options.hidden_size;
    const index_t gates = std::accumulate(matrices.begin(), matrices.end(), index_t(0));
    const auto fans = [&](index_t rows) { return Fans{.in = columns, .out = rows, .equinox = options.hidden_size}; };
    weight_ih = make_tensor<T, 2>({gates, inputs});
    weight_hh = make_tensor<T, 2>({gates, options.hidden_size});
    index_t first = 0;
    for (const index_t rows : matrices) {
        const Tensor<T, 2> both = draw_tensor<T, 2>({rows, columns}, options.weight_init, fans(rows), engine);
        xt::view(weight_ih, xt::range(first, first + rows)) = xt::view(both, xt::all(), xt::range(0, inputs));
        xt::view(weight_hh, xt::range(first, first + rows)) = xt::view(both, xt::all(), xt::range(inputs, columns));
        first += rows;
    }
    if (options.use_bias) {
        bias = draw_tensor<T, 1>({gates}, options.bias_init, fans(gates), engine);
    }
    return fans(gates);
}

}  // namespace detail

}  // namespace nn::inline NN_ABI
