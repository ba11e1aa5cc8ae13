// SPDX-License-Identifier: MIT
#pragma once

// Convolutions one after another on some rows of the image at a time, so that what lies between them stays in the L2 cache. Rows are
// indices of the first spatial axis. What is read beside the image lies around it, as zeros: no window has to be looked at for it.

#include <algorithm>  // std::all_of, std::copy, std::fill, std::max, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/kernels/conv_plan.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

/// What lies between two convolutions and the zeros around it: as many rows of an array (C, L₁ … L_N) as are wanted, one after another in
/// memory.
template <class T, std::size_t N>
struct Band {
    View<T, N + 1> memory{};       ///< of as many rows as there is room for
    std::array<Range, N> image{};  ///< where along each axis the image lies; of the first, rows of it
    Range rows{};                  ///< that are held

    /// Lets go of rows before `wanted`, and holds all of these; those that are new. Bands only move on.
    Range move_to(const Range& wanted) {
        const index_t row = memory.strides[1];
        if (rows.first < wanted.first && wanted.first < rows.last) {
            std::copy(memory.data + (wanted.first - rows.first) * row, memory.data + rows.size() * row, memory.data);
        }
        const Range fresh{rows.size() > 0 ? std::max(rows.last, wanted.first) : wanted.first, wanted.last};
        rows = wanted;
        const Range made = fresh.in(image[0]);
        clear({fresh.first, std::min(made.first, fresh.last)});
        clear({std::max(made.last, fresh.first), fresh.last});
        return made;
    }
    /// All that is held, to be read; and some rows of the image in it, to be written.
    View<T, N + 1> held() const { return slice(memory, 0, rows.size(), 1); }
    View<T, N + 1> written(const Range& some) const {
        View<T, N + 1> result = slice(memory, some.first - rows.first, some.size(), 1);
        for (std::size_t axis = 1; axis < N; ++axis) {
            result = slice(result, image[axis].first, image[axis].size(), axis + 1);
        }
        return result;
    }

private:
    void clear(const Range& some) const {
        if (some.size() > 0) {
            std::fill(memory.data + (some.first - rows.first) * memory.strides[1],
                      memory.data + (some.last - rows.first) * memory.strides[1], T(0));
        }
    }
};

/// Convolutions, each of what the one before makes.
template <std::size_t N, std::size_t Count>
struct ConvChain {
    std::array<ConvPlan<N>, Count> plans;

    const WindowAxis& axis(std::size_t conv) const { return plans[conv].axes[0]; }
    /// Rows of the last result.
    index_t rows() const { return axis(Count - 1).output; }

    /// Whether there is nothing but zeros beside what is cut, the rows of x and what lies between, and none between its cells.
    bool has_bands() const {
        const bool x = axis(0).mode == PaddingMode::zeros && axis(0).input_dilation == 1;
        return x && std::all_of(plans.begin() + 1, plans.end(), [](const ConvPlan<N>& plan) {
                   return std::all_of(plan.axes.begin(), plan.axes.end(), [](const WindowAxis& window) {
                       return window.output > 0 && window.mode == PaddingMode::zeros && window.input_dilation == 1;
                   });
               });
    }

    /// The shape of what a band holds, behind a convolution that makes so many channels, for so many rows of the last result at a time.
    Shape<N + 1> room(std::size_t conv, index_t channels, index_t at_once) const {
        index_t windows = at_once;
        for (std::size_t reader = Count - 1; reader > conv; --reader) {
            windows = saturating_add(saturating_multiply(windows - 1, axis(reader).stride), axis(reader).span());
        }
        Shape<N + 1> shape{channels, windows};
        for (std::size_t along = 1; along < N; ++along) {
            const WindowAxis& reader = plans[conv + 1].axes[along];
            shape[along + 1] = padded(reader).size();
        }
        return shape;
    }

    /// Calls run(conv, plan, from, to), band by band and convolution by convolution: that convolution on some of its rows, by a plan of
    /// their own. No element is made twice. `memory[i]` has `room` for so many rows; where its rows lie 0 apart, nothing is kept in it.
    template <class T, class Run>
    void for_each_band(index_t at_once, const View<const T, N + 1>& x, const std::array<View<T, N + 1>, Count - 1>& memory,
                       const View<T, N + 1>& y, const Run& run) const {
        std::array<Band<T, N>, Count - 1> between;
        for (std::size_t conv = 0; conv + 1 < Count; ++conv) {
            between[conv].memory = memory[conv];
            for (std::size_t along = 0; along < N; ++along) {
                const WindowAxis& reader = plans[conv + 1].axes[along];
                const index_t before = along == 0 ? 0 : -padded(reader).first;
                between[conv].image[along] = {before, before + reader.input};
            }
            if (memory[conv].strides[1] != 0) {
                clear_beside(between[conv]);
            }
        }
        for (index_t first = 0; first < rows(); first += at_once) {
            std::array<Range, Count> made;
            made[Count - 1] = {first, std::min(first + at_once, rows())};
            for (std::size_t conv = Count - 1; conv-- > 0;) {
                made[conv] = made[conv + 1].size() > 0 ? between[conv].move_to(axis(conv + 1).reads(made[conv + 1])) : Range();
            }
            for (std::size_t conv = 0; conv < Count; ++conv) {
                if (made[conv].size() == 0) {
                    continue;
                }
                ConvPlan<N> plan = plans[conv];
                const Range cells = conv == 0 ? axis(0).reads(made[0]).in({0, axis(0).input}) : between[conv - 1].rows;
                plan.axes[0] = axis(conv).part(made[conv], cells);
                for (std::size_t along = 1; along < N && conv > 0; ++along) {
                    WindowAxis& window = plan.axes[along];
                    window = window.part({0, window.output}, padded(window));
                }
                const View<const T, N + 1> from = conv == 0 ? slice(x, cells.first, cells.size(), 1) : between[conv - 1].held();
                run(conv, plan, from,
                    conv + 1 == Count ? slice(y, made[conv].first, made[conv].size(), 1) : between[conv].written(made[conv]));
            }
        }
    }

private:
    /// The cells along an axis with the zeros around them that are read.
    static Range padded(const WindowAxis& axis) {
        const Range read = axis.reads({0, axis.output});
        return {std::min<index_t>(read.first, 0), std::max(read.last, axis.input)};
    }
    /// Zeros beside the image in every row, channel by channel, since these lie side by side: 1.3 % of MobileNetV2, not 1.9.
    template <class T>
    static void clear_beside(const Band<T, N>& band) {
        for (std::size_t along = 1; along < N; ++along) {
            for (const Range& some : {Range{0, band.image[along].first}, Range{band.image[along].last, band.memory.shape[along + 1]}}) {
                transform(first_axis_last(slice(band.memory, some.first, some.size(), along + 1)), [] { return T(0); });
            }
        }
    }
};

}  // namespace nn::inline NN_ABI::kernels
