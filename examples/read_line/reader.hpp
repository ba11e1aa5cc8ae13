// SPDX-License-Identifier: MIT
#pragma once

// The network, and what its answer says. reader.py is the same in Equinox.

#include <algorithm>    // std::max_element, std::max
#include <chrono>       // std::chrono::steady_clock
#include <cmath>        // std::exp
#include <cstddef>      // std::size_t
#include <filesystem>   // std::filesystem::path
#include <iterator>     // std::size
#include <string>       // std::string
#include <tuple>        // std::tuple_size_v
#include <type_traits>  // std::remove_cvref_t
#include <vector>       // std::vector

#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

namespace read_line {

inline auto block(nn::index_t from, nn::index_t to) {
    return nn::conv_norm_activation<float, 2>({.in_channels = from, .out_channels = to}, nn::BatchNorm2d<float>({.size = to}), nn::relu,
                                              nn::no_init);
}

/// (C, 1, W) -> (W, C): the picture's columns, as a sequence.
inline constexpr auto columns = [](const nn::Tensor<float, 3>& x) {
    return nn::Tensor<float, 2>(xt::transpose(xt::view(x, xt::all(), 0, xt::all())));
};

/// (1, 32, W) -> (W / 4, 96): a score for each class and each four columns. Class 0 is CTC's blank, 1 to 95 are ' ' to '~'.
inline auto network() {
    return nn::Sequential(                                                //
        block(1, 8), nn::MaxPool2d({.window = 2}),                        // 16 rows
        block(8, 32), nn::MaxPool2d({.window = 2}),                       // 8
        block(32, 64), block(64, 64), nn::MaxPool2d({.window = {2, 1}}),  // 4
        block(64, 96),                                                    //
        nn::conv_norm_activation<float, 2>({.in_channels = 96, .out_channels = 96, .kernel_size = {4, 1}, .padding = 0},
                                           nn::BatchNorm2d<float>({.size = 96}), nn::relu, nn::no_init),  // 1
        columns,
        nn::Bidirectional(nn::LSTM<float>({.input_size = 96, .hidden_size = 96}, nn::no_init),
                          nn::LSTM<float>({.input_size = 96, .hidden_size = 96}, nn::no_init)),
        nn::Linear<float>({.in_features = 192, .out_features = 96}, nn::no_init));
}

/// What each child of the network is, for people.
inline constexpr const char* layer_names[] = {"conv 1 -> 8",          "pool 2 x 2",    "conv 8 -> 32",    "pool 2 x 2",
                                              "conv 32 -> 64",        "conv 64 -> 64", "pool 2 x 1",      "conv 64 -> 96",
                                              "conv 96 -> 96, 4 x 1", "columns",       "LSTM, both ways", "linear 192 -> 96"};

/// A trained network. Reading changes nothing in it: any number of threads may read at once.
class Reader {
public:
    /// Errors  what nn::load_safetensors throws.
    explicit Reader(const std::filesystem::path& weights) { nn::load_safetensors(weights, net_, state_); }

    /// The scores for a line (1, 32, W).
    nn::Tensor<float, 2> operator()(const nn::Tensor<float, 3>& line) const {
        auto state = state_;  // the LSTMs start afresh with every line
        return net_(line, state);
    }

    /// The same, telling `report(index, milliseconds)` after each layer.
    nn::Tensor<float, 2> operator()(const nn::Tensor<float, 3>& line, const auto& report) const {
        auto state = state_;
        return step_by_step<0>(line, state, report);
    }

private:
    using Network = decltype(network());
    static_assert(std::size(layer_names) == std::tuple_size_v<decltype(Network::layers)>);

    template <std::size_t I>
    auto step_by_step(const auto& x, auto& state, const auto& report) const {
        const auto& layer = net_.template get<I>();
        const auto began = std::chrono::steady_clock::now();
        const auto y = [&] {
            if constexpr (requires { typename std::remove_cvref_t<decltype(layer)>::State; }) {
                return layer(x, state.template get<I>());
            } else {
                return layer(x);
            }
        }();
        report(I, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
        if constexpr (I + 1 < std::size(layer_names)) {
            return step_by_step<I + 1>(y, state, report);
        } else {
            return y;
        }
    }

    Network net_ = network();
    decltype(net_.initial_state(1)) state_ = net_.initial_state(1);
};

/// A character read, and the largest probability it had in the steps that say it.
struct Character {
    char character;
    float confidence;
};

/// Greedy CTC: the best class of every step; of a run of one class the first counts, and blanks go.
inline std::vector<Character> decode(const nn::Tensor<float, 2>& scores) {
    std::vector<Character> text;
    std::size_t previous = 0;
    for (std::size_t t = 0; t < scores.shape(0); ++t) {
        std::size_t best = 0;
        for (std::size_t k = 1; k < scores.shape(1); ++k) {
            best = scores(t, k) > scores(t, best) ? k : best;
        }
        if (best != 0) {
            float sum = 0;
            for (std::size_t k = 0; k < scores.shape(1); ++k) {
                sum += std::exp(scores(t, k) - scores(t, best));
            }
            if (best != previous) {
                text.push_back({static_cast<char>(' ' + best - 1), 0});
            }
            text.back().confidence = std::max(text.back().confidence, 1 / sum);
        }
        previous = best;
    }
    return text;
}

inline std::string to_string(const std::vector<Character>& characters) {
    std::string text;
    for (const Character& c : characters) {
        text += c.character;
    }
    return text;
}

}  // namespace read_line
