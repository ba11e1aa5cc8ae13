// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <limits>     // std::numeric_limits

#include <nn/core/index.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/bounds.hpp>
#include <nn/kernels/simd.hpp>

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
    } else if (view.size() > 0) {  // else there may be ever so many rows of none
        for (index_t i = 0; i < view.shape[0]; ++i) {
            for_each(at(view, i), f);
        }
    }
}

/// A reduction is made of blocks of so many elements in row-major order, whatever their strides.
inline constexpr index_t reduced_at_once = 1024;

namespace detail {

/// Calls f(first, count, step) for runs of a view's elements in row-major order; a view without gaps is one.
template <class T, std::size_t R, class F>
void for_each_run(const View<T, R>& view, const F& f) {
    if constexpr (R == 0) {
        f(view.data, index_t{1}, index_t{1});
    } else {
        bool dense = true;
        index_t expected = 1;
        for (std::size_t axis = R; axis-- > 0;) {
            dense = dense && (view.shape[axis] == 1 || view.strides[axis] == expected);
            expected *= view.shape[axis];
        }
        if (dense) {
            f(view.data, expected, index_t{1});
        } else if constexpr (R == 1) {
            f(view.data, expected, view.strides[0]);
        } else {
            for (index_t i = 0; i < view.shape[0]; ++i) {
                for_each_run(at(view, i), f);
            }
        }
    }
}

/// Joins all to the first, element i with i + Count / 2 and so on; Count is a power of two.
template <index_t Count, class V, class Join>
NN_INLINE void join_halves(V* values, const Join& join) {
    if constexpr (Count > 1) {
        simd::unrolled<Count / 2>([&](auto i) NN_INLINE_LAMBDA { join(values[i], values[i + Count / 2]); });
        join_halves<Count / 2>(values, join);
    }
}

/// What is summed of an element: itself, its square; and how sums and extremes are joined. Named, and not lambdas where they are used, so
/// that a reduction is compiled once for all views.
struct Itself {
    template <class V>
    NN_INLINE void operator()(const V& value, V* terms) const {
        terms[0] = value;
    }
};
struct Squared {
    template <class V>
    NN_INLINE void operator()(const V& value, V* terms) const {
        terms[0] = value * value;
    }
};
struct Add {
    template <class V>
    NN_INLINE void operator()(V& sum, const V& value) const {
        sum += value;
    }
};
struct KeepLarger {
    template <class V>
    NN_INLINE void operator()(V& largest, const V& value) const {
        keep_larger(largest, value);
    }
};

/// The sums of a block: of what `term(x, terms)` makes of each number, or vector of them, put together by `join`, from `start` on. The
/// order follows from `count` and the vector's length: 16 or more interleaved sums, then those of a last part, then the pairs of each.
template <std::size_t Sums, class T, class Term, class Join>
void reduce_block(const T* first, index_t count, T start, const Term& term, const Join& join, std::array<T, Sums>& result) {
    simd::run<T>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA {
        using V = simd::Values<T, decltype(target)>;
        constexpr index_t lanes = sizeof(V) / sizeof(T);
        constexpr index_t ways = lanes < 4 ? 16 / lanes : 4;  // hides the latency of an addition
        const Term terms_of = term;
        const T* const x = first;
        const index_t length = count;
        const V none = V{} + start;
        V sums[Sums][ways];
        V rest[Sums];
        simd::unrolled<static_cast<index_t>(Sums)>([&](auto s) NN_INLINE_LAMBDA {
            rest[s] = none;
            simd::unrolled<ways>([&](auto way) NN_INLINE_LAMBDA { sums[s][way] = none; });
        });
        index_t i = 0;
        for (; i + ways * lanes <= length; i += ways * lanes) {
            simd::unrolled<ways>([&](auto way) NN_INLINE_LAMBDA {
                V value;
                V terms[Sums];
                simd::load(value, x + i + way * lanes);
                terms_of(value, terms);
                simd::unrolled<static_cast<index_t>(Sums)>([&](auto s) NN_INLINE_LAMBDA { join(sums[s][way], terms[s]); });
            });
        }
        for (; i < length; i += lanes) {
            const index_t part = std::min(length - i, lanes);
            V value;
            V terms[Sums];
            simd::load_part(value, x + i, part);
            terms_of(value, terms);
            simd::unrolled<static_cast<index_t>(Sums)>([&](auto s) NN_INLINE_LAMBDA {
                simd::keep_part(terms[s], none, part);
                join(rest[s], terms[s]);
            });
        }
        simd::unrolled<static_cast<index_t>(Sums)>([&](auto s) NN_INLINE_LAMBDA {
            join_halves<ways>(sums[s], join);
            join(sums[s][0], rest[s]);
            T lane[lanes];
            simd::store(sums[s][0], lane);
            join_halves<lanes>(lane, join);
            result[s] = lane[0];
        });
    });
}

}  // namespace detail

/// Calls f(first, count) for blocks of the `count` elements that `each(g)` calls g with views of, in order; elements that lie apart are
/// copied. So a block is the same whatever strides and views it comes from.
template <class T, class Each, class F>
void for_each_block(index_t count, const Each& each, const F& f) {
    std::array<T, static_cast<std::size_t>(reduced_at_once)> copied;
    index_t filled = 0;
    index_t left = count;  // from the begin of the block that is being filled
    each([&](const auto& view) {
        detail::for_each_run(view, [&](const T* run, index_t length, index_t step) {
            while (length > 0) {
                const index_t block = std::min(left, reduced_at_once);
                const index_t part = std::min(length, block - filled);
                if (part == block && step == 1) {
                    f(run, block);
                } else {
                    for (index_t i = 0; i < part; ++i) {
                        copied[static_cast<std::size_t>(filled + i)] = run[i * step];
                    }
                    filled += part;
                    if (filled < block) {
                        return;
                    }
                    f(copied.data(), block);
                    filled = 0;
                }
                left -= block;
                run += part * step;
                length -= part;
            }
        });
    });
}

/// What `term` makes of the elements, summed: `Sums` sums at once, block by block.
template <std::size_t Sums, class T, class Each, class Term>
std::array<T, Sums> sums_of(index_t count, const Each& each, const Term& term) {
    std::array<T, Sums> total{};
    for_each_block<T>(count, each, [&](const T* first, index_t length) {
        std::array<T, Sums> block;
        detail::reduce_block(first, length, T(0), term, detail::Add(), block);
        for (std::size_t s = 0; s < Sums; ++s) {
            total[s] += block[s];
        }
    });
    return total;
}
/// Of one view's elements.
template <class T, std::size_t R, class Term>
T sum_of(const View<const T, R>& x, const Term& term) {
    return sums_of<1, T>(
        x.size(), [&](const auto& f) { f(x); }, term)[0];
}

/// The mean of the squares of all elements of a view, added in row-major order.
template <class T, std::size_t R>
T mean_square_of(const View<const T, R>& x) {
    return sum_of(x, detail::Squared()) / static_cast<T>(x.size());
}

/// The largest element; a NaN if there is one, −∞ if there is none.
template <class T, std::size_t R>
T largest_of(const View<const T, R>& x) {
    T largest = -std::numeric_limits<T>::infinity();
    for_each_block<T>(
        x.size(), [&](const auto& f) { f(x); },
        [&](const T* first, index_t length) {
            std::array<T, 1> block;
            detail::reduce_block(first, length, -std::numeric_limits<T>::infinity(), detail::Itself(), detail::KeepLarger(), block);
            keep_larger(largest, block[0]);
        });
    return largest;
}

}  // namespace nn::inline NN_ABI::kernels
