// SPDX-License-Identifier: MIT

#include <nn/kernels/phases.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <nn/kernels/convolve.hpp>
#include <nn/ops/conv.hpp>

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// y + 1: twice is not once.
struct PlusOne {
    void apply(auto& x) const { x += 1; }
};

/// x (B, C, L…) with the zeros between its cells.
template <class T, std::size_t N>
Strided<T> stuffed(const Strided<T>& x, const std::array<index_t, N>& apart) {
    Extents shape = x.shape();
    for (std::size_t axis = 0; axis < N; ++axis) {
        shape[axis + 2] = std::max<index_t>((shape[axis + 2] - 1) * apart[axis] + 1, 0);
    }
    Strided<T> result(shape, std::vector<T>(static_cast<std::size_t>(count_of(shape)), T(0)));
    for_each_index(x.shape(), [&](const Extents& index) {
        Extents to = index;
        for (std::size_t axis = 0; axis < N; ++axis) {
            to[axis + 2] *= apart[axis];
        }
        result.at(to) = x.at(index);
    });
    return result;
}

/// The product over an x that holds the zeros, with a weight that is not sorted.
template <class T, std::size_t N>
std::vector<T> expected(ConvOptions<N> options, const Strided<T>& x, const std::vector<T>& weight, const T* bias, const Extents& y_shape) {
    Strided<T> wide = stuffed(x, options.input_dilation.values());
    options.input_dilation = 1;
    const kernels::ConvPlan<N> plan = ops::conv_plan<T, N>("test", options, wide.template batch<N + 1>());
    const index_t depth = options.in_channels / options.groups * plan.taps();
    Workspace workspace;
    const auto frame = workspace.frame();
    const simd::Isa isa = simd::machine();
    const index_t groups = options.groups;
    const kernels::PackedConv<T> packing{
        isa, kernels::Rows::outputs, groups, options.out_channels / groups, {options.in_channels / groups, plan.taps()}, nullptr};
    const auto packed = kernels::pack_conv(packing, contiguous(weight.data(), Shape<2>{options.out_channels, depth}),
                                           frame.template take<T>(packing.size()));
    Strided<T> y(y_shape);
    kernels::conv<T, N>(plan, wide.template batch<N + 1>(), packed, bias, y.template batch<N + 1>(), workspace);
    return y.values();
}

struct Sizes {
    index_t channels;
    index_t groups;
    index_t kernel;
    index_t length;
    index_t items;
};

template <class T, std::size_t N>
void check(Random& random, const Sizes& most, std::optional<index_t> apart = std::nullopt) {
    ConvOptions<N> o;
    o.groups = random.integer(1, most.groups);
    const bool depthwise = random.chance(0.3);
    o.in_channels = o.groups * (depthwise ? 1 : random.integer(1, most.channels));
    o.out_channels = o.groups * (depthwise ? 1 : random.integer(1, most.channels));
    o.kernel_size = per_axis<N>([&] { return random.integer(1, most.kernel); });
    o.stride = random.chance(0.6) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 6); });
    o.dilation = random.chance(0.6) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 6); });
    o.input_dilation = apart ? PerAxis<N>(*apart) : per_axis<N>([&] { return random.integer(1, 6); });
    o.input_dilation = o.input_dilation == PerAxis<N>(1) ? PerAxis<N>(2) : o.input_dilation;
    o.use_bias = random.chance(0.7);
    std::array<Pad, N> pads{};
    Extents shape{random.integer(1, most.items), o.in_channels};
    for (std::size_t axis = 0; axis < N; ++axis) {
        pads[axis] = {random.integer(-3, 9), random.integer(-3, 9)};
        shape.push_back(random.integer(1, most.length));
        const index_t cells = (shape.back() - 1) * o.input_dilation[axis] + 1 + pads[axis].before + pads[axis].after;
        if (cells <= (o.kernel_size[axis] - 1) * o.dilation[axis]) {
            return;
        }
    }
    o.padding = pads;
    CAPTURE(o.groups, o.in_channels, o.out_channels, o.kernel_size.values(), o.stride.values(), o.dilation.values(),
            o.input_dilation.values(), pads[0].before, pads[0].after, shape, o.use_bias);

    Strided<T> x(shape, random.chance(0.4) ? Arrangement::dense() : Arrangement::any(random, N + 2, true));
    x.fill(random);
    const Shape<N + 2> taps = ops::conv_weight_shape(o);
    const std::vector<T> weight = random.reals<T>(element_count(taps));
    const std::vector<T> bias = random.reals<T>(o.out_channels);
    const kernels::ConvPlan<N> plan = ops::conv_plan<T, N>("test", o, x.template batch<N + 1>());
    const Shape<N + 1> item = ops::conv_item(o, plan);
    const Extents y_shape = joined({shape[0]}, Extents(item.begin(), item.end()));
    std::vector<T> right = expected(o, x, weight, o.use_bias ? bias.data() : nullptr, y_shape);

    Strided<T> y(y_shape, random.chance(0.5) ? Arrangement::dense() : Arrangement::any(random, N + 2, false));
    const bool finish = random.chance(0.3);
    const PlusOne plus_one;
    Workspace workspace;
    const auto frame = workspace.frame();
    const ops::CallWeight<T, N> forms(o, ops::ConvParameters<T, N>{contiguous(weight.data(), taps), std::nullopt, std::nullopt},
                                      plan.windows(), frame);
    kernels::convolve<T, N>(plan, x.template batch<N + 1>(), forms, o.use_bias ? bias.data() : nullptr, y.template batch<N + 1>(),
                            workspace, finish ? kernels::finish_with<T>(plus_one) : kernels::Finish<T>());
    for (T& value : right) {
        value += finish ? T(1) : T(0);
    }
    CHECK(same_bits(y.values(), right));
    CHECK(y.intact());
}

}  // namespace

TEST_CASE("phases: any convolution over zeros between cells has the bits of one over an array that holds the zeros") {
    Random random(1);
    const Sizes small{.channels = 4, .groups = 3, .kernel = 6, .length = 9, .items = 3};
    for (int i = 0; i < 400; ++i) {
        check<float, 1>(random, small);
        check<float, 2>(random, small);
        check<double, 2>(random, small);
        if (i % 8 == 0) {
            check<double, 1>(random, small);
            check<long double, 1>(random, small);
            check<long double, 2>(random, small);
            check<float, 3>(random, {.channels = 3, .groups = 2, .kernel = 4, .length = 5, .items = 2});
        }
    }
}

TEST_CASE("phases: the same for rows, images and batches that take several blocks") {
    Random random(2);
    for (const index_t apart : {2, 2, 3, 8}) {
        check<float, 1>(random, {.channels = 60, .groups = 1, .kernel = 16, .length = 3000, .items = 2}, apart);
        check<float, 1>(random, {.channels = 2, .groups = 40, .kernel = 5, .length = 2000, .items = 2}, apart);
        check<double, 2>(random, {.channels = 40, .groups = 2, .kernel = 4, .length = 60, .items = 2}, apart);
        check<float, 2>(random, {.channels = 40, .groups = 1, .kernel = 4, .length = 90, .items = 1}, apart);
        check<float, 2>(random, {.channels = 30, .groups = 2, .kernel = 5, .length = 5, .items = 90}, apart);
        check<float, 3>(random, {.channels = 20, .groups = 1, .kernel = 3, .length = 20, .items = 1}, apart);
    }
}

TEST_CASE("phases: taps are sorted by their remainder along each axis, and counted") {
    const ConvOptions<2> o{.in_channels = 1, .out_channels = 1, .kernel_size = {5, 3}, .dilation = {2, 1}, .input_dilation = {4, 2}};
    const kernels::TapClasses<2> classes = ops::tap_classes(o);
    std::vector<float> weight;
    for (int row = 0; row < 5; ++row) {
        for (int column = 0; column < 3; ++column) {
            weight.push_back(static_cast<float>(10 * row + column));
        }
    }
    Workspace workspace;
    const auto frame = workspace.frame();
    const View<const float, 4> taps = contiguous<const float>(weight.data(), ops::conv_weight_shape(o));
    const float* const sorted = kernels::sort_taps<float, 2>(classes, taps, std::nullopt, frame);
    // Rows 0 2 4 and 1 3, for dilation 2 under distance 4 goes by twos; columns 0 2 and 1.
    CHECK(std::vector<float>(sorted, sorted + 15) == std::vector<float>{0, 2, 20, 22, 40, 42, 1, 21, 41, 10, 12, 30, 32, 11, 31});
    std::vector<index_t> counted;
    classes.each([&](index_t before, index_t count) {
        counted.push_back(before);
        counted.push_back(count);
    });
    CHECK(counted == std::vector<index_t>{0, 6, 6, 3, 9, 4, 13, 2});
    CHECK(classes.taps() == 15);
    CHECK(!classes.one());
    CHECK(ops::tap_classes(ConvOptions<2>{.kernel_size = 7, .dilation = 3, .input_dilation = 3}).one());
    CHECK(ops::tap_classes(ConvOptions<2>{.kernel_size = 1, .input_dilation = 3}).one());
}

TEST_CASE("phases: zeros between cells are not multiplied") {
    const float inf = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto run = [](const std::vector<float>& x, const std::vector<float>& weight) {
        const ConvOptions<1> o{.in_channels = 1,
                               .out_channels = 1,
                               .kernel_size = static_cast<index_t>(weight.size()),
                               .input_dilation = 2,
                               .use_bias = false};
        const Shape<2> in{1, static_cast<index_t>(x.size())};
        const View<const float, 2> from = contiguous<const float>(x.data(), in);
        const kernels::ConvPlan<1> plan = ops::conv_plan<float, 1>("test", o, from);
        std::vector<float> y(static_cast<std::size_t>(plan.windows()));
        Workspace workspace;
        ops::conv<float, 1>(o, from, {contiguous<const float>(weight.data(), ops::conv_weight_shape(o)), std::nullopt, std::nullopt},
                            contiguous(y.data(), Shape<2>{1, plan.windows()}), workspace);
        return y;
    };
    CHECK(same_bits(run({1, 2, 3}, {1, inf}), {1, inf, 2, inf}));  // 1 · 1 + ∞ · 0 would be NaN
    CHECK(same_bits(run({1, nan, 3}, {1, 10}), {1, nan, nan, 30}));
    CHECK(same_bits(run({1, nan, 3}, {1}), {1, 0, nan, 0, 3}));
}

TEST_CASE("phases: scratch memory does not grow with the image") {
    const auto held = [&](index_t height, index_t width, PaddingMode mode) {
        const ConvOptions<2> options{
            .in_channels = 20, .out_channels = 4, .kernel_size = 3, .padding = 2, .input_dilation = 3, .use_bias = false};
        const std::vector<float> weight(4 * 20 * 9, 1.0F);
        const std::vector<float> x(static_cast<std::size_t>(20 * height * width));
        const View<const float, 3> image = contiguous<const float>(x.data(), Shape<3>{20, height, width});
        kernels::ConvPlan<2> plan = ops::conv_plan<float, 2>("test", options, image);
        Shape<3> shape{4, plan.axes[0].output, plan.axes[1].output};
        if (mode != PaddingMode::zeros) {
            shape = {4, shape[1] - 1, shape[2] - 2};
            plan.folds.emplace();
            (*plan.folds)[0] = {.input = shape[1], .before = 0, .mode = mode};
            (*plan.folds)[1] = {.input = shape[2], .before = 1, .mode = mode};
        }
        std::vector<float> y(static_cast<std::size_t>(element_count(shape)));
        Workspace workspace;
        const auto frame = workspace.frame();
        const ops::CallWeight<float, 2> forms(
            options,
            ops::ConvParameters<float, 2>{contiguous<const float>(weight.data(), ops::conv_weight_shape(options)), std::nullopt,
                                          std::nullopt},
            plan.windows(), frame);
        kernels::convolve<float, 2>(plan, image, forms, nullptr, contiguous(y.data(), shape), workspace);
        return workspace.capacity();
    };
    for (const PaddingMode mode : {PaddingMode::zeros, PaddingMode::circular}) {
        CHECK(held(200, 200, mode) <= 3 * (128 + 128 + 64) * 1024);
        CHECK(held(1, 40000, mode) <= 3 * (128 + 128 + 64) * 1024);
        CHECK(held(40000, 1, mode) <= 3 * (128 + 128 + 64) * 1024);
    }
}
