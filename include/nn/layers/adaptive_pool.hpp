// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/freeze.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/adaptive_pool.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A pool over N spatial axes into windows whose number is given, not their size.
///
///     x (…, C, L₁ … L_N)    y (…, C, M₁ … M_N)    M = output_size
///
/// Window o covers the cells from ⌊o·L / M⌋ to ⌈(o + 1)·L / M⌉, or apart as in Equinox: see `AdaptiveWindows`. A NaN under a window is
/// its answer.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    one read of x for each window that a cell is in along all axes but the last; scratch and order of sums as kernels::pool says,
///         for one window as a global pool's.
/// Source  torch.nn.AdaptiveAvgPool and AdaptiveMaxPool; equinox.nn's and brainstate's with `AdaptiveWindows::equinox`.
template <std::size_t N, class Kind>
struct AdaptivePool : detail::Stateless<AdaptivePool<N, Kind>, void, N + 1> {
    AdaptivePoolOptions<N> options;  ///< what it was built with

    static constexpr std::string_view name = Kind::adaptive_name;

    /// Checks the options.
    explicit AdaptivePool(const AdaptivePoolOptions<N>& options_) : options((ops::check_adaptive_pool_options(name, options_), options_)) {}

private:
    friend detail::Stateless<AdaptivePool<N, Kind>, void, N + 1>;

    template <class T>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            name, [this](const Batch<const T, N + 1>& x) { return ops::adaptive_pool_item(name, options, x); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::adaptive_pool<Kind>(options, x, y, workspace, name);
            });
    }
};

/// The maximum, and the mean, of each window.
template <std::size_t N>
using AdaptiveMaxPool = AdaptivePool<N, ops::MaxPooling>;
template <std::size_t N>
using AdaptiveAvgPool = AdaptivePool<N, ops::AvgPooling>;

/// Over 1, 2 and 3 axes.
using AdaptiveMaxPool1d = AdaptiveMaxPool<1>;
using AdaptiveMaxPool2d = AdaptiveMaxPool<2>;
using AdaptiveMaxPool3d = AdaptiveMaxPool<3>;
using AdaptiveAvgPool1d = AdaptiveAvgPool<1>;
using AdaptiveAvgPool2d = AdaptiveAvgPool<2>;
using AdaptiveAvgPool3d = AdaptiveAvgPool<3>;

/// A pool over all cells of N spatial axes, which disappear.
///
///     x (…, C, L₁ … L_N)    y (…, C)
///
/// Without a cell the answer is −∞, ∞ or 0; a NaN is the answer. For a mean, cells are added in row-major order in blocks of 512, each in
/// eight interleaved partial sums, whatever the layout.
///
/// Errors  shape_error; the output is untouched.
/// Cost    one read of x; no scratch.
/// Source  torch.nn.AdaptiveMaxPoolNd(1), torch.nn.AdaptiveAvgPoolNd(1).
template <std::size_t N, class Kind>
struct GlobalPool : detail::Stateless<GlobalPool<N, Kind>, void, N + 1, 1> {
    GlobalPoolOptions options{};  ///< where the channels stand

    static constexpr std::string_view name = Kind::global_name;

    constexpr GlobalPool() = default;
    /// Any options will do.
    explicit constexpr GlobalPool(const GlobalPoolOptions& options_) : options(options_) {}

    /// Whether x may as well have its channels side by side in a frozen network.
    bool likes_channels_last(const FreezeOptions&) const { return options.layout == Layout::channels_first; }

private:
    friend detail::Stateless<GlobalPool<N, Kind>, void, N + 1, 1>;

    template <class T>
    auto operation() const {
        return detail::operation<T, N + 1, 1>(
            name, [this](const Batch<const T, N + 1>& x) { return Shape<1>{x.channels_first(options.layout).item()[0]}; },
            [this](const Batch<const T, N + 1>& x, const Batch<T, 1>& y, Workspace&) { ops::global_pool<Kind>(options, x, y, name); });
    }
};

/// The maximum, and the mean, of all cells.
template <std::size_t N>
using GlobalMaxPool = GlobalPool<N, ops::MaxPooling>;
template <std::size_t N>
using GlobalAvgPool = GlobalPool<N, ops::AvgPooling>;

/// Over 1, 2 and 3 axes.
using GlobalMaxPool1d = GlobalMaxPool<1>;
using GlobalMaxPool2d = GlobalMaxPool<2>;
using GlobalMaxPool3d = GlobalMaxPool<3>;
using GlobalAvgPool1d = GlobalAvgPool<1>;
using GlobalAvgPool2d = GlobalAvgPool<2>;
using GlobalAvgPool3d = GlobalAvgPool<3>;

/// The global pools as functions.
template <std::size_t N>
auto global_max_pool(const operand auto& x, const GlobalPoolOptions& options = {}) {
    return GlobalMaxPool<N>(options)(x);
}
template <std::size_t N>
auto global_avg_pool(const operand auto& x, const GlobalPoolOptions& options = {}) {
    return GlobalAvgPool<N>(options)(x);
}

}  // namespace nn::inline NN_ABI
