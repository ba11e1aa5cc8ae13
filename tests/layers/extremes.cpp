// SPDX-License-Identifier: MIT
// Numbers at the ends of an index_t and empty arrays of great extents, each of which tests/fuzz found to go wrong.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::max_length;
using nn::shape_error;
using nn::test::error_of;
using nn::test::identical;
using nn::test::noise;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr index_t least = std::numeric_limits<index_t>::min();
constexpr index_t quarter = index_t{1} << (std::numeric_limits<index_t>::digits - 1);  // of what an index_t tells apart
constexpr index_t many = quarter >> 16;

std::string more_than_any_memory(const std::string& layer, const std::string& shape) {
    return layer + ": an array of shape " + shape + " is more than any memory holds";
}

}  // namespace

TEST_CASE("extremes: more windows than an index counts do not fit any y") {
    const nn::Conv2d<float> conv({.in_channels = 1, .out_channels = 1, .padding = index_t{1} << (std::numeric_limits<index_t>::digits - 8)},
                                 nn::no_init);
    const auto x = noise<float, 3>({1, 2, 2});
    float cell = 3;
    nn::Workspace workspace;
    CHECK(error_of<shape_error>([&] {
              conv.forward_into(x, nn::contiguous(&cell, nn::Shape<3>{1, 1, 1}), workspace);
          }).starts_with("nn::Conv: y (1, 1, 1), expected "));
    CHECK(cell == 3);
    CHECK_NOTHROW(nn::freeze(conv, {.input_shape = {1, 2, 2}}));
}

TEST_CASE("extremes: many items without elements take neither time nor memory") {
    const auto is_empty = [](const auto& layer, const auto& x) {
        const auto y = layer(x);
        return y.size() == 0 && static_cast<index_t>(y.shape(0)) == many;
    };
    const auto rows = noise<float, 2>({many, 0});
    const auto sequences = noise<float, 3>({many, 0, 3});
    const auto images = noise<float, 3>({many, 3, 0});
    CHECK(is_empty(nn::softmax, rows));
    CHECK(is_empty(nn::log_softmax, rows));
    CHECK(is_empty(nn::LSTM<float>({.input_size = 3, .hidden_size = 2}, nn::no_init), sequences));
    CHECK(is_empty(nn::GRU<float>({.input_size = 3, .hidden_size = 2}, nn::no_init), sequences));
    CHECK(is_empty(nn::CausalConv1d<float>({.in_channels = 3, .out_channels = 2, .kernel_size = 3}, nn::no_init), sequences));
    CHECK(is_empty(nn::AdaptiveAvgPool1d({.output_size = 1}), sequences));
    CHECK(is_empty(nn::GlobalMaxPool<1>(), sequences));
    CHECK(is_empty(nn::LocalResponseNorm<float, 1>(), images));
    const nn::BatchNorm1d<float> norm({.size = 3});
    const auto state = norm.initial_state();
    CHECK(norm(images, state).size() == 0);
}

TEST_CASE("extremes: to join no cells in ever so many rows of none takes no time") {
    const auto none = [](index_t rows) { return nn::Tensor<float, 3>::from_shape({1, static_cast<std::size_t>(rows), 0}); };
    CHECK(identical(nn::GlobalMaxPool2d()(none(many)), nn::GlobalMaxPool2d()(none(0))));
    CHECK(identical(nn::GlobalAvgPool2d()(none(many)), nn::GlobalAvgPool2d()(none(0))));

    // Windows over all of one axis, and over the padding of the others.
    for (std::size_t axis = 0; axis < 3; ++axis) {
        std::array<index_t, 3> extents{};
        std::array<index_t, 3> window{1, 1, 1};
        extents[axis] = window[axis] = many;
        const nn::PoolOptions<3> options{.window = window, .padding = {{0, 1}, {0, 1}, {0, 1}}};
        const auto x = nn::Tensor<float, 4>::from_shape(
            {1, static_cast<std::size_t>(extents[0]), static_cast<std::size_t>(extents[1]), static_cast<std::size_t>(extents[2])});
        CHECK(identical(nn::MaxPool3d(options)(x), nn::Tensor<float, 4>({1, 1, 1, 1}, -std::numeric_limits<float>::infinity())));
        CHECK(identical(nn::AvgPool3d(options)(x), nn::Tensor<float, 4>({1, 1, 1, 1}, 0)));
    }
}

TEST_CASE("extremes: a state is as the options say, whether there are steps or not") {
    nn::CausalConv1d<float> conv({.in_channels = 3, .out_channels = 2, .kernel_size = 3}, nn::no_init);
    conv.bias = std::nullopt;
    CHECK_THROWS_AS(conv(noise<float, 3>({1, 0, 3})), shape_error);
    nn::Workspace workspace;
    auto y = noise<float, 3>({2, 0, 2});
    conv.options.use_bias = false;
    CHECK_THROWS_AS(conv.forward_into(noise<float, 3>({1, 0, 3}), nn::view_of(y), workspace), shape_error);
}

TEST_CASE("extremes: lengths beyond the longest are refused") {
    const std::string at_most = std::to_string(max_length);
    const index_t longer = max_length + 1;
    const std::string number = std::to_string(longer);
    const auto refusal = [](const nn::ConvOptions<2>& lengths) {
        nn::ConvOptions<2> options = lengths;
        options.in_channels = options.out_channels = 1;
        return error_of<std::invalid_argument>([&] { nn::Conv2d<float>(options, nn::no_init); });
    };
    CHECK(refusal({.kernel_size = {1, longer}}) ==
          "nn::Conv: kernel_size (1, " + number + "), expected at most " + at_most + " along every axis");
    CHECK(refusal({.stride = most}) == "nn::Conv: stride (" + std::to_string(most) + ", " + std::to_string(most) + "), expected at most " +
                                           at_most + " along every axis");
    CHECK(refusal({.dilation = {longer, 1}}) ==
          "nn::Conv: dilation (" + number + ", 1), expected at most " + at_most + " along every axis");
    CHECK(refusal({.input_dilation = {longer, 1}}) ==
          "nn::Conv: input_dilation (" + number + ", 1), expected at most " + at_most + " along every axis");
    CHECK(refusal({.padding = {{0, 0}, {1, longer}}}) ==
          "nn::Conv: padding (1, " + number + ") of axis 1, expected at most " + at_most + " cells");
    CHECK(refusal({.padding = {{-longer, 0}, {0, 0}}}) ==
          "nn::Conv: padding (-" + number + ", 0) of axis 0, expected at most " + at_most + " cells");
    CHECK(refusal({.kernel_size = 3, .padding = nn::same, .dilation = max_length / 2 + 1}) ==
          "nn::Conv: kernel_size 3 with dilation " + std::to_string(max_length / 2 + 1) + " spans more than " + std::to_string(max_length) +
              " cells along axis 0");
    CHECK(refusal({.kernel_size = 3, .dilation = (max_length - 1) / 2}).empty());
    CHECK(
        refusal({.kernel_size = 1, .stride = max_length, .padding = {{-max_length, max_length}, {0, 0}}, .dilation = max_length}).empty());

    const auto pool_refusal = [](const nn::PoolOptions<1>& options) {
        return error_of<std::invalid_argument>([&] { (void)nn::MaxPool1d(options); });
    };
    CHECK(pool_refusal({.window = longer}) == "nn::MaxPool: window (" + number + ",), expected at most " + at_most + " along every axis");
    CHECK(pool_refusal({.window = 1, .stride = longer}) ==
          "nn::MaxPool: stride (" + number + ",), expected at most " + at_most + " along every axis");
    CHECK(pool_refusal({.window = 1, .padding = {{0, longer}}}) ==
          "nn::MaxPool: padding (0, " + number + ") of axis 0, expected at most " + at_most + " cells");
    CHECK(pool_refusal({.window = max_length, .stride = max_length, .padding = max_length}).empty());
}

TEST_CASE("extremes: results of no elements inside a network have any extents") {
    const nn::Conv2d<float> wide({.in_channels = 1, .out_channels = 1, .padding = many}, nn::no_init);
    const nn::Sequential net(wide, nn::silu, nn::Conv2d<float>({.in_channels = 1, .out_channels = 1, .stride = max_length}, nn::no_init));
    const auto y = net(noise<float, 4>({0, 1, 2, 2}));
    CHECK((y.size() == 0 && y.shape(2) == 1 && y.shape(3) == 1));
}

TEST_CASE("extremes: results inside a network that are more than any memory are refused as those of a layer") {
    const nn::Conv1d<double> wide({.in_channels = 1, .out_channels = 1, .padding = {{max_length, 0}}}, nn::no_init);
    const nn::Conv1d<double> narrow({.in_channels = 1, .out_channels = 1, .stride = max_length}, nn::no_init);
    const nn::Sequential in_turn(wide, narrow);
    const nn::Residual added(wide);
    const auto x = noise<double, 3>({1, 1, 3});
    const std::string expected = more_than_any_memory("nn::Conv", "(1, 1, " + std::to_string(max_length + 3) + ")");
    CHECK(error_of<shape_error>([&] { wide(x); }) == expected);
    CHECK(error_of<shape_error>([&] { in_turn(x); }) == expected);
    CHECK(error_of<shape_error>([&] { added(x); }) == expected);
}

TEST_CASE("extremes: an x of more elements than any memory holds is refused, of none too") {
    const nn::Conv1d<float> conv({.in_channels = 1, .out_channels = 1, .stride = max_length}, nn::no_init);
    CHECK(error_of<shape_error>([&] {
              conv(noise<float, 3>({0, 1, quarter}));
          }) == more_than_any_memory("nn::Conv", "(0, 1, " + std::to_string(quarter) + ")"));
}

TEST_CASE("extremes: a View of a negative extent is refused") {
    float memory[12] = {};
    nn::Workspace workspace;
    const nn::Linear<float> linear({.in_features = 4, .out_features = 3}, nn::no_init);
    CHECK(error_of<shape_error>([&] {
              linear.forward_into(nn::View<const float, 2>{memory, {-1, 4}}, nn::View<float, 2>{memory + 8, {-1, 3}}, workspace);
          }) == "nn::Linear: x (-1, 4), expected no negative extent");
    const nn::MaxPool1d pool({.window = 1, .padding = 1});
    CHECK(error_of<shape_error>([&] {
              pool.forward_into(nn::View<const float, 2>{memory, {1, -1}}, nn::View<float, 2>{memory + 8, {1, 1}}, workspace);
          }) == "nn::MaxPool: x (1, -1), expected no negative extent");
}

TEST_CASE("extremes: arrays whose strides are beyond an index_t are refused, of no elements too") {
    const std::string great = std::to_string(quarter);
    const nn::Conv1d<float> conv({.in_channels = 1, .out_channels = 99, .padding = {{max_length, 0}}}, nn::no_init);
    CHECK(error_of<shape_error>([&] {
              conv(noise<float, 3>({0, 1, 3}));
          }) == more_than_any_memory("nn::Conv", "(0, 99, " + std::to_string(max_length + 3) + ")"));
    CHECK(error_of<shape_error>([] { nn::Linear<float>({.in_features = 0, .out_features = quarter}, nn::no_init); }) ==
          more_than_any_memory("nn::Linear", "(" + great + ", 0)"));
    CHECK(error_of<shape_error>([] { nn::BatchNorm1d<float>({.size = quarter}); }) ==
          more_than_any_memory("nn::BatchNorm", "(" + great + ",)"));
}

TEST_CASE("extremes: no x has a negative extent, whatever it would become") {
    using Shape = nn::Shape<3>;
    const nn::Conv1d<float> conv({.in_channels = 1, .out_channels = 1, .input_dilation = 3}, nn::no_init);
    CHECK(error_of<shape_error>([&] {
              conv.output_shape(Shape{1, 1, least});
          }) == "nn::Conv: x (1, 1, " + std::to_string(least) + "), expected no negative extent");
    CHECK_THROWS_AS(nn::BatchNorm1d<float>({.size = 3}).output_shape(Shape{-1, 3, 2}), shape_error);
}

TEST_CASE("extremes: where x has no cells windows read zeros, at no address") {
    nn::ConvTranspose2d<float> conv({.in_channels = 10, .out_channels = 4, .kernel_size = {1, 2}, .stride = 3, .groups = 2}, nn::no_init);
    conv.bias->fill(2);
    const auto y = conv(noise<float, 4>({2, 10, 0, 2}));
    CHECK(y.size() == 0);
    const nn::Conv2d<float> padded({.in_channels = 9, .out_channels = 4, .kernel_size = 3, .padding = 2}, nn::no_init);
    CHECK(identical(padded(noise<float, 4>({2, 9, 0, 2})), nn::make_tensor<float, 4>({2, 4, 2, 4}, 0)));
    // A height of 0 beside a width that is none: every pooled row is of padding alone.
    const auto pooled = nn::MaxPool2d({.window = 2, .stride = 1, .padding = 1})(noise<float, 3>({2, 0, 5}));
    CHECK(identical(pooled, nn::make_tensor<float, 3>({2, 1, 6}, -std::numeric_limits<float>::infinity())));
}

TEST_CASE("extremes: sums of no terms are the bias, and read at no address") {
    nn::Linear<float> linear({.in_features = 0, .out_features = 40}, nn::no_init);
    linear.bias->fill(2);
    for (const index_t rows : {1, 3, 20}) {
        const auto x = noise<float, 2>({rows, 0});
        const auto y = nn::make_tensor<float, 2>({rows, 40}, 2);
        CHECK(identical(linear(x), y));
        CHECK(identical(nn::freeze(linear)(x), y));
    }
}

TEST_CASE("extremes: SAME keeps the number of windows, however long they are") {
    const auto x = noise<float, 2>({2, 25});
    for (const auto rule : {nn::same, nn::same_lower}) {
        for (const bool ceil : {false, true}) {
            const auto y = nn::MinPool1d({.window = max_length, .stride = 2, .padding = rule, .ceil_mode = ceil})(x);
            REQUIRE((y.shape(0) == 2 && y.shape(1) == 13));
            CHECK(y(1, 0) == *std::min_element(x.begin() + 25, x.end()));
            CHECK(y(1, 12) == y(1, 0));
        }
    }
}

TEST_CASE("extremes: one more window in ceil mode begins before the end of x") {
    const nn::AvgPool1d pool({.window = 3, .stride = max_length, .padding = nn::half_padding, .ceil_mode = true});
    CHECK(pool.output_shape(nn::Shape<2>{0, max_length}) == nn::Shape<2>{0, 2});
    CHECK(pool.output_shape(nn::Shape<2>{0, max_length - 1}) == nn::Shape<2>{0, 1});
}

TEST_CASE("extremes: a mean over more cells of padding than an index counts") {
    const index_t wide = max_length;
    for (const auto layout : {nn::Layout::channels_first, nn::Layout::channels_last}) {
        const nn::AvgPool3d pool(
            {.window = {wide, wide, 1}, .padding = {{0, wide - 1}, {0, wide - 1}, {0, 0}}, .count_padding = true, .layout = layout});
        const auto y = pool(nn::make_tensor<double, 4>({1, 1, 1, 1}, 3));
        REQUIRE(y.size() == 1);
        CHECK(*y.begin() == 3 / static_cast<double>(wide) / static_cast<double>(wide));
    }
}

TEST_CASE("extremes: a stride beyond the input is any number") {
    const auto x = noise<float, 4>({1, 2, 3, 8});
    for (const index_t groups : {1, 2}) {
        nn::Conv2d<float> conv({.in_channels = 2, .out_channels = 2, .kernel_size = 2, .groups = groups}, nn::no_init);
        conv.weight.fill(1);
        conv.bias->fill(0);
        const auto dense = conv(x);
        conv.options.stride = {max_length - 1, 1};
        const auto apart = conv(x);
        REQUIRE(apart.shape(2) == 1);
        CHECK(apart(0, 1, 0, 6) == dense(0, 1, 0, 6));
        conv.options.stride = max_length;
        CHECK(conv(x)(0, 1, 0, 0) == dense(0, 1, 0, 0));
        CHECK(nn::freeze(conv)(x)(0, 1, 0, 0) == dense(0, 1, 0, 0));
        conv.options.padding = {{0, 0}, {0, max_length}};
        conv.options.stride = {1, max_length};
        CHECK(conv(x)(0, 1, 0, 0) == dense(0, 1, 0, 0));
    }
}

TEST_CASE("extremes: of windows that are far apart those that see x read it") {
    nn::Conv1d<float> conv({.in_channels = 9, .out_channels = 9, .stride = max_length - 1, .padding = {{-2, max_length}}}, nn::no_init);
    conv.weight.fill(1);
    conv.bias->fill(2);
    CHECK(identical(conv(noise<float, 3>({1, 9, 2})), nn::make_tensor<float, 3>({1, 9, 2}, 2)));  // none
    conv.options.padding = {{max_length - 1, -4}};
    const auto x = noise<float, 3>({1, 9, 5});
    const auto y = conv(x);
    REQUIRE(y.shape(2) == 2);
    float sum = 2;
    for (std::size_t c = 0; c < 9; ++c) {
        sum += x(0, c, 0);
    }
    CHECK(y(0, 0, 0) == 2);
    CHECK(std::abs(y(0, 8, 1) - sum) < 1e-5F);  // the second

    nn::Conv2d<float> last({.in_channels = 2,
                            .out_channels = 2,
                            .stride = {1, max_length},
                            .padding = {{0, 0}, {max_length, 0}},
                            .layout = nn::Layout::channels_last},
                           nn::no_init);
    last.weight.fill(1);
    last.bias->fill(0);
    for (const index_t groups : {1, 2}) {
        last.options.groups = groups;
        last.weight = nn::make_tensor<float, 4>({2, 2 / groups, 1, 1}, 1);
        const auto image = noise<float, 4>({1, 3, 5, 2});
        const auto seen = last(image);
        REQUIRE(seen.shape(2) == 2);
        CHECK(seen(0, 2, 0, 1) == 0);
        CHECK(seen(0, 2, 1, 1) == (groups == 1 ? image(0, 2, 0, 0) : 0) + image(0, 2, 0, 1));
    }

    nn::Conv2d<float> wide({.in_channels = 16, .out_channels = 16, .kernel_size = 3, .padding = nn::same, .dilation = (max_length - 1) / 2},
                           nn::no_init);
    wide.bias->fill(0);
    const auto picture = noise<float, 4>({1, 16, 5, 5});
    const auto middle = [&] {  // the other taps are far away
        auto taps = wide;
        taps.options.kernel_size = taps.options.dilation = 1;
        taps.weight = nn::make_tensor<float, 4>({16, 16, 1, 1}, 0);
        for (std::size_t o = 0; o < 16; ++o) {
            for (std::size_t c = 0; c < 16; ++c) {
                taps.weight(o, c, 0, 0) = wide.weight(o, c, 1, 1);
            }
        }
        return taps(picture);
    }();
    const auto frozen = nn::freeze(wide)(picture);
    CHECK(std::equal(frozen.begin(), frozen.end(), middle.begin(), [](float a, float b) { return std::abs(a - b) < 1e-4F; }));
}

TEST_CASE("extremes: an image without depth is read at no address") {
    nn::Conv3d<float> conv({.in_channels = 2, .out_channels = 2, .padding = {{1, 1}, {0, 0}, {0, 0}}, .layout = nn::Layout::channels_last},
                           nn::no_init);
    conv.bias->fill(3);
    CHECK(identical(conv(noise<float, 5>({1, 0, 3, 3, 2})), nn::make_tensor<float, 5>({1, 2, 3, 3, 2}, 3)));
}

TEST_CASE("extremes: a table of no rows has no row for any index") {
    nn::Embed<float> embed({.num_embeddings = 5, .embedding_size = 4, .out_of_range = nn::OutOfRange::jax}, nn::no_init);
    embed.options.num_embeddings = 0;
    embed.weight = nn::make_tensor<float, 2>({0, 4});
    CHECK(error_of<std::invalid_argument>([&] { embed(nn::Tensor<int, 1>{-1}); }) == "nn::Embed: num_embeddings 0, expected at least 1");
}

TEST_CASE("extremes: the stride of an axis of one index is any number") {
    float memory[8] = {1, 2, 3, 4};
    nn::Workspace workspace;
    for (const index_t stride : {most, least}) {
        nn::softmax.forward_into(nn::View<const float, 2>{memory, {1, 4}, {stride, 1}}, nn::View<float, 2>{memory + 4, {1, 4}, {stride, 1}},
                                 workspace);
        CHECK(memory[7] > 0.6F);
        memory[7] = 0;
    }
}

TEST_CASE("extremes: a stride of a transposed convolution of one cell is any number") {
    nn::ConvTranspose1d<float> conv({.in_channels = 1, .out_channels = 2, .kernel_size = 3, .stride = max_length}, nn::no_init);
    conv.weight.fill(2);
    conv.bias->fill(1);
    CHECK(identical(conv(nn::Tensor<float, 3>{{{5}}}), nn::Tensor<float, 3>{{{11, 11, 11}, {11, 11, 11}}}));
}

TEST_CASE("extremes: a state of options that were assigned is checked before it is sized") {
    nn::CausalConv1d<float> conv({.in_channels = 2, .out_channels = 2, .kernel_size = 3}, nn::no_init);
    conv.options.kernel_size = least;
    CHECK(error_of<std::invalid_argument>([&] { (void)conv.initial_state(1); }) ==
          "nn::CausalConv1d: kernel_size (" + std::to_string(least) + ",), expected at least 1 along every axis");
}

TEST_CASE("extremes: groups that are assigned are checked before they divide") {
    const std::string expected = ": groups 0, expected at least 1";
    nn::Conv1d<float> conv({.in_channels = 2, .out_channels = 2}, nn::no_init);
    nn::ConvTranspose1d<float> transposed({.in_channels = 2, .out_channels = 2}, nn::no_init);
    nn::CausalConv1d<float> causal({.in_channels = 2, .out_channels = 2}, nn::no_init);
    conv.options.groups = transposed.options.groups = causal.options.groups = 0;
    const nn::Shape<3> shape{1, 2, 3};
    CHECK(error_of<std::invalid_argument>([&] { (void)conv.multiply_adds(shape); }) == "nn::Conv" + expected);
    CHECK(error_of<std::invalid_argument>([&] { (void)transposed.multiply_adds(shape); }) == "nn::ConvTranspose" + expected);
    CHECK(error_of<std::invalid_argument>([&] { (void)causal.multiply_adds(nn::Shape<3>{1, 3, 2}); }) == "nn::CausalConv1d" + expected);
    CHECK(error_of<std::invalid_argument>([&] { (void)nn::freeze(conv); }) == "nn::Conv" + expected);
    CHECK(error_of<std::invalid_argument>([&] { (void)nn::freeze(transposed); }) == "nn::ConvTranspose" + expected);
    CHECK(error_of<std::invalid_argument>([&] {
              (void)conv.folded(nn::Tensor<float, 1>{1, 1}, nn::Tensor<float, 1>{0, 0});
          }) == "nn::Conv" + expected);
}
