// SPDX-License-Identifier: MIT

#include <nn/compose/parameters.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::values_of;

using Names = std::vector<std::string>;

template <class X>
Names parameter_names(X&& x) {
    Names names;
    nn::visit_parameters(x, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    return names;
}
template <class X>
Names statistic_names(X&& x) {
    Names names;
    nn::visit_statistics(x, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    return names;
}

/// What a layer may hold many of.
struct Many {
    std::vector<nn::Linear<float>> blocks{2, nn::Linear<float>({.in_features = 2, .out_features = 3}, nn::no_init)};
    std::array<nn::Tensor<float, 1>, 2> pair{nn::Tensor<float, 1>{1.0F}, nn::Tensor<float, 1>{2.0F}};
    std::tuple<nn::Linear<float>, nn::Tensor<double, 1>> mixed{nn::Linear<float>({.in_features = 2, .out_features = 1}, nn::no_init),
                                                               {1, 2, 3, 4}};

    static void members(auto& self, auto&& f) { f("blocks", self.blocks), f("pair", self.pair), f("mixed", self.mixed); }
};

/// Everything that a layer of a user's own may name: tensors of any type and rank, some that may be absent, layers, a choice, a number.
struct Own {
    nn::Tensor<double, 0> scalar = 3.0;
    nn::Tensor<int, 2> table = nn::make_tensor<int, 2>({2, 3}, 7);
    std::optional<nn::Tensor<float, 1>> absent;
    std::optional<nn::Tensor<float, 1>> present = nn::Tensor<float, 1>{1, 2};
    std::optional<nn::Linear<float>> head;
    nn::Sequential<nn::Linear<float>, nn::Identity> net{nn::Linear<float>({.in_features = 2, .out_features = 3}, nn::no_init),
                                                        nn::identity};
    double rate = 0.5;

    auto operator()(const auto& x) const { return net(x); }
    static void members(auto& self, auto&& f) {
        f("table", self.table);
        f("scalar", self.scalar);
        f("absent", self.absent);
        f("present", self.present);
        f("head", self.head);
        f("net", self.net);
        f("rate", self.rate);
    }
};

/// Holds a tensor and does not name it.
struct Silent {
    nn::Tensor<float, 1> weight{1, 2, 3};
    auto operator()(const auto& x) const { return nn::identity(x); }
};

/// A state of both kinds, of a user's own.
struct OwnState {
    nn::LSTMState<float> carried{nn::Tensor<float, 2>({1, 2}, 0.0F), nn::Tensor<float, 2>({1, 2}, 0.0F)};
    nn::Tensor<float, 1> mean{4};

    static void members(auto& self, auto&& f) { f("carried", self.carried), f("mean", self.mean); }
};

/// (…, 3, 8, 8) -> (…, 2): blocks, nested networks, both directions of time and a layer of a user's own.
template <class Engine>
auto network(Engine&& rng) {
    return nn::Sequential(
        nn::conv_norm_activation<float, 2>({.in_channels = 3, .out_channels = 4, .stride = 2}, nn::BatchNorm2d<float>({.size = 4}),
                                           nn::silu, rng),
        nn::relu,
        nn::Sequential(nn::Conv2d<float>({.in_channels = 4, .out_channels = 5, .kernel_size = 1, .use_bias = false}, rng),
                       nn::BatchNorm2d<float>({.size = 5, .use_weight = false})),
        nn::MaxPool2d({.window = 2}), [](const auto& x) { return nn::Tensor<float, 3>(xt::view(x, xt::all(), xt::all(), 0, xt::all())); },
        nn::Bidirectional(nn::LSTM<float>({.input_size = 2, .hidden_size = 3}, rng),
                          nn::LSTM<float>({.input_size = 2, .hidden_size = 2, .use_bias = false}, rng)),
        nn::BatchNorm0d<float>({.size = 5}), nn::Dropout(), nn::Linear<float>({.in_features = 5, .out_features = 2}, rng));
}
const Names network_parameters{"0.conv.weight",
                               "0.norm.weight",
                               "0.norm.bias",
                               "2.0.weight",
                               "2.1.bias",
                               "5.forward.weight_ih",
                               "5.forward.weight_hh",
                               "5.forward.bias",
                               "5.backward.weight_ih",
                               "5.backward.weight_hh",
                               "6.weight",
                               "6.bias",
                               "8.weight",
                               "8.bias"};
const Names network_statistics{"0.norm.running_mean", "0.norm.running_var", "2.1.running_mean",
                               "2.1.running_var",     "6.running_mean",     "6.running_var"};

}  // namespace

TEST_CASE("parameters: every layer names what it holds, in the order of its declaration") {
    const auto none = nn::no_init;
    CHECK(parameter_names(nn::Linear<float>({.in_features = 2, .out_features = 3}, none)) == Names{"weight", "bias"});
    CHECK(parameter_names(nn::Linear<float>({.in_features = 2, .out_features = 3, .use_bias = false}, none)) == Names{"weight"});
    CHECK(parameter_names(nn::Conv1d<float>({.in_channels = 2, .out_channels = 3}, none)) == Names{"weight", "bias"});
    CHECK(parameter_names(nn::LSTM<float>({.input_size = 2, .hidden_size = 3}, none)) == Names{"weight_ih", "weight_hh", "bias"});
    CHECK(parameter_names(nn::BatchNorm1d<float>({.size = 3})) == Names{"weight", "bias"});
    CHECK(parameter_names(nn::BatchNorm1d<float>({.size = 3, .use_weight = false, .use_bias = false})).empty());
    CHECK(parameter_names(nn::MaxPool2d({.window = 2})).empty());
    CHECK(parameter_names(nn::Dropout()).empty());
    CHECK(parameter_names(nn::relu).empty());
    CHECK(parameter_names([](const auto& x) { return x; }).empty());
    CHECK(parameter_names(nn::Sequential()).empty());
}

TEST_CASE("parameters: a mask is no parameter") {
    nn::Conv1d<float> conv({.in_channels = 2, .out_channels = 3}, nn::no_init);
    conv.weight_mask = nn::Tensor<float, 3>({3, 2, 1}, 1.0F);
    CHECK(parameter_names(conv) == Names{"weight", "bias"});
    CHECK(nn::parameter_count(conv) == 9);
}

TEST_CASE("parameters: names in a nested network are joined by dots, and the statistics have those of their layers") {
    const auto net = network(nn::no_init);
    CHECK(parameter_names(net) == network_parameters);
    // 108 + 8, 20 + 5, 24 + 36 + 12 and 16 + 16, 10, 12
    CHECK(nn::parameter_count(net) == 267);
    const auto state = net.initial_state(2);
    CHECK(statistic_names(state) == network_statistics);
}

TEST_CASE("parameters: layers are numbered as numbers, past nine too") {
    const nn::Linear<float> layer({.in_features = 1, .out_features = 1, .use_bias = false}, nn::no_init);
    const nn::Sequential net(layer, layer, layer, layer, layer, layer, layer, layer, layer, layer, layer, layer);
    CHECK(parameter_names(net) == Names{"0.weight", "1.weight", "2.weight", "3.weight", "4.weight", "5.weight", "6.weight", "7.weight",
                                        "8.weight", "9.weight", "10.weight", "11.weight"});
    CHECK(parameter_names(nn::Sequential(nn::relu, nn::Sequential(nn::relu, nn::Sequential(nn::relu, layer)))) == Names{"1.1.1.weight"});
}

TEST_CASE("parameters: a block names its three layers, also where the activation holds parameters") {
    const nn::Conv1d<float> conv({.in_channels = 2, .out_channels = 3}, nn::no_init);
    CHECK(parameter_names(nn::ConvNormActivation(conv, nn::identity, nn::relu)) == Names{"conv.weight", "conv.bias"});
    CHECK(parameter_names(nn::ConvNormActivation(conv, Own{}, nn::Linear<float>({.in_features = 2, .out_features = 2}, nn::no_init))) ==
          Names{"conv.weight", "conv.bias", "norm.table", "norm.scalar", "norm.present", "norm.net.0.weight", "norm.net.0.bias",
                "activation.weight", "activation.bias"});
}

TEST_CASE("parameters: a layer of a user's own holds what it names, and nothing else") {
    Own own;
    CHECK(parameter_names(own) == Names{"table", "scalar", "present", "net.0.weight", "net.0.bias"});
    CHECK(nn::parameter_count(own) == 6 + 1 + 2 + 9);
    own.head = nn::Linear<float>({.in_features = 4, .out_features = 1}, nn::no_init);
    own.present.reset();
    CHECK(parameter_names(own) == Names{"table", "scalar", "head.weight", "head.bias", "net.0.weight", "net.0.bias"});
    CHECK(nn::parameter_count(own) == 6 + 1 + 5 + 9);
    CHECK(parameter_names(nn::Sequential(Silent{}, own, [](const auto& x) { return x; })) ==
          Names{"1.table", "1.scalar", "1.head.weight", "1.head.bias", "1.net.0.weight", "1.net.0.bias"});
    CHECK(nn::parameter_count(Silent{}) == 0);
    CHECK(nn::parameter_count(nn::relu) == 0);
}

TEST_CASE("parameters: containers and tuples of layers are numbered") {
    Many many;
    const Names expected{"blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias", "pair.0", "pair.1",
                         "mixed.0.weight", "mixed.0.bias", "mixed.1"};
    CHECK(parameter_names(many) == expected);
    CHECK(parameter_names(std::as_const(many)) == expected);
    CHECK(nn::parameter_count(many) == 2 * (6 + 3) + 2 + (2 + 1) + 4);
    nn::visit_parameters(many, [](std::string_view, auto& tensor) { tensor.fill(3); });
    CHECK(many.blocks[1].weight(2, 1) == 3);

    const std::string path = (std::filesystem::temp_directory_path() / ("nn-many-" + std::to_string(std::random_device()()))).string();
    nn::save_safetensors(path, many);
    Many loaded;
    nn::load_safetensors(path, loaded);
    std::filesystem::remove(path);
    CHECK(identical(loaded.blocks[1].weight, many.blocks[1].weight));
    CHECK(identical(std::get<1>(loaded.mixed), std::get<1>(many.mixed)));
}

TEST_CASE("parameters: a network gives its tensors themselves, to be written; a const one const") {
    auto net = network(nn::no_init);
    std::vector<const void*> seen;
    nn::visit_parameters(net, [&](std::string_view, auto& tensor) {
        static_assert(!std::is_const_v<std::remove_reference_t<decltype(tensor)>>);
        seen.push_back(&tensor);
        tensor.fill(3.0F);
    });
    REQUIRE(seen.size() == 14);
    CHECK(seen[0] == &net.get<0>().conv.weight);
    CHECK(seen[7] == &*net.get<5>().forward.bias);
    CHECK(seen[13] == &*net.get<8>().bias);
    CHECK(values_of(net.get<2>().get<0>().weight) == std::vector<float>(20, 3.0F));

    std::vector<const void*> again;
    bool all_three = true;
    nn::visit_parameters(std::as_const(net), [&](std::string_view, auto& tensor) {
        static_assert(std::is_const_v<std::remove_reference_t<decltype(tensor)>>);
        again.push_back(&tensor);
        all_three = all_three && values_of(tensor) == std::vector<float>(tensor.size(), 3.0F);
    });
    CHECK(again == seen);
    CHECK(all_three);

    auto state = net.initial_state(2);
    nn::visit_statistics(state, [](std::string_view, auto& tensor) { tensor.fill(2.0F); });
    CHECK(values_of(state.get<0>().norm.running_mean) == std::vector<float>(4, 2.0F));
    CHECK(values_of(state.get<2>().get<1>().running_var) == std::vector<float>(5, 2.0F));
    CHECK(values_of(state.get<5>().forward.hidden) == std::vector<float>(6, 0.0F));  // carried: not visited
    nn::visit_statistics(std::as_const(state),
                         [](std::string_view, auto& tensor) { static_assert(std::is_const_v<std::remove_reference_t<decltype(tensor)>>); });
}

TEST_CASE("parameters: a state that is carried is no statistic, wherever it stands") {
    CHECK(statistic_names(nn::LSTM<float>({.input_size = 2, .hidden_size = 3}, nn::no_init).initial_state(2)).empty());
    CHECK(statistic_names(OwnState{}) == Names{"mean"});
    CHECK(statistic_names(nn::BatchNorm0d<float>({.size = 2}).initial_state()) == Names{"running_mean", "running_var"});
    const nn::LSTM<float> lstm({.input_size = 2, .hidden_size = 3}, nn::no_init);
    const nn::Bidirectional both(nn::Sequential(lstm, nn::BatchNorm0d<float>({.size = 3})), lstm);
    CHECK(statistic_names(both.initial_state(2)) == Names{"forward.1.running_mean", "forward.1.running_var"});
}

TEST_CASE("parameters: files hold a network under these names, and give it back") {
    const std::string path =
        (std::filesystem::temp_directory_path() / ("nn-parameters-" + std::to_string(std::random_device()()) + ".safetensors")).string();
    std::mt19937 rng(1);
    const auto trained = network(rng);
    auto statistics = trained.initial_state(2);
    Random random(2);
    const auto x = random_tensor<float, 4>(random, {2, 3, 8, 8});
    for (int step = 0; step < 3; ++step) {
        (void)trained(x, statistics, nn::training(rng));
    }
    nn::save_safetensors(path, trained, statistics);

    Names expected = network_parameters;
    expected.insert(expected.end(), network_statistics.begin(), network_statistics.end());
    std::sort(expected.begin(), expected.end());
    const nn::SafetensorsFile file(path);
    Names names = file.names();
    std::sort(names.begin(), names.end());
    CHECK(names == expected);

    auto net = network(nn::no_init);
    auto state = net.initial_state(2);
    nn::load_safetensors(path, net, state);
    std::filesystem::remove(path);
    std::vector<std::vector<float>> written;
    std::vector<std::vector<float>> read;
    const auto keep = [](auto& values) { return [&](std::string_view, const auto& tensor) { values.push_back(values_of(tensor)); }; };
    nn::visit_parameters(trained, keep(written));
    nn::visit_statistics(statistics, keep(written));
    nn::visit_parameters(net, keep(read));
    nn::visit_statistics(state, keep(read));
    CHECK(written.size() == expected.size());
    CHECK(written == read);

    auto fresh = trained.initial_state(2);  // as the file does not hold what was carried
    nn::visit_statistics(fresh, [&, i = network_parameters.size()](std::string_view, auto& tensor) mutable {
        std::copy(written[i].begin(), written[i].end(), tensor.begin());
        ++i;
    });
    CHECK(identical(net(x, state), trained(x, fresh)));
}
