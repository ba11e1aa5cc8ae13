// SPDX-License-Identifier: MIT
#pragma once

// The calls of every layer, their types forgotten: what a check of all of them is written against, compiled once (calls.cpp).

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nn/core/workspace.hpp>

#include "support/strided.hpp"

namespace nn::test {

/// An array in somebody's memory; strides count elements.
struct Place {
    void* data;
    Extents shape;
    Extents strides;
};

/// A layer of float and what it is called with besides x: nothing, or a state, which this holds. The layer itself may be shared.
class Call {
public:
    Call(std::string called, Extents x, std::vector<std::size_t> axes, bool takes_indices)
        : name(std::move(called)), shape(std::move(x)), free(std::move(axes)), indices(takes_indices) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    virtual ~Call() = default;

    const std::string name;
    const Extents shape;                  ///< of an x
    const std::vector<std::size_t> free;  ///< its axes that may have any extent
    const bool indices;                   ///< x holds ints in 0 … 4, not floats

    /// The same call of the same layer, with its own state and outputs, of the same x.
    virtual std::unique_ptr<Call> another() const = 0;

    /// Begins anew: the state for an x of this shape, as at the start.
    virtual void restart(const Extents& x) = 0;
    /// The state; empty where there is none.
    virtual std::vector<float> state() const = 0;

    /// What `call` is to read from now on, a copy of these elements: an xtensor view, shared with `another()`.
    virtual void give(const Place& x) = 0;
    /// y = layer(x) of the x given, into the held output.
    virtual void call() = 0;

    /// layer.forward_into of views of memory.
    virtual void into(const Place& x, const Place& y, Workspace& workspace) = 0;
    /// layer.forward_into the held output, a tensor.
    virtual void into_held(const Place& x, Workspace& workspace) = 0;

    /// The held output: a tensor of this shape full of nines from here on, or as the last call left it.
    virtual void hold(const Extents& y) = 0;
    virtual Extents held_shape() const = 0;
    virtual std::span<const float> held() const = 0;
};

/// Calls f(call) for all layers of support/layers.hpp and their frozen forms, each without a state and, where it has one, with it: carried,
/// carried with resets, and statistics in training.
void for_each_call(const std::function<void(Call&)>& f);

}  // namespace nn::test
