// SPDX-License-Identifier: MIT
#pragma once

// Every way to hand a layer its input and to take its output.

#include <cstddef>
#include <type_traits>
#include <utility>

#include <xtensor/xmanipulation.hpp>

#include <nn/core/workspace.hpp>
#include <nn/tensor.hpp>

#include "support/catch.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace nn::test {

/// That y is the same to the bit however the elements of x lie in memory, and the elements of y: (x) -> y and forward_into, on memory in
/// any arrangement and on every kind of xtensor; and that nothing beside y is written.
template <class L, class T, std::size_t R>
void check_operands(Random& random, const L& layer, const Tensor<T, R>& x) {
    auto y = layer(x);
    using Y = decltype(y);
    using U = element_of<Y>;
    const std::vector<T> in = values_of(x);
    const std::vector<U> out = values_of(y);
    Workspace workspace;
    for (int i = 0; i < 12; ++i) {
        const Strided<T> from(shape_of(x), in, Arrangement::any(random, R, false));
        Strided<U> to(shape_of(y), Arrangement::any(random, rank_of<Y>, false));
        CAPTURE(from.shape(), from.strides(), to.strides());
        CHECK(identical(layer(from.template view<R>()), y));
        layer.forward_into(from.template view<R>(), to.template view<rank_of<Y>>(), workspace);
        CHECK(same_bits(to.values(), out));
        CHECK(to.intact());
    }
    // Stride 0: all cells along an axis are one.
    for (std::size_t axis = 0; axis < R; ++axis) {
        Arrangement one_cell;
        one_cell.broadcast.assign(R, false);
        one_cell.broadcast[axis] = true;
        const Strided<T> from(shape_of(x), in, one_cell);
        CHECK(identical(layer(from.template view<R>()), layer(tensor_of_values(extents_of(x), from.values()))));
    }

    const xt::xtensor<T, R, xt::layout_type::column_major> column(x);
    CHECK(identical(layer(column), y));
    const Tensor<T, R> transposed = xt::transpose(x);
    CHECK(identical(layer(xt::transpose(transposed)), y));
    const Tensor<T, R> flipped = xt::flip(x, R - 1);
    CHECK(identical(layer(xt::flip(flipped, R - 1)), y));
    CHECK(identical(layer(T(1) * x), y));  // a lazy expression
    const auto dynamic = layer(xt::xarray<T>(x));
    static_assert(std::is_same_v<std::remove_const_t<decltype(dynamic)>, xt::xarray<U, xt::layout_type::row_major>>);
    CHECK(identical(dynamic, y));

    Y fresh;
    layer.forward_into(x, fresh, workspace);
    CHECK(identical(fresh, y));
    const U* const storage = fresh.data();
    fresh.fill(U(-7));
    layer.forward_into(column, fresh, workspace);
    CHECK(identical(fresh, y));
    CHECK(fresh.data() == storage);
    xt::xarray<U> any_rank;
    layer.forward_into(x, any_rank, workspace);
    CHECK(identical(any_rank, y));
}

/// That items do not see each other, to the bit: of x (B, …), each item's y alone, or as one of a smaller batch, is what it is among all;
/// and that more leading axes are one batch.
template <class L, class T, std::size_t R>
void check_items(const L& layer, const Tensor<T, R>& x) {
    const auto y = layer(x);
    const View<const T, R> in = view_of(x);
    const auto out = view_of(y);
    const auto values = [](const auto& part) { return std::vector(part.data, part.data + part.size()); };  // contiguous
    for (index_t item = 0; item < in.shape[0]; ++item) {
        CHECK(same_bits(values_of(layer(at(in, item))), values(slice(out, item, 1))));
        const index_t rest = in.shape[0] - item;
        CHECK(same_bits(values_of(layer(slice(in, item, rest))), values(slice(out, item, rest))));
    }
    View<const T, R + 2> deep{in.data, {1, in.shape[0], 1}, {0, in.strides[0], 0}};
    std::copy(in.shape.begin() + 1, in.shape.end(), deep.shape.begin() + 3);
    std::copy(in.strides.begin() + 1, in.strides.end(), deep.strides.begin() + 3);
    const auto folded = layer(deep);
    CHECK(shape_of(folded).size() == out.shape.size() + 2);
    CHECK(same_bits(values_of(folded), values_of(y)));
    if (in.shape[0] == 6) {
        deep.shape[0] = 3;
        deep.shape[1] = 2;
        deep.strides[0] = 2 * in.strides[0];
        CHECK(same_bits(values_of(layer(deep)), values_of(y)));
    }
}

/// layer(x) and layer.forward_into(x, y, workspace) compile.
template <class L, class X>
concept callable = requires(const L& layer, X&& x) {
    layer(x);
};
template <class L, class X, class Y>
concept forwards = requires(const L& layer, X&& x, Y&& y, Workspace& workspace) {
    layer.forward_into(std::forward<X>(x), std::forward<Y>(y), workspace);
};

}  // namespace nn::test
