// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/aligned.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/linear.hpp>

namespace nn::inline NN_ABI {

/// A `Linear` for inference alone: its weight is packed for this machine, and a function of one element is applied to the results while
/// they are in the cache. Made by `nn::freeze`; immutable. An answer's bits depend on its row of x alone.
///
/// Errors  those of the layer, by its name.
/// Cost    that of the layer without packing. Size O·C elements, O rounded up to the tile, and O.
template <std::floating_point T, class Function>
class FrozenLinear : public detail::Stateless<FrozenLinear<T, Function>, T, 1> {
public:
    static constexpr std::string_view name = "nn::FrozenLinear";

    /// `who` begins the error texts.
    FrozenLinear(std::string_view who, const View<const T, 2>& weight, const std::optional<View<const T, 1>>& bias,
                 const Function& function)
        : who_(who), shape_(weight.shape), isa_(simd::machine()), function_(function) {
        panels_.resize(static_cast<std::size_t>(packed().size()));
        (void)kernels::pack_weight(isa_, weight, panels_.data());
        for (index_t o = 0; bias && o < shape_[0]; ++o) {
            bias_.push_back((*bias)(o));
        }
    }

    std::size_t size_in_bytes() const { return sizeof(*this) + (panels_.size() + bias_.size()) * sizeof(T); }

private:
    friend detail::Stateless<FrozenLinear, T, 1>;

    kernels::PackedWeight<T> packed() const { return {isa_, panels_.data(), shape_[0], shape_[1]}; }

    template <class>
    auto operation() const {
        return detail::operation<T, 1, 1>(
            who_, [this](const Batch<const T, 1>& x) { return ops::linear_item(who_, x, shape_); },
            [this](const Batch<const T, 1>& x, const Batch<T, 1>& y, Workspace& workspace) {
                ops::check_linear_output(who_, x, shape_, y);
                if (!y.empty()) {
                    const T* const bias = bias_.empty() ? nullptr : bias_.data();
                    ops::run_linear(x, packed(), bias, kernels::finish_with<T>(function_), y, 0, workspace);
                }
            });
    }

    std::string_view who_;
    Shape<2> shape_;
    simd::Isa isa_;
    [[no_unique_address]] Function function_;
    AlignedVector<T> panels_;
    AlignedVector<T> bias_;
};

}  // namespace nn::inline NN_ABI
