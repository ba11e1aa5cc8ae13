// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::min
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/kernels/linear.hpp>

namespace nn::inline NN_ABI::ops {

/// Extents of one item of y = x · weightᵀ.
template <class T>
Shape<1> linear_item(std::string_view who, const Batch<const T, 1>& x, const Shape<2>& weight) {
    require(x.item()[0] == weight[1], who, "x has ", x.item()[0], " features, expected ", weight[1], " = weight.shape[1]  [x ", x.shape(),
            ", weight ", weight, "]");
    return {weight[0]};
}

/// Refuses a bias that does not fit the weight.
template <class T>
void check_linear_parameters(std::string_view who, const View<const T, 2>& weight, const std::optional<View<const T, 1>>& bias) {
    require(!bias || bias->shape[0] == weight.shape[0], who, "bias ", bias ? bias->shape : Shape<1>{}, ", expected (", weight.shape[0],
            ",) = weight.shape[:1]  [weight ", weight.shape, "]");
}

/// Refuses a y that is not of the product's shape, or not apart from x.
template <class T>
void check_linear_output(std::string_view who, const Batch<const T, 1>& x, const Shape<2>& weight, const Batch<T, 1>& y) {
    check_output(who, x, linear_item(who, x, weight), y);
    check_apart(who, "y", y, "x", x);
}

/// The outputs of rows from `first` on that a packed weight makes, of views that were checked, in a y with elements.
template <class T>
void run_linear(const Batch<const T, 1>& x, const kernels::PackedWeight<T>& weight, const T* bias, const kernels::Finish<T>& finish,
                const Batch<T, 1>& y, index_t first, Workspace& workspace) {
    const auto frame = workspace.frame();
    kernels::Product<T> product{.c = y.data() + first * y.item_strides()[0], .column = {y.item_strides()[0]}};
    if (y.uniform()) {
        product.row.stride = y.stacked().strides[0];
    } else {
        index_t* const offsets = frame.template take<index_t>(y.count());
        for (index_t i = 0; i < y.count(); ++i) {
            offsets[i] = y[i].data - y.data();
        }
        product.row.offsets = offsets;
    }
    if (bias != nullptr) {
        product.start = kernels::Start::column_bias;
        product.bias = bias + first;
    }
    kernels::multiply_rows(
        x.count(), x.item_strides()[0], [&](index_t i) { return x[i].data; }, weight,
        frame.template take<T>(workspace.executor().workers() * weight.scratch(x.item_strides()[0])), product, finish,
        workspace.executor());
}

/// y = x · weightᵀ + bias for x (…, C), weight (O, C), bias (O), y (…, O). The weight is packed as it goes, into scratch of 256 KiB a
/// worker, or of a panel; but at once where the features of x lie apart, since rows are copied for each part.
template <class T>
void linear(const Batch<const T, 1>& x, const View<const T, 2>& weight, const std::optional<View<const T, 1>>& bias, const Batch<T, 1>& y,
            Workspace& workspace, std::string_view who = "nn::ops::linear") {
    check_linear_parameters(who, weight, bias);
    check_linear_output(who, x, weight.shape, y);
    if (y.empty()) {
        return;
    }
    const auto frame = workspace.frame();
    const T* const start = kernels::dense_vector(bias, frame);
    kernels::PackedWeight<T> packed{simd::machine(), nullptr, weight.shape[0], weight.shape[1]};
    if (x.item_strides()[0] == 1) {
        packed.outputs = std::min(saturating_multiply(workspace.executor().workers(), packed.outputs_at_once()), packed.outputs);
    }
    T* const panels = frame.template take<T>(packed.size());
    for (index_t first = 0; first < weight.shape[0]; first += packed.outputs) {
        const View<const T, 2> some = slice(weight, first, std::min(packed.outputs, weight.shape[0] - first));
        run_linear(x, kernels::pack_weight(packed.isa, some, panels), start, {}, y, first, workspace);
    }
}

NN_KERNEL(void run_linear(const Batch<const float, 1>&, const kernels::PackedWeight<float>&, const float*, const kernels::Finish<float>&,
                          const Batch<float, 1>&, index_t, Workspace&));

}  // namespace nn::inline NN_ABI::ops
