// SPDX-License-Identifier: MIT
#pragma once

// nn's answers for layers that only the driver of tests/reference/differential asks: functions of elements and rows, what
// pools all cells or makes channels cells, and nets.

#include <nn/nn.hpp>

#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "support/answers.hpp"

namespace nn::test {

namespace answers {

/// Calls `f` with the one of `layers` that the request names.
void with_activation(const Request& request, const auto& f, const auto&... layers) {
    const std::string name = request.word("activation", "identity");
    if (!((name == layers.name.substr(4) && (f(layers), true)) || ...)) {  // behind "nn::"
        throw std::runtime_error("request: no activation " + name);
    }
}
/// With one of those that blocks and nets are tried with: each is compiled for all of them.
void with_some_activation(const Request& request, const auto& f) {
    with_activation(request, f, nn::identity, nn::relu, nn::silu, nn::tanh);
}

template <class T>
void activation(const Request& request, Answer<T>& answer) {
    with_activation(
        request, [&](const auto& layer) { add_output(request, answer, layer); }, nn::identity, nn::relu, nn::relu6,
        nn::LeakyRelu{{.negative_slope = request.real("negative_slope", 0.01)}}, nn::Elu{{.alpha = request.real("alpha", 1)}}, nn::selu,
        nn::gelu, nn::gelu_tanh, nn::sigmoid, nn::log_sigmoid, nn::hard_sigmoid, nn::tanh, nn::hard_tanh, nn::silu, nn::hard_silu,
        nn::softplus, nn::softsign, nn::mish);
}

template <class T>
void softmax(const Request& request, Answer<T>& answer) {
    request.flag("logarithm", false) ? add_output(request, answer, nn::log_softmax) : add_output(request, answer, nn::softmax);
}

/// A convolution, or a transposed one, and a function behind it, which freezing joins.
template <class T>
void conv_and_function(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        const auto run = [&](const auto& conv) {
            with_activation(
                request,
                [&](const auto& function) {
                    const nn::Sequential net(conv, function);
                    add_answer(request, answer, answer.of([&] { return nn::freeze(net, freeze_options(request).value()); }));
                },
                nn::relu, nn::leaky_relu);
        };
        request.layer == "conv" ? run(read_conv_layer<T, axes()>(request)) : run(read_conv_transpose_layer<T, axes()>(request));
    });
}

/// Through nn::ops, which take the elements of a bias apart as well; a layer keeps them together.
template <class T>
void linear_of_views(const Request& request, Answer<T>& answer) {
    const auto x = request.array<T>("x");
    const auto weight = request.tensor<T, 2>("weight");
    const auto given = request.tensor<T, 1>("bias");
    std::vector<T> cells(2 * given.size());
    for (std::size_t o = 0; o < given.size(); ++o) {
        cells[2 * o] = given(o);
    }
    auto y = xt::xarray<T, xt::layout_type::row_major>::from_shape(x.shape());
    auto shape = y.shape();
    shape.back() = given.size();
    y.resize(shape);
    const auto batch = [](auto& array, auto* data, auto& extents, auto& strides) {
        extents.assign(array.shape().begin(), array.shape().end());
        strides.assign(array.strides().begin(), array.strides().end());
        return nn::Batch<std::remove_pointer_t<decltype(data)>, 1>(data, extents, strides);
    };
    Values x_shape, x_strides, y_shape, y_strides;
    const auto from = batch(x, x.data(), x_shape, x_strides);
    const auto to = batch(y, y.data(), y_shape, y_strides);
    const nn::View<const T, 1> bias{cells.data(), {static_cast<index_t>(given.size())}, {2}};
    nn::Workspace workspace;
    answer.of([&] { return nn::ops::linear<T>(from, nn::view_of(weight), bias, to, workspace), 0; });
    answer.add("y", y);
}

/// In inference, or in training.
template <class T>
void dropout(const Request& request, Answer<T>& answer) {
    const nn::Dropout layer({.rate = request.real("rate", 0.5)});
    const auto x = request.array<T>("x");
    std::mt19937 engine;
    const bool training = request.flag("training", false);
    answer.add("y", answer.of([&] { return training ? layer(x, nn::training(engine)) : layer(x); }));
}

template <class T>
void global_pool(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        const nn::GlobalPoolOptions options{.layout = request.layout()};
        if (request.word("kind") == "max") {
            add_output(request, answer, nn::GlobalMaxPool<axes()>(options));
        } else {
            add_output(request, answer, nn::GlobalAvgPool<axes()>(options));
        }
    });
}

template <class T>
void pixel_shuffle(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        const nn::PixelShuffleOptions<axes()> options{.upscale_factor = request.per_axis<axes()>("upscale_factor", 1),
                                                      .layout = request.layout()};
        add_output(request, answer, nn::PixelShuffle<axes()>(options));
    });
}

/// Linear, an activation, Linear, in a Sequential or, with `residual`, around a Residual.
template <class T>
void sequential(const Request& request, Answer<T>& answer) {
    const auto linear = [&](const char* number, const char* in, const char* out) {
        const std::string bias = std::string("bias") + number;
        return nn::Linear<T>(
            {.in_features = request.integer(in), .out_features = request.integer(out), .use_bias = request.has_array(bias)},
            request.tensor<T, 2>(std::string("weight") + number), request.optional<T, 1>(bias));
    };
    with_some_activation(request, [&](const auto& layer) {
        const nn::Sequential net(linear("0", "in", "hidden"), layer, linear("2", "hidden", "out"));
        if (request.flag("residual", false)) {
            add_output(request, answer, nn::Residual(net));
        } else {
            add_output(request, answer, net);
        }
    });
}

/// One Bidirectional, or two in a Sequential; the arrays of direction d of layer l are named "l_d_…".
template <class T>
void bidirectional(const Request& request, Answer<T>& answer) {
    const auto read = [&]<class Layer>(std::type_identity<Layer>, const std::string& prefix) {
        const auto weight_ih = request.tensor<T, 2>(prefix + "weight_ih");
        const auto weight_hh = request.tensor<T, 2>(prefix + "weight_hh");
        const auto bias = request.optional<T, 1>(prefix + "bias");
        const auto inputs = static_cast<index_t>(weight_ih.shape(1));
        const auto units = static_cast<index_t>(weight_hh.shape(1));
        if constexpr (std::is_same_v<Layer, nn::LSTM<T>>) {
            return Layer({.input_size = inputs, .hidden_size = units, .use_bias = bias.has_value()}, weight_ih, weight_hh, bias);
        } else {
            const bool before = request.word("reset") == "before";
            return Layer({.input_size = inputs,
                          .hidden_size = units,
                          .use_bias = bias.has_value(),
                          .reset = before ? nn::GRUReset::before : nn::GRUReset::after},
                         weight_ih, weight_hh, bias, request.optional<T, 1>(prefix + "bias_n"));
        }
    };
    const auto x = request.array<T>("x");
    const auto form = [&](const auto& net, const auto& f) { request.word("form") == "frozen" ? f(nn::freeze(net)) : f(net); };
    const auto each_array = [](const std::string& prefix, auto& state, const auto& f) {
        f(prefix + "hidden", state.hidden);
        if constexpr (requires { state.cell; }) {
            f(prefix + "cell", state.cell);
        }
    };
    const auto each = [&](const std::string& number, auto& state, const auto& f) {
        each_array(number + "_forward_", state.forward, f);
        each_array(number + "_backward_", state.backward, f);
    };
    const auto take = [&](const std::string& name, auto& array) { array = request.tensor<T, 2>(name); };
    const auto give = [&](const std::string& name, auto& array) { answer.add(name, array); };
    const auto both = [&](auto type, const std::string& number) {
        return nn::Bidirectional(read(type, number + "_forward_"), read(type, number + "_backward_"));
    };
    const auto run = [&](auto type) {
        if (request.integer("layers") == 1) {
            const auto net = both(type, "0");
            auto state = net.initial_state(0);
            each("0", state, take);
            form(net, [&](const auto& formed) { answer.add("y", answer.of([&] { return formed(x, state); })); });
            each("0", state, give);
        } else {
            const nn::Sequential net(both(type, "0"), both(type, "1"));
            auto state = net.initial_state(0);
            each("0", state.template get<0>(), take);
            each("1", state.template get<1>(), take);
            form(net, [&](const auto& formed) { answer.add("y", answer.of([&] { return formed(x, state); })); });
            each("0", state.template get<0>(), give);
            each("1", state.template get<1>(), give);
        }
    };
    request.word("cell") == "lstm" ? run(std::type_identity<nn::LSTM<T>>()) : run(std::type_identity<nn::GRU<T>>());
}

}  // namespace answers

/// As answer_request, and for these layers.
template <class T>
void answer_driver_request(const Request& request, Answer<T>& answer) {
    static const std::map<std::string, void (*)(const Request&, Answer<T>&)> layers{
        {"activation", answers::activation<T>},   {"bidirectional", answers::bidirectional<T>}, {"dropout", answers::dropout<T>},
        {"global_pool", answers::global_pool<T>}, {"pixel_shuffle", answers::pixel_shuffle<T>}, {"sequential", answers::sequential<T>},
        {"softmax", answers::softmax<T>}};
    if (request.layer == "linear" && request.word("form") == "views" && request.has_array("bias")) {
        return answers::linear_of_views(request, answer);
    }
    if ((request.layer == "conv" || request.layer == "conv_transpose") && request.has("activation")) {
        return answers::conv_and_function(request, answer);
    }
    const auto found = layers.find(request.layer);
    found == layers.end() ? answer_request(request, answer) : found->second(request, answer);
}

}  // namespace nn::test
