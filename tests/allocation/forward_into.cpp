// SPDX-License-Identifier: MIT
#include <nn/nn.hpp>

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <random>
#include <vector>

#include "support/allocations.hpp"
#include "support/stack.hpp"
#include "support/stateless.hpp"
#include "support/tensors.hpp"

namespace {

using nn::Layout;
using nn::test::allocations_in;
using nn::test::allocations_when_warm;
using nn::test::identical;
using nn::test::noise;

/// A user's layer with a forward_into and an output_shape of its own, as ours have.
struct Half {
    template <class X>
    auto operator()(const X& x) const {
        return nn::identity(x * 0.5F);
    }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, nn::Workspace& workspace) const {
        nn::identity.forward_into(x, y, workspace);
        nn::relu.forward_into(y, y, workspace);
    }
    template <std::size_t R>
    nn::Shape<R> output_shape(const nn::Shape<R>& x) const {
        return x;
    }
};

/// Sequences (B, T, 3) to (B, T', 4), channels last, through a layer of every kind.
auto everything(std::mt19937& rng) {
    constexpr Layout last = Layout::channels_last;
    return nn::Sequential(
        nn::conv_norm_activation<float, 1>({.in_channels = 3, .out_channels = 8, .layout = last},
                                           nn::BatchNorm1d<float>({.size = 8, .layout = last}), nn::silu, rng),
        nn::Conv1d<float>({.in_channels = 8, .out_channels = 6, .kernel_size = 3, .padding = nn::same, .groups = 2, .layout = last}, rng),
        nn::BatchNorm1d<float>({.size = 6, .layout = last}), nn::relu, nn::MaxPool1d({.window = 2, .layout = last}),
        nn::MinPool1d({.window = 2, .stride = 1, .padding = nn::same, .layout = last}),
        nn::AvgPool1d({.window = 3, .stride = 1, .padding = 1, .layout = last}), Half{}, nn::Dropout({.rate = 0.3}),
        nn::LSTM<float>({.input_size = 6, .hidden_size = 7}, rng),
        nn::Sequential(nn::tanh, nn::Sequential(nn::Linear<float>({.in_features = 7, .out_features = 5}, rng), nn::identity)),
        nn::Bidirectional(
            nn::LSTM<float>({.input_size = 5, .hidden_size = 4}, rng),
            nn::Sequential(nn::LSTM<float>({.input_size = 5, .hidden_size = 3}, rng), nn::Dropout({.rate = 0.1}), nn::sigmoid)),
        nn::BatchNorm0d<float>({.size = 7}), nn::CausalConv1d<float>({.in_channels = 7, .out_channels = 6, .kernel_size = 3}, rng),
        nn::Residual(
            nn::Sequential(nn::LayerNorm<float>({.shape = 6}), nn::GRU<float>({.input_size = 6, .hidden_size = 6}, rng), nn::gelu)),
        nn::LocalResponseNorm<float, 1>({.layout = last}), nn::GroupNorm<float, 1>({.groups = 2, .channels = 6, .layout = last}),
        nn::ConvTranspose1d<float>({.in_channels = 6, .out_channels = 8, .kernel_size = 2, .stride = 2, .layout = last}, rng),
        nn::AdaptiveAvgPool1d({.output_size = 6, .layout = last}), nn::RMSNorm<float>({.shape = 8}), nn::softmax,
        nn::Linear<float>({.in_features = 8, .out_features = 4}, rng));
}

/// All of a tensor but for its last axis. (xtensor 0.24's xt::ellipsis makes a view without a data_offset.)
template <std::size_t R, class X>
auto last_axis_range(X& x, std::size_t first, std::size_t last) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return xt::view(x, ((void)I, xt::all())..., xt::range(first, last)); }
    (std::make_index_sequence<R - 1>());
}

/// Whether the second call of a layer without a state allocates, into a tensor, an adaptor, a view of a tensor and a view of a pointer,
/// from each of these.
template <class L, class T, std::size_t R>
void check_stateless(const L& layer, const nn::Tensor<T, R>& x) {
    nn::Workspace workspace;
    auto y = layer(x);
    using U = nn::element_of<decltype(y)>;
    const auto shape = y.shape();
    auto before = nn::make_tensor<U, decltype(y)::rank>(nn::extents_of(y));
    before.fill(U(9));
    auto wide_shape = shape;
    wide_shape.back() += 2;
    nn::Tensor<U, decltype(y)::rank> wide(wide_shape);
    auto view = last_axis_range<decltype(y)::rank>(wide, 1, shape.back() + 1);
    std::vector<U> buffer(y.size());
    auto adapted = xt::adapt(buffer, shape);
    const auto x_adapted = xt::adapt(x.data(), x.size(), xt::no_ownership(), x.shape());
    const auto x_view = xt::view(x, xt::all());

    CHECK(allocations_when_warm([&] { layer.forward_into(x, before, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { layer.forward_into(x_view, adapted, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { layer.forward_into(x_adapted, view, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { layer.forward_into(nn::view_of(x), nn::view_of(before), workspace); }) == 0);
    CHECK(identical(before, y));
    CHECK(identical(adapted, y));
    CHECK(identical(view, y));
}

}  // namespace

TEST_CASE("a warm forward_into allocates nothing: layers without a state") {
    std::mt19937 rng(1);
    const auto image = noise<float, 4>({2, 4, 9, 10});
    const auto row = noise<float, 3>({2, 4, 9});
    const auto volume = noise<float, 5>({2, 4, 5, 6, 7});

    for (const nn::PaddingMode mode :
         {nn::PaddingMode::zeros, nn::PaddingMode::reflect, nn::PaddingMode::replicate, nn::PaddingMode::circular}) {
        check_stateless(nn::Conv2d<float>(
                            {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = 2, .groups = 2, .padding_mode = mode}, rng),
                        image);
    }
    nn::Conv1d<float> masked({.in_channels = 4, .out_channels = 20, .kernel_size = 3, .stride = 2, .dilation = 2, .input_dilation = 2},
                             rng);
    masked.weight_mask = nn::make_tensor<float, 3>({20, 4, 3}, 1.0F);
    check_stateless(masked, row);
    check_stateless(nn::Conv3d<float>({.in_channels = 4, .out_channels = 3, .kernel_size = 1}, rng), volume);
    check_stateless(nn::Conv2d<float>({.in_channels = 10, .out_channels = 3, .kernel_size = {3, 2}, .layout = Layout::channels_last}, rng),
                    image);

    check_stateless(nn::Linear<float>({.in_features = 10, .out_features = 33}, rng), image);
    check_stateless(nn::Linear<double>({.in_features = 70, .out_features = 3, .use_bias = false}, rng), noise<double, 2>({100, 70}));
    check_stateless(nn::LSTM<float>({.input_size = 9, .hidden_size = 5}, rng), row);
    check_stateless(nn::LSTMCell<float>({.input_size = 9, .hidden_size = 5}, rng), row);

    check_stateless(nn::MaxPool2d({.window = 2}), image);
    check_stateless(nn::MinPool3d({.window = 2, .stride = 1, .padding = nn::same_lower}), volume);
    check_stateless(nn::AvgPool1d({.window = 3, .padding = 1, .count_padding = true, .ceil_mode = true}), row);
    check_stateless(nn::AvgPool2d({.window = 2, .layout = Layout::channels_last}), image);

    for (const nn::PaddingMode mode :
         {nn::PaddingMode::zeros, nn::PaddingMode::reflect, nn::PaddingMode::replicate, nn::PaddingMode::circular}) {
        check_stateless(nn::ConvTranspose2d<float>(
                            {.in_channels = 4, .out_channels = 6, .kernel_size = 3, .padding = 2, .groups = 2, .padding_mode = mode}, rng),
                        image);
    }
    check_stateless(
        nn::ConvTranspose1d<float>(
            {.in_channels = 9, .out_channels = 5, .kernel_size = 3, .stride = 2, .flip_kernel = true, .layout = Layout::channels_last},
            rng),
        row);
    check_stateless(nn::CausalConv1d<float>({.in_channels = 9, .out_channels = 9, .kernel_size = 3, .dilation = 2, .groups = 9}, rng), row);
    for (const nn::GRUReset reset : {nn::GRUReset::after, nn::GRUReset::before}) {
        check_stateless(nn::GRU<float>({.input_size = 9, .hidden_size = 5, .reset = reset}, rng), row);
        check_stateless(nn::GRUCell<float>({.input_size = 9, .hidden_size = 5, .reset = reset}, rng), row);
    }

    check_stateless(nn::LayerNorm<float, 2>({.shape = {9, 10}}), image);
    check_stateless(nn::RMSNorm<float>({.shape = 10}), image);
    check_stateless(nn::LocalResponseNorm<float, 2>(), image);
    for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
        const nn::index_t channels = layout == Layout::channels_first ? 4 : 10;
        check_stateless(nn::GroupNorm<float, 2>({.groups = 2, .channels = channels, .layout = layout}), image);
        check_stateless(nn::AdaptiveMaxPool2d({.output_size = {2, 3}, .layout = layout}), image);
        check_stateless(nn::GlobalMaxPool<2>{{.layout = layout}}, image);
        check_stateless(nn::GlobalAvgPool<2>{{.layout = layout}}, image);
    }
    check_stateless(nn::PixelShuffle2d({.upscale_factor = {1, 2}}), image);
    check_stateless(nn::PixelShuffle2d({.upscale_factor = {5, 2}, .layout = Layout::channels_last}), image);
    check_stateless(nn::AdaptiveAvgPool1d({.output_size = 3, .windows = nn::AdaptiveWindows::equinox}), row);
    check_stateless(nn::AdaptiveAvgPool3d({.output_size = 9}), volume);
    check_stateless(nn::softmax, image);
    check_stateless(nn::log_softmax, row);

    const nn::Embed<float> embed({.num_embeddings = 33, .embedding_size = 10}, rng);
    check_stateless(embed, nn::Tensor<int, 3>({2, 4, 9}, 32));
    check_stateless(nn::test::Attend<nn::Embed<float>>{embed}, image);

    check_stateless(nn::Residual(nn::LayerNorm<float>({.shape = 10})), image);
    check_stateless(nn::Residual(nn::Conv2d<float>({.in_channels = 4, .out_channels = 6, .kernel_size = 2}, rng),
                                 nn::Sequential(nn::Conv2d<float>({.in_channels = 4, .out_channels = 6, .kernel_size = 2}, rng), nn::tanh)),
                    image);
    check_stateless(nn::Residual(nn::GRU<float>({.input_size = 9, .hidden_size = 9}, rng)), row);

    check_stateless(nn::identity, image);
    check_stateless(nn::relu, image);
    check_stateless(nn::sigmoid, row);
    check_stateless(nn::tanh, row);
    check_stateless(nn::silu, volume);
    check_stateless(nn::LeakyRelu{{.negative_slope = 0.2}}, image);
    check_stateless(nn::gelu, row);
    check_stateless(nn::Dropout({.rate = 0.5}), image);

    check_stateless(nn::conv_norm_activation<float, 2>({.in_channels = 4, .out_channels = 3}, nn::identity, nn::relu, rng), image);
    check_stateless(nn::Sequential(nn::relu), image);
    check_stateless(nn::Sequential(nn::Conv2d<float>({.in_channels = 4, .out_channels = 3, .kernel_size = 2}, rng), nn::tanh,
                                   nn::MaxPool2d({.window = 2}), nn::Linear<float>({.in_features = 4, .out_features = 33}, rng)),
                    image);
    check_stateless(nn::Bidirectional(nn::LSTM<float>({.input_size = 9, .hidden_size = 5}, rng),
                                      nn::LSTM<float>({.input_size = 9, .hidden_size = 2}, rng)),
                    row);
}

TEST_CASE("a warm forward_into allocates nothing: states, resets and modes") {
    std::mt19937 rng(2);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y;
    const auto x = noise<float, 3>({3, 11, 5});
    const nn::Tensor<bool, 2> resets({3, 11}, true);

    const nn::BatchNorm1d<float> norm({.size = 11});
    auto statistics = norm.initial_state();
    const auto& fixed = statistics;
    CHECK(allocations_when_warm([&] { norm.forward_into(x, fixed, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { norm.forward_into(x, statistics, nn::training(), y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { norm.forward_into(x, statistics, nn::training(rng), y, workspace); }) == 0);

    const nn::LSTM<float> lstm({.input_size = 5, .hidden_size = 20}, rng);
    auto carried = lstm.initial_state(3);
    CHECK(allocations_when_warm([&] { lstm.forward_into(x, carried, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { lstm.forward_into(x, carried, resets, y, workspace); }) == 0);

    const nn::LSTMCell<float> cell({.input_size = 5, .hidden_size = 20}, rng);
    auto steps = cell.initial_state(33);
    CHECK(allocations_when_warm([&] { cell.forward_into(x, steps, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { cell.forward_into(x, steps, resets, y, workspace); }) == 0);

    const nn::GRU<float> gru({.input_size = 5, .hidden_size = 20}, rng);
    auto gru_state = gru.initial_state(3);
    CHECK(allocations_when_warm([&] { gru.forward_into(x, gru_state, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { gru.forward_into(x, gru_state, resets, y, workspace); }) == 0);

    const nn::GRUCell<float> gru_cell({.input_size = 5, .hidden_size = 20, .reset = nn::GRUReset::before}, rng);
    auto gru_steps = gru_cell.initial_state(33);
    CHECK(allocations_when_warm([&] { gru_cell.forward_into(x, gru_steps, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { gru_cell.forward_into(x, gru_steps, resets, y, workspace); }) == 0);

    for (const nn::index_t groups : {1, 5}) {
        const nn::CausalConv1d<float> causal({.in_channels = 5, .out_channels = 10, .kernel_size = 4, .dilation = 2, .groups = groups},
                                             rng);
        auto history = causal.initial_state(3);
        CHECK(allocations_when_warm([&] { causal.forward_into(x, history, y, workspace); }) == 0);
    }

    const nn::Residual residual(nn::Sequential(nn::BatchNorm1d<float>({.size = 11}), nn::Dropout({.rate = 0.5})),
                                nn::GRU<float>({.input_size = 5, .hidden_size = 5}, rng));
    auto residual_state = residual.initial_state(3);
    CHECK(allocations_when_warm([&] { residual.forward_into(x, residual_state, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { residual.forward_into(x, residual_state, nn::training(rng), y, workspace); }) == 0);

    const nn::Dropout dropout({.rate = 0.5});
    CHECK(allocations_when_warm([&] { dropout.forward_into(x, nn::training(rng), y, workspace); }) == 0);

    const auto block = nn::conv_norm_activation<float, 1>({.in_channels = 11, .out_channels = 4, .stride = 2},
                                                          nn::BatchNorm1d<float>({.size = 4}), nn::relu, rng);
    auto block_state = block.initial_state();
    CHECK(allocations_when_warm([&] { block.forward_into(x, block_state, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { block.forward_into(x, block_state, nn::training(), y, workspace); }) == 0);

    const nn::Bidirectional both(nn::LSTM<float>({.input_size = 5, .hidden_size = 6}, rng),
                                 nn::LSTM<float>({.input_size = 5, .hidden_size = 2}, rng));
    auto both_state = both.initial_state(3);
    CHECK(allocations_when_warm([&] { both.forward_into(x, both_state, y, workspace); }) == 0);
    const auto deep = noise<float, 4>({4, 3, 11, 5});  // leading axes that no single stride covers
    const auto odd = xt::view(deep, xt::range(0, 4, 2), xt::range(0, 2), xt::all(), xt::all());
    auto odd_state = both.initial_state(4);
    nn::Tensor<float, 4> odd_y;
    CHECK(allocations_when_warm([&] { both.forward_into(odd, odd_state, odd_y, workspace); }) == 0);
}

TEST_CASE("a warm forward_into allocates nothing: a Sequential of everything") {
    std::mt19937 rng(3);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y;
    const auto net = everything(rng);
    static_assert(decltype(everything(rng))::allocation_free);
    const auto x = noise<float, 3>({2, 12, 3});
    const nn::Tensor<bool, 2> resets({2, 6}, false);
    auto state = net.initial_state(2);
    CHECK(allocations_when_warm([&] { net.forward_into(x, state, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { net.forward_into(x, state, nn::training(rng), y, workspace); }) == 0);
    CHECK(y.shape() == (std::array<std::size_t, 3>{2, 6, 4}));

    // The frozen form, too.
    const auto frozen = nn::freeze(net, state);
    static_assert(decltype(nn::freeze(net, state))::allocation_free);
    auto carried_part = frozen.initial_state(2);
    CHECK(allocations_when_warm([&] { frozen.forward_into(x, carried_part, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { frozen.forward_into(x, y, workspace); }) == 0);

    // Layers without statistics need no state, and start from zeros.
    const nn::Sequential plain(nn::LSTM<float>({.input_size = 3, .hidden_size = 5}, rng), nn::Dropout({.rate = 0.5}),
                               nn::LSTM<float>({.input_size = 5, .hidden_size = 3}, rng));
    auto carried = plain.initial_state(2);
    const nn::Tensor<bool, 2> starts({2, 12}, true);
    CHECK(allocations_when_warm([&] { plain.forward_into(x, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { plain.forward_into(x, nn::training(rng), y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { plain.forward_into(x, carried, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { plain.forward_into(x, carried, starts, y, workspace); }) == 0);
    CHECK(allocations_when_warm([&] { plain.forward_into(x, carried, starts, nn::training(rng), y, workspace); }) == 0);
}

TEST_CASE("a workspace that served a larger call, or other layers, stays warm") {
    std::mt19937 rng(4);
    nn::Workspace workspace;
    const auto net = everything(rng);
    const nn::Linear<float> linear({.in_features = 3, .out_features = 100}, rng);
    const nn::Conv1d<float> conv({.in_channels = 5, .out_channels = 40, .kernel_size = 3}, rng);
    auto state = net.initial_state(2);
    const auto run = [&](const auto& x, nn::Tensor<float, 3>& y, nn::Tensor<float, 3>& z) {
        net.forward_into(x, state, y, workspace);
        linear.forward_into(x, z, workspace);
    };
    nn::Tensor<float, 3> y;
    nn::Tensor<float, 3> z;
    nn::Tensor<float, 3> small_y;
    nn::Tensor<float, 3> small_z;
    nn::Tensor<float, 3> c;
    const auto large = noise<float, 3>({2, 60, 3});
    const auto small = noise<float, 3>({2, 5, 3});
    const auto other = noise<float, 3>({2, 5, 30});
    run(small, small_y, small_z);
    conv.forward_into(other, c, workspace);
    run(large, y, z);
    const std::size_t held = workspace.capacity();
    CHECK(allocations_in([&] {
              run(small, small_y, small_z);
              conv.forward_into(other, c, workspace);
              run(large, y, z);
              conv.forward_into(other, c, workspace);
              run(small, small_y, small_z);
          }) == 0);
    CHECK(workspace.capacity() == held);
}

TEST_CASE("an output of the right shape keeps its storage, another is replaced") {
    std::mt19937 rng(5);
    nn::Workspace workspace;
    const nn::Linear<float> linear({.in_features = 3, .out_features = 100}, rng);
    nn::Tensor<float, 2> y({4, 100});
    const float* const storage = y.data();
    linear.forward_into(noise<float, 2>({4, 3}), y, workspace);
    CHECK(y.data() == storage);
    linear.forward_into(noise<float, 2>({5, 3}), y, workspace);
    CHECK(y.shape(0) == 5);
}

TEST_CASE("a call takes at most 32 KiB of stack") {
    if (!nn::test::measures_stack) {
        SUCCEED("not under this sanitizer");
        return;
    }
    constexpr std::size_t most = 32 * 1024;
    std::mt19937 rng(6);
    nn::Workspace workspace;
    nn::Tensor<float, 3> y;
    const auto net = everything(rng);
    auto state = net.initial_state(2);
    const auto x = noise<float, 3>({2, 60, 3});
    CHECK(nn::test::stack_used([&] { net.forward_into(x, state, nn::training(rng), y, workspace); }) <= most);
    CHECK(nn::test::stack_used([&] { net.forward_into(x, state, y, workspace); }) <= most);
    CHECK(nn::test::stack_used([&] { y = net(x, state); }) <= most);
    const auto frozen = nn::freeze(net, state);
    CHECK(nn::test::stack_used([&] { frozen.forward_into(x, y, workspace); }) <= most);

    const nn::Linear<double> wide({.in_features = 300, .out_features = 300}, rng);
    const auto rows = noise<double, 2>({100, 300});
    CHECK(nn::test::stack_used([&] { (void)wide(rows); }) <= most);
    const nn::LSTM<float> lstm({.input_size = 128, .hidden_size = 128}, rng);
    const auto sequence = noise<float, 3>({5, 50, 128});
    CHECK(nn::test::stack_used([&] { (void)lstm(sequence); }) <= most);
    const nn::Conv3d<float> conv({.in_channels = 8, .out_channels = 40, .kernel_size = 3, .padding = nn::same}, rng);
    const auto volume = noise<float, 4>({8, 9, 10, 11});
    CHECK(nn::test::stack_used([&] { (void)conv(volume); }) <= most);
    const nn::GRU<float> gru({.input_size = 128, .hidden_size = 128}, rng);
    CHECK(nn::test::stack_used([&] { (void)gru(sequence); }) <= most);
    const nn::ConvTranspose3d<float> transposed({.in_channels = 8, .out_channels = 40, .kernel_size = 3, .stride = 2}, rng);
    CHECK(nn::test::stack_used([&] { (void)transposed(volume); }) <= most);
    const nn::GroupNorm<float, 3> norm({.groups = 2, .channels = 8});
    CHECK(nn::test::stack_used([&] { (void)norm(volume); }) <= most);
    nn::Tensor<double, 2> z({2, 2});
    CHECK(nn::test::stack_used([&] {
              try {
                  wide.forward_into(rows, nn::View<double, 2>{z.data(), {2, 2}, {2, 1}}, workspace);
              } catch (const nn::shape_error&) {
              }
          }) <= most);
}
