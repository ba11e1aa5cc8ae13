// SPDX-License-Identifier: MIT

#include <nn/kernels/stencil.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <nn/ops/conv.hpp>

#include "support/catch.hpp"
#include "support/executor.hpp"
#include "support/kernels.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// One convolution of few channels in a group. Its arrays are vectors of exactly their size: a sanitizer sees what reads beside them.
template <class T, std::size_t N>
struct Case {
    ConvOptions<N> options;
    Extents shape;  ///< of x, one batch axis
    std::vector<T> x;
    std::vector<T> weight;
    std::vector<T> bias;

    Batch<const T, N + 1> input(const Extents& strides) const { return {x.data(), shape, strides}; }
};

template <class T, std::size_t N>
Case<T, N> any_case(Random& random) {
    while (true) {
        ConvOptions<N> o;
        const bool lanes = random.chance(0.2);  // depthwise, with channels side by side, and room for windows inside the image
        const index_t channels = lanes || random.chance(0.6) ? 1 : random.integer(1, 5);
        const index_t outputs = lanes || random.chance(0.4) ? 1 : random.integer(1, random.chance(0.1) ? 40 : 9);
        o.groups = lanes || random.chance(0.2) ? random.integer(lanes ? 8 : 5, lanes ? 40 : 70) : random.integer(1, 4);
        o.in_channels = o.groups * channels;
        o.out_channels = o.groups * outputs;
        o.kernel_size = per_axis<N>([&] { return random.integer(1, N == 3 ? 3 : random.chance(0.1) ? 20 : 5); });
        o.stride = random.chance(0.4) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 4); });
        o.dilation = random.chance(0.6) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, random.chance(0.1) ? 40 : 4); });
        o.padding_mode = random.pick(
            std::vector{PaddingMode::zeros, PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular});
        const bool zeros = o.padding_mode == PaddingMode::zeros;
        o.input_dilation = zeros && random.chance(0.2) ? per_axis<N>([&] { return random.integer(1, 3); }) : PerAxis<N>(1);
        std::array<Pad, N> pads{};
        for (Pad& pad : pads) {
            const index_t most = random.chance(0.1) ? 40 : 3;
            pad = {random.integer(zeros ? -1 : 0, most), random.integer(zeros ? -1 : 0, most)};
        }
        o.padding = pads;
        o.use_bias = random.chance(0.7);
        o.layout = !lanes && random.chance(0.8) ? Layout::channels_first : Layout::channels_last;
        Extents spatial;
        bool possible = true;
        for (std::size_t axis = 0; axis < N; ++axis) {
            const index_t longest = axis + 1 < N ? (N == 3 ? 5 : 20) : N == 1 && random.chance(0.2) ? 9000 : random.chance(0.3) ? 80 : 20;
            spatial.push_back(lanes && axis + 2 >= N ? random.integer(12, 30) : random.integer(1, longest));
            const index_t cells = (spatial.back() - 1) * o.input_dilation[axis] + 1 + pads[axis].before + pads[axis].after;
            possible = possible && cells > (o.kernel_size[axis] - 1) * o.dilation[axis];
        }
        Case<T, N> result{o, joined({random.integer(1, 2)}, joined({o.in_channels}, spatial)), {}, {}, {}};
        if (!possible || count_of(result.shape) * outputs / channels > 60000) {
            continue;
        }
        if (o.layout == Layout::channels_last) {
            result.shape = joined({result.shape[0]}, joined(spatial, {o.in_channels}));
        }
        result.x = random.reals<T>(count_of(result.shape));
        const Shape<N + 2> taps = ops::conv_weight_shape(o);
        result.weight = random.reals<T>(element_count(taps));
        if (o.use_bias) {
            result.bias = random.reals<T>(o.out_channels);
        }
        return result;
    }
}

Dense as_dense(const Extents& shape, const auto& values) { return {shape, std::vector<long double>(values.begin(), values.end())}; }

struct Counts {
    int windows = 0;
    int channels = 0;
    int inside = 0;  ///< over channels, with seven windows along every axis that read the image alone
};

template <class T, std::size_t N>
void check(const Case<T, N>& given, Counts& counts) {
    const ConvOptions<N>& o = given.options;
    const Extents strides = dense_strides(given.shape);
    const Batch<const T, N + 1> x = given.input(strides);
    const kernels::ConvPlan<N> plan = ops::conv_plan("test", o, x);
    const Shape<N + 1> item = ops::conv_item(o, plan);
    const Extents y_shape = joined({given.shape[0]}, Extents(item.begin(), item.end()));
    const Extents y_strides = dense_strides(y_shape);
    const std::size_t size = static_cast<std::size_t>(count_of(y_shape));
    const T* const bias = o.use_bias ? given.bias.data() : nullptr;
    const index_t depth = o.in_channels / o.groups * plan.taps();

    const Shape<N + 2> taps = ops::conv_weight_shape(o);
    const std::optional<Dense> exact_bias = o.use_bias ? std::optional(as_dense({o.out_channels}, given.bias)) : std::nullopt;
    const NaiveConv expected =
        naive_conv(o, as_dense(given.shape, given.x), as_dense(Extents(taps.begin(), taps.end()), given.weight), exact_bias, std::nullopt);
    REQUIRE(expected.y.shape == y_shape);
    for (const simd::Isa isa : isas()) {
        const T nan = std::numeric_limits<T>::quiet_NaN();
        std::vector<T> by_stencil(size, nan);
        const Batch<T, N + 1> stencil = Batch<T, N + 1>(by_stencil.data(), y_shape, y_strides).channels_first(o.layout);
        const Batch<const T, N + 1> first = x.channels_first(o.layout);
        const kernels::Lanes lanes = kernels::stencil_lanes(plan, first, stencil);
        if (lanes == kernels::Lanes::none) {
            return;
        }
        (lanes == kernels::Lanes::windows ? counts.windows : counts.channels) += 1;
        bool inside = lanes == kernels::Lanes::channels;
        for (const kernels::WindowAxis& axis : plan.axes) {
            inside = inside && axis.inside().last - axis.inside().first >= 7;
        }
        counts.inside += inside ? 1 : 0;

        Workspace scratch;
        kernels::stencil(isa, plan, first, given.weight.data(), bias, stencil, scratch);

        CAPTURE(static_cast<int>(isa), static_cast<int>(lanes), o.in_channels, o.out_channels, o.groups, o.kernel_size.values(),
                o.stride.values(), o.dilation.values(), o.input_dilation.values(), static_cast<int>(o.padding_mode), given.shape, y_shape);
        for (const kernels::Rows rows : {kernels::Rows::outputs, kernels::Rows::windows}) {
            std::vector<T> by_product(size, nan);
            const Batch<T, N + 1> product = Batch<T, N + 1>(by_product.data(), y_shape, y_strides).channels_first(o.layout);
            Workspace workspace;
            const auto frame = workspace.frame();
            const View<const T, 2> matrix = contiguous(given.weight.data(), Shape<2>{o.out_channels, depth});
            const kernels::PackedConv<T> packing{isa,    rows, o.groups, o.out_channels / o.groups, {o.in_channels / o.groups, plan.taps()},
                                                 nullptr};
            kernels::conv(plan, first, kernels::pack_conv(packing, matrix, frame.template take<T>(packing.size())), bias, product,
                          workspace);
            CAPTURE(static_cast<int>(rows));
            CHECK(same_bits(by_stencil, by_product));
        }
        CHECK(first_outside(by_stencil, expected, sum_bound<T>(depth)) == size);

        // The same by workers in another order, into a y with gaps behind each channel or row, which stay as they were.
        const index_t inner = count_of(y_shape) / (y_shape[0] * y_shape[1]);
        Extents apart = y_strides;
        apart[1] = inner + 3;
        apart[0] = y_shape[1] * apart[1];
        std::vector<T> spread(static_cast<std::size_t>(y_shape[0] * apart[0]), T(-7));
        const Batch<T, N + 1> with_gaps = Batch<T, N + 1>(spread.data(), y_shape, apart).channels_first(o.layout);
        if (kernels::stencil_lanes(plan, first, with_gaps) != lanes) {  // a single channel, side by side no longer
            continue;
        }
        Backwards executor;
        Workspace workers(executor);
        kernels::stencil(isa, plan, first, given.weight.data(), bias, with_gaps, workers);
        std::vector<T> gathered;
        for (std::size_t i = 0; i < spread.size(); i += static_cast<std::size_t>(inner + 3)) {
            const auto from = spread.begin() + static_cast<std::ptrdiff_t>(i);
            gathered.insert(gathered.end(), from, from + inner);
            CHECK(std::all_of(from + inner, from + inner + 3, [](T element) { return element == T(-7); }));
        }
        CHECK(same_bits(by_stencil, gathered));
    }
}

template <class T>
void check_any(std::uint64_t seed, int count) {
    Random random(seed);
    Counts counts;
    for (int i = 0; i < count; ++i) {
        check(any_case<T, 1>(random), counts);
        check(any_case<T, 2>(random), counts);
        check(any_case<T, 3>(random), counts);
    }
    if (simd::available<T>) {
        CHECK(counts.windows > count);
        CHECK(counts.channels > count / 2);
        CHECK(counts.inside > count / 4);
    }
}

#if NN_SIMD
TEST_CASE("stencil: any convolution with few channels in a group is the sum of its definition, and the product's to the bit, in floats") {
    check_any<float>(1, 200);
}
TEST_CASE("stencil: any convolution with few channels in a group is the sum of its definition, and the product's to the bit, in doubles") {
    check_any<double>(2, 100);
}

TEST_CASE("stencil: where no window lies inside the image, as many are made as there are") {
    Random random(11);
    Counts counts;
    for (const index_t before : {20, 60, 80}) {
        for (const index_t after : {0, 20}) {
            Case<float, 2> given;
            given.options = {.in_channels = 64,
                             .out_channels = 64,
                             .kernel_size = {1, 3},
                             .padding = {Pad(0, 0), Pad(before, after)},
                             .dilation = {1, 40},
                             .groups = 64,
                             .use_bias = false,
                             .layout = Layout::channels_last};
            given.shape = {1, 8, 61, 64};
            given.x = random.reals<float>(count_of(given.shape));
            given.weight = random.reals<float>(64 * 3);
            check(given, counts);
        }
    }
    CHECK((counts.channels > 0) == simd::available<float>);
}

TEST_CASE("stencil: scratch memory does not grow with the image") {
    std::vector<float> weight(9, 1.0F);
    const auto held = [&](index_t height, index_t width, index_t dilation) {
        const ConvOptions<2> options{
            .in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = dilation, .dilation = dilation, .use_bias = false};
        std::vector<float> x(static_cast<std::size_t>(height * width));
        std::vector<float> y(x.size());
        const View<const float, 3> image = contiguous<const float>(x.data(), Shape<3>{1, height, width});
        Workspace workspace;
        kernels::stencil<float, 2>(simd::machine(), ops::conv_plan<float, 2>("test", options, image), image, weight.data(), nullptr,
                                   contiguous(y.data(), Shape<3>{1, height, width}), workspace);
        return workspace.capacity();
    };
    for (const index_t dilation : {1, 3, 100, 900}) {
        CAPTURE(dilation);
        CHECK(held(1000, 1000, dilation) <= 3 * (64 * 1024));
        CHECK(held(1, 200000, dilation) <= 3 * (64 * 1024));
        CHECK(held(200000, 1, dilation) <= 3 * (64 * 1024));
    }
}
#endif

}  // namespace
