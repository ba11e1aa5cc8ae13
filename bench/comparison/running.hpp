// SPDX-License-Identifier: MIT
#pragma once

#include <nn/io/convert.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>
#include <nn/threads.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace comparison {

/// Which form of a layer is run: itself, or frozen with either algorithm.
enum class Form { unfrozen, exact, automatic };

inline Form form_named(std::string_view name) {
    if (name == "unfrozen") {
        return Form::unfrozen;
    }
    if (name == "exact") {
        return Form::exact;
    }
    if (name == "automatic") {
        return Form::automatic;
    }
    throw std::invalid_argument("no form " + std::string(name) + ", only unfrozen, exact and automatic");
}

/// A case, as the folder that `bench/compare` writes describes it.
struct Case {
    std::filesystem::path folder;
    nlohmann::json workload;
    Form form = Form::unfrozen;
};

/// A case that is ready: `call` is what is timed, `output` what the last call answered.
struct Running {
    std::function<void()> call;
    std::function<std::span<const float>()> output;
};

/// The threads of every call; `count` at the first call, which is main's.
inline nn::ThreadPool& threads(nn::index_t count = 1) {
    static nn::ThreadPool pool(count);
    return pool;
}

template <class X, class Y>
using Call = std::function<void(const X& x, Y& y, nn::Workspace& workspace)>;

/// A layer, and its state if it has one, as a call with arrays of x's shape: the one place that decides how nn is called. The peers know
/// the shape beforehand too.
template <class X, class Y, class Layer, class... State>
Call<X, Y> prepare(Layer layer, Form form, const X& like, State... state) {
    if (form == Form::unfrozen) {
        return [layer = std::move(layer), ... state = std::move(state)](const X& x, Y& y, nn::Workspace& workspace) {
            layer.forward_into(x, state..., y, workspace);
        };
    }
    const auto algorithm = form == Form::exact ? nn::ConvAlgorithm::exact : nn::ConvAlgorithm::automatic;
    const std::vector<nn::index_t> shape(like.shape().begin(), like.shape().end());
    return [frozen = nn::freeze(layer, state..., {.algorithm = algorithm, .input_shape = shape})](const X& x, Y& y, nn::Workspace& workspace) {
        frozen.forward_into(x, y, workspace);
    };
}

template <class X, class Y>
Running running(Call<X, Y> call, X x, Y y) {
    struct Held {
        Call<X, Y> call;
        X x;
        Y y;
        nn::Workspace workspace{threads()};
    };
    const auto held = std::make_shared<Held>(Held{std::move(call), std::move(x), std::move(y)});
    return {[held] { held->call(held->x, held->y, held->workspace); },
            [held] { return std::span<const float>(held->y.data(), held->y.size()); }};
}

/// The layer with the weights of the case, ready for inputs of E and rank In and outputs of rank Out.
template <std::size_t In, std::size_t Out, class E = float, class Layer>
Running run(const Case& on, Layer layer, const nn::LoadOptions& options = {}) {
    using X = nn::Tensor<E, In>;
    using Y = nn::Tensor<float, Out>;
    auto x = nn::SafetensorsFile(on.folder / "x.safetensors").get<E, In>("x");
    nn::Sequential file(std::move(layer));  // the names in the file begin with "0."
    const auto path = on.folder / "weights.safetensors";
    if constexpr (requires { file.initial_state(); }) {
        auto state = file.initial_state();
        nn::load_safetensors(path, file, state, options);
        auto call = prepare<X, Y>(std::move(file.template get<0>()), on.form, x, std::move(state.template get<0>()));
        return running<X, Y>(std::move(call), std::move(x), {});
    } else {
        nn::load_safetensors(path, file, options);
        auto call = prepare<X, Y>(std::move(file.template get<0>()), on.form, x);
        return running<X, Y>(std::move(call), std::move(x), {});
    }
}

Running resnet18(const Case& on);
Running mobilenet_v2(const Case& on);

}  // namespace comparison
