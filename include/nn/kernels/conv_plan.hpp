// SPDX-License-Identifier: MIT
#pragma once

#include <array>     // std::array
#include <cstddef>   // std::size_t
#include <optional>  // std::optional

#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

/// A convolution whose numbers are all known: items x (C, L₁ … L_N), y (O, M₁ … M_N), weight (O, C/G · ΠK).
template <std::size_t N>
struct ConvPlan {
    std::array<WindowAxis, N> axes;
    index_t groups = 1;
    /// For the adjoint of a convolution that pads: the result is that of the padded image, and window o of an axis is added to the cell
    /// of y that its padding, position o − p₀, is a copy of. `input` is the extent of y.
    std::optional<std::array<WindowAxis, N>> folds = std::nullopt;

    /// The cell of y along an axis that a window belongs to, or −1.
    index_t cell(std::size_t axis, index_t window) const {
        return folds ? (*folds)[axis].cell((*folds)[axis].position(window, 0)) : window;
    }

    /// ΠM
    constexpr index_t windows() const {
        index_t count = 1;
        for (const WindowAxis& axis : axes) {
            count = saturating_multiply(count, axis.output);
        }
        return count;
    }

    /// ΠK
    constexpr index_t taps() const {
        index_t count = 1;
        for (const WindowAxis& axis : axes) {
            count = saturating_multiply(count, axis.kernel);
        }
        return count;
    }
};

namespace detail {

/// Where a column of the im2col matrix belongs: output positions of all items counted through in row-major order.
template <std::size_t N>
struct OutputPosition {
    index_t item = 0;
    std::array<index_t, N> window{};
};
template <std::size_t N>
OutputPosition<N> output_position(const std::array<WindowAxis, N>& axes, index_t flat) {
    OutputPosition<N> position;
    for (std::size_t axis = N; axis-- > 0;) {
        position.window[axis] = flat % axes[axis].output;
        flat /= axes[axis].output;
    }
    position.item = flat;
    return position;
}

/// Steps `counter` to the next index of an array with these extents, row-major; false after the last.
template <std::size_t N, class Extent>
bool advance(std::array<index_t, N>& counter, const Extent& extent) {
    for (std::size_t axis = N; axis-- > 0;) {
        if (++counter[axis] < extent(axis)) {
            return true;
        }
        counter[axis] = 0;
    }
    return false;
}

}  // namespace detail

}  // namespace nn::inline NN_ABI::kernels
