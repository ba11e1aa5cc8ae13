// SPDX-License-Identifier: MIT
#pragma once

// Trained arrays of other libraries as the layers take them. A conversion takes any array that a layer would, of known rank or not, and
// returns a new one; as a function object it also goes into `LoadOptions::convert`.

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <stdexcept>    // std::invalid_argument
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/core/view.hpp>
#include <nn/io/row_major_copy.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

namespace detail {

inline void check_axes(std::string_view who, std::string_view name, const std::vector<index_t>& shape, std::size_t least) {
    require(shape.size() >= least, who, name, " ", shape, " has ", shape.size(), axes(shape.size()), ", expected at least ", least);
}

/// Π shape[first …].
inline index_t extents_from(const std::vector<index_t>& shape, std::size_t first) {
    return element_count(std::span<const index_t>(shape).subspan(first));
}

/// The elements of `from`, in the order of its axes, as an array of this shape.
template <class Y, class T, std::size_t R>
Y laid_out(const View<T, R>& from, const std::vector<index_t>& shape) {
    auto y = new_array<Y>(shape);
    kernels::transform(
        contiguous(y.data(), from.shape), [](auto element) { return element; }, from);
    return y;
}

/// (K…, A, B) with the last two axes in front, in this order: {1, 0} is (B, A, K…).
template <operand X>
NewArray<X> taps_last(std::string_view who, const X& kernel, const std::array<std::size_t, 2>& order) {
    const auto [array, shape] = row_major_copy(who, "kernel", kernel);
    check_axes(who, "kernel", shape, 2);
    const std::size_t spatial = shape.size() - 2;
    const Shape<3> from{element_count(std::span<const index_t>(shape).first(spatial)), shape[spatial], shape[spatial + 1]};
    std::vector<index_t> to{shape[spatial + order[0]], shape[spatial + order[1]]};
    to.insert(to.end(), shape.begin(), shape.end() - 2);
    return laid_out<NewArray<X>>(permuted(contiguous(array.data(), from), std::array<std::size_t, 3>{1 + order[0], 1 + order[1], 0}), to);
}

struct FromHWIO {
    template <operand X>
        requires(rank_of<X> >= 2)
    auto operator()(const X& kernel) const { return taps_last("nn::from_hwio", kernel, {1, 0}); }
};

struct FromInOut {
    template <operand X>
        requires(rank_of<X> == 2 || rank_of<X> == dynamic_rank)
    auto operator()(const X& kernel) const {
        constexpr std::string_view who = "nn::from_in_out";
        if constexpr (rank_of<X> == dynamic_rank) {
            const std::vector<index_t> shape(kernel.shape().begin(), kernel.shape().end());
            require(shape.size() == 2, who, "kernel ", shape, " has ", shape.size(), axes(shape.size()), ", expected 2 = (in, out)");
        }
        return taps_last(who, kernel, {1, 0});
    }
};

struct FromLaxTransposed {
    template <operand X>
        requires(rank_of<X> >= 2)
    auto operator()(const X& kernel) const { return taps_last("nn::from_lax_transposed", kernel, {0, 1}); }
};

struct FromTorchTransposed {
    template <operand X>
        requires(rank_of<X> >= 2)
    auto operator()(const X& weight, index_t groups = 1) const {
        constexpr std::string_view who = "nn::from_torch_transposed";
        const auto [array, shape] = row_major_copy(who, "weight", weight);
        check_axes(who, "weight", shape, 2);
        require<std::invalid_argument>(groups >= 1 && shape[0] % groups == 0, who, "groups ", groups, ", expected a divisor of ", shape[0],
                                       " input channels  [weight ", shape, "]");
        const Shape<4> from{groups, shape[0] / groups, shape[1], extents_from(shape, 2)};
        std::vector<index_t> to = shape;
        to[0] = groups * shape[1];
        to[1] = shape[0] / groups;
        // All taps backwards is each spatial axis backwards.
        return laid_out<NewArray<X>>(reversed(permuted(contiguous(array.data(), from), std::array<std::size_t, 4>{0, 2, 1, 3}), 3), to);
    }
};

struct Flattened {
    template <operand X>
    auto operator()(const X& x) const {
        constexpr std::string_view who = "nn::flattened";
        const auto [array, shape] = row_major_copy(who, "x", x);
        const index_t count = element_count(shape);
        for (const index_t extent : shape) {
            require(extent == 1 || extent == count, who, "x ", shape, ", expected at most one axis longer than 1");
        }
        return laid_out<NewArray<X, 1>>(contiguous(array.data(), Shape<1>{count}), {count});
    }
};

}  // namespace detail

/// The kernel of a convolution with the channels behind the taps.
///
///     (K₁ … K_N, C/G, O) -> (O, C/G, K₁ … K_N)
///
/// Source  blox.Conv, brainstate.nn.Conv (in both of its layouts), Keras Conv, Flax nn.Conv
inline constexpr detail::FromHWIO from_hwio;

/// The kernel of a dense layer that is multiplied from the right.
///
///     (C, O) -> (O, C)
///
/// Source  blox.Linear, brainstate.nn.Linear, Keras Dense, Flax nn.Dense
inline constexpr detail::FromInOut from_in_out;

/// The weight of a transposed convolution of PyTorch, which is that of the convolution that it transposes: channels change places inside
/// each group, the taps are turned around.
///
///     (C, O/G, K₁ … K_N) -> (O, C/G, K₁ … K_N)      nn::from_torch_transposed(weight, groups)
///
/// Source  torch.nn.ConvTransposeNd
inline constexpr detail::FromTorchTransposed from_torch_transposed;

/// The kernel of a transposed convolution of JAX's libraries. brainstate reads its taps backwards: `flip_kernel = true`.
///
///     (K₁ … K_N, O, C/G) -> (O, C/G, K₁ … K_N)
///
/// Source  blox.ConvTranspose, brainstate.nn.ConvTranspose
inline constexpr detail::FromLaxTransposed from_lax_transposed;

/// A vector that lies along one axis of many.
///
///     (O, 1, …, 1) or (1, …, 1, O) -> (O)
///
/// Source  the bias of equinox.nn.Conv and ConvTranspose; bias, scale and statistics of brainstate's Conv and BatchNorm
inline constexpr detail::Flattened flattened;

/// `BatchNormOptions::momentum`, the weight of the new, from the weight of the old.
///
/// Source  equinox.nn.BatchNorm, blox.BatchNorm, brainstate.nn.BatchNorm, Keras BatchNormalization
constexpr double momentum_from_old(double momentum) { return 1 - momentum; }

}  // namespace nn::inline NN_ABI
