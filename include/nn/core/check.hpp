// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::equal
#include <cstdint>      // std::int64_t, std::uintptr_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/core/view.hpp>

namespace nn::inline NN_ABI {

namespace detail {

/// Bytes [first, last) that a strided array touches, counting only axes whose stride is no multiple of `modulus` (0: all axes).
struct Extent {
    std::int64_t first = 0;
    std::int64_t last = 0;
};
inline Extent touched(std::span<const index_t> shape, std::span<const index_t> strides, index_t modulus, std::int64_t element_size) {
    std::int64_t low = 0;
    std::int64_t high = 1;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        if (shape[axis] > 1 && (modulus == 0 || strides[axis] % modulus != 0)) {
            const std::int64_t reach = std::int64_t{shape[axis] - 1} * strides[axis];
            (reach < 0 ? low : high) += reach;
        }
    }
    return {low * element_size, high * element_size};
}

/// Where 32 bits are an address, 64 hold every difference of two.
template <class T>
std::int64_t address(const T* data) {
    return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data));
}

/// The addresses that an array touches; of one without elements none.
template <class T, std::size_t K>
Extent addresses(const Batch<T, K>& array) {
    if (array.empty()) {
        return {};
    }
    const Extent bytes = touched(array.shape(), array.strides(), 0, sizeof(T));
    return {address(array.data()) + bytes.first, address(array.data()) + bytes.last};
}
inline bool apart(const Extent& a, const Extent& b) { return a.last <= b.first || b.last <= a.first; }

}  // namespace detail

/// Whether two strided arrays may share an element. False only when they are proven apart: their ranges of addresses do not meet, or,
/// seen modulo a stride S of either (a column step, an image step), the parts inside one step do not: channels of one image, or the
/// even and the odd columns. Cost O(rank²).
template <class T, std::size_t K, class U, std::size_t J>
bool may_overlap(const Batch<T, K>& a, const Batch<U, J>& b) {
    if (detail::apart(detail::addresses(a), detail::addresses(b))) {
        return false;
    }
    constexpr std::int64_t size_a = sizeof(T);
    constexpr std::int64_t size_b = sizeof(U);
    const std::int64_t distance = detail::address(b.data()) - detail::address(a.data());
    const auto apart = [&](index_t modulus) {
        const detail::Extent in_a = detail::touched(a.shape(), a.strides(), modulus, size_a);
        const detail::Extent in_b = detail::touched(b.shape(), b.strides(), modulus, size_b);
        const std::int64_t step = modulus * size_a;
        const std::int64_t shift = ((distance + in_b.first - in_a.first) % step + step) % step;  // where b begins after a, in a's step
        return shift >= in_a.last - in_a.first && shift + (in_b.last - in_b.first) <= step;
    };
    if (size_a == size_b) {
        const auto apart_by = [&](const auto& array) {
            for (std::size_t axis = 0; axis < array.shape().size(); ++axis) {
                const index_t stride = array.shape()[axis] > 1 ? array.strides()[axis] : 0;  // that of one index may be any number
                if (stride != 0 && apart(stride < 0 ? -stride : stride)) {
                    return true;
                }
            }
            return false;
        };
        if (apart_by(a) || apart_by(b)) {
            return false;
        }
    }
    return true;
}

/// Refuses an array that shares memory with another: an output with its input, or with the state.
template <class T, std::size_t K, class U, std::size_t J>
void check_apart(std::string_view who, std::string_view name, const Batch<T, K>& array, std::string_view other_name,
                 const Batch<U, J>& other) {
    require(!may_overlap(array, other), who, name, " overlaps ", other_name, "; give it memory of its own  [", name, " ", array.shape(),
            ", ", other_name, " ", other.shape(), "]");
}

/// An array and what errors call it.
template <class T, std::size_t K>
struct Named {
    std::string_view name;     ///< in the text of an error
    const Batch<T, K>& array;  ///< which outlives this
    detail::Extent addresses;  ///< that it touches, worked out once

    /// Of this name.
    Named(std::string_view name_, const Batch<T, K>& array_) : name(name_), array(array_), addresses(detail::addresses(array_)) {}
};

/// Refuses arrays of which any two share memory.
template <class First, class... Rest>
void check_all_apart(std::string_view who, const First& first, const Rest&... rest) {
    const auto check = [&](const auto& other) {
        if (!detail::apart(first.addresses, other.addresses)) {
            check_apart(who, first.name, first.array, other.name, other.array);
        }
    };
    (check(rest), ...);
    if constexpr (sizeof...(Rest) > 1) {
        check_all_apart(who, rest...);
    }
}

/// Refuses an array that is there, or not there, against the option use_`name`.
inline void check_given(std::string_view who, std::string_view name, bool given, bool expected) {
    require(given || !expected, who, "no ", name, ", expected one: use_", name, " is true");
    require(!given || expected, who, "a ", name, " came, expected none: use_", name, " is false");
}

/// Whether two arrays of this shape lie alike: along an axis of one element any stride does.
inline bool same_strides(std::span<const index_t> shape, std::span<const index_t> a, std::span<const index_t> b) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        if (shape[axis] > 1 && a[axis] != b[axis]) {
            return false;
        }
    }
    return true;
}

/// Refuses y that shares memory with x, unless y is x: an elementwise op may work in place.
template <class T, std::size_t K>
void check_apart_or_same(std::string_view who, const Batch<T, K>& y, const Batch<const T, K>& x) {
    if (y.data() != x.data() || !same_strides(y.shape(), y.strides(), x.strides())) {
        check_apart(who, "y", y, "x", x);
    }
}

/// Refuses a shape that no x can have.
inline void check_extents(std::string_view who, std::span<const index_t> shape) {
    for (const index_t extent : shape) {
        require(extent >= 0, who, "x ", shape, ", expected no negative extent");
        require(extent <= 2 * max_length, who, "an array of shape ", shape, " is more than any memory holds");
    }
}

/// Refuses an x that cannot be; an output whose leading axes are not x's, whose items are not `item`, or that has stride 0 along an axis.
template <class T, std::size_t J, class U, std::size_t K>
void check_output(std::string_view who, const Batch<T, J>& x, const Shape<K>& item, const Batch<U, K>& y) {
    check_extents(who, x.shape());
    const bool leading = std::equal(x.leading().begin(), x.leading().end(), y.leading().begin(), y.leading().end());
    if (!leading || y.item() != item) [[unlikely]] {
        std::vector<index_t> expected(x.leading().begin(), x.leading().end());
        expected.insert(expected.end(), item.begin(), item.end());
        fail(who, {"y ", y.shape(), ", expected ", std::span<const index_t>(expected), "  [x ", x.shape(), "]"});
    }
    for (std::size_t axis = 0; axis < y.shape().size(); ++axis) {
        require(y.shape()[axis] <= 1 || y.strides()[axis] != 0 || y.empty(), who, "y has stride 0 along axis ", axis,
                ", so that its elements share memory  [y ", y.shape(), "]");
    }
}

}  // namespace nn::inline NN_ABI
