// SPDX-License-Identifier: MIT
#include <nn/io/convert.hpp>
#include <nn/nn.hpp>

#include "support/catch.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/tensors.hpp"

using nn::Tensor;
using nn::test::values_of;

namespace {

xt::xarray<float> filled(const std::vector<std::size_t>& shape) { return xt::xarray<float>(shape, 1.0F); }

const nn::LinearOptions linear{.in_features = 2, .out_features = 3};
const nn::ConvOptions<1> conv{.in_channels = 2, .out_channels = 3, .kernel_size = 1};
const nn::ConvTransposeOptions<1> transpose{.in_channels = 2, .out_channels = 3, .kernel_size = 1};
const nn::CausalConv1dOptions causal{.in_channels = 2, .out_channels = 3, .kernel_size = 1};
const nn::EmbedOptions embed{.num_embeddings = 3, .embedding_size = 2};
const nn::LSTMOptions lstm{.input_size = 2, .hidden_size = 1};
const nn::GRUOptions gru{.input_size = 2, .hidden_size = 1};

}  // namespace

TEST_CASE("A trained tensor is moved into the layer", "[trained_array]") {
    Tensor<float, 2> weight{{1, 2}, {3, 4}, {5, 6}};
    const float* const data = weight.data();
    const nn::Linear<float> layer(linear, std::move(weight), {{7, 8, 9}});
    CHECK(layer.weight.data() == data);
    CHECK(values_of(layer.bias.value()) == std::vector<float>{7, 8, 9});
}

TEST_CASE("A trained array may be a list, an expression, a view, column-major or of a rank known at run time", "[trained_array]") {
    const std::vector<float> expected{1, 2, 3, 4, 5, 6};
    const Tensor<float, 2> weight{{1, 2}, {3, 4}, {5, 6}};
    const Tensor<float, 2> halves{{0.5F, 1}, {1.5F, 2}, {2.5F, 3}};
    const Tensor<float, 2> transposed{{1, 3, 5}, {2, 4, 6}};
    const Tensor<float, 3> among{{{1, 0, 2}, {0, 0, 0}}, {{3, 0, 4}, {0, 0, 0}}, {{5, 0, 6}, {0, 0, 0}}};
    const Tensor<float, 1> bias{7, 8, 9};
    const auto weight_of = [&](auto&& array) { return values_of(nn::Linear<float>(linear, array, bias).weight); };
    CHECK(values_of(nn::Linear<float>(linear, {{1, 2}, {3, 4}, {5, 6}}, bias).weight) == expected);
    CHECK(weight_of(weight) == expected);
    CHECK(weight_of(2 * halves) == expected);
    CHECK(weight_of(xt::transpose(transposed)) == expected);
    CHECK(weight_of(xt::view(among, xt::all(), 0, xt::range(0, 3, 2))) == expected);
    CHECK(weight_of(xt::xtensor<float, 2, xt::layout_type::column_major>(weight)) == expected);
    CHECK(weight_of(xt::xarray<float>(weight)) == expected);
    CHECK(weight_of(xt::xarray<float, xt::layout_type::column_major>(weight)) == expected);
    const auto bias_of = [&](auto&& array) { return values_of(nn::Linear<float>(linear, weight, array).bias.value()); };
    CHECK(bias_of(xt::xarray<float>(bias)) == std::vector<float>{7, 8, 9});
    CHECK(bias_of(std::optional(bias)) == std::vector<float>{7, 8, 9});
}

TEST_CASE("A list of rows that differ in length is refused by name", "[trained_array]") {
    const auto said = [](const auto& make) { return nn::test::error_of<nn::shape_error>(make); };
    const auto row = filled({3});
    CHECK(said([&] { nn::Linear<float>(linear, {{1, 2}, {3, 4, 5}, {6, 7}}, row); }) ==
          "nn::Linear: weight is a list of rows that differ in length");
    CHECK(said([&] { nn::Linear<float>(linear, {{}, {3, 4}, {6, 7}}, row); }) ==
          "nn::Linear: weight is a list of rows that differ in length");
    CHECK(said([&] { nn::Conv1d<float>(conv, {{{1}, {2}}, {{3}}, {{5}, {6}}}, row); }) ==
          "nn::Conv: weight is a list of rows that differ in length");
    CHECK(said([&] { nn::Conv1d<float>(conv, {{{1}, {2}}, {{3}, {4, 5}}, {{5}, {6}}}, row); }) ==
          "nn::Conv: weight is a list of rows that differ in length");
}

TEST_CASE("An xarray of another rank is refused by name", "[trained_array]") {
    struct Case {
        std::function<void()> make;
        std::string text;
    };
    const auto plane = filled({3, 2});
    const auto row = filled({3});
    const Tensor<float, 2> known({3, 2}, 0.0F);
    const std::vector<Case> cases{
        {[&] { nn::Linear<float>(linear, row, row); }, "nn::Linear: weight (3,), expected 2 axes"},
        {[&] { nn::Linear<float>(linear, filled({}), row); }, "nn::Linear: weight (), expected 2 axes"},
        {[&] {
             nn::Linear<float>(linear, filled({3, 2, 1}), row);
         },
         "nn::Linear: weight (3, 2, 1), expected 2 axes"},
        {[&] { nn::Linear<float>(linear, plane, plane); }, "nn::Linear: bias (3, 2), expected 1 axis"},
        {[&] { nn::Embed<float>(embed, row); }, "nn::Embed: weight (3,), expected 2 axes"},
        {[&] { nn::Conv1d<float>(conv, plane, row); }, "nn::Conv: weight (3, 2), expected 3 axes"},
        {[&] {
             nn::Conv1d<float>(conv, filled({3, 2, 1}), plane);
         },
         "nn::Conv: bias (3, 2), expected 1 axis"},
        {[&] { nn::ConvTranspose1d<float>(transpose, plane, row); }, "nn::ConvTranspose: weight (3, 2), expected 3 axes"},
        {[&] {
             nn::ConvTranspose1d<float>(transpose, filled({3, 2, 1}), plane);
         },
         "nn::ConvTranspose: bias (3, 2), expected 1 axis"},
        {[&] { nn::CausalConv1d<float>(causal, plane, row); }, "nn::CausalConv1d: weight (3, 2), expected 3 axes"},
        {[&] {
             nn::CausalConv1d<float>(causal, filled({3, 2, 1}), plane);
         },
         "nn::CausalConv1d: bias (3, 2), expected 1 axis"},
        {[&] { nn::LSTM<float>(lstm, row, plane, row); }, "nn::LSTM: weight_ih (3,), expected 2 axes"},
        {[&] { nn::LSTM<float>(lstm, plane, row, row); }, "nn::LSTM: weight_hh (3,), expected 2 axes"},
        {[&] { nn::LSTMCell<float>(lstm, plane, plane, plane); }, "nn::LSTMCell: bias (3, 2), expected 1 axis"},
        {[&] { nn::GRU<float>(gru, row, plane, row, row); }, "nn::GRU: weight_ih (3,), expected 2 axes"},
        {[&] { nn::GRUCell<float>(gru, plane, row, row, row); }, "nn::GRUCell: weight_hh (3,), expected 2 axes"},
        {[&] { nn::GRU<float>(gru, plane, plane, plane, row); }, "nn::GRU: bias (3, 2), expected 1 axis"},
        {[&] { nn::GRU<float>(gru, plane, plane, row, plane); }, "nn::GRU: bias_n (3, 2), expected 1 axis"},
        {[&] { nn::lstm_from_torch(known, known, plane, row); }, "nn::lstm_from_torch: bias_ih (3, 2), expected 1 axis"},
        {[&] { nn::lstm_from_keras(known, known, plane); }, "nn::lstm_from_keras: bias (3, 2), expected 1 axis"},
        {[&] { nn::gru_from_torch(known, known, row, plane); }, "nn::gru_from_torch: bias_hh (3, 2), expected 1 axis"},
        {[&] { nn::gru_from_blox(known, row, known, plane); }, "nn::gru_from_blox: the candidate's bias (3, 2), expected 1 axis"},
    };
    for (const auto& [make, text] : cases) {
        CHECK(nn::test::error_of<nn::shape_error>(make) == text);
    }
}
