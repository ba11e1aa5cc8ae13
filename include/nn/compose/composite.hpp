// SPDX-License-Identifier: MIT
#pragma once

// The protocol of a layer, and what layers made of layers have in common. A layer L is anything that can be called, y = layer(x). Optional
// members are used where they are there:
//
//     forward_into(x, y, workspace)          the same into y, without allocation once warm
//     output_shape(shape)                    the shape of y, of a Shape<R> or a std::vector<index_t>
//     members(self, f)                       static: f("name", self.name) for each parameter and each child
//     multiply_adds(shape)                   for nn::summary
//     frozen(options)                        for nn::freeze; frozen(options, state) with a state
//     State                                  y = layer(x, state), forward_into(x, state, y, workspace); `members` says what of it is put
//                                            back when a later layer throws, and what is saved of statistics
//     initial_state()                        a State of statistics
//     carries = true                         every call writes the state: initial_state(batch); layer(x) starts from it
//     takes_resets = true                    y = layer(x, state, resets) as well
//     allocation_free = false                forward_into allocates all the same

#include <cstddef>      // std::byte, std::size_t
#include <cstring>      // std::memcpy
#include <random>       // std::minstd_rand
#include <string>       // std::to_string
#include <tuple>        // std::tuple
#include <type_traits>  // std::is_invocable_v
#include <utility>      // std::as_const

#include <nn/compose/parameters.hpp>
#include <nn/core/mode.hpp>
#include <nn/core/workspace.hpp>
#include <nn/layers/call.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// The state of a layer without one.
struct NoState {};
inline constexpr NoState no_state{};

template <class L>
concept stateful = requires {
    typename L::State;
};

template <class L>
struct StateOfLayer {
    using type = NoState;
};
template <stateful L>
struct StateOfLayer<L> {
    using type = typename L::State;
};
template <class L>
using StateOf = typename StateOfLayer<L>::type;

/// Whether every call of the layer writes its state.
template <class L>
inline constexpr bool carries = false;
template <class L>
    requires requires { L::carries; }
inline constexpr bool carries<L> = L::carries;

/// Whether a carrying layer may be given resets: if it says so.
template <class L>
inline constexpr bool takes_resets = false;
template <class L>
    requires requires { L::takes_resets; }
inline constexpr bool takes_resets<L> = L::takes_resets;

/// Whether the layer cannot be called without a state: it has statistics. A carrying layer starts from zeros.
template <class L>
inline constexpr bool needs_state = stateful<L> && !carries<L>;
template <class L>
    requires requires { L::needs_state; }
inline constexpr bool needs_state<L> = L::needs_state;

/// Whether a class has a member called forward_into: then the name is ambiguous in a class that inherits a second one.
struct ForwardInto {
    int forward_into;
};
template <class L>
struct WithForwardInto : L, ForwardInto {};
template <class L>
constexpr bool names_forward_into() {
    if constexpr (std::is_class_v<L> && !std::is_final_v<L>) {
        return !requires { &WithForwardInto<L>::forward_into; };
    } else {
        return false;
    }
}
template <class L>
constexpr bool is_allocation_free() {
    if constexpr (requires { L::allocation_free; }) {
        return L::allocation_free;
    } else {
        return names_forward_into<L>();
    }
}

template <class L>
StateOf<L> initial_state_of(const L& layer, [[maybe_unused]] index_t batch) {
    if constexpr (!stateful<L>) {
        return {};
    } else if constexpr (carries<L>) {
        return layer.initial_state(batch);
    } else {
        return layer.initial_state();
    }
}

/// What a call is given besides x and the state.
struct NoResets {};
struct NoMode {};
template <class Resets, class Mode>
struct Context {
    static constexpr bool resets_given = !std::is_same_v<Resets, NoResets>;
    static constexpr bool trains = is_training<Mode>;

    const Resets& resets;
    Mode mode;
};

template <class L, class Arguments, class... More>
inline constexpr bool invocable_with = false;
template <class L, class... A, class... More>
inline constexpr bool invocable_with<L, std::tuple<A...>, More...> = std::is_invocable_v<const L&, A..., More...>;

/// The arguments that `layer` takes of x, state, resets and mode. The mode goes to every layer that could take one, so that a mode it
/// cannot take (training without an engine, for Dropout) does not compile instead of being dropped.
template <class L, class X, class S, class C>
auto arguments_of(const L&, const X& x, [[maybe_unused]] S& state, [[maybe_unused]] const C& context) {
    const auto without_mode = [&] {
        if constexpr (!stateful<L> || std::is_same_v<std::remove_const_t<S>, NoState>) {
            return std::tie(x);
        } else if constexpr (carries<L> && C::resets_given) {
            return std::tie(x, state, context.resets);
        } else {
            return std::tie(x, state);
        }
    }();
    if constexpr (C::trains && invocable_with<L, std::remove_const_t<decltype(without_mode)>, Training<std::minstd_rand>>) {
        return std::tuple_cat(without_mode, std::tuple(context.mode));
    } else {
        return without_mode;
    }
}
template <class L, class X, class S, class C>
using ArgumentsOf =
    decltype(arguments_of(std::declval<const L&>(), std::declval<const X&>(), std::declval<S&>(), std::declval<const C&>()));

/// Calls `f` with "0", "1", … and the elements of a tuple.
template <class Tuple, class F>
void visit_numbered(Tuple& tuple, F& f) {
    const auto visit = [&]<std::size_t... I>(std::index_sequence<I...>) { (f(std::to_string(I), std::get<I>(tuple)), ...); };
    visit(std::make_index_sequence<std::tuple_size_v<std::remove_const_t<Tuple>>>());
}

/// Puts every tensor that a state's `members` name back as it was, unless `commit` is called: a call that throws half way leaves no trace.
/// A tensor to which the call gave other memory stays as it is: no layer of nn does that, and there is none to put it back into.
template <class State>
class Rollback {
public:
    Rollback(State& state, const Workspace::Frame& frame) : state_(state) {
        index_t bytes = 0;
        for_each_tensor(state, [&](auto& tensor) {
            ++tensors_;
            bytes += byte_count(tensor);
        });
        copies_ = frame.take<Copy>(tensors_);
        auto* to = frame.take<std::byte>(bytes);
        Copy* next = copies_;
        for_each_tensor(state, [&](auto& tensor) {
            const index_t size = byte_count(tensor);
            *next++ = {tensor.data(), size, to};
            if (size > 0) {
                std::memcpy(to, tensor.data(), static_cast<std::size_t>(size));
            }
            to += size;
        });
    }
    Rollback(const Rollback&) = delete;
    Rollback& operator=(const Rollback&) = delete;
    ~Rollback() {
        if (!committed_) {
            for_each_tensor(state_, [&](auto& tensor) {
                for (const Copy* copy = copies_; copy != copies_ + tensors_; ++copy) {
                    if (copy->of == tensor.data() && copy->size == byte_count(tensor) && copy->size > 0) {
                        std::memcpy(tensor.data(), copy->bytes, static_cast<std::size_t>(copy->size));
                    }
                }
            });
        }
    }
    void commit() { committed_ = true; }

private:
    struct Copy {
        const void* of;
        index_t size;
        const std::byte* bytes;
    };

    static index_t byte_count(const auto& tensor) { return static_cast<index_t>(tensor.size() * sizeof(*tensor.data())); }

    State& state_;
    Copy* copies_ = nullptr;
    index_t tensors_ = 0;
    bool committed_ = false;
};

template <class Layers>
auto initial_states(const Layers& layers, index_t batch) {
    return std::apply([&](const auto&... layer) { return std::tuple(initial_state_of(layer, batch)...); }, layers);
}

/// What may stand behind x in the call of a composite L: [state][, resets][, mode], in this order.
template <class L, class A>
inline constexpr bool is_state_of = false;
template <stateful L, class A>
inline constexpr bool is_state_of<L, A> = std::is_same_v<std::remove_cvref_t<A>, typename L::State>;
template <class A>
concept resets = tensor_of<A, bool>;

template <class L, class... Extra>
constexpr bool takes() {
    enum Stage { nothing, state, resets_, mode_ };
    Stage stage = nothing;
    bool ok = true;
    bool writable = false;
    const auto next = [&](Stage to, bool allowed) {
        ok = ok && allowed && to > stage;
        stage = to;
    };
    [[maybe_unused]] const auto look = [&]<class A>(std::type_identity<A>) {
        if constexpr (is_state_of<L, A>) {
            writable = !std::is_const_v<std::remove_reference_t<A>>;
            next(state, writable || !carries<L>);
        } else if constexpr (resets<A>) {
            next(resets_, takes_resets<L> && stage == state);
        } else {
            next(mode_, mode<A> && (stage == nothing || writable));
        }
    };
    (look(std::type_identity<Extra>()), ...);
    const bool state_given = (is_state_of<L, Extra> || ...);
    return ok && (state_given || !needs_state<L>);
}

/// The calls of a layer L that is made of layers. L has
///
///     children()                                                  a tuple of references to the layers
///     child_states(state)                                         a tuple of references to their states
///     value(layers, states, x, context)                           y
///     into(layers, states, x, y, workspace, context)              the same into y
template <class L>
struct Composite {
    /// y; `extra` is a state, resets and a mode, in this order, as far as the layers take them.
    template <class X, class... Extra>
        requires(takes<L, Extra&...>())
    auto operator()(const X& x, Extra&&... extra) const {
        Workspace workspace;
        return run(
            workspace,
            [&](const auto& layers, const auto& states, const auto& context) { return self().value(layers, states, x, context); },
            extra...);
    }
    /// The same into y: a container of another shape is replaced by one that fits, a view must fit.
    template <class X, class Y>
        requires(takes<L>())
    void forward_into(const X& x, Y&& y, Workspace& workspace) const { run_into(x, y, workspace); }
    template <class X, class A, class Y>
        requires(takes<L, A&>())
    void forward_into(const X& x, A&& a, Y&& y, Workspace& workspace) const { run_into(x, y, workspace, a); }
    template <class X, class A, class B, class Y>
        requires(takes<L, A&, B&>())
    void forward_into(const X& x, A&& a, B&& b, Y&& y, Workspace& workspace) const { run_into(x, y, workspace, a, b); }
    template <class X, class A, class B, class C, class Y>
        requires(takes<L, A&, B&, C&>())
    void forward_into(const X& x, A&& a, B&& b, C&& c, Y&& y, Workspace& workspace) const { run_into(x, y, workspace, a, b, c); }

    /// References to the children, for whoever walks a network.
    static auto children_of(const L& layer) { return layer.children(); }
    /// References to the children's states, of the network's state or of none.
    template <class S>
    static auto states_of(const L& layer, const S& state) {
        if constexpr (std::is_same_v<S, NoState>) {
            return std::apply([](const auto&... child) { return std::tie(((void)child, no_state)...); }, layer.children());
        } else {
            return L::child_states(state);
        }
    }

private:
    const L& self() const { return static_cast<const L&>(*this); }

    template <class X, class Y, class... Extra>
    void run_into(const X& x, Y& y, Workspace& workspace, Extra&... extra) const {
        (check_apart_from_state(y, extra), ...);
        run(
            workspace,
            [&](const auto& layers, const auto& states, const auto& context) { self().into(layers, states, x, y, workspace, context); },
            extra...);
    }

    /// Refuses a y on the state of any child: but for the last they see y never, and that one not the states of the others.
    template <class Y, class A>
    static void check_apart_from_state(Y& y, A& extra) {
        if constexpr (is_state_of<L, A> && in_memory<Y>) {
            const Operand<Y> out(y);
            const auto target = out.template batch<0>(L::name, "y");
            for_each_tensor(extra, [&](auto& tensor) {
                const auto part = view_of(tensor);
                check_apart(L::name, "y", target, "the state", Batch<std::remove_pointer_t<decltype(part.data)>, 0>(part));
            });
        }
    }

    /// Calls `f(children, states, context)`; a state that the call writes is put back if it throws.
    template <class F, class... Extra>
    auto run(Workspace& workspace, const F& f, Extra&... extra) const {
        if constexpr (sizeof...(Extra) == 0) {
            return without_state(f, NoMode{});
        } else {
            return with_first(workspace, f, extra...);
        }
    }
    template <class F, class A, class... Extra>
    auto with_first(Workspace& workspace, const F& f, A& first, Extra&... extra) const {
        if constexpr (!is_state_of<L, A>) {
            return without_state(f, first);
        } else {
            const auto frame = workspace.frame();
            constexpr bool written = !std::is_const_v<A> && (carries<L> || (is_training<std::remove_const_t<Extra>> || ...));
            if constexpr (!written) {
                return f(self().children(), L::child_states(std::as_const(first)), context_of(extra...));
            } else {
                Rollback<A> rollback(first, frame);
                if constexpr (std::is_void_v<decltype(f(self().children(), L::child_states(first), context_of(extra...)))>) {
                    f(self().children(), L::child_states(first), context_of(extra...));
                    rollback.commit();
                } else {
                    auto y = f(self().children(), L::child_states(first), context_of(extra...));
                    rollback.commit();
                    return y;
                }
            }
        }
    }
    template <class F, class Mode>
    auto without_state(const F& f, const Mode& mode) const {
        const auto layers = self().children();
        const auto states = std::apply([](const auto&... layer) { return std::tie(((void)layer, no_state)...); }, layers);
        return f(layers, states, Context<NoResets, Mode>{no_resets, mode});
    }

    static constexpr NoResets no_resets{};
    static auto context_of() { return Context<NoResets, NoMode>{no_resets, {}}; }
    template <class A>
    static auto context_of(const A& a) {
        if constexpr (is_training<A>) {
            return Context<NoResets, A>{no_resets, a};
        } else {
            return Context<A, NoMode>{a, {}};
        }
    }
    template <class A, class Mode>
    static auto context_of(const A& resets, const Mode& mode) {
        return Context<A, Mode>{resets, mode};
    }
};

}  // namespace nn::inline NN_ABI::detail
