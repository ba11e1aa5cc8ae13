// SPDX-License-Identifier: MIT
#include <optional>
#include <random>

#include <nn/io/convert.hpp>
#include <nn/nn.hpp>

struct Lost {
    xt::xarray<float> weight;

    static void members(auto& self, auto&& f) { f("weight", self.weight); }
};

// A trained array of another rank would be read past its end, one of another element type narrowed in silence: neither compiles.
void parameters(std::mt19937& rng) {
    const nn::Tensor<float, 1> row({2}, 0.0F);
    const nn::Tensor<float, 2> plane({2, 2}, 0.0F);
    const nn::Tensor<float, 3> cube({2, 2, 2}, 0.0F);
    const nn::Tensor<float, 4> block({2, 2, 2, 2}, 0.0F);
    const nn::Tensor<double, 1> wide({2}, 0.0);
    const nn::Tensor<double, 2> wide_plane({2, 2}, 0.0);
    const nn::LinearOptions linear{.in_features = 2, .out_features = 2};
    const nn::EmbedOptions embed{.num_embeddings = 2, .embedding_size = 2};
    const nn::ConvOptions<2> conv{.in_channels = 2, .out_channels = 2, .kernel_size = 2};
    const nn::ConvTransposeOptions<2> transpose{.in_channels = 2, .out_channels = 2, .kernel_size = 2};
    const nn::CausalConv1dOptions causal{.in_channels = 2, .out_channels = 2, .kernel_size = 2};
    const nn::LSTMOptions lstm{.input_size = 2, .hidden_size = 2};
    const nn::GRUOptions gru{.input_size = 2, .hidden_size = 2};
    nn::Linear<float>(linear, plane, row);
    nn::Linear<float>(linear, plane + plane, std::optional(row));
    nn::Linear<float>(linear, {{1, 2}, {3, 4}}, {{1, 2}});
    nn::Linear<float>(linear, xt::xarray<float>(plane), xt::xarray<float>(row));
    nn::Embed<float>(embed, plane);
    nn::Conv2d<float>(conv, block, row);
    nn::ConvTranspose2d<float>(transpose, block, row);
    nn::CausalConv1d<float>(causal, cube, row);
    nn::LSTM<float>(lstm, plane, plane, row);
    nn::GRU<float>(gru, plane, plane, row, row);
    nn::Linear<float>(linear, rng);
    nn::lstm_from_torch(plane, plane, row, row);
    nn::gru_from_keras(plane, plane, row, row);

#ifdef NN_REJECT
    nn::Linear<float>(linear, row, row);                 // expects: no matching function for call to '.*Linear
    nn::Linear<float>(linear, cube, row);                // expects: no matching function for call to '.*Linear
    nn::Linear<float>(linear, plane, plane);             // expects: no matching function for call to '.*Linear
    nn::Linear<float>(linear, wide_plane, row);          // expects: no matching function for call to '.*Linear
    nn::Linear<float>(linear, plane, wide);              // expects: no matching function for call to '.*Linear
    nn::Linear<float>(linear, plane + plane, 2 * wide);  // expects: no matching function for call to '.*Linear
    nn::Embed<float>(embed, row);                        // expects: no matching function for call to '.*Embed
    nn::Embed<float>(embed, wide_plane);                 // expects: no matching function for call to '.*Embed
    nn::Conv2d<float>(conv, cube, row);                  // expects: no matching function for call to '.*Conv
    nn::Conv2d<float>(conv, block, plane);               // expects: no matching function for call to '.*Conv
    nn::ConvTranspose2d<float>(transpose, cube, row);    // expects: no matching function for call to '.*ConvTranspose
    nn::ConvTranspose2d<float>(transpose, block, wide);  // expects: no matching function for call to '.*ConvTranspose
    nn::CausalConv1d<float>(causal, plane, row);         // expects: no matching function for call to '.*CausalConv1d
    nn::CausalConv1d<float>(causal, cube, plane);        // expects: no matching function for call to '.*CausalConv1d
    nn::LSTM<float>(lstm, row, plane, row);              // expects: no matching function for call to '.*LSTM
    nn::LSTM<float>(lstm, plane, row, row);              // expects: no matching function for call to '.*LSTM
    nn::LSTM<float>(lstm, plane, plane, wide);           // expects: no matching function for call to '.*LSTM
    nn::GRU<float>(gru, plane, cube, row, row);          // expects: no matching function for call to '.*GRU
    nn::GRU<float>(gru, plane, plane, row, plane);       // expects: no matching function for call to '.*GRU
    nn::GRU<float>(gru, plane, wide_plane, row, row);    // expects: no matching function for call to '.*GRU
    nn::lstm_from_torch(plane, plane, plane, row);       // expects: no match for call
    nn::lstm_from_keras(plane, plane, wide);             // expects: no match for call
    nn::gru_from_blox(plane, plane, plane, row);         // expects: no match for call
    nn::gru_from_keras(plane, plane, row, cube);         // expects: no match for call
    nn::parameter_count(Lost());                         // expects: static assertion failed: nn: `members` names an array
#endif
}
