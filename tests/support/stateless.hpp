// SPDX-License-Identifier: MIT
#pragma once

// Calls that take more than x, as layers of x alone.

#include <utility>

#include <nn/core/mode.hpp>
#include <nn/core/workspace.hpp>

namespace nn::test {

/// A layer with statistics, which it reads.
template <class L>
struct Inference {
    const L& layer;
    const typename L::State& state;

    auto operator()(const auto& x) const { return layer(x, state); }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        layer.forward_into(x, state, std::forward<Y>(y), workspace);
    }
    auto output_shape(const auto& x) const { return layer.output_shape(x); }
};

/// A layer with statistics in training, from the same ones at every call.
template <class L>
struct Trained {
    const L& layer;
    const typename L::State& state;

    auto operator()(const auto& x) const {
        typename L::State own = state;
        return layer(x, own, training());
    }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        typename L::State own = state;
        layer.forward_into(x, own, training(), std::forward<Y>(y), workspace);
    }
    auto output_shape(const auto& x) const { return layer.output_shape(x); }
};

/// `attend` of an Embed.
template <class L>
struct Attend {
    const L& embed;

    auto operator()(const auto& x) const { return embed.attend(x); }
    template <class X, class Y>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        embed.attend_into(x, std::forward<Y>(y), workspace);
    }
};

}  // namespace nn::test
