// SPDX-License-Identifier: MIT
#pragma once

// Normalisation by mean and variance in long double, with a bound of what rounding in T may do to it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tensors.hpp"

namespace nn::test {

/// That a norm says what the line says, where its arrays and then an x of R axes are counted; and the same norm of floats.
template <std::size_t R, class Norm, class Single>
void check_golden_norm(GoldenLine& line, Norm norm, Single single) {
    CounterFill fill;
    if (norm.weight) {
        fill(*norm.weight);
        single.weight = *norm.weight;
    }
    if (norm.bias) {
        fill(*norm.bias);
        single.bias = *norm.bias;
    }
    const auto expected = line.array();
    CHECK(line.ended());
    REQUIRE(expected.shape.size() == R);
    Tensor<double, R> x = make_tensor<double, R>(fixed<R>(expected.shape));
    fill(x);
    CHECK(close(norm(x), expected.values, 1e-11));  // 13 digits in the file
    CHECK(close(single(Tensor<float, R>(x)), expected.values, 2e-6));
}

/// How many roundings a term of a sum of n passes through at most: 16 or more interleaved sums, put together every 1024 terms
/// (kernels/reduce.hpp), and the division by n; or one for each term.
inline long double sum_depth(std::size_t n) {
    const auto terms = static_cast<long double>(n);
    return std::min(terms, terms / 512 + 68) + 1;
}

/// (x − μ) / √(σ² + eps) · weight + bias over all of x, with the mean square about 0 instead if not `centred`; and bounds, to first order
/// in u = ε / 2, with a tenth on top for the rest.
template <class T>
class NaiveNormalised {
public:
    NaiveNormalised(const std::vector<T>& x, double eps, bool centred) {
        const auto n = static_cast<long double>(x.size());
        const long double depth = sum_depth(x.size());
        long double magnitude = 0;
        for (const T value : x) {
            mean_ += centred ? static_cast<long double>(value) / n : 0;
            magnitude += std::abs(static_cast<long double>(value)) / n;
        }
        long double square = 0;
        for (const T value : x) {
            square += (value - mean_) * (value - mean_) / n;
        }
        spread_ = square + static_cast<long double>(eps);
        // The first pass is off by `off`; what the second sums are the differences to it. They correct the mean, and the mean square by
        // off².
        const long double off = centred ? depth * u * magnitude : 0;
        const long double about = square + off * off;
        mean_error_ = centred ? u * std::abs(mean_) + (depth + 1) * u * std::sqrt(about) : 0;
        spread_error_ = (depth + 4) * u * about + 2 * depth * u * off * std::sqrt(about) + 2 * u * spread_;
    }

    long double value(T x, T weight, T bias) const { return (x - mean_) / std::sqrt(spread_) * weight + bias; }

    /// Whether y is within the bound of value(x, weight, bias).
    bool holds(T x, T weight, T bias, T y) const {
        const long double scale = std::abs(static_cast<long double>(weight)) / std::sqrt(spread_);
        const long double bound = scale * (mean_error_ + std::abs(x - mean_) * (spread_error_ / (2 * spread_) + 6 * u)) +
                                  2 * u * std::abs(static_cast<long double>(bias));
        return std::abs(y - value(x, weight, bias)) <= 1.1L * bound;
    }

private:
    static constexpr long double u = std::numeric_limits<T>::epsilon() / 2;

    long double mean_ = 0;
    long double mean_error_ = 0;
    long double spread_ = 0;
    long double spread_error_ = 0;
};

}  // namespace nn::test
