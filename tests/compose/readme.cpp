// SPDX-License-Identifier: MIT
// What the README says, executed: its programs, its layer of one's own, and its error text. The lines between `begin` and `end`
// stand in the README too; white space and comments aside, to the letter.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include <nn/io/convert.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>
#include <nn/threads.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

const std::string readme = text_of(std::string(NN_TESTS) + "/../README.md");

/// `text` without white space, and without what follows // in a line.
std::string bare(const std::string& text) {
    std::string result;
    bool comment = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        comment = text[i] != '\n' && (comment || text.compare(i, 2, "//") == 0);
        if (!comment && text[i] != ' ' && text[i] != '\n') {
            result += text[i];
        }
    }
    return result;
}

/// Whether the README shows the lines of this file between `begin name` and `end name`.
bool shown(const std::string& name) {
    const std::string self = text_of(std::string(NN_TESTS) + "/compose/readme.cpp");
    const std::string begin = "// begin " + name + "\n";
    const std::size_t first = self.find(begin) + begin.size();
    const std::string lines = bare(self.substr(first, self.find("// end " + name) - first));
    return !lines.empty() && bare(readme).find(lines) != std::string::npos;
}

struct Scale {
    nn::Tensor<float, 1> scale{2.0F};
    nn::Linear<float> inner;

    // begin call
    auto operator()(const auto& x) const {
        // end call
        auto y = inner(x);
        for (auto& e : y) {
            e *= scale(0);
        }
        return y;
    }
    // begin members
    static void members(auto& self, auto&& f) { f("scale", self.scale), f("inner", self.inner); }
    // end members
};

}  // namespace

TEST_CASE("readme: a trained network is loaded and run") {
    const std::string path = (std::filesystem::temp_directory_path() / ("nn-readme-" + std::to_string(std::random_device()()))).string();
    const nn::Tensor<float, 4> x({2, 3, 8, 8}, 1.0F);
    std::mt19937 rng(0);
    const nn::Sequential trained(
        nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 16}, nn::BatchNorm2d<float>({.size = 16}), nn::relu, rng),
        nn::MaxPool2d({.window = 2}));
    auto statistics = trained.initial_state();
    (void)trained(x, statistics, nn::training());
    nn::save_safetensors(path, trained, statistics);

    // clang-format off
    // begin network
    nn::Sequential net(nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 16}, nn::BatchNorm2d<float>({.size = 16}), nn::relu, nn::no_init),
                       nn::MaxPool2d({.window = 2}));
    auto state = net.initial_state();
    // end network
    // clang-format on
    nn::load_safetensors(path, net, state);
    // begin forward
    nn::Workspace workspace;
    nn::Tensor<float, 4> y;
    net.forward_into(x, state, y, workspace);
    // end forward
    std::filesystem::remove(path);
    CHECK((y == trained(x, statistics)));
    CHECK(shown("network"));
    CHECK(shown("forward"));
}

TEST_CASE("readme: a stream goes through block by block") {
    std::mt19937 rng(0);
    const nn::LSTM<float> lstm({.input_size = 1, .hidden_size = 6}, rng);
    const nn::Linear<float> head({.in_features = 6, .out_features = 1}, rng);
    // begin stream
    const auto frozen = nn::freeze(nn::Sequential(lstm, head));
    auto state = frozen.initial_state(1);
    nn::Workspace workspace;
    const auto process = [&](const float* in, float* out, nn::index_t steps) {
        const nn::ScopedFlushDenormals flush;
        frozen.forward_into(nn::contiguous(in, {1, steps, 1}), state, nn::contiguous(out, {1, steps, 1}), workspace);
    };
    // end stream
    const auto x = nn::test::noise<float, 3>({1, 12, 1});
    auto y = nn::make_tensor<float, 3>({1, 12, 1});
    process(x.data(), y.data(), 5);
    process(x.data() + 5, y.data() + 5, 1);
    process(x.data() + 6, y.data() + 6, 6);
    CHECK(nn::test::identical(y, frozen(x)));
    CHECK(shown("stream"));
}

TEST_CASE("readme: a network of torch's is loaded and run") {
    // clang-format off
    // begin torch
    constexpr auto last = nn::Layout::channels_last;
    const auto lstm = [](nn::index_t inputs) { return nn::LSTM<float>({.input_size = inputs, .hidden_size = 5}, nn::no_init); };
    nn::Sequential net(nn::Conv1d<float>({.in_channels = 2, .out_channels = 4, .kernel_size = 3, .padding = 1, .layout = last}, nn::no_init),
                       nn::BatchNorm1d<float>({.size = 4, .layout = last}), nn::relu,
                       nn::ConvTranspose1d<float>({.in_channels = 4, .out_channels = 3, .kernel_size = 2, .stride = 2, .layout = last}, nn::no_init),
                       nn::Sequential(nn::Bidirectional(lstm(3), lstm(3)), nn::Bidirectional(lstm(10), lstm(10))),
                       nn::Linear<float>({.in_features = 10, .out_features = 2}, nn::no_init));
    auto state = net.initial_state(2);
    // end torch
    nn::load_safetensors(NN_TESTS "/io/torch.safetensors", net, state,
                         // begin options
                         {.ignore = {"num_batches_tracked"},
                          .convert = {{"up.weight", nn::from_torch_transposed}, {"lstm", nn::lstm_from_torch}},
                          .rename = {{"conv1", "0"}, {"bn1", "1"}, {"up", "3"}, {"lstm", "4"}, {"fc", "5"}}});
    // end options
    // clang-format on
    const nn::SafetensorsFile answer(NN_TESTS "/io/torch_answer.safetensors");
    const auto expected = answer.get<double, 3>("y");
    const auto y = net(answer.get<float, 3>("x"), state);
    CHECK(nn::test::shape_of(y) == nn::test::shape_of(expected));
    CHECK(nn::test::close(y, {expected.begin(), expected.end()}, 1e-6));
    CHECK(shown("torch"));
    CHECK(shown("options"));
}

TEST_CASE("readme: a frozen network, and threads") {
    const nn::Sequential net(nn::Linear<float>({.in_features = 3, .out_features = 40}, std::mt19937(1)),
                             nn::BatchNorm0d<float>({.size = 40}), nn::relu);
    const auto state = net.initial_state();
    const auto x = nn::test::noise<float, 2>({5, 3});
    nn::Tensor<float, 2> y;
    const auto alone = [&] {
        // begin freeze
        const auto frozen = nn::freeze(net, state);
        nn::Workspace workspace;
        frozen.forward_into(x, y, workspace);
        // end freeze
        return y;
    }();
    const auto expected = net(x, state);
    CHECK(nn::test::close(y, {expected.begin(), expected.end()}, 1e-6));
    CHECK(shown("freeze"));
    // begin threads
    nn::ThreadPool pool(4);
    nn::Workspace workspace(pool);
    // end threads
    y.fill(-9);
    nn::freeze(net, state).forward_into(x, y, workspace);
    CHECK(nn::test::identical(y, alone));
    CHECK(shown("threads"));
}

TEST_CASE("readme: a layer of one's own is visited") {
    const Scale layer{.inner = nn::Linear<float>({.in_features = 4, .out_features = 3}, nn::no_init)};
    CHECK(nn::parameter_count(layer) == 16);
    CHECK(layer(nn::Tensor<float, 1>({4}, 1.0F)).size() == 3);
    CHECK(shown("call"));
    CHECK(shown("members"));
}

TEST_CASE("readme: the error text is what is said") {
    std::mt19937 rng(0);
    const nn::Conv2d<float> conv({.in_channels = 3, .out_channels = 8, .kernel_size = {3, 5}}, rng);
    std::string said;
    try {
        (void)conv(nn::Tensor<float, 4>({2, 4, 32, 32}, 0.0F));
    } catch (const nn::shape_error& error) {
        said = error.what();
    }
    CHECK(said.size() > 20);
    CHECK(readme.find(said) != std::string::npos);
}
