// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::fill_n, std::max, std::min
#include <cmath>        // std::pow
#include <span>         // std::span
#include <type_traits>  // std::is_same_v

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/math.hpp>
#include <nn/kernels/row.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

template <class T>
struct ResponseNorm {
    index_t below;  ///< channels of a window before its own
    index_t taps;   ///< channels of a window
    T k, alpha;
};

/// value /= sumᵖ for every lane: `raise` several sums, then `divide` each value. By std::pow, by vectors, or for p = 3/4, which most models
/// use, without a quotient: 130 µs of a 64 × 56 × 56 image on Zen 3, 304 by vectors.
template <class T>
struct ByAnyPower {
    T p;

    template <class V, std::size_t Count>
    NN_INLINE void raise(V (&sums)[Count]) const {
        for (V& sum : sums) {
            simd::each_lane(sum, [&](T& element) { element = std::pow(element, p); });
        }
    }
    template <class V>
    NN_INLINE static void divide(V& value, const V& sum) {
        value /= sum;
    }
};
#if NN_SIMD
struct ByPower {
    Power power;

    template <class V, std::size_t Count>
    NN_INLINE void raise(V (&sums)[Count]) const {
        for (V& sum : sums) {
            power(sum);
        }
    }
    template <class V>
    NN_INLINE static void divide(V& value, const V& sum) {
        value /= sum;
    }
};
struct ByThreeQuarterPower {
    template <class V, std::size_t Count>
    NN_INLINE static void raise(V (&sums)[Count]) {
        inverse_three_quarter_power(sums);
    }
    template <class V>
    NN_INLINE static void divide(V& value, const V& sum) {
        value *= sum;
    }
};
#endif

/// Up to a vector of `count` elements `step` apart; lanes beyond are 0.
template <class V, class T>
NN_INLINE void load_apart(V& vector, const T* from, index_t step, index_t count) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    if (step == 1 && count >= lanes) {
        simd::load(vector, from);
        return;
    }
    T some[lanes] = {};
    for (index_t i = 0; i < std::min(count, lanes); ++i) {
        some[i] = from[i * step];
    }
    simd::load(vector, some);
}
template <class V, class T>
NN_INLINE void store_apart(const V& vector, T* to, index_t step, index_t count) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    if (step == 1 && count >= lanes) {
        simd::store(vector, to);
        return;
    }
    T some[lanes];
    simd::store(vector, some);
    for (index_t i = 0; i < std::min(count, lanes); ++i) {
        to[i * step] = some[i];
    }
}

/// squares = x² for a line of x, with zeros up to whole vectors.
template <class V, class T>
NN_INLINE void square_line(const T* x, index_t step, index_t count, T* squares) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    for (index_t i = 0; i < count; i += lanes) {
        V value;
        load_apart(value, x + i * step, step, count - i);
        value *= value;
        simd::store(value, squares + i);
    }
}

/// Squares of the channels of a window: those of one channel lie in a line, the lines `apart`, the first one behind the last.
template <class T>
struct SquareLines {
    const T* data;
    index_t apart;
    index_t lines;
    index_t first;  ///< the line that a window begins with
};

/// y = x / (k + alpha · Σ squares)^beta for `Count` vectors of a line from element `i` of the squares' lines on, or as much of one as there
/// is. The last elements take the path of all others, so that none depends on where it stands.
template <class V, index_t Count, class T, class Exponent>
NN_INLINE void divide_some(const ResponseNorm<T>& norm, const Exponent& power, const SquareLines<T>& squares, index_t i, index_t count,
                           const T* x, index_t x_step, T* y, index_t y_step) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    V sum[Count] = {};
    const T* const end = squares.data + squares.lines * squares.apart + i;
    const T* from = squares.data + squares.first * squares.apart + i;
    for (index_t tap = 0; tap < norm.taps; ++tap) {
        simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
            V square;
            simd::load(square, from + v * lanes);
            sum[v] += square;
        });
        from += squares.apart;
        from = from == end ? squares.data + i : from;
    }
    simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA { sum[v] = norm.k + norm.alpha * sum[v]; });
    power.raise(sum);
    simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
        V value;
        load_apart(value, x + v * lanes * x_step, x_step, count - v * lanes);
        power.divide(value, sum[v]);
        store_apart(value, y + v * lanes * y_step, y_step, count - v * lanes);
    });
}

/// The same for a whole line.
template <class V, class T, class Exponent>
NN_INLINE void divide_line(const ResponseNorm<T>& norm, const Exponent& power, const SquareLines<T>& squares, index_t count, const T* x,
                           index_t x_step, T* y, index_t y_step) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    index_t i = 0;
    for (; x_step == 1 && y_step == 1 && i + 4 * lanes <= count; i += 4 * lanes) {
        divide_some<V, 4>(norm, power, squares, i, 4 * lanes, x + i, 1, y + i, 1);
    }
    for (; i < count; i += lanes) {
        divide_some<V, 1>(norm, power, squares, i, count - i, x + i * x_step, x_step, y + i * y_step, y_step);
    }
}

}  // namespace detail

/// An item (C, spatial…) of any rank, so that the kernel is compiled once for all ranks, and where its results go.
template <class T>
struct ResponseItem {
    std::span<const index_t> shape;
    const T* x;
    std::span<const index_t> x_strides;
    T* y;
    std::span<const index_t> y_strides;
};

/// y = x / (k + alpha · Σ x²)^beta for an item (C, spatial…), where the sum is over `size` channels from c − ⌊size / 2⌋ on, in rising
/// order. Lanes run over the channels where these are dense in y, else over positions: then only the squares of a window's channels are
/// kept, 20 KiB of them, which stay in the L1 cache. Scratch is that or, where it is more, a vector for each channel of a window; with lanes
/// over the channels an element for each of them and of a window's, and two vectors.
template <class T>
void local_response_norm(simd::Isa isa, const ResponseItem<T>& item, index_t size, T k, T alpha, T beta, Workspace& workspace) {
    constexpr index_t vector = 64 / static_cast<index_t>(sizeof(T));
    constexpr index_t room = 20 * 1024 / static_cast<index_t>(sizeof(T));
    const index_t channels = item.shape[0];
    const index_t x_channel = item.x_strides[0];
    const index_t y_channel = item.y_strides[0];
    detail::ResponseNorm<T> norm{std::min(size / 2, channels), 0, k, alpha};
    norm.taps = norm.below + std::min(size - size / 2, channels);
    const bool by_channels = item.shape.size() == 1 || (y_channel == 1 && item.y_strides.back() != 1);
    const index_t lines = by_channels ? channels + norm.taps : std::max(norm.taps, index_t{1});  // the first and the last channels' are 0
    const index_t positions = by_channels ? 1 : std::max(room / lines / vector, index_t{1}) * vector;
    const index_t scratch = lines * positions + (by_channels ? 2 * vector : 0);
    const auto frame = workspace.frame();
    T* const squares = frame.template take<T>(scratch);
    if (by_channels) {
        std::fill_n(squares, scratch, T(0));
    }
    const auto run = [&](const auto& power) {
        for_each_row<2>(
            item.shape.subspan(1), {item.y_strides.subspan(1), item.x_strides.subspan(1)},
            [&](const auto& offsets, index_t count, const auto& steps) {
                simd::run<T>(isa, [&](auto target) NN_INLINE_LAMBDA {
                    using V = simd::Values<T, decltype(target)>;
                    for (index_t first = 0; first < count; first += positions) {
                        const T* const from = item.x + offsets[1] + first * steps[1];
                        T* const to = item.y + offsets[0] + first * steps[0];
                        if (by_channels) {
                            detail::square_line<V>(from, x_channel, channels, squares + norm.below);
                            detail::divide_line<V>(norm, power, {squares, 1, lines + 1, 0}, channels, from, x_channel, to, y_channel);
                            continue;
                        }
                        const index_t length = std::min(positions, count - first);
                        const index_t ahead = std::max(norm.taps - norm.below - 1, index_t{0});
                        std::fill_n(squares, lines * positions, T(0));
                        for (index_t c = -ahead; c < channels; ++c) {
                            const index_t entering = c + ahead;  // of the window of channel c
                            T* const line = squares + entering % lines * positions;
                            if (entering < channels) {
                                detail::square_line<V>(from + entering * x_channel, steps[1], length, line);
                            } else {
                                std::fill_n(line, length, T(0));
                            }
                            if (c >= 0) {
                                detail::divide_line<V>(norm, power, {squares, positions, lines, (entering + 1) % lines}, length,
                                                       from + c * x_channel, steps[1], to + c * y_channel, steps[0]);
                            }
                        }
                    }
                });
            });
    };
#if NN_SIMD
    if constexpr (std::is_same_v<T, float>) {
        if (alpha >= 0.0F && beta == 0.75F && k >= 1e-37F) {
            return run(detail::ByThreeQuarterPower());
        }
        if (alpha >= 0.0F && Power::takes(k, beta)) {
            return run(detail::ByPower{Power(beta)});
        }
    }
#endif
    run(detail::ByAnyPower<T>{beta});
}

NN_KERNEL(void local_response_norm(simd::Isa, const ResponseItem<float>&, index_t, float, float, float, Workspace&));
NN_KERNEL(void local_response_norm(simd::Isa, const ResponseItem<double>&, index_t, double, double, double, Workspace&));

}  // namespace nn::inline NN_ABI::kernels
