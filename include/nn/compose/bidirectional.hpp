// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>  // std::size_t
#include <tuple>    // std::tie
#include <utility>  // std::move

#include <nn/compose/chain.hpp>
#include <nn/kernels/elementwise.hpp>

namespace nn::inline NN_ABI {

/// The states of the two directions of a `Bidirectional`.
template <class Forward, class Backward>
struct BidirectionalState {
    Forward forward;    ///< where the forward layer ended
    Backward backward;  ///< where the backward layer ended

    static void members(auto& self, auto&& f) {
        f("forward", self.forward);
        f("backward", self.backward);
    }
};

namespace detail {

template <class L, std::size_t R>
concept tells_shape = requires(const L& layer, const Shape<R>& shape) {
    layer.output_shape(shape);
};

template <bool Stateful, class Forward, class Backward>
struct BidirectionalBase {};
template <class Forward, class Backward>
struct BidirectionalBase<true, Forward, Backward> {
    using State = BidirectionalState<StateOf<Forward>, StateOf<Backward>>;
};

}  // namespace detail

/// Two recurrent layers, the second over the reversed sequence, their outputs side by side.
///
///     y[…, t, :] = (forward(x)[…, t, :], reverse(backward(reverse(x)))[…, t, :])
///
///     x (…, T, D)    y (…, T, F + G) for layers that make (…, T, F) and (…, T, G)
///
/// Called as bi(x), from zeros, or as bi(x, state), where `state.forward` and `state.backward` are what each direction starts from and,
/// afterwards, where it ended: the forward one after the last step, the backward one after the first. A sequence can therefore not be
/// cut, and resets do not compile. Both layers must be able to tell their output's shape before they run, as all of nn's can.
///
/// Errors  those of the layers, and shape_error where their outputs do not stand side by side; output and state are as before.
/// Cost    that of the layers; scratch for their outputs.
/// Source  Schuster & Paliwal 1997; the order of torch.nn.LSTM(bidirectional = True).
template <class Forward, class Backward>
struct Bidirectional : detail::BidirectionalBase<detail::stateful<Forward> || detail::stateful<Backward>, Forward, Backward>,
                       detail::Composite<Bidirectional<Forward, Backward>> {
    Forward forward;    ///< over the sequence as it is
    Backward backward;  ///< over the sequence reversed

    static constexpr std::string_view name = "nn::Bidirectional";
    static constexpr bool carries = detail::carries<Forward> || detail::carries<Backward>;
    static constexpr bool takes_resets = false;
    static constexpr bool needs_state = detail::needs_state<Forward> || detail::needs_state<Backward>;
    static constexpr bool allocation_free = detail::is_allocation_free<Forward>() && detail::is_allocation_free<Backward>();

    /// From the two layers, which are copied or moved.
    Bidirectional(Forward forward_, Backward backward_) : forward(std::move(forward_)), backward(std::move(backward_)) {}

    auto initial_state() const requires(!carries && (detail::stateful<Forward> || detail::stateful<Backward>)) {
        return BidirectionalState<detail::StateOf<Forward>, detail::StateOf<Backward>>{detail::initial_state_of(forward, 0),
                                                                                       detail::initial_state_of(backward, 0)};
    }
    auto initial_state(index_t batch) const requires carries {
        return BidirectionalState<detail::StateOf<Forward>, detail::StateOf<Backward>>{detail::initial_state_of(forward, batch),
                                                                                       detail::initial_state_of(backward, batch)};
    }

    /// What x of this shape becomes; nothing is computed.
    template <std::size_t R>
        requires(R >= 2 && detail::tells_shape<Forward, R> && detail::tells_shape<Backward, R>)
    Shape<R> output_shape(const Shape<R>& x)
    const { return side_by_side(forward.output_shape(x), backward.output_shape(x), x); }

    static void members(auto& self, auto&& f) {
        f("forward", self.forward);
        f("backward", self.backward);
    }

private:
    friend detail::Composite<Bidirectional>;

    auto children() const { return std::tie(forward, backward); }
    static auto child_states(auto& state) { return std::tie(state.forward, state.backward); }

    template <std::size_t R>
    static Shape<R> side_by_side(const Shape<R>& ahead, const Shape<R>& back, const Shape<R>& x) {
        Shape<R> together = ahead;
        together[R - 1] = back[R - 1];
        require(together == back, name, "the layers make ", ahead, " and ", back, ", which do not stand side by side  [x ", x, "]");
        together[R - 1] = saturating_add(ahead[R - 1], back[R - 1]);
        return together;
    }

    template <class T>
    static auto operation(const auto& layers, const auto& states, const auto& context) {
        static_assert(detail::tells_shape<Forward, 3> && detail::tells_shape<Backward, 3>,
                      "nn::Bidirectional: both layers need a member output_shape");
        const auto& [ahead, back] = layers;
        const auto item = [&ahead = ahead, &back = back](const Batch<const T, 2>& x) {
            const Shape<3> shape{x.count(), x.item()[0], x.item()[1]};
            const Shape<3> y = side_by_side(ahead.output_shape(shape), back.output_shape(shape), shape);
            return Shape<2>{y[1], y[2]};
        };
        const auto run = [&ahead = ahead, &back = back, item, &states, &context](const Batch<const T, 2>& x, const Batch<T, 2>& y,
                                                                                 Workspace& workspace) {
            check_output(name, x, item(x), y);
            check_apart(name, "y", y, "x", x);
            if (y.empty()) {
                return;  // of however many items
            }
            const auto frame = workspace.frame();
            const auto scratch = [&](const Shape<3>& shape) { return contiguous(frame.template take<T>(element_count(shape)), shape); };
            const View<const T, 3> source = x.uniform() ? x.stacked() : gathered(x, scratch({x.count(), x.item()[0], x.item()[1]}));
            View<T, 3> first = scratch(ahead.output_shape(source.shape));
            View<T, 3> second = scratch(back.output_shape(source.shape));
            View<T, 3> second_in_time = reversed(second, 1);
            detail::call_into(ahead, source, std::get<0>(states), first, workspace, context);
            detail::call_into(back, reversed(source, 1), std::get<1>(states), second_in_time, workspace, context);
            for (index_t b = 0; b < y.count(); ++b) {
                copy_columns<T>(at(first, b), y[b], 0);
                copy_columns<T>(at(second, b), y[b], first.shape[2]);
            }
        };
        return detail::operation<T, 2, 2>(name, item, run);
    }

    template <class T>
    static View<const T, 3> gathered(const Batch<const T, 2>& x, const View<T, 3>& to) {
        for (index_t b = 0; b < x.count(); ++b) {
            kernels::transform(
                at(to, b), [](T v) { return v; }, x[b]);
        }
        return to;
    }

    template <class T>
    static void copy_columns(const View<const T, 2>& from, View<T, 2> to, index_t column) {
        to.data += column * to.strides[1];
        to.shape[1] = from.shape[1];
        kernels::transform(
            to, [](T v) { return v; }, from);
    }

    static auto value(const auto& layers, const auto& states, const auto& x, const auto& context) {
        return detail::evaluate(operation<element_of<decltype(x)>>(layers, states, context), x);
    }
    static void into(const auto& layers, const auto& states, const auto& x, auto& y, Workspace& workspace, const auto& context) {
        detail::evaluate_into(operation<element_of<decltype(x)>>(layers, states, context), x, y, workspace);
    }
};

/// So that the types of its parts need not be named.
template <class Forward, class Backward>
Bidirectional(Forward, Backward) -> Bidirectional<Forward, Backward>;

}  // namespace nn::inline NN_ABI
