// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::clamp, std::copy, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <limits>     // std::numeric_limits

#include <nn/core/view.hpp>
#include <nn/kernels/window.hpp>

namespace nn::inline NN_ABI::kernels {

/// What a pool does with the cells under a window. A NaN under the window is the answer, as in JAX and PyTorch.
struct Maximum {
    template <class T>
    static constexpr T start = -std::numeric_limits<T>::infinity();
    template <class T>
    static T join(T a, T b) {
        return b > a || b != b ? b : a;
    }
};
struct Minimum {
    template <class T>
    static constexpr T start = std::numeric_limits<T>::infinity();
    template <class T>
    static T join(T a, T b) {
        return b < a || b != b ? b : a;
    }
};
struct Total {
    template <class T>
    static constexpr T start = T(0);
    template <class T>
    static T join(T a, T b) {
        return a + b;
    }
};

struct Range {
    index_t first;
    index_t last;  ///< one past
};

namespace detail {

/// Taps of window `o` that lie on cells of the input.
inline Range taps_inside(const WindowAxis& axis, index_t window) {
    const index_t position = axis.position(window, 0);
    return {std::clamp<index_t>(-position, 0, axis.kernel), std::clamp<index_t>(axis.input - position, 0, axis.kernel)};
}

/// Windows whose tap `tap` lies on a cell of the input.
inline Range windows_inside(const WindowAxis& axis, index_t tap) {
    const index_t shift = axis.position(0, tap);
    const index_t first = shift >= 0 ? 0 : divide_up(-shift, axis.stride);
    const index_t last = shift >= axis.input ? 0 : divide_up(axis.input - shift, axis.stride);
    return {std::min(first, axis.output), std::clamp<index_t>(last, std::min(first, axis.output), axis.output)};
}

}  // namespace detail

/// y = Op of y and the cells of x under each window; cells in the padding do not count. All axes are pooled; one that is not has a
/// window of one. A row of y along the last axis is worked on at a time, tap by tap, so that the inner loop runs along memory in either
/// layout. Cells are joined in row-major order of the taps.
template <class Op, class T, std::size_t R>
void pool(const std::array<WindowAxis, R>& axes, const View<const T, R>& x, const View<T, R>& y) {
    const WindowAxis& axis = axes[0];
    if constexpr (R == 1) {
        // From the first tap that lies on a cell in the last window to the last that does in the first: not all, a window may be far wider.
        const index_t last = detail::taps_inside(axis, 0).last;
        for (index_t tap = detail::taps_inside(axis, axis.output - 1).first; tap < last; ++tap) {
            const Range windows = detail::windows_inside(axis, tap);
            for (index_t o = windows.first; o < windows.last; ++o) {
                y(o) = Op::join(y(o), x(axis.position(o, tap)));
            }
        }
    } else {
        std::array<WindowAxis, R - 1> inner;
        std::copy(axes.begin() + 1, axes.end(), inner.begin());
        for (index_t o = 0; o < axis.output; ++o) {
            const Range taps = detail::taps_inside(axis, o);
            for (index_t tap = taps.first; tap < taps.last; ++tap) {
                pool<Op>(inner, at(x, axis.position(o, tap)), at(y, o));
            }
        }
    }
}

/// The same for windows of any size: window o of an axis covers the cells from `cells(axis, o).first` up to `.last`.
template <class Op, class T, std::size_t R, class Cells>
void pool_cells(const Cells& cells, const View<const T, R>& x, const View<T, R>& y, std::size_t axis = 0) {
    for (index_t o = 0; o < y.shape[0]; ++o) {
        const Range range = cells(axis, o);
        for (index_t cell = range.first; cell < range.last; ++cell) {
            if constexpr (R == 1) {
                y(o) = Op::join(y(o), x(cell));
            } else {
                pool_cells<Op>(cells, at(x, cell), at(y, o), axis + 1);
            }
        }
    }
}

/// y ← y / Π count(axis, window), the number of cells that each window counts; 0 where it counts none.
template <class T, std::size_t R, class Count>
void divide_by_counts(const View<T, R>& y, const Count& count, std::size_t axis = 0, index_t cells = 1) {
    for (index_t o = 0; o < y.shape[0]; ++o) {
        const index_t counted = cells * count(axis, o);
        if constexpr (R == 1) {
            y(o) = counted == 0 ? T(0) : y(o) / static_cast<T>(counted);
        } else {
            divide_by_counts(at(y, o), count, axis + 1, counted);
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels
