// SPDX-License-Identifier: MIT
#pragma once

// How a layer's call is made of an operation on views. Every layer of ours describes itself by one `Operation`; the operators
// (x) -> y, forward_into(x, y, workspace) and output_shape(shape) follow from it here, once.

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

#include <nn/core/check.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// Turns items of I axes of element type T into items of O axes of element type U, for any leading axes.
template <class T, std::size_t I, class U, std::size_t O, class Item, class Run>
struct Operation {
    static constexpr std::size_t item_axes = I;
    static constexpr std::size_t output_axes = O;
    using input = T;
    using output = U;

    std::string_view who;  ///< begins the error texts
    Item item;             ///< (Batch<const T, I>) -> Shape<O>: checks x, gives the extents of one item of y
    Run run;               ///< (Batch<const T, I>, Batch<U, O>, Workspace&): checks everything, reserves, then computes
};

template <class T, std::size_t I, std::size_t O, class U = T, class Item, class Run>
Operation<T, I, U, O, Item, Run> operation(std::string_view who, Item item, Run run) {
    return {who, std::move(item), std::move(run)};
}

/// An operand held open for a call: its address, extents and strides in nn's own types.
template <class X>
class Operand {
    static constexpr std::size_t rank = rank_of<X>;
    static constexpr bool dynamic = rank == dynamic_rank;
    using Plain = std::remove_const_t<X>;
    using Element = std::conditional_t<std::is_const_v<X>, const element_of<X>, element_of<X>>;
    using Extents = std::conditional_t<dynamic, xt::dynamic_shape<index_t>, std::array<index_t, dynamic ? 0 : rank>>;
    using Evaluated =
        std::conditional_t<dynamic, xt::xarray<element_of<X>, xt::layout_type::row_major>, Tensor<element_of<X>, dynamic ? 0 : rank>>;
    // A view that is read is copied before its strides are asked for: it computes them on first demand into mutable members, a race
    // between threads that share it. What is written belongs to one thread, and may own its memory. Expressions are evaluated.
    using Held = std::conditional_t<is_view<Plain> || xtensor_container<Plain> || !std::is_const_v<X>, X&,
                                    std::conditional_t<strided<Plain>, Plain, Evaluated>>;

public:
    explicit Operand(X& x) : held_(x), data_(data_of(held_)) {
        if constexpr (is_view<Plain>) {
            shape_ = held_.shape;
            strides_ = held_.strides;
        } else {
            const std::size_t axes = held_.dimension();
            if constexpr (dynamic) {
                shape_.resize(axes);
                strides_.resize(axes);
            }
            for (std::size_t axis = 0; axis < axes; ++axis) {
                shape_[axis] = static_cast<index_t>(held_.shape(axis));
                strides_[axis] = static_cast<index_t>(held_.strides()[axis]);
            }
        }
    }
    Operand(const Operand&) = delete;
    Operand& operator=(const Operand&) = delete;

    std::span<const index_t> shape() const { return {shape_.data(), shape_.size()}; }

    /// As items of K axes. The operand must outlive the batch.
    template <std::size_t K>
    Batch<Element, K> batch(std::string_view who, std::string_view name) const {
        if constexpr (dynamic) {
            require(shape_.size() >= K, who, name, " has ", shape_.size(), axes(shape_.size()), ", expected at least ", K, "  [", name, " ",
                    shape(), "]");
        }
        return {data_, shape(), {strides_.data(), strides_.size()}};
    }

private:
    Held held_;
    Element* data_;
    Extents shape_{};
    Extents strides_{};
};

/// The extents of y: x's leading axes and then those of an item. `Extents` is an array or xtensor's dynamic shape.
template <class Extents, class T, std::size_t I, std::size_t O>
Extents output_extents(const Batch<T, I>& x, const Shape<O>& item) {
    Extents extents{};
    if constexpr (!requires { std::tuple_size<Extents>::value; }) {
        extents.resize(x.leading().size() + O);
    }
    std::size_t axis = 0;
    for (const index_t extent : x.leading()) {
        extents[axis++] = static_cast<typename Extents::value_type>(extent);
    }
    for (const index_t extent : item) {
        extents[axis++] = static_cast<typename Extents::value_type>(extent);
    }
    return extents;
}

/// The container that a call with x returns.
template <class X, class Operation>
struct ResultOf {
    using type = Tensor<typename Operation::output, rank_of<X> - Operation::item_axes + Operation::output_axes>;
};
template <class X, class Operation>
    requires(rank_of<X> == dynamic_rank)
struct ResultOf<X, Operation> {
    using type = xt::xarray<typename Operation::output, xt::layout_type::row_major>;
};

/// A new container of `Y`'s type for the result, computed.
template <class Y, class Operation, class Batch>
Y compute(const Operation& operation, const Batch& x, Workspace& workspace) {
    const Shape<Operation::output_axes> item = operation.item(x);
    const auto extents = output_extents<typename Y::shape_type>(x, item);
    xt::dynamic_shape<index_t> checked(extents.begin(), extents.end());
    check_allocatable(operation.who, {checked.data(), checked.size()}, sizeof(typename Operation::output));
    Y y = Y::from_shape(extents);
    const Operand<Y> out(y);
    operation.run(x, out.template batch<Operation::output_axes>(operation.who, "y"), workspace);
    return y;
}

/// y = operation(x)
template <class Operation, class X>
auto evaluate(const Operation& operation, const X& x) {
    const Operand<const X> in(x);
    Workspace workspace;
    return compute<typename ResultOf<X, Operation>::type>(operation, in.template batch<Operation::item_axes>(operation.who, "x"),
                                                          workspace);
}

/// The same into y. A container of another shape is replaced, after the computation; a view must fit.
template <class Operation, class X, class Y>
void evaluate_into(const Operation& operation, const X& x, Y& y, Workspace& workspace) {
    constexpr bool known = rank_of<X> != dynamic_rank && rank_of<Y> != dynamic_rank;
    static_assert(!known || rank_of<Y> + Operation::item_axes == rank_of<X> + Operation::output_axes,
                  "y has another number of axes than the result");
    const Operand<const X> in(x);
    const auto input = in.template batch<Operation::item_axes>(operation.who, "x");
    if constexpr (rank_of<X> == dynamic_rank && rank_of<Y> != dynamic_rank) {
        require(input.leading().size() + Operation::output_axes == rank_of<Y>, operation.who, "y has ", rank_of<Y>, axes(rank_of<Y>),
                ", expected ", input.leading().size() + Operation::output_axes, "  [x ", input.shape(), "]");
    }
    if constexpr (resizable<Y>) {
        const Shape<Operation::output_axes> item = operation.item(input);
        // A tensor of another rank cannot become the result: `run` refuses it.
        if (rank_of<Y> == dynamic_rank || rank_of<Y> == input.leading().size() + Operation::output_axes) {
            const auto extents = output_extents<typename Y::shape_type>(input, item);
            if (!std::equal(extents.begin(), extents.end(), y.shape().begin(), y.shape().end())) {
                y = compute<Y>(operation, input, workspace);
                return;
            }
        }
    }
    using Target =
        std::conditional_t<is_view<std::remove_const_t<Y>>, std::remove_const_t<Y>, Y>;  // the elements of a const View are not const
    Target& target = const_cast<Target&>(y);
    const Operand<Target> out(target);
    operation.run(input, out.template batch<Operation::output_axes>(operation.who, "y"), workspace);
}

/// What x of this shape becomes.
template <class Operation, std::size_t R>
Shape<R - Operation::item_axes + Operation::output_axes> shape_after(const Operation& operation, const Shape<R>& shape) {
    check_extents(operation.who, shape);
    const auto x = shape_only<const typename Operation::input, Operation::item_axes>(shape);
    return output_extents<Shape<R - Operation::item_axes + Operation::output_axes>>(x, operation.item(x));
}

/// A shape of as many axes as are known at run time, as items of K axes.
template <class T, std::size_t K>
Batch<T, K> checked_shape(std::string_view who, const std::vector<index_t>& shape) {
    const std::span<const index_t> extents(shape);
    require(shape.size() >= K, who, "x has ", shape.size(), axes(shape.size()), ", expected at least ", K, "  [x ", extents, "]");
    check_extents(who, extents);
    return shape_only<T, K>(extents);
}

/// What x of such a shape becomes.
template <class Operation>
std::vector<index_t> shape_after(const Operation& operation, const std::vector<index_t>& shape) {
    const auto x = checked_shape<const typename Operation::input, Operation::item_axes>(operation.who, shape);
    const auto item = operation.item(x);
    std::vector<index_t> result(x.leading().begin(), x.leading().end());
    result.insert(result.end(), item.begin(), item.end());
    return result;
}

/// What x becomes, of a layer L from items of I axes to items of O axes. L has
///
///     shaped()    an `Operation` of the layer's
template <class L, std::size_t I, std::size_t O = I>
struct OutputShape {
    /// What x of this shape becomes; nothing is computed.
    template <std::size_t R>
        requires(R >= I)
    Shape<R - I + O> output_shape(const Shape<R>& x)
    const { return shape_after(static_cast<const L&>(*this).shaped(), x); }
    std::vector<index_t> output_shape(const std::vector<index_t>& x) const { return shape_after(static_cast<const L&>(*this).shaped(), x); }
};

}  // namespace nn::inline NN_ABI::detail
