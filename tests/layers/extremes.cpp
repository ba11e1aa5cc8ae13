// SPDX-License-Identifier: MIT
// Numbers at the ends of an index_t and empty arrays of great extents, each of which tests/fuzz found to go wrong.

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
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
          }).starts_with("nn::Conv: y (1, 1, 1) does not fit"));
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

TEST_CASE("extremes: a state is as the options say, whether there are steps or not") {
    nn::CausalConv1d<float> conv({.in_channels = 3, .out_channels = 2, .kernel_size = 3}, nn::no_init);
    conv.bias = std::nullopt;
    CHECK_THROWS_AS(conv(noise<float, 3>({1, 0, 3})), shape_error);
    nn::Workspace workspace;
    auto y = noise<float, 3>({2, 0, 2});
    conv.options.use_bias = false;
    CHECK_THROWS_AS(conv.forward_into(noise<float, 3>({1, 0, 3}), nn::view_of(y), workspace), shape_error);
}

TEST_CASE("extremes: an axis padded beyond an index_t is refused, not taken for a shorter one") {
    const auto x = noise<float, 3>({1, 1, 3});
    const nn::Conv1d<float> conv({.in_channels = 1, .out_channels = 1, .stride = quarter / 2, .padding = quarter}, nn::no_init);
    CHECK(error_of<shape_error>([&] { conv(x); }) == more_than_any_memory("nn::Conv", "(1, 1, " + std::to_string(most) + ")"));
    const nn::MaxPool1d pool({.stride = quarter / 2, .padding = quarter, .ceil_mode = true});
    CHECK(error_of<shape_error>([&] { pool(x); }) == more_than_any_memory("nn::MaxPool", "(1, 1, " + std::to_string(most) + ")"));

    const auto transposed = [](const nn::ConvTransposeOptions<1>& options) { return nn::ConvTranspose1d<float>(options, nn::no_init); };
    using Shape = nn::Shape<3>;
    const auto spread = transposed({.in_channels = 1, .out_channels = 1, .kernel_size = 2, .dilation = quarter + 1});
    CHECK(spread.output_shape(Shape{1, 1, 0}) == Shape{1, 1, quarter + 1});
    const auto grown = transposed({.in_channels = 1, .out_channels = 1, .padding = {{least, 0}}});
    CHECK(grown.output_shape(Shape{1, 1, 3}) == Shape{1, 1, most});
    const auto folded =
        transposed({.in_channels = 1, .out_channels = 1, .padding = {{most, most}}, .padding_mode = nn::PaddingMode::reflect});
    CHECK(error_of<shape_error>([&] { folded(x); }) == "nn::ConvTranspose: padding (" + std::to_string(most) + ", " + std::to_string(most) +
                                                           ") crops more than there is along axis 0  [x (1, 1, 3)]");
}

TEST_CASE("extremes: a kernel that spans more than an index_t counts is refused") {
    const std::string half = std::to_string(quarter);
    CHECK(error_of<std::invalid_argument>([] {
              nn::Conv1d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = nn::same, .dilation = quarter},
                                nn::no_init);
          }) == "nn::Conv: kernel_size 3 with dilation " + half + " spans more than an index counts along axis 0");
    CHECK(error_of<std::invalid_argument>([] {
              nn::ConvTranspose2d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = {1, most}, .dilation = 2}, nn::no_init);
          }) == "nn::ConvTranspose: kernel_size " + std::to_string(most) + " with dilation 2 spans more than an index counts along axis 1");
    CHECK_NOTHROW(nn::Conv1d<float>({.in_channels = 1, .out_channels = 1, .kernel_size = 2, .dilation = most - 1}, nn::no_init));
}

TEST_CASE("extremes: results of no elements inside a network have any extents") {
    const nn::Conv2d<float> wide({.in_channels = 1, .out_channels = 1, .padding = many}, nn::no_init);
    const nn::Sequential net(wide, nn::silu, nn::Conv2d<float>({.in_channels = 1, .out_channels = 1, .stride = quarter}, nn::no_init));
    const auto y = net(noise<float, 4>({0, 1, 2, 2}));
    CHECK((y.size() == 0 && y.shape(2) == 1 && y.shape(3) == 1));
}

TEST_CASE("extremes: results inside a network that are more than any memory are refused as those of a layer") {
    const nn::Conv1d<float> wide({.in_channels = 1, .out_channels = 1, .padding = {{quarter - 3, 0}}}, nn::no_init);
    const nn::Conv1d<float> narrow({.in_channels = 1, .out_channels = 1, .stride = quarter}, nn::no_init);
    const nn::Sequential in_turn(wide, narrow);
    const nn::Residual added(wide);
    const auto x = noise<float, 3>({1, 1, 3});
    const std::string expected = more_than_any_memory("nn::Conv", "(1, 1, " + std::to_string(quarter) + ")");
    CHECK(error_of<shape_error>([&] { wide(x); }) == expected);
    CHECK(error_of<shape_error>([&] { in_turn(x); }) == expected);
    CHECK(error_of<shape_error>([&] { added(x); }) == expected);
}

TEST_CASE("extremes: a window that would begin beyond an index_t does not begin") {
    const nn::MaxPool1d pool({.stride = quarter, .padding = {{0, quarter}}, .ceil_mode = true});
    const auto x = noise<float, 3>({1, 1, 3});
    const auto y = pool(x);
    REQUIRE(y.shape(2) == 2);
    CHECK(y(0, 0, 0) == x(0, 0, 0));
    CHECK(y(0, 0, 1) == -std::numeric_limits<float>::infinity());
}

TEST_CASE("extremes: arrays whose strides are beyond an index_t are refused, of no elements too") {
    const std::string great = std::to_string(quarter);
    const nn::Conv1d<float> conv({.in_channels = 1, .out_channels = 9, .padding = {{quarter - 3, 0}}}, nn::no_init);
    CHECK(error_of<shape_error>([&] { conv(noise<float, 3>({0, 1, 3})); }) == more_than_any_memory("nn::Conv", "(0, 9, " + great + ")"));
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
            const auto y = nn::MinPool1d({.window = most - 1, .stride = 2, .padding = rule, .ceil_mode = ceil})(x);
            REQUIRE((y.shape(0) == 2 && y.shape(1) == 13));
            CHECK(y(1, 0) == *std::min_element(x.begin() + 25, x.end()));
            CHECK(y(1, 12) == y(1, 0));
        }
    }
}

TEST_CASE("extremes: one more window in ceil mode begins before the end of x, not of an index") {
    const nn::AvgPool1d pool({.window = 3, .stride = most, .padding = nn::half_padding, .ceil_mode = true});
    CHECK(pool.output_shape(nn::Shape<2>{0, most}) == nn::Shape<2>{0, 2});
    CHECK(pool.output_shape(nn::Shape<2>{0, most - 1}) == nn::Shape<2>{0, 1});
}

TEST_CASE("extremes: a mean over more cells of padding than an index counts") {
    const index_t wide = quarter / 2;
    for (const auto layout : {nn::Layout::channels_first, nn::Layout::channels_last}) {
        const nn::AvgPool3d pool({.window = {wide, wide, 1},
                                  .padding = {{0, wide - 1}, {0, wide - 1}, {0, 0}},
                                  .count_padding = true,
                                  .layout = layout});
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
        conv.options.stride = {quarter + quarter / 2, 1};
        const auto apart = conv(x);
        REQUIRE(apart.shape(2) == 1);
        CHECK(apart(0, 1, 0, 6) == dense(0, 1, 0, 6));
        conv.options.stride = most;
        CHECK(conv(x)(0, 1, 0, 0) == dense(0, 1, 0, 0));
        CHECK(nn::freeze(conv)(x)(0, 1, 0, 0) == dense(0, 1, 0, 0));
        conv.options.padding = {{0, 0}, {0, quarter}};
        conv.options.stride = {1, quarter / 2};
        CHECK(conv(x)(0, 1, 0, 0) == dense(0, 1, 0, 0));
    }
}

TEST_CASE("extremes: a stride of a transposed convolution of one cell is any number") {
    nn::ConvTranspose1d<float> conv({.in_channels = 1, .out_channels = 2, .kernel_size = 3, .stride = most}, nn::no_init);
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
