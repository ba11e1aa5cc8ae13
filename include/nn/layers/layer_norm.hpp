// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/layers/stateless.hpp>
#include <nn/ops/layer_norm.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Normalisation of each item over its R last axes: `LayerNorm` and `RMSNorm`.
///
///     LayerNorm  y = (x − μ) / √(σ² + eps) · weight + bias      μ, σ² the mean and biased variance of the item
///     RMSNorm    y = x / √(mean(x²) + eps) · weight + bias
///
///     x, y (…, S₁ … S_R)    weight, bias (S₁ … S_R)
///
/// y may be x itself. The variance is two-pass. Sums in T, in blocks of 1024 elements, each in the lanes of a few vectors: their order
/// depends on ΠS alone, and on the instruction set.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    3 reads (RMSNorm: 2) and 1 write of x, of which a cache that holds an item sees one read; no scratch.
/// Source  Ba et al. 2016, arXiv:1607.06450; Zhang & Sennrich 2019, arXiv:1910.07467. The numbers of noxton.LayerNorm, of
///         equinox.nn.LayerNorm for x of the norm's shape, torch.nn.LayerNorm, blox.LayerNorm and blox.RMSNorm; of equinox.nn.RMSNorm with
///         `use_bias`; of brainstate with eps 1e-6.
template <std::floating_point T, std::size_t R, template <std::size_t> class Options>
struct BasicLayerNorm : detail::Stateless<BasicLayerNorm<T, R, Options>, T, R> {
    Options<R> options;                  ///< what it was built with
    std::optional<Tensor<T, R>> weight;  ///< (S₁ … S_R), 1 at first
    std::optional<Tensor<T, R>> bias;    ///< (S₁ … S_R), 0 at first

    static constexpr std::string_view name = Options<R>::who;

    /// Weight 1 and bias 0, as far as the options want them.
    explicit BasicLayerNorm(const Options<R>& options_) : options((ops::check_layer_norm_options(name, options_), options_)) {
        check_allocatable(name, options.shape.values(), sizeof(T));
        if (options.use_weight) {
            weight = make_tensor<T, R>(options.shape.values(), T(1));
        }
        if (options.use_bias) {
            bias = make_tensor<T, R>(options.shape.values(), T(0));
        }
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::Stateless<BasicLayerNorm<T, R, Options>, T, R>;

    template <class>
    auto operation() const {
        return detail::operation<T, R, R>(
            name, [this](const Batch<const T, R>& x) { return ops::layer_norm_item(name, options, x); },
            [this](const Batch<const T, R>& x, const Batch<T, R>& y, Workspace&) {
                ops::layer_norm(options, x, ops::LayerNormParameters<T, R>{view_of(weight), view_of(bias)}, y, name);
            });
    }
};

/// With the mean subtracted, and without.
template <std::floating_point T, std::size_t R = 1>
using LayerNorm = BasicLayerNorm<T, R, LayerNormOptions>;
template <std::floating_point T, std::size_t R = 1>
using RMSNorm = BasicLayerNorm<T, R, RMSNormOptions>;

}  // namespace nn::inline NN_ABI
