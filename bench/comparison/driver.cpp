// SPDX-License-Identifier: MIT
//
// nn's side of bench/compare: driver FORM THREADS. Answers the requests that worker.py answers for the peers; see there.

#include "running.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace comparison {
namespace {

using nn::index_t;

/// A field of the workload: numbers, flags, one number per axis.
struct Field {
    const nlohmann::json& value;

    template <class T>
    operator T() const {  // NOLINT: it becomes what the option is
        return value.get<T>();
    }
    template <std::size_t N>
    std::array<index_t, N> axes() const {
        return value.get<std::array<index_t, N>>();
    }
};

template <std::size_t N>
Running conv(const Case& on) {
    const auto field = [&](const char* name) { return Field{on.workload.at(name)}; };
    return run<N + 2, N + 2>(on, nn::Conv<float, N>({.in_channels = field("in_channels"),
                                                     .out_channels = field("out_channels"),
                                                     .kernel_size = field("kernel_size").template axes<N>(),
                                                     .stride = field("stride").template axes<N>(),
                                                     .padding = field("padding").template axes<N>(),
                                                     .dilation = field("dilation").template axes<N>(),
                                                     .groups = field("groups"),
                                                     .use_bias = field("bias")},
                                                    nn::no_init));
}

template <std::size_t N>
Running conv_transpose(const Case& on) {
    const auto field = [&](const char* name) { return Field{on.workload.at(name)}; };
    const index_t groups = field("groups");
    const auto weight = [groups](const nn::Array& array) { return nn::from_torch_transposed(array, groups); };
    return run<N + 2, N + 2>(on,
                             nn::ConvTranspose<float, N>({.in_channels = field("in_channels"),
                                                          .out_channels = field("out_channels"),
                                                          .kernel_size = field("kernel_size").template axes<N>(),
                                                          .stride = field("stride").template axes<N>(),
                                                          .padding = field("padding").template axes<N>(),
                                                          .output_padding = field("output_padding").template axes<N>(),
                                                          .dilation = field("dilation").template axes<N>(),
                                                          .groups = groups,
                                                          .use_bias = field("bias")},
                                                         nn::no_init),
                             {.convert = {{"0.weight", weight}}});
}

template <std::size_t N>
Running batch_norm(const Case& on) {
    return run<N + 2, N + 2>(on, nn::BatchNorm<float, N>({.size = on.workload.at("channels"), .eps = on.workload.at("eps")}));
}

template <std::size_t N>
Running group_norm(const Case& on) {
    return run<N + 2, N + 2>(
        on, nn::GroupNorm<float, N>(
                {.groups = on.workload.at("groups"), .channels = on.workload.at("channels"), .eps = on.workload.at("eps")}));
}

template <std::size_t N>
Running lrn(const Case& on) {
    return run<N + 2, N + 2>(on, nn::LocalResponseNorm<float, N>({.size = on.workload.at("size"),
                                                                  .alpha = on.workload.at("alpha"),
                                                                  .beta = on.workload.at("beta"),
                                                                  .k = on.workload.at("k"),
                                                                  .average = true}));
}

template <std::size_t N, class Pool>
Running pool(const Case& on) {
    return run<N + 2, N + 2>(on, Pool({.window = Field{on.workload.at("kernel_size")}.axes<N>(),
                                       .stride = Field{on.workload.at("stride")}.axes<N>(),
                                       .padding = Field{on.workload.at("padding")}.axes<N>(),
                                       .count_padding = true}));
}
template <std::size_t N>
Running max_pool(const Case& on) {
    return pool<N, nn::MaxPool<N>>(on);
}
template <std::size_t N>
Running avg_pool(const Case& on) {
    return pool<N, nn::AvgPool<N>>(on);
}

/// Norms over the last axis of a matrix.
template <class Norm>
Running last_axis_norm(const Case& on) {
    return run<2, 2>(on, Norm({.shape = Field{on.workload.at("normalized_shape")}.axes<1>(), .eps = on.workload.at("eps")}));
}

Running linear(const Case& on) {
    return run<2, 2>(on, nn::Linear<float>({.in_features = on.workload.at("in_features"),
                                            .out_features = on.workload.at("out_features"),
                                            .use_bias = on.workload.at("bias")},
                                           nn::no_init));
}

template <class Layer>
Running recurrent(const Case& on, const nn::Conversion& conversion) {
    return run<3, 3>(on, Layer({.input_size = on.workload.at("input_size"), .hidden_size = on.workload.at("hidden_size")}, nn::no_init),
                     {.convert = {conversion}});
}
Running lstm(const Case& on) { return recurrent<nn::LSTM<float>>(on, {"0", nn::lstm_from_torch}); }
Running gru(const Case& on) { return recurrent<nn::GRU<float>>(on, {"0", nn::gru_from_torch}); }

Running embedding(const Case& on) {
    return run<1, 2, std::int64_t>(
        on, nn::Embed<float>({.num_embeddings = on.workload.at("num_embeddings"), .embedding_size = on.workload.at("embedding_dim")},
                             nn::no_init));
}
Running identity(const Case& on) { return run<1, 1>(on, nn::identity); }

using Make = Running (*)(const Case&);

/// By op, and by the number of spatial axes where there are any.
Make make_of(const nlohmann::json& workload) {
    static const std::map<std::string, Make> makes{
        {"conv 1", conv<1>},
        {"conv 2", conv<2>},
        {"conv 3", conv<3>},
        {"conv_transpose 1", conv_transpose<1>},
        {"conv_transpose 2", conv_transpose<2>},
        {"conv_transpose 3", conv_transpose<3>},
        {"batch_norm 2", batch_norm<2>},
        {"group_norm 2", group_norm<2>},
        {"lrn 2", lrn<2>},
        {"max_pool 2", max_pool<2>},
        {"avg_pool 2", avg_pool<2>},
        {"linear", linear},
        {"layer_norm", last_axis_norm<nn::LayerNorm<float, 1>>},
        {"rms_norm", last_axis_norm<nn::RMSNorm<float, 1>>},
        {"lstm", lstm},
        {"gru", gru},
        {"embedding", embedding},
        {"identity", identity},
        {"resnet18 2", resnet18},
        {"mobilenet_v2 2", mobilenet_v2},
    };
    std::string key = workload.at("op");
    if (workload.contains("spatial")) {
        key += " " + std::to_string(workload.at("spatial").size());
    }
    const auto found = makes.find(key);
    if (found == makes.end()) {
        throw std::invalid_argument("the driver has no " + key);
    }
    return found->second;
}

Running load(const std::filesystem::path& folder, Form form) {
    std::ifstream file(folder / "workload.json");
    const Case on{.folder = folder, .workload = nlohmann::json::parse(file), .form = form};
    Running made = make_of(on.workload)(on);
    made.call();
    return made;
}

std::string timed(const Running& running, long count) {
    using Clock = std::chrono::steady_clock;
    std::ostringstream times;
    for (long i = 0; i < count; ++i) {
        const auto start = Clock::now();
        running.call();
        times << (i == 0 ? "" : " ") << std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
    }
    return times.str();
}

void write(std::span<const float> values, const std::string& path) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
}

}  // namespace
}  // namespace comparison

int main(int count, char** arguments) {
    using namespace comparison;
    if (count != 3) {
        std::cerr << "driver FORM THREADS\n";
        return 2;
    }
    threads(std::stol(arguments[2]));
    Running running;
    for (std::string line; std::getline(std::cin, line);) {
        const std::size_t space = line.find(' ');
        const std::string word = line.substr(0, space);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        try {
            const Form form = form_named(arguments[1]);
            std::string answer;
            if (word == "version") {
                answer = std::to_string(NN_VERSION_MAJOR) + "." + std::to_string(NN_VERSION_MINOR) + "." + std::to_string(NN_VERSION_PATCH);
            } else if (word == "load") {
                running = {};
                running = load(rest, form);
            } else if (word == "time") {
                answer = timed(running, std::stol(rest));
            } else if (word == "output") {
                write(running.output(), rest);
            }
            std::cout << "ok " << answer << std::endl;
        } catch (const std::exception& error) {
            std::cout << "error " << error.what() << std::endl;
        }
    }
}
