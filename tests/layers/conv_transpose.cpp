// SPDX-License-Identifier: MIT
#include <nn/layers/conv_transpose.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/golden.hpp"
#include "support/naive.hpp"
#include "support/operands.hpp"
#include "support/tensors.hpp"

namespace {

using namespace nn;
using test::close;
using test::CounterFill;
using test::dense;
using test::Dense;
using test::error_of;
using test::Extents;
using test::GoldenLine;
using test::identical;
using test::Random;
using test::shape_of;
using test::values_of;

using Numbers = std::vector<double>;

template <class T, std::size_t R>
Tensor<T, R> arange(const Shape<R>& shape, T first) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    std::iota(tensor.begin(), tensor.end(), first);
    return tensor;
}

/// Small whole numbers: sums of products of them are exact, in any order.
template <class T, std::size_t R>
Tensor<T, R> whole(Random& random, const Shape<R>& shape) {
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    for (T& element : tensor) {
        element = static_cast<T>(random.integer(-4, 4));
    }
    return tensor;
}
template <class L>
void fill_whole(Random& random, L& layer) {
    layer.weight = whole<double>(random, extents_of(layer.weight));
    if (layer.bias) {
        layer.bias = whole<double>(random, extents_of(*layer.bias));
    }
}

constexpr PaddingRule rules[] = {PaddingRule::numbers, PaddingRule::same, PaddingRule::same_lower, PaddingRule::valid, PaddingRule::half};
constexpr PaddingMode modes[] = {PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular};

// ---- the definition ----

/// One axis by the tables of semantics.md 2.2: the pads of the convolution that is transposed, and the cells of y.
struct Axis {
    Pad pad;
    index_t cells = 0;
    bool possible = true;
};
template <std::size_t N>
Axis axis_of(const ConvTransposeOptions<N>& o, std::size_t axis, index_t length) {
    const index_t stride = o.stride[axis];
    const index_t window = o.dilation[axis] * (o.kernel_size[axis] - 1) + 1;
    const PaddingRule rule = o.padding.rule();
    index_t beyond = o.output_padding[axis];
    Pad pad = test::resolved(PaddingRule::numbers, o.padding[axis], length, o.kernel_size[axis], stride, o.dilation[axis]);
    if (o.padding_convention == TransposePadding::lax) {
        if (rule == PaddingRule::valid) {
            pad = {window - 1, std::max(window, stride) - 1};
        } else if (rule != PaddingRule::numbers) {
            const index_t total = window + stride - 2;
            const index_t low = stride >= window ? window - 1 : (total + 1) / 2;
            pad = {low, total - low};
        }
        pad = {window - 1 - pad.before, window - 1 - pad.after};
    } else if (rule == PaddingRule::same || rule == PaddingRule::same_lower) {
        const index_t total = window - stride + o.output_padding[axis];
        pad = total < 0 ? Pad(0, 0) : rule == PaddingRule::same ? Pad(total / 2, total - total / 2) : Pad(total - total / 2, total / 2);
        beyond = std::max<index_t>(-total, 0);
    } else if (rule != PaddingRule::numbers) {
        pad = test::resolved(rule, {}, length, o.kernel_size[axis], stride, o.dilation[axis]);
    }
    const index_t stuffed = length == 0 ? 0 : (length - 1) * stride + 1;
    const index_t cells = stuffed + window - 1 - pad.before - pad.after + beyond;
    const bool zeros = o.padding_mode == PaddingMode::zeros;
    const bool possible = zeros ? cells + window - 1 >= 0 : cells > 0 && pad.before >= 0 && pad.after >= 0;
    return {pad, std::max<index_t>(cells, 0), possible};
}

/// Each cell of x (B, C, L…) adds its taps to an image; what falls into the padding of the image belongs to the cell of which the padding
/// is a copy, or to none.
template <std::size_t N>
Dense naive_transpose(const ConvTransposeOptions<N>& o, const Dense& x, const Dense& weight, const std::optional<Dense>& bias) {
    Extents shape{x.shape[0], o.out_channels};
    std::array<std::vector<index_t>, N> cells;
    for (std::size_t axis = 0; axis < N; ++axis) {
        const Axis a = axis_of(o, axis, x.shape[axis + 2]);
        cells[axis] = test::padded_cells(a.cells, a.pad, o.padding_mode);
        shape.push_back(a.cells);
    }
    Dense y = test::zeros(shape);
    const index_t inputs = o.in_channels / o.groups;
    const index_t outputs = o.out_channels / o.groups;
    test::for_each_index(x.shape, [&](const Extents& from) {
        Extents taps{outputs};
        taps.insert(taps.end(), o.kernel_size.values().begin(), o.kernel_size.values().end());
        test::for_each_index(taps, [&](const Extents& tap) {
            Extents to{from[0], from[1] / inputs * outputs + tap[0]};
            Extents element{to[1], from[1] % inputs};
            for (std::size_t axis = 0; axis < N; ++axis) {
                const auto place = static_cast<std::size_t>(from[axis + 2] * o.stride[axis] + tap[axis + 1] * o.dilation[axis]);
                to.push_back(place < cells[axis].size() ? cells[axis][place] : -1);
                element.push_back(o.flip_kernel ? tap[axis + 1] : o.kernel_size[axis] - 1 - tap[axis + 1]);
            }
            if (*std::min_element(to.begin(), to.end()) >= 0) {
                y.at(to) += x.at(from) * weight.at(element);
            }
        });
    });
    if (bias) {
        test::for_each_index(shape, [&](const Extents& to) { y.at(to) += bias->values[static_cast<std::size_t>(to[1])]; });
    }
    return y;
}

template <std::size_t N>
PerAxis<N> lengths(Random& random, index_t low, index_t high) {
    std::array<index_t, N> values;
    for (index_t& value : values) {
        value = random.integer(low, high);
    }
    return PerAxis<N>(values);
}
template <std::size_t N>
Padding<N> pads(Random& random, index_t low, index_t high) {
    std::array<Pad, N> values;
    for (Pad& pad : values) {
        pad = {random.integer(low, high), random.integer(low, high)};
    }
    return Padding<N>(values);
}

/// Axes (B, C, L…) in the order of (B, L…, C).
template <std::size_t N>
std::vector<std::size_t> to_last() {
    std::vector<std::size_t> order{0};
    for (std::size_t axis = 2; axis < N + 2; ++axis) {
        order.push_back(axis);
    }
    order.push_back(1);
    return order;
}
template <std::size_t N>
Tensor<double, N + 2> tensor_of(const Dense& array) {
    return test::tensor_of_values(test::fixed<N + 2>(array.shape), Numbers(array.values.begin(), array.values.end()));
}

template <std::size_t N>
void check_definition(Random& random) {
    ConvTransposeOptions<N> o;
    o.groups = random.integer(1, 3);
    o.in_channels = o.groups * random.integer(1, 3);
    o.out_channels = o.groups * random.integer(1, 3);
    o.kernel_size = lengths<N>(random, 1, 4);
    o.stride = lengths<N>(random, 1, 5);
    o.dilation = lengths<N>(random, 1, 3);
    o.use_bias = random.chance(0.5);
    o.flip_kernel = random.chance(0.5);
    if (random.chance(0.3)) {
        o.padding_convention = TransposePadding::lax;
        o.padding = random.pick(std::vector<Padding<N>>{same, valid, pads<N>(random, 0, 4), pads<N>(random, -3, 9)});
    } else {
        o.padding_mode = random.pick(std::vector(std::begin(modes), std::end(modes)));
        o.padding = random.pick(std::vector<Padding<N>>{same, same_lower, valid, half_padding, pads<N>(random, 0, 3),
                                                        pads<N>(random, 0, 12), pads<N>(random, -3, 3)});
        std::array<index_t, N> a;
        for (std::size_t axis = 0; axis < N; ++axis) {
            a[axis] = random.integer(0, o.stride[axis] - 1);
        }
        o.output_padding = PerAxis<N>(a);
    }
    Shape<N + 2> shape{2, o.in_channels};
    for (std::size_t axis = 0; axis < N; ++axis) {
        shape[axis + 2] = random.chance(0.05) ? 0 : random.integer(1, N == 3 ? 3 : 6);
        if (!axis_of(o, axis, shape[axis + 2]).possible) {
            return;
        }
    }
    const bool last = random.chance(0.5);
    o.layout = last ? Layout::channels_last : Layout::channels_first;
    ConvTranspose<double, N> layer(o, no_init);
    fill_whole(random, layer);
    const auto x = whole<double>(random, shape);
    Dense weight = dense(layer.weight);
    if (random.chance(0.2)) {
        layer.weight_mask = whole<double>(random, extents_of(layer.weight));
        for (std::size_t i = 0; i < layer.weight.size(); ++i) {
            weight.values[i] *= layer.weight_mask->data()[i];
        }
    }
    const Dense expected = naive_transpose(o, dense(x), weight, layer.bias ? std::optional(dense(*layer.bias)) : std::nullopt);
    const Dense in = last ? test::permuted(dense(x), to_last<N>()) : dense(x);
    const Dense out = last ? test::permuted(expected, to_last<N>()) : expected;
    CAPTURE(o.groups, o.kernel_size.values(), o.stride.values(), o.dilation.values(), o.output_padding.values(), o.flip_kernel, last, shape,
            static_cast<int>(o.padding.rule()), static_cast<int>(o.padding_mode), static_cast<int>(o.padding_convention),
            o.padding[0].before, o.padding[0].after);
    const auto y = layer(tensor_of<N>(in));
    CHECK(shape_of(y) == out.shape);
    CHECK((values_of(y) == Numbers(out.values.begin(), out.values.end())));
    CHECK(layer.output_shape(test::fixed<N + 2>(in.shape)) == test::fixed<N + 2>(out.shape));
}

// ---- golden ----

template <std::size_t N>
PerAxis<N> lengths(GoldenLine& line) {
    return PerAxis<N>(test::fixed<N>(line.integers(N)));
}
template <std::size_t N>
Padding<N> padding(GoldenLine& line) {
    const PaddingRule rule = rules[line.integer()];
    std::array<Pad, N> numbers;
    for (Pad& pad : numbers) {
        pad.before = line.integer();
        pad.after = line.integer();
    }
    return rule == PaddingRule::numbers ? Padding<N>(numbers) : Padding<N>(rule);
}
template <std::size_t N>
Shape<N + 2> two_items(index_t channels, const Extents& spatial) {
    return test::fixed<N + 2>(test::joined({2, channels}, spatial));
}

template <std::size_t N>
void check_values(GoldenLine line) {
    ConvTransposeOptions<N> o;
    o.in_channels = line.integer();
    o.out_channels = line.integer();
    o.kernel_size = lengths<N>(line);
    o.stride = lengths<N>(line);
    o.padding = padding<N>(line);
    o.output_padding = lengths<N>(line);
    o.dilation = lengths<N>(line);
    o.groups = line.integer();
    o.use_bias = line.integer() != 0;
    o.padding_mode = modes[line.integer()];
    o.padding_convention = line.integer() != 0 ? TransposePadding::lax : TransposePadding::torch;
    o.flip_kernel = line.integer() != 0;
    ConvTranspose<double, N> layer(o, no_init);
    auto x = make_tensor<double, N + 2>(two_items<N>(o.in_channels, line.integers(N)));
    const auto expected = line.array();
    REQUIRE(line.ended());
    CounterFill fill;
    fill(layer.weight);
    if (layer.bias) {
        fill(*layer.bias);
    }
    fill(x);
    const auto y = layer(x);
    CHECK(shape_of(y) == expected.shape);
    CHECK(close(y, expected.values, 1e-12));
}

template <std::size_t N>
void check_adjoint_values(GoldenLine line) {
    ConvOptions<N> o{.use_bias = false};
    o.in_channels = line.integer();
    o.out_channels = line.integer();
    o.kernel_size = lengths<N>(line);
    o.stride = lengths<N>(line);
    o.padding = padding<N>(line);
    o.dilation = lengths<N>(line);
    o.groups = line.integer();
    o.padding_mode = modes[line.integer()];
    Conv<double, N> conv(o, no_init);
    const Shape<N + 2> x = two_items<N>(o.in_channels, line.integers(N));
    const auto expected = line.array();
    REQUIRE(line.ended());
    CounterFill fill;
    fill(conv.weight);
    auto y = make_tensor<double, N + 2>(conv.output_shape(x));
    fill(y);
    const auto back = adjoint(conv, x)(y);
    CHECK(shape_of(back) == expected.shape);
    CHECK(close(back, expected.values, 1e-12));
}

/// Calls `check1`, `check2` or `check3` with every line of a file, by the number it begins with.
template <class One, class Two, class Three>
void for_each_line(const std::string& file, std::size_t count, const One& one, const Two& two, const Three& three) {
    const auto lines = test::golden_lines(file);
    REQUIRE(lines.size() == count);
    for (const std::string& text : lines) {
        CAPTURE(text);
        GoldenLine line(text);
        const index_t axes = line.integer();
        axes == 1 ? one(std::move(line)) : axes == 2 ? two(std::move(line)) : three(std::move(line));
    }
}

/// w · x for one channel, where w = 1, 10, 100, … so that the answer shows which cells were read.
Numbers digits(index_t kernel, ConvTransposeOptions<1> options, const Tensor<double, 2>& x = Tensor<double, 2>{{1, 2, 3}}) {
    options.in_channels = options.out_channels = 1;
    options.kernel_size = kernel;
    options.use_bias = false;
    Tensor<double, 3> weight = make_tensor<double, 3>({1, 1, kernel});
    double power = 1;
    for (double& element : weight) {
        element = power;
        power *= 10;
    }
    return values_of(ConvTranspose1d<double>(options, weight)(x));
}

// ---- the adjoint ----

/// ⟨conv(x) − bias, y⟩ = ⟨x, adjoint(y)⟩, in whole numbers.
template <std::size_t N>
void check_adjoint(Random& random, const ConvOptions<N>& options, const Shape<N + 2>& shape, bool masked = false) {
    Conv<double, N> conv(options, no_init);
    fill_whole(random, conv);
    if (masked) {
        conv.weight_mask = whole<double>(random, extents_of(conv.weight));
    }
    const auto x = whole<double>(random, shape);
    auto there = conv(x);
    if (conv.bias) {
        Conv<double, N> bare = conv;
        bare.bias.reset();
        bare.options.use_bias = false;
        there = bare(x);
    }
    if (there.size() == 0) {
        return;
    }
    const auto y = whole<double>(random, extents_of(there));
    const ConvTranspose<double, N> transposed = adjoint(conv, shape);
    const auto back = transposed(y);
    CHECK(shape_of(back) == shape_of(x));
    CHECK(transposed.output_shape(extents_of(y)) == shape);
    CHECK(!transposed.bias.has_value());
    CHECK(std::inner_product(there.begin(), there.end(), y.begin(), 0.0) == std::inner_product(x.begin(), x.end(), back.begin(), 0.0));
}

template <std::size_t N>
void check_any_adjoint(Random& random) {
    ConvOptions<N> o;
    o.groups = random.integer(1, 3);
    o.in_channels = o.groups * random.integer(1, 2);
    o.out_channels = o.groups * random.integer(1, 3);
    o.kernel_size = lengths<N>(random, 1, 4);
    o.stride = lengths<N>(random, 1, 4);
    o.dilation = lengths<N>(random, 1, 3);
    o.use_bias = random.chance(0.5);
    o.padding_mode = random.pick(std::vector(std::begin(modes), std::end(modes)));
    o.padding = random.pick(std::vector<Padding<N>>{same, same_lower, valid, half_padding, pads<N>(random, 0, 3), pads<N>(random, 0, 14),
                                                    random.integer(0, 4)});
    if (o.padding_mode == PaddingMode::zeros && random.chance(0.3)) {
        o.padding = pads<N>(random, -2, 6);
    }
    o.layout = random.chance(0.5) ? Layout::channels_last : Layout::channels_first;
    const std::size_t channel = o.layout == Layout::channels_last ? N + 1 : 1;
    Shape<N + 2> shape;
    for (std::size_t axis = 0; axis < N + 2; ++axis) {
        shape[axis] = axis == 0 ? 2 : axis == channel ? o.in_channels : random.integer(N == 1 ? 4 : 3, N == 3 ? 6 : 9);
    }
    CAPTURE(o.groups, o.in_channels, o.out_channels, o.kernel_size.values(), o.stride.values(), o.dilation.values(), shape,
            static_cast<int>(o.padding.rule()), static_cast<int>(o.padding_mode), o.padding[0].before, o.padding[0].after);
    check_adjoint(random, o, shape, random.chance(0.2));
}

}  // namespace

// ---- golden: semantics.md 2.6 and 2.7, Equinox and lax ----

TEST_CASE("ConvTranspose: the literal values of Equinox's tests") {
    const ConvTranspose1d<float> one({.in_channels = 1, .out_channels = 3, .kernel_size = 3}, arange<float, 3>({3, 1, 3}, 0),
                                     Tensor<float, 1>{1, 2, 3});
    CHECK(close(one(arange<float, 2>({1, 6}, -3)),
                {-5, -6, -3, 0, 3, 6, 3, 1, -13, -20, -20, -8, 4, 16, 13, 8, -21, -34, -37, -16, 5, 26, 23, 15}, 0));

    const Tensor<float, 4> nine = arange<float, 4>({1, 1, 3, 3}, 0);
    const Numbers answer{-37, -31, -9, 25, 61, 49, 23, 41, 27};
    const ConvTranspose2d<float> two({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = 1}, nine, Tensor<float, 1>{1});
    CHECK(close(two(arange<float, 3>({1, 3, 3}, -4)), answer, 0));

    Tensor<float, 4> pair({2, 1, 3, 3});
    std::copy(nine.begin(), nine.end(), pair.begin());
    std::transform(nine.begin(), nine.end(), pair.begin() + 9, [](float w) { return 2 * w; });
    Tensor<float, 3> both({2, 3, 3});
    std::iota(both.begin(), both.begin() + 9, -4.0F);
    std::iota(both.begin() + 9, both.end(), -4.0F);
    const ConvTranspose2d<float> grouped({.in_channels = 2, .out_channels = 2, .kernel_size = 3, .padding = 1, .groups = 2}, pair,
                                         Tensor<float, 1>{1, 2});
    Numbers expected = answer;
    std::transform(answer.begin(), answer.end(), std::back_inserter(expected), [](double y) { return 2 * y; });
    CHECK(close(grouped(both), expected, 0));

    const ConvTranspose3d<float> three({.in_channels = 1, .out_channels = 1, .kernel_size = 2}, arange<float, 5>({1, 1, 2, 2, 2}, 0),
                                       Tensor<float, 1>{1});
    const auto y = three(arange<float, 4>({1, 2, 2, 2}, -4));
    CHECK(shape_of(y) == Extents{1, 3, 3, 3});
    CHECK(close(y, {-27, -44, -17, -33, -49, -17, -9, -12, -3, -11, -9, 1, 5, 29, 21, 9, 23, 13, 1, 4, 3, 7, 15, 7, 3, 4, 1}, 0));
}

TEST_CASE("ConvTranspose: the table of semantics.md 2.7, Equinox's, blox's and brainstate's") {
    // In turn: valid, same, same_lower, lax valid, lax pairs (1, 1), lax same and valid of flipped taps, pairs (1, 1), circular same and
    // same_lower.
    struct Row {
        index_t kernel;
        index_t stride;
        const char* answers;
    };
    const Row rows[] = {
        {2, 1, "10 21 32 3 | 10 21 32 | 21 32 3 | 10 21 32 3 | 10 21 32 3 | 1 12 23 | 1 12 23 30 | 21 32 | 13 21 32 | 21 32 13"},
        {2, 3,
         "10 1 0 20 2 0 30 3 | 10 1 0 20 2 0 30 3 0 | 10 1 0 20 2 0 30 3 0 | 10 1 0 20 2 0 30 3 0 | 10 1 0 20 2 0 30 3 | "
         "1 10 0 2 20 0 3 30 0 | 1 10 0 2 20 0 3 30 0 | 1 0 20 2 0 30 | 10 1 0 20 2 0 30 3 0 | 10 1 0 20 2 0 30 3 0"},
        {3, 1,
         "100 210 321 32 3 | 210 321 32 | 210 321 32 | 100 210 321 32 3 | 210 321 32 | 12 123 230 | 1 12 123 230 300 | 210 321 32 | "
         "213 321 132 | 213 321 132"},
        {3, 2,
         "100 10 201 20 302 30 3 | 100 10 201 20 302 30 | 10 201 20 302 30 3 | 100 10 201 20 302 30 3 | 10 201 20 302 30 | "
         "1 10 102 20 203 30 | 1 10 102 20 203 30 300 | 10 201 20 302 30 | 103 10 201 20 302 30 | 10 201 20 302 30 103"},
        {4, 2,
         "1000 100 2010 201 3020 302 30 3 | 100 2010 201 3020 302 30 | 100 2010 201 3020 302 30 | 1000 100 2010 201 3020 302 30 3 | "
         "2010 201 3020 302 | 10 102 1020 203 2030 300 | 1 10 102 1020 203 2030 300 3000 | 100 2010 201 3020 302 30 | "
         "103 2010 201 3020 302 1030 | 103 2010 201 3020 302 1030"},
        {4, 3,
         "1000 100 10 2001 200 20 3002 300 30 3 | 1000 100 10 2001 200 20 3002 300 30 | 100 10 2001 200 20 3002 300 30 3 | "
         "1000 100 10 2001 200 20 3002 300 30 3 | 10 2001 200 20 3002 300 | 1 10 100 1002 20 200 2003 30 300 | "
         "1 10 100 1002 20 200 2003 30 300 3000 | 100 10 2001 200 20 3002 300 30 | 1003 100 10 2001 200 20 3002 300 30 | "
         "100 10 2001 200 20 3002 300 30 1003"},
    };
    constexpr auto lax = TransposePadding::lax;
    constexpr auto circular = PaddingMode::circular;
    for (const Row& row : rows) {
        const index_t s = row.stride;
        CAPTURE(row.kernel, s);
        std::istringstream answers(row.answers);
        const auto next = [&] {
            std::string cell;
            std::getline(answers, cell, '|');
            std::istringstream numbers(cell);
            return Numbers{std::istream_iterator<double>(numbers), {}};
        };
        CHECK(digits(row.kernel, {.stride = s, .padding = valid}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = same}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = same_lower}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = valid, .padding_convention = lax}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = 1, .padding_convention = lax}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = same, .padding_convention = lax, .flip_kernel = true}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = valid, .padding_convention = lax, .flip_kernel = true}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = 1}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = same, .padding_mode = circular}) == next());
        CHECK(digits(row.kernel, {.stride = s, .padding = same_lower, .padding_mode = circular}) == next());
        CHECK(next().empty());
        CHECK(digits(row.kernel, {.stride = s}) == digits(row.kernel, {.stride = s, .padding = valid}));
        CHECK(digits(row.kernel, {.stride = s, .padding = same, .padding_convention = lax}) ==
              digits(row.kernel, {.stride = s, .padding = same}));
    }
    CHECK(digits(3, {.stride = 2, .output_padding = 1}) == Numbers{100, 10, 201, 20, 302, 30, 3, 0});
    CHECK(digits(3, {.stride = 2, .padding = same, .output_padding = 1}) == Numbers{10, 201, 20, 302, 30});
    CHECK(digits(2, {.stride = 2, .padding = same, .output_padding = 1}) == Numbers{10, 1, 20, 2, 30});
    CHECK(digits(4, {.stride = 2, .padding = same, .output_padding = 1}) == Numbers{100, 2010, 201, 3020, 302});
    CHECK(digits(2, {.stride = 3, .padding = same, .output_padding = 1}) == Numbers{10, 1, 0, 20, 2, 0, 30, 3});
}

TEST_CASE("ConvTranspose: the shapes of Equinox's, brainstate's and blox's tests") {
    const auto out1 = [](const ConvTransposeOptions<1>& o, const Shape<2>& x) {
        return ConvTranspose1d<float>(o, no_init).output_shape(x);
    };
    const auto out2 = [](const ConvTransposeOptions<2>& o, const auto& x) { return ConvTranspose2d<float>(o, no_init).output_shape(x); };
    const auto out3 = [](const ConvTransposeOptions<3>& o, const Shape<4>& x) {
        return ConvTranspose3d<float>(o, no_init).output_shape(x);
    };
    CHECK(out1({.in_channels = 1, .out_channels = 3, .kernel_size = 3}, {1, 32}) == Shape<2>{3, 34});
    const ConvTransposeOptions<1> doubling{
        .in_channels = 3, .out_channels = 1, .kernel_size = 3, .stride = 2, .padding = 1, .output_padding = 1, .dilation = 2};
    CHECK(out1(doubling, {3, 31}) == Shape<2>{1, 64});
    const ConvTransposeOptions<3> solid{
        .in_channels = 3, .out_channels = 1, .kernel_size = 3, .stride = 2, .padding = 1, .output_padding = 1, .dilation = 2};
    CHECK(out3(solid, {3, 2, 31, 31}) == Shape<4>{1, 6, 64, 64});
    CHECK(out2({.in_channels = 8, .out_channels = 3, .kernel_size = 1, .stride = 2, .padding = {{0, 1}, {0, 3}}}, Shape<3>{8, 17, 18}) ==
          Shape<3>{3, 32, 32});

    // Channels last, lax padding, any leading axes: blox's and brainstate's.
    constexpr auto lax = TransposePadding::lax;
    constexpr auto last = Layout::channels_last;
    const auto blox = [&](index_t in, index_t kernel, index_t stride, const Padding<2>& padding, const auto& x) {
        return out2({.in_channels = in,
                     .out_channels = 8,
                     .kernel_size = kernel,
                     .stride = stride,
                     .padding = padding,
                     .padding_convention = lax,
                     .layout = last},
                    x);
    };
    CHECK(blox(3, 3, 2, same, Shape<4>{1, 14, 14, 3}) == Shape<4>{1, 28, 28, 8});
    CHECK(blox(3, 3, 1, valid, Shape<4>{1, 2, 2, 3}) == Shape<4>{1, 4, 4, 8});
    CHECK(blox(4, 3, 2, same, Shape<3>{4, 4, 4}) == Shape<3>{8, 8, 8});
    CHECK(blox(4, 3, 2, same, Shape<5>{2, 3, 4, 4, 4}) == Shape<5>{2, 3, 8, 8, 8});
    CHECK(blox(8, 4, 2, same, Shape<3>{16, 16, 8}) == Shape<3>{32, 32, 8});
    CHECK(shape_of(ConvTranspose2d<float>({.in_channels = 32, .out_channels = 16, .kernel_size = 4, .groups = 4}, no_init).weight) ==
          Extents{16, 8, 4, 4});
}

TEST_CASE("ConvTranspose: Equinox's values, and lax's, of many configurations") {
    for_each_line("layers/conv_transpose_expected.txt", 354, check_values<1>, check_values<2>, check_values<3>);
}

TEST_CASE("ConvTranspose: the adjoint of a padded convolution is its gradient by JAX, in every padding mode") {
    for_each_line("layers/conv_transpose_adjoint_expected.txt", 568, check_adjoint_values<1>, check_adjoint_values<2>,
                  check_adjoint_values<3>);
}

// ---- properties ----

TEST_CASE("ConvTranspose: any configuration is the sum of its definition") {
    Random random(30);
    for (int i = 0; i < 1500; ++i) {
        check_definition<1>(random);
        check_definition<2>(random);
        if (i % 3 == 0) {
            check_definition<3>(random);
        }
    }
}

TEST_CASE("ConvTranspose: nn::adjoint is the exact transpose, over the product of options") {
    Random random(31);
    const Padding<1> paddings[] = {0, 2, {{1, 0}}, {{0, 3}}, {{9, 11}}, {{-1, -2}}, same, same_lower, valid, half_padding};
    const index_t lengths[] = {1, 2, 3, 6, 7};
    // Modes, paddings, kernels, strides, dilations, groups, lengths, layouts.
    test::for_each_index({4, 10, 3, 4, 2, 2, 5, 2}, [&](const Extents& i) {
        const Padding<1> padding = paddings[i[1]];
        const index_t length = lengths[i[6]];
        const bool last = i[7] == 1;
        const ConvOptions<1> options{.in_channels = 2,
                                     .out_channels = 4,
                                     .kernel_size = i[2] + 1,
                                     .stride = i[3] + 1,
                                     .padding = padding,
                                     .dilation = i[4] + 1,
                                     .groups = i[5] + 1,
                                     .padding_mode = modes[i[0]],
                                     .layout = last ? Layout::channels_last : Layout::channels_first};
        const bool crops = padding.rule() == PaddingRule::numbers && padding[0].before < 0;
        if (crops && (options.padding_mode != PaddingMode::zeros || length < 3)) {
            return;
        }
        CAPTURE(i);
        check_adjoint<1>(random, options, last ? Shape<3>{2, length, 2} : Shape<3>{2, 2, length});
    });
}

TEST_CASE("ConvTranspose: nn::adjoint is the exact transpose in one, two and three dimensions, with masks") {
    Random random(32);
    for (int i = 0; i < 400; ++i) {
        check_any_adjoint<1>(random);
        check_any_adjoint<2>(random);
        if (i % 4 == 0) {
            check_any_adjoint<3>(random);
        }
    }
}

TEST_CASE("ConvTranspose: an adjoint is for items of that shape, whatever the leading axes") {
    Random random(33);
    const Conv1d<double> conv({.in_channels = 3, .out_channels = 2, .kernel_size = 3, .stride = 2, .padding = same}, std::mt19937(1));
    const auto y = whole<double, 3>(random, {5, 2, 4});
    const auto expected = adjoint(conv, Shape<3>{5, 3, 8})(y);
    CHECK(identical(adjoint(conv, Shape<2>{3, 8})(y), expected));
    CHECK(identical(adjoint(conv, Shape<4>{7, 0, 3, 8})(y), expected));
    CHECK(shape_of(adjoint(conv, Shape<2>{3, 7})(y)) == Extents{5, 3, 7});  // another of the lengths that give 4
}

TEST_CASE("ConvTranspose: flip_kernel reads the taps, and the mask, backwards") {
    Random random(34);
    for (const bool masked : {false, true}) {
        ConvTranspose2d<float> layer({.in_channels = 2, .out_channels = 3, .kernel_size = {3, 2}, .stride = 2}, std::mt19937(3));
        if (masked) {
            layer.weight_mask = test::random_tensor<float, 4>(random, {3, 2, 3, 2});
        }
        ConvTranspose2d<float> flipped = layer;
        flipped.options.flip_kernel = true;
        flipped.weight = xt::flip(xt::eval(xt::flip(layer.weight, 2)), 3);
        if (masked) {
            flipped.weight_mask = xt::flip(xt::eval(xt::flip(*layer.weight_mask, 2)), 3);
        }
        const auto x = test::random_tensor<float, 4>(random, {2, 2, 4, 5});
        CHECK(identical(layer(x), flipped(x)));
    }
}

TEST_CASE("ConvTranspose: groups give the bits of layers of their own, side by side") {
    Random random(35);
    for (const PaddingMode mode : modes) {
        ConvTransposeOptions<2> options{.in_channels = 4,
                                        .out_channels = 6,
                                        .kernel_size = 3,
                                        .stride = {2, 1},
                                        .padding = {{1, 2}, {0, 1}},
                                        .groups = 2,
                                        .padding_mode = mode};
        const ConvTranspose2d<float> grouped(options, std::mt19937(5));
        const auto x = test::random_tensor<float, 4>(random, {2, 4, 5, 6});
        const auto y = grouped(x);
        options.in_channels = 2;
        options.out_channels = 3;
        options.groups = 1;
        for (const std::size_t group : {std::size_t{0}, std::size_t{1}}) {
            const std::size_t first = 3 * group;
            const ConvTranspose2d<float> alone(options, Tensor<float, 4>(xt::view(grouped.weight, xt::range(first, first + 3))),
                                               Tensor<float, 1>(xt::view(*grouped.bias, xt::range(first, first + 3))));
            CHECK(identical(alone(xt::view(x, xt::all(), xt::range(2 * group, 2 * group + 2))),
                            xt::eval(xt::view(y, xt::all(), xt::range(first, first + 3)))));
        }
    }
}

TEST_CASE("ConvTranspose: operands of any kind and arrangement give the same bits, items do not see each other") {
    Random random(36);
    for (const PaddingMode mode : {PaddingMode::zeros, PaddingMode::reflect}) {
        for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
            const ConvTranspose1d<float> line({.in_channels = 4,
                                               .out_channels = 6,
                                               .kernel_size = 3,
                                               .stride = 2,
                                               .padding = 2,
                                               .groups = 2,
                                               .padding_mode = mode,
                                               .flip_kernel = mode == PaddingMode::zeros,
                                               .layout = layout},
                                              std::mt19937(7));
            const auto x = test::random_tensor<float, 3>(random, {6, 4, 4});
            test::check_operands(random, line, x);
            test::check_items(line, x);
        }
    }
    const ConvTranspose2d<double> image({.in_channels = 2, .out_channels = 3, .kernel_size = 2, .stride = {1, 3}}, std::mt19937(8));
    const auto x = test::random_tensor<double, 4>(random, {3, 2, 3, 4});
    test::check_operands(random, image, x);
    test::check_items(image, x);
}

// ---- edges ----

TEST_CASE("ConvTranspose: no items, no cells, one cell") {
    const ConvTranspose1d<float> layer({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2},
                                       Tensor<float, 3>({3, 2, 3}, 1.0F), Tensor<float, 1>{1, 2, 3});
    CHECK(shape_of(layer(Tensor<float, 3>({0, 2, 4}))) == Extents{0, 3, 9});
    CHECK(shape_of(layer(Tensor<float, 4>({5, 0, 2, 4}))) == Extents{5, 0, 3, 9});
    // No cells, as Equinox has it: stuffed with zeros they are still none, and the padding alone has room for K − 1 windows.
    CHECK(close(layer(Tensor<float, 2>({2, 0})), {1, 1, 2, 2, 3, 3}, 0));
    CHECK(close(layer(Tensor<float, 2>({2, 1}, 1.0F)), {3, 3, 3, 4, 4, 4, 5, 5, 5}, 0));
    const ConvTranspose1d<float> point({.in_channels = 1, .out_channels = 1, .stride = 2}, Tensor<float, 3>({1, 1, 1}, 2.0F),
                                       Tensor<float, 1>{1});
    CHECK(shape_of(point(Tensor<float, 2>({1, 0}))) == Extents{1, 0});
    CHECK(close(point(Tensor<float, 2>{{3, 4}}), {7, 1, 9}, 0));  // s > K: the bias alone between
}

TEST_CASE("ConvTranspose: pads that crop all of y leave none of it, pads that crop more are refused") {
    const auto layer = [](const Padding<1>& padding) {
        return ConvTranspose1d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = padding}, no_init);
    };
    CHECK(layer(2).output_shape(Shape<2>{1, 3}) == Shape<2>{1, 1});
    CHECK(layer({{3, 2}}).output_shape(Shape<2>{1, 3}) == Shape<2>{1, 0});
    CHECK(shape_of(layer({{4, 3}})(Tensor<float, 2>({1, 3}))) == Extents{1, 0});
    CHECK(error_of<shape_error>([&] {
              (void)layer({{4, 4}})(Tensor<float, 2>({1, 3}));
          }) == "nn::ConvTranspose: padding (4, 4) crops more than there is along axis 0  [x (1, 3)]");
    const ConvTranspose1d<float> folded(
        {.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = {{3, 2}}, .padding_mode = PaddingMode::circular}, no_init);
    CHECK(error_of<shape_error>([&] {
              (void)folded.output_shape(Shape<2>{1, 3});
          }) == "nn::ConvTranspose: padding (3, 2) crops more than there is along axis 0  [x (1, 3)]");
    CHECK(folded.output_shape(Shape<2>{1, 4}) == Shape<2>{1, 1});
    const nn::ConvTranspose2d<float> plane({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = {{1, 0}, {4, 4}}}, no_init);
    CHECK(error_of<shape_error>([&] {
              (void)plane.output_shape(Shape<3>{1, 3, 3});
          }) == "nn::ConvTranspose: padding (4, 4) crops more than there is along axis 1  [x (1, 3, 3)]");
}

// ---- messages ----

namespace {

std::string refused(const ConvTransposeOptions<1>& options) {
    return error_of<std::invalid_argument>([&] { ConvTranspose1d<float>(options, no_init); });
}

}  // namespace

TEST_CASE("ConvTranspose: options that cannot be are refused when the layer is made") {
    const std::string who = "nn::ConvTranspose: ";
    CHECK(refused({.in_channels = 1, .out_channels = 1}).empty());
    CHECK(refused({.out_channels = 1}) == who + "in_channels 0, expected at least 1");
    CHECK(refused({.in_channels = 1}) == who + "out_channels 0, expected at least 1");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .groups = 0}) == who + "groups 0, expected at least 1");
    CHECK(refused({.in_channels = 3, .out_channels = 2, .groups = 2}) == who + "groups 2 does not divide in_channels 3");
    CHECK(refused({.in_channels = 2, .out_channels = 3, .groups = 2}) == who + "groups 2 does not divide out_channels 3");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .kernel_size = 0}) ==
          who + "kernel_size (0,), expected at least 1 along every axis");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .stride = -2}) == who + "stride (-2,), expected at least 1 along every axis");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .dilation = 0}) == who + "dilation (0,), expected at least 1 along every axis");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .padding = {{-1, 2}}, .padding_mode = PaddingMode::reflect}) ==
          who + "padding (-1, 2) of axis 0 is negative, which goes with PaddingMode::zeros only");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .stride = 2, .output_padding = 2}) ==
          who + "output_padding (2,), expected 0 … stride - 1 along every axis, stride (2,)");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .output_padding = -1}) ==
          who + "output_padding (-1,), expected 0 … stride - 1 along every axis, stride (1,)");

    constexpr auto lax = TransposePadding::lax;
    CHECK(refused({.in_channels = 1, .out_channels = 1, .stride = 2, .output_padding = 1, .padding_convention = lax}) ==
          who + "output_padding (1,) goes with TransposePadding::torch only; pad more instead");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .padding_mode = PaddingMode::circular, .padding_convention = lax}) ==
          who + "TransposePadding::lax goes with PaddingMode::zeros only");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .padding = half_padding, .padding_convention = lax}) ==
          who + "nn::half_padding goes with TransposePadding::torch only");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .stride = 2, .padding = same_lower, .padding_convention = lax}) ==
          who + "nn::same_lower with TransposePadding::lax goes with stride 1 only, stride (2,)");
    CHECK(refused({.in_channels = 1, .out_channels = 1, .padding = same_lower, .padding_convention = lax}).empty());
    const index_t huge = index_t{1} << 40;
    CHECK(refused({.in_channels = huge, .out_channels = huge}) ==
          who + "an array of shape (1099511627776, 1099511627776, 1) is more than any memory holds");
}

TEST_CASE("ConvTranspose: same_lower with lax padding and stride 1 is the convolution with same_lower, as in blox") {
    Random random(37);
    for (const index_t kernel : {1, 2, 3, 4}) {
        const auto weight = test::random_tensor<float, 3>(random, {2, 3, kernel});
        const auto x = test::random_tensor<float, 3>(random, {2, 3, 6});
        const Conv1d<float> conv({.in_channels = 3, .out_channels = 2, .kernel_size = kernel, .padding = same_lower, .use_bias = false},
                                 weight);
        const ConvTranspose1d<float> transposed({.in_channels = 3,
                                                 .out_channels = 2,
                                                 .kernel_size = kernel,
                                                 .padding = same_lower,
                                                 .use_bias = false,
                                                 .padding_convention = TransposePadding::lax},
                                                weight);
        CAPTURE(kernel);
        CHECK(identical(transposed(x), conv(x)));
    }
}

TEST_CASE("ConvTranspose: arrays and inputs that do not fit are refused, and y stays as it was") {
    const std::string who = "nn::ConvTranspose: ";
    const ConvTransposeOptions<1> options{.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2};
    const Tensor<float, 3> weight({3, 2, 3}, 1.0F);
    const Tensor<float, 1> bias({3}, 1.0F);
    const auto made = [](const auto&... arguments) { return error_of<shape_error>([&] { ConvTranspose1d<float>(arguments...); }); };
    CHECK(made(options, weight, bias).empty());
    CHECK(made(options, Tensor<float, 3>({2, 3, 3}), bias) ==
          who + "weight (2, 3, 3), expected (3, 2, 3) = (out_channels, in_channels / groups, kernel_size)");
    CHECK(made(options, weight) == who + "no bias, expected one: use_bias is true");
    CHECK(made(options, weight, Tensor<float, 1>{1, 2}) == who + "bias (2,), expected (3,) = (out_channels,)");
    CHECK(made(ConvTransposeOptions<1>{.in_channels = 2, .out_channels = 3, .kernel_size = 3, .use_bias = false}, weight, bias) ==
          who + "a bias came, expected none: use_bias is false");

    ConvTranspose1d<float> layer(options, weight, bias);
    const Tensor<float, 3> x({2, 2, 4}, 1.0F);
    Tensor<float, 3> y({2, 3, 9}, 5.0F);
    Workspace workspace;
    const auto into = [&](const auto& from, const View<float, 3>& to) {
        return error_of<std::invalid_argument>([&] { layer.forward_into(from, to, workspace); });
    };
    const std::string channels = "x has 3 channels, expected 2 = weight.shape[1] · groups  [x (2, 3, 4), weight (3, 2, 3), groups 1]";
    CHECK(into(Tensor<float, 3>({2, 3, 4}), view_of(y)) == who + channels);
    CHECK(error_of<shape_error>([&] { (void)layer.output_shape(Shape<3>{2, 3, 4}); }) == who + channels);
    CHECK(into(x, contiguous(y.data(), Shape<3>{2, 3, 8})) ==
          who + "y (2, 3, 8), expected (2, 3, 9)  [x (2, 2, 4)]");
    CHECK(into(contiguous(std::as_const(y).data() + 1, Shape<3>{2, 2, 4}), view_of(y)) ==
          who + "y overlaps x; give it memory of its own  [y (2, 3, 9), x (2, 2, 4)]");
    layer.weight_mask = Tensor<float, 3>({3, 2, 1}, 1.0F);
    CHECK(into(x, view_of(y)) == who + "weight_mask (3, 2, 1), expected (3, 2, 3), the shape of weight");
    layer.weight_mask.reset();
    layer.weight = Tensor<float, 3>({3, 2, 2}, 1.0F);
    CHECK(into(x, view_of(y)) == who + "weight (3, 2, 2), expected (3, 2, 3) = (out_channels, in_channels / groups, kernel_size)");
    layer.weight = weight;
    layer.options.stride = 0;
    CHECK(into(x, view_of(y)) == who + "stride (0,), expected at least 1 along every axis");
    layer.options = options;
    layer.options.output_padding = 2;
    CHECK(into(x, view_of(y)) == who + "output_padding (2,), expected 0 … stride - 1 along every axis, stride (2,)");
    CHECK(values_of(y) == std::vector<float>(54, 5));
    layer.options = options;
    CHECK(into(x, view_of(y)).empty());

    const ConvTranspose1d<float> wide({.in_channels = 1, .out_channels = 1, .stride = max_length}, no_init);
    CHECK(error_of<std::invalid_argument>([&] {
              (void)wide(Tensor<float, 2>({1, 5}));
          }) == who + "an array of shape (1, " + std::to_string(4 * max_length + 1) + ") is more than any memory holds");
}

TEST_CASE("ConvTranspose: the operation on views says its own name") {
    Workspace workspace;
    const float x[4] = {1, 2, 3, 4};
    const float weight[2] = {1, 10};
    float y[5] = {};
    const ops::ConvParameters<float, 1> parameters{contiguous(&weight[0], Shape<3>{1, 1, 2}), {}, {}};
    const View<const float, 2> in = contiguous(&x[0], Shape<2>{1, 4});
    const View<float, 2> out = contiguous(&y[0], Shape<2>{1, 5});
    ConvTransposeOptions<1> options{.in_channels = 1, .out_channels = 1, .kernel_size = 2, .use_bias = false};
    ops::conv_transpose<float, 1>(options, in, parameters, out, workspace);
    CHECK(std::vector<float>(y, y + 5) == std::vector<float>{10, 21, 32, 43, 4});
    options.in_channels = 2;
    CHECK(error_of<shape_error>([&] { ops::conv_transpose<float, 1>(options, in, parameters, out, workspace); }) ==
          "nn::ops::conv_transpose: weight (1, 1, 2), expected (1, 2, 2) = (out_channels, in_channels / groups, kernel_size)");
}

TEST_CASE("ConvTranspose: nn::adjoint refuses what has no transpose") {
    const ConvOptions<1> options{.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2};
    Conv1d<float> conv(options, no_init);
    const auto said = [&](const Shape<2>& shape) { return error_of<std::invalid_argument>([&] { (void)adjoint(conv, shape); }); };
    CHECK(said({2, 5}).empty());
    CHECK(said({2, 2}) == "nn::adjoint: no window fits into x along axis 0, nothing to transpose  [x (2, 2)]");
    CHECK(said({3, 5}) == "nn::adjoint: x has 3 channels, expected 2 = weight.shape[1] · groups  [x (3, 5), weight (3, 2, 3), groups 1]");
    conv.options.input_dilation = 2;
    CHECK(said({2, 5}) ==
          "nn::adjoint: input_dilation (2,), expected 1: the transpose of a convolution with it is a convolution with that stride");
    conv.options = options;
    conv.weight = Tensor<float, 3>({3, 2, 1}, 1.0F);
    CHECK(said({2, 5}) == "nn::adjoint: weight (3, 2, 1), expected (3, 2, 3) = (out_channels, in_channels / groups, kernel_size)");
    conv.weight = Tensor<float, 3>({3, 2, 3}, 1.0F);
    conv.weight_mask = Tensor<float, 3>({1, 1, 1}, 1.0F);
    CHECK(said({2, 5}) == "nn::adjoint: weight_mask (1, 1, 1), expected (3, 2, 3), the shape of weight");
}

// ---- static ----

namespace {

template <class L, class X>
concept calls = requires(const L& layer, const X& x) {
    layer(x);
};

}  // namespace

TEST_CASE("ConvTranspose: is a value, and needs one axis more than it slides over") {
    static_assert(std::copyable<ConvTranspose2d<float>> && std::is_nothrow_move_constructible_v<ConvTranspose2d<float>>);
    static_assert(!std::default_initializable<ConvTranspose2d<float>> && !ConvTranspose2d<float>::carries);
    static_assert(std::same_as<ConvTranspose1d<float>, ConvTranspose<float, 1>> &&
                  std::same_as<ConvTranspose3d<double>, ConvTranspose<double, 3>>);
    static_assert(calls<ConvTranspose1d<float>, Tensor<float, 2>> && !calls<ConvTranspose1d<float>, Tensor<float, 1>>);
    static_assert(calls<ConvTranspose3d<float>, Tensor<float, 4>> && !calls<ConvTranspose3d<float>, Tensor<float, 3>>);
    static_assert(!calls<ConvTranspose2d<float>, Tensor<double, 4>>);
    ConvTranspose1d<float> layer({.in_channels = 1, .out_channels = 2, .kernel_size = 3}, no_init);
    std::vector<std::string> names;
    ConvTranspose1d<float>::members(layer, [&](std::string_view name, auto&) { names.emplace_back(name); });
    CHECK(names == std::vector<std::string>{"weight", "bias"});
}
