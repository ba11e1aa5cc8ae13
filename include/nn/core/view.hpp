// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::find
#include <array>        // std::array
#include <concepts>     // std::integral
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <type_traits>  // std::add_const_t, std::is_const_v, std::is_same_v

#include <nn/core/shape.hpp>

namespace nn::inline NN_ABI {

/// Strides of a row-major array.
template <std::size_t R>
constexpr Shape<R> row_major(const Shape<R>& shape) {
    Shape<R> strides{};
    index_t stride = 1;
    for (std::size_t axis = R; axis-- > 0;) {
        strides[axis] = stride;
        stride = saturating_multiply(stride, shape[axis]);
    }
    return strides;
}

/// R axes over memory that belongs to somebody else: the input and output type of every kernel and op, and of every layer for
/// buffers that are not xtensor's. Strides count elements; they may be negative, and 0 for an input.
///
///     nn::View<const float, 3> image{pixels, {3, 32, 32}};                   // row by row
///     nn::View<const float, 3> part{pixels, {3, 16, 16}, {32 * 32, 32, 1}};  // its upper left quarter
template <class T, std::size_t R>
struct View {
    T* data = nullptr;                    ///< the element at index 0 of every axis
    Shape<R> shape{};                     ///< extents
    Shape<R> strides = row_major(shape);  ///< elements from one index of an axis to the next; row by row unless given

    /// The same, to be read only.
    constexpr operator View<const T, R>() const requires(!std::is_const_v<T>) { return {data, shape, strides}; }

    /// The element at these indices, which are not checked.
    template <std::integral... I>
        requires(sizeof...(I) == R)
    constexpr T& operator()(I... index) const {
        std::size_t axis = 0;
        index_t offset = 0;
        ((offset += static_cast<index_t>(index) * strides[axis++]), ...);
        return data[offset];
    }

    constexpr index_t size() const { return element_count(shape); }  ///< number of elements
};

/// The strides of an array that lies row by row but for one axis, whose elements lie side by side.
template <std::size_t R>
constexpr Shape<R> with_innermost(std::size_t axis, const Shape<R>& shape) {
    Shape<R> outer = shape;
    outer[axis] = 1;
    Shape<R> strides = row_major(outer);
    for (index_t& stride : strides) {
        stride = saturating_multiply(stride, shape[axis]);
    }
    strides[axis] = 1;
    return strides;
}

/// A row-major array at `data`.
template <class T, std::size_t R>
constexpr View<T, R> contiguous(T* data, const Shape<R>& shape) {
    return {data, shape};
}
/// The same, whose extents are numbers: `contiguous(samples, {count, 1})`.
template <class T, std::size_t R>
constexpr View<T, R> contiguous(T* data, const index_t (&extents)[R]) {
    return {data, std::to_array(extents)};
}

/// The axes of `view` in another order: axis i of the result is axis `order[i]` of `view`.
template <class T, std::size_t R>
constexpr View<T, R> permuted(const View<T, R>& view, const std::array<std::size_t, R>& order) {
    View<T, R> result{view.data, {}, {}};
    for (std::size_t axis = 0; axis < R; ++axis) {
        result.shape[axis] = view.shape[order[axis]];
        result.strides[axis] = view.strides[order[axis]];
    }
    return result;
}

/// `view` at one index of one axis, which goes.
template <class T, std::size_t R>
constexpr View<T, R - 1> at(const View<T, R>& view, index_t index, std::size_t axis = 0) {
    View<T, R - 1> result{view.data + index * view.strides[axis], {}, {}};
    for (std::size_t from = 0, to = 0; from < R; ++from) {
        if (from != axis) {
            result.shape[to] = view.shape[from];
            result.strides[to++] = view.strides[from];
        }
    }
    return result;
}

/// `count` indices of one axis of `view`, from `first` on.
template <class T, std::size_t R>
constexpr View<T, R> slice(View<T, R> view, index_t first, index_t count, std::size_t axis = 0) {
    view.data += first * view.strides[axis];
    view.shape[axis] = count;
    return view;
}

/// `view` with one axis read backwards.
template <class T, std::size_t R>
constexpr View<T, R> reversed(View<T, R> view, std::size_t axis) {
    if (view.shape[axis] > 0) {
        view.data += (view.shape[axis] - 1) * view.strides[axis];
    }
    view.strides[axis] = -view.strides[axis];
    return view;
}

/// The axes of `(spatial…, C)` as `(C, spatial…)`, or of any item whose last axis is to come first.
template <class T, std::size_t R>
constexpr View<T, R> last_axis_first(const View<T, R>& view) {
    std::array<std::size_t, R> order{};
    for (std::size_t axis = 0; axis < R; ++axis) {
        order[axis] = axis == 0 ? R - 1 : axis - 1;
    }
    return permuted(view, order);
}

/// The reverse: an item `(C, spatial…)` as `(spatial…, C)`.
template <class T, std::size_t R>
constexpr View<T, R> first_axis_last(const View<T, R>& view) {
    std::array<std::size_t, R> order{};
    for (std::size_t axis = 0; axis < R; ++axis) {
        order[axis] = (axis + 1) % R;
    }
    return permuted(view, order);
}

/// An array of any rank ≥ K seen as `count` items of K axes: its leading axes are counted as one batch axis, none as a batch of one.
/// This is how every op takes its operands, so that one instantiation serves every number of batch axes.
/// Refers to the extents and strides that it was made from.
template <class T, std::size_t K>
class Batch {
public:
    /// An array of at least K axes; nothing is copied.
    Batch(T* data, std::span<const index_t> shape, std::span<const index_t> strides)
        : shape_(shape), strides_(strides), first_{data, {}, {}} {
        const std::size_t leading = shape.size() - K;
        for (std::size_t axis = 0; axis < K; ++axis) {
            first_.shape[axis] = shape[leading + axis];
            first_.strides[axis] = strides[leading + axis];
        }
        count_ = element_count(shape.first(leading));
        // One stride serves all items when each leading axis continues the one inside it.
        index_t inner = 1;
        for (std::size_t axis = leading; axis-- > 0;) {
            if (shape[axis] == 1) {
                continue;
            }
            if (inner == 1) {
                stride_ = strides[axis];
            } else if (inner != 0 && (strides[axis] / inner != stride_ || strides[axis] % inner != 0)) {  // their product may overflow
                uniform_ = false;
            }
            inner = saturating_multiply(inner, shape[axis]);
        }
        if (empty()) {  // there may be no address that anything could be added to
            first_.strides = {};
            stride_ = 0;
            uniform_ = true;
        }
    }

    /// A view as items.
    template <class U, std::size_t R>
        requires(R >= K && std::is_same_v<std::add_const_t<U>, std::add_const_t<T>> && (std::is_const_v<T> || !std::is_const_v<U>))
    Batch(const View<U, R>& view) : Batch(view.data, view.shape, view.strides) {}

    /// The same, to be read only.
    constexpr operator Batch<const T, K>() const requires(!std::is_const_v<T>) { return {first_.data, shape_, strides_}; }

    index_t count() const { return count_; }                                              ///< number of items
    std::span<const index_t> shape() const { return shape_; }                             ///< of the whole array, as its owner wrote it
    std::span<const index_t> strides() const { return strides_; }                         ///< of the whole array
    std::span<const index_t> leading() const { return shape_.first(shape_.size() - K); }  ///< extents of the batch axes
    const Shape<K>& item() const { return first_.shape; }                                 ///< extents of one item
    const Shape<K>& item_strides() const { return first_.strides; }                       ///< strides inside an item
    T* data() const { return first_.data; }                                               ///< the first element of the first item
    /// Whether there are no elements.
    bool empty() const { return std::find(shape_.begin(), shape_.end(), 0) != shape_.end(); }

    /// Item `index`, 0 … count() − 1.
    View<T, K> operator[](index_t index) const {
        View<T, K> view = first_;
        view.data += uniform_ ? index * stride_ : offset(index);
        return view;
    }

    /// The same items as `(C, spatial…)`, whatever the layout they lie in: strides are the only difference that a kernel sees.
    Batch channels_first(Layout layout) const {
        Batch result = *this;
        if (layout == Layout::channels_last) {
            result.first_ = last_axis_first(first_);
        }
        return result;
    }

    bool uniform() const { return uniform_; }  ///< whether one stride leads from each item to the next
    /// All items as one array with a batch axis in front. Only when `uniform()`.
    View<T, K + 1> stacked() const {
        View<T, K + 1> view{first_.data, {count_}, {stride_}};
        for (std::size_t axis = 0; axis < K; ++axis) {
            view.shape[axis + 1] = first_.shape[axis];
            view.strides[axis + 1] = first_.strides[axis];
        }
        return view;
    }

private:
    index_t offset(index_t index) const {
        index_t total = 0;
        for (std::size_t axis = shape_.size() - K; axis-- > 0;) {
            total += index % shape_[axis] * strides_[axis];
            index /= shape_[axis];
        }
        return total;
    }

    std::span<const index_t> shape_;
    std::span<const index_t> strides_;
    View<T, K> first_;
    index_t count_ = 1;
    index_t stride_ = 0;
    bool uniform_ = true;
};

/// A shape without elements, for asking what an op would make of it.
template <class T, std::size_t K>
Batch<T, K> shape_only(std::span<const index_t> shape) {
    return {nullptr, shape, shape};
}

/// The extents `(C, spatial…)` of an item in `layout`, and back.
template <std::size_t K>
constexpr Shape<K> channels_first(const Shape<K>& item, Layout layout) {
    return layout == Layout::channels_first ? item : last_axis_first(View<const char, K>{nullptr, item, {}}).shape;
}
template <std::size_t K>
constexpr Shape<K> from_channels_first(const Shape<K>& item, Layout layout) {
    if (layout == Layout::channels_first) {
        return item;
    }
    Shape<K> result{};
    for (std::size_t axis = 0; axis < K; ++axis) {
        result[axis] = item[(axis + 1) % K];
    }
    return result;
}

}  // namespace nn::inline NN_ABI
