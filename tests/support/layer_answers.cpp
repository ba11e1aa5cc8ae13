// SPDX-License-Identifier: MIT
#include "support/layer_answers.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nn/nn.hpp>

#include "support/layers.hpp"
#include "support/random.hpp"

namespace {

/// The frozen form of a row: of its own type where it has none.
template <class L>
auto frozen(const L& layer) {
    return nn::freeze(layer);
}
template <class L>
auto frozen(const nn::test::Inference<L>& layer) {
    return nn::freeze(layer.layer, layer.state);
}

}  // namespace

std::vector<nn::test::LayerAnswer> nn::test::NN_ANSWERS() {
    std::vector<LayerAnswer> all;
    const auto rows = [&]<class L, std::size_t R>(std::string_view name, const L& layer, const Shape<R>& shape, const Free&) {
        Random random(930);  // as support/arrays.hpp
        const auto x = drawn<Input<L, float>>(random, shape);
        const auto answer = [&](const std::string& form, const auto& called) {
            const auto y = called(x);
            all.push_back({std::string(name) + form, {y.begin(), y.end()}});
        };
        answer("", layer);
        if constexpr (!std::is_same_v<decltype(frozen(layer)), L>) {
            answer(", frozen", frozen(layer));
        }
    };
    for_each_layer<float>(rows);
    for_each_path(rows);
    return all;
}
