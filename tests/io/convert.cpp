// SPDX-License-Identifier: MIT
// The table "Weights from other libraries" of README.md, row by row: a layer with converted arrays says what the other library's layer said
// (convert_*_expected.txt, by tests/reference/generate.py). Everything is in double. A test bears the name of its row.

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nn/io/convert.hpp>
#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tensors.hpp"

namespace {

using nn::Layout;
using nn::NamedArrays;
using nn::Tensor;
using nn::test::error_of;
using T1 = Tensor<double, 1>;

/// Arrays filled in the order in which tests/reference/golden/convert.py fills them.
class Arrays {
public:
    template <class... I>
    auto operator()(I... extents) {
        auto tensor = nn::make_tensor<double, sizeof...(I)>({static_cast<nn::index_t>(extents)...});
        fill_(tensor);
        return tensor;
    }

private:
    nn::test::CounterFill fill_;
};

/// What a layer of a library said: the arrays that came out of it, one after another.
class Said {
public:
    Said(const std::string& library, const std::string& layer)
        : line_(find(library, layer)), tolerance_(library == "keras" || library == "onnx" ? 1e-6 : 1e-11) {}  // reckon some of it in float

    template <class Y>
    void check(const Y& y) {
        const nn::test::GoldenLine::Array expected = line_.array();
        CHECK(nn::test::shape_of(y) == expected.shape);
        CHECK(nn::test::close(y, expected.values, tolerance_));
    }
    /// The same of an array whose other axes are 1 long.
    void check_vector(const T1& y) {
        const nn::test::GoldenLine::Array expected = line_.array();
        CHECK(nn::test::close(y, expected.values, tolerance_));
    }
    void end() { CHECK(line_.ended()); }

private:
    static nn::test::GoldenLine find(const std::string& library, const std::string& layer) {
        for (const std::string& line : nn::test::golden_lines("io/convert_" + library + "_expected.txt")) {
            if (line.starts_with(layer + " ")) {
                return nn::test::GoldenLine(line.substr(layer.size()));
            }
        }
        FAIL("no line for " + library + " " + layer);
        return nn::test::GoldenLine("");
    }

    nn::test::GoldenLine line_;
    double tolerance_;
};

template <class Y>
void check(const std::string& library, const std::string& layer, const Y& y) {
    Said said(library, layer);
    said.check(y);
    said.end();
}

/// A norm's weight and bias, in this order.
template <class Norm, class... I>
Norm with_affine(Norm norm, Arrays& arrays, I... extents) {
    norm.weight = arrays(extents...);
    if (norm.bias) {
        norm.bias = arrays(extents...);
    }
    return norm;
}

/// One step of training and then inference.
template <class Norm, class X>
void check_batch_norm(const std::string& library, const std::string& layer, const Norm& norm, const X& x) {
    auto state = norm.initial_state();
    Said said(library, layer);
    said.check(norm(x, state, nn::training()));
    said.check(state.running_mean);
    said.check(state.running_var);
    said.check(norm(x, state));
    said.end();
}

/// Puts each array where its name says; all must find a place, and all places one.
template <class Net>
Net with(Net net, const NamedArrays& arrays) {
    std::size_t placed = 0;
    nn::visit_parameters(net, [&](std::string_view name, auto& tensor) {
        const auto found = arrays.find(name);
        REQUIRE(found != arrays.end());
        REQUIRE(nn::test::shape_of(found->second) == nn::test::shape_of(tensor));
        tensor = found->second;
        ++placed;
    });
    CHECK(placed == arrays.size());
    return net;
}

/// The state dict of a torch LSTM (4 gates) or GRU (3), 3 -> 2.
NamedArrays torch_recurrent(Arrays& fill, nn::index_t gates, int layers, bool both_ways, bool bias = true) {
    NamedArrays arrays;
    for (int layer = 0; layer < layers; ++layer) {
        const nn::index_t inputs = layer == 0 ? 3 : both_ways ? 4 : 2;
        for (int direction = 0; direction <= static_cast<int>(both_ways); ++direction) {
            const std::string suffix = "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
            arrays["weight_ih" + suffix] = fill(gates * 2, inputs);
            arrays["weight_hh" + suffix] = fill(gates * 2, 2);
            if (bias) {
                arrays["bias_ih" + suffix] = fill(gates * 2);
                arrays["bias_hh" + suffix] = fill(gates * 2);
            }
        }
    }
    return arrays;
}

/// What a layer says whose x and y are (T, B, D).
Tensor<double, 3> time_first(const auto& layer, const Tensor<double, 3>& x) {
    const Tensor<double, 3> y = layer(xt::transpose(x, {1, 0, 2}));
    return xt::transpose(y, {1, 0, 2});
}

template <class L, class Options, class Convert>
void check_torch_stacks(const std::string& name, nn::index_t gates, const Convert& convert) {
    const auto layer = [](nn::index_t inputs, bool bias = true) {
        return L(Options{.input_size = inputs, .hidden_size = 2, .use_bias = bias}, nn::no_init);
    };
    const auto check_stack = [&](const std::string& suffix, int layers, bool both_ways, const auto& net, bool bias = true) {
        Arrays fill;
        const NamedArrays arrays = torch_recurrent(fill, gates, layers, both_ways, bias);
        check("torch", name + suffix, with(net, convert(arrays))(fill(2, 4, 3)));
    };
    check_stack("", 1, false, layer(3));
    check_stack("_no_bias", 1, false, layer(3, false), false);
    check_stack("_stack", 2, false, nn::Sequential(layer(3), layer(2)));
    check_stack("_bidirectional", 1, true, nn::Bidirectional(layer(3), layer(3)));
    check_stack("_stack_bidirectional", 2, true,
                nn::Sequential(nn::Bidirectional(layer(3), layer(3)), nn::Bidirectional(layer(4), layer(4))));
}

void check_adaptive_pools(const std::string& library, const nn::AdaptivePoolOptions<2>& options) {
    const auto x = options.layout == Layout::channels_first ? Arrays()(2, 2, 5, 4) : Arrays()(2, 5, 4, 2);
    check(library, "AdaptiveMaxPool2d", nn::AdaptiveMaxPool2d(options)(x));
    check(library, "AdaptiveAvgPool2d", nn::AdaptiveAvgPool2d(options)(x));
}

/// What is kept, in the end all of x, and inference. Which elements are kept at a time is up to each library's engine.
void check_dropout(const std::string& library, const nn::DropoutOptions& options) {
    const nn::Dropout dropout(options);
    const auto x = Arrays()(2, 6);
    Tensor<double, 2> kept = xt::zeros_like(x);
    std::mt19937 engine(0);
    for (int draw = 0; draw < 32; ++draw) {
        const Tensor<double, 2> y = dropout(x, nn::training(engine));
        kept = xt::where(xt::equal(y, 0.0), kept, y);
    }
    Said said(library, "Dropout");
    said.check(kept);
    said.check(dropout(x));
    said.end();
}

/// Every function but those that the library has not, with its defaults; those of gelu and leaky_relu are not the same everywhere.
/// Returns the numbers that they are asked of.
T1 check_activations(const std::string& library, const auto& gelu, const nn::LeakyRelu& leaky_relu,
                     const std::set<std::string>& absent = {}) {
    Arrays fill;
    const T1 x = 14 * fill(11);
    const auto rows = fill(2, 3, 4);
    const auto of = [&](const std::string& name, const auto& function, const auto& argument) {
        if (!absent.contains(name)) {
            CAPTURE(name);
            check(library, name, function(argument));
        }
    };
    of("relu", nn::relu, x);
    of("relu6", nn::relu6, x);
    of("leaky_relu", leaky_relu, x);
    of("elu", nn::elu, x);
    of("selu", nn::selu, x);
    of("gelu", gelu, x);
    of("gelu_tanh", nn::gelu_tanh, x);
    of("sigmoid", nn::sigmoid, x);
    of("log_sigmoid", nn::log_sigmoid, x);
    of("hard_sigmoid", nn::hard_sigmoid, x);
    of("tanh", nn::tanh, x);
    of("hard_tanh", nn::hard_tanh, x);
    of("silu", nn::silu, x);
    of("hard_silu", nn::hard_silu, x);
    of("softplus", nn::softplus, x);
    of("softsign", nn::softsign, x);
    of("mish", nn::mish, x);
    of("softmax", nn::softmax, rows);
    of("log_softmax", nn::log_softmax, rows);
    return x;
}

/// A brainstate mask of any shape, spread to that of a kernel.
Tensor<double, 4> spread(const auto& mask, const std::array<std::size_t, 4>& kernel) { return xt::broadcast(mask, kernel); }

const nn::ConvOptions<2> grouped_last{.in_channels = 4,
                                      .out_channels = 6,
                                      .kernel_size = {3, 2},
                                      .stride = {2, 1},
                                      .padding = nn::same,
                                      .dilation = {1, 2},
                                      .groups = 2,
                                      .layout = Layout::channels_last};
const nn::ConvOptions<2> dilated_last{.in_channels = 4,
                                      .out_channels = 6,
                                      .kernel_size = {3, 2},
                                      .padding = {{2, 1}, {1, 3}},
                                      .input_dilation = {2, 3},
                                      .layout = Layout::channels_last};
const nn::AdaptivePoolOptions<2> two_by_three{.output_size = {2, 3}};
const Tensor<int, 1> beyond{0, 4, -3, 7, -9};  // of a table of five: the last three are out of range

}  // namespace

TEST_CASE("convert: PyTorch Conv") {
    Arrays fill;
    const auto weight = fill(6, 2, 3, 2);
    const nn::ConvOptions<2> options{
        .in_channels = 4, .out_channels = 6, .kernel_size = {3, 2}, .stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2};
    const nn::Conv2d<double> conv(options, weight, fill(6));
    check("torch", "Conv2d", conv(fill(2, 4, 6, 5)));

    Arrays other;
    const auto kernel = other(3, 2, 3, 3);
    const nn::Conv2d<double> reflect(
        {.in_channels = 2, .out_channels = 3, .kernel_size = 3, .padding = 1, .padding_mode = nn::PaddingMode::reflect}, kernel, other(3));
    check("torch", "Conv2d_reflect", reflect(other(2, 2, 5, 4)));
}

TEST_CASE("convert: PyTorch ConvTranspose") {
    Arrays fill;
    const auto weight = nn::from_torch_transposed(fill(4, 3, 3, 2), 2);
    const nn::ConvTranspose2d<double> conv({.in_channels = 4,
                                            .out_channels = 6,
                                            .kernel_size = {3, 2},
                                            .stride = {2, 3},
                                            .padding = {1, 0},
                                            .output_padding = {1, 2},
                                            .dilation = {2, 1},
                                            .groups = 2},
                                           weight, fill(6));
    check("torch", "ConvTranspose2d", conv(fill(2, 4, 4, 3)));

    Arrays other;
    const auto kernel = nn::from_torch_transposed(other(3, 2, 4));
    const nn::ConvTranspose1d<double> up({.in_channels = 3, .out_channels = 2, .kernel_size = 4, .stride = 2, .padding = 1}, kernel,
                                         other(2));
    check("torch", "ConvTranspose1d", up(other(2, 3, 5)));

    Arrays beyond_stride;  // output_padding 2
    const auto taps = nn::from_torch_transposed(beyond_stride(3, 2, 3));
    const nn::ConvTranspose1d<double> longer(
        {.in_channels = 3, .out_channels = 2, .kernel_size = 3, .stride = 2, .padding = {{1, 1 - 2}}, .dilation = 3}, taps,
        beyond_stride(2));
    check("torch", "ConvTranspose1d_beyond", longer(beyond_stride(2, 3, 5)));
}

TEST_CASE("convert: PyTorch Linear") {
    Arrays fill;
    const auto weight = fill(4, 3);
    const nn::Linear<double> linear({.in_features = 3, .out_features = 4}, weight, fill(4));
    check("torch", "Linear", linear(fill(2, 3)));
}

TEST_CASE("convert: PyTorch Embedding") {
    Arrays fill;
    const nn::Embed<double> embed({.num_embeddings = 5, .embedding_size = 3}, fill(5, 3));
    check("torch", "Embedding", embed(Tensor<int, 2>{{0, 4}, {2, 2}}));
}

TEST_CASE("convert: PyTorch BatchNorm") {
    Arrays fill;
    const auto norm = with_affine(nn::BatchNorm2d<double>({.size = 3}), fill, 3);
    check_batch_norm("torch", "BatchNorm2d", norm, fill(2, 3, 4, 2));

    // BatchNorm1d of (N, C): that of images of one cell.
    Arrays again;
    const auto flat = with_affine(nn::BatchNorm0d<double>({.size = 3}), again, 3);
    const Tensor<double, 2> x = again(5, 3);
    auto images = nn::make_tensor<double, 4>({5, 3, 1, 1});
    std::copy(x.begin(), x.end(), images.begin());
    auto state = flat.initial_state();
    auto state_of_images = norm.initial_state();
    for (int call = 0; call < 2; ++call) {
        CHECK(nn::test::values_of(flat(x, state, nn::training())) == nn::test::values_of(norm(images, state_of_images, nn::training())));
        CHECK(nn::test::values_of(flat(x, state)) == nn::test::values_of(norm(images, state_of_images)));
    }
}

TEST_CASE("convert: PyTorch LayerNorm, GroupNorm") {
    Arrays fill;
    const auto layer = with_affine(nn::LayerNorm<double, 2>({.shape = {3, 4}}), fill, 3, 4);
    check("torch", "LayerNorm", layer(fill(2, 3, 4)));

    Arrays other;
    const auto group = with_affine(nn::GroupNorm<double, 1>({.groups = 2, .channels = 4}), other, 4);
    check("torch", "GroupNorm", group(other(2, 4, 3)));
}

TEST_CASE("convert: PyTorch RMSNorm") {
    const double eps = std::numeric_limits<double>::epsilon();
    Arrays fill;
    const auto norm = with_affine(nn::RMSNorm<double>({.shape = 3, .eps = eps}), fill, 3);
    const Tensor<double, 2> x = 1e-7 * fill(2, 3);  // so small that eps counts
    check("torch", "RMSNorm", norm(x));
}

TEST_CASE("convert: PyTorch LocalResponseNorm") {
    const auto x = Arrays()(2, 5, 3, 2);
    nn::LocalResponseNormOptions options{.size = 3, .alpha = 0.5, .beta = 0.6, .k = 1, .average = true};
    check("torch", "LocalResponseNorm", nn::LocalResponseNorm<double, 2>(options)(x));
    options.k = 1.5;
    check("torch", "LocalResponseNorm_k", nn::LocalResponseNorm<double, 2>(options)(x));
}

TEST_CASE("convert: PyTorch LSTM, LSTMCell") {
    check_torch_stacks<nn::LSTM<double>, nn::LSTMOptions>("LSTM", 4, nn::lstm_from_torch);

    Arrays other;
    const NamedArrays named = nn::lstm_from_torch(torch_recurrent(other, 4, 1, false));
    const auto lstm = with(nn::LSTM<double>({.input_size = 3, .hidden_size = 2}, nn::no_init), named);
    check("torch", "LSTM_time_first", time_first(lstm, other(4, 2, 3)));

    Arrays fill;
    const auto weight_ih = fill(8, 3);
    const auto weight_hh = fill(8, 2);
    const T1 bias_ih = fill(8);
    const auto arrays = nn::lstm_from_torch(weight_ih, weight_hh, bias_ih, fill(8));
    const nn::LSTMCell<double> cell({.input_size = 3, .hidden_size = 2}, arrays.weight_ih, arrays.weight_hh, arrays.bias);
    check("torch", "LSTMCell", cell(fill(4, 3)));
}

TEST_CASE("convert: PyTorch GRU, GRUCell") {
    check_torch_stacks<nn::GRU<double>, nn::GRUOptions>("GRU", 3, nn::gru_from_torch);

    Arrays other;
    const NamedArrays named = nn::gru_from_torch(torch_recurrent(other, 3, 1, false));
    const auto gru = with(nn::GRU<double>({.input_size = 3, .hidden_size = 2}, nn::no_init), named);
    check("torch", "GRU_time_first", time_first(gru, other(4, 2, 3)));

    Arrays fill;
    NamedArrays arrays{{"weight_ih", fill(6, 3)}};
    arrays["weight_hh"] = fill(6, 2);
    arrays["bias_ih"] = fill(6);
    arrays["bias_hh"] = fill(6);
    const auto cell = with(nn::GRUCell<double>({.input_size = 3, .hidden_size = 2}, nn::no_init), nn::gru_from_torch(arrays));
    check("torch", "GRUCell", cell(fill(4, 3)));
}

TEST_CASE("convert: PyTorch MaxPool, AvgPool") {
    const auto x = Arrays()(2, 2, 6, 5);
    check("torch", "MaxPool2d", nn::MaxPool2d({.window = 3, .stride = 2, .padding = 1, .ceil_mode = true})(x));
    check("torch", "AvgPool2d", nn::AvgPool2d({.window = 3, .stride = 2, .padding = 1, .count_padding = true})(x));
}

TEST_CASE("convert: PyTorch AdaptiveMaxPool, AdaptiveAvgPool") { check_adaptive_pools("torch", two_by_three); }

TEST_CASE("convert: PyTorch Dropout") { check_dropout("torch", {.rate = 0.25}); }

TEST_CASE("convert: PyTorch activations, softmax") { (void)check_activations("torch", nn::gelu, nn::leaky_relu); }

TEST_CASE("convert: JAX activations, softmax") { (void)check_activations("jax", nn::gelu_tanh, nn::leaky_relu); }

TEST_CASE("convert: Equinox Conv, ConvTranspose") {
    Arrays fill;
    const auto weight = fill(6, 2, 3, 2);
    const nn::ConvOptions<2> options{
        .in_channels = 4, .out_channels = 6, .kernel_size = {3, 2}, .stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2};
    const nn::Conv2d<double> conv(options, weight, nn::flattened(fill(6, 1, 1)));
    check("equinox", "Conv2d", conv(fill(2, 4, 6, 5)));

    Arrays other;
    const auto kernel = other(6, 2, 3, 2);
    const nn::ConvTranspose2d<double> transposed({.in_channels = 4,
                                                  .out_channels = 6,
                                                  .kernel_size = {3, 2},
                                                  .stride = {2, 3},
                                                  .padding = {1, 0},
                                                  .output_padding = {1, 2},
                                                  .dilation = {2, 1},
                                                  .groups = 2},
                                                 kernel, nn::flattened(other(6, 1, 1)));
    check("equinox", "ConvTranspose2d", transposed(other(2, 4, 4, 3)));
}

TEST_CASE("convert: Equinox Linear, Embedding") {
    Arrays fill;
    const auto weight = fill(4, 3);
    const nn::Linear<double> linear({.in_features = 3, .out_features = 4}, weight, fill(4));
    check("equinox", "Linear", linear(fill(2, 3)));
    const nn::Embed<double> embed({.num_embeddings = 5, .embedding_size = 3, .out_of_range = nn::OutOfRange::jax}, Arrays()(5, 3));
    check("equinox", "Embedding", embed(beyond));
}

TEST_CASE("convert: Equinox LSTMCell, GRUCell") {
    Arrays fill;
    const auto weight_ih = fill(8, 3);
    const auto weight_hh = fill(8, 2);
    const nn::LSTM<double> lstm({.input_size = 3, .hidden_size = 2}, weight_ih, weight_hh, fill(8));
    check("equinox", "LSTMCell", lstm(fill(4, 3)));

    Arrays other;
    const auto gru_ih = other(6, 3);
    const auto gru_hh = other(6, 2);
    const auto bias = other(6);
    const nn::GRU<double> gru({.input_size = 3, .hidden_size = 2}, gru_ih, gru_hh, bias, other(2));
    check("equinox", "GRUCell", gru(other(4, 3)));
}

TEST_CASE("convert: Equinox BatchNorm, mode batch") {
    Arrays fill;
    const double momentum = 0.99;
    const auto norm = with_affine(
        nn::BatchNorm1d<double>({.size = 3, .momentum = nn::momentum_from_old(momentum), .unbiased_running_var = false}), fill, 3);
    auto state = norm.initial_state();
    (void)norm(fill(2, 3, 4), state, nn::training());
    const auto x = fill(2, 3, 4);
    Said said("equinox", "BatchNorm_batch");
    said.check(norm(x, state, nn::training()));
    said.check(state.running_mean);
    said.check(state.running_var);
    const double part = 1 - momentum * momentum;  // of two steps
    said.check(norm(x, {state.running_mean / part, state.running_var / part}));
    said.end();
}

TEST_CASE("convert: Equinox BatchNorm, mode ema") {
    // Its training normalises by the running statistics: inference and what a step leaves behind are equal.
    Arrays fill;
    const auto norm =
        with_affine(nn::BatchNorm1d<double>({.size = 3, .momentum = nn::momentum_from_old(0.99), .unbiased_running_var = false}), fill, 3);
    nn::BatchNormState<double> state{fill(3), fill(3)};
    for (double& variance : state.running_var) {
        variance += 1;
    }
    const auto x = fill(2, 3, 4);
    Said said("equinox", "BatchNorm_ema");
    said.check(norm(x, state));
    (void)norm(x, state, nn::training());
    said.check(state.running_mean);
    said.check(state.running_var);
    said.end();
}

TEST_CASE("convert: Equinox LayerNorm, GroupNorm") {
    Arrays fill;
    const auto layer = with_affine(nn::LayerNorm<double, 2>({.shape = {3, 4}}), fill, 3, 4);
    check("equinox", "LayerNorm", layer(fill(2, 3, 4)));

    Arrays other;
    const auto group = with_affine(nn::GroupNorm<double, 1>({.groups = 2, .channels = 4}), other, 4);
    check("equinox", "GroupNorm", group(other(2, 4, 3)));
}

TEST_CASE("convert: Equinox RMSNorm") {
    Arrays fill;
    const auto norm = with_affine(nn::RMSNorm<double, 2>({.shape = {3, 4}, .use_bias = true}), fill, 3, 4);
    check("equinox", "RMSNorm", norm(fill(2, 3, 4)));
}

TEST_CASE("convert: Equinox MaxPool, AvgPool") {
    const auto x = Arrays()(2, 2, 6, 5);
    check("equinox", "AvgPool2d", nn::AvgPool2d({.window = 3, .stride = 2, .padding = 1, .count_padding = true})(x));
    check("equinox", "MaxPool2d", nn::MaxPool2d({.window = 3, .stride = 1})(x));
    // Along the first axis 6 + 1 + 1 - 3 is odd.
    const nn::PoolOptions<2> use_ceil{.window = 3, .stride = 2, .padding = {{1, 1 + 2}, {1, 1}}, .count_padding = true};
    check("equinox", "AvgPool2d_use_ceil", nn::AvgPool2d(use_ceil)(x));
    check("equinox", "MaxPool2d_use_ceil", nn::MaxPool2d(use_ceil)(x));
}

TEST_CASE("convert: Equinox AdaptiveMaxPool, AdaptiveAvgPool") {
    auto options = two_by_three;
    options.windows = nn::AdaptiveWindows::equinox;
    check_adaptive_pools("equinox", options);
}

TEST_CASE("convert: Equinox Dropout") { check_dropout("equinox", {.rate = 0.25}); }

TEST_CASE("convert: noxton ConvNormActivation") {
    Arrays fill;
    auto block = nn::conv_norm_activation<double, 2>(
        {.in_channels = 4, .out_channels = 6, .kernel_size = {3, 2}, .stride = {1, 2}, .dilation = {2, 1}, .groups = 2},
        nn::BatchNorm2d<double>({.size = 6}), nn::silu, nn::no_init);
    block.conv.weight = fill(6, 2, 3, 2);
    block.norm = with_affine(block.norm, fill, 6);
    auto state = block.initial_state();
    Said said("noxton", "ConvNormActivation");
    said.check(block(fill(2, 4, 5, 5), state, nn::training()));
    said.check(state.norm.running_mean);
    said.check(state.norm.running_var);
    said.end();

    Arrays other;
    auto plain = nn::conv_norm_activation<double, 1>({.in_channels = 2, .out_channels = 3}, nn::identity, nn::relu, nn::no_init);
    plain.conv.weight = other(3, 2, 3);
    plain.conv.bias = nn::flattened(other(3, 1));
    check("noxton", "ConvNormActivation_no_norm", plain(other(2, 2, 5)));
}

TEST_CASE("convert: noxton BatchNorm, LayerNorm") {
    Arrays fill;
    const auto norm = with_affine(nn::BatchNorm1d<double>({.size = 3}), fill, 3);
    check_batch_norm("noxton", "BatchNorm", norm, fill(2, 3, 4));

    Arrays other;
    const auto layer = with_affine(nn::LayerNorm<double, 2>({.shape = {3, 4}}), other, 3, 4);
    check("noxton", "LayerNorm", layer(other(2, 3, 4)));
}

TEST_CASE("convert: noxton LocalResponseNormalization") {
    const auto x = Arrays()(2, 5, 3, 2);
    check("noxton", "LocalResponseNormalization", nn::LocalResponseNorm<double, 2>()(x));
    const nn::LocalResponseNorm<double, 2> norm({.size = 4, .alpha = 0.5, .beta = 0.6, .k = 1.5});
    check("noxton", "LocalResponseNormalization_n", norm(x));
}

TEST_CASE("convert: noxton CausalConv1d") {
    const auto check_conv = [](const std::string& name, const nn::CausalConv1dOptions& options) {
        Arrays fill;
        const auto weight = fill(3, 3 / options.groups, 4);
        const nn::CausalConv1d<double> conv(options, weight, nn::flattened(fill(3, 1)));
        const auto x = fill(6, 3);
        const auto conv_state = fill(3, 3);
        auto state = conv.initial_state(1);
        xt::view(state.history, 0) = xt::transpose(conv_state);
        Said said("noxton", name);
        said.check(conv(x));
        said.check(conv(x, state));
        said.end();
        if (options.groups == 3) {
            const auto step_state = fill(4, 3);
            const Tensor<double, 2> last = xt::view(step_state, xt::range(1, 4));
            xt::view(state.history, 0) = xt::transpose(last);
            Said step("noxton", name + "_step");
            step.check(conv(Tensor<double, 2>(xt::view(x, xt::range(0, 1))), state));
            const Tensor<double, 2> history = xt::view(state.history, 0);
            step.check(Tensor<double, 2>(xt::transpose(history)));
            step.end();
        }
    };
    check_conv("CausalConv1d", {.in_channels = 3, .out_channels = 3, .kernel_size = 4, .groups = 3});
    check_conv("CausalConv1d_channel_mixing", {.in_channels = 3, .out_channels = 3, .kernel_size = 4, .groups = 1});
}

TEST_CASE("convert: blox Conv") {
    Arrays fill;
    const auto weight = nn::from_hwio(fill(3, 2, 2, 6));
    const nn::Conv2d<double> conv(grouped_last, weight, fill(6));
    check("blox", "Conv", conv(fill(2, 6, 5, 4)));

    Arrays other;
    const auto kernel = nn::from_hwio(other(3, 2, 4, 6));
    const nn::Conv2d<double> dilated(dilated_last, kernel, other(6));
    check("blox", "Conv_input_dilation", dilated(other(2, 3, 4, 4)));
}

TEST_CASE("convert: blox ConvTranspose") {
    Arrays fill;
    const auto weight = nn::from_lax_transposed(fill(3, 2, 6, 4));
    const nn::ConvTranspose2d<double> conv({.in_channels = 4,
                                            .out_channels = 6,
                                            .kernel_size = {3, 2},
                                            .stride = {2, 3},
                                            .padding = nn::same,
                                            .padding_convention = nn::TransposePadding::lax,
                                            .layout = Layout::channels_last},
                                           weight, fill(6));
    check("blox", "ConvTranspose", conv(fill(2, 4, 3, 4)));

    Arrays other;
    const auto kernel = nn::from_lax_transposed(other(3, 2, 3));
    const nn::ConvTranspose1d<double> padded({.in_channels = 3,
                                              .out_channels = 2,
                                              .kernel_size = 3,
                                              .stride = 2,
                                              .padding = {{1, 2}},
                                              .padding_convention = nn::TransposePadding::lax,
                                              .layout = Layout::channels_last},
                                             kernel, other(2));
    check("blox", "ConvTranspose_pads", padded(other(2, 4, 3)));
}

TEST_CASE("convert: blox Linear") {
    Arrays fill;
    const auto weight = nn::from_in_out(fill(3, 4));
    const nn::Linear<double> linear({.in_features = 3, .out_features = 4}, weight, fill(4));
    check("blox", "Linear", linear(fill(2, 3)));
}

TEST_CASE("convert: blox Embed") {
    Arrays fill;
    const nn::Embed<double> embed({.num_embeddings = 5, .embedding_size = 3, .out_of_range = nn::OutOfRange::jax}, fill(5, 3));
    Said said("blox", "Embed");
    said.check(embed(beyond));
    said.check(embed.attend(fill(2, 3)));
    said.end();
}

TEST_CASE("convert: blox LSTM") {
    Arrays fill;
    const auto kernel = fill(5, 8);
    const auto arrays = nn::lstm_from_blox(kernel, fill(8));
    const nn::LSTM<double> lstm({.input_size = 3, .hidden_size = 2}, arrays.weight_ih, arrays.weight_hh, arrays.bias);
    check("blox", "LSTM", lstm(fill(2, 4, 3)));
}

TEST_CASE("convert: blox GRU") {
    Arrays fill;
    const auto gates = fill(5, 4);
    const auto bias = fill(4);
    const auto candidate = fill(5, 2);
    const auto arrays = nn::gru_from_blox(gates, bias, candidate, fill(2));
    const nn::GRU<double> gru({.input_size = 3, .hidden_size = 2, .reset = nn::GRUReset::before}, arrays.weight_ih, arrays.weight_hh,
                              arrays.bias);
    check("blox", "GRU", gru(fill(2, 4, 3)));
}

TEST_CASE("convert: blox BatchNorm") {
    Arrays fill;
    const auto norm = with_affine(
        nn::BatchNorm1d<double>(
            {.size = 4, .momentum = nn::momentum_from_old(0.9), .unbiased_running_var = false, .layout = Layout::channels_last}),
        fill, 4);
    check_batch_norm("blox", "BatchNorm", norm, fill(2, 3, 4));
}

TEST_CASE("convert: blox LayerNorm, RMSNorm") {
    Arrays fill;
    check("blox", "LayerNorm", with_affine(nn::LayerNorm<double>({.shape = 4}), fill, 4)(fill(2, 4)));
    Arrays other;
    check("blox", "RMSNorm", with_affine(nn::RMSNorm<double>({.shape = 4}), other, 4)(other(2, 4)));
}

TEST_CASE("convert: blox max_pool, min_pool, avg_pool") {
    const auto x = Arrays()(2, 6, 5, 2);
    const nn::PoolOptions<2> same{.window = 3, .stride = 2, .padding = nn::same, .layout = Layout::channels_last};
    const nn::PoolOptions<2> valid{.window = {3, 2}, .layout = Layout::channels_last};
    for (const auto& [options, suffix] : {std::pair(same, ""), std::pair(valid, "_strides_of_the_window")}) {
        const std::string of = suffix;
        check("blox", "max_pool" + of, nn::MaxPool2d(options)(x));
        check("blox", "min_pool" + of, nn::MinPool2d(options)(x));
        check("blox", "avg_pool" + of, nn::AvgPool2d(options)(x));
    }
}

TEST_CASE("convert: blox Dropout") { check_dropout("blox", {.rate = 0.25}); }

TEST_CASE("convert: brainstate Conv") {
    for (const auto layout : {Layout::channels_last, Layout::channels_first}) {
        const bool last = layout == Layout::channels_last;
        Arrays fill;
        const auto weight = nn::from_hwio(fill(3, 2, 2, 6));
        auto options = grouped_last;
        options.layout = layout;
        const T1 bias = last ? nn::flattened(fill(1, 1, 6)) : nn::flattened(fill(6, 1, 1));
        const nn::Conv2d<double> conv(options, weight, bias);
        check("brainstate", last ? "Conv2d" : "Conv2d_channel_first", conv(last ? fill(2, 6, 5, 4) : fill(2, 4, 6, 5)));
    }

    Arrays fill;
    auto options = dilated_last;
    options.use_bias = false;
    nn::Conv2d<double> dilated(options, nn::from_hwio(fill(3, 2, 4, 6)));
    dilated.weight_mask = nn::from_hwio(fill(3, 2, 4, 6));
    check("brainstate", "Conv2d_lhs_dilation_w_mask", dilated(fill(2, 3, 4, 4)));

    options = {
        .in_channels = 4, .out_channels = 6, .kernel_size = {3, 2}, .padding = nn::same, .use_bias = false, .layout = options.layout};
    Arrays channels;
    nn::Conv2d<double> of_channels(options, nn::from_hwio(channels(3, 2, 4, 6)));
    of_channels.weight_mask = nn::from_hwio(spread(channels(4, 1), {3, 2, 4, 6}));
    check("brainstate", "Conv2d_w_mask_of_channels", of_channels(channels(2, 5, 4, 4)));
    Arrays one;
    nn::Conv2d<double> scaled(options, nn::from_hwio(one(3, 2, 4, 6)));
    scaled.weight_mask = nn::from_hwio(spread(one(1), {3, 2, 4, 6}));
    check("brainstate", "Conv2d_w_mask_scalar", scaled(one(2, 5, 4, 4)));
}

TEST_CASE("convert: brainstate ConvTranspose") {
    Arrays fill;
    const auto weight = nn::from_lax_transposed(fill(3, 2, 6, 2));
    const nn::ConvTranspose2d<double> conv({.in_channels = 4,
                                            .out_channels = 6,
                                            .kernel_size = {3, 2},
                                            .stride = {2, 3},
                                            .padding = nn::same,
                                            .groups = 2,
                                            .padding_convention = nn::TransposePadding::lax,
                                            .flip_kernel = true,
                                            .layout = Layout::channels_last},
                                           weight, nn::flattened(fill(1, 1, 6)));
    check("brainstate", "ConvTranspose2d", conv(fill(2, 4, 3, 4)));

    Arrays other;
    nn::ConvTranspose2d<double> masked({.in_channels = 4,
                                        .out_channels = 6,
                                        .kernel_size = {3, 2},
                                        .padding = nn::same,
                                        .use_bias = false,
                                        .padding_convention = nn::TransposePadding::lax,
                                        .flip_kernel = true,
                                        .layout = Layout::channels_last},
                                       nn::from_lax_transposed(other(3, 2, 6, 4)));
    masked.weight_mask = nn::from_lax_transposed(other(3, 2, 6, 4));
    check("brainstate", "ConvTranspose2d_w_mask", masked(other(2, 4, 3, 4)));
}

TEST_CASE("convert: brainstate Linear") {
    Arrays fill;
    const auto weight = nn::from_in_out(fill(3, 4));
    const nn::Linear<double> linear({.in_features = 3, .out_features = 4}, weight, fill(4));
    check("brainstate", "Linear", linear(fill(2, 3)));

    Arrays other;
    const auto kernel = other(3, 4);
    const T1 bias = other(4);
    const nn::Linear<double> masked({.in_features = 3, .out_features = 4}, nn::from_in_out(kernel * other(3, 4)), bias);
    check("brainstate", "Linear_w_mask", masked(other(2, 3)));
}

TEST_CASE("convert: brainstate Embedding") {
    const nn::Embed<double> embed({.num_embeddings = 5, .embedding_size = 3, .out_of_range = nn::OutOfRange::jax}, Arrays()(5, 3));
    check("brainstate", "Embedding", embed(beyond));
}

TEST_CASE("convert: brainstate LSTMCell") {
    Arrays fill;
    const auto weight = fill(5, 8);
    const auto arrays = nn::lstm_from_brainstate(weight, fill(8));
    const nn::LSTM<double> lstm({.input_size = 3, .hidden_size = 2, .forget_bias = 1}, arrays.weight_ih, arrays.weight_hh, arrays.bias);
    check("brainstate", "LSTMCell", lstm(fill(2, 4, 3)));
}

TEST_CASE("convert: brainstate GRUCell") {
    Arrays fill;
    const auto gates = fill(5, 4);
    const auto bias = fill(4);
    const auto candidate = fill(5, 2);
    const auto arrays = nn::gru_from_brainstate(gates, bias, candidate, fill(2));
    const nn::GRU<double> gru({.input_size = 3, .hidden_size = 2, .reset = nn::GRUReset::before}, arrays.weight_ih, arrays.weight_hh,
                              arrays.bias);
    check("brainstate", "GRUCell", gru(fill(2, 4, 3)));
}

TEST_CASE("convert: brainstate BatchNorm") {
    Arrays fill;
    nn::BatchNorm2d<double> norm(
        {.size = 4, .momentum = nn::momentum_from_old(0.99), .unbiased_running_var = false, .layout = Layout::channels_last});
    norm.weight = nn::flattened(fill(1, 1, 4));
    norm.bias = nn::flattened(fill(1, 1, 4));
    const auto x = fill(2, 3, 2, 4);
    auto state = norm.initial_state();
    Said said("brainstate", "BatchNorm2d");
    said.check(norm(x, state, nn::training()));
    said.check_vector(state.running_mean);
    said.check_vector(state.running_var);
    said.check(norm(x, state));
    said.end();
}

TEST_CASE("convert: brainstate LayerNorm, RMSNorm") {
    Arrays fill;
    check("brainstate", "LayerNorm", with_affine(nn::LayerNorm<double>({.shape = 4, .eps = 1e-6}), fill, 4)(fill(2, 4)));
    Arrays other;
    check("brainstate", "RMSNorm", with_affine(nn::RMSNorm<double>({.shape = 4, .eps = 1e-6}), other, 4)(other(2, 4)));
}

TEST_CASE("convert: brainstate GroupNorm") {
    Arrays fill;
    const auto norm =
        with_affine(nn::GroupNorm<double, 1>({.groups = 32, .channels = 64, .eps = 1e-6, .layout = Layout::channels_last}), fill, 64);
    check("brainstate", "GroupNorm", norm(fill(1, 2, 64)));
}

TEST_CASE("convert: brainstate MaxPool, AvgPool") {
    const auto x = Arrays()(2, 6, 5, 2);
    check("brainstate", "MaxPool2d", nn::MaxPool2d({.window = 3, .padding = 1, .layout = Layout::channels_last})(x));
    check("brainstate", "AvgPool2d", nn::AvgPool2d({.window = 3, .stride = 1, .padding = 1, .layout = Layout::channels_last})(x));
    check("brainstate", "AvgPool2d_channel_axis", nn::AvgPool2d({.window = 3, .stride = 2})(Arrays()(2, 2, 6, 5)));
}

TEST_CASE("convert: brainstate AdaptiveMaxPool, AdaptiveAvgPool") {
    auto options = two_by_three;
    options.windows = nn::AdaptiveWindows::equinox;
    options.layout = Layout::channels_last;
    check_adaptive_pools("brainstate", options);
}

TEST_CASE("convert: brainstate Dropout") {
    const double prob = 0.75;
    check_dropout("brainstate", {.rate = 1 - prob});
}

TEST_CASE("convert: brainstate activations, softmax") {
    const T1 x = check_activations("brainstate", nn::gelu_tanh, nn::leaky_relu);
    check("brainstate", "gelu_of_layers", nn::gelu(x));
}

TEST_CASE("convert: Keras Conv") {
    Arrays fill;
    auto options = grouped_last;
    options.dilation = 1;
    const auto weight = nn::from_hwio(fill(3, 2, 2, 6));
    const nn::Conv2d<double> conv(options, weight, fill(6));
    check("keras", "Conv2D", conv(fill(2, 6, 5, 4)));
}

TEST_CASE("convert: Keras Dense") {
    Arrays fill;
    const auto weight = nn::from_in_out(fill(3, 4));
    const nn::Linear<double> linear({.in_features = 3, .out_features = 4}, weight, fill(4));
    check("keras", "Dense", linear(fill(2, 3)));
}

TEST_CASE("convert: Keras LSTM") {
    Arrays fill;
    const auto kernel = fill(3, 8);
    const auto recurrent = fill(2, 8);
    const auto arrays = nn::lstm_from_keras(kernel, recurrent, fill(8));
    const nn::LSTM<double> lstm({.input_size = 3, .hidden_size = 2}, arrays.weight_ih, arrays.weight_hh, arrays.bias);
    check("keras", "LSTM", lstm(fill(2, 4, 3)));
}

TEST_CASE("convert: Keras GRU") {
    for (const auto reset : {nn::GRUReset::after, nn::GRUReset::before}) {
        Arrays fill;
        NamedArrays arrays{{"kernel", fill(3, 6)}};
        arrays["recurrent_kernel"] = fill(2, 6);
        if (reset == nn::GRUReset::after) {
            arrays["bias"] = fill(2, 6);
        } else {
            arrays["bias"] = fill(6);
        }
        const auto gru =
            with(nn::GRU<double>({.input_size = 3, .hidden_size = 2, .reset = reset}, nn::no_init), nn::gru_from_keras(arrays));
        check("keras", reset == nn::GRUReset::after ? "GRU" : "GRU_reset_before", gru(fill(2, 4, 3)));
    }
}

TEST_CASE("convert: Keras BatchNormalization") {
    Arrays fill;
    const auto norm = with_affine(nn::BatchNorm1d<double>({.size = 4,
                                                           .eps = 1e-3,
                                                           .momentum = nn::momentum_from_old(0.99),
                                                           .unbiased_running_var = false,
                                                           .layout = Layout::channels_last}),
                                  fill, 4);
    check_batch_norm("keras", "BatchNormalization", norm, fill(2, 3, 4));
}

TEST_CASE("convert: Keras LayerNormalization") {
    Arrays fill;
    check("keras", "LayerNormalization", with_affine(nn::LayerNorm<double>({.shape = 4, .eps = 1e-3}), fill, 4)(fill(2, 4)));
}

TEST_CASE("convert: Keras ConvTranspose") {
    for (const auto rule : {nn::same, nn::valid}) {
        Arrays fill;
        const auto weight = nn::from_lax_transposed(fill(3, 2, 6, 4));
        const nn::ConvTranspose2d<double> conv({.in_channels = 4,
                                                .out_channels = 6,
                                                .kernel_size = {3, 2},
                                                .stride = {2, 3},
                                                .padding = rule,
                                                .padding_convention = nn::TransposePadding::lax,
                                                .flip_kernel = true,
                                                .layout = Layout::channels_last},
                                               weight, fill(6));
        check("keras", rule == nn::same ? "Conv2DTranspose" : "Conv2DTranspose_valid", conv(fill(2, 4, 3, 4)));
    }
}

TEST_CASE("convert: Keras Embedding") {
    const nn::Embed<double> embed({.num_embeddings = 5, .embedding_size = 3}, Arrays()(5, 3));
    check("keras", "Embedding", embed(Tensor<int, 1>{0, 4, 2, 2}));
}

TEST_CASE("convert: Keras GroupNormalization") {
    Arrays fill;
    const auto norm =
        with_affine(nn::GroupNorm<double, 1>({.groups = 32, .channels = 64, .eps = 1e-3, .layout = Layout::channels_last}), fill, 64);
    check("keras", "GroupNormalization", norm(fill(1, 2, 64)));
}

TEST_CASE("convert: Keras RMSNormalization") {
    Arrays fill;
    check("keras", "RMSNormalization", with_affine(nn::RMSNorm<double>({.shape = 4, .eps = 1e-6}), fill, 4)(fill(2, 4)));
}

TEST_CASE("convert: Keras MaxPooling, AveragePooling") {
    const auto x = Arrays()(2, 6, 5, 2);
    for (const auto& [rule, suffix] : {std::pair(nn::same, "same"), std::pair(nn::valid, "valid")}) {
        const nn::PoolOptions<2> options{.window = 3, .padding = rule, .layout = Layout::channels_last};
        check("keras", std::string("MaxPooling2D_") + suffix, nn::MaxPool2d(options)(x));
        check("keras", std::string("AveragePooling2D_") + suffix, nn::AvgPool2d(options)(x));
    }
}

TEST_CASE("convert: Keras AdaptiveMaxPooling, AdaptiveAveragePooling") {
    auto options = two_by_three;
    options.layout = Layout::channels_last;
    check_adaptive_pools("keras", options);
}

TEST_CASE("convert: Keras Dropout") { check_dropout("keras", {.rate = 0.25}); }

TEST_CASE("convert: Keras activations, softmax") {
    const T1 x = check_activations("keras", nn::gelu, nn::LeakyRelu{{.negative_slope = 0.2}});
    check("keras", "leaky_relu_of_layers", nn::LeakyRelu{{.negative_slope = 0.3}}(x));
}

TEST_CASE("convert: ONNX Conv") {
    Arrays fill;
    const auto weight = fill(6, 2, 3, 2);
    const nn::Conv2d<double> conv({.in_channels = 4,
                                   .out_channels = 6,
                                   .kernel_size = {3, 2},
                                   .stride = {2, 1},
                                   .padding = {{1, 0}, {2, 1}},
                                   .dilation = {1, 2},
                                   .groups = 2},
                                  weight, fill(6));
    check("onnx", "Conv", conv(fill(2, 4, 6, 5)));
    for (const auto& [rule, name] : {std::pair(nn::same, "Conv_same_upper"), std::pair(nn::same_lower, "Conv_same_lower")}) {
        Arrays other;
        const nn::Conv1d<double> same(
            {.in_channels = 2, .out_channels = 3, .kernel_size = 4, .stride = 2, .padding = rule, .use_bias = false}, other(3, 2, 4));
        check("onnx", name, same(other(2, 2, 7)));
    }
}

TEST_CASE("convert: ONNX ConvTranspose") {
    Arrays fill;
    const auto weight = nn::from_torch_transposed(fill(4, 6, 3, 2));
    const nn::ConvTranspose2d<double> conv({.in_channels = 4,
                                            .out_channels = 6,
                                            .kernel_size = {3, 2},
                                            .stride = {2, 3},
                                            .padding = {{1, 0}, {0, 1}},
                                            .output_padding = {1, 2}},
                                           weight, fill(6));
    check("onnx", "ConvTranspose", conv(fill(2, 4, 4, 3)));
}

TEST_CASE("convert: ONNX Gemm") {
    Arrays fill;
    const auto weight = nn::from_in_out(fill(3, 4));
    const nn::Linear<double> linear({.in_features = 3, .out_features = 4}, weight, fill(4));
    check("onnx", "Gemm", linear(fill(2, 3)));
}

TEST_CASE("convert: ONNX Gather") {
    const nn::Embed<double> embed({.num_embeddings = 5, .embedding_size = 3, .out_of_range = nn::OutOfRange::jax}, Arrays()(5, 3));
    check("onnx", "Gather", embed(Tensor<int, 1>{0, 4, -3, 2}));
}

TEST_CASE("convert: ONNX BatchNormalization") {
    Arrays fill;
    const auto norm =
        with_affine(nn::BatchNorm1d<double>({.size = 4, .momentum = nn::momentum_from_old(0.9), .unbiased_running_var = false}), fill, 4);
    check_batch_norm("onnx", "BatchNormalization", norm, fill(2, 4, 3));
}

TEST_CASE("convert: ONNX LayerNormalization, RMSNormalization") {
    Arrays fill;
    check("onnx", "LayerNormalization", with_affine(nn::LayerNorm<double>({.shape = 4}), fill, 4)(fill(2, 3, 4)));
    Arrays other;
    check("onnx", "RMSNormalization", with_affine(nn::RMSNorm<double>({.shape = 4}), other, 4)(other(2, 3, 4)));
}

TEST_CASE("convert: ONNX GroupNormalization, InstanceNormalization") {
    for (const nn::index_t groups : {2, 4}) {
        Arrays fill;
        const auto norm = with_affine(nn::GroupNorm<double, 1>({.groups = groups, .channels = 4}), fill, 4);
        check("onnx", groups == 2 ? "GroupNormalization" : "InstanceNormalization", norm(fill(2, 4, 3)));
    }
}

TEST_CASE("convert: ONNX LRN") {
    const auto x = Arrays()(4, 4, 3, 2);
    check("onnx", "LRN", nn::LocalResponseNorm<double, 2>({.size = 3, .k = 1, .average = true})(x));
    check("onnx", "LRN_alpha", nn::LocalResponseNorm<double, 2>({.size = 3, .alpha = 0.5, .beta = 0.625, .k = 1.5, .average = true})(x));
}

TEST_CASE("convert: ONNX LSTM") {
    const auto layer = [] { return nn::LSTM<double>({.input_size = 3, .hidden_size = 2}, nn::no_init); };
    Arrays fill;
    const auto w = fill(1, 8, 3);
    const auto r = fill(1, 8, 2);
    const auto arrays = nn::lstm_from_onnx(w, r, fill(1, 16));
    const nn::LSTM<double> lstm({.input_size = 3, .hidden_size = 2}, arrays.weight_ih, arrays.weight_hh, arrays.bias);
    check("onnx", "LSTM", time_first(lstm, fill(4, 2, 3)));

    Arrays both;
    NamedArrays named{{"W", both(2, 8, 3)}};
    named["R"] = both(2, 8, 2);
    named["B"] = both(2, 16);
    const auto bidirectional = with(nn::Bidirectional(layer(), layer()), nn::lstm_from_onnx(named));
    check("onnx", "LSTM_bidirectional", time_first(bidirectional, both(4, 2, 3)));
}

TEST_CASE("convert: ONNX GRU") {
    const auto layer = [](nn::GRUReset reset) { return nn::GRU<double>({.input_size = 3, .hidden_size = 2, .reset = reset}, nn::no_init); };
    const auto arrays = [](Arrays& fill, nn::index_t directions) {
        NamedArrays named{{"W", fill(directions, 6, 3)}};
        named["R"] = fill(directions, 6, 2);
        named["B"] = fill(directions, 12);
        return named;
    };
    Arrays fill;
    const auto before = with(layer(nn::GRUReset::before), nn::gru_from_onnx(arrays(fill, 1)));
    check("onnx", "GRU", time_first(before, fill(4, 2, 3)));
    Arrays both;
    const auto bidirectional =
        with(nn::Bidirectional(layer(nn::GRUReset::before), layer(nn::GRUReset::before)), nn::gru_from_onnx(arrays(both, 2)));
    check("onnx", "GRU_bidirectional", time_first(bidirectional, both(4, 2, 3)));
    Arrays linear;
    const auto w = linear(1, 6, 3);
    const auto r = linear(1, 6, 2);
    const auto of = nn::gru_from_onnx_linear_before_reset(w, r, linear(1, 12));
    const nn::GRU<double> gru({.input_size = 3, .hidden_size = 2, .reset = nn::GRUReset::after}, of.weight_ih, of.weight_hh, of.bias,
                              of.bias_n);
    check("onnx", "GRU_linear_before_reset", time_first(gru, linear(4, 2, 3)));
}

TEST_CASE("convert: ONNX MaxPool, AveragePool") {
    const auto x = Arrays()(2, 2, 6, 5);
    const nn::PoolOptions<2> options{.window = 3, .stride = 1, .padding = 1};
    check("onnx", "MaxPool", nn::MaxPool2d(options)(x));
    check("onnx", "AveragePool", nn::AvgPool2d(options)(x));
    auto counted = options;
    counted.count_padding = true;
    check("onnx", "AveragePool_count_include_pad", nn::AvgPool2d(counted)(x));
}

TEST_CASE("convert: ONNX DepthToSpace, mode CRD") {
    check("onnx", "DepthToSpace", nn::PixelShuffle2d({.upscale_factor = 2})(Arrays()(2, 8, 3, 2)));
}

TEST_CASE("convert: ONNX Dropout") { check_dropout("onnx", {.rate = 0.25}); }

TEST_CASE("convert: ONNX activations, Softmax") {
    const T1 x = check_activations("onnx", nn::gelu, nn::leaky_relu, {"relu6", "log_sigmoid", "hard_sigmoid", "hard_tanh", "silu"});
    check("onnx", "hard_sigmoid", nn::hard_sigmoid(1.2 * x));
}
