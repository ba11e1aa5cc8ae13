// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/layers/stateless.hpp>
#include <nn/ops/pixel_shuffle.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Channels become cells: an image r times as long along each of N spatial axes, of Πr times fewer channels.
///
///     y[c, l·r + q] = x[c·Πr + q, l],    q = 0 … Πr − 1 in row-major order over the cells 0 … r − 1 of each axis
///
///     x (…, C·Πr, L₁ … L_N)    y (…, C, L₁·r₁ … L_N·r_N)    r = upscale_factor
///
/// With `channels_last` items are (L₁ … L_N, C·Πr) and (L₁·r₁ … L_N·r_N, C), channels counted alike.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    one read of x, one write of y; no scratch.
/// Source  Shi et al. 2016, arXiv:1609.05158; torch.nn.PixelShuffle, in any number of axes; ONNX DepthToSpace in mode CRD.
template <std::size_t N>
struct PixelShuffle : detail::Stateless<PixelShuffle<N>, void, N + 1> {
    PixelShuffleOptions<N> options;  ///< what it was built with

    static constexpr std::string_view name = "nn::PixelShuffle";

    /// Checks the options.
    explicit PixelShuffle(const PixelShuffleOptions<N>& options_) : options((ops::check_pixel_shuffle_options(name, options_), options_)) {}

private:
    friend detail::Stateless<PixelShuffle<N>, void, N + 1>;

    template <class T>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            name, [this](const Batch<const T, N + 1>& x) { return ops::pixel_shuffle_item(name, options, x); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace&) { ops::pixel_shuffle(options, x, y, name); });
    }
};

/// Over 1, 2 and 3 axes.
using PixelShuffle1d = PixelShuffle<1>;
using PixelShuffle2d = PixelShuffle<2>;
using PixelShuffle3d = PixelShuffle<3>;

}  // namespace nn::inline NN_ABI
