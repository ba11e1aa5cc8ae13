// SPDX-License-Identifier: MIT
#pragma once

// Slow and plain versions of the operations, written from the formulas of the reference libraries and not from the library: in long
// double, with every intermediate array built.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include <nn/ops/conv.hpp>

#include "support/strided.hpp"

namespace nn::test {

/// A dense row-major array.
struct Dense {
    Extents shape;
    std::vector<long double> values;

    long double& at(const Extents& index) { return values[flat(index)]; }
    long double at(const Extents& index) const { return values[flat(index)]; }

private:
    std::size_t flat(const Extents& index) const {
        index_t position = 0;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            position = position * shape[axis] + index[axis];
        }
        return static_cast<std::size_t>(position);
    }
};

inline Dense zeros(const Extents& shape) { return {shape, std::vector<long double>(static_cast<std::size_t>(count_of(shape)), 0)}; }

template <class T>
Dense dense(const Strided<T>& array) {
    Dense result = zeros(array.shape());
    for_each_index(array.shape(), [&](const Extents& index) { result.at(index) = static_cast<long double>(array.at(index)); });
    return result;
}

/// The same of an array that is walked row by row.
template <class X>
    requires requires(const X& x) { x.begin(), x.end(); }
Dense dense(const X& x) {
    return {Extents(x.shape().begin(), x.shape().end()), {x.begin(), x.end()}};
}

/// The axes in another order: axis i of the result is axis `order[i]` of `array`.
inline Dense permuted(const Dense& array, const std::vector<std::size_t>& order) {
    Extents shape;
    for (const std::size_t axis : order) {
        shape.push_back(array.shape[axis]);
    }
    Dense result = zeros(shape);
    for_each_index(shape, [&](const Extents& index) {
        Extents from(index.size());
        for (std::size_t axis = 0; axis < order.size(); ++axis) {
            from[order[axis]] = index[axis];
        }
        result.at(index) = array.at(from);
    });
    return result;
}

/// Which cell of an axis of `length` stands at each place of the padded axis; −1 is a zero. Written as one walks along the axis.
inline std::vector<index_t> padded_cells(index_t length, Pad pad, PaddingMode mode, index_t input_dilation = 1) {
    std::vector<index_t> cells;
    for (index_t cell = 0; cell < length; ++cell) {
        if (cell > 0) {
            cells.insert(cells.end(), static_cast<std::size_t>(input_dilation - 1), -1);
        }
        cells.push_back(cell);
    }
    // The cells met outside, from the border away: `first` is the border cell, `last` the one at the other end.
    const auto outside = [&](index_t first, index_t last, index_t count) {
        std::vector<index_t> met;
        const index_t inwards = first <= last ? 1 : -1;
        index_t at = first;
        index_t step = inwards;
        for (index_t i = 0; i < count; ++i) {
            switch (mode) {
                case PaddingMode::zeros: met.push_back(-1); break;
                case PaddingMode::replicate: met.push_back(first); break;
                case PaddingMode::circular:
                    at = at == first ? last : at - inwards;
                    met.push_back(at);
                    break;
                case PaddingMode::reflect:
                    if (length > 1) {
                        if (i > 0 && (at == first || at == last)) {
                            step = -step;
                        }
                        at += step;
                    }
                    met.push_back(at);
                    break;
            }
        }
        return met;
    };
    std::vector<index_t> before = outside(0, length - 1, std::max<index_t>(pad.before, 0));
    std::reverse(before.begin(), before.end());
    const std::vector<index_t> after = outside(length - 1, 0, std::max<index_t>(pad.after, 0));
    cells.insert(cells.begin(), before.begin(), before.end());
    cells.insert(cells.end(), after.begin(), after.end());
    if (pad.before < 0) {
        cells.erase(cells.begin(), cells.begin() - pad.before);
    }
    if (pad.after < 0) {
        cells.erase(cells.end() + pad.after, cells.end());
    }
    return cells;
}

/// The pads of one axis by semantics.md 0: SAME, SAME_LOWER, VALID, and noxton's (k − 1)//2 · d.
inline Pad resolved(PaddingRule rule, Pad numbers, index_t length, index_t kernel, index_t stride, index_t dilation) {
    const index_t window = dilation * (kernel - 1) + 1;
    index_t outputs = 0;  // ⌈n / s⌉
    while (outputs * stride < length) {
        ++outputs;
    }
    const index_t total = outputs == 0 ? 0 : std::max<index_t>((outputs - 1) * stride + window - length, 0);
    const index_t half = (kernel - 1) / 2 * dilation;
    switch (rule) {
        case PaddingRule::same: return {total / 2, total - total / 2};
        case PaddingRule::same_lower: return {total - total / 2, total / 2};
        case PaddingRule::half: return {half, half};
        case PaddingRule::valid: return {0, 0};
        case PaddingRule::numbers: break;
    }
    return numbers;
}

struct NaiveConv {
    Dense y;
    Dense magnitude;  ///< Σ |x · w| + |bias|, element by element: what the error of y is measured against
};

/// y[b, o, m] = bias[o] + Σ_{c, q} w[o, c, q] · x_padded[b, g(o) · C/G + c, m · s + q · d], with x_padded built.
template <std::size_t N>
NaiveConv naive_conv(const ConvOptions<N>& options, const Dense& x, Dense weight, const std::optional<Dense>& bias,
                     const std::optional<Dense>& mask) {
    const std::size_t leading = x.shape.size() - (N + 1);
    const bool channels_last = options.layout == Layout::channels_last;
    Dense padded = x;
    std::vector<std::size_t> to_first;   // x's axes with the channel in front of the spatial ones
    std::vector<std::size_t> to_layout;  // and back
    for (std::size_t axis = 0; axis < x.shape.size(); ++axis) {
        to_first.push_back(axis < leading ? axis : axis == leading ? x.shape.size() - 1 : axis - 1);
        to_layout.push_back(axis < leading ? axis : axis + 1 == x.shape.size() ? leading : axis + 1);
    }
    if (channels_last) {
        padded = permuted(padded, to_first);
    }
    Extents spatial;
    for (std::size_t axis = 0; axis < N; ++axis) {
        const std::size_t at = leading + 1 + axis;
        const Pad pad = resolved(options.padding.rule(), options.padding[axis], padded.shape[at], options.kernel_size[axis],
                                 options.stride[axis], options.dilation[axis]);
        const std::vector<index_t> cells = padded_cells(padded.shape[at], pad, options.padding_mode, options.input_dilation[axis]);
        Extents shape = padded.shape;
        shape[at] = static_cast<index_t>(cells.size());
        Dense wider = zeros(shape);
        for_each_index(shape, [&](const Extents& index) {
            Extents from = index;
            from[at] = cells[static_cast<std::size_t>(index[at])];
            wider.at(index) = from[at] < 0 ? 0 : padded.at(from);
        });
        padded = std::move(wider);
        index_t windows = 0;
        while (windows * options.stride[axis] + options.dilation[axis] * (options.kernel_size[axis] - 1) < shape[at]) {
            ++windows;
        }
        spatial.push_back(windows);
    }
    if (mask) {
        for (std::size_t i = 0; i < weight.values.size(); ++i) {
            weight.values[i] *= mask->values[i];
        }
    }
    const Extents batch(x.shape.begin(), x.shape.begin() + static_cast<index_t>(leading));
    Extents shape = joined(batch, {options.out_channels});
    shape = joined(shape, spatial);
    NaiveConv result{zeros(shape), zeros(shape)};
    const index_t channels = options.in_channels / options.groups;
    const index_t outputs = options.out_channels / options.groups;
    const Extents taps = joined({channels}, Extents(options.kernel_size.values().begin(), options.kernel_size.values().end()));
    Extents from;
    Extents tap_of_weight(N + 2);
    for_each_index(shape, [&](const Extents& index) {
        const index_t o = index[leading];
        long double sum = bias ? bias->values[static_cast<std::size_t>(o)] : 0;
        long double magnitude = std::abs(sum);
        from = index;
        tap_of_weight[0] = o;
        for_each_index(taps, [&](const Extents& tap) {
            std::copy(tap.begin(), tap.end(), tap_of_weight.begin() + 1);
            from[leading] = o / outputs * channels + tap[0];
            for (std::size_t axis = 0; axis < N; ++axis) {
                const std::size_t at = leading + 1 + axis;
                from[at] = index[at] * options.stride[axis] + tap[axis + 1] * options.dilation[axis];
            }
            const long double product = weight.at(tap_of_weight) * padded.at(from);
            sum += product;
            magnitude += std::abs(product);
        });
        result.y.at(index) = sum;
        result.magnitude.at(index) = magnitude;
    });
    return channels_last ? NaiveConv{permuted(result.y, to_layout), permuted(result.magnitude, to_layout)} : result;
}

/// How far a sum of `terms` products in T, added to a bias, may lie from the exact one: (terms + 3) · u · Σ|x · w|, u = ε / 2. Each
/// product rounds once, a masked weight once more, each addition once; the reference in long double is given the last.
template <class T>
long double sum_bound(index_t terms) {
    return static_cast<long double>(terms + 3) * static_cast<long double>(std::numeric_limits<T>::epsilon()) / 2 * 1.01L;
}

/// The first element of `y` that lies further from the reference than bound · magnitude, or the size.
template <class T>
std::size_t first_outside(const std::vector<T>& y, const NaiveConv& expected, long double bound) {
    for (std::size_t i = 0; i < y.size(); ++i) {
        const long double error = std::abs(static_cast<long double>(y[i]) - expected.y.values[i]);
        if (!(error <= bound * expected.magnitude.values[i])) {  // NaN lies outside
            return i;
        }
    }
    return y.size();
}

}  // namespace nn::test
