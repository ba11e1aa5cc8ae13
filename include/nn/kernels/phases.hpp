// SPDX-License-Identifier: MIT
#pragma once

// Convolutions over an input with zeros between its cells, the transposed ones above all, without the products with those zeros.
//
// Window o of an axis reads position s·o + d·k − p₀ at tap k: a cell where l, the input dilation, divides it, else a zero. So windows o and
// o + l / gcd(s, l) use the same taps, every l / gcd(d, l)-th: each such phase is an ordinary convolution.
//
// A result is the chain of multiply-adds that it would be with the zeros: bias, then channels and taps in order. Leaving out w · 0 changes
// no bits where w is finite, but that of a sum that is −0.

#include <algorithm>  // std::any_of, std::clamp, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <numeric>    // std::gcd
#include <optional>   // std::optional

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/packed_conv.hpp>
#include <nn/kernels/simd.hpp>
#include <nn/kernels/tap_classes.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// The weight of one class, as `convolve` takes it.
template <class T>
struct ClassWeight {
    const T* matrix;
    PackedConv<T> packed;

    const T* dense() const { return matrix; }
    const PackedConv<T>& panels() const { return packed; }
};

/// Windows r, r + period, … of an axis as an axis of their own, over an input without zeros between.
struct Phase {
    WindowAxis windows;
    index_t taps_of = -1;  ///< the class of the taps that they use, or none: −1
    index_t period;

    Phase(const WindowAxis& axis, index_t r) : windows(axis) {
        const index_t common = std::gcd(axis.stride, axis.input_dilation);
        const TapAxis taps(axis.kernel, axis.dilation, axis.input_dilation);
        period = axis.input_dilation / common;
        windows.stride = axis.stride / common;
        windows.dilation = axis.dilation / (axis.input_dilation / taps.period);
        windows.input_dilation = 1;
        windows.output = r < axis.output ? divide_up(axis.output - r, period) : 0;
        for (index_t tap = 0; tap < taps.classes() && taps_of < 0; ++tap) {
            const index_t position = axis.position(r, tap);
            if (position % axis.input_dilation == 0) {
                taps_of = tap;
                windows.kernel = taps.taps(tap);
                windows.before = -position / axis.input_dilation;
            }
        }
    }

    /// Leaves windows first … first + count − 1, as far as there are so many.
    void cut(index_t first, index_t count) {
        windows.before -= windows.stride * first;
        windows.output = std::clamp<index_t>(windows.output - first, 0, count);
    }
};

/// The windows of each phase in blocks of at most `room` windows.
template <std::size_t N>
struct PhaseBlocks {
    TapClasses<N> classes;
    std::array<index_t, N> period;  ///< phases of an axis
    std::array<index_t, N> extent;  ///< windows of the first of them, which has most
    std::array<index_t, N> block;
    index_t windows = 1;  ///< of a block
    index_t blocks = 1;   ///< for which there is room

    PhaseBlocks(const std::array<WindowAxis, N>& axes, index_t room) : blocks(room) {
        for (std::size_t axis = N; axis-- > 0;) {
            const Phase first(axes[axis], 0);
            classes.axes[axis] = {axes[axis].kernel, axes[axis].dilation, axes[axis].input_dilation};
            period[axis] = first.period;
            extent[axis] = first.windows.output;
            block[axis] = std::clamp<index_t>(blocks, 1, extent[axis]);
            windows *= block[axis];
            blocks /= block[axis];
        }
    }
};

/// `count` items of a batch, one, or some of a uniform one, as one array.
template <class T, std::size_t K>
View<T, K + 1> items_of(const Batch<T, K>& batch, index_t first, index_t count) {
    View<T, K + 1> items = batch.stacked();
    items.data = batch[first].data;
    items.shape[0] = count;
    return items;
}

/// Adds results to the cells of y that the folds of a plan say. Window i of axis a is that of the result first[a] + i · period.
template <class T, std::size_t N>
void fold(const ConvPlan<N>& plan, const View<const T, N + 2>& results, const std::array<index_t, N>& first, const View<T, N + 2>& y,
          index_t* offsets) {
    std::array<index_t, N> window{};
    index_t count = 0;
    if (element_count(results.shape) == 0) {
        return;
    }
    do {
        offsets[count] = 0;
        for (std::size_t axis = 0; axis < N; ++axis) {
            const index_t period = plan.axes[axis].input_dilation;  // with stride 1
            offsets[count] += plan.cell(axis, first[axis] + window[axis] * period) * y.strides[axis + 2];
        }
        ++count;
    } while (advance(window, [&](std::size_t axis) { return results.shape[axis + 2]; }));
    for (index_t item = 0; item < y.shape[0]; ++item) {
        for (index_t output = 0; output < y.shape[1]; ++output) {
            T* const to = y.data + item * y.strides[0] + output * y.strides[1];
            const T* const from = results.data + (item * y.shape[1] + output) * count;
            for (index_t i = 0; i < count; ++i) {
                to[offsets[i]] += from[i];
            }
        }
    }
}

/// Writes rows of results of two phases by turns, row-major, the second as long as the first or shorter by one. `y` begins at the first
/// even cell; its last stride is taken as 1.
template <class T, std::size_t N>
void write_pairs(const View<T, N + 2>& even, const View<T, N + 2>& odd, const View<T, N + 2>& y) {
    simd::run<T, simd::Avx2>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA {
        using Target = decltype(target);
        constexpr index_t lanes = Target::template lanes<T>;
        const index_t evens = even.shape[N + 1];
        const index_t odds = odd.shape[N + 1];
        const T* a = even.data;
        const T* b = odd.data;
        std::array<index_t, N + 1> row{};
        for (index_t rows = evens > 0 ? element_count(even.shape) / evens : 0; rows-- > 0; a += evens, b += odds) {
            T* to = y.data;
            for (std::size_t axis = 0; axis <= N; ++axis) {
                to += row[axis] * y.strides[axis];
            }
            index_t j = 0;
            if constexpr (simd::available<T>) {
                typename simd::VectorOf<T, Target>::type first;
                typename simd::VectorOf<T, Target>::type second;
                for (; j + lanes <= odds; j += lanes) {
                    simd::load(first, a + j);
                    simd::load(second, b + j);
                    simd::store_pairs(first, second, to + 2 * j);
                }
            }
            for (; j < odds; ++j) {
                to[2 * j] = a[j];
                to[2 * j + 1] = b[j];
            }
            if (j < evens) {
                to[2 * j] = a[j];
            }
            advance(row, [&](std::size_t axis) { return even.shape[axis]; });
        }
    });
}

}  // namespace detail

/// Whether `by_phases` is to take a plan.
template <std::size_t N>
bool has_phases(const ConvPlan<N>& plan) {
    return plan.folds || std::any_of(plan.axes.begin(), plan.axes.end(), [](const WindowAxis& axis) { return axis.input_dilation > 1; });
}

/// y = w ⋆ x + bias and then `finish` if any, over an x with zeros between its cells, and with the folds of the plan. `weight` is as
/// `kernels::convolve` takes it, sorted by the classes of its taps; `convolve(plan, x, weight, bias, y)` does a phase.
///
/// Phases are made of a block of windows at a time, then written where they belong: scratch is 128 KiB, or the results of 32 windows of a
/// phase, or of two where y has rows of two phases by turns. What runs out of memory leaves y as it was.
template <class T, std::size_t N, class Weight, class Convolve>
void by_phases(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const Weight& weight, const T* bias, const Batch<T, N + 1>& y,
               Workspace& workspace, const Finish<T>& finish, const Convolve& convolve) {
    const index_t all_outputs = y.item()[0];
    const index_t channels = x.item()[0] / plan.groups;
    const index_t outputs = all_outputs / plan.groups;
    // A depthwise convolution may run over channels that lie side by side.
    const bool channels_last = !plan.folds && channels == 1 && outputs == 1 && x.item_strides()[0] == 1 && y.item_strides()[0] == 1;
    // Two phases by turns are written together: of 64 channels of 56 × 56 in 32 µs on Zen 3, one after the other in 86.
    const bool pairs = simd::available<T> && !plan.folds && !channels_last && detail::Phase(plan.axes[N - 1], 0).period == 2 &&
                       plan.axes[N - 1].output > 1 && y.item_strides()[N] == 1;
    constexpr index_t budget = 128 * 1024 / static_cast<index_t>(sizeof(T));
    const index_t room = std::max<index_t>(budget / all_outputs / (pairs ? 64 : 32), 1) * 32;
    const detail::PhaseBlocks<N> blocks(plan.axes, room);
    const index_t size = all_outputs * blocks.windows;
    const bool whole = blocks.block == blocks.extent && x.uniform() && y.uniform();
    const index_t at_once = whole ? std::clamp<index_t>(blocks.blocks, 1, y.count()) : 1;

    const T* const dense = weight.dense();
    std::optional<PackedConv<T>> packed;
    if (!simd::available<T> || dense == nullptr || !blocks.classes.all_few(channels, outputs)) {
        packed = weight.panels();
    }
    const auto frame = workspace.frame();
    index_t phases = 1;
    for (const index_t period : blocks.period) {
        phases = saturating_multiply(phases, period);
    }
    // Small results are all made before the first is written; else the memory that they take is asked for before: no phase may fail then.
    const bool at_end = blocks.block == blocks.extent && y.count() <= at_once && saturating_multiply(phases, at_once * size) <= budget;
    T* const scratch = frame.template take<T>(at_once * size * (at_end ? phases : pairs ? 2 : 1));
    index_t* const offsets = plan.folds ? frame.template take<index_t>(blocks.windows) : nullptr;

    // All phases of a block of items: makes them, writes them, or does both by turns.
    const auto run = [&](index_t item, bool makes, bool writes) {
        const index_t items = std::min(at_once, y.count() - item);
        const View<const T, N + 2> input = detail::items_of(x, item, items);
        const View<T, N + 2> result = detail::items_of(y, item, items);
        const auto start = [&](const View<T, N + 2>& cells) {
            for (index_t i = 0; i < items; ++i) {
                for (index_t output = 0; output < all_outputs; ++output) {
                    transform(at(at(cells, i), output), [&] { return bias != nullptr ? bias[output] : T(0); });
                }
            }
        };
        if (plan.folds && writes) {
            start(result);
        }
        std::array<index_t, N> place{};
        do {
            std::array<index_t, N> r{};
            View<T, N + 2> even;  // of a pair of phases, the first
            index_t number = 0;
            do {
                ConvPlan<N> phase{.axes = plan.axes, .groups = plan.groups};
                std::array<index_t, N> taps_of;
                std::array<index_t, N> window;
                View<T, N + 2> to = result;
                View<T, N + 2> made{scratch, {items, all_outputs}, {}};
                bool taps = true;
                for (std::size_t axis = 0; axis < N; ++axis) {
                    detail::Phase on(plan.axes[axis], r[axis]);
                    const index_t first = place[axis] * blocks.block[axis];
                    on.cut(first, blocks.block[axis]);
                    phase.axes[axis] = on.windows;
                    taps_of[axis] = on.taps_of;
                    taps = taps && on.taps_of >= 0;
                    window[axis] = r[axis] + first * blocks.period[axis];
                    made.shape[axis + 2] = on.windows.output;
                    if (!plan.folds) {
                        to.data += window[axis] * to.strides[axis + 2];
                        to.shape[axis + 2] = on.windows.output;
                        to.strides[axis + 2] *= on.windows.output > 1 ? blocks.period[axis] : 1;
                    }
                }
                made.strides = row_major(made.shape);
                if (channels_last) {
                    made.strides[1] = 1;
                    for (std::size_t axis = 0; axis < N; ++axis) {
                        made.strides[axis + 2] *= all_outputs;
                    }
                }
                const bool second = pairs && r[N - 1] == 1;
                made.data += (at_end ? number : second ? 1 : 0) * at_once * size;
                ++number;
                if (makes && phase.windows() > 0 && taps) {
                    const index_t before = blocks.classes.before(taps_of);
                    detail::ClassWeight<T> part{dense != nullptr ? dense + all_outputs * channels * before : nullptr, {}};
                    if (packed) {
                        part.packed = packed->with_taps(blocks.classes.taps(taps_of));
                        part.packed.panels += packed->with_taps(before).size();
                    }
                    convolve(phase, Batch<const T, N + 1>(input), part, plan.folds ? nullptr : bias, Batch<T, N + 1>(made));
                } else if (makes && !plan.folds && (writes || at_end)) {
                    start(made);
                }
                if (!writes) {
                    continue;
                }
                if (plan.folds && taps) {
                    detail::fold<T, N>(plan, made, window, to, offsets);
                } else if (plan.folds) {
                    continue;
                } else if (second) {
                    to.data -= 1;
                    detail::write_pairs<T, N>(even, made, to);
                } else if (pairs) {
                    even = made;
                } else {
                    transform(
                        to, [](T value) { return value; }, View<const T, N + 2>(made));
                }
            } while (detail::advance(r, [&](std::size_t axis) { return std::min(blocks.period[axis], plan.axes[axis].output); }));
            if (finish && !plan.folds && writes) {
                View<T, N + 2> done = result;
                for (std::size_t axis = 0; axis < N; ++axis) {
                    const index_t first = place[axis] * blocks.block[axis] * blocks.period[axis];
                    done.data += first * done.strides[axis + 2];
                    done.shape[axis + 2] = std::min(blocks.block[axis] * blocks.period[axis], plan.axes[axis].output - first);
                }
                finish_all(finish, done);
            }
        } while (detail::advance(place, [&](std::size_t axis) { return divide_up(blocks.extent[axis], blocks.block[axis]); }));
        if (finish && plan.folds && writes) {
            finish_all(finish, result);
        }
    };
    if (at_end) {
        run(0, true, false);
        run(0, false, true);
        return;
    }
    const index_t last = (y.count() - 1) / at_once * at_once;
    workspace.rehearse([&] {
        run(0, true, false);
        if (last > 0) {
            run(last, true, false);
        }
    });
    for (index_t item = 0; item < y.count(); item += at_once) {
        run(item, true, true);
    }
}

}  // namespace nn::inline NN_ABI::kernels
