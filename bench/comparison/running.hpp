// SPDX-License-Identifier: MIT
#pragma once

#include <nn/io/convert.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

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

namespace comparison {

/// Which form of a layer is run. Frozen ones come with nn::freeze.
enum class Form { unfrozen };

inline Form form_named(std::string_view name) {
    if (name == "unfrozen") {
        return Form::unfrozen;
    }
    throw std::invalid_argument("no form " + std::string(name) + ", only unfrozen");
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

/// A layer, its state if it has one and the shape of x, as call(x, y, workspace): the one place that decides how nn is called.
/// To come: nn::freeze(layer, state…, {.algorithm = …, .input_shape = …}) where the form says so.
template <class Layer, std::size_t R, class... State>
auto prepare(Layer layer, [[maybe_unused]] Form form, const nn::Shape<R>& /*input_shape*/, State... state) {
    return [layer = std::move(layer), ... state = std::move(state)](const auto& x, auto& y, nn::Workspace& workspace) {
        layer.forward_into(x, state..., y, workspace);
    };
}

template <class F, class X, class Y>
Running running(F call, X x, Y y) {
    struct Held {
        F call;
        X x;
        Y y;
        nn::Workspace workspace{};
    };
    const auto held = std::make_shared<Held>(Held{std::move(call), std::move(x), std::move(y)});
    return {[held] { held->call(held->x, held->y, held->workspace); },
            [held] { return std::span<const float>(held->y.data(), held->y.size()); }};
}

/// The layer with the weights of the case, ready for inputs of E and rank In and outputs of rank Out.
template <std::size_t In, std::size_t Out, class E = float, class Layer>
Running run(const Case& on, Layer layer, const nn::LoadOptions& options = {}) {
    auto x = nn::SafetensorsFile(on.folder / "x.safetensors").get<E, In>("x");
    nn::Tensor<float, Out> y;
    nn::Shape<In> shape{};
    std::copy(x.shape().begin(), x.shape().end(), shape.begin());
    nn::Sequential file(std::move(layer));  // the names in the file begin with "0."
    const auto path = on.folder / "weights.safetensors";
    if constexpr (requires { file.initial_state(); }) {
        auto state = file.initial_state();
        nn::load_safetensors(path, file, state, options);
        return running(prepare(std::move(file.template get<0>()), on.form, shape, std::move(state.template get<0>())), std::move(x),
                       std::move(y));
    } else {
        nn::load_safetensors(path, file, options);
        return running(prepare(std::move(file.template get<0>()), on.form, shape), std::move(x), std::move(y));
    }
}

Running resnet18(const Case& on);
Running mobilenet_v2(const Case& on);

}  // namespace comparison
