// SPDX-License-Identifier: MIT
#pragma once

// Convolution with a 3 × 3 kernel, stride 1, by Winograd's minimal filtering: a tile of m × m outputs costs (m + 2)² products of a channel
// instead of 9·m².
//
//     Y = Aᵀ · [ (G · g · Gᵀ) ⊙ (Bᵀ · d · B) ] · A        summed over channels inside the brackets: (m + 2)² matrix products
//
// Lanes are channels: of x in the input's transform, of y in the product and the output's transform. So no shape of image wastes lanes,
// tiles are the rows of the product's left side, and channels-last is read and written without a shuffle.
//
// Error  |y − exact| ≤ c · ε · S,  S = |bias| + Σ_c (Σ_k |w[o, c, k]|) · max |x[c]| over the (m + 2)² inputs of the tile. Where |x| is even
//        over a tile S is Σ |x · w|; no bound by an element's own Σ |x · w| exists, since a large cell beside its window leaves a rounding
//        error in it. Tests enforce c = 4 + C/4 for F(2 × 2) and 24 + C/2 for F(4 × 4) on inputs hard on rounding, with C channels of a
//        group; without exception c ≤ κ · (C + 20) / 2, κ = 16 and 176: the norms of the transforms. On noise the error is 0.3 and 2.
// Order  An element's bits depend on where it stands in the grid of tiles, which begins at output (0, 0) of every image: the same for any
//        batch, layout, workspace or number of tiles at once. Not the bits of `conv`.

#include <algorithm>    // std::clamp, std::max, std::min
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <type_traits>  // std::integral_constant

#include <nn/core/executor.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/strip.hpp>
#include <nn/kernels/window.hpp>
#include <nn/kernels/winograd_product.hpp>
#include <nn/kernels/winograd_transform.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// Tiles that lie side by side in a row of tiles of one image, and of one phase where the kernel is dilated: phase f of an axis is its
/// outputs f, f + d, f + 2·d, …, which read inputs d apart.
struct WinogradRun {
    index_t item;
    std::array<index_t, 2> first;  ///< output of the first tile
    index_t tiles;
};

/// Phases and tiles of an axis.
struct WinogradAxis {
    index_t phases;
    index_t tiles;  ///< of a phase; the last of some phases may have no output left

    WinogradAxis(const WindowAxis& axis, index_t m)
        : phases(std::min(axis.dilation, axis.output)), tiles(axis.output == 0 ? 0 : divide_up(divide_up(axis.output, axis.dilation), m)) {}
};

}  // namespace detail

/// Tiles of so many items.
inline index_t winograd_tile_count(const ConvPlan<2>& plan, WinogradTile tile, index_t items) {
    index_t count = items;
    for (const WindowAxis& axis : plan.axes) {
        const detail::WinogradAxis tiles(axis, static_cast<index_t>(tile));
        count *= tiles.phases * tiles.tiles;
    }
    return count;
}

namespace detail {

/// Calls f(run, before) for runs of at most `longest` of the `count` tiles from the flat number `tile` on, `before` of them before the run.
template <class F>
void each_winograd_run(const ConvPlan<2>& plan, index_t m, index_t longest, index_t tile, index_t count, const F& f) {
    const WinogradAxis rows(plan.axes[0], m);
    const WinogradAxis columns(plan.axes[1], m);
    for (index_t done = 0; done < count;) {
        index_t flat = tile + done;
        const index_t column = flat % columns.tiles;
        const index_t row = (flat /= columns.tiles) % rows.tiles;
        const index_t phase = (flat /= rows.tiles) % columns.phases;
        const index_t line = (flat /= columns.phases) % rows.phases;
        const WinogradRun run{flat / rows.phases,
                              {row * m * plan.axes[0].dilation + line, column * m * plan.axes[1].dilation + phase},
                              std::min({count - done, columns.tiles - column, longest})};
        if (run.first[0] < plan.axes[0].output && run.first[1] < plan.axes[1].output) {
            f(run, done);
        }
        done += run.tiles;
    }
}

/// Scratch memory of one worker.
template <class T, index_t M>
struct WinogradScratch {
    static constexpr index_t points = (M + 2) * (M + 2);
    static constexpr index_t longest_run = 16;

    index_t lanes;
    index_t pitch;  ///< of a strip
    WinogradLayout input_layout;
    WinogradLayout product_layout;
    T* strip = nullptr;
    T* start = nullptr;
    T* input = nullptr;
    T* product = nullptr;

    WinogradScratch(simd::Isa isa, index_t channels, index_t outputs, index_t tiles)
        : lanes(strip_lanes<T>(isa)),
          pitch((M * longest_run + 2) * lanes),
          input_layout(WinogradLayout::of<T>(divide_up(channels, lanes) * lanes, tiles)),
          product_layout(WinogradLayout::of<T>(packed_size(outputs, 1, tile_of<T>(isa).columns), tiles)) {}

    index_t size() const { return (M + 2) * pitch + lanes + points * (input_layout.stride + product_layout.stride); }
    void place(T* memory) {
        input = memory;
        product = input + points * input_layout.stride;
        strip = product + points * product_layout.stride;
        start = strip + (M + 2) * pitch;
    }
};

/// Tiles at once: as many as take 320 KiB, but enough to read the weights seldom. With 512 KiB, all of a Zen 3's L2 cache, a block of
/// ResNet-18 with 64 channels takes as long on one core (2.02 and 2.04 ms) and longer on two (1.29 and 1.44). Those of AVX-512 machines
/// have 1 or 2 MiB: with 960 KiB 128 channels of 28 × 28 take 580 µs on a Sapphire Rapids, not 610, and on two cores 305, not 365.
template <class T>
constexpr index_t winograd_tiles(simd::Isa isa, index_t points, index_t widths) {
    const index_t budget = (isa == simd::Isa::avx512 ? 960 : 320) * 1024 / static_cast<index_t>(sizeof(T));
    return std::max<index_t>(budget / (points * widths), 24);
}

/// A call, and what it does with the tiles from the flat number `tile` on, `count` of them, in the scratch memory of a task.
template <class T, index_t M>
struct WinogradCall {
    using Scratch = WinogradScratch<T, M>;

    const ConvPlan<2>& plan;
    const Batch<const T, 3>& x;
    const WinogradWeight<T>& weight;
    const T* bias;
    const Batch<T, 3>& y;
    const Finish<T>& finish;

    /// V of channels first … last − 1 of those of the group from `block` on.
    void transform_inputs(const Scratch& s, index_t group, index_t tile, index_t count, index_t block, index_t first, index_t last) const {
        each_winograd_run(plan, M, s.longest_run, tile, count, [&](const WinogradRun& run, index_t before) {
            StripInput<T> in{x[run.item], plan.axes, 0, 0, {}, M + 2, M * run.tiles + 2, s.strip, s.pitch};
            in.first = {run.first[0] - plan.axes[0].before, run.first[1] - plan.axes[1].before};
            for (index_t channel = first; channel < last; channel += s.lanes) {
                in.channel = group * weight.channels + block + channel;
                in.channels = std::min(s.lanes, last - channel);
                load_strip(weight.isa, in);
                simd::run<T>(weight.isa, [&](auto target) NN_INLINE_LAMBDA {
                    transform_input<decltype(target), M>(s.strip, s.pitch, run.tiles, s.input_layout,
                                                         s.input + before * s.input_layout.width + channel);
                });
            }
        });
    }

    /// M = or += V · U for the outputs of `s` from `first` on, over the channels from `block` on.
    void multiply(const Scratch& s, index_t group, index_t count, index_t block, index_t depth, index_t first) const {
        const index_t all = packed_size(weight.outputs, 1, weight.width());
        multiply_points(weight.isa, WinogradProduct<T>{.points = s.points,
                                                       .tiles = count,
                                                       .depth = depth,
                                                       .input = s.input,
                                                       .input_layout = s.input_layout,
                                                       .panels = weight.block(group, block) + first * depth,
                                                       .panel_step = all * depth,
                                                       .product = s.product,
                                                       .product_layout = s.product_layout,
                                                       .add = block > 0});
    }

    /// y of outputs first … last − 1 of the group.
    void transform_outputs(const Scratch& s, index_t group, index_t tile, index_t count, index_t first, index_t last) const {
        each_winograd_run(plan, M, s.longest_run, tile, count, [&](const WinogradRun& run, index_t before) {
            const auto left = [&](std::size_t axis) {
                return divide_up(plan.axes[axis].output - run.first[axis], plan.axes[axis].dilation);
            };
            const View<T, 3> image = y[run.item];
            StripOutput<T> out{nullptr, image.strides, 0, std::min(M, left(0)), std::min(M * run.tiles, left(1)), s.strip, s.pitch};
            out.steps[1] = step_between(out.rows, plan.axes[0].dilation, out.steps[1]);
            out.steps[2] = step_between(out.count, plan.axes[1].dilation, out.steps[2]);
            for (index_t output = first; output < last; output += s.lanes) {
                const index_t of_all = group * weight.outputs + output;
                out.channels = std::min(s.lanes, last - output);
                out.to = &image(of_all, run.first[0], run.first[1]);
                for (index_t c = 0; c < s.lanes; ++c) {
                    s.start[c] = bias != nullptr && c < out.channels ? bias[of_all + c] : T(0);
                }
                simd::run<T>(weight.isa, [&](auto target) NN_INLINE_LAMBDA {
                    transform_output<decltype(target), M>(s.product + before * s.product_layout.width + output - first, s.product_layout,
                                                          run.tiles, s.start, s.strip, s.pitch);
                });
                for (index_t row = 0; finish && row < out.rows; ++row) {
                    finish(s.strip + row * s.pitch, out.count * s.lanes);
                }
                store_strip(weight.isa, out);
            }
        });
    }
};

template <class T, index_t M>
void run_winograd(const ConvPlan<2>& plan, const Batch<const T, 3>& x, const WinogradWeight<T>& weight, const T* bias, const Batch<T, 3>& y,
                  Workspace& workspace, const Finish<T>& finish) {
    const WinogradCall<T, M> call{plan, x, weight, bias, y, finish};
    constexpr index_t points = WinogradScratch<T, M>::points;
    const index_t tiles = winograd_tile_count(plan, weight.tile, y.count());
    if (tiles == 0) {
        return;
    }
    const index_t deepest = std::min(weight.channels, winograd_depth);
    const WinogradScratch<T, M> widths(weight.isa, deepest, weight.outputs, 1);
    const index_t most = winograd_tiles<T>(weight.isa, points, widths.input_layout.width + widths.product_layout.width);
    // As many tiles at a time for every worker or, where there are few, a part of their outputs.
    const ExecutorRef executor = workspace.executor();
    const index_t workers = executor.workers();
    const index_t fewest = divide_up(tiles, most);
    const bool few = fewest * weight.groups < workers;
    const index_t evenly = divide_up(tiles, few ? fewest : divide_up(fewest, workers) * workers);
    // Rows of the product by sixes and fours; several workers rather get equal shares.
    const index_t at_once = workers > 1 ? evenly : std::min(most, evenly + evenly % 2);
    const index_t blocks = divide_up(tiles, at_once);
    const index_t panels = widths.product_layout.width / weight.width();
    const index_t parts = few ? std::clamp<index_t>(panels, 1, workers) : 1;
    const index_t part_outputs = divide_up(panels, parts) * weight.width();

    const WinogradScratch<T, M> shape(weight.isa, deepest, std::min(part_outputs, weight.outputs), at_once);
    const auto frame = workspace.frame();
    T* const memory = frame.template take<T>(workers * shape.size());
    const auto scratch_of = [&](index_t task) {
        WinogradScratch<T, M> scratch = shape;
        scratch.place(memory + task * shape.size());
        return scratch;
    };
    const auto tiles_of = [&](index_t block) { return std::min(at_once, tiles - block * at_once); };
    const auto depth_of = [&](index_t channel) { return std::min(deepest, weight.channels - channel); };

    if (parts == 1) {
        executor.for_each(blocks * weight.groups, [&](index_t task, index_t worker) {
            const WinogradScratch<T, M> s = scratch_of(worker);
            const index_t group = task % weight.groups;
            const index_t block = task / weight.groups;
            for (index_t channel = 0; channel < weight.channels; channel += deepest) {
                call.transform_inputs(s, group, block * at_once, tiles_of(block), channel, 0, depth_of(channel));
                call.multiply(s, group, tiles_of(block), channel, depth_of(channel), 0);
            }
            call.transform_outputs(s, group, block * at_once, tiles_of(block), 0, weight.outputs);
        });
        return;
    }
    // Each transforms some of the inputs for all, then makes a part of the outputs. With all inputs for itself a block of ResNet-18 with
    // 256 channels took 1.86 ms on two cores, not 1.62, and one with 512 took 2.98, not 2.82.
    T* const input = scratch_of(0).input;
    for (index_t task = 0; task < blocks * weight.groups; ++task) {
        const index_t group = task % weight.groups;
        const index_t block = task / weight.groups;
        for (index_t channel = 0; channel < weight.channels; channel += deepest) {
            const index_t depth = depth_of(channel);
            const index_t share = divide_up(divide_up(depth, shape.lanes), workers) * shape.lanes;
            executor.for_each(divide_up(depth, share), [&](index_t part, index_t) {
                WinogradScratch<T, M> s = scratch_of(part);
                s.input = input;
                call.transform_inputs(s, group, block * at_once, tiles_of(block), channel, part * share,
                                      std::min((part + 1) * share, depth));
            });
            executor.for_each(divide_up(weight.outputs, part_outputs), [&](index_t part, index_t) {
                WinogradScratch<T, M> s = scratch_of(part);
                s.input = input;
                const index_t first = part * part_outputs;
                const index_t last = std::min(first + part_outputs, weight.outputs);
                s.product_layout.width = packed_size(last - first, 1, weight.width());
                call.multiply(s, group, tiles_of(block), channel, depth, first);
                if (channel + depth == weight.channels) {
                    call.transform_outputs(s, group, block * at_once, tiles_of(block), first, last);
                }
            });
        }
    }
}

}  // namespace detail

/// Whether `winograd` computes this convolution.
inline bool winograd_fits(const ConvPlan<2>& plan) {
    const auto fits = [](const WindowAxis& axis) { return axis.kernel == 3 && axis.stride == 1 && axis.input_dilation == 1; };
    return fits(plan.axes[0]) && fits(plan.axes[1]) && !plan.folds;
}

/// Elements of scratch that `winograd` takes at most for each worker, whatever the image, for C/G channels and O/G outputs: the
/// transformed inputs and products of as many tiles as take 320 KiB, with AVX-512 960, or of 24 if that is more, and a strip of 16 tiles.
template <class T>
constexpr index_t winograd_scratch(simd::Isa isa, WinogradTile tile, index_t channels, index_t outputs) {
    const auto size = [&]<index_t M>(std::integral_constant<index_t, M>) {
        using Scratch = detail::WinogradScratch<T, M>;
        const index_t deepest = std::min(channels, detail::winograd_depth);
        const Scratch one(isa, deepest, outputs, 1);
        const index_t tiles = detail::winograd_tiles<T>(isa, Scratch::points, one.input_layout.width + one.product_layout.width);
        return Scratch(isa, deepest, outputs, tiles).size();
    };
    return tile == WinogradTile::f2 ? size(std::integral_constant<index_t, 2>()) : size(std::integral_constant<index_t, 4>());
}

/// y = w ⋆ x + bias, and then `finish` if any, for a plan that `winograd_fits`. Items of x are (C, L₁, L₂), of y (O, M₁, M₂); `bias` holds
/// O elements, or is null.
template <class T>
void winograd(const ConvPlan<2>& plan, const Batch<const T, 3>& x, const WinogradWeight<T>& weight, const T* bias, const Batch<T, 3>& y,
              Workspace& workspace, const Finish<T>& finish = {}) {
    if (weight.tile == WinogradTile::f2) {
        detail::run_winograd<T, 2>(plan, x, weight, bias, y, workspace, finish);
    } else {
        detail::run_winograd<T, 4>(plan, x, weight, bias, y, workspace, finish);
    }
}

NN_KERNEL(void winograd(const ConvPlan<2>&, const Batch<const float, 3>&, const WinogradWeight<float>&, const float*,
                        const Batch<float, 3>&, Workspace&, const Finish<float>&));
NN_KERNEL(void winograd(const ConvPlan<2>&, const Batch<const double, 3>&, const WinogradWeight<double>&, const double*,
                        const Batch<double, 3>&, Workspace&, const Finish<double>&));

}  // namespace nn::inline NN_ABI::kernels
