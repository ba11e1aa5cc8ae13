// SPDX-License-Identifier: MIT

#include <nn/kernels/conv.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <nn/layers/activations.hpp>
#include <nn/ops/conv.hpp>

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// How an array (B, C, spatial…) lies in memory.
enum class Order { first, last, apart };
constexpr std::array orders{Order::first, Order::last, Order::apart};

/// An array (B, C, spatial…) in a vector of exactly the size that its strides span: a sanitizer sees what reads beside it.
template <class T>
struct Ordered {
    Extents shape;
    Extents strides;
    std::vector<T> memory;

    Ordered(const Extents& shape_, Order order) : shape(shape_), strides(dense_strides(shape_)) {
        if (order == Order::last) {
            Extents moved(shape.begin() + 2, shape.end());
            moved = joined({shape[0]}, joined(moved, {shape[1]}));
            const Extents dense = dense_strides(moved);
            strides.assign(dense.begin() + 1, dense.end() - 1);
            strides.insert(strides.begin(), {dense.front(), 1});
        }
        for (index_t& stride : strides) {
            stride *= order == Order::apart ? 3 : 1;
        }
        index_t last = 0;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            last += (shape[axis] - 1) * strides[axis];
        }
        memory.assign(static_cast<std::size_t>(last + 1), std::numeric_limits<T>::quiet_NaN());
    }
    T& at(const Extents& index) {
        index_t place = 0;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            place += index[axis] * strides[axis];
        }
        return memory[static_cast<std::size_t>(place)];
    }
    /// Row by row.
    std::vector<T> values() {
        std::vector<T> all;
        for_each_index(shape, [&](const Extents& index) { all.push_back(at(index)); });
        return all;
    }
};

/// A function that is not a bound.
struct Doubled {
    template <class V>
    NN_INLINE static void apply(V& x) {
        x += x;
    }
};

template <class T, std::size_t N>
ConvOptions<N> any_options(Random& random) {
    ConvOptions<N> o;
    o.groups = random.chance(0.3) ? random.integer(2, 3) : 1;
    o.in_channels = o.groups * (random.chance(0.1) ? 530 : random.integer(1, 40));  // more than a block of the depth
    o.out_channels = o.groups * random.integer(1, 40);
    o.kernel_size = random.chance(0.4) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 3); });
    o.stride = random.chance(0.6) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 3); });
    o.dilation = random.chance(0.7) ? PerAxis<N>(1) : per_axis<N>([&] { return random.integer(1, 3); });
    o.padding_mode = random.pick(
        std::vector{PaddingMode::zeros, PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular});
    o.padding = random.chance(0.5) ? 0 : random.integer(o.padding_mode == PaddingMode::zeros ? -2 : 0, 2);
    if (random.chance(0.1)) {  // taps so far apart that what lies between is not copied
        o.kernel_size = 2;
        o.dilation = 100'000;
        std::array<Pad, N> pads;
        pads.fill({100'000, 0});
        o.padding = pads;
        o.padding_mode = PaddingMode::zeros;
    }
    o.use_bias = random.chance(0.7);
    return o;
}

template <class T, std::size_t N>
void check(Random& random) {
    const ConvOptions<N> o = any_options<T, N>(random);
    Extents shape{random.chance(0.2) ? 9 : random.integer(1, 2), o.in_channels};
    for (std::size_t axis = 0; axis < N; ++axis) {
        shape.push_back(N == 1 ? random.integer(7, random.chance(0.2) ? 1500 : 150) : random.integer(7, N == 2 ? 14 : 9));
    }
    if (shape[1] > 200) {  // of which a few windows are a block
        shape[0] = 1;
        shape.back() = 7;
    }
    const Shape<N + 2> taps = ops::conv_weight_shape(o);
    Dense x = zeros(shape);
    Dense w = zeros(Extents(taps.begin(), taps.end()));
    std::optional<Dense> b;
    for (long double& value : x.values) {
        value = random.real<T>();
    }
    for (long double& value : w.values) {
        value = random.real<T>();
    }
    const std::vector<T> weight(w.values.begin(), w.values.end());
    std::vector<T> bias;
    if (o.use_bias) {
        bias = random.reals<T>(o.out_channels);
        b = Dense{{o.out_channels}, std::vector<long double>(bias.begin(), bias.end())};
    }
    const NaiveConv plain = naive_conv(o, x, w, b, std::nullopt);
    const index_t depth = o.in_channels / o.groups * element_count(taps) / taps[0] / taps[1];

    const int function = static_cast<int>(random.integer(0, 2));
    NaiveConv expected = plain;
    for (long double& value : expected.y.values) {
        value = function == 1 ? std::max(value, 0.0L) : value;
    }
    const functions::Relu relu_function;
    const Doubled doubled;
    const auto finish = function == 0   ? kernels::Finish<T>()
                        : function == 1 ? kernels::finish_with<T>(relu_function)
                                        : kernels::finish_with<T>(doubled);
    for (const simd::Isa isa : isas()) {
        std::optional<std::vector<T>> in_order;
        for (const Order from : orders) {
            for (const Order to : orders) {
                Ordered<T> in(shape, from);
                for_each_index(shape, [&](const Extents& index) { in.at(index) = static_cast<T>(x.at(index)); });
                const Batch<const T, N + 1> image(in.memory.data(), in.shape, in.strides);
                const kernels::ConvPlan<N> plan = ops::conv_plan("test", o, image);
                for (const auto& [rows, in_place] : {std::pair(kernels::Rows::outputs, false), std::pair(kernels::Rows::outputs, true),
                                                     std::pair(kernels::Rows::windows, false)}) {
                    Ordered<T> out(plain.y.shape, to);
                    Workspace workspace;
                    const auto frame = workspace.frame();
                    const kernels::PackedConv<T> packing{
                        isa, rows, o.groups, o.out_channels / o.groups, {o.in_channels / o.groups, plan.taps()}, nullptr};
                    const View<const T, 2> matrix = contiguous(weight.data(), Shape<2>{o.out_channels, depth});
                    kernels::conv(plan, image,
                                  in_place ? kernels::conv_in_place(packing, weight.data())
                                           : kernels::pack_conv(packing, matrix, frame.template take<T>(packing.size())),
                                  o.use_bias ? bias.data() : nullptr, Batch<T, N + 1>(out.memory.data(), out.shape, out.strides), workspace,
                                  finish);
                    std::vector<T> values = out.values();
                    for (T& value : values) {
                        value /= function == 2 ? T(2) : T(1);
                    }
                    CAPTURE(static_cast<int>(isa), static_cast<int>(from), static_cast<int>(to), static_cast<int>(rows), in_place, function,
                            shape, plain.y.shape, o.groups, o.kernel_size.values(), o.stride.values(), o.dilation.values(),
                            static_cast<int>(o.padding_mode));
                    CHECK(first_outside(values, expected, sum_bound<T>(depth)) == values.size());
                    CHECK(same_bits(in_order.value_or(values), values));
                    in_order = values;
                }
            }
        }
    }
}

TEMPLATE_TEST_CASE("conv: the product takes channels first, last and apart, with the same bits", "", float, double) {
    Random random(5);
    for (int round = 0; round < 24; ++round) {
        check<TestType, 1>(random);
        check<TestType, 2>(random);
        if (round % 4 == 0) {
            check<TestType, 3>(random);
        }
    }
}

TEST_CASE("conv: scratch is bounded whatever the picture") {
    const auto held = [](kernels::Rows rows, Order order, index_t height, index_t width) {
        const ConvOptions<2> o{.in_channels = 8, .out_channels = 16, .kernel_size = 3, .padding = 1};
        Ordered<float> in({1, 8, height, width}, order);
        Ordered<float> out({1, 16, height, width}, order);
        const Batch<const float, 3> image(in.memory.data(), in.shape, in.strides);
        const kernels::ConvPlan<2> plan = ops::conv_plan("test", o, image);
        const std::vector<float> weight(16 * 72);
        const kernels::PackedConv<float> packing{simd::machine(), rows, 1, 16, {8, 9}, nullptr};
        std::vector<float> panels(static_cast<std::size_t>(packing.size()));
        Workspace workspace;
        kernels::conv(plan, image, kernels::pack_conv(packing, contiguous(weight.data(), Shape<2>{16, 72}), panels.data()),
                      static_cast<const float*>(nullptr), Batch<float, 3>(out.memory.data(), out.shape, out.strides), workspace);
        return workspace.capacity();
    };
    for (const kernels::Rows rows : {kernels::Rows::outputs, kernels::Rows::windows}) {
        for (const Order order : {Order::first, Order::last}) {
            const std::size_t bound = 256 * 1024;  // as nn::Conv says
            CHECK(held(rows, order, 200, 200) <= bound);
            CHECK(held(rows, order, 1, 30000) <= bound);
            CHECK(held(rows, order, 30000, 1) <= bound);
        }
    }
}

}  // namespace
