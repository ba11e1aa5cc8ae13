// SPDX-License-Identifier: MIT
#pragma once

// The other half of tests/reference/golden/text.py: arrays filled from a running counter, and lines of numbers read back.

#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <nn/core/index.hpp>
#include <nn/tensor.hpp>

#include "support/strided.hpp"

namespace nn::test {

/// Fills array after array, row-major, with ((7 q mod 11) − 5) / 10 for q = 0, 1, 2, …
class CounterFill {
public:
    template <class Tensor>
    void operator()(Tensor& tensor) {
        for (auto& element : tensor) {
            element = static_cast<typename Tensor::value_type>((7 * q_++ % 11) - 5) / 10;
        }
    }

private:
    int q_ = 0;
};

/// -1, -0.75, -0.5, …: exact in every type with a fraction.
template <class T, std::size_t R>
Tensor<T, R> steps(const Shape<R>& shape) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    T value = -1;
    for (T& element : tensor) {
        element = value;
        value += T(0.25);
    }
    return tensor;
}

/// One line of an expected.txt.
class GoldenLine {
public:
    explicit GoldenLine(const std::string& text) : text_(text) {}

    std::string word() { return next<std::string>(); }
    index_t integer() { return next<index_t>(); }
    Extents integers(std::size_t count) {
        Extents values;
        while (values.size() < count) {
            values.push_back(integer());
        }
        return values;
    }

    struct Array {
        Extents shape;
        std::vector<double> values;
    };
    Array array() {
        Array result;
        result.shape = integers(static_cast<std::size_t>(integer()));
        for (index_t i = count_of(result.shape); i > 0; --i) {
            result.values.push_back(next<double>());
        }
        return result;
    }
    /// Whether everything was read, and nothing more asked for.
    bool ended() { return text_ && (text_ >> std::ws).eof(); }

private:
    template <class T>
    T next() {
        T value{};
        text_ >> value;
        return value;
    }

    std::istringstream text_;
};

/// The lines of a file under tests/.
inline std::vector<std::string> golden_lines(const std::string& path) {
    std::ifstream file(std::string(NN_TESTS) + "/" + path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        lines.push_back(line);
    }
    return lines;
}

}  // namespace nn::test
