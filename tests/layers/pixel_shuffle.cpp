// SPDX-License-Identifier: MIT
#include <nn/layers/pixel_shuffle.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/operands.hpp"

namespace {

using nn::index_t;
using nn::Layout;
using nn::PixelShuffle;
using nn::PixelShuffle1d;
using nn::PixelShuffle2d;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::test::Arrangement;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

}  // namespace

// ---- against the definition ----

TEST_CASE("pixel_shuffle: four channels become the cells of a square") {
    // torch.nn.PixelShuffle(2): y[c, h·2 + i, w·2 + j] = x[c·4 + i·2 + j, h, w]
    const Tensor<float, 3> x{{{0, 1}}, {{10, 11}}, {{20, 21}}, {{30, 31}}};
    const auto y = PixelShuffle2d({.upscale_factor = 2})(x);
    CHECK(shape_of(y) == Extents{1, 2, 4});
    CHECK(values_of(y) == std::vector<float>{0, 10, 1, 11, 20, 30, 21, 31});
}

namespace {

/// Each element of y, from its own place: the cell inside its block says the channel of x.
template <std::size_t N>
void check_against_naive(Random& random) {
    const bool last = random.chance(0.5);
    nn::PixelShuffleOptions<N> options{.layout = last ? Layout::channels_last : Layout::channels_first};
    std::array<index_t, N> r{};
    index_t cells = 1;
    for (index_t& each : r) {
        each = random.integer(1, 3);
        cells *= each;
    }
    options.upscale_factor = r;
    const index_t channels = random.integer(1, 3);
    const std::size_t channel_axis = last ? N + 1 : 1;
    const std::size_t space = last ? 1 : 2;
    Extents in(N + 2, random.integer(1, 3));
    Extents out = in;
    in[channel_axis] = channels * cells;
    out[channel_axis] = channels;
    for (std::size_t axis = 0; axis < N; ++axis) {
        in[space + axis] = random.integer(1, 5);
        out[space + axis] = in[space + axis] * r[axis];
    }
    Strided<float> x(in, Arrangement::any(random, N + 2, true));
    nn::test::for_each_index(in, [&](const Extents& index) { x.at(index) = random.real<float>(); });
    Strided<float> y(out, Arrangement::any(random, N + 2, false));
    nn::Workspace workspace;
    PixelShuffle<N>(options).forward_into(std::as_const(x).template view<N + 2>(), y.template view<N + 2>(), workspace);
    CAPTURE(in, x.strides(), y.strides(), r);
    CHECK(y.intact());
    std::size_t wrong = 0;
    nn::test::for_each_index(out, [&](const Extents& index) {
        Extents from = index;
        index_t cell = 0;
        for (std::size_t axis = 0; axis < N; ++axis) {
            cell = cell * r[axis] + index[space + axis] % r[axis];
            from[space + axis] = index[space + axis] / r[axis];
        }
        from[channel_axis] = index[channel_axis] * cells + cell;
        wrong += y.at(index) == x.at(from) ? 0 : 1;
    });
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("pixel_shuffle: every factor, layout, rank and stride against the definition") {
    Random random(1100);
    for (int i = 0; i < 100; ++i) {
        check_against_naive<1>(random);
        check_against_naive<2>(random);
        check_against_naive<3>(random);
    }
}

TEST_CASE("pixel_shuffle: any operand, items that do not see each other") {
    Random random(1101);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const PixelShuffle2d shuffle({.upscale_factor = {2, 3}, .layout = layout});
        const auto x = random_tensor<double, 4>(random, layout == Layout::channels_first ? Shape<4>{6, 12, 3, 4} : Shape<4>{6, 3, 4, 12});
        nn::test::check_operands(random, shuffle, x);
        nn::test::check_items(shuffle, x);
    }
}

TEST_CASE("pixel_shuffle: without channels, cells or items there is nothing, and a factor of 1 changes nothing") {
    const PixelShuffle1d shuffle({.upscale_factor = 3});
    CHECK(shape_of(shuffle(Tensor<float, 3>(std::array<std::size_t, 3>{2, 0, 4}))) == Extents{2, 0, 12});
    CHECK(shape_of(shuffle(Tensor<float, 3>(std::array<std::size_t, 3>{2, 6, 0}))) == Extents{2, 2, 0});
    CHECK(shape_of(shuffle(Tensor<float, 3>(std::array<std::size_t, 3>{0, 6, 4}))) == Extents{0, 2, 12});
    CHECK(shuffle.output_shape(Shape<2>{9, 4}) == Shape<2>{3, 12});
    CHECK(shuffle.output_shape(std::vector<index_t>{9, 4}) == std::vector<index_t>{3, 12});
    const Tensor<float, 2> x{{1, 2}, {3, 4}};
    CHECK(values_of(PixelShuffle1d({.upscale_factor = 1})(x)) == std::vector<float>{1, 2, 3, 4});
}

// ---- errors ----

TEST_CASE("pixel_shuffle: what does not fit is refused") {
    const Tensor<float, 3> x(std::array<std::size_t, 3>{6, 2, 3}, 1.0F);
    CHECK(error_of<shape_error>([&] { PixelShuffle2d({.upscale_factor = 2})(x); }) ==
          "nn::PixelShuffle: x has 6 channels, expected a multiple of 4 = the product of upscale_factor (2, 2)  [x (6, 2, 3)]");
    CHECK(error_of<std::invalid_argument>([] {
              PixelShuffle2d({.upscale_factor = {2, 0}});
          }) == "nn::PixelShuffle: upscale_factor (2, 0), expected at least 1 along every axis");
    PixelShuffle2d changed({.upscale_factor = 1});
    changed.options.upscale_factor = -1;
    CHECK(error_of<std::invalid_argument>([&] { changed(x); }) ==
          "nn::PixelShuffle: upscale_factor (-1, -1), expected at least 1 along every axis");

    const PixelShuffle2d shuffle({.upscale_factor = {1, 2}});
    nn::Workspace workspace;
    Tensor<float, 3> y(std::array<std::size_t, 3>{3, 2, 5}, -1.0F);
    CHECK(error_of<shape_error>([&] { shuffle.forward_into(x, nn::view_of(y), workspace); }) ==
          "nn::PixelShuffle: y (3, 2, 5), expected (3, 2, 6)  [x (6, 2, 3)]");
    CHECK(values_of(y) == std::vector<float>(30, -1));
    Tensor<float, 3> memory(std::array<std::size_t, 3>{6, 2, 3}, 1.0F);
    const nn::View<float, 3> over{memory.data(), {3, 2, 6}, {12, 6, 1}};
    CHECK(error_of<shape_error>([&] { shuffle.forward_into(memory, over, workspace); }) ==
          "nn::PixelShuffle: y overlaps x; give it memory of its own  [y (3, 2, 6), x (6, 2, 3)]");
}

TEST_CASE("pixel_shuffle: only floating-point elements, of enough axes") {
    STATIC_REQUIRE(nn::test::callable<PixelShuffle2d, Tensor<double, 3>>);
    STATIC_REQUIRE(!nn::test::callable<PixelShuffle2d, Tensor<int, 3>>);
    STATIC_REQUIRE(!nn::test::callable<PixelShuffle2d, Tensor<float, 2>>);
}
