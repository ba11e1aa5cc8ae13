// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <concepts>     // std::same_as
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <type_traits>  // std::is_same_v, std::is_void_v
#include <utility>      // std::index_sequence

#include <nn/core/index.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/bounds.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI::kernels {

/// Whether the elements of an array lie side by side, in any order of its axes.
inline bool without_gaps(std::span<const index_t> shape, std::span<const index_t> strides) {
    index_t together = 1;  // elements that lie so, by axes from the innermost outwards
    for (index_t before = 0; before != together;) {
        before = together;
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            together = saturating_multiply(together, shape[axis] > 1 && strides[axis] == together ? shape[axis] : 1);
        }
    }
    return together == element_count(shape);
}

/// Calls `f(offsets, count, steps)` for every row of A arrays that share a shape but not their strides: the first element of the row
/// in each, and the step along it. The row is the axis of smallest stride in the first array, or the whole when the first lies without
/// gaps and the others do so in the same order or, of stride 0 throughout, are one element.
template <std::size_t A, class F>
void for_each_row(std::span<const index_t> shape, const std::array<std::span<const index_t>, A>& strides, const F& f) {
    if (element_count(shape) == 0) {
        return;
    }
    std::array<index_t, A> steps;
    bool whole = without_gaps(shape, strides[0]);
    for (std::size_t array = 0; array < A; ++array) {
        bool same = true;
        bool constant = array > 0;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            same = same && (shape[axis] == 1 || strides[array][axis] == strides[0][axis]);
            constant = constant && (shape[axis] == 1 || strides[array][axis] == 0);
        }
        steps[array] = same ? 1 : 0;
        whole = whole && (same || constant);
    }
    if (whole) {
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

/// A row that a kernel reads: elements side by side or, with step 0, as many equal ones as the widest vector holds.
template <class T>
struct Source {
    const T* first;
    index_t step;
};

namespace detail {

/// Makes `row` a whole vector of its elements from `first` on, and zeros.
template <class T, std::size_t Lanes>
NN_INLINE void pad_row(Source<T>& row, index_t first, index_t count, T (&lanes)[Lanes]) {
    if (row.step == 0) {
        return;
    }
    for (index_t i = 0; i < static_cast<index_t>(Lanes); ++i) {
        lanes[i] = i < count ? row.first[first + i] : T(0);
    }
    row.first = lanes;
}

}  // namespace detail

/// to[i] = f(from[i]…) for a row: f(value, from…) sets a number, or a vector of them, from others. `to` may be a `from`; the bits of an
/// element do not depend on where it stands. Compiled for the machine's vectors.
template <class T, class F, std::size_t... I>
void map_row(index_t count, const F& f, T* to, const std::array<Source<T>, sizeof...(I)>& from, std::index_sequence<I...>) {
    simd::run<T>(simd::machine(), [&](auto target) NN_INLINE_LAMBDA {
        using V = simd::Values<T, decltype(target)>;
        constexpr index_t lanes = sizeof(V) / sizeof(T);
        const F function = f;  // copies, which no store can change
        std::array<Source<T>, sizeof...(I)> rows = from;
        T* result = to;
        const index_t rest = count % lanes;
        index_t length = count - rest;
        // What is left is copied to a whole vector and back, so that there is one loop alone.
        T last[sizeof...(I) + 1][lanes];
        for (bool done = false; !done;) {
            for (index_t i = 0; i < length; i += lanes) {
                std::array<V, sizeof...(I)> x;
                V value;
                (simd::load(x[I], rows[I].first + i * rows[I].step), ...);
                function(value, x[I]...);
                simd::store(value, result + i);
            }
            done = rest == 0 || result == last[0];
            if (!done) {
                (detail::pad_row(rows[I], count - rest, rest, last[I + 1]), ...);
                result = last[0];
                length = lanes;
            }
        }
        for (index_t i = 0; i < rest; ++i) {
            to[count - rest + i] = last[0][i];
        }
    });
}

namespace detail {

/// Elements of a row that do not lie side by side are copied so many at a time.
inline constexpr index_t copied_at_once = 128;

/// `count` elements of a row for a kernel to read, copied to `buffer` where they lie apart; of equal ones a few.
template <class T>
Source<T> readable(const T* first, index_t step, index_t count, T* buffer) {
    if (step == 1) {
        return {first, 1};
    }
    const index_t copies = step == 0 ? index_t{64} / static_cast<index_t>(sizeof(T)) : count;
    for (index_t i = 0; i < copies; ++i) {
        buffer[i] = first[i * step];
    }
    return {buffer, step == 0 ? 0 : 1};
}

/// Calls f(count, to, sources) for all rows of arrays of any strides; where elements lie apart, with copies of them.
template <class T, class F, class Y, class... X, std::size_t... I>
void for_each_readable_row(const Y& y, const F& f, std::index_sequence<I...>, const X&... x) {
    const auto row = [&](const auto& offsets, index_t count, auto steps) {
        bool direct = true;
        for (std::size_t array = 0; array < steps.size(); ++array) {
            steps[array] = count == 1 ? 1 : steps[array];
            direct = direct && (steps[array] == 1 || (array > 0 && steps[array] == 0));
        }
        std::array<std::array<T, static_cast<std::size_t>(copied_at_once)>, sizeof...(I) + 1> buffers;
        T* const first = data_of(y) + offsets[0];
        const index_t at_once = direct ? count : copied_at_once;
        for (index_t i = 0; i < count; i += at_once) {
            const index_t part = count - i < at_once ? count - i : at_once;
            T* const to = steps[0] == 1 ? first + i : buffers[0].data();
            f(part, to,
              std::array<Source<T>, sizeof...(I)>{
                  readable<T>(data_of(x) + offsets[I + 1] + i * steps[I + 1], steps[I + 1], part, buffers[I + 1].data())...});
            for (index_t j = 0; steps[0] != 1 && j < part; ++j) {
                first[(i + j) * steps[0]] = to[j];
            }
        }
    };
    if constexpr (std::is_same_v<Y, View<T, 1>>) {  // a row as it is
        if (y.shape[0] > 0) {
            row(std::array<index_t, 1 + sizeof...(X)>{}, y.shape[0],
                std::array<index_t, 1 + sizeof...(X)>{y.strides[0], strides_of(x)[0]...});
        }
    } else {
        for_each_row<1 + sizeof...(X)>(shape_of(y), {strides_of(y), strides_of(x)...}, row);
    }
}

}  // namespace detail

/// y = f(x…) element by element, all of one type and shape, where f(value, x…) sets a number, or a vector of them, from others. An x may
/// be y itself. One x after the other is read once; the bits of an element do not depend on strides or place.
template <class T, class F, class Y, class... X>
void map(const Y& y, const F& f, const X&... x) {
    constexpr std::index_sequence_for<X...> inputs;
    detail::for_each_readable_row<T>(
        y, [&](index_t count, T* to, const auto& from) { map_row(count, f, to, from, inputs); }, inputs, x...);
}

/// A function of one element, run over elements side by side, which may be its results: what a kernel does to its results while they are
/// in the cache, and what an elementwise layer is.
template <class T>
struct Finish {
    const void* function = nullptr;  ///< belongs to the caller; null for none
    void (*run)(const void* function, index_t count, T* to, const std::array<Source<T>, 1>& from) = nullptr;
    const Bounds<T>* bounds = nullptr;  ///< if not null, all that the function does

    /// What is left to do when the results are within the bounds.
    Finish beyond_bounds() const { return bounds != nullptr ? Finish() : *this; }

    void operator()(T* first, index_t count) const { run(function, count, first, {Source<T>{first, 1}}); }
    explicit operator bool() const { return function != nullptr; }
};

/// y = finish(x) for elements that may lie apart; y may be x.
template <class T, class X, class Y>
void finish_all(const Finish<T>& finish, const X& x, const Y& y) {
    detail::for_each_readable_row<T>(
        y, [&](index_t count, T* to, const auto& from) { finish.run(finish.function, count, to, from); }, std::index_sequence<0>(), x);
}
template <class T, std::size_t R>
void finish_all(const Finish<T>& finish, const View<T, R>& y) {
    finish_all(finish, y, y);
}

/// No function.
struct NoFunction {};

/// Changes a number, or a vector of them, by a function that knows both or numbers alone.
template <class F, class V>
NN_INLINE void apply_function(const F& function, V& value) {
    if constexpr (requires {
                      { function.apply(value) } -> std::same_as<void>;
                  }) {
        function.apply(value);
    } else {
        simd::each_lane(value, [&](simd::Element<V>& lane) {
            static_assert(std::is_void_v<decltype(function.apply(lane))>, "nn: apply(x) changes x in place, and returns nothing");
            function.apply(lane);
        });
    }
}

/// `function` has an `apply` as `apply_function` wants it, or is a `NoFunction`.
template <class T, class F>
Finish<T> finish_with([[maybe_unused]] const F& function) {
    if constexpr (std::is_same_v<F, NoFunction>) {
        return {};
    } else if constexpr (Bounding<F>) {
        static constexpr Bounds<T> bounds{F::bounds.lower, F::bounds.upper};
        Finish<T> finish = finish_with<T>(bounds);
        finish.bounds = &bounds;
        return finish;
    } else {
        return {&function, [](const void* f, index_t count, T* to, const std::array<Source<T>, 1>& from) {
                    const F& function_ = *static_cast<const F*>(f);
                    map_row(
                        count,
                        [function_](auto& value, const auto& x) NN_INLINE_LAMBDA {
                            value = x;
                            apply_function(function_, value);
                        },
                        to, from, std::index_sequence<0>());
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
