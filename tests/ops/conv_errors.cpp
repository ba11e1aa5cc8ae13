// SPDX-License-Identifier: MIT

// What a convolution refuses, and in which words. Every refusal comes before the first write.

#include <nn/ops/conv.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>

#include "support/catch.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// The text of the E that `call` throws; another exception, or none, is told apart.
template <class E, class F>
std::string said(const F& call) {
    try {
        call();
    } catch (const E& error) {
        return typeid(error) == typeid(E) ? error.what() : std::string("a derived error: ") + error.what();
    } catch (const std::exception& error) {
        return std::string("another error: ") + error.what();
    }
    return "no error";
}

template <std::size_t N>
std::string refused(const ConvOptions<N>& options) {
    return said<std::invalid_argument>([&] { ops::check_conv_options("nn::Conv", options); });
}

TEST_CASE("conv: options that are wrong for every input are named") {
    CHECK(refused<2>({.out_channels = 1}) == "nn::Conv: in_channels 0, expected at least 1");
    CHECK(refused<2>({.in_channels = -3, .out_channels = 1}) == "nn::Conv: in_channels -3, expected at least 1");
    CHECK(refused<2>({.in_channels = 1}) == "nn::Conv: out_channels 0, expected at least 1");
    CHECK(refused<2>({.in_channels = 1, .out_channels = -1}) == "nn::Conv: out_channels -1, expected at least 1");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .groups = 0}) == "nn::Conv: groups 0, expected at least 1");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .groups = -2}) == "nn::Conv: groups -2, expected at least 1");
    CHECK(refused<2>({.in_channels = 3, .out_channels = 8, .groups = 2}) == "nn::Conv: groups 2 does not divide in_channels 3");
    CHECK(refused<2>({.in_channels = 8, .out_channels = 3, .groups = 2}) == "nn::Conv: groups 2 does not divide out_channels 3");

    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .kernel_size = {3, 0}}) ==
          "nn::Conv: kernel_size (3, 0), expected at least 1 along every axis");
    CHECK(refused<1>({.in_channels = 1, .out_channels = 1, .stride = 0}) == "nn::Conv: stride (0,), expected at least 1 along every axis");
    CHECK(refused<3>({.in_channels = 1, .out_channels = 1, .dilation = {1, -2, 1}}) ==
          "nn::Conv: dilation (1, -2, 1), expected at least 1 along every axis");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .input_dilation = 0}) ==
          "nn::Conv: input_dilation (0, 0), expected at least 1 along every axis");
}

TEST_CASE("conv: options that have no meaning together are refused, and their neighbours taken") {
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = same, .input_dilation = {1, 2}}) ==
          "nn::Conv: nn::same has no meaning for input_dilation (1, 2); give the pads as numbers");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = same_lower, .input_dilation = 2}) ==
          "nn::Conv: nn::same_lower has no meaning for input_dilation (2, 2); give the pads as numbers");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = valid, .input_dilation = 2}) == "no error");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = 1, .input_dilation = 2}) == "no error");
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = same, .input_dilation = 1}) == "no error");
    for (const PaddingMode mode : {PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}) {
        CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .input_dilation = {2, 1}, .padding_mode = mode}) ==
              "nn::Conv: input_dilation (2, 1) goes with PaddingMode::zeros only");
        CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = {{1, 2}, {0, -1}}, .padding_mode = mode}) ==
              "nn::Conv: padding (0, -1) of axis 1 is negative, which goes with PaddingMode::zeros only");
        CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = -1, .padding_mode = mode}) ==
              "nn::Conv: padding (-1, -1) of axis 0 is negative, which goes with PaddingMode::zeros only");
        CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = same, .padding_mode = mode}) == "no error");
    }
    CHECK(refused<2>({.in_channels = 1, .out_channels = 1, .padding = -1}) == "no error");
}

/// A call of ops::conv that is right, and whose parts can then be spoilt one at a time.
struct Call {
    ConvOptions<1> options{.in_channels = 4, .out_channels = 6, .kernel_size = 3, .groups = 2};
    Strided<float> x{{2, 5, 4, 10}};
    Strided<float> weight{{6, 2, 3}};
    std::optional<Strided<float>> bias = Strided<float>({6});
    std::optional<Strided<float>> mask;
    Strided<float> y{{2, 5, 6, 8}};

    std::string operator()() {
        ops::ConvParameters<float, 1> parameters{weight.view<3>(), {}, {}};
        if (bias) {
            parameters.bias = bias->view<1>();
        }
        if (mask) {
            parameters.mask = mask->view<3>();
        }
        Workspace workspace;
        const std::string text =
            said<shape_error>([&] { ops::conv<float, 1>(options, std::as_const(x).batch<2>(), parameters, y.batch<2>(), workspace); });
        if (text != "no error") {
            CHECK(y.untouched());
        }
        return text;
    }
};

TEST_CASE("conv: the weight, bias and mask must have the shapes of the options") {
    CHECK(Call()() == "no error");
    Call call;
    SECTION("weight") {
        call.weight = Strided<float>({6, 4, 3});
        CHECK(call() == "nn::ops::conv: weight (6, 4, 3), expected (6, 2, 3) = (out_channels, in_channels / groups, kernel_size)");
    }
    SECTION("no bias") {
        call.bias.reset();
        CHECK(call() == "nn::ops::conv: no bias, expected one: use_bias is true");
    }
    SECTION("a bias too many") {
        call.options.use_bias = false;
        CHECK(call() == "nn::ops::conv: a bias came, expected none: use_bias is false");
    }
    SECTION("bias") {
        call.bias = Strided<float>({7});
        CHECK(call() == "nn::ops::conv: bias (7,), expected (6,) = (out_channels,)");
    }
    SECTION("mask") {
        call.mask = Strided<float>({6, 2, 1});
        CHECK(call() == "nn::ops::conv: weight_mask (6, 2, 1), expected (6, 2, 3), the shape of weight");
    }
}

TEST_CASE("conv: the channels of x must be the options'") {
    Call call;
    SECTION("first") {
        call.x = Strided<float>({2, 5, 3, 10});
        CHECK(call() ==
              "nn::ops::conv: x has 3 channels, expected 4 = weight.shape[1] · groups  [x (2, 5, 3, 10), weight (6, 2, 3), groups 2]");
    }
    SECTION("last") {
        call.options.layout = Layout::channels_last;
        CHECK(call() ==
              "nn::ops::conv: x has 10 channels, expected 4 = weight.shape[1] · groups  [x (2, 5, 4, 10), weight (6, 2, 3), groups 2]");
    }
    SECTION("none") {
        call.x = Strided<float>({2, 5, 0, 10});
        CHECK(call() ==
              "nn::ops::conv: x has 0 channels, expected 4 = weight.shape[1] · groups  [x (2, 5, 0, 10), weight (6, 2, 3), groups 2]");
    }
}

TEST_CASE("conv: an axis of x that cannot be padded or cropped is named") {
    Call call;
    SECTION("nothing to reflect") {
        call.x = Strided<float>({2, 5, 4, 0});
        call.options.padding = 1;
        call.options.padding_mode = PaddingMode::reflect;
        CHECK(call() == "nn::ops::conv: axis 0 of x has no cells to fill its padding (1, 1) with  [x (2, 5, 4, 0)]");
    }
    SECTION("nothing to crop") {
        call.options.padding = {{-7, -4}};
        CHECK(call() == "nn::ops::conv: padding (-7, -4) crops more than there is along axis 0  [x (2, 5, 4, 10)]");
    }
}

TEST_CASE("conv: the shape of y must be that of the result") {
    Call call;
    SECTION("extent") {
        call.y = Strided<float>({2, 5, 6, 9});
        CHECK(call() ==
              "nn::ops::conv: y (2, 5, 6, 9), expected (2, 5, 6, 8)  [x (2, 5, 4, 10)]");
    }
    SECTION("channels") {
        call.y = Strided<float>({2, 5, 4, 8});
        CHECK(call() ==
              "nn::ops::conv: y (2, 5, 4, 8), expected (2, 5, 6, 8)  [x (2, 5, 4, 10)]");
    }
    SECTION("layout") {
        call.options.layout = Layout::channels_last;
        call.x = Strided<float>({2, 5, 10, 4});
        CHECK(call() ==
              "nn::ops::conv: y (2, 5, 6, 8), expected (2, 5, 8, 6)  [x (2, 5, 10, 4)]");
    }
    SECTION("the same count of items in other leading axes") {
        call.y = Strided<float>({5, 2, 6, 8});
        CHECK(call() ==
              "nn::ops::conv: y (5, 2, 6, 8), expected (2, 5, 6, 8)  [x (2, 5, 4, 10)]");
    }
    SECTION("fewer axes") {
        call.y = Strided<float>({10, 6, 8});
        CHECK(call() ==
              "nn::ops::conv: y (10, 6, 8), expected (2, 5, 6, 8)  [x (2, 5, 4, 10)]");
    }
    SECTION("no leading axes") {
        call.x = Strided<float>({4, 10});
        CHECK(call() == "nn::ops::conv: y (2, 5, 6, 8), expected (6, 8)  [x (4, 10)]");
    }
    SECTION("an empty output is checked too") {
        call.options.padding = {{-4, -4}};
        CHECK(call() ==
              "nn::ops::conv: y (2, 5, 6, 8), expected (2, 5, 6, 0)  [x (2, 5, 4, 10)]");
    }
}

TEST_CASE("conv: an output whose elements share memory is refused") {
    Call call;
    SECTION("a batch axis") {
        call.y = Strided<float>({2, 5, 6, 8}, {.order = {}, .reversed = {}, .broadcast = {true, false, false, false}, .gap = {}});
        CHECK(call() == "nn::ops::conv: y has stride 0 along axis 0, so that its elements share memory  [y (2, 5, 6, 8)]");
    }
    SECTION("a spatial axis") {
        call.y = Strided<float>({2, 5, 6, 8}, {.order = {}, .reversed = {}, .broadcast = {false, false, false, true}, .gap = {}});
        CHECK(call() == "nn::ops::conv: y has stride 0 along axis 3, so that its elements share memory  [y (2, 5, 6, 8)]");
    }
    SECTION("but not one without elements, whose strides xtensor gives as 0") {
        call.options.padding = {{-4, -4}};
        call.y = Strided<float>({2, 5, 6, 0}, {.order = {}, .reversed = {}, .broadcast = {true, true, true, true}, .gap = {}});
        CHECK(call() == "no error");
    }
    SECTION("but not an axis of one element") {
        call.x = Strided<float>({1, 5, 4, 10});
        call.y = Strided<float>({1, 5, 6, 8}, {.order = {}, .reversed = {}, .broadcast = {true, false, false, false}, .gap = {}});
        CHECK(call() == "no error");
    }
}

TEST_CASE("conv: an output that lies in the input is refused") {
    const ConvOptions<1> options{.in_channels = 1, .out_channels = 1, .use_bias = false};
    const Strided<float> weight({1, 1, 1}, {2});
    std::vector<float> memory{0, 1, 2, 3, 4, 5, 6, 7};
    const auto call = [&](index_t x, index_t x_stride, index_t y, index_t y_stride) {
        const View<const float, 2> in{memory.data() + x, {1, 4}, {0, x_stride}};
        const View<float, 2> out{memory.data() + y, {1, 4}, {0, y_stride}};
        Workspace workspace;
        return said<shape_error>([&] { ops::conv<float, 1>(options, in, {weight.view<3>(), {}, {}}, out, workspace); });
    };
    const std::vector<float> before = memory;
    CHECK(call(0, 1, 0, 1) == "nn::ops::conv: y overlaps x; give it memory of its own  [y (1, 4), x (1, 4)]");
    CHECK(call(0, 1, 3, 1) == "nn::ops::conv: y overlaps x; give it memory of its own  [y (1, 4), x (1, 4)]");
    CHECK(call(0, 2, 7, -1) == "nn::ops::conv: y overlaps x; give it memory of its own  [y (1, 4), x (1, 4)]");
    CHECK(memory == before);
    CHECK(call(0, 1, 4, 1) == "no error");
    CHECK(memory == std::vector<float>{0, 1, 2, 3, 0, 2, 4, 6});
    CHECK(call(6, -2, 1, 2) == "no error");
    CHECK(memory == std::vector<float>{0, 8, 2, 0, 0, 4, 4, 0});
}

TEST_CASE("conv: options that were spoilt after they were checked are refused before they are used") {
    Call call;
    const auto invalid = [&] {
        Workspace workspace;
        return said<std::invalid_argument>([&] {
            ops::conv<float, 1>(call.options, std::as_const(call.x).batch<2>(), {call.weight.view<3>(), call.bias->view<1>(), {}},
                                call.y.batch<2>(), workspace);
        });
    };
    call.options.stride = 0;
    CHECK(invalid() == "nn::ops::conv: stride (0,), expected at least 1 along every axis");
    call.options.stride = 1;
    call.options.groups = 0;
    CHECK(invalid() == "nn::ops::conv: groups 0, expected at least 1");
    CHECK(call.y.untouched());
}

}  // namespace
