// SPDX-License-Identifier: MIT
#pragma once

// forward_into of networks against their calls.

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/compose/parameters.hpp>
#include <nn/layers/activations.hpp>
#include <nn/tensor.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace nn::test {

/// forward_into gives the bits of the call, cold and warm, into spoiled memory: a tensor of another shape, one that fits, an adaptor, and
/// memory with gaps; states end alike.
template <class Net, class T, std::size_t R, class... State>
void check_into(const Net& net, const Tensor<T, R>& x, const State&... start) {
    const auto run = [&](auto&& input, auto&& output, auto& memory, auto check) {
        std::tuple<State...> expected(start...);
        std::tuple<State...> states(start...);
        const auto y = std::apply([&](auto&... state) { return net(input, state...); }, expected);
        Workspace workspace;
        for (int call = 0; call < 2; ++call) {
            states = std::tuple<State...>(start...);
            std::fill(memory.begin(), memory.end(), T(-9));
            std::apply([&](auto&... state) { net.forward_into(input, state..., output, workspace); }, states);
            CHECK(check(y));
            bool same = true;
            [[maybe_unused]] const auto compare = [&](auto& a, auto& b) {
                std::vector<std::vector<float>> in_a;
                std::vector<std::vector<float>> in_b;
                visit_parameters(a, [&](std::string_view, const auto& tensor) { in_a.push_back(values_of(tensor)); });
                visit_parameters(b, [&](std::string_view, const auto& tensor) { in_b.push_back(values_of(tensor)); });
                same = same && in_a == in_b && !in_a.empty();
            };
            [&]<std::size_t... I>(std::index_sequence<I...>) { (compare(std::get<I>(expected), std::get<I>(states)), ...); }
            (std::index_sequence_for<State...>());
            CHECK(same);
        }
    };
    std::tuple<State...> states(start...);
    const auto y = std::apply([&](auto&... state) { return net(x, state...); }, states);
    constexpr std::size_t rank = rank_of<decltype(y)>;
    using Out = std::remove_const_t<decltype(y)>;
    Out fresh;
    run(x, fresh, fresh, [&](const auto& expected) { return identical(fresh, expected); });
    Out fits = y;
    const auto* const place = fits.data();
    run(x, fits, fits, [&](const auto& expected) { return identical(fits, expected) && fits.data() == place; });
    std::vector<element_of<Out>> buffer(y.size());
    auto adapted = xt::adapt(buffer, y.shape());
    run(view_of(x), adapted, buffer, [&](const auto& expected) { return identical(adapted, expected); });

    // Every second cell, backwards.
    std::vector<element_of<Out>> memory(2 * y.size() + 2);
    View<element_of<Out>, rank> gaps = contiguous(memory.data(), extents_of(y));
    for (index_t& stride : gaps.strides) {
        stride *= 2;
    }
    gaps = reversed(gaps, 0);
    run(view_of(x), gaps, memory, [&](const auto& expected) {
        Out gathered = expected;
        Workspace workspace;
        identity.forward_into(gaps, gathered, workspace);
        bool kept = true;
        for (std::size_t i = 1; i < memory.size(); i += 2) {
            kept = kept && memory[i] == -9;
        }
        return identical(gathered, expected) && kept;
    });

    run(xt::view(x, xt::all()), fresh, fresh, [&](const auto& expected) { return identical(fresh, expected); });
}

}  // namespace nn::test
