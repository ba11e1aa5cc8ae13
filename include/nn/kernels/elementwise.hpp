// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <type_traits>  // std::is_same_v
#include <utility>      // std::index_sequence

#include <nn/core/index.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// Calls `f(offsets, count, steps)` for every row of A arrays that share a shape but not their strides: the first element of the row
/// in each, and the step along it. The row is the axis of smallest stride in the first array, or the whole when all are row-major.
template <std::size_t A, class F>
void for_each_row(std::span<const index_t> shape, const std::array<std::span<const index_t>, A>& strides, const F& f) {
    if (element_count(shape) == 0) {
        return;
    }
    bool dense = true;
    for (const std::span<const index_t> array : strides) {
        index_t expected = 1;
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            dense = dense && (shape[axis] == 1 || array[axis] == expected);
            expected *= shape[axis];
        }
    }
    std::array<index_t, A> steps;
    steps.fill(1);
    if (dense) {
        f(std::array<index_t, A>{}, element_count(shape), steps);
        return;
    }
    std::size_t row = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const auto magnitude = [&](std::size_t which) { return strides[0][which] < 0 ? -strides[0][which] : strides[0][which]; };
        if (shape[axis] > 1 && (shape[row] == 1 || magnitude(axis) <= magnitude(row))) {
            row = axis;
        }
    }
    for (std::size_t array = 0; array < A; ++array) {
        steps[array] = strides[array][row];
    }
    const auto walk = [&](const auto& self, std::size_t axis, std::array<index_t, A> offsets) -> void {
        if (axis == shape.size()) {
            f(offsets, shape[row], steps);
            return;
        }
        for (index_t i = 0; i < (axis == row ? 1 : shape[axis]); ++i) {
            self(self, axis + 1, offsets);
            for (std::size_t array = 0; array < A; ++array) {
                offsets[array] += strides[array][axis];
            }
        }
    };
    walk(walk, 0, {});
}

namespace detail {

template <class T, std::size_t R>
std::span<const index_t> strides_of(const View<T, R>& view) {
    return view.strides;
}
template <class T, std::size_t K>
std::span<const index_t> strides_of(const Batch<T, K>& batch) {
    return batch.strides();
}
template <class T, std::size_t R>
T* data_of(const View<T, R>& view) {
    return view.data;
}
template <class T, std::size_t K>
T* data_of(const Batch<T, K>& batch) {
    return batch.data();
}
template <class T, std::size_t R>
std::span<const index_t> shape_of(const View<T, R>& view) {
    return view.shape;
}
template <class T, std::size_t K>
std::span<const index_t> shape_of(const Batch<T, K>& batch) {
    return batch.shape();
}

}  // namespace detail

/// y = f(x…) element by element; all of one shape. An x may be y itself.
template <class Y, class F, class... X>
void transform(const Y& y, const F& f, const X&... x) {
    const auto row = [&]<std::size_t... I>(std::index_sequence<I...>) {
        for_each_row<1 + sizeof...(X)>(detail::shape_of(y), {detail::strides_of(y), detail::strides_of(x)...},
                                       [&](const auto& offsets, index_t count, const auto& steps) {
                                           auto* const to = detail::data_of(y) + offsets[0];
                                           bool unit = true;
                                           for (const index_t step : steps) {
                                               unit = unit && step == 1;
                                           }
                                           if (unit) {  // a loop that compilers vectorise
                                               for (index_t i = 0; i < count; ++i) {
                                                   to[i] = f((detail::data_of(x) + offsets[1 + I])[i]...);
                                               }
                                           } else {
                                               for (index_t i = 0; i < count; ++i) {
                                                   to[i * steps[0]] = f((detail::data_of(x) + offsets[1 + I])[i * steps[1 + I]]...);
                                               }
                                           }
                                       });
    };
    row(std::index_sequence_for<X...>{});
}

/// A function of one element, run over elements side by side in place: what a kernel does to its results while they are in the cache.
template <class T>
struct Finish {
    const void* function = nullptr;  ///< belongs to the caller; null for none
    void (*run)(const void* function, T* first, index_t count) = nullptr;

    void operator()(T* first, index_t count) const { run(function, first, count); }
    explicit operator bool() const { return function != nullptr; }
};

/// To elements that may lie apart.
template <class T, std::size_t R>
void finish_all(const Finish<T>& finish, const View<T, R>& y) {
    for_each_row<1>(y.shape, {y.strides}, [&](const auto& offsets, index_t count, const auto& steps) {
        for (index_t i = 0; i < count; i += steps[0] == 1 ? count : 1) {
            finish(y.data + offsets[0] + i * steps[0], steps[0] == 1 ? count : 1);
        }
    });
}

/// No function.
struct NoFunction {};

/// `function` has an `apply`, or is a `NoFunction`. The loop is compiled for the machine's vectors.
template <class T, class F>
Finish<T> finish_with([[maybe_unused]] const F& function) {
    if constexpr (std::is_same_v<F, NoFunction>) {
        return {};
    } else {
        return {&function, [](const void* f, T* first, index_t count) {
                    const F& apply = *static_cast<const F*>(f);
                    simd::run(simd::machine(), [=, &apply](auto) NN_INLINE_LAMBDA {
                        for (index_t i = 0; i < count; ++i) {
                            first[i] = apply.apply(first[i]);
                        }
                    });
                }};
    }
}

/// The elements of a vector side by side: its own or, where they are not, copies. Null without one.
template <class T>
const T* dense_vector(const std::optional<View<const T, 1>>& vector, const Workspace::Frame& frame) {
    if (!vector || vector->strides[0] == 1) {
        return vector ? vector->data : nullptr;
    }
    const View<T, 1> dense = contiguous(frame.template take<T>(vector->size()), vector->shape);
    transform(
        dense, [](T value) { return value; }, *vector);
    return dense.data;
}

}  // namespace nn::inline NN_ABI::kernels
