// SPDX-License-Identifier: MIT
// The options of every layer, spelled in the order that programs may rely on (another order does not compile), with the defaults that
// section 4 of the design promises.

#include <optional>

#include <nn/nn.hpp>

#include "support/catch.hpp"

namespace {

using nn::Layout;
using nn::PaddingMode;
constexpr auto first = Layout::channels_first;
constexpr auto drawn = nn::init::equinox;

/// Whether these fields are what they are unless told.
template <class Options, class... Fields>
bool are_defaults(const Options& spelled, Fields Options::*... fields) {
    const Options defaults{};
    return ((spelled.*fields == defaults.*fields) && ...);
}

}  // namespace

TEST_CASE("options: of convolutions") {
    using Conv = nn::ConvOptions<2>;
    CHECK(are_defaults(Conv{.in_channels = 0,
                            .out_channels = 0,
                            .kernel_size = 1,
                            .stride = 1,
                            .padding = 0,
                            .dilation = 1,
                            .input_dilation = 1,
                            .groups = 1,
                            .use_bias = true,
                            .padding_mode = PaddingMode::zeros,
                            .layout = first,
                            .weight_init = drawn,
                            .bias_init = drawn},
                       &Conv::in_channels, &Conv::out_channels, &Conv::kernel_size, &Conv::stride, &Conv::padding, &Conv::dilation,
                       &Conv::input_dilation, &Conv::groups, &Conv::use_bias, &Conv::padding_mode, &Conv::layout, &Conv::weight_init,
                       &Conv::bias_init));
    using Transpose = nn::ConvTransposeOptions<2>;
    CHECK(are_defaults(Transpose{.in_channels = 0,
                                 .out_channels = 0,
                                 .kernel_size = 1,
                                 .stride = 1,
                                 .padding = 0,
                                 .output_padding = 0,
                                 .dilation = 1,
                                 .groups = 1,
                                 .use_bias = true,
                                 .padding_mode = PaddingMode::zeros,
                                 .padding_convention = nn::TransposePadding::torch,
                                 .flip_kernel = false,
                                 .layout = first,
                                 .weight_init = drawn,
                                 .bias_init = drawn},
                       &Transpose::in_channels, &Transpose::out_channels, &Transpose::kernel_size, &Transpose::stride, &Transpose::padding,
                       &Transpose::output_padding, &Transpose::dilation, &Transpose::groups, &Transpose::use_bias, &Transpose::padding_mode,
                       &Transpose::padding_convention, &Transpose::flip_kernel, &Transpose::layout, &Transpose::weight_init,
                       &Transpose::bias_init));
    using Causal = nn::CausalConv1dOptions;
    CHECK(are_defaults(Causal{.in_channels = 0,
                              .out_channels = 0,
                              .kernel_size = 1,
                              .dilation = 1,
                              .groups = 1,
                              .use_bias = true,
                              .layout = Layout::channels_last,
                              .weight_init = drawn,
                              .bias_init = drawn},
                       &Causal::in_channels, &Causal::out_channels, &Causal::kernel_size, &Causal::dilation, &Causal::groups,
                       &Causal::use_bias, &Causal::layout, &Causal::weight_init, &Causal::bias_init));
    using Block = nn::ConvNormActivationOptions<2>;
    CHECK(are_defaults(Block{.in_channels = 0,
                             .out_channels = 0,
                             .kernel_size = 3,
                             .stride = 1,
                             .padding = nn::half_padding,
                             .dilation = 1,
                             .groups = 1,
                             .use_bias = std::nullopt,
                             .padding_mode = PaddingMode::zeros,
                             .layout = first},
                       &Block::in_channels, &Block::out_channels, &Block::kernel_size, &Block::stride, &Block::padding, &Block::dilation,
                       &Block::groups, &Block::use_bias, &Block::padding_mode, &Block::layout));
}

TEST_CASE("options: of norms") {
    using Batch = nn::BatchNormOptions;
    CHECK(are_defaults(
        Batch{.size = 0, .eps = 1e-5, .momentum = 0.1, .unbiased_running_var = true, .use_weight = true, .use_bias = true, .layout = first},
        &Batch::size, &Batch::eps, &Batch::momentum, &Batch::unbiased_running_var, &Batch::use_weight, &Batch::use_bias, &Batch::layout));
    using Layer = nn::LayerNormOptions<2>;
    CHECK(are_defaults(Layer{.shape = 0, .eps = 1e-5, .use_weight = true, .use_bias = true}, &Layer::shape, &Layer::eps, &Layer::use_weight,
                       &Layer::use_bias));
    using Root = nn::RMSNormOptions<1>;
    CHECK(are_defaults(Root{.shape = 0, .eps = 1e-5, .use_weight = true, .use_bias = false}, &Root::shape, &Root::eps, &Root::use_weight,
                       &Root::use_bias));
    using Group = nn::GroupNormOptions;
    CHECK(are_defaults(Group{.groups = 1, .channels = 0, .eps = 1e-5, .use_weight = true, .use_bias = true, .layout = first},
                       &Group::groups, &Group::channels, &Group::eps, &Group::use_weight, &Group::use_bias, &Group::layout));
    using Local = nn::LocalResponseNormOptions;
    CHECK(are_defaults(Local{.size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2, .average = false, .layout = first}, &Local::size,
                       &Local::alpha, &Local::beta, &Local::k, &Local::average, &Local::layout));
}

TEST_CASE("options: of affine and recurrent layers, embeddings, dropout") {
    using Linear = nn::LinearOptions;
    CHECK(are_defaults(Linear{.in_features = 0, .out_features = 0, .use_bias = true, .weight_init = drawn, .bias_init = drawn},
                       &Linear::in_features, &Linear::out_features, &Linear::use_bias, &Linear::weight_init, &Linear::bias_init));
    using Embed = nn::EmbedOptions;
    CHECK(are_defaults(
        Embed{.num_embeddings = 0, .embedding_size = 0, .out_of_range = nn::OutOfRange::error, .weight_init = nn::init::normal(1)},
        &Embed::num_embeddings, &Embed::embedding_size, &Embed::out_of_range, &Embed::weight_init));
    using LSTM = nn::LSTMOptions;
    CHECK(
        are_defaults(LSTM{.input_size = 0, .hidden_size = 0, .use_bias = true, .forget_bias = 0, .weight_init = drawn, .bias_init = drawn},
                     &LSTM::input_size, &LSTM::hidden_size, &LSTM::use_bias, &LSTM::forget_bias, &LSTM::weight_init, &LSTM::bias_init));
    using GRU = nn::GRUOptions;
    CHECK(are_defaults(
        GRU{.input_size = 0, .hidden_size = 0, .use_bias = true, .reset = nn::GRUReset::after, .weight_init = drawn, .bias_init = drawn},
        &GRU::input_size, &GRU::hidden_size, &GRU::use_bias, &GRU::reset, &GRU::weight_init, &GRU::bias_init));
    CHECK(are_defaults(nn::DropoutOptions{.rate = 0.5}, &nn::DropoutOptions::rate));
}

TEST_CASE("options: of pools, whose stride is the window unless told") {
    using Pool = nn::PoolOptions<2>;
    CHECK(are_defaults(Pool{.window = 0, .stride = 0, .padding = 0, .count_padding = false, .ceil_mode = false, .layout = first},
                       &Pool::window, &Pool::stride, &Pool::padding, &Pool::count_padding, &Pool::ceil_mode, &Pool::layout));
    CHECK(nn::MaxPool2d({.window = {2, 3}}).output_shape(nn::Shape<3>{1, 8, 9}) == nn::Shape<3>{1, 4, 3});
    using Adaptive = nn::AdaptivePoolOptions<2>;
    CHECK(are_defaults(Adaptive{.output_size = 1, .windows = nn::AdaptiveWindows::torch, .layout = first}, &Adaptive::output_size,
                       &Adaptive::windows, &Adaptive::layout));
    CHECK(are_defaults(nn::GlobalPoolOptions{.layout = first}, &nn::GlobalPoolOptions::layout));
    using Shuffle = nn::PixelShuffleOptions<2>;
    CHECK(are_defaults(Shuffle{.upscale_factor = 1, .layout = first}, &Shuffle::upscale_factor, &Shuffle::layout));
}
