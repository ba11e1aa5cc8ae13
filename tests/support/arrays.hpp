// SPDX-License-Identifier: MIT
#pragma once

// Arrays for support/calls.hpp.

#include <cstddef>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "support/calls.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace nn::test {

/// Strides of an array without gaps, its axes in this order in memory, outermost first.
inline Extents packed_strides(const Extents& shape, const std::vector<std::size_t>& order) {
    Extents strides(shape.size());
    index_t step = 1;
    for (std::size_t i = order.size(); i-- > 0;) {
        strides[order[i]] = step;
        step *= shape[order[i]];
    }
    return strides;
}
/// 0, 1, … axes − 1.
inline std::vector<std::size_t> in_order(std::size_t axes) {
    std::vector<std::size_t> order(axes);
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
}

/// Calls f(element) for the elements of a place, row-major. int and float are both 4 bytes.
template <class E, class F>
void for_each_element(const Place& place, const F& f) {
    static_assert(sizeof(E) == 4);
    for_each_index(place.shape, [&](const Extents& index) {
        f(static_cast<E*>(place.data)[std::inner_product(index.begin(), index.end(), place.strides.begin(), index_t{0})]);
    });
}

/// Draws what an x holds: ints in 0 … 4, or floats.
inline void fill(const Place& place, bool indices, std::uint64_t seed) {
    Random random(seed);
    if (indices) {
        for_each_element<int>(place, [&](int& element) { element = static_cast<int>(random.integer(0, 4)); });
    } else {
        for_each_element<float>(place, [&](float& element) { element = random.real<float>(); });
    }
}

/// An array row by row in memory of its own, filled.
class Array {
public:
    Array(const Extents& shape, bool indices, std::uint64_t seed = 930)
        : memory_(static_cast<std::size_t>(count_of(shape))), place_{memory_.data(), shape, packed_strides(shape, in_order(shape.size()))} {
        fill(place_, indices, seed);
    }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    const Place& place() const { return place_; }
    std::span<const float> values() const { return memory_; }

private:
    std::vector<float> memory_;
    Place place_;
};

/// Equal to the bit.
inline bool same_memory(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace nn::test
