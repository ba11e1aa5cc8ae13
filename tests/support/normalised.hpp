// SPDX-License-Identifier: MIT
#pragma once

// Normalisation by mean and variance in long double, with a bound of what rounding in T may do to it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace nn::test {

/// How many roundings a term of a sum of n passes through: eight interleaved sums, folded every 512 terms, and the division by n
/// (kernels/elementwise.hpp); or one for each term.
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
