// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>  // std::floating_point
#include <cstddef>   // std::size_t

#include <nn/layers/stateless.hpp>
#include <nn/ops/pool.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A pool over N spatial axes: the maximum, minimum or mean of the cells under each window, channel by channel.
///
///     x (…, C, L₁ … L_N)    y (…, C, M₁ … M_N)    M = ⌊(L + p₀ + p₁ − K) / s⌋ + 1, or 0 where the window does not fit
///
/// Cells of the padding take no part. A window that lies wholly in the padding gives −∞, +∞ or 0. The mean divides by the cells that
/// exist, with `count_padding` by the padding's too. With `ceil_mode` M is rounded up, as long as the last window starts before the end of
/// x. With `channels_last` items are (L₁ … L_N, C). A NaN under a window is its answer.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    B·C·ΠM·(s_N·ΠK/K_N + K_N) operations at most; scratch as kernels::pool says, whatever the extents of two axes.
/// Order   a mean is summed in T column by column of its window, each from its first row to its last, then divided.
/// Source  the numbers of blox's pools; equinox.nn.AvgPool with `count_padding`, and with more padding behind for `use_ceil`;
///         torch.nn.MaxPool, AvgPool.
template <std::size_t N, class Kind>
struct Pool : detail::Stateless<Pool<N, Kind>, void, N + 1> {
    PoolOptions<N> options;  ///< what it was built with

    static constexpr std::string_view name = Kind::name;

    /// Checks the options.
    explicit Pool(const PoolOptions<N>& options_) : options((ops::check_pool_options(Kind::name, options_), options_)) {}

private:
    friend detail::Stateless<Pool<N, Kind>, void, N + 1>;

    template <class T>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            Kind::name, [this](const Batch<const T, N + 1>& x) { return ops::pool_plan(Kind::name, options, x).item(); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::pool<Kind>(options, x, y, workspace, Kind::name);
            });
    }
};

/// The maximum, the minimum and the mean.
template <std::size_t N>
using MaxPool = Pool<N, ops::MaxPooling>;
template <std::size_t N>
using MinPool = Pool<N, ops::MinPooling>;
template <std::size_t N>
using AvgPool = Pool<N, ops::AvgPooling>;

/// Over 1, 2 and 3 axes.
using MaxPool1d = MaxPool<1>;
using MaxPool2d = MaxPool<2>;
using MaxPool3d = MaxPool<3>;
using MinPool1d = MinPool<1>;
using MinPool2d = MinPool<2>;
using MinPool3d = MinPool<3>;
using AvgPool1d = AvgPool<1>;
using AvgPool2d = AvgPool<2>;
using AvgPool3d = AvgPool<3>;

/// The pools as functions.
template <std::size_t N>
auto max_pool(const operand auto& x, const PoolOptions<N>& options) {
    return MaxPool<N>(options)(x);
}
template <std::size_t N>
auto min_pool(const operand auto& x, const PoolOptions<N>& options) {
    return MinPool<N>(options)(x);
}
template <std::size_t N>
auto avg_pool(const operand auto& x, const PoolOptions<N>& options) {
    return AvgPool<N>(options)(x);
}

}  // namespace nn::inline NN_ABI
