// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/per_axis.hpp>
#include <nn/core/view.hpp>
#include <nn/kernels/elementwise.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `PixelShuffle` over N axes.
template <std::size_t N>
struct PixelShuffleOptions {
    PerAxis<N> upscale_factor = 1;           ///< r, each ≥ 1; Πr divides the channels of x
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item
};

namespace ops {

/// Refuses options that are wrong whatever the input.
template <std::size_t N>
void check_pixel_shuffle_options(std::string_view who, const PixelShuffleOptions<N>& options) {
    for (std::size_t axis = 0; axis < N; ++axis) {
        require<std::invalid_argument>(options.upscale_factor[axis] >= 1, who, "upscale_factor ", options.upscale_factor,
                                       ", expected at least 1 along every axis");
    }
}

/// The extents of one item of y (…, C, L₁·r₁ … L_N·r_N), in the options' layout.
template <class T, std::size_t N>
Shape<N + 1> pixel_shuffle_item(std::string_view who, const PixelShuffleOptions<N>& options, const Batch<const T, N + 1>& x) {
    check_pixel_shuffle_options(who, options);
    Shape<N + 1> item = channels_first(x.item(), options.layout);
    const index_t cells = element_count(options.upscale_factor.values());
    require(item[0] % cells == 0, who, "x has ", item[0], " channels, expected a multiple of ", cells, " = the product of upscale_factor ",
            options.upscale_factor, "  [x ", x.shape(), "]");
    item[0] /= cells;
    for (std::size_t axis = 0; axis < N; ++axis) {
        item[axis + 1] = saturating_multiply(item[axis + 1], options.upscale_factor[axis]);
    }
    return from_channels_first(item, options.layout);
}

/// Channels become cells: y[c, l·r + q] = x[c·Πr + q, l], where q counts the cells of a block in row-major order.
template <class T, std::size_t N>
void pixel_shuffle(const PixelShuffleOptions<N>& options, const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y,
                   std::string_view who = "nn::ops::pixel_shuffle") {
    check_output(who, x, pixel_shuffle_item(who, options, x), y);
    check_apart(who, "y", y, "x", x);
    if (y.empty()) {
        return;  // its strides may be any
    }
    const Batch<const T, N + 1> from = x.channels_first(options.layout);
    const Batch<T, N + 1> to = y.channels_first(options.layout);
    for (index_t i = 0; i < x.count(); ++i) {
        const View<const T, N + 1> in = from[i];
        const View<T, N + 1> out = to[i];
        // Both as (C, q₁ … q_N, l₁ … l_N): the same elements under other strides.
        View<const T, 2 * N + 1> source{in.data, {}, {}};
        View<T, 2 * N + 1> target{out.data, {}, {}};
        source.shape[0] = target.shape[0] = out.shape[0];
        target.strides[0] = out.strides[0];
        index_t channels = 1;  // of x from one q to the next
        for (std::size_t axis = N; axis-- > 0;) {
            const index_t r = options.upscale_factor[axis];
            source.shape[1 + axis] = target.shape[1 + axis] = r;
            source.shape[1 + N + axis] = target.shape[1 + N + axis] = in.shape[1 + axis];
            source.strides[1 + axis] = channels * in.strides[0];
            source.strides[1 + N + axis] = in.strides[1 + axis];
            target.strides[1 + axis] = out.strides[1 + axis];
            target.strides[1 + N + axis] = r * out.strides[1 + axis];
            channels *= r;
        }
        source.strides[0] = channels * in.strides[0];
        // Row by row of x where its cells lie side by side, else of y: a row of a block alone has but r cells.
        const bool by_x = in.strides[N] == 1;
        kernels::for_each_row<2>(source.shape, {by_x ? source.strides : target.strides, by_x ? target.strides : source.strides},
                                 [&](const auto& offsets, index_t count, const auto& steps) {
                                     const std::size_t of_x = by_x ? 0 : 1;
                                     const T* const read = in.data + offsets[of_x];
                                     T* const written = out.data + offsets[1 - of_x];
                                     for (index_t cell = 0; cell < count; ++cell) {
                                         written[cell * steps[1 - of_x]] = read[cell * steps[of_x]];
                                     }
                                 });
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
