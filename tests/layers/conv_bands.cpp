// SPDX-License-Identifier: MIT

#include <nn/layers/conv_bands.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

#include <nn/compose/freeze.hpp>
#include <nn/nn.hpp>
#include <nn/threads.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// Enough channels that a result of some ten thousand cells does not stay in the cache.
constexpr index_t hidden = 40;

template <class T>
auto inverted(Random& random, const ConvOptions<2>& middle) {
    return Sequential(filled(random, Conv2d<T>({.in_channels = 3, .out_channels = hidden}, no_init)), relu6,
                      filled(random, Conv2d<T>(middle, no_init)), gelu,
                      filled(random, Conv2d<T>({.in_channels = hidden, .out_channels = 3, .use_bias = false}, no_init)));
}
ConvOptions<2> depthwise(Random& random) {
    return {.in_channels = hidden,
            .out_channels = hidden,
            .kernel_size = {random.integer(1, 5), random.integer(1, 4)},
            .stride = {random.integer(1, 3), random.integer(1, 2)},
            .padding = {Pad(random.integer(-1, 1), random.integer(-1, 1)), Pad(random.integer(0, 2), random.integer(0, 2))},
            .dilation = {random.integer(1, 2), random.integer(1, 2)},
            .groups = hidden};
}
template <class Frozen>
bool run_together(const Frozen& frozen, const Shape<4>& x, const ExecutorRef& executor = {}) {
    return detail::together(frozen.template get<0>(), frozen.template get<1>(), frozen.template get<2>(), x, executor).has_value();
}

}  // namespace

TEMPLATE_TEST_CASE("conv_bands: an inverted residual run band by band keeps every bit", "[conv_bands]", float, double) {
    Random random(2);
    int together = 0;
    for (int trial = 0; trial < 12; ++trial) {
        const Shape<4> shape{random.integer(1, 2), 3, random.integer(40, 60), random.integer(40, 60)};
        const auto net = inverted<TestType>(random, depthwise(random));
        const auto x = random_tensor<TestType, 4>(random, shape);
        const auto frozen = freeze(net, {.input_shape = {1, 3, 50, 50}});
        together += run_together(frozen, shape) ? 1 : 0;
        const auto y = net(x);
        CHECK(identical(frozen(x), y));

        // Between other layers, and onto x itself, as one after another allows.
        const Sequential longer(softsign, net, identity,
                                Residual(filled(random, Conv2d<TestType>({.in_channels = 3, .out_channels = 3}, no_init))));
        CHECK(identical(freeze(longer, {.input_shape = {1, 3, 50, 50}})(x), longer(x)));
        if (extents_of(y) == shape) {
            auto both = x;
            Workspace workspace;
            frozen.forward_into(both, both, workspace);
            CHECK(identical(both, y));
        }
    }
    CHECK(together >= 6);
}

TEST_CASE("conv_bands: in place the whole of x is read first", "[conv_bands]") {
    Random random(3);
    const auto net =
        inverted<float>(random, {.in_channels = hidden, .out_channels = hidden, .kernel_size = 3, .padding = 1, .groups = hidden});
    const auto frozen = freeze(net, {.input_shape = {2, 3, 50, 50}});
    auto x = random_tensor<float, 4>(random, {2, 3, 50, 50});
    const auto y = net(x);
    CHECK(run_together(frozen, extents_of(x)));
    Workspace workspace;
    std::vector<float> memory(x.size() + 1000);
    std::copy(x.begin(), x.end(), memory.begin());
    const View<const float, 4> from{memory.data(), {2, 3, 50, 50}, {7500, 2500, 50, 1}};
    // The same place, and one in which the first item of y lies on the second of x.
    frozen.forward_into(x, x, workspace);
    CHECK(identical(x, y));
    frozen.forward_into(from, View<float, 4>{memory.data() + 1000, {2, 3, 50, 50}, {7500, 2500, 50, 1}}, workspace);
    CHECK(std::equal(y.begin(), y.end(), memory.begin() + 1000));
}

TEST_CASE("conv_bands: one band alone where the weights weigh more than what lies between keeps every bit too") {
    Random random(6);
    const index_t wide = 400;
    const auto conv = [&](const ConvOptions<2>& options) { return filled(random, Conv2d<float>(options, no_init)); };
    const Sequential net(conv({.in_channels = 200, .out_channels = wide}), relu6,
                         conv({.in_channels = wide, .out_channels = wide, .kernel_size = 3, .padding = 1, .groups = wide}), relu6,
                         conv({.in_channels = wide, .out_channels = 200}));
    const auto frozen = freeze(net, {.input_shape = {1, 200, 12, 12}});
    const auto x = random_tensor<float, 4>(random, {1, 200, 12, 12});
    CHECK(run_together(frozen, extents_of(x)));
    CHECK(identical(frozen(x), net(x)));
}

TEST_CASE("conv_bands: a first convolution that reads its padding keeps every bit, band by band if that is zeros") {
    Random random(7);
    for (const PaddingMode mode : {PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}) {
        for (const index_t spread : {1, 2}) {
            if (spread > 1 && mode != PaddingMode::zeros) {
                continue;
            }
            const ConvOptions<2> first{.in_channels = 3,
                                       .out_channels = hidden,
                                       .kernel_size = {5, 3},
                                       .padding = {Pad(4, 3), Pad(1, 1)},
                                       .input_dilation = {spread, 1},
                                       .padding_mode = mode};
            const ConvOptions<2> middle{.in_channels = hidden, .out_channels = hidden, .kernel_size = 3, .padding = 1, .groups = hidden};
            const Sequential net(filled(random, Conv2d<double>(first, no_init)), relu6, filled(random, Conv2d<double>(middle, no_init)), gelu,
                                 filled(random, Conv2d<double>({.in_channels = hidden, .out_channels = 3}, no_init)));
            const auto frozen = freeze(net, {.input_shape = {1, 3, 50, 50}});
            const auto x = random_tensor<double, 4>(random, {1, 3, 50, 50});
            CAPTURE(static_cast<int>(mode), spread);
            CHECK(run_together(frozen, extents_of(x)) == (mode == PaddingMode::zeros && spread == 1));
            CHECK(identical(frozen(x), net(x)));
        }
    }
}

TEST_CASE("conv_bands: only where rows fit in the cache, with zeros beside them, and on one thread", "[conv_bands]") {
    Random random(4);
    const ConvOptions<2> middle{.in_channels = hidden, .out_channels = hidden, .kernel_size = 3, .padding = 1, .groups = hidden};
    const auto frozen = freeze(inverted<float>(random, middle), {.input_shape = {1, 3, 50, 50}});
    CHECK(run_together(frozen, {1, 3, 50, 50}));
    CHECK(run_together(frozen, {1, 3, 8, 8}));
    CHECK(!run_together(frozen, {1, 3, 8, 1000}));  // three rows are too much
    CHECK(!run_together(frozen, {1, 3, 0, 50}));
    CHECK(!run_together(frozen, {1, 4, 50, 50}));
    ThreadPool pool(2);
    CHECK(!run_together(frozen, {1, 3, 50, 50}, ExecutorRef(pool)));

    ConvOptions<2> dense = middle;
    dense.groups = 1;
    CHECK(!run_together(freeze(inverted<float>(random, dense), {.input_shape = {1, 3, 50, 50}}), {1, 3, 50, 50}));
    ConvOptions<2> reflecting = middle;
    reflecting.padding_mode = PaddingMode::reflect;
    CHECK(!run_together(freeze(inverted<float>(random, reflecting), {.input_shape = {1, 3, 50, 50}}), {1, 3, 50, 50}));
}

TEST_CASE("conv_bands: errors are those of the layers", "[conv_bands]") {
    Random random(5);
    const ConvOptions<2> middle{.in_channels = hidden, .out_channels = hidden, .kernel_size = 3, .padding = 1, .groups = hidden};
    const auto net = inverted<float>(random, middle);
    const auto frozen = freeze(net, {.input_shape = {1, 3, 50, 50}});
    const auto x = noise<float, 4>({1, 4, 50, 50});
    CHECK(error_of<shape_error>([&] { (void)frozen(x); }) == error_of<shape_error>([&] { (void)net(x); }));
    const auto fits = noise<float, 4>({1, 3, 50, 50});
    std::vector<float> small(7500);
    Workspace workspace;
    const View<float, 4> y{small.data(), {1, 3, 25, 100}, {7500, 2500, 100, 1}};
    CHECK(error_of<shape_error>([&] { frozen.forward_into(fits, y, workspace); }) ==
          "nn::Conv: y (1, 3, 25, 100), expected (1, 3, 50, 50)  [x (1, 3, 50, "
          "50)]");
}
