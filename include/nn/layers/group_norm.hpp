// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/layers/stateless.hpp>
#include <nn/ops/group_norm.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Group normalisation: each item's channels in G blocks, each block normalised over its channels and the N spatial axes.
///
///     y = (x − μ) / √(σ² + eps) · weight + bias
///
///     x, y (…, C, L₁ … L_N)    μ, σ² (G), the biased variance    weight, bias (C)
///
/// One group normalises the item, C groups each channel (instance normalisation). y may be x itself. The variance is two-pass. Sums in T,
/// in blocks of 1024 elements in row-major order of (channel, spatial…), whatever the layout, each in the lanes of a few vectors: their
/// order depends on the size of a group alone, and on the instruction set.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    3 reads and 1 write of x, of which a cache that holds a group of channels that lie apart sees one read; scratch 3·C elements,
///         and at most 3·1024 more where channels lie innermost.
/// Source  Wu & He 2018, arXiv:1803.08494; the numbers of equinox.nn.GroupNorm and torch.nn.GroupNorm; of brainstate's with channels last
///         and eps 1e-6.
template <std::floating_point T, std::size_t N>
struct GroupNorm : detail::Stateless<GroupNorm<T, N>, T, N + 1> {
    GroupNormOptions options;            ///< what it was built with
    std::optional<Tensor<T, 1>> weight;  ///< (C), 1 at first
    std::optional<Tensor<T, 1>> bias;    ///< (C), 0 at first

    static constexpr std::string_view name = "nn::GroupNorm";

    /// Weight 1 and bias 0, as far as the options want them.
    explicit GroupNorm(const GroupNormOptions& options_) : options((ops::check_group_norm_options(name, options_), options_)) {
        check_allocatable(name, Shape<1>{options.channels}, sizeof(T));
        if (options.use_weight) {
            weight = make_tensor<T, 1>({options.channels}, T(1));
        }
        if (options.use_bias) {
            bias = make_tensor<T, 1>({options.channels}, T(0));
        }
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::Stateless<GroupNorm<T, N>, T, N + 1>;

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            name, [this](const Batch<const T, N + 1>& x) { return ops::group_norm_item(name, options, x); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::group_norm(options, x, ops::ChannelParameters<T>{view_of(weight), view_of(bias)}, y, workspace, name);
            });
    }
};

}  // namespace nn::inline NN_ABI
