// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <nn/core/view.hpp>

#include "support/random.hpp"

namespace nn::test {

using Extents = std::vector<index_t>;

inline index_t count_of(const Extents& shape) { return std::accumulate(shape.begin(), shape.end(), index_t{1}, std::multiplies<>()); }

/// a and then b.
inline Extents joined(Extents a, const Extents& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

template <std::size_t R>
Shape<R> fixed(const Extents& extents) {
    Shape<R> shape{};
    std::copy(extents.begin(), extents.end(), shape.begin());
    return shape;
}

/// Steps `index` to the next of an array of this shape, row-major; false after the last.
inline bool next(Extents& index, const Extents& shape) {
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        if (++index[axis] < shape[axis]) {
            return true;
        }
        index[axis] = 0;
    }
    return false;
}

/// Calls f(index) for every index of an array of this shape, row-major.
template <class F>
void for_each_index(const Extents& shape, const F& f) {
    if (count_of(shape) == 0) {
        return;
    }
    Extents index(shape.size(), 0);
    do {
        f(std::as_const(index));
    } while (next(index, shape));
}

/// How an array lies in memory.
struct Arrangement {
    std::vector<std::size_t> order;  ///< axes, outermost first; empty: as they are
    std::vector<bool> reversed;      ///< axes with a negative stride
    std::vector<bool> broadcast;     ///< axes with stride 0, along which all cells are one
    Extents gap;                     ///< elements left out between cells of each axis

    static Arrangement dense() { return {}; }

    /// Axes in any order, some reversed, some with gaps, and some broadcast if that is allowed.
    static Arrangement any(Random& random, std::size_t axes, bool may_broadcast) {
        Arrangement result;
        result.order.resize(axes);
        std::iota(result.order.begin(), result.order.end(), std::size_t{0});
        if (random.chance(0.6)) {
            random.shuffle(result.order);
        }
        const double odd = random.chance(0.3) ? 0.0 : 0.3;
        for (std::size_t axis = 0; axis < axes; ++axis) {
            result.reversed.push_back(random.chance(odd));
            result.broadcast.push_back(may_broadcast && random.chance(odd / 2));
            result.gap.push_back(random.chance(odd) ? random.integer(1, 3) : 0);
        }
        return result;
    }
};

/// An array of any rank in memory of its own, laid out in any way. The memory around and between its elements holds NaN: what reads
/// there is seen in the result, what writes there is seen by `intact()`.
template <class T>
class Strided {
public:
    explicit Strided(Extents shape, const Arrangement& arrangement = {}) : shape_(std::move(shape)), strides_(shape_.size(), 0) {
        index_t step = 1;
        for (std::size_t i = shape_.size(); i-- > 0;) {
            const std::size_t axis = arrangement.order.empty() ? i : arrangement.order[i];
            if (!arrangement.broadcast.empty() && arrangement.broadcast[axis]) {
                continue;
            }
            strides_[axis] = step * (1 + (arrangement.gap.empty() ? 0 : arrangement.gap[axis]));
            step = strides_[axis] * std::max<index_t>(shape_[axis], 1);
        }
        origin_ = margin;
        for (std::size_t axis = 0; axis < shape_.size(); ++axis) {
            if (!arrangement.reversed.empty() && arrangement.reversed[axis]) {
                origin_ += std::max<index_t>(shape_[axis] - 1, 0) * strides_[axis];
                strides_[axis] = -strides_[axis];
            }
        }
        memory_.assign(static_cast<std::size_t>(step + 2 * margin), std::numeric_limits<T>::quiet_NaN());
    }
    Strided(Extents shape, const std::vector<T>& values, const Arrangement& arrangement = {}) : Strided(std::move(shape), arrangement) {
        fill(values);
    }

    const Extents& shape() const { return shape_; }
    const Extents& strides() const { return strides_; }
    T* data() { return memory_.data() + origin_; }
    const T* data() const { return memory_.data() + origin_; }

    T& at(const Extents& index) { return memory_[static_cast<std::size_t>(offset(index))]; }
    const T& at(const Extents& index) const { return memory_[static_cast<std::size_t>(offset(index))]; }

    /// From row-major values. A broadcast axis keeps the last.
    void fill(const std::vector<T>& values) {
        std::size_t i = 0;
        for_each_index(shape_, [&](const Extents& index) { at(index) = values[i++]; });
    }
    void fill(Random& random) {
        for_each_index(shape_, [&](const Extents& index) { at(index) = random.real<T>(); });
    }
    /// The values, row-major.
    std::vector<T> values() const {
        std::vector<T> result;
        for_each_index(shape_, [&](const Extents& index) { result.push_back(at(index)); });
        return result;
    }

    /// Whether the memory between and around the elements is as it was made.
    bool intact() const {
        std::vector<bool> element(memory_.size(), false);
        for_each_index(shape_, [&](const Extents& index) { element[static_cast<std::size_t>(offset(index))] = true; });
        for (std::size_t i = 0; i < memory_.size(); ++i) {
            if (!element[i] && !std::isnan(memory_[i])) {
                return false;
            }
        }
        return true;
    }
    /// Whether not one element was written since it was made.
    bool untouched() const {
        return std::all_of(memory_.begin(), memory_.end(), [](T value) { return std::isnan(value); });
    }

    template <std::size_t R>
    View<T, R> view() {
        return {data(), fixed<R>(shape_), fixed<R>(strides_)};
    }
    template <std::size_t R>
    View<const T, R> view() const {
        return {data(), fixed<R>(shape_), fixed<R>(strides_)};
    }
    /// As items of K axes. Refers to this array.
    template <std::size_t K>
    Batch<T, K> batch() {
        return {data(), shape_, strides_};
    }
    template <std::size_t K>
    Batch<const T, K> batch() const {
        return {data(), shape_, strides_};
    }

private:
    static constexpr index_t margin = 8;

    index_t offset(const Extents& index) const { return std::inner_product(index.begin(), index.end(), strides_.begin(), origin_); }

    Extents shape_;
    Extents strides_;
    index_t origin_ = 0;
    std::vector<T> memory_;
};

/// Equal to the bit, but for the unspecified padding of long double and the payloads of NaN.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](T p, T q) { return std::isnan(p) ? std::isnan(q) : p == q && std::signbit(p) == std::signbit(q); });
}

}  // namespace nn::test
