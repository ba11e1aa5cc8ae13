// SPDX-License-Identifier: MIT
#pragma once

#include <array>    // std::array
#include <cstddef>  // std::size_t

#include <nn/core/index.hpp>
#include <nn/core/view.hpp>

namespace nn::inline NN_ABI::kernels {

/// A running sum whose order follows from the number of terms alone: eight interleaved partial sums, folded into the total every
/// `block` terms, so that the error grows with terms / block, not with the terms.
template <class T>
class Sum {
public:
    void add(T value) {
        partial_[count_ % lanes] += value;
        if (++count_ == block) {
            fold();
        }
    }
    T total() {
        fold();
        return total_;
    }

private:
    static constexpr std::size_t lanes = 8;
    static constexpr std::size_t block = 512;

    void fold() {
        const auto& p = partial_;
        total_ += ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
        partial_ = {};
        count_ = 0;
    }

    std::array<T, lanes> partial_{};
    std::size_t count_ = 0;
    T total_ = 0;
};

/// Calls `f(element)` for every element in row-major order of the view's axes, whatever its strides.
template <class T, std::size_t R, class F>
void for_each(const View<T, R>& view, const F& f) {
    if constexpr (R == 0) {
        f(*view.data);
    } else {
        for (index_t i = 0; i < view.shape[0]; ++i) {
            for_each(at(view, i), f);
        }
    }
}

/// The mean of `term(x)` over all elements of a view, added in row-major order.
template <class T, std::size_t R, class F>
T mean_of(const View<const T, R>& x, const F& term) {
    Sum<T> sum;
    for_each(x, [&](T value) { sum.add(term(value)); });
    return sum.total() / static_cast<T>(x.size());
}

}  // namespace nn::inline NN_ABI::kernels
