// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <random>       // std::bernoulli_distribution
#include <string_view>  // std::string_view

#include <nn/core/mode.hpp>
#include <nn/layers/call.hpp>
#include <nn/ops/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `Dropout`.
struct DropoutOptions {
    double rate = 0.5;  ///< probability of dropping an element, 0 … 1
};

/// Dropout in training, the identity in inference.
///
///     training(engine)    y = 0 with probability `rate`, else x / (1 − rate), each element by itself
///     otherwise           y = x
///
/// Elements draw in row-major order, one each. Dropping selects: a dropped NaN is 0. y may be x itself. Training without an engine is
/// ill-formed.
///
/// Errors  shape_error, std::invalid_argument (rate); the output is untouched.
/// Cost    one read and one write of x; in training a draw of the engine for each element.
/// Source  Srivastava et al. 2014; the distribution of equinox.nn.Dropout, torch.nn.Dropout and blox.Dropout.
struct Dropout : detail::OutputShape<Dropout, 0> {
    DropoutOptions options;  ///< what it was built with

    static constexpr std::string_view name = "nn::Dropout";
    static constexpr bool carries = false;

    /// Checks the options.
    explicit Dropout(const DropoutOptions& options_ = {}) : options(options_) { check_rate(); }

    /// x itself.
    template <operand X>
        requires std::floating_point<element_of<X>>
    auto operator()(const X& x) const { return detail::evaluate(copy<element_of<X>>(), x); }
    /// x with elements dropped as the mode's engine says.
    template <operand X, random_engine Engine>
        requires std::floating_point<element_of<X>>
    auto operator()(const X& x, Training<Engine> mode) const { return detail::evaluate(drop<element_of<X>>(*mode.engine), x); }
    /// The same two into y, which may be x: a container of another shape is replaced by one that fits, a view must fit.
    template <in_memory X, output_of<element_of<X>> Y>
        requires std::floating_point<element_of<X>>
    void forward_into(const X& x, Y&& y, Workspace& workspace) const { detail::evaluate_into(copy<element_of<X>>(), x, y, workspace); }
    template <in_memory X, random_engine Engine, output_of<element_of<X>> Y>
        requires std::floating_point<element_of<X>>
    void forward_into(const X& x, Training<Engine> mode, Y&& y, Workspace& workspace) const {
        detail::evaluate_into(drop<element_of<X>>(*mode.engine), x, y, workspace);
    }

private:
    friend detail::OutputShape<Dropout, 0>;
    void check_rate() const {
        require<std::invalid_argument>(options.rate >= 0 && options.rate <= 1, name, "rate ", options.rate, ", expected 0 … 1");
    }

    template <class T, class Run>
    static auto elementwise(Run run) {
        return detail::operation<T, 0, 0>(
            name, [](const Batch<const T, 0>&) { return Shape<0>{}; }, run);
    }

    template <class T>
    static auto copy() {
        return elementwise<T>([](const Batch<const T, 0>& x, const Batch<T, 0>& y, Workspace&) {
            ops::transform(
                x, [](T v) { return v; }, y, name);
        });
    }

    static auto shaped() { return copy<float>(); }

    template <class T, class Engine>
    auto drop(Engine& engine) const {
        return elementwise<T>([this, &engine](const Batch<const T, 0>& x, const Batch<T, 0>& y, Workspace&) {
            check_rate();
            check_output(name, x, Shape<0>{}, y);
            check_apart_or_same(name, y, x);
            std::bernoulli_distribution dropped(options.rate);
            const T scale = static_cast<T>(1 / (1 - options.rate));
            for (index_t i = 0; i < x.count(); ++i) {
                *y[i].data = dropped(engine) ? T(0) : *x[i].data * scale;
            }
        });
    }
};

}  // namespace nn::inline NN_ABI
