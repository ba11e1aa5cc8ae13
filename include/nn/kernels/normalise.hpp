// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::copy, std::max, std::min
#include <cmath>      // std::isfinite
#include <cstddef>    // std::size_t
#include <numeric>    // std::gcd
#include <utility>    // std::make_index_sequence

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
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

/// One center, scale and shift for each channel. Where channels lie innermost in x and in y, they stand there `repeats` times in turn: a
/// few are whole cache lines, and more a row that is worth a loop.
template <class T>
struct PerChannel {
    static constexpr index_t line = 64 / static_cast<index_t>(sizeof(T));
    static constexpr index_t few = 8 * line;
    static constexpr index_t many = 64 * line;

    T* center;
    T* scale;
    T* shift;
    index_t channels;
    bool innermost;
    index_t repeats;

    /// In scratch memory of 3·C or, where that is more and channels lie innermost, up to 12 KiB.
    template <std::size_t K>
    PerChannel(const View<const T, K>& x, const View<T, K>& y, const Workspace::Frame& frame)
        : channels(x.shape[0]), innermost(lies_innermost(x) && lies_innermost(y)), repeats(1) {
        if (innermost) {
            const index_t whole_lines = line / std::gcd(channels, line);
            repeats = channels * whole_lines <= few ? whole_lines : std::max<index_t>(many / channels, 1);
        }
        center = frame.template take<T>(channels * repeats);
        scale = frame.template take<T>(channels * repeats);
        shift = frame.template take<T>(channels * repeats);
    }

    /// After the first ones are set.
    void repeat() {
        for (T* const array : {center, scale, shift}) {
            for (index_t i = channels; i < channels * repeats; ++i) {
                array[i] = array[i - channels];
            }
        }
    }

private:
    /// Whether an item (C, spatial…) lies as (spatial…, C) without gaps.
    template <class U, std::size_t K>
    static bool lies_innermost(const View<U, K>& item) {
        bool dense = K > 1 && item.strides[0] == 1;
        index_t expected = item.shape[0];
        for (std::size_t axis = K; axis-- > 1;) {
            dense = dense && (item.shape[axis] == 1 || item.strides[axis] == expected);
            expected *= item.shape[axis];
        }
        return dense;
    }
};

/// (x − center) · scale + shift.
struct Normalise {
    template <class V>
    NN_INLINE void operator()(V& value, const V& x, const V& center, const V& scale, const V& shift) const {
        value = (x - center) * scale + shift;
    }
};

namespace detail {

/// y = (x − center) · scale + shift of `size` elements whose channels lie innermost and are few: a cache line of constants stays in
/// registers for as many rows of them as take 4 KiB, and what comes next is fetched meanwhile. Loading them for every vector took 1.5 times
/// as long.
template <class T>
void normalise_few(const T* x, const PerChannel<T>& p, index_t size, T* y) {
    simd::run<T>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA {
        using V = simd::Values<T, decltype(target)>;
        constexpr index_t lanes = sizeof(V) / sizeof(T);
        constexpr index_t line = PerChannel<T>::line;
        const index_t row = p.channels * p.repeats;
        index_t ahead = 0;
        const auto column = [&](const T* from, index_t channel, index_t rows, T* to) NN_INLINE_LAMBDA {
            V center[static_cast<std::size_t>(line / lanes)];
            V scale[static_cast<std::size_t>(line / lanes)];
            V shift[static_cast<std::size_t>(line / lanes)];
            simd::unrolled<line / lanes>([&](auto way) NN_INLINE_LAMBDA {
                simd::load(center[way], p.center + channel + way * lanes);
                simd::load(scale[way], p.scale + channel + way * lanes);
                simd::load(shift[way], p.shift + channel + way * lanes);
            });
            for (index_t i = 0; i < rows * row; i += row, ahead += line) {
                simd::prefetch(x + ahead);
                simd::prefetch(y + ahead);
                simd::unrolled<line / lanes>([&](auto way) NN_INLINE_LAMBDA {
                    V value;
                    simd::load(value, from + i + way * lanes);
                    Normalise()(value, value, center[way], scale[way], shift[way]);
                    simd::store(value, to + i + way * lanes);
                });
            }
        };
        const index_t whole = size / line * line;
        const index_t rows_at_once = p.many / row;
        for (index_t first = 0; first < whole; first += rows_at_once * row) {
            ahead = first + rows_at_once * row;
            for (index_t channel = 0; channel < std::min(row, whole - first); channel += line) {
                const index_t rows = std::min(rows_at_once, divide_up(whole - first - channel, row));
                column(x + first + channel, channel, rows, y + first + channel);
            }
        }
        if (whole < size) {
            T last[static_cast<std::size_t>(line)]{};
            std::copy(x + whole, x + size, last);
            column(last, whole % row, 1, last);
            std::copy(last, last + (size - whole), y + whole);
        }
    });
}

}  // namespace detail

/// y = (x − center) · scale + shift with one triple per channel, for `count` channels from `first` on of an item (C, spatial…). A row is
/// the axis that y has contiguous.
template <class T, std::size_t K>
void normalise(const View<const T, K>& x, const PerChannel<T>& p, index_t first, index_t count, const View<T, K>& y) {
    const auto constants = [&](const T* of) { return View<const T, 1>{of + first, {count}, {1}}; };
    if (p.innermost && count == p.channels) {
        const index_t size = x.size();
        const index_t row = p.channels * p.repeats;
        if (row <= p.few) {
            return detail::normalise_few(x.data, p, size, y.data);
        }
        for (index_t i = 0; i < size; i += row) {
            map_row<T>(std::min(row, size - i), Normalise(), y.data + i, {{{x.data + i, 1}, {p.center, 1}, {p.scale, 1}, {p.shift, 1}}},
                       std::make_index_sequence<4>());
        }
    } else if (K == 1 || y.strides[0] == 1) {
        detail::for_each_position(slice(x, first, count), slice(y, first, count), [&](const View<const T, 1>& from, const View<T, 1>& to) {
            map<T>(to, Normalise(), from, constants(p.center), constants(p.scale), constants(p.shift));
        });
    } else if constexpr (K > 1) {
        for (index_t c = first; c < first + count; ++c) {
            const auto function = [center = p.center[c], scale = p.scale[c], shift = p.shift[c]](auto& value, const auto& from)
                                      NN_INLINE_LAMBDA { value = (from - center) * scale + shift; };
            map<T>(at(y, c), function, at(x, c));
        }
    }
}

namespace detail {

/// x − near and its square.
template <class T>
struct Deviation {
    T near;

    template <class V>
    NN_INLINE void operator()(const V& value, V* terms) const {
        terms[0] = value - near;
        terms[1] = terms[0] * terms[0];
    }
};

}  // namespace detail

/// Mean and biased variance.
template <class T>
struct Moments {
    T mean;
    T variance;
};

/// Of the `count` values that `each(f)` calls f with views of, in two passes: E[x²] − E[x]² would turn [10000, 10001] into noise. The
/// second corrects the rounding of the first: it makes the mean of equal values that value, and their variance 0.
template <class T, class Each>
Moments<T> moments_of(index_t count, const Each& each) {
    const T n = static_cast<T>(count);
    const T near = sums_of<1, T>(count, each, detail::Itself())[0] / n;
    const auto [differences, squares] = sums_of<2, T>(count, each, detail::Deviation<T>{near});
    const T off = differences / n;
    return {std::isfinite(off) ? near + off : near, std::max(squares / n - off * off, T(0))};  // max keeps a NaN in front
}
template <class T, std::size_t R>
Moments<T> moments(const View<const T, R>& x) {
    return moments_of<T>(x.size(), [&](const auto& f) { f(x); });
}

/// Mean and biased variance of each channel over all items (C, spatial…). The terms are added in row-major order of (item, spatial…),
/// whatever the layout.
template <class T, std::size_t K>
void channel_statistics(const Batch<const T, K>& x, T* mean, T* variance) {
    for (index_t c = 0; c < x.item()[0]; ++c) {
        const Moments<T> moments = moments_of<T>(element_count(x.shape()) / x.item()[0], [&](const auto& f) {
            for (index_t item = 0; item < x.count(); ++item) {
                f(at(x[item], c));
            }
        });
        mean[c] = moments.mean;
        variance[c] = moments.variance;
    }
}

}  // namespace nn::inline NN_ABI::kernels
