// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/layers/stateless.hpp>
#include <nn/ops/local_response_norm.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Local response normalisation across channels; N spatial axes.
///
///     y[c] = x[c] / (k + alpha · Σ_j x[j]²)^beta,    j = c − ⌊n/2⌋ … c − ⌊n/2⌋ + n − 1 within 0 … C − 1
///
///     x, y (…, C, L₁ … L_N)    n = size
///
/// An even n has one channel more below c than above. With `average` alpha is divided by n.
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    B·C·ΠL·n flop and B·C·ΠL powers; scratch as kernels::local_response_norm says, whatever ΠL.
/// Order   squares are summed in T in rising order of the channels; the power of a float is right to 2 + 1.25·beta units in the last place.
/// Source  Krizhevsky et al. 2012; the numbers of noxton.LocalResponseNormalization; of torch.nn.LocalResponseNorm with `average` and k 1.
template <std::floating_point T, std::size_t N>
struct LocalResponseNorm : detail::Stateless<LocalResponseNorm<T, N>, T, N + 1> {
    LocalResponseNormOptions options;  ///< what it was built with

    static constexpr std::string_view name = "nn::LocalResponseNorm";

    /// Checks the options.
    explicit LocalResponseNorm(const LocalResponseNormOptions& options_ = {})
        : options((ops::check_local_response_norm_options(name, options_), options_)) {}

private:
    friend detail::Stateless<LocalResponseNorm<T, N>, T, N + 1>;

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            name, [](const Batch<const T, N + 1>& x) { return x.item(); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                ops::local_response_norm(options, x, y, workspace, name);
            });
    }
};

}  // namespace nn::inline NN_ABI
