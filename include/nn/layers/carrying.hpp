// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::fill_n
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include <nn/layers/call.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// The calls of a layer L with a carried `State`: y = layer(x), from zeros; layer(x, state); layer(x, state, resets). Axes is 2 for
/// sequences (…, T, D), 1 for single steps (…, D). L has
///
///     name                                           begins the error texts
///     state_shapes(batch)                           their shapes, as an array
///     views(state)                                  views of them, as an array
///     item(x)                                       the extents of one item of y, checked
///     run(x, views, resets, y, workspace)           the call, on views
template <class L, class State, class T, std::size_t Axes>
struct Carrying : OutputShape<Carrying<L, State, T, Axes>, Axes> {
    static constexpr bool carries = true;

    /// y, from a state of zeros.
    template <tensor_of<T, Axes> X>
    auto operator()(const X& x) const {
        return evaluate(from_zeros(), x);
    }
    /// y, from this state, which is written.
    template <tensor_of<T, Axes> X>
    auto operator()(const X& x, State& state) const {
        return evaluate(with(L::views(state), {}), x);
    }
    /// The same, and a batch element starts afresh before each step that `resets` marks.
    template <tensor_of<T, Axes> X, tensor_of<bool, Axes - 1> Resets, class Self = L>
        requires(Self::takes_resets)
    auto operator()(const X& x, State& state, const Resets& resets) const {
        const Operand<const Resets> held(resets);
        return evaluate(with(L::views(state), held.template batch<Axes - 1>(L::name, "resets")), x);
    }
    /// The same three calls into y: a container of another shape is replaced by one that fits, a view must fit. Allocates nothing once
    /// warm.
    template <input_of<T, Axes> X, output_of<T, Axes> Y>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const {
        evaluate_into(from_zeros(), x, y, workspace);
    }
    template <input_of<T, Axes> X, output_of<T, Axes> Y>
    void forward_into(const X& x, State& state, Y&& y, Workspace& workspace) const {
        evaluate_into(with(L::views(state), {}), x, y, workspace);
    }
    template <input_of<T, Axes> X, input_of<bool, Axes - 1> Resets, output_of<T, Axes> Y, class Self = L>
        requires(Self::takes_resets)
    void forward_into(const X& x, State& state, const Resets& resets, Y&& y, Workspace& workspace) const {
        const Operand<const Resets> held(resets);
        evaluate_into(with(L::views(state), held.template batch<Axes - 1>(L::name, "resets")), x, y, workspace);
    }

private:
    friend OutputShape<Carrying, Axes>;
    using Resets = std::optional<Batch<const bool, Axes - 1>>;

    const L& self() const { return static_cast<const L&>(*this); }

    auto item() const {
        return [this](const Batch<const T, Axes>& x) { return self().item(x); };
    }
    template <class Views>
    auto with(const Views& state, const Resets& resets) const {
        return operation<T, Axes, Axes>(
            L::name, item(), [this, state, resets](const Batch<const T, Axes>& x, const Batch<T, Axes>& y, Workspace& workspace) {
                self().run(x, state, resets, y, workspace);
            });
    }
    auto shaped() const { return from_zeros(); }
    auto from_zeros() const {
        return operation<T, Axes, Axes>(L::name, item(),
                                        [this](const Batch<const T, Axes>& x, const Batch<T, Axes>& y, Workspace& workspace) {
                                            const Shape<Axes> expected = self().item(x);  // sizes first: the state is made by them
                                            if (y.empty()) {  // there may be many items without a step
                                                check_output(L::name, x, expected, y);
                                                return;
                                            }
                                            const auto frame = workspace.frame();
                                            self().run(x, zeros(self().state_shapes(x.count()), frame), {}, y, workspace);
                                        });
    }
    template <std::size_t R, std::size_t Arrays>
    static auto zeros(const std::array<Shape<R>, Arrays>& shapes, const Workspace::Frame& frame) {
        std::array<View<T, R>, Arrays> state;
        for (std::size_t i = 0; i < Arrays; ++i) {
            check_allocatable(L::name, shapes[i], sizeof(T));
            const index_t count = element_count(shapes[i]);
            state[i] = contiguous(frame.template take<T>(count), shapes[i]);
            std::fill_n(state[i].data, count, T(0));
        }
        return state;
    }
};

}  // namespace nn::inline NN_ABI::detail
