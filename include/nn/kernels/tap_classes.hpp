// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::all_of, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <numeric>    // std::gcd
#include <optional>   // std::optional

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/packed_conv.hpp>

namespace nn::inline NN_ABI::kernels {

/// The taps of an axis in classes: k, k + period, k + 2 · period, … are used by the same windows.
struct TapAxis {
    index_t kernel = 1;
    index_t period = 1;

    TapAxis() = default;
    TapAxis(index_t kernel_, index_t dilation, index_t input_dilation)
        : kernel(kernel_), period(input_dilation / std::gcd(dilation, input_dilation)) {}

    index_t classes() const { return std::min(kernel, period); }
    /// In a class, and in all classes before it.
    index_t taps(index_t of) const { return kernel / period + (of < kernel % period ? 1 : 0); }
    index_t before(index_t of) const { return kernel / period * of + std::min(of, kernel % period); }
};

/// The classes of the taps of a convolution, one for each combination of its axes', row-major. A weight sorted by them holds one
/// (O, C/G · taps of the class) after the other.
template <std::size_t N>
struct TapClasses {
    std::array<TapAxis, N> axes;

    /// One class has all taps.
    bool one() const {
        return std::all_of(axes.begin(), axes.end(), [](const TapAxis& axis) { return axis.classes() == 1; });
    }

    /// ΠK, and those of a class.
    index_t taps() const {
        index_t count = 1;
        for (const TapAxis& axis : axes) {
            count *= axis.kernel;
        }
        return count;
    }
    index_t taps(const std::array<index_t, N>& of) const {
        index_t count = 1;
        for (std::size_t axis = 0; axis < N; ++axis) {
            count *= axes[axis].taps(of[axis]);
        }
        return count;
    }
    /// Taps of all classes before this one.
    index_t before(const std::array<index_t, N>& of) const {
        index_t total = 0;
        index_t outer = 1;  // taps in this class of the axes so far; all of those that follow
        for (std::size_t axis = 0; axis < N; ++axis) {
            total = total * axes[axis].kernel + outer * axes[axis].before(of[axis]);
            outer *= axes[axis].taps(of[axis]);
        }
        return total;
    }

    /// Calls f(taps before the class, taps of the class) for each.
    template <class F>
    void each(const F& f) const {
        std::array<index_t, N> of{};
        do {
            f(before(of), taps(of));
        } while (detail::advance(of, [&](std::size_t axis) { return axes[axis].classes(); }));
    }

    /// Whether some class, or every one, has too few products for panels.
    bool some_few(index_t channels, index_t outputs) const {
        bool some = false;
        each([&](index_t, index_t count) { some = some || few_products(channels, outputs, count); });
        return some;
    }
    bool all_few(index_t channels, index_t outputs) const {
        bool all = true;
        each([&](index_t, index_t count) { all = all && few_products(channels, outputs, count); });
        return all;
    }
};

/// A weight (O, C/G, K₁ … K_N), times its mask if any, sorted by the classes of its taps.
template <class T, std::size_t N>
const T* sort_taps(const TapClasses<N>& classes, const View<const T, N + 2>& weight, const std::optional<View<const T, N + 2>>& mask,
                   const Workspace::Frame& frame) {
    struct Place {
        index_t to;
        index_t step;  ///< from one channel to the next
        index_t from;
        index_t mask;
    };
    T* const sorted = frame.template take<T>(weight.size());
    const index_t rows = weight.shape[0] * weight.shape[1];
    const index_t taps = rows == 0 ? 0 : weight.size() / rows;
    Place* const places = frame.template take<Place>(taps);
    std::array<index_t, N> tap{};
    for (index_t k = 0; k < taps; ++k) {
        std::array<index_t, N> of;
        index_t within = 0;
        Place& place = places[k];
        place = {};
        for (std::size_t axis = 0; axis < N; ++axis) {
            of[axis] = tap[axis] % classes.axes[axis].period;
            within = within * classes.axes[axis].taps(of[axis]) + tap[axis] / classes.axes[axis].period;
            place.from += tap[axis] * weight.strides[axis + 2];
            place.mask += mask ? tap[axis] * mask->strides[axis + 2] : 0;
        }
        place.to = rows * classes.before(of) + within;
        place.step = classes.taps(of);
        detail::advance(tap, [&](std::size_t axis) { return weight.shape[axis + 2]; });
    }
    for (index_t row = 0; row < rows; ++row) {
        const index_t o = row / weight.shape[1];
        const index_t c = row % weight.shape[1];
        const T* const from = weight.data + o * weight.strides[0] + c * weight.strides[1];
        if (mask) {
            const T* const factor = mask->data + o * mask->strides[0] + c * mask->strides[1];
            for (index_t k = 0; k < taps; ++k) {
                sorted[places[k].to + row * places[k].step] = from[places[k].from] * factor[places[k].mask];
            }
        } else {
            for (index_t k = 0; k < taps; ++k) {
                sorted[places[k].to + row * places[k].step] = from[places[k].from];
            }
        }
    }
    return sorted;
}

/// How a weight (O, C/G · ΠK) is packed, without panels yet, for so many windows; for one call or many.
template <class T, std::size_t N>
PackedConv<T> class_packing(simd::Isa isa, const TapClasses<N>& classes, index_t outputs, index_t channels, index_t groups, index_t windows,
                            const ChannelsLast& last, Calls calls) {
    const DepthBlocks depth{channels, classes.taps()};
    const Rows rows = classes.one() ? rows_for<T>(isa, outputs / groups, windows, depth, last, calls) : Rows::outputs;
    return {isa, rows, groups, outputs / groups, depth, nullptr};
}

/// Packs a sorted weight into `out`, class by class.
template <class T, std::size_t N>
PackedConv<T> pack_classes(PackedConv<T> packed, const TapClasses<N>& classes, const T* weight, T* out) {
    const index_t outputs = packed.groups * packed.outputs;
    const index_t channels = packed.depth.channels;
    classes.each([&](index_t before, index_t taps) {
        const View<const T, 2> matrix = contiguous(weight + outputs * channels * before, Shape<2>{outputs, channels * taps});
        pack_conv(packed.with_taps(taps), matrix, out + packed.with_taps(before).size());
    });
    packed.panels = out;
    return packed;
}

}  // namespace nn::inline NN_ABI::kernels
