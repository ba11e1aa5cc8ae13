// SPDX-License-Identifier: MIT
#include <random>
#include <string>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

using nn::index_t;
using nn::Shape;
using nn::test::error_of;

TEST_CASE("summary: layers, output shapes, parameters and multiply-adds, as the layers run") {
    std::mt19937 rng(1);
    const nn::Sequential net(
        nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 8, .stride = 2}, nn::BatchNorm2d<float>({.size = 8}),
                                           nn::silu, rng),
        nn::Residual(nn::Conv2d<float>({.in_channels = 8, .out_channels = 8, .kernel_size = 3, .padding = 1}, rng)),  //
        nn::MaxPool2d({.window = 2}),                                                                                 //
        [](const auto& x) { return nn::global_avg_pool<2>(x); },                                                      //
        nn::Linear<float>({.in_features = 8, .out_features = 10}, rng));
    // 110592 = 2·8·16·16 · 3·9,  294912 = 2·8·16·16 · 8·9,  160 = 2·10 · 8;  216 = 8·3·9,  584 = 8·8·9 + 8,  90 = 10·8 + 10
    CHECK(nn::summary(net, Shape<4>{2, 3, 32, 32}) ==
          "layer                        output shape    parameters  multiply-adds\n"
          "              input          (2, 3, 32, 32)\n"
          "0.conv        nn::Conv       (2, 8, 16, 16)         216         110592\n"
          "0.norm        nn::BatchNorm  (2, 8, 16, 16)          16\n"
          "0.activation  nn::silu       (2, 8, 16, 16)\n"
          "1.main        nn::Conv       (2, 8, 16, 16)         584         294912\n"
          "1.shortcut    nn::identity   (2, 8, 16, 16)\n"
          "2             nn::MaxPool    (2, 8, 8, 8)\n"
          "3             callable       (2, 8)\n"
          "4             nn::Linear     (2, 10)                 90            160\n"
          "              total          (2, 10)                906         405664\n");
    CHECK(error_of<nn::shape_error>([&] {
              (void)nn::summary(net, Shape<4>{2, 4, 32, 32});
          }) == "nn::Conv: x has 4 channels, expected 3 = weight.shape[1] · groups  [x (2, 4, 32, 32), weight (8, 3, 3, 3), groups 1]");
}

TEST_CASE("summary: carried states, indices, branches, and one layer alone") {
    std::mt19937 rng(2);
    const nn::Sequential net(nn::Embed<float>({.num_embeddings = 100, .embedding_size = 16}, rng),
                             nn::Bidirectional(nn::LSTM<float>({.input_size = 16, .hidden_size = 8}, rng),
                                               nn::GRU<float>({.input_size = 16, .hidden_size = 8}, rng)),
                             nn::softmax);
    // LSTM 4·8·(16 + 8) + 4·8 parameters and 2·30·4·8·24 multiply-adds; GRU 3·8·(16 + 8) + 3·8 + 8 and 2·30·3·8·24
    CHECK(nn::summary(net, Shape<2>{2, 30}) ==
          "layer                    output shape  parameters  multiply-adds\n"
          "            input        (2, 30)\n"
          "0           nn::Embed    (2, 30, 16)         1600\n"
          "1.forward   nn::LSTM     (2, 30, 8)           800          46080\n"
          "1.backward  nn::GRU      (2, 30, 8)           608          34560\n"
          "2           nn::softmax  (2, 30, 16)\n"
          "            total        (2, 30, 16)         3008          80640\n");

    CHECK(nn::summary(nn::PixelShuffle2d({.upscale_factor = 2}), Shape<3>{8, 3, 2}) ==
          "layer                    output shape  parameters  multiply-adds\n"
          "       input             (8, 3, 2)\n"
          "       nn::PixelShuffle  (2, 6, 4)\n"
          "       total             (2, 6, 4)              0              0\n");

    const nn::Conv1d<double> conv({.in_channels = 2, .out_channels = 4, .kernel_size = 3, .groups = 2}, rng);
    CHECK(nn::summary(conv, Shape<2>{2, 5}) ==
          "layer            output shape  parameters  multiply-adds\n"
          "       input     (2, 5)\n"
          "       nn::Conv  (4, 3)                16             36\n"
          "       total     (4, 3)                16             36\n");
}

namespace {

struct Scaled {  // as in the README, of a user's own
    nn::Linear<float> linear;
    nn::Tensor<float, 1> scale{2, 2};

    auto operator()(const auto& x) const { return nn::Tensor<float, 2>(linear(x) * scale); }
    static void members(auto& self, auto&& f) {
        f("linear", self.linear);
        f("scale", self.scale);
    }
};
struct Counted : Scaled {
    template <std::size_t R>
    index_t multiply_adds(const Shape<R>& x) const {
        return linear.multiply_adds(x) + nn::element_count(linear.output_shape(x));
    }
};

}  // namespace

TEST_CASE("summary: the multiply-adds of a user's layer are what it says, or unknown") {
    std::mt19937 rng(4);
    const nn::Linear<float> linear({.in_features = 3, .out_features = 2}, rng);
    const auto activation = [](const auto& x) { return nn::relu(x); };
    CHECK(nn::summary(nn::Sequential(linear, Scaled{nn::Linear<float>({.in_features = 2, .out_features = 2}, rng)}, activation),
                      Shape<2>{5, 3}) ==
          "layer              output shape  parameters  multiply-adds\n"
          "       input       (5, 3)\n"
          "0      nn::Linear  (5, 2)                 8             30\n"
          "1      callable    (5, 2)                 8              ?\n"
          "2      callable    (5, 2)\n"
          "       total       (5, 2)                16         30 + ?\n");
    CHECK(nn::summary(Counted{{linear}}, Shape<2>{5, 3}) ==
          "layer            output shape  parameters  multiply-adds\n"
          "       input     (5, 3)\n"
          "       callable  (5, 2)                10             40\n"
          "       total     (5, 2)                10             40\n");
}

TEST_CASE("summary: multiply-adds of the layers that multiply") {
    std::mt19937 rng(3);
    // Each cell of x meets every tap of every output channel of its group: 2·3 · 5·7 · 4/2 · 3·2
    CHECK(nn::ConvTranspose2d<float>({.in_channels = 6, .out_channels = 4, .kernel_size = {3, 2}, .stride = 2, .groups = 2}, rng)
              .multiply_adds(Shape<3>{6, 5, 7}) == 6 * 5 * 7 * 2 * 3 * 2);
    CHECK(nn::CausalConv1d<float>({.in_channels = 4, .out_channels = 8, .kernel_size = 5, .groups = 4}, rng)
              .multiply_adds(Shape<3>{2, 9, 4}) == 2 * 9 * 8 * 5);
    CHECK(nn::LSTMCell<float>({.input_size = 3, .hidden_size = 5}, rng).multiply_adds(Shape<2>{7, 3}) == 7 * 5 * 4 * (3 + 5));
}
