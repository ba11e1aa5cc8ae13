// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/aligned.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/conv.hpp>
#include <nn/ops/conv_transpose.hpp>

namespace nn::inline NN_ABI {

/// A convolution, or a transposed one, for inference alone: its weight is packed for this machine, and a function of one element is
/// applied to the results while they are in the cache. Made by `nn::freeze`; immutable.
///
/// Errors  those of the layer, by its name.
/// Cost    that of the layer without packing. Size O·ΠK·C/G elements, O rounded up to the tile, and O;
///         twice that for few channels.
template <std::floating_point T, std::size_t N, class Options, class Function>
class FrozenConv : public detail::Stateless<FrozenConv<T, N, Options, Function>, T, N + 1> {
public:
    static constexpr std::string_view name = "nn::FrozenConv";

    /// `who` begins the error texts.
    FrozenConv(std::string_view who, const Options& options, const ops::ConvParameters<T, N>& parameters, const Function& function)
        : who_(who), options_(options), isa_(simd::machine()), function_(function) {
        Workspace workspace;
        const auto frame = workspace.frame();
        const ops::ConvParameters<T, N> taken = ops::as_taken(options, parameters);
        const View<const T, N + 2> weight = ops::dense_weight(taken.weight, taken.mask, frame);
        const index_t outputs = options.out_channels / options.groups;
        const index_t depth = weight.size() / options.out_channels;
        if (kernels::few_products(options.in_channels / options.groups, outputs, depth / (options.in_channels / options.groups))) {
            dense_.assign(weight.data, weight.data + weight.size());
        }
        panels_.resize(static_cast<std::size_t>(kernels::packed_conv_size<T>(isa_, options.groups, outputs, depth)));
        (void)kernels::pack_conv(isa_, contiguous(weight.data, Shape<2>{options.out_channels, depth}), options.groups,
                                 depth / (options.in_channels / options.groups), panels_.data());
        if (parameters.bias) {
            for (index_t o = 0; o < options.out_channels; ++o) {
                bias_.push_back((*parameters.bias)(o));
            }
        }
    }

    std::size_t size_in_bytes() const { return sizeof(*this) + (dense_.size() + panels_.size() + bias_.size()) * sizeof(T); }

private:
    friend detail::Stateless<FrozenConv, T, N + 1>;

    struct Weight {
        const FrozenConv& conv;
        index_t taps;

        const T* dense() const { return conv.dense_.empty() ? nullptr : conv.dense_.data(); }
        kernels::PackedConv<T> panels() const {
            const Options& options = conv.options_;
            const index_t groups = options.groups;
            return {conv.isa_, groups, options.out_channels / groups, {options.in_channels / groups, taps}, conv.panels_.data()};
        }
    };

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            who_, [this](const Batch<const T, N + 1>& x) { return ops::conv_item(options_, ops::conv_plan(who_, options_, x)); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                const kernels::ConvPlan<N> plan = ops::conv_plan(who_, options_, x);
                const Weight weight{*this, plan.taps()};
                ops::run_conv(who_, options_, plan, x, weight, bias_.empty() ? nullptr : bias_.data(), kernels::finish_with<T>(function_),
                              y, workspace);
            });
    }

    std::string_view who_;
    Options options_;
    simd::Isa isa_;
    [[no_unique_address]] Function function_;
    AlignedVector<T> dense_;  // where the convolution may be a stencil
    AlignedVector<T> panels_;
    AlignedVector<T> bias_;
};

}  // namespace nn::inline NN_ABI
