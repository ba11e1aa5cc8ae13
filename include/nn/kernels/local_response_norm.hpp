// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::fill_n, std::max, std::min
#include <cmath>        // std::pow
#include <span>         // std::span
#include <type_traits>  // std::is_same_v

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
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

/// value /= sumᵖ for every lane: by std::pow, by vectors, or for p = 3/4, which most models use, without a quotient: 144 µs of a 64 × 56 ×
/// 56 image on Zen 3, 304 by vectors.
template <class T>
struct ByAnyPower {
    T p;

    template <class V>
    NN_INLINE void operator()(V& value, V& sum) const {
        simd::each_lane(sum, [&](T& element) { element = std::pow(element, p); });
        value /= sum;
    }
};
#if NN_SIMD
struct ByPower {
    Power power;

    template <class V>
    NN_INLINE void operator()(V& value, V& sum) const {
        power(sum);
        value /= sum;
    }
};
struct ByThreeQuarterPower {
    template <class V>
    NN_INLINE void operator()(V& value, V& sum) const {
        inverse_three_quarter_power(sum);
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

/// y = x / (k + alpha · Σ squares)^beta for `Count` vectors of a line, or as much of one as there is; the squares of a window's channels
/// lie `apart`. The last elements take the path of all others, so that none depends on where it stands.
template <class V, index_t Count, class T, class Function>
NN_INLINE void divide_some(const ResponseNorm<T>& norm, const Function& divide, const T* squares, index_t apart, index_t count, const T* x,
                           index_t x_step, T* y, index_t y_step) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    V sum[Count] = {};
    for (index_t tap = 0; tap < norm.taps; ++tap, squares += apart) {
        simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
            V square;
            simd::load(square, squares + v * lanes);
            sum[v] += square;
        });
    }
    simd::unrolled<Count>([&](auto v) NN_INLINE_LAMBDA {
        V value;
        load_apart(value, x + v * lanes * x_step, x_step, count - v * lanes);
        sum[v] = norm.k + norm.alpha * sum[v];
        divide(value, sum[v]);
        store_apart(value, y + v * lanes * y_step, y_step, count - v * lanes);
    });
}

/// The same for a whole line.
template <class V, class T, class Function>
NN_INLINE void divide_line(const ResponseNorm<T>& norm, const Function& divide, const T* squares, index_t apart, index_t count, const T* x,
                           index_t x_step, T* y, index_t y_step) {
    constexpr index_t lanes = static_cast<index_t>(sizeof(V) / sizeof(T));
    index_t i = 0;
    for (; x_step == 1 && y_step == 1 && i + 2 * lanes <= count; i += 2 * lanes) {
        divide_some<V, 2>(norm, divide, squares + i, apart, 2 * lanes, x + i, 1, y + i, 1);
    }
    for (; i < count; i += lanes) {
        divide_some<V, 1>(norm, divide, squares + i, apart, count - i, x + i * x_step, x_step, y + i * y_step, y_step);
    }
}

}  // namespace detail

/// y = x / (k + alpha · Σ x²)^beta for an item (C, spatial…), where the sum is over `size` channels from c − ⌊size / 2⌋ on, in rising
/// order. Lanes run over the channels where these are dense in y, else over positions. Scratch is 48 KiB or, with many channels, a vector
/// for each of them and of the window's.
template <class T, std::size_t K>
void local_response_norm(simd::Isa isa, const View<const T, K>& x, index_t size, T k, T alpha, T beta, const View<T, K>& y,
                         Workspace& workspace) {
    constexpr index_t vector = 64 / static_cast<index_t>(sizeof(T));
    constexpr index_t room = 48 * 1024 / static_cast<index_t>(sizeof(T));
    const index_t channels = x.shape[0];
    detail::ResponseNorm<T> norm{std::min(size / 2, channels), 0, k, alpha};
    norm.taps = norm.below + std::min(size - size / 2, channels);
    const index_t lines = channels + norm.taps;  // of squares, the first and the last ones 0
    const bool by_channels = K == 1 || (y.strides[0] == 1 && y.strides[K - 1] != 1);
    const index_t positions = by_channels ? 1 : std::max(room / std::max<index_t>(lines, 1) / vector, index_t{1}) * vector;
    const index_t scratch = by_channels ? lines + 2 * vector : lines * positions;
    const auto frame = workspace.frame();
    T* const squares = frame.template take<T>(scratch);
    std::fill_n(squares, scratch, T(0));
    const auto spatial = [](const Shape<K>& extents) { return std::span<const index_t>(extents).template subspan<1>(); };
    const auto run = [&](const auto& divide) {
        for_each_row<2>(
            spatial(y.shape), {spatial(y.strides), spatial(x.strides)}, [&](const auto& offsets, index_t count, const auto& steps) {
                simd::run(isa, [&](auto target) NN_INLINE_LAMBDA {
                    using V = WidestOf<decltype(target), T>;
                    for (index_t first = 0; first < count; first += positions) {
                        const T* const from = x.data + offsets[1] + first * steps[1];
                        T* const to = y.data + offsets[0] + first * steps[0];
                        if (by_channels) {
                            detail::square_line<V>(from, x.strides[0], channels, squares + norm.below);
                            detail::divide_line<V>(norm, divide, squares, 1, channels, from, x.strides[0], to, y.strides[0]);
                            continue;
                        }
                        const index_t length = std::min(positions, count - first);
                        for (index_t c = 0; c < channels; ++c) {
                            detail::square_line<V>(from + c * x.strides[0], steps[1], length, squares + (norm.below + c) * positions);
                        }
                        for (index_t c = 0; c < channels; ++c) {
                            detail::divide_line<V>(norm, divide, squares + c * positions, positions, length, from + c * x.strides[0],
                                                   steps[1], to + c * y.strides[0], steps[0]);
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

}  // namespace nn::inline NN_ABI::kernels
