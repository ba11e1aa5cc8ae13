// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::clamp, std::max, std::min
#include <limits>     // std::numeric_limits

#include <nn/core/index.hpp>
#include <nn/core/padding.hpp>

namespace nn::inline NN_ABI::kernels {

/// Of windows or of cells.
struct Range {
    index_t first = 0;
    index_t last = 0;  ///< one past

    index_t size() const { return last - first; }
    /// What this and `other` have in common, or nothing.
    Range in(const Range& other) const {
        const index_t begin = std::clamp(first, other.first, other.last);
        return {begin, std::clamp(last, begin, other.last)};
    }
};

/// Elements from one of `count` windows to the next, where cells lie `step` apart; of one window 0: with its stride they may be more than
/// an index counts.
constexpr index_t step_between(index_t count, index_t stride, index_t step) { return count > 1 ? stride * step : 0; }

/// One axis of a sliding window: tap k of window o reads position s·o + d·k − p₀ of the input, whose cells lie `input_dilation` apart.
struct WindowAxis {
    index_t input = 1;   ///< L, cells
    index_t output = 1;  ///< M, windows
    index_t kernel = 1;
    index_t stride = 1;
    index_t dilation = 1;
    index_t input_dilation = 1;
    index_t before = 0;  ///< p₀
    PaddingMode mode = PaddingMode::zeros;

    /// Cells from the first tap to the last.
    index_t span() const { return saturating_add(saturating_multiply(dilation, kernel - 1), 1); }

    index_t position(index_t window, index_t tap) const { return stride * window - before + dilation * tap; }

    /// The cell at `position`, or −1 where a zero is read.
    index_t cell(index_t position) const {
        if (position >= 0 && position < input && input_dilation == 1) {
            return position;
        }
        switch (mode) {
            case PaddingMode::zeros: {
                const bool between = position < 0 || position % input_dilation != 0 || position / input_dilation >= input;
                return between ? -1 : position / input_dilation;
            }
            case PaddingMode::replicate: return std::clamp<index_t>(position, 0, input - 1);
            case PaddingMode::circular: return modulo(position, input);
            case PaddingMode::reflect: break;
        }
        const index_t period = std::max<index_t>(2 * (input - 1), 1);
        const index_t folded = modulo(position, period);
        return folded < input ? folded : period - folded;
    }

    /// Of `count` positions from `position` on, `step` apart, those that are cells; of an axis without zeros between cells.
    Range cells_among(index_t position, index_t step, index_t count) const {
        const index_t first = position >= 0 ? 0 : std::min(count, divide_up(-position, step));
        return {first, position >= input ? first : std::clamp(divide_up(input - position, step), first, count)};
    }
    /// Whether windows first … first + count − 1 read cells of the input alone at `tap`, `stride` apart.
    bool inside(index_t first, index_t count, index_t tap) const {
        return input_dilation == 1 && position(first, tap) >= 0 && position(first + count - 1, tap) < input;
    }

    /// The windows that read cells of the input alone.
    Range inside() const {
        if (input_dilation != 1) {
            return {};
        }
        const index_t first = before > 0 ? std::min(divide_up(before, stride), output) : 0;
        const index_t room = saturating_add(input - span(), before);
        return {first, room < 0 ? first : std::max(std::min(saturating_add(room / stride, 1), output), first)};
    }

    /// The positions that some windows read from the first to the last, in the padding too; of an axis without zeros between cells.
    Range reads(const Range& windows) const { return {position(windows.first, 0), position(windows.last - 1, kernel - 1) + 1}; }
    /// Some windows as an axis of their own, over an input that holds these positions alone.
    WindowAxis part(const Range& windows, const Range& positions) const {
        WindowAxis axis = *this;
        axis.input = positions.size();
        axis.output = windows.size();
        axis.before = before - stride * windows.first + positions.first;
        return axis;
    }

    /// Cells beside the first window, those of the padding too; below 0 what it lacks. Saturates only where the sum does: what cancels
    /// comes first.
    index_t beside_first(const Pad& pad) const {
        return saturating_add(saturating_add(saturating_subtract(pad.before, span()), pad.after), spread());
    }

    /// Sets p₀ and M = ⌊(L + p₀ + p₁ − d·(K − 1) − 1) / s⌋ + 1, or 0 where the window does not fit. False where a negative pad crops
    /// more than there is. Beyond what an index_t holds M saturates.
    bool place(const Pad& pad) {
        before = pad.before;
        constexpr index_t most = std::numeric_limits<index_t>::max();
        const index_t rest = beside_first(pad);
        const bool saturated = rest == most || (input_dilation > 1 && spread() == most);
        output = rest < 0 ? 0 : saturated ? most : rest / stride + 1;
        return saturating_add(saturating_add(spread(), pad.before), pad.after) >= 0;
    }

private:
    /// Cells, and the zeros between them.
    index_t spread() const { return input == 0 ? 0 : saturating_add(saturating_multiply(input - 1, input_dilation), 1); }
    static index_t modulo(index_t a, index_t b) { return (a % b + b) % b; }
};

}  // namespace nn::inline NN_ABI::kernels
