// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>   // std::copy, std::transform
#include <cmath>       // std::sqrt
#include <functional>  // std::plus
#include <span>        // std::span
#include <stdexcept>   // std::invalid_argument
#include <string>      // std::string, std::to_string

#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

namespace vad {

/// Silero's voice-activity network at 16 kHz: 512 samples (32 ms) go in, the probability that somebody speaks in them comes out.
///
///     window       64 samples of the chunk before, the 512 of this one
///     spectrum     |short-time Fourier transform|: a convolution 1 → 2 · 129, 256 long, every 128; then the magnitude of each pair
///     encoder      four convolutions 3 long with ReLU, 129 → 128 → 64 → 64 → 128; two of them halve the four frames to one
///     decoder      LSTMCell 128, ReLU, a convolution 128 → 1, sigmoid
///
/// Source  the PyTorch model of silero-vad 6.2.3 (TorchScript), whose numbers it equals.
struct Silero {
    static constexpr nn::index_t chunk = 512;
    static constexpr nn::index_t context = 64;
    static constexpr nn::index_t frequencies = 129;

    nn::Conv1d<float> stft_conv;
    nn::Conv1d<float> conv1;
    nn::Conv1d<float> conv2;
    nn::Conv1d<float> conv3;
    nn::Conv1d<float> conv4;
    nn::LSTMCell<float> lstm_cell;
    nn::Conv1d<float> final_conv;

    /// What one recording leaves behind from chunk to chunk.
    struct State {
        nn::Tensor<float, 2> window;  // (1, 576)
        nn::LSTMCell<float>::State lstm;
    };

    explicit Silero(const nn::SafetensorsFile& file)
        : stft_conv({.in_channels = 1,
                     .out_channels = 2 * frequencies,
                     .kernel_size = 256,
                     .stride = 128,
                     .padding = {{0, 64}},
                     .use_bias = false,
                     .padding_mode = nn::PaddingMode::reflect},
                    file.get<float, 3>("stft_conv.weight")),
          conv1(conv(file, "conv1", {.in_channels = frequencies, .out_channels = 128, .kernel_size = 3, .padding = 1})),
          conv2(conv(file, "conv2", {.in_channels = 128, .out_channels = 64, .kernel_size = 3, .stride = 2, .padding = 1})),
          conv3(conv(file, "conv3", {.in_channels = 64, .out_channels = 64, .kernel_size = 3, .stride = 2, .padding = 1})),
          conv4(conv(file, "conv4", {.in_channels = 64, .out_channels = 128, .kernel_size = 3, .padding = 1})),
          lstm_cell({.input_size = 128, .hidden_size = 128}, file.get<float, 2>("lstm_cell.weight_ih"),
                    file.get<float, 2>("lstm_cell.weight_hh"),
                    sum(file.get<float, 1>("lstm_cell.bias_ih"), file.get<float, 1>("lstm_cell.bias_hh"))),
          final_conv(conv(file, "final_conv", {.in_channels = 128, .out_channels = 1, .kernel_size = 1})) {}

    State initial_state() const { return {.window = nn::Tensor<float, 2>({1, context + chunk}, 0.0F), .lstm = lstm_cell.initial_state(1)}; }

    /// The next chunk of a recording. Nothing is allocated once the workspace is warm.
    float operator()(std::span<const float, chunk> samples, State& state, nn::Workspace& workspace) const {
        std::copy(state.window.end() - context, state.window.end(), state.window.begin());
        std::copy(samples.begin(), samples.end(), state.window.begin() + context);

        const auto frame = workspace.frame();
        const auto tensor = [&](const nn::Shape<2>& shape) { return nn::contiguous(frame.take<float>(nn::element_count(shape)), shape); };
        const auto apply = [&](const nn::Conv1d<float>& layer, const nn::View<const float, 2>& x) {
            auto y = tensor(layer.output_shape(x.shape));
            layer.forward_into(x, y, workspace);
            return y;
        };

        const auto spectrum = apply(stft_conv, nn::view_of(state.window));
        auto x = tensor({frequencies, spectrum.shape[1]});
        for (nn::index_t f = 0; f < frequencies; ++f) {
            for (nn::index_t t = 0; t < x.shape[1]; ++t) {
                const float re = spectrum(f, t);
                const float im = spectrum(frequencies + f, t);
                x(f, t) = std::sqrt(re * re + im * im);
            }
        }
        for (const nn::Conv1d<float>* layer : {&conv1, &conv2, &conv3, &conv4}) {
            x = apply(*layer, x);
            nn::relu.forward_into(x, x, workspace);
        }

        // One frame is left, (128, 1): as an item of the LSTM it is a row.
        auto h = tensor({1, 128});
        lstm_cell.forward_into(nn::contiguous<float, 2>(x.data, {1, 128}), state.lstm, h, workspace);
        nn::relu.forward_into(h, h, workspace);
        auto y = apply(final_conv, nn::contiguous<float, 2>(h.data, {128, 1}));
        nn::sigmoid.forward_into(y, y, workspace);
        return y(0, 0);
    }

    static void members(auto& self, auto&& f) {
        f("stft_conv", self.stft_conv);
        f("conv1", self.conv1);
        f("conv2", self.conv2);
        f("conv3", self.conv3);
        f("conv4", self.conv4);
        f("lstm_cell", self.lstm_cell);
        f("final_conv", self.final_conv);
    }

private:
    static nn::Conv1d<float> conv(const nn::SafetensorsFile& file, const std::string& name, const nn::ConvOptions<1>& options) {
        return nn::Conv1d<float>(options, file.get<float, 3>(name + ".weight"), file.get<float, 1>(name + ".bias"));
    }

    /// torch keeps two biases for an LSTM, which only ever appear as their sum.
    static nn::Tensor<float, 1> sum(nn::Tensor<float, 1> a, const nn::Tensor<float, 1>& b) {
        if (a.size() != b.size()) {
            throw std::invalid_argument("lstm_cell.bias_hh has " + std::to_string(b.size()) + " elements, expected " +
                                        std::to_string(a.size()) + " as lstm_cell.bias_ih");
        }
        std::transform(a.begin(), a.end(), b.begin(), a.begin(), std::plus<>());
        return a;
    }
};

}  // namespace vad
