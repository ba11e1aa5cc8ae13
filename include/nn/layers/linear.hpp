// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>  // std::floating_point
#include <optional>  // std::optional
#include <utility>   // std::move

#include <nn/core/check.hpp>
#include <nn/core/freeze.hpp>
#include <nn/core/initialiser.hpp>
#include <nn/layers/affine.hpp>
#include <nn/layers/frozen_linear.hpp>
#include <nn/layers/init.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/linear.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `Linear`.
struct LinearOptions {
    index_t in_features = 0;                  ///< C
    index_t out_features = 0;                 ///< O
    bool use_bias = true;                     ///< whether there is a bias
    Initialiser weight_init = init::equinox;  ///< how an engine fills the weights
    Initialiser bias_init = init::equinox;    ///< how an engine fills the biases
};

/// An affine map of the last axis.
///
///     y[…, o] = bias[o] + Σ_c weight[o, c] · x[…, c]
///
///     x (…, C)    weight (O, C)    bias (O)    y (…, O)
///
/// Sums in T: the bias, then c = 0, 1, 2, …
///
/// Errors  shape_error, std::invalid_argument; the output is untouched.
/// Cost    2·B·O·C flop, B the product of the leading axes; scratch 256 KiB, or 32·C elements, a worker for a part of the weight
///         or, where the features of x lie apart, O·C for all of it and 96·C for rows.
/// Source  the numbers of equinox.nn.Linear and torch.nn.Linear.
template <std::floating_point T>
struct Linear : detail::Stateless<Linear<T>, T, 1> {
    LinearOptions options;             ///< what it was built with
    Tensor<T, 2> weight;               ///< (O, C)
    std::optional<Tensor<T, 1>> bias;  ///< (O)

    static constexpr std::string_view name = "nn::Linear";

    /// Weight and bias from U(−L, L), L = 1 / √C, as in Equinox and PyTorch, unless the options say otherwise.
    template <engine_or_none Engine>
    Linear(const LinearOptions& options_, Engine&& engine) : options(checked(options_)) {
        detail::draw_affine(options, Shape<2>{options.out_features, options.in_features}, weight, bias, engine);
    }

    /// Trained arrays, checked against the options.
    Linear(const LinearOptions& options_, TrainedArray<T, 2> weight_, std::optional<TrainedArray<T, 1>> bias_ = {})
        : options(checked(options_)), weight(std::move(weight_).take(name, "weight")), bias(detail::take(std::move(bias_), name, "bias")) {
        check_parameters();
    }

    /// Multiply-adds of a call with x of this shape.
    template <std::size_t R>
        requires(R >= 1)
    index_t multiply_adds(const Shape<R>& x)
    const { return saturating_multiply(element_count(this->output_shape(x)), options.in_features); }

    /// The form for inference, packed for this machine; `function`, if any, is applied to each element of the result.
    template <class Function = kernels::NoFunction>
    auto frozen(const FreezeOptions&, const Function& function = {}) const {
        check_parameters();
        return FrozenLinear<T, Function>(name, view_of(weight), view_of(bias), function);
    }
    /// Itself followed by · scale + shift, one of each an output.
    Linear folded(const Tensor<T, 1>& scale, const Tensor<T, 1>& shift) const {
        check_parameters();
        Linear result = *this;
        result.options.use_bias = true;
        detail::fold_affine(name, scale, shift, result.weight, result.bias);
        return result;
    }

    static void members(auto& self, auto&& f) {
        f("weight", self.weight);
        f("bias", self.bias);
    }

private:
    friend detail::Stateless<Linear<T>, T, 1>;

    static const LinearOptions& checked(const LinearOptions& options) {
        require<std::invalid_argument>(options.in_features >= 0, name, "in_features ", options.in_features, ", expected at least 0");
        require<std::invalid_argument>(options.out_features >= 0, name, "out_features ", options.out_features, ", expected at least 0");
        check_allocatable(name, Shape<2>{options.out_features, options.in_features}, sizeof(T));
        return options;
    }

    void check_parameters() const {
        const Shape<2> expected{options.out_features, options.in_features};
        require(view_of(weight).shape == expected, name, "weight ", view_of(weight).shape, ", expected ", expected,
                " = (out_features, in_features)");
        check_given(name, "bias", bias.has_value(), options.use_bias);
        ops::check_linear_parameters(name, view_of(weight), view_of(bias));
    }

    template <class>
    auto operation() const {
        return detail::operation<T, 1, 1>(
            name,
            [this](const Batch<const T, 1>& x) {
                check_parameters();
                return ops::linear_item(name, x, extents_of(weight));
            },
            [this](const Batch<const T, 1>& x, const Batch<T, 1>& y, Workspace& workspace) {
                check_parameters();
                ops::linear(x, view_of(weight), view_of(bias), y, workspace, name);
            });
    }
};

}  // namespace nn::inline NN_ABI
