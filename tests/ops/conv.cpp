// SPDX-License-Identifier: MIT

#include <nn/ops/conv.hpp>

#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

std::string text(const Extents& extents) {
    std::string result = "(";
    for (const index_t extent : extents) {
        result += std::to_string(extent) + " ";
    }
    return result + ")";
}
template <std::size_t N>
std::string text(const PerAxis<N>& lengths) {
    return text(Extents(lengths.values().begin(), lengths.values().end()));
}
template <std::size_t N>
std::string text(const ConvOptions<N>& o) {
    std::string pads;
    for (std::size_t axis = 0; axis < N; ++axis) {
        pads += std::to_string(o.padding[axis].before) + ":" + std::to_string(o.padding[axis].after) + " ";
    }
    return "C " + std::to_string(o.in_channels) + " O " + std::to_string(o.out_channels) + " K " + text(o.kernel_size) + " s " +
           text(o.stride) + " d " + text(o.dilation) + " l " + text(o.input_dilation) + " G " + std::to_string(o.groups) + " bias " +
           std::to_string(o.use_bias) + " rule " + std::to_string(static_cast<int>(o.padding.rule())) + " pads " + pads + "mode " +
           std::to_string(static_cast<int>(o.padding_mode)) + " layout " + std::to_string(static_cast<int>(o.layout));
}

/// One convolution: options, operands and everything that a test may want to vary about them.
template <class T, std::size_t N>
struct Problem {
    ConvOptions<N> options;
    Strided<T> x;
    Strided<T> weight;
    std::optional<Strided<T>> bias;
    std::optional<Strided<T>> mask;

    ops::ConvParameters<T, N> parameters() const {
        ops::ConvParameters<T, N> result{weight.template view<N + 2>(), {}, {}};
        if (bias) {
            result.bias = bias->template view<1>();
        }
        if (mask) {
            result.mask = mask->template view<N + 2>();
        }
        return result;
    }
    Extents leading() const { return {x.shape().begin(), x.shape().end() - (N + 1)}; }
    Extents output_shape() const {
        const Shape<N + 1> item = ops::conv_item(options, ops::conv_plan("test", options, x.template batch<N + 1>()));
        return joined(leading(), Extents(item.begin(), item.end()));
    }
    index_t terms() const { return count_of(weight.shape()) / options.out_channels; }
    NaiveConv naive() const {
        return naive_conv(options, dense(x), dense(weight), bias ? std::optional(dense(*bias)) : std::nullopt,
                          mask ? std::optional(dense(*mask)) : std::nullopt);
    }
};

/// Scratch memory that holds NaN wherever a call could read before it writes.
void poison(Workspace& workspace) {
    const auto frame = workspace.frame();
    const index_t count = 1 << 15;
    std::fill_n(frame.take<double>(count), count, std::numeric_limits<double>::quiet_NaN());
}

template <class T, std::size_t N>
void run(const Problem<T, N>& problem, Strided<T>& y) {
    Workspace workspace;
    poison(workspace);
    ops::conv<T, N>(problem.options, problem.x.template batch<N + 1>(), problem.parameters(), y.template batch<N + 1>(), workspace);
}
template <class T, std::size_t N>
std::vector<T> answer(const Problem<T, N>& problem) {
    Strided<T> y(problem.output_shape());
    run(problem, y);
    return y.values();
}

template <std::size_t N>
Padding<N> any_padding(Random& random, bool only_numbers, bool may_crop) {
    switch (random.integer(only_numbers ? 4 : 0, 7)) {
        case 0: return same;
        case 1: return same_lower;
        case 2: return valid;
        case 3: return half_padding;
        case 4: return random.integer(0, 3);
        case 5: {
            std::array<index_t, N> each{};
            for (index_t& pad : each) {
                pad = random.integer(0, 4);
            }
            return each;
        }
        default: break;
    }
    std::array<Pad, N> pads{};
    for (Pad& pad : pads) {
        const index_t most = random.chance(0.2) ? 14 : 4;
        pad = {random.integer(may_crop ? -3 : 0, most), random.integer(may_crop ? -3 : 0, most)};
    }
    return pads;
}

/// A convolution with everything drawn at random, valid: what an axis cannot have it is not given.
template <class T, std::size_t N>
Problem<T, N> any_problem(Random& random, bool arranged = true) {
    while (true) {
        ConvOptions<N> o;
        o.groups = random.chance(0.5) ? 1 : random.integer(2, 4);
        o.in_channels = o.groups * (random.chance(0.3) ? 1 : random.integer(1, 4));
        o.out_channels = o.groups * random.integer(1, N == 1 ? 14 : 5);
        const index_t longest = N == 1 ? 24 : N == 2 ? 9 : 5;
        o.kernel_size = per_axis<N>([&] { return random.integer(1, N == 3 ? 3 : 5); });
        o.stride = random.chance(0.5) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 4); });
        o.dilation = random.chance(0.6) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 3); });
        o.padding_mode = random.pick(
            std::vector{PaddingMode::zeros, PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular});
        const bool zero_pads = o.padding_mode == PaddingMode::zeros;
        const bool spread = zero_pads && random.chance(0.25);
        o.input_dilation = spread ? per_axis<N>([&] { return random.integer(1, 3); }) : PerAxis<N>(1);
        o.padding = any_padding<N>(random, spread, zero_pads);
        o.use_bias = random.chance(0.5);
        o.layout = random.pick(std::vector{Layout::channels_first, Layout::channels_last});

        Extents leading;
        for (index_t axes = random.integer(0, 3); axes > 0; --axes) {
            leading.push_back(random.chance(0.03) ? 0 : random.integer(1, 3));
        }
        Extents spatial;
        bool possible = true;
        for (std::size_t axis = 0; axis < N; ++axis) {
            const index_t length = random.chance(0.03) ? 0 : random.integer(1, longest);
            const Pad pad = resolved(o.padding.rule(), o.padding[axis], length, o.kernel_size[axis], o.stride[axis], o.dilation[axis]);
            const index_t cells = length == 0 ? 0 : (length - 1) * o.input_dilation[axis] + 1;
            possible = possible && cells + pad.before + pad.after >= 0 && (length > 0 || zero_pads || pad == Pad());
            spatial.push_back(length);
        }
        if (!possible) {
            continue;
        }
        const Extents item = o.layout == Layout::channels_last ? joined(spatial, {o.in_channels}) : joined({o.in_channels}, spatial);
        const Extents taps =
            joined({o.out_channels, o.in_channels / o.groups}, Extents(o.kernel_size.values().begin(), o.kernel_size.values().end()));
        const auto array = [&](const Extents& shape) {
            Strided<T> result(shape, arranged ? Arrangement::any(random, shape.size(), true) : Arrangement::dense());
            result.fill(random);
            return result;
        };
        Problem<T, N> problem{o, array(joined(leading, item)), array(taps), {}, {}};
        if (o.use_bias) {
            problem.bias = array({o.out_channels});
        }
        if (random.chance(0.2)) {
            problem.mask = array(taps);
        }
        return problem;
    }
}

/// Calls f(problem) for `count` problems of each rank in T.
template <class T, class F>
void for_each_problem(std::uint64_t seed, int count, const F& f, bool arranged = true) {
    Random random(seed);
    for (int i = 0; i < count; ++i) {
        f(any_problem<T, 1>(random, arranged), random);
        f(any_problem<T, 2>(random, arranged), random);
        f(any_problem<T, 3>(random, arranged), random);
    }
}

template <class T>
void compare_with_naive(std::uint64_t seed, int count) {
    for_each_problem<T>(seed, count, [&]<std::size_t N>(const Problem<T, N>& problem, Random& random) {
        const NaiveConv expected = problem.naive();
        const Extents shape = problem.output_shape();
        Strided<T> y(shape, Arrangement::any(random, shape.size(), false));
        const std::vector<T> before = problem.x.values();
        run(problem, y);
        const std::string what = text(problem.options) + " x " + text(problem.x.shape()) + " strides " + text(problem.x.strides()) + " y " +
                                 text(shape) + " strides " + text(y.strides());
        if (shape != expected.y.shape) {
            FAIL_CHECK(what << ": expected the shape " << text(expected.y.shape));
        } else if (const std::size_t i = first_outside(y.values(), expected, sum_bound<T>(problem.terms())); i < y.values().size()) {
            FAIL_CHECK(what << ": element " << i << " is " << y.values()[i] << ", expected " << expected.y.values[i]);
        }
        if (!y.intact()) {
            FAIL_CHECK(what << ": memory beside y was written");
        }
        if (!same_bits(before, problem.x.values()) || !problem.x.intact()) {
            FAIL_CHECK(what << ": x was written");
        }
    });
}

TEST_CASE("conv: any configuration of floats is the sum of its definition") { compare_with_naive<float>(1, 700); }
TEST_CASE("conv: any configuration of doubles is the sum of its definition") { compare_with_naive<double>(2, 250); }
TEST_CASE("conv: any configuration of long doubles is the sum of its definition") { compare_with_naive<long double>(3, 60); }

/// A convolution of a few sizes past every block of the product: many panels of columns, many rows, long sums.
template <class T, std::size_t N>
void compare_large(ConvOptions<N> options, const Extents& leading, const Extents& spatial, std::uint64_t seed) {
    Random random(seed);
    options.use_bias = true;
    const Extents item =
        options.layout == Layout::channels_last ? joined(spatial, {options.in_channels}) : joined({options.in_channels}, spatial);
    const Shape<N + 2> taps = ops::conv_weight_shape(options);
    Problem<T, N> problem{
        options, Strided<T>(joined(leading, item)), Strided<T>(Extents(taps.begin(), taps.end())), Strided<T>({options.out_channels}), {}};
    problem.x.fill(random);
    problem.weight.fill(random);
    problem.bias->fill(random);
    const NaiveConv expected = problem.naive();
    const std::vector<T> y = answer(problem);
    INFO(text(options));
    REQUIRE(y.size() == expected.y.values.size());
    CHECK(first_outside(y, expected, sum_bound<T>(problem.terms())) == y.size());
}

TEST_CASE("conv: more columns, rows and terms than any block holds") {
    compare_large<float, 1>({.in_channels = 1, .out_channels = 2, .kernel_size = 3, .padding = same}, {}, {2100}, 1);
    compare_large<float, 1>(
        {.in_channels = 300, .out_channels = 13, .kernel_size = 9, .padding = half_padding, .padding_mode = PaddingMode::reflect}, {2},
        {40}, 2);
    compare_large<double, 1>({.in_channels = 70000, .out_channels = 1, .kernel_size = 1}, {}, {9}, 3);
    compare_large<float, 2>({.in_channels = 3, .out_channels = 26, .kernel_size = {3, 5}, .stride = {2, 1}, .padding = same_lower}, {3},
                            {15, 33}, 4);
    compare_large<double, 2>(
        {.in_channels = 40, .out_channels = 40, .kernel_size = 3, .padding = 1, .groups = 40, .layout = Layout::channels_last}, {2},
        {21, 20}, 5);
    compare_large<float, 3>({.in_channels = 4, .out_channels = 8, .kernel_size = 3, .padding = 1, .groups = 2}, {2}, {5, 9, 17}, 6);
}

TEST_CASE("conv: any view of x, weight and y gives the bits of its copy") {
    for_each_problem<float>(10, 250, [&]<std::size_t N>(const Problem<float, N>& problem, Random& random) {
        Problem<float, N> copy{problem.options,
                               Strided<float>(problem.x.shape(), problem.x.values()),
                               Strided<float>(problem.weight.shape(), problem.weight.values()),
                               {},
                               {}};
        if (problem.bias) {
            copy.bias = Strided<float>(problem.bias->shape(), problem.bias->values());
        }
        if (problem.mask) {
            copy.mask = Strided<float>(problem.mask->shape(), problem.mask->values());
        }
        const Extents shape = problem.output_shape();
        Strided<float> y(shape, Arrangement::any(random, shape.size(), false));
        run(problem, y);
        if (!same_bits(y.values(), answer(copy))) {
            FAIL_CHECK(text(problem.options) << " x " << text(problem.x.shape()) << text(problem.x.strides()) << " y " << text(shape)
                                             << text(y.strides()));
        }
    });
}

TEST_CASE("conv: an output of any strides, however small, holds each element in its place") {
    // Small outputs fill less than one tile, so that the whole lies in one store.
    Random random(11);
    for (index_t height = 1; height <= 5; ++height) {
        for (index_t width = 1; width <= 5; ++width) {
            for (index_t batch = 1; batch <= 3; ++batch) {
                const ConvOptions<2> options{.in_channels = 1, .out_channels = 1, .use_bias = false};
                Problem<float, 2> problem{options, Strided<float>({batch, 1, height, width}), Strided<float>({1, 1, 1, 1}, {1}), {}, {}};
                problem.x.fill(random);
                std::vector<std::size_t> order{0, 1, 2, 3};
                do {
                    for (unsigned reversed = 0; reversed < 8; ++reversed) {
                        Arrangement arrangement{.order = order,
                                                .reversed = {(reversed & 1) != 0, false, (reversed & 2) != 0, (reversed & 4) != 0},
                                                .broadcast = {},
                                                .gap = {}};
                        Strided<float> y(problem.x.shape(), arrangement);
                        run(problem, y);
                        if (!same_bits(y.values(), problem.x.values()) || !y.intact()) {
                            FAIL_CHECK("y " << text(y.shape()) << " strides " << text(y.strides()));
                        }
                    }
                } while (std::next_permutation(order.begin(), order.end()));
            }
        }
    }
}

/// The part of an array at `index` of one axis, as an array of one axis less, or of a range of that axis.
template <class T>
Strided<T> part(const Strided<T>& array, std::size_t axis, index_t first, index_t count) {
    Extents shape = array.shape();
    shape[axis] = count;
    Strided<T> result(shape);
    for_each_index(shape, [&](const Extents& index) {
        Extents from = index;
        from[axis] += first;
        result.at(index) = array.at(from);
    });
    return result;
}

TEST_CASE("conv: an item has the same bits alone and anywhere in a batch") {
    for_each_problem<float>(12, 150, [&]<std::size_t N>(const Problem<float, N>& problem, Random&) {
        const index_t items = count_of(problem.leading());
        const std::vector<float> all = answer(problem);
        const std::vector<float> x = problem.x.values();
        const Extents item(problem.x.shape().end() - (N + 1), problem.x.shape().end());
        const std::size_t size = static_cast<std::size_t>(count_of(item));
        for (index_t i = 0; i < items; ++i) {
            Problem<float, N> alone = problem;
            const auto from = x.begin() + i * static_cast<index_t>(size);
            alone.x = Strided<float>(item, std::vector<float>(from, from + static_cast<index_t>(size)));
            const std::vector<float> y = answer(alone);
            const auto in_batch = all.begin() + i * static_cast<index_t>(y.size());
            if (!same_bits(y, std::vector<float>(in_batch, in_batch + static_cast<index_t>(y.size())))) {
                FAIL_CHECK(text(problem.options) << " x " << text(problem.x.shape()) << " item " << i);
            }
        }
    });
}

TEST_CASE("conv: leading axes are one batch axis") {
    for_each_problem<float>(13, 100, [&]<std::size_t N>(const Problem<float, N>& problem, Random&) {
        Problem<float, N> flat = problem;
        const Extents item(problem.x.shape().end() - (N + 1), problem.x.shape().end());
        flat.x = Strided<float>(joined({count_of(problem.leading())}, item), problem.x.values());
        if (!same_bits(answer(problem), answer(flat))) {
            FAIL_CHECK(text(problem.options) << " x " << text(problem.x.shape()));
        }
    });
}

TEST_CASE("conv: channels last and channels first give the same bits, for the same memory and for another") {
    for_each_problem<float>(14, 200, [&]<std::size_t N>(const Problem<float, N>& problem, Random&) {
        if (problem.options.layout == Layout::channels_first) {
            return;
        }
        const std::size_t leading = problem.leading().size();
        std::vector<std::size_t> order;  // (…, C, spatial) out of (…, spatial, C)
        for (std::size_t axis = 0; axis < problem.x.shape().size(); ++axis) {
            order.push_back(axis < leading ? axis : axis == leading ? problem.x.shape().size() - 1 : axis - 1);
        }
        const auto first = [&](const Strided<float>& array) {
            Extents shape;
            for (const std::size_t axis : order) {
                shape.push_back(array.shape()[axis]);
            }
            Strided<float> result(shape);
            for_each_index(shape, [&](const Extents& index) {
                Extents from(index.size());
                for (std::size_t axis = 0; axis < order.size(); ++axis) {
                    from[order[axis]] = index[axis];
                }
                result.at(index) = array.at(from);
            });
            return result;
        };
        Problem<float, N> twin = problem;
        twin.options.layout = Layout::channels_first;
        twin.x = first(problem.x);
        Strided<float> y(problem.output_shape());
        run(problem, y);
        const std::vector<float> expected = first(y).values();
        bool ok = same_bits(answer(twin), expected);

        // A channels-first view over the same channels-last memory, in and out.
        Extents shape;
        Extents strides;
        for (const std::size_t axis : order) {
            shape.push_back(problem.x.shape()[axis]);
            strides.push_back(problem.x.strides()[axis]);
        }
        Strided<float> target(problem.output_shape());
        Extents y_shape;
        Extents y_strides;
        for (const std::size_t axis : order) {
            y_shape.push_back(target.shape()[axis]);
            y_strides.push_back(target.strides()[axis]);
        }
        Workspace workspace;
        ops::conv<float, N>(twin.options, {problem.x.data(), shape, strides}, problem.parameters(), {target.data(), y_shape, y_strides},
                            workspace);
        ok = ok && same_bits(target.values(), y.values()) && target.intact();
        if (!ok) {
            FAIL_CHECK(text(problem.options) << " x " << text(problem.x.shape()));
        }
    });
}

TEST_CASE("conv: groups are convolutions of their own, side by side, to the bit") {
    for_each_problem<float>(15, 150, [&]<std::size_t N>(const Problem<float, N>& problem, Random&) {
        const ConvOptions<N>& o = problem.options;
        const std::size_t leading = problem.leading().size();
        const std::size_t channel_axis = o.layout == Layout::channels_last ? leading + N : leading;
        const index_t channels = o.in_channels / o.groups;
        const index_t outputs = o.out_channels / o.groups;
        Strided<float> y(problem.output_shape());
        run(problem, y);
        for (index_t group = 0; group < o.groups; ++group) {
            Problem<float, N> one{
                o, part(problem.x, channel_axis, group * channels, channels), part(problem.weight, 0, group * outputs, outputs), {}, {}};
            one.options.groups = 1;
            one.options.in_channels = channels;
            one.options.out_channels = outputs;
            if (problem.bias) {
                one.bias = part(*problem.bias, 0, group * outputs, outputs);
            }
            if (problem.mask) {
                one.mask = part(*problem.mask, 0, group * outputs, outputs);
            }
            if (!same_bits(answer(one), part(y, channel_axis, group * outputs, outputs).values())) {
                FAIL_CHECK(text(o) << " group " << group);
            }
        }
    });
}

TEST_CASE("conv: an output channel has the same bits alone and in any row of the tile") {
    for_each_problem<float>(16, 60, [&]<std::size_t N>(const Problem<float, N>& problem, Random&) {
        const ConvOptions<N>& o = problem.options;
        if (o.groups != 1) {
            return;
        }
        const std::size_t leading = problem.leading().size();
        const std::size_t channel_axis = o.layout == Layout::channels_last ? leading + N : leading;
        Strided<float> y(problem.output_shape());
        run(problem, y);
        for (index_t channel = 0; channel < o.out_channels; ++channel) {
            Problem<float, N> one{o, problem.x, part(problem.weight, 0, channel, 1), {}, {}};
            one.options.out_channels = 1;
            if (problem.bias) {
                one.bias = part(*problem.bias, 0, channel, 1);
            }
            if (problem.mask) {
                one.mask = part(*problem.mask, 0, channel, 1);
            }
            if (!same_bits(answer(one), part(y, channel_axis, channel, 1).values())) {
                FAIL_CHECK(text(o) << " channel " << channel);
            }
        }
    });
}

TEST_CASE("conv: a window has the same bits alone as in a row of windows, and padding those of a padded copy") {
    for_each_problem<float>(
        17, 60,
        [&]<std::size_t N>(const Problem<float, N>& problem, Random&) {
            const ConvOptions<N>& o = problem.options;
            const std::size_t first = problem.leading().size() + (o.layout == Layout::channels_last ? 0 : 1);
            Problem<float, N> copy = problem;
            copy.options.padding = valid;
            copy.options.padding_mode = PaddingMode::zeros;
            copy.options.input_dilation = 1;
            for (std::size_t axis = 0; axis < N; ++axis) {
                const index_t length = problem.x.shape()[first + axis];
                const std::vector<index_t> cells = padded_cells(
                    length, resolved(o.padding.rule(), o.padding[axis], length, o.kernel_size[axis], o.stride[axis], o.dilation[axis]),
                    o.padding_mode, o.input_dilation[axis]);
                Extents shape = copy.x.shape();
                shape[first + axis] = static_cast<index_t>(cells.size());
                Strided<float> padded(shape);
                for_each_index(shape, [&](const Extents& index) {
                    Extents from = index;
                    from[first + axis] = cells[static_cast<std::size_t>(index[first + axis])];
                    padded.at(index) = from[first + axis] < 0 ? 0.0F : copy.x.at(from);
                });
                copy.x = padded;
            }
            Strided<float> y(problem.output_shape());
            run(problem, y);
            if (!same_bits(y.values(), answer(copy))) {
                FAIL_CHECK(text(o) << " x " << text(problem.x.shape()) << ": a padded copy gives other bits");
                return;
            }
            // One window at a time, of all items and channels.
            Extents windows(y.shape().begin() + static_cast<index_t>(first), y.shape().begin() + static_cast<index_t>(first + N));
            for_each_index(windows, [&](const Extents& window) {
                Problem<float, N> one = copy;
                Strided<float> expected = y;
                for (std::size_t axis = 0; axis < N; ++axis) {
                    one.x = part(one.x, first + axis, window[axis] * o.stride[axis], (o.kernel_size[axis] - 1) * o.dilation[axis] + 1);
                    expected = part(expected, first + axis, window[axis], 1);
                }
                if (!same_bits(answer(one), expected.values())) {
                    FAIL_CHECK(text(o) << " x " << text(problem.x.shape()) << " window " << text(window));
                }
            });
        },
        false);
}

TEST_CASE("conv: is linear within the bound of three sums, and exactly so for powers of two") {
    for_each_problem<double>(18, 100, [&]<std::size_t N>(const Problem<double, N>& given, Random& random) {
        Problem<double, N> a = given;
        a.options.use_bias = false;
        a.bias.reset();
        Problem<double, N> b = a;
        Problem<double, N> sum = a;
        Problem<double, N> eightfold = a;
        b.x = Strided<double>(a.x.shape());
        b.x.fill(random);
        std::vector<double> values = a.x.values();
        const std::vector<double> other = b.x.values();
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] += other[i];  // exact: both have 23 bits
        }
        sum.x = Strided<double>(a.x.shape(), values);
        values = a.x.values();
        for (double& value : values) {
            value *= 8;
        }
        eightfold.x = Strided<double>(a.x.shape(), values);

        const std::vector<double> ya = answer(a);
        const std::vector<double> yb = answer(b);
        const std::vector<double> ysum = answer(sum);
        const std::vector<double> y8 = answer(eightfold);
        const NaiveConv na = a.naive();
        const NaiveConv nb = b.naive();
        const long double bound = 2 * sum_bound<double>(a.terms());
        for (std::size_t i = 0; i < ya.size(); ++i) {
            const long double error = std::abs(static_cast<long double>(ysum[i]) - ya[i] - yb[i]);
            if (!(error <= bound * (na.magnitude.values[i] + nb.magnitude.values[i]))) {
                FAIL_CHECK(text(a.options) << ": additive, element " << i << " errs by " << error);
            }
            if (y8[i] != 8 * ya[i]) {
                FAIL_CHECK(text(a.options) << ": homogeneous, element " << i);
            }
        }
    });
}

TEST_CASE("conv: each element is one chain of multiply-adds, the bias and then channels and taps") {
    // Whether a compiler fuses is its own affair; that it does the same for every element is the order rule.
    Random random(19);
    for (const index_t channels : {1, 2, 7}) {
        const ConvOptions<2> options{.in_channels = channels, .out_channels = 11, .kernel_size = {2, 3}};
        Problem<float, 2> problem{
            options, Strided<float>({3, channels, 6, 9}), Strided<float>({11, channels, 2, 3}), Strided<float>({11}), {}};
        problem.x.fill(random);
        problem.weight.fill(random);
        problem.bias->fill(random);
        Strided<float> y(problem.output_shape());
        run(problem, y);
        bool fused = true;
        bool apart = true;
        for_each_index(y.shape(), [&](const Extents& index) {
            float one = problem.bias->at({index[1]});
            float two = one;
            for_each_index({channels, 2, 3}, [&](const Extents& tap) {
                const float w = problem.weight.at({index[1], tap[0], tap[1], tap[2]});
                const float x = problem.x.at({index[0], tap[0], index[2] + tap[1], index[3] + tap[2]});
                one = std::fma(w, x, one);
                const volatile float product = w * x;
                two += product;
            });
            fused = fused && y.at(index) == one;
            apart = apart && y.at(index) == two;
        });
        CAPTURE(channels, fused, apart);
        CHECK((fused || apart));
    }
}

// ---- edges ----

TEST_CASE("conv: an empty batch, an empty axis and a window that does not fit give empty outputs") {
    const auto shape = [](ConvOptions<1> options, Extents x) {
        options.in_channels = options.out_channels = 1;
        const Extents strides(x.size(), 0);
        const Batch<const float, 2> batch(nullptr, x, strides);
        const Shape<2> item = ops::conv_item(options, ops::conv_plan("test", options, batch));
        return Extents(item.begin(), item.end());
    };
    CHECK(shape({.kernel_size = 3}, {0, 1, 5}) == Extents{1, 3});
    CHECK(shape({.kernel_size = 6}, {1, 5}) == Extents{1, 0});
    CHECK(shape({.kernel_size = 3, .dilation = 3}, {1, 6}) == Extents{1, 0});
    CHECK(shape({.kernel_size = 3, .dilation = 3}, {1, 7}) == Extents{1, 1});
    CHECK(shape({.kernel_size = 1}, {1, 0}) == Extents{1, 0});
    CHECK(shape({.kernel_size = 3, .padding = 1}, {1, 0}) == Extents{1, 0});
    CHECK(shape({.kernel_size = 3, .padding = 2}, {1, 0}) == Extents{1, 2});  // zeros alone
    CHECK(shape({.kernel_size = 3, .padding = same}, {1, 0}) == Extents{1, 0});
    CHECK(shape({.kernel_size = 3, .padding_mode = PaddingMode::reflect}, {1, 0}) == Extents{1, 0});
    CHECK(shape({.kernel_size = 2, .stride = 5}, {1, 6}) == Extents{1, 1});
    CHECK(shape({.kernel_size = 2, .stride = 5}, {1, 7}) == Extents{1, 2});
    CHECK(shape({.kernel_size = 1, .stride = 1000}, {1, 1}) == Extents{1, 1});
    CHECK(shape({.padding = {{-2, -3}}}, {1, 5}) == Extents{1, 0});
    CHECK(shape({.padding = {{-7, 3}}}, {1, 5}) == Extents{1, 1});
    CHECK(shape({.kernel_size = 1, .input_dilation = 4}, {1, 3}) == Extents{1, 9});
    CHECK(shape({.kernel_size = 1, .padding = 1, .input_dilation = 4}, {1, 0}) == Extents{1, 2});
}

TEST_CASE("conv: extents that no memory holds saturate and do not overflow") {
    constexpr index_t most = std::numeric_limits<index_t>::max();
    const auto extent = [](ConvOptions<1> options, index_t length) {
        options.in_channels = options.out_channels = 1;
        const Extents x{1, length};
        const Batch<const float, 2> batch(nullptr, x, x);
        return ops::conv_item(options, ops::conv_plan("test", options, batch))[1];
    };
    CHECK(extent({.padding = max_length}, 5) == 5 + 2 * max_length);
    CHECK(extent({.padding = max_length}, most) == most);
    CHECK(extent({.padding = {{max_length, -9}}}, 5) == max_length - 4);
    CHECK_THROWS_AS(extent({.padding = {{-max_length, -max_length}}}, 5), shape_error);
    CHECK(extent({.kernel_size = max_length}, 5) == 0);
    CHECK_THROWS_AS(extent({.kernel_size = max_length, .dilation = max_length}, 5), std::invalid_argument);
    CHECK(extent({.stride = max_length}, 5) == 1);
    CHECK(extent({.kernel_size = 3, .stride = max_length, .padding = same}, 5) == 1);
    CHECK(extent({.kernel_size = max_length, .padding = same}, 5) == 5);
    CHECK_THROWS_AS(extent({.kernel_size = 5, .padding = same, .dilation = max_length}, 5), std::invalid_argument);
    CHECK(extent({.kernel_size = max_length, .padding = half_padding}, 5) == 5);
    CHECK(extent({.input_dilation = max_length}, 9) == 8 * max_length + 1);
    CHECK(extent({.padding = {{0, -max_length}}, .input_dilation = max_length}, 10) == most);
    CHECK(extent({.kernel_size = 2}, most) == most - 1);
}

TEST_CASE("conv: an input without cells gives the bias wherever a window lies in zeros") {
    // The memory of an empty array may be nowhere.
    const ConvOptions<1> options{.in_channels = 4, .out_channels = 2, .kernel_size = 3, .padding = 2, .groups = 2};
    const Strided<float> weight({2, 2, 3}, std::vector<float>(12, 1.0F));
    const Strided<float> bias({2}, {5, 6});
    const View<const float, 3> x{nullptr, {3, 4, 0}, {28, 7, 1}};
    Strided<float> y({3, 2, 2});
    Workspace workspace;
    ops::conv<float, 1>(options, x, {weight.view<3>(), bias.view<1>(), {}}, y.batch<2>(), workspace);
    CHECK(y.values() == std::vector<float>{5, 5, 6, 6, 5, 5, 6, 6, 5, 5, 6, 6});
    CHECK(y.intact());
}

TEST_CASE("conv: an empty output takes no memory and touches nothing") {
    const ConvOptions<1> options{.in_channels = 1, .out_channels = 1, .kernel_size = 3, .use_bias = false};
    const Strided<float> weight({1, 1, 3}, {1, 2, 3});
    const Strided<float> x({0, 1, 5});
    Strided<float> y({0, 1, 3});
    Workspace workspace;
    ops::conv<float, 1>(options, x.batch<2>(), {weight.view<3>(), {}, {}}, y.batch<2>(), workspace);
    CHECK(y.untouched());
    const View<float, 2> nowhere{nullptr, {1, 0}, {0, 1}};
    const Strided<float> small({1, 2}, {1, 2});
    ops::conv<float, 1>(options, small.batch<2>(), {weight.view<3>(), {}, {}}, nowhere, workspace);
    CHECK(workspace.capacity() == 0);
}

TEST_CASE("conv: zeros of the padding do not read the cells they stand for") {
    // An infinity beside the window must not reach it.
    const float infinity = std::numeric_limits<float>::infinity();
    const ConvOptions<1> options{
        .in_channels = 1, .out_channels = 1, .kernel_size = 3, .stride = 5, .padding = {{1, 0}}, .use_bias = false};
    const Strided<float> weight({1, 1, 3}, {1, 10, 100});
    Problem<float, 1> problem{options, Strided<float>({1, 9}, {1, 2, infinity, infinity, 3, 4, 5, infinity, infinity}), weight, {}, {}};
    CHECK(answer(problem) == std::vector<float>{210, 543});
}

}  // namespace
