// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max
#include <cmath>      // std::isfinite, std::pow
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/reduce.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// Calls `f` with the channels of x and of y at every position of an item (C, spatial…).
template <class T, std::size_t K, class F>
void for_each_position(const View<const T, K>& x, const View<T, K>& y, const F& f) {
    if constexpr (K == 1) {
        f(x, y);
    } else {
        for (index_t i = 0; i < x.shape[1]; ++i) {
            for_each_position(at(x, i, 1), at(y, i, 1), f);
        }
    }
}

}  // namespace detail

/// y = (x − center) · scale + shift with one triple per channel, for an item (C, spatial…). A row is the axis that y has contiguous.
template <class T, std::size_t K>
void normalise(const View<const T, K>& x, const T* center, const T* scale, const T* shift, const View<T, K>& y) {
    if (K == 1 || y.strides[0] == 1) {
        detail::for_each_position(x, y, [&](const View<const T, 1>& from, const View<T, 1>& to) {
            for (index_t c = 0; c < from.shape[0]; ++c) {
                to(c) = (from(c) - center[c]) * scale[c] + shift[c];
            }
        });
    } else {
        for (index_t c = 0; c < x.shape[0]; ++c) {
            transform(
                at(y, c), [=](T value) { return (value - center[c]) * scale[c] + shift[c]; }, at(x, c));
        }
    }
}

/// Mean and biased variance.
template <class T>
struct Moments {
    T mean;
    T variance;
};

/// Of the `count` values that `each(f)` calls f with, in two passes: E[x²] − E[x]² would turn [10000, 10001] into noise. The second
/// corrects the rounding of the first: it makes the mean of equal values that value, and their variance 0.
template <class T, class Each>
Moments<T> moments_of(index_t count, const Each& each) {
    const T n = static_cast<T>(count);
    Sum<T> sum;
    each([&](T value) { sum.add(value); });
    const T near = sum.total() / n;
    Sum<T> differences;
    Sum<T> squares;
    each([&](T value) {
        const T difference = value - near;
        differences.add(difference);
        squares.add(difference * difference);
    });
    const T off = differences.total() / n;
    return {std::isfinite(off) ? near + off : near, std::max(squares.total() / n - off * off, T(0))};  // max keeps a NaN in front
}
template <class T, std::size_t R>
Moments<T> moments(const View<const T, R>& x) {
    return moments_of<T>(x.size(), [&](const auto& f) { for_each(x, f); });
}

/// y = x / (k + alpha · Σ x²)^beta for an item (C, spatial…), where the sum is over `size` channels from c − ⌊size / 2⌋ on.
template <class T, std::size_t K>
void local_response_norm(const View<const T, K>& x, index_t size, T k, T alpha, T beta, const View<T, K>& y) {
    detail::for_each_position(x, y, [&](const View<const T, 1>& from, const View<T, 1>& to) {
        const index_t channels = from.shape[0];
        for (index_t c = 0; c < channels; ++c) {
            const index_t first = std::max<index_t>(c - size / 2, 0);
            const index_t last = size - size / 2 > channels - c ? channels : c - size / 2 + size;
            T squares = 0;
            for (index_t j = first; j < last; ++j) {
                squares += from(j) * from(j);
            }
            to(c) = from(c) / std::pow(k + alpha * squares, beta);
        }
    });
}

/// Mean and biased variance of each channel over all items (C, spatial…). The terms are added in row-major order of (item, spatial…),
/// whatever the layout.
template <class T, std::size_t K>
void channel_statistics(const Batch<const T, K>& x, T* mean, T* variance) {
    for (index_t c = 0; c < x.item()[0]; ++c) {
        const Moments<T> moments = moments_of<T>(element_count(x.shape()) / x.item()[0], [&](const auto& f) {
            for (index_t item = 0; item < x.count(); ++item) {
                for_each(at(x[item], c), f);
            }
        });
        mean[c] = moments.mean;
        variance[c] = moments.variance;
    }
}

}  // namespace nn::inline NN_ABI::kernels
