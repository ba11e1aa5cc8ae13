// SPDX-License-Identifier: MIT
// What holds for every layer alike, of every scalar type: one table of layers, and the checks that each row goes through.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/stateless.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace {

using nn::Layout;
using nn::PaddingMode;
using nn::Shape;
using nn::Tensor;
using nn::test::Arrangement;
using nn::test::Attend;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Inference;
using nn::test::Random;
using nn::test::same_bits;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::Trained;
using nn::test::values_of;

constexpr Layout last = Layout::channels_last;

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
                                        .layout = last},
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
                                     .layout = last},
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
    batch_norm(filled(nn::BatchNorm1d<T>({.size = 3, .unbiased_running_var = false, .layout = last})), Shape<4>{2, 3, 2, 3}, {0, 1, 2});
    batch_norm(nn::BatchNorm2d<T>({.size = 3, .use_weight = false, .use_bias = false}), Shape<4>{6, 3, 4, 2}, {0, 2, 3});
    batch_norm(filled(nn::BatchNorm3d<T>({.size = 3})), Shape<5>{6, 3, 2, 1, 2}, {0, 2, 3, 4});

    f("LayerNorm", filled(nn::LayerNorm<T>({.shape = 5})), Shape<3>{3, 2, 5}, Free{0, 1});
    f("LayerNorm over two axes", filled(nn::LayerNorm<T, 2>({.shape = {2, 5}, .use_bias = false})), Shape<3>{6, 2, 5}, Free{0});
    f("RMSNorm", filled(nn::RMSNorm<T>({.shape = 5})), Shape<2>{6, 5}, Free{0});
    f("RMSNorm over two axes", filled(nn::RMSNorm<T, 2>({.shape = {2, 5}, .use_bias = true})), Shape<3>{6, 2, 5}, Free{0});
    f("GroupNorm of features", filled(nn::GroupNorm<T, 0>({.groups = 2, .channels = 6})), Shape<2>{6, 6}, Free{0});
    f("GroupNorm", filled(nn::GroupNorm<T, 2>({.groups = 2, .channels = 4})), Shape<4>{6, 4, 3, 2}, Free{0, 2, 3});
    f("GroupNorm, channels last", filled(nn::GroupNorm<T, 1>({.groups = 4, .channels = 4, .layout = last})), Shape<4>{3, 2, 5, 4},
      Free{0, 1, 2});
    f("LocalResponseNorm", nn::LocalResponseNorm<T, 2>({.alpha = 1}), Shape<4>{6, 7, 2, 3}, Free{0, 1, 2, 3});
    f("LocalResponseNorm, channels last", nn::LocalResponseNorm<T, 1>({.size = 4, .alpha = 1, .average = true, .layout = last}),
      Shape<3>{6, 3, 7}, Free{0, 1, 2});
}

template <class F>
void for_each_pool_or_shuffle(const F& f) {
    f("MaxPool1d", nn::MaxPool1d({.window = 3, .stride = 2, .padding = 1}), Shape<3>{6, 2, 7}, Free{0, 1, 2});
    f("MaxPool2d", nn::MaxPool2d({.window = {2, 3}, .ceil_mode = true, .layout = last}), Shape<4>{6, 5, 4, 2}, Free{0, 1, 2, 3});
    f("MinPool2d", nn::MinPool2d({.window = 2, .padding = nn::same}), Shape<5>{3, 2, 2, 5, 4}, Free{0, 1, 2, 3, 4});
    f("MinPool3d", nn::MinPool3d({.window = 2, .stride = 1, .layout = last}), Shape<5>{6, 2, 3, 3, 2}, Free{0, 1, 2, 3, 4});
    f("AvgPool1d", nn::AvgPool1d({.window = 3, .stride = 2, .padding = {{1, 2}}, .count_padding = true}), Shape<3>{6, 2, 7}, Free{0, 1, 2});
    f("AvgPool3d", nn::AvgPool3d({.window = 2, .padding = 1, .layout = last}), Shape<5>{6, 2, 3, 3, 2}, Free{0, 1, 2, 3, 4});
    f("AdaptiveMaxPool2d", nn::AdaptiveMaxPool2d({.output_size = {2, 3}}), Shape<4>{6, 2, 5, 4}, Free{0, 1});
    f("AdaptiveAvgPool1d", nn::AdaptiveAvgPool1d({.output_size = 3, .windows = nn::AdaptiveWindows::equinox, .layout = last}),
      Shape<3>{6, 7, 2}, Free{0, 2});
    f("PixelShuffle1d", nn::PixelShuffle1d({.upscale_factor = 3}), Shape<3>{6, 6, 5}, Free{0, 2});
    f("PixelShuffle2d", nn::PixelShuffle2d({.upscale_factor = {2, 3}, .layout = last}), Shape<4>{6, 3, 4, 12}, Free{0, 1, 2});
    f("PixelShuffle3d", nn::PixelShuffle3d({.upscale_factor = {1, 2, 2}}), Shape<5>{2, 8, 2, 3, 2}, Free{0, 2, 3, 4});
    f("GlobalMaxPool", nn::GlobalMaxPool<2>{}, Shape<4>{6, 3, 2, 4}, Free{0, 1, 2, 3});
    f("GlobalAvgPool", nn::GlobalAvgPool<1>{{.layout = last}}, Shape<4>{3, 2, 4, 3}, Free{0, 1, 2, 3});
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
    const auto block = filled(nn::conv_norm_activation<T, 2>({.in_channels = 2, .out_channels = 3, .stride = 2, .layout = last},
                                                             nn::BatchNorm2d<T>({.size = 3, .layout = last}), nn::relu, nn::no_init));
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
}

/// Calls f(name, layer, shape of an x, its free axes) for every layer with elements of type T. The arrays are of 23 bits and drawn alike
/// for every T.
template <class T, class F>
void for_each_layer(const F& f) {
    Random random(900);
    const auto filled = [&](auto layer) { return nn::test::filled(random, std::move(layer)); };
    for_each_convolution<T>(filled, f);
    for_each_affine_or_recurrent<T>(filled, f);
    for_each_norm<T>(filled, f);
    for_each_pool_or_shuffle(f);
    for_each_function(f);
    for_each_composite<T>(filled, f);
}

/// The element type of what a layer with elements of type T is given.
template <class L, class T>
using Input = std::conditional_t<std::is_same_v<L, nn::Embed<T>>, int, T>;

}  // namespace

// ---- scalar types ----

namespace {

struct Answer {
    std::string name;
    Extents shape;
    std::vector<long double> values;
};

/// What every layer makes of an x of 23 bits.
template <class T>
std::vector<Answer> answers() {
    std::vector<Answer> all;
    Random random(901);
    for_each_layer<T>([&](std::string_view name, const auto& layer, const auto& shape, const Free&) {
        const auto x = drawn<Input<std::remove_cvref_t<decltype(layer)>, T>>(random, shape);
        const auto y = layer(x);
        static_assert(std::is_same_v<nn::element_of<std::remove_const_t<decltype(y)>>, T>);
        const auto values = values_of(y);
        all.push_back({std::string(name), shape_of(y), {values.begin(), values.end()}});
    });
    return all;
}

/// Whether answers reckoned in T are those reckoned in a wider type. Rows are small: sums of at most 50 products of numbers below 1, a
/// dozen steps, deviations of 1/16 and more. 1024 roundings are more than they can add up to; a step in a narrower type leaves far more.
template <class T>
void compare(const std::vector<Answer>& in_t, const std::vector<Answer>& wider) {
    REQUIRE(in_t.size() == wider.size());
    for (std::size_t row = 0; row < wider.size(); ++row) {
        CAPTURE(row, wider[row].name);
        CHECK(in_t[row].shape == wider[row].shape);
        REQUIRE(in_t[row].values.size() == wider[row].values.size());
        bool exact = true;
        for (std::size_t i = 0; i < wider[row].values.size(); ++i) {
            const long double expected = wider[row].values[i];
            CHECK(std::abs(in_t[row].values[i] - expected) <= 1024 * std::numeric_limits<T>::epsilon() * (1 + std::abs(expected)));
            exact = exact && in_t[row].values[i] == expected;
        }
    }
}

}  // namespace

TEST_CASE("every layer: float, double and long double are each reckoned in their own precision") {
    const auto single = answers<float>();
    const auto twice = answers<double>();
    const auto most = answers<long double>();
    compare<float>(single, twice);
    compare<double>(twice, most);
}

// ---- memory ----

namespace {

/// That y is the same to the bit however the elements of x and of y lie in memory, that nothing beside y is written, that extents of 1 may
/// have any stride, and that read-only memory is read.
template <class T, class L, std::size_t R>
void check_arrangements(Random& random, const L& layer, const Shape<R>& shape, const Free& free) {
    using E = Input<L, T>;
    nn::Workspace workspace;
    const auto check = [&](const nn::View<const E, R>& from, const Tensor<E, R>& x) {
        const auto y = layer(x);
        CHECK(identical(layer(from), y));
        constexpr std::size_t out = nn::rank_of<decltype(y)>;
        Strided<T> to(shape_of(y), Arrangement::any(random, out, false));
        layer.forward_into(from, to.template view<out>(), workspace);
        CHECK(same_bits(to.values(), values_of(y)));
        CHECK(to.intact());
    };
    const Extents extents(shape.begin(), shape.end());
    for (int i = 0; i < 8; ++i) {
        Strided<E> from(extents, Arrangement::any(random, R, true));
        nn::test::for_each_index(extents, [&](const Extents& index) { from.at(index) = draw<E>(random); });
        CAPTURE(from.shape(), from.strides());
        check(std::as_const(from).template view<R>(), nn::test::tensor_of_values(shape, from.values()));
    }
    const auto with_ones = [&](const Free& axes) {
        Shape<R> one = shape;
        for (const std::size_t axis : axes) {
            one[axis] = 1;
        }
        const Tensor<E, R> x = drawn<E>(random, one);
        nn::View<const E, R> odd = nn::view_of(x);
        for (const std::size_t axis : axes) {
            odd.strides[axis] = axis % 2 == 0 ? -1'000'003 : 1'000'003;
        }
        CAPTURE(one);
        check(odd, x);
        const auto read_only = xt::adapt(static_cast<const E*>(x.data()), x.size(), xt::no_ownership(), x.shape());
        CHECK(identical(layer(read_only), layer(x)));
    };
    with_ones(free);
    for (const std::size_t axis : free) {
        with_ones({axis});
    }
}

template <class T>
void check_memory() {
    Random random(902);
    for_each_layer<T>([&](std::string_view name, const auto& layer, const auto& shape, const Free& free) {
        CAPTURE(name, shape);
        check_arrangements<T>(random, layer, shape, free);
    });
}

}  // namespace

TEST_CASE("every layer of floats: elements may lie in memory in any way") { check_memory<float>(); }
TEST_CASE("every layer of doubles: elements may lie in memory in any way") { check_memory<double>(); }

// ---- shapes ----

namespace {

/// That output_shape is the shape of y, for x as it is, and with any one or two of its free axes empty; and that y is then empty too where
/// the batch is.
template <class T, class L, std::size_t R>
void check_shapes(Random& random, const L& layer, const Shape<R>& shape, const Free& free) {
    nn::Workspace workspace;
    const auto check = [&](const Shape<R>& extents) {
        CAPTURE(extents);
        const auto x = drawn<Input<L, T>>(random, extents);
        const auto y = layer(x);
        if constexpr (!std::is_same_v<L, Attend<nn::Embed<T>>>) {  // attend has none
            CHECK(nn::extents_of(y) == layer.output_shape(extents));
        }
        std::remove_const_t<decltype(y)> into;
        layer.forward_into(x, into, workspace);
        CHECK(identical(into, y));
        return y.size();
    };
    CHECK(check(shape) > 0);
    for (const std::size_t a : free) {
        for (const std::size_t b : free) {
            Shape<R> empty = shape;
            empty[a] = empty[b] = 0;
            const std::size_t size = check(empty);
            if (std::min(a, b) == 0) {
                CHECK(size == 0);
            }
        }
    }
}

}  // namespace

TEST_CASE("every layer: output_shape is the shape of y, of empty batches and empty axes too") {
    Random random(903);
    for_each_layer<float>([&](std::string_view name, const auto& layer, const auto& shape, const Free& free) {
        CAPTURE(name, shape);
        check_shapes<float>(random, layer, shape, free);
    });
}
