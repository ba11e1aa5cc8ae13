// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <nn/core/index.hpp>

namespace nn::test {

/// Draws that are the same on every run, machine and standard library: `std::mt19937_64` is specified to the bit, its distributions are
/// not.
class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    /// low … high, both included.
    index_t integer(index_t low, index_t high) {
        return low + static_cast<index_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
    }
    bool chance(double probability) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < probability; }

    /// In (−1, 1), never 0, so that a cell that is left out is missed. 23 bits: a value of every scalar type.
    template <class T>
    T real() {
        return static_cast<T>(static_cast<double>(2 * integer(0, (1 << 22) - 1) + 1 - (1 << 22)) * 0x1p-22);
    }
    template <class T>
    std::vector<T> reals(index_t count) {
        std::vector<T> values(static_cast<std::size_t>(count));
        for (T& value : values) {
            value = real<T>();
        }
        return values;
    }

    template <class C>
    typename C::value_type pick(const C& choices) {
        return choices[static_cast<std::size_t>(integer(0, static_cast<index_t>(choices.size()) - 1))];
    }
    template <class E>
    void shuffle(std::vector<E>& elements) {
        for (std::size_t i = elements.size(); i > 1; --i) {
            std::swap(elements[i - 1], elements[static_cast<std::size_t>(integer(0, static_cast<index_t>(i) - 1))]);
        }
    }

private:
    std::mt19937_64 engine_;
};

}  // namespace nn::test
