// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/layers/stateless.hpp>
#include <nn/ops/softmax.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Softmax over the last axis, or its logarithm.
///
///     y = eˣ / Σ eˣ        Logarithm: y = x − ln Σ eˣ
///
///     x, y (…, C)
///
/// The largest x of a row is subtracted first: no finite row overflows. A row of −∞ alone, or with a +∞ or a NaN, is NaN, as in JAX and
/// PyTorch. y may be x itself. Powers of floats to 2 units in the last place; sums in T, in blocks of 1024 elements, each in the lanes of a
/// few vectors: their order depends on C alone, and on the instruction set.
///
/// Errors  shape_error; the output is untouched.
/// Cost    B·C exponentials; no scratch.
/// Source  jax.nn.softmax, jax.nn.log_softmax, torch.nn.Softmax(-1), torch.nn.LogSoftmax(-1).
template <bool Logarithm>
struct BasicSoftmax : detail::Stateless<BasicSoftmax<Logarithm>, void, 1> {
    static constexpr std::string_view name = Logarithm ? "nn::log_softmax" : "nn::softmax";

private:
    friend detail::Stateless<BasicSoftmax<Logarithm>, void, 1>;

    template <class T>
    static auto operation() {
        return detail::operation<T, 1, 1>(
            name, [](const Batch<const T, 1>& x) { return x.item(); },
            [](const Batch<const T, 1>& x, const Batch<T, 1>& y, Workspace&) { ops::softmax(x, Logarithm, y, name); });
    }
};

inline constexpr BasicSoftmax<false> softmax{};     ///< eˣ / Σ eˣ along the last axis
inline constexpr BasicSoftmax<true> log_softmax{};  ///< x − ln Σ eˣ along the last axis

}  // namespace nn::inline NN_ABI
