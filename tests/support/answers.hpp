// SPDX-License-Identifier: MIT
#pragma once

// nn's answers to configurations that are written as text: for tests/reference/differential and for tests/layers/answers.cpp.

#include <nn/nn.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <xtensor/xstrided_view.hpp>

#include "support/executor.hpp"

namespace nn::test {

// ---- requests ----

using Values = std::vector<index_t>;

inline Values numbers(const std::string& text) {
    Values values;
    std::istringstream stream(text);
    for (std::string word; std::getline(stream, word, ',');) {
        values.push_back(std::stoll(word));
    }
    return values;
}

/// A layer, words name=value and arrays name=@kind:extents, kind being f (float32 or float64, as the word dtype says), i (int64) or b
/// (bool, a byte each):
///
///     conv dtype=float32 axes=1 in_channels=1 out_channels=1 kernel_size=2 padding=1:0 use_bias=0 x=@f:1,3 weight=@f:1,1,2
class Request {
public:
    struct Array {
        char kind;
        Values shape;
        std::vector<char> bytes;
    };

    /// `fill(name, array)` gives the arrays their bytes, in their order.
    Request(const std::string& line, auto&& fill) {
        std::istringstream words(line);
        words >> layer;
        std::vector<std::string> names;
        for (std::string word; words >> word;) {
            const std::size_t equals = word.find('=');
            const std::string name = word.substr(0, equals);
            const std::string value = word.substr(equals + 1);
            if (value[0] != '@') {
                words_[name] = value;
                continue;
            }
            arrays_[name] = {.kind = value[1], .shape = numbers(value.substr(3)), .bytes = {}};
            names.push_back(name);
        }
        for (const std::string& name : names) {
            Array& array = arrays_[name];
            index_t bytes = array.kind == 'b' ? 1 : array.kind == 'i' || word("dtype") == "float64" ? 8 : 4;
            for (const index_t extent : array.shape) {
                bytes *= extent;
            }
            array.bytes.resize(static_cast<std::size_t>(bytes));
            fill(name, array);
        }
    }

    std::string layer;

    std::string word(const std::string& name, const std::string& otherwise = "") const {
        const auto found = words_.find(name);
        return found == words_.end() ? otherwise : found->second;
    }
    index_t integer(const std::string& name, index_t otherwise = 0) const { return has(name) ? std::stoll(word(name)) : otherwise; }
    double real(const std::string& name, double otherwise) const { return has(name) ? std::stod(word(name)) : otherwise; }
    bool flag(const std::string& name, bool otherwise) const { return integer(name, otherwise ? 1 : 0) != 0; }

    template <std::size_t N>
    nn::PerAxis<N> per_axis(const std::string& name, index_t otherwise) const {
        return has(name) ? nn::PerAxis<N>(fixed<N>(numbers(word(name)))) : nn::PerAxis<N>(otherwise);
    }
    /// same, same_lower, valid, half, or a pair a:b per axis.
    template <std::size_t N>
    nn::Padding<N> padding() const {
        const std::map<std::string, nn::PaddingRule> rules{
            {"same", nn::same}, {"same_lower", nn::same_lower}, {"valid", nn::valid}, {"half", nn::half_padding}};
        const std::string text = word("padding", "valid");
        if (rules.contains(text)) {
            return rules.at(text);
        }
        std::array<nn::Pad, N> pads;
        std::istringstream stream(text);
        for (nn::Pad& pad : pads) {
            char between = 0;
            stream >> pad.before >> between >> pad.after >> between;
        }
        return pads;
    }
    nn::Layout layout() const { return word("layout") == "last" ? nn::Layout::channels_last : nn::Layout::channels_first; }

    bool has(const std::string& name) const { return words_.contains(name); }
    bool has_array(const std::string& name) const { return arrays_.contains(name); }
    const Values& shape(const std::string& name) const { return arrays_.at(name).shape; }

    template <class T>
    xt::xarray<T, xt::layout_type::row_major> array(const std::string& name) const {
        const Array& from = arrays_.at(name);
        const std::vector<std::size_t> shape(from.shape.begin(), from.shape.end());
        xt::xarray<T, xt::layout_type::row_major> to = xt::xarray<T, xt::layout_type::row_major>::from_shape(shape);
        std::memcpy(static_cast<void*>(to.data()), from.bytes.data(), from.bytes.size());
        return to;
    }
    template <class T, std::size_t R>
    nn::Tensor<T, R> tensor(const std::string& name) const {
        const Array& from = arrays_.at(name);
        nn::Tensor<T, R> to = nn::make_tensor<T, R>(fixed<R>(from.shape));
        std::memcpy(static_cast<void*>(to.data()), from.bytes.data(), from.bytes.size());
        return to;
    }
    template <class T, std::size_t R>
    std::optional<nn::Tensor<T, R>> optional(const std::string& name) const {
        return has_array(name) ? std::optional(tensor<T, R>(name)) : std::nullopt;
    }

private:
    template <std::size_t N>
    static std::array<index_t, N> fixed(const Values& values) {
        if (values.size() != N) {
            throw std::runtime_error("request: " + std::to_string(values.size()) + " values, expected " + std::to_string(N));
        }
        std::array<index_t, N> array{};
        std::copy(values.begin(), values.end(), array.begin());
        return array;
    }

    std::map<std::string, std::string> words_;
    std::map<std::string, Array> arrays_;
};

/// The arrays of an answer in T, by name.
template <class T>
class Answer {
public:
    using Array = xt::xarray<T, xt::layout_type::row_major>;

    /// `trace` is told when a call of nn begins, and when it ends.
    explicit Answer(void (*trace)(bool) = [](bool) {}) : trace_(trace) {}

    std::vector<std::pair<std::string, Array>> arrays;

    void add(const std::string& name, const auto& x) { arrays.emplace_back(name, x); }
    /// What `call` returns.
    auto of(const auto& call) const {
        struct Traced {
            void (*trace)(bool);
            ~Traced() { trace(false); }
        } traced{trace_};
        trace_(true);
        return call();
    }

private:
    void (*trace_)(bool);
};

// ---- layers ----

namespace answers {

/// Calls `f` with the number of axes, 1 to 3, as a constant.
void with_axes(const Request& request, const auto& f) {
    switch (request.integer("axes", 1)) {
        case 1: return f(std::integral_constant<std::size_t, 1>());
        case 2: return f(std::integral_constant<std::size_t, 2>());
        case 3: return f(std::integral_constant<std::size_t, 3>());
        default: throw std::runtime_error("request: axes " + request.word("axes"));
    }
}
/// Or with none.
void with_any_axes(const Request& request, const auto& f) {
    request.integer("axes") == 0 ? f(std::integral_constant<std::size_t, 0>()) : with_axes(request, f);
}

/// Room for an array whose elements are every second along every axis, so that no two lie side by side, and no two axes are one; or along
/// every axis but the last, if `rows` are to be whole.
template <class T>
class Apart {
public:
    Apart(const auto& shape, bool rows) : cells_(xt::xarray<T, xt::layout_type::row_major>::from_shape(doubled(shape))) {
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            const auto extent = static_cast<std::ptrdiff_t>(shape[axis]);
            const bool whole = rows && axis + 1 == shape.size();
            slices_.push_back(whole ? xt::range(1, extent + 1, 1) : xt::range(1, 2 * extent + 1, 2));
        }
        cells_.fill(std::numeric_limits<T>::quiet_NaN());
    }
    auto view() { return xt::strided_view(cells_, slices_); }

private:
    static std::vector<std::size_t> doubled(const auto& shape) {
        std::vector<std::size_t> result;
        for (const std::size_t extent : shape) {
            result.push_back(2 * extent + 1);
        }
        return result;
    }

    xt::xarray<T, xt::layout_type::row_major> cells_;
    xt::xstrided_slice_vector slices_;
};

/// How a request has a layer frozen: without other sums; as is `fastest`, which may be by Winograd's algorithm; or so and `fitted` to the
/// shape of x.
inline std::optional<nn::FreezeOptions> freeze_options(const Request& request) {
    const std::string form = request.word("form");
    if (form == "frozen") {
        return nn::FreezeOptions{.algorithm = nn::ConvAlgorithm::exact};
    }
    if (form == "fastest" || form == "fitted") {
        return nn::FreezeOptions{.input_shape = form == "fitted" ? request.shape("x") : Values()};
    }
    return std::nullopt;
}

/// Adds what a stateless layer, frozen or not, answers to x: by one worker or, with the word `workers`, by several.
template <class T>
void add_answer(const Request& request, Answer<T>& answer, const auto& layer) {
    const auto x = request.array<T>("x");
    if (!request.has("workers")) {
        answer.add("y", answer.of([&] { return layer(x); }));
        return;
    }
    Backwards workers{.count = request.integer("workers")};
    nn::Workspace workspace(workers);
    auto y = layer(x);  // its shape
    std::fill(y.begin(), y.end(), std::numeric_limits<T>::quiet_NaN());
    answer.of([&] { return layer.forward_into(x, y, workspace), 0; });
    answer.add("y", y);
}

/// Whether x and y are to lie with gaps: their elements `apart`, or their `rows`.
inline bool lies_apart(const Request& request) {
    const std::string form = request.word("form", "called");
    return form == "apart" || form == "rows";
}

/// What `into(x, y)` makes of x in a y of the shape of `y`, which lie as the request says.
template <class T>
auto answered_apart(const Request& request, Answer<T>& answer, const auto& x, auto y, const auto& into) {
    const bool rows = request.word("form") == "rows";
    Apart<T> from(x.shape(), rows);
    auto source = from.view();
    std::copy(x.begin(), x.end(), source.begin());  // xtensor 0.24 assigns through a temporary of another rank
    Apart<T> to(y.shape(), rows);
    auto target = to.view();
    answer.of([&] { return into(source, target), 0; });
    std::copy(target.begin(), target.end(), y.begin());
    return y;
}

/// The same in the request's `form`: called, which is the default; frozen, as `freeze_options` has it; or from and into memory with
/// gaps.
template <class T>
void add_output(const Request& request, Answer<T>& answer, const auto& layer) {
    const std::string form = request.word("form", "called");
    if (const auto options = freeze_options(request)) {
        add_answer(request, answer, answer.of([&] { return nn::freeze(layer, *options); }));
    } else if (lies_apart(request)) {
        const auto x = request.array<T>("x");
        nn::Workspace workspace;
        const auto into = [&](auto& from, auto& to) { layer.forward_into(from, to, workspace); };
        answer.add("y", answered_apart(request, answer, x, layer(x), into));
    } else if (form == "called") {
        add_answer(request, answer, layer);
    } else {
        throw std::runtime_error("request: no form " + form);
    }
}

template <template <std::size_t> class Options, std::size_t N>
void read_conv(const Request& request, Options<N>& options) {
    const std::map<std::string, nn::PaddingMode> modes{{"zeros", nn::PaddingMode::zeros},
                                                       {"reflect", nn::PaddingMode::reflect},
                                                       {"replicate", nn::PaddingMode::replicate},
                                                       {"circular", nn::PaddingMode::circular}};
    options.in_channels = request.integer("in_channels");
    options.out_channels = request.integer("out_channels");
    options.kernel_size = request.per_axis<N>("kernel_size", 1);
    options.stride = request.per_axis<N>("stride", 1);
    options.padding = request.padding<N>();
    options.dilation = request.per_axis<N>("dilation", 1);
    options.groups = request.integer("groups", 1);
    options.use_bias = request.has_array("bias");
    options.padding_mode = modes.at(request.word("padding_mode", "zeros"));
    options.layout = request.layout();
}

template <class T, std::size_t N>
nn::Conv<T, N> read_conv_layer(const Request& request) {
    nn::ConvOptions<N> options;
    read_conv(request, options);
    options.input_dilation = request.per_axis<N>("input_dilation", 1);
    nn::Conv<T, N> layer(options, request.tensor<T, N + 2>("weight"), request.optional<T, 1>("bias"));
    layer.weight_mask = request.optional<T, N + 2>("weight_mask");
    return layer;
}

template <class T>
void conv(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) { add_output(request, answer, read_conv_layer<T, axes()>(request)); });
}

template <class T, std::size_t N>
nn::ConvTranspose<T, N> read_conv_transpose_layer(const Request& request) {
    nn::ConvTransposeOptions<N> options;
    read_conv(request, options);
    options.output_padding = request.per_axis<N>("output_padding", 0);
    options.padding_convention = request.flag("lax", false) ? nn::TransposePadding::lax : nn::TransposePadding::torch;
    options.flip_kernel = request.flag("flip_kernel", false);
    nn::ConvTranspose<T, N> layer(options, request.tensor<T, N + 2>("weight"), request.optional<T, 1>("bias"));
    layer.weight_mask = request.optional<T, N + 2>("weight_mask");
    return layer;
}

template <class T>
void conv_transpose(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) { add_output(request, answer, read_conv_transpose_layer<T, axes()>(request)); });
}

template <class T, std::size_t N>
nn::BatchNorm<T, N> read_batch_norm(const Request& request) {
    nn::BatchNorm<T, N> layer({.size = request.integer("size"),
                               .eps = request.real("eps", 1e-5),
                               .momentum = request.real("momentum", 0.1),
                               .unbiased_running_var = request.flag("unbiased_running_var", true),
                               .use_weight = request.has_array("scale"),
                               .use_bias = request.has_array("shift"),
                               .layout = request.layout()});
    layer.weight = request.optional<T, 1>("scale");
    layer.bias = request.optional<T, 1>("shift");
    return layer;
}

/// Trains on x (steps, …), then infers on x[0]: trained (steps, …), the statistics after the last step, y.
template <class T>
void batch_norm(const Request& request, Answer<T>& answer) {
    with_any_axes(request, [&](auto axes) {
        const auto layer = read_batch_norm<T, axes()>(request);
        const auto x = request.array<T>("x");
        auto state = layer.initial_state();
        auto trained = x;
        for (std::size_t step = 0; step < x.shape(0); ++step) {
            const xt::xarray<T, xt::layout_type::row_major> batch = xt::view(x, step);
            xt::view(trained, step) = answer.of([&] { return layer(batch, state, nn::training()); });
        }
        const xt::xarray<T, xt::layout_type::row_major> first = xt::view(x, 0);
        answer.add("trained", trained);
        answer.add("running_mean", state.running_mean);
        answer.add("running_var", state.running_var);
        auto y = answer.of([&] { return layer(first, std::as_const(state)); });
        if (lies_apart(request)) {
            nn::Workspace workspace;
            const auto into = [&](auto& from, auto& to) { layer.forward_into(from, std::as_const(state), to, workspace); };
            y = answered_apart(request, answer, first, y, into);
        }
        answer.add("y", y);
    });
}

template <class T>
void conv_norm_activation(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        constexpr std::size_t N = axes();
        const auto conv = read_conv_layer<T, N>(request);
        const nn::ConvNormActivationOptions<N> options{
            .in_channels = conv.options.in_channels,
            .out_channels = conv.options.out_channels,
            .kernel_size = conv.options.kernel_size,
            .stride = conv.options.stride,
            .padding = conv.options.padding,
            .dilation = conv.options.dilation,
            .groups = conv.options.groups,
            .use_bias = request.has("use_bias") ? std::optional(request.flag("use_bias", true)) : std::nullopt};
        const auto x = request.array<T>("x");
        const auto with_activation = [&](const auto& norm, const auto& activation) {
            auto block = nn::conv_norm_activation<T, N>(options, norm, activation, nn::no_init);
            block.conv.weight = conv.weight;
            if (block.conv.bias.has_value() != conv.bias.has_value()) {
                throw std::runtime_error("request: bias or none, the two disagree");
            }
            block.conv.bias = conv.bias;
            if constexpr (requires { block.initial_state(); }) {
                auto state = block.initial_state();
                state.norm.running_mean = request.tensor<T, 1>("running_mean");
                state.norm.running_var = request.tensor<T, 1>("running_var");
                if (request.flag("training", false)) {
                    answer.add("y", answer.of([&] { return block(x, state, nn::training()); }));
                } else if (const auto frozen = freeze_options(request)) {
                    add_answer(request, answer, answer.of([&] { return nn::freeze(block, state, *frozen); }));
                } else {
                    answer.add("y", answer.of([&] { return block(x, state); }));
                }
                answer.add("running_mean", state.norm.running_mean);
                answer.add("running_var", state.norm.running_var);
            } else {
                add_output(request, answer, block);
            }
        };
        const auto with_norm = [&](const auto& norm) {
            const std::string activation = request.word("activation", "identity");
            if (activation == "relu") {
                with_activation(norm, nn::relu);
            } else if (activation == "silu") {
                with_activation(norm, nn::silu);
            } else if (activation == "tanh") {
                with_activation(norm, nn::tanh);
            } else {
                with_activation(norm, nn::identity);
            }
        };
        const std::string norm = request.word("norm", "none");
        if (norm == "batch") {
            with_norm(read_batch_norm<T, N>(request));
        } else if (norm == "group") {
            nn::GroupNorm<T, N> layer({.groups = request.integer("norm_groups", 1), .channels = conv.options.out_channels});
            layer.weight = request.tensor<T, 1>("scale");
            layer.bias = request.tensor<T, 1>("shift");
            with_norm(layer);
        } else {
            with_norm(nn::identity);
        }
    });
}

template <class T, template <class, std::size_t> class Layer>
void layer_norm(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        constexpr std::size_t R = axes();
        Layer<T, R> layer({.shape = request.per_axis<R>("shape", 1),
                           .eps = request.real("eps", 1e-5),
                           .use_weight = request.has_array("scale"),
                           .use_bias = request.has_array("shift")});
        layer.weight = request.optional<T, R>("scale");
        layer.bias = request.optional<T, R>("shift");
        add_output(request, answer, layer);
    });
}

template <class T, std::size_t R>
using LayerNorm = nn::LayerNorm<T, R>;
template <class T, std::size_t R>
using RMSNorm = nn::RMSNorm<T, R>;

template <class T>
void group_norm(const Request& request, Answer<T>& answer) {
    with_any_axes(request, [&](auto axes) {
        nn::GroupNorm<T, axes()> layer({.groups = request.integer("groups", 1),
                                        .channels = request.integer("channels"),
                                        .eps = request.real("eps", 1e-5),
                                        .use_weight = request.has_array("scale"),
                                        .use_bias = request.has_array("shift"),
                                        .layout = request.layout()});
        layer.weight = request.optional<T, 1>("scale");
        layer.bias = request.optional<T, 1>("shift");
        add_output(request, answer, layer);
    });
}

template <class T>
void local_response_norm(const Request& request, Answer<T>& answer) {
    with_any_axes(request, [&](auto axes) {
        add_output(request, answer,
                   nn::LocalResponseNorm<T, axes()>({.size = request.integer("size", 5),
                                                     .alpha = request.real("alpha", 1e-4),
                                                     .beta = request.real("beta", 0.75),
                                                     .k = request.real("k", 2),
                                                     .average = request.flag("average", false),
                                                     .layout = request.layout()}));
    });
}

/// From a state, with resets if there are any.
template <class T>
void run_recurrent(const Request& request, Answer<T>& answer, const auto& layer, auto& state) {
    if constexpr (requires { layer.weight_hh; }) {
        if (request.word("form") == "frozen") {
            return run_recurrent(request, answer, nn::freeze(layer), state);
        }
    }
    const auto x = request.array<T>("x");
    if (request.has_array("resets")) {
        const auto resets = request.array<bool>("resets");
        answer.add("y", answer.of([&] { return layer(x, state, resets); }));
    } else {
        answer.add("y", answer.of([&] { return layer(x, state); }));
    }
    answer.add("hidden", state.hidden);
}

template <class T>
void lstm(const Request& request, Answer<T>& answer) {
    const auto run = [&](const auto& layer) {
        auto state = layer.initial_state(0);
        state.hidden = request.tensor<T, 2>("hidden");
        state.cell = request.tensor<T, 2>("cell");
        run_recurrent<T>(request, answer, layer, state);
        answer.add("cell", state.cell);
    };
    const nn::LSTMOptions options{.input_size = request.integer("input_size"),
                                  .hidden_size = request.integer("hidden_size"),
                                  .use_bias = request.has_array("bias"),
                                  .forget_bias = request.real("forget_bias", 0)};
    const auto make = [&]<class Layer>(std::type_identity<Layer>) {
        run(Layer(options, request.tensor<T, 2>("weight_ih"), request.tensor<T, 2>("weight_hh"), request.optional<T, 1>("bias")));
    };
    request.flag("one_step", false) ? make(std::type_identity<nn::LSTMCell<T>>()) : make(std::type_identity<nn::LSTM<T>>());
}

template <class T>
void gru(const Request& request, Answer<T>& answer) {
    const nn::GRUOptions options{.input_size = request.integer("input_size"),
                                 .hidden_size = request.integer("hidden_size"),
                                 .use_bias = request.has_array("bias"),
                                 .reset = request.word("reset") == "before" ? nn::GRUReset::before : nn::GRUReset::after};
    const auto make = [&]<class Layer>(std::type_identity<Layer>) {
        const Layer layer(options, request.tensor<T, 2>("weight_ih"), request.tensor<T, 2>("weight_hh"), request.optional<T, 1>("bias"),
                          request.optional<T, 1>("bias_n"));
        auto state = layer.initial_state(0);
        state.hidden = request.tensor<T, 2>("hidden");
        run_recurrent<T>(request, answer, layer, state);
    };
    request.flag("one_step", false) ? make(std::type_identity<nn::GRUCell<T>>()) : make(std::type_identity<nn::GRU<T>>());
}

/// From zeros, or from a state: then in two calls, with the word `cut` the steps before it and the others.
template <class T>
void causal_conv(const Request& request, Answer<T>& answer) {
    nn::CausalConv1d<T> layer({.in_channels = request.integer("in_channels"),
                               .out_channels = request.integer("out_channels"),
                               .kernel_size = request.integer("kernel_size"),
                               .dilation = request.integer("dilation", 1),
                               .groups = request.integer("groups", 1),
                               .use_bias = request.has_array("bias"),
                               .layout = request.layout()},
                              request.tensor<T, 3>("weight"), request.optional<T, 1>("bias"));
    layer.weight_mask = request.optional<T, 3>("weight_mask");
    if (!request.has_array("history")) {
        add_output(request, answer, layer);
        return;
    }
    const auto x = request.array<T>("x");
    auto state = layer.initial_state(0);
    state.history = request.tensor<T, 3>("history");
    if (request.has("cut")) {
        const std::size_t time = x.dimension() - (request.layout() == nn::Layout::channels_last ? 2 : 1);
        auto y = xt::xarray<T, xt::layout_type::row_major>::from_shape(layer.output_shape(request.shape("x")));
        nn::Workspace workspace;
        const auto call = [&](index_t first, index_t last) {
            xt::xstrided_slice_vector steps(x.dimension(), xt::all());
            steps[time] = xt::range(first, last);
            auto target = xt::strided_view(y, steps);
            layer.forward_into(xt::strided_view(x, steps), state, target, workspace);
        };
        const index_t cut = request.integer("cut");
        answer.of([&] { return call(0, cut), call(cut, static_cast<index_t>(x.shape(time))), 0; });
        answer.add("y", y);
    } else {
        answer.add("y", answer.of([&] { return layer(x, state); }));
    }
    answer.add("history", state.history);
}

template <class T>
void embed(const Request& request, Answer<T>& answer) {
    const nn::Embed<T> layer({.num_embeddings = request.integer("num_embeddings"),
                              .embedding_size = request.integer("embedding_size"),
                              .out_of_range = request.flag("jax", false) ? nn::OutOfRange::jax : nn::OutOfRange::error},
                             request.tensor<T, 2>("weight"));
    if (request.has_array("indices")) {
        const auto indices = request.array<std::int64_t>("indices");
        answer.add("y", answer.of([&] { return layer(indices); }));
    } else {
        const auto x = request.array<T>("x");
        answer.add("y", answer.of([&] { return layer.attend(x); }));
    }
}

template <class T>
void linear(const Request& request, Answer<T>& answer) {
    add_output(request, answer,
               nn::Linear<T>({.in_features = request.integer("in_features"),
                              .out_features = request.integer("out_features"),
                              .use_bias = request.has_array("bias")},
                             request.tensor<T, 2>("weight"), request.optional<T, 1>("bias")));
}

template <class T>
void pool(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        constexpr std::size_t N = axes();
        const nn::PoolOptions<N> options{.window = request.per_axis<N>("window", 1),
                                         .stride = request.per_axis<N>("stride", 1),
                                         .padding = request.padding<N>(),
                                         .count_padding = request.flag("count_padding", false),
                                         .ceil_mode = request.flag("ceil_mode", false),
                                         .layout = request.layout()};
        const std::string kind = request.word("kind");
        if (kind == "max") {
            add_output(request, answer, nn::MaxPool<N>(options));
        } else if (kind == "min") {
            add_output(request, answer, nn::MinPool<N>(options));
        } else {
            add_output(request, answer, nn::AvgPool<N>(options));
        }
    });
}

template <class T>
void adaptive_pool(const Request& request, Answer<T>& answer) {
    with_axes(request, [&](auto axes) {
        constexpr std::size_t N = axes();
        const nn::AdaptivePoolOptions<N> options{
            .output_size = request.per_axis<N>("output_size", 1),
            .windows = request.flag("overlapping", false) ? nn::AdaptiveWindows::torch : nn::AdaptiveWindows::equinox,
            .layout = request.layout()};
        if (request.word("kind") == "max") {
            add_output(request, answer, nn::AdaptiveMaxPool<N>(options));
        } else {
            add_output(request, answer, nn::AdaptiveAvgPool<N>(options));
        }
    });
}

}  // namespace answers

/// Adds what nn answers. A request that makes no sense is a std::runtime_error that begins with "request: ".
template <class T>
void answer_request(const Request& request, Answer<T>& answer) {
    static const std::map<std::string, void (*)(const Request&, Answer<T>&)> layers{
        {"conv", answers::conv<T>},
        {"conv_transpose", answers::conv_transpose<T>},
        {"conv_norm_activation", answers::conv_norm_activation<T>},
        {"batch_norm", answers::batch_norm<T>},
        {"layer_norm", answers::layer_norm<T, answers::LayerNorm>},
        {"rms_norm", answers::layer_norm<T, answers::RMSNorm>},
        {"group_norm", answers::group_norm<T>},
        {"local_response_norm", answers::local_response_norm<T>},
        {"lstm", answers::lstm<T>},
        {"gru", answers::gru<T>},
        {"causal_conv", answers::causal_conv<T>},
        {"embed", answers::embed<T>},
        {"linear", answers::linear<T>},
        {"pool", answers::pool<T>},
        {"adaptive_pool", answers::adaptive_pool<T>}};
    const auto found = layers.find(request.layer);
    if (found == layers.end()) {
        throw std::runtime_error("request: no layer " + request.layer);
    }
    found->second(request, answer);
}

}  // namespace nn::test
