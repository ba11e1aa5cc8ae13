// SPDX-License-Identifier: MIT
#pragma once

// The one list of all layers: whatever holds for every layer alike goes through it.

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/nn.hpp>

#include "support/random.hpp"
#include "support/stateless.hpp"
#include "support/tensors.hpp"

namespace nn::test {

/// What is drawn for x: indices into a table of five rows, or any number that is not 0. Alike for every scalar type.
template <class E>
E draw(Random& random) {
    if constexpr (std::is_integral_v<E>) {
        return static_cast<E>(random.integer(0, 4));
    } else {
        return random.real<E>();
    }
}
template <class E, std::size_t R>
Tensor<E, R> drawn(Random& random, const Shape<R>& shape) {
    Tensor<E, R> x = nn::make_tensor<E, R>(shape);
    for (E& element : x) {
        element = draw<E>(random);
    }
    return x;
}

/// The axes that may have any extent, 0 among them; the rest are the layer's. The first one is always a batch.
using Free = std::vector<std::size_t>;

template <class T, class F>
void for_each_convolution(const auto& filled, const F& f) {
    f("Conv1d",
      filled(nn::Conv1d<T>({.in_channels = 3, .out_channels = 5, .kernel_size = 3, .stride = 2, .padding = nn::same}, nn::no_init)),
      Shape<3>{6, 3, 7}, Free{0, 2});
    auto masked = filled(nn::Conv2d<T>({.in_channels = 4,
                                        .out_channels = 6,
                                        .kernel_size = {3, 2},
                                        .padding = {{1, 0}, {2, 1}},
                                        .dilation = {1, 2},
                                        .input_dilation = {2, 1},
                                        .groups = 2,
                                        .layout = Layout::channels_last},
                                       nn::no_init));
    masked.weight_mask = masked.weight;
    f("Conv2d", masked, Shape<4>{6, 4, 5, 4}, Free{0, 1, 2});
    f("Conv3d", filled(nn::Conv3d<T>({.in_channels = 2, .out_channels = 3, .kernel_size = 2, .use_bias = false}, nn::no_init)),
      Shape<5>{6, 2, 3, 2, 4}, Free{0, 2, 3, 4});
    for (const PaddingMode mode : {PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}) {
        f("Conv2d in a padding mode",
          filled(
              nn::Conv2d<T>({.in_channels = 2, .out_channels = 3, .kernel_size = 3, .padding = {3, 1}, .padding_mode = mode}, nn::no_init)),
          Shape<5>{3, 2, 2, 2, 5}, Free{0, 1});
        f("ConvTranspose2d in a padding mode",
          filled(nn::ConvTranspose2d<T>(
              {.in_channels = 2, .out_channels = 3, .kernel_size = 3, .stride = 2, .padding = 1, .padding_mode = mode}, nn::no_init)),
          Shape<4>{6, 2, 3, 4}, Free{0});
    }
    f("ConvTranspose1d",
      filled(nn::ConvTranspose1d<T>(
          {.in_channels = 4, .out_channels = 6, .kernel_size = 4, .stride = 3, .output_padding = 2, .dilation = 2, .groups = 2},
          nn::no_init)),
      Shape<3>{6, 4, 5}, Free{0, 2});
    f("ConvTranspose2d",
      filled(nn::ConvTranspose2d<T>({.in_channels = 3,
                                     .out_channels = 2,
                                     .kernel_size = {2, 3},
                                     .stride = 2,
                                     .padding = nn::same,
                                     .padding_convention = nn::TransposePadding::lax,
                                     .flip_kernel = true,
                                     .layout = Layout::channels_last},
                                    nn::no_init)),
      Shape<5>{2, 3, 3, 4, 3}, Free{0, 1, 2, 3});
    f("ConvTranspose3d", filled(nn::ConvTranspose3d<T>({.in_channels = 2, .out_channels = 2, .kernel_size = 2}, nn::no_init)),
      Shape<5>{6, 2, 2, 3, 2}, Free{0, 2, 3, 4});
    f("CausalConv1d",
      filled(nn::CausalConv1d<T>({.in_channels = 3, .out_channels = 3, .kernel_size = 3, .dilation = 2, .groups = 3}, nn::no_init)),
      Shape<3>{6, 7, 3}, Free{0, 1});
    f("CausalConv1d, channels first",
      filled(nn::CausalConv1d<T>({.in_channels = 3, .out_channels = 4, .kernel_size = 2, .layout = Layout::channels_first}, nn::no_init)),
      Shape<3>{6, 3, 5}, Free{0, 2});
}

template <class T, class F>
void for_each_affine_or_recurrent(const auto& filled, const F& f) {
    f("Linear", filled(nn::Linear<T>({.in_features = 5, .out_features = 7}, nn::no_init)), Shape<3>{6, 2, 5}, Free{0, 1});
    const auto embed = filled(nn::Embed<T>({.num_embeddings = 5, .embedding_size = 3}, nn::no_init));
    f("Embed", embed, Shape<2>{6, 4}, Free{0, 1});
    f("Embed::attend", Attend<nn::Embed<T>>{embed}, Shape<2>{6, 3}, Free{0});

    const auto lstm = filled(nn::LSTM<T>({.input_size = 3, .hidden_size = 5, .forget_bias = 1}, nn::no_init));
    f("LSTM", lstm, Shape<3>{6, 4, 3}, Free{0, 1});
    f("LSTMCell", filled(nn::LSTMCell<T>({.input_size = 3, .hidden_size = 5, .use_bias = false}, nn::no_init)), Shape<2>{6, 3}, Free{0});
    for (const nn::GRUReset reset : {nn::GRUReset::after, nn::GRUReset::before}) {
        f("GRU", filled(nn::GRU<T>({.input_size = 3, .hidden_size = 5, .reset = reset}, nn::no_init)), Shape<3>{6, 4, 3}, Free{0, 1});
        f("GRUCell", filled(nn::GRUCell<T>({.input_size = 3, .hidden_size = 5, .reset = reset}, nn::no_init)), Shape<3>{2, 3, 3},
          Free{0, 1});
    }
    f("Bidirectional", nn::Bidirectional(lstm, filled(nn::GRU<T>({.input_size = 3, .hidden_size = 2}, nn::no_init))), Shape<3>{6, 4, 3},
      Free{0, 1});
}

template <class T, class F>
void for_each_norm(const auto& filled, const F& f) {
    const auto batch_norm = [&]<std::size_t N, std::size_t R>(const nn::BatchNorm<T, N>& norm, const Shape<R>& shape, const Free& free) {
        auto state = filled(norm.initial_state());
        for (T& variance : state.running_var) {
            variance *= variance;
        }
        f("BatchNorm in inference", Inference<nn::BatchNorm<T, N>>{norm, state}, shape, free);
        f("BatchNorm in training", Trained<nn::BatchNorm<T, N>>{norm, state}, shape, Free{});
    };
    batch_norm(filled(nn::BatchNorm0d<T>({.size = 3})), Shape<2>{6, 3}, {0});
    batch_norm(filled(nn::BatchNorm1d<T>({.size = 3, .unbiased_running_var = false, .layout = Layout::channels_last})),
               Shape<4>{2, 3, 2, 3}, {0, 1, 2});
    batch_norm(nn::BatchNorm2d<T>({.size = 3, .use_weight = false, .use_bias = false}), Shape<4>{6, 3, 4, 2}, {0, 2, 3});
    batch_norm(filled(nn::BatchNorm3d<T>({.size = 3})), Shape<5>{6, 3, 2, 1, 2}, {0, 2, 3, 4});

    f("LayerNorm", filled(nn::LayerNorm<T>({.shape = 5})), Shape<3>{3, 2, 5}, Free{0, 1});
    f("LayerNorm over two axes", filled(nn::LayerNorm<T, 2>({.shape = {2, 5}, .use_bias = false})), Shape<3>{6, 2, 5}, Free{0});
    f("RMSNorm", filled(nn::RMSNorm<T>({.shape = 5})), Shape<2>{6, 5}, Free{0});
    f("RMSNorm over two axes", filled(nn::RMSNorm<T, 2>({.shape = {2, 5}, .use_bias = true})), Shape<3>{6, 2, 5}, Free{0});
    f("GroupNorm of features", filled(nn::GroupNorm<T, 0>({.groups = 2, .channels = 6})), Shape<2>{6, 6}, Free{0});
    f("GroupNorm", filled(nn::GroupNorm<T, 2>({.groups = 2, .channels = 4})), Shape<4>{6, 4, 3, 2}, Free{0, 2, 3});
    f("GroupNorm, channels last", filled(nn::GroupNorm<T, 1>({.groups = 4, .channels = 4, .layout = Layout::channels_last})),
      Shape<4>{3, 2, 5, 4}, Free{0, 1, 2});
    f("LocalResponseNorm", nn::LocalResponseNorm<T, 2>({.alpha = 1}), Shape<4>{6, 7, 2, 3}, Free{0, 1, 2, 3});
    f("LocalResponseNorm, channels last",
      nn::LocalResponseNorm<T, 1>({.size = 4, .alpha = 1, .average = true, .layout = Layout::channels_last}), Shape<3>{6, 3, 7},
      Free{0, 1, 2});
}

template <class F>
void for_each_pool_or_shuffle(const F& f) {
    f("MaxPool1d", nn::MaxPool1d({.window = 3, .stride = 2, .padding = 1}), Shape<3>{6, 2, 7}, Free{0, 1, 2});
    f("MaxPool2d", nn::MaxPool2d({.window = {2, 3}, .ceil_mode = true, .layout = Layout::channels_last}), Shape<4>{6, 5, 4, 2},
      Free{0, 1, 2, 3});
    f("MinPool2d", nn::MinPool2d({.window = 2, .padding = nn::same}), Shape<5>{3, 2, 2, 5, 4}, Free{0, 1, 2, 3, 4});
    f("MinPool3d", nn::MinPool3d({.window = 2, .stride = 1, .layout = Layout::channels_last}), Shape<5>{6, 2, 3, 3, 2},
      Free{0, 1, 2, 3, 4});
    f("AvgPool1d", nn::AvgPool1d({.window = 3, .stride = 2, .padding = {{1, 2}}, .count_padding = true}), Shape<3>{6, 2, 7}, Free{0, 1, 2});
    f("AvgPool3d", nn::AvgPool3d({.window = 2, .padding = 1, .layout = Layout::channels_last}), Shape<5>{6, 2, 3, 3, 2},
      Free{0, 1, 2, 3, 4});
    f("AdaptiveMaxPool2d", nn::AdaptiveMaxPool2d({.output_size = {2, 3}}), Shape<4>{6, 2, 5, 4}, Free{0, 1});
    f("AdaptiveAvgPool1d",
      nn::AdaptiveAvgPool1d({.output_size = 3, .windows = nn::AdaptiveWindows::equinox, .layout = Layout::channels_last}),
      Shape<3>{6, 7, 2}, Free{0, 2});
    f("PixelShuffle1d", nn::PixelShuffle1d({.upscale_factor = 3}), Shape<3>{6, 6, 5}, Free{0, 2});
    f("PixelShuffle2d", nn::PixelShuffle2d({.upscale_factor = {2, 3}, .layout = Layout::channels_last}), Shape<4>{6, 3, 4, 12}, Free{0, 1, 2});
    f("PixelShuffle3d", nn::PixelShuffle3d({.upscale_factor = {1, 2, 2}}), Shape<5>{2, 8, 2, 3, 2}, Free{0, 2, 3, 4});
    f("GlobalMaxPool", nn::GlobalMaxPool<2>{}, Shape<4>{6, 3, 2, 4}, Free{0, 1, 2, 3});
    f("GlobalAvgPool", nn::GlobalAvgPool<1>{{.layout = Layout::channels_last}}, Shape<4>{3, 2, 4, 3}, Free{0, 1, 2, 3});
}

template <class F>
void for_each_function(const F& f) {
    const auto functions = [&](const auto&... function) { (f(function.name, function, Shape<2>{6, 5}, Free{0, 1}), ...); };
    functions(nn::identity, nn::relu, nn::relu6, nn::LeakyRelu{{.negative_slope = 0.2}}, nn::Elu{{.alpha = 0.5}}, nn::selu, nn::gelu,
              nn::gelu_tanh, nn::sigmoid, nn::log_sigmoid, nn::hard_sigmoid, nn::tanh, nn::hard_tanh, nn::silu, nn::hard_silu, nn::softplus,
              nn::softsign, nn::mish, nn::softmax, nn::log_softmax, nn::Dropout());
}

template <class T, class F>
void for_each_composite(const auto& filled, const F& f) {
    const auto conv = filled(nn::Conv1d<T>({.in_channels = 3, .out_channels = 4, .kernel_size = 3, .padding = 1}, nn::no_init));
    f("ConvNormActivation without a state",
      filled(nn::conv_norm_activation<T, 1>({.in_channels = 3, .out_channels = 4}, nn::GroupNorm<T, 1>({.groups = 2, .channels = 4}),
                                            nn::silu, nn::no_init)),
      Shape<3>{6, 3, 5}, Free{0, 2});
    const auto block =
        filled(nn::conv_norm_activation<T, 2>({.in_channels = 2, .out_channels = 3, .stride = 2, .layout = Layout::channels_last},
                                              nn::BatchNorm2d<T>({.size = 3, .layout = Layout::channels_last}), nn::relu, nn::no_init));
    const auto state = block.initial_state();
    f("ConvNormActivation in inference", Inference<std::remove_const_t<decltype(block)>>{block, state}, Shape<5>{3, 2, 4, 3, 2},
      Free{0, 1, 2, 3});
    f("ConvNormActivation in training", Trained<std::remove_const_t<decltype(block)>>{block, state}, Shape<4>{6, 4, 3, 2}, Free{});
    f("Residual", nn::Residual(filled(nn::LayerNorm<T>({.shape = 5}))), Shape<3>{6, 2, 5}, Free{0, 1});
    f("Residual with a shortcut", nn::Residual(conv, filled(nn::Conv1d<T>({.in_channels = 3, .out_channels = 4}, nn::no_init))),
      Shape<3>{6, 3, 5}, Free{0, 2});
    f("Sequential",
      nn::Sequential(conv, nn::tanh, nn::AvgPool1d({.window = 2}),
                     nn::Sequential(filled(nn::Linear<T>({.in_features = 3, .out_features = 2}, nn::no_init)))),
      Shape<3>{6, 3, 7}, Free{0});
    const nn::Sequential mixed(filled(nn::Linear<T>({.in_features = 3, .out_features = 4}, nn::no_init)), nn::BatchNorm0d<T>({.size = 4}),
                               filled(nn::LSTM<T>({.input_size = 4, .hidden_size = 3}, nn::no_init)),
                               nn::Residual(filled(nn::GRU<T>({.input_size = 3, .hidden_size = 3}, nn::no_init))));
    const auto mixed_state = filled(mixed.initial_state(6));
    f("Sequential of statistics and carried state in training", Trained<std::remove_const_t<decltype(mixed)>>{mixed, mixed_state},
      Shape<3>{6, 4, 3}, Free{});
}

/// Calls f(name, layer, shape of an x, its free axes) for every layer with elements of type T. The arrays are of 23 bits and drawn alike
/// for every T.
template <class T, class F>
void for_each_layer(const F& f) {
    Random random(900);
    const auto filled = [&](auto layer) { return test::filled(random, std::move(layer)); };
    for_each_convolution<T>(filled, f);
    for_each_affine_or_recurrent<T>(filled, f);
    for_each_norm<T>(filled, f);
    for_each_pool_or_shuffle(f);
    for_each_function(f);
    for_each_composite<T>(filled, f);
}

/// Calls f, as for_each_layer does, for layers of float that take other paths through the kernels than those: whole vectors and tails of
/// channels, panels of a product of several tiles, either orientation of it, stencils, Winograd's algorithm (frozen), phases.
template <class F>
void for_each_path(const F& f) {
    Random random(910);
    const auto filled = [&](auto layer) { return test::filled(random, std::move(layer)); };
    const auto conv = [&](const char* name, const ConvOptions<2>& options) {
        const index_t c = options.in_channels;
        const bool first = options.layout == Layout::channels_first;
        f(name, filled(Conv2d<float>(options, no_init)), first ? Shape<4>{2, c, 6, 7} : Shape<4>{2, 6, 7, c},
          first ? Free{0, 2, 3} : Free{0, 1, 2});
    };
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        conv("Conv2d that may be Winograd's", {.in_channels = 17, .out_channels = 19, .kernel_size = 3, .padding = 1, .layout = layout});
        conv("Conv2d that may be Winograd's, in groups",
             {.in_channels = 32, .out_channels = 48, .kernel_size = 3, .padding = {{0, 2}, {1, 0}}, .groups = 2, .layout = layout});
        const auto large = [&](const char* name, const ConvOptions<2>& options, index_t rows, index_t columns) {
            const index_t c = options.in_channels;
            f(name, filled(Conv2d<float>(options, no_init)),
              layout == Layout::channels_first ? Shape<4>{1, c, rows, columns} : Shape<4>{1, rows, columns, c}, Free{});
        };
        large("Conv2d of many windows", {.in_channels = 17, .out_channels = 5, .kernel_size = 3, .padding = 1, .layout = layout}, 24, 23);
        large("Conv2d of long sums", {.in_channels = 75, .out_channels = 20, .kernel_size = 3, .padding = 1, .layout = layout}, 3, 4);
        large("Conv2d 1 × 1 of long sums", {.in_channels = 650, .out_channels = 5, .layout = layout}, 2, 3);
        large("Conv2d that may be Winograd's smallest",
              {.in_channels = 32, .out_channels = 32, .kernel_size = 3, .padding = 1, .layout = layout}, 4, 4);
        conv("Conv2d 1 × 1", {.in_channels = 21, .out_channels = 37, .layout = layout});
        conv("Conv2d 1 × 1 with a stride", {.in_channels = 21, .out_channels = 5, .stride = 2, .layout = layout});
        conv("Conv2d of few channels",
             {.in_channels = 3, .out_channels = 33, .kernel_size = 3, .stride = 2, .padding = 1, .layout = layout});
        conv("Conv2d of few outputs", {.in_channels = 19, .out_channels = 2, .kernel_size = {1, 5}, .padding = nn::same, .layout = layout});
        for (const index_t stride : {1, 2}) {
            conv("Conv2d, depthwise", {.in_channels = 19,
                                       .out_channels = 19,
                                       .kernel_size = 3,
                                       .stride = stride,
                                       .padding = 1,
                                       .dilation = {1, 3 - stride},
                                       .groups = 19,
                                       .layout = layout});
        }
        const auto transposed = [&](const char* name, const ConvTransposeOptions<2>& options) {
            const index_t c = options.in_channels;
            const bool first = options.layout == Layout::channels_first;
            f(name, filled(ConvTranspose2d<float>(options, no_init)), first ? Shape<4>{2, c, 4, 5} : Shape<4>{2, 4, 5, c},
              first ? Free{0, 2, 3} : Free{0, 1, 2});
        };
        transposed("ConvTranspose2d in phases",
                   {.in_channels = 20, .out_channels = 17, .kernel_size = {2, 4}, .stride = 2, .layout = layout});
        transposed("ConvTranspose2d, depthwise",
                   {.in_channels = 19, .out_channels = 19, .kernel_size = 3, .stride = 2, .padding = 1, .groups = 19, .layout = layout});
        f("Conv1d of a long kernel",
          filled(Conv1d<float>({.in_channels = 9, .out_channels = 18, .kernel_size = 9, .padding = nn::same, .layout = layout}, no_init)),
          layout == Layout::channels_first ? Shape<3>{2, 9, 11} : Shape<3>{2, 11, 9},
          layout == Layout::channels_first ? Free{0, 2} : Free{0, 1});
        f("CausalConv1d of 19 channels",
          filled(CausalConv1d<float>({.in_channels = 19, .out_channels = 19, .kernel_size = 4, .groups = 19, .layout = layout}, no_init)),
          layout == Layout::channels_first ? Shape<3>{2, 19, 5} : Shape<3>{2, 5, 19},
          layout == Layout::channels_first ? Free{0, 2} : Free{0, 1});
        const Shape<4> image = layout == Layout::channels_first ? Shape<4>{2, 19, 5, 6} : Shape<4>{2, 5, 6, 19};
        const Free free{0, 1, 2, 3};
        f("MaxPool2d of 3 × 3", MaxPool2d({.window = 3, .stride = 2, .padding = 1, .layout = layout}), image, free);
        f("AvgPool2d of 3 × 3", AvgPool2d({.window = 3, .stride = 1, .padding = 1, .layout = layout}), image, free);
        f("GlobalAvgPool of 19 channels", GlobalAvgPool<2>{{.layout = layout}}, image, free);
        f("LocalResponseNorm of 19 channels", LocalResponseNorm<float, 2>({.alpha = 1, .layout = layout}), image, free);
        f("GroupNorm of 19 channels", filled(GroupNorm<float, 2>({.groups = 1, .channels = 19, .layout = layout})), image,
          layout == Layout::channels_first ? Free{0, 2, 3} : Free{0, 1, 2});
        const BatchNorm2d<float> norm({.size = 19, .layout = layout});
        const auto state = norm.initial_state();
        f("BatchNorm of 19 channels in inference", Inference<BatchNorm2d<float>>{norm, state}, image,
          layout == Layout::channels_first ? Free{0, 2, 3} : Free{0, 1, 2});
        f("BatchNorm of 19 channels in training", Trained<BatchNorm2d<float>>{norm, state}, image, Free{});
    }
    f("Conv3d, channels last",
      filled(Conv3d<float>({.in_channels = 3, .out_channels = 9, .kernel_size = 2, .layout = Layout::channels_last}, no_init)),
      Shape<5>{2, 3, 2, 4, 3}, Free{0, 1, 2, 3});
    f("LocalResponseNorm of any power", LocalResponseNorm<float, 2>({.alpha = 1, .beta = 0.6}), Shape<4>{2, 7, 2, 3}, Free{0, 1, 2, 3});
    f("Linear of many features", filled(Linear<float>({.in_features = 67, .out_features = 83}, no_init)), Shape<2>{3, 67}, Free{0});
    f("Linear of many rows", filled(Linear<float>({.in_features = 19, .out_features = 37}, no_init)), Shape<2>{200, 19}, Free{});
    const auto activated = [&](const char* name, const ConvOptions<2>& options) {
        f(name, Sequential(filled(Conv2d<float>(options, no_init)), silu), Shape<4>{2, options.in_channels, 6, 7}, Free{0, 2, 3});
    };
    activated("silu behind a product", {.in_channels = 19, .out_channels = 21, .kernel_size = {1, 2}});
    activated("silu behind a stencil", {.in_channels = 19, .out_channels = 19, .kernel_size = 3, .padding = 1, .groups = 19});
    activated("silu behind what may be Winograd's", {.in_channels = 17, .out_channels = 19, .kernel_size = 3, .padding = 1});
    f("an inverted residual, which may run band by band",
      Sequential(filled(Conv2d<float>({.in_channels = 3, .out_channels = 48}, no_init)),
                 filled(Conv2d<float>({.in_channels = 48, .out_channels = 48, .kernel_size = 3, .padding = 1, .groups = 48}, no_init)),
                 filled(Conv2d<float>({.in_channels = 48, .out_channels = 3}, no_init))),
      Shape<4>{1, 3, 40, 40}, Free{});
    f("LSTM of 21", filled(LSTM<float>({.input_size = 19, .hidden_size = 21}, no_init)), Shape<3>{2, 3, 19}, Free{0, 1});
    f("GRU of 21", filled(GRU<float>({.input_size = 19, .hidden_size = 21}, no_init)), Shape<3>{2, 3, 19}, Free{0, 1});
    f("LayerNorm of 37", filled(LayerNorm<float>({.shape = 37})), Shape<3>{3, 2, 37}, Free{0, 1});
    f("RMSNorm of 37", filled(RMSNorm<float>({.shape = 37})), Shape<2>{6, 37}, Free{0});
    f("Embed of 19", filled(Embed<float>({.num_embeddings = 5, .embedding_size = 19}, no_init)), Shape<2>{6, 4}, Free{0, 1});
}

/// The element type of what a layer with elements of type T is given.
template <class L, class T>
using Input = std::conditional_t<std::is_same_v<L, nn::Embed<T>>, int, T>;

}  // namespace nn::test
