// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/error.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI::detail {

/// Makes weight (O, …) and bias (O) of y = w·x + b those of y · scale + shift, for scale and shift (O).
template <class T, std::size_t R>
void fold_affine(std::string_view who, const Tensor<T, 1>& scale, const Tensor<T, 1>& shift, Tensor<T, R>& weight,
                 std::optional<Tensor<T, 1>>& bias) {
    const std::size_t outputs = weight.shape(0);
    require(scale.size() == outputs && shift.size() == outputs, who, "scale ", extents_of(scale), " and shift ", extents_of(shift),
            ", expected (", outputs, ",) = weight.shape[:1]");
    const std::size_t row = outputs == 0 ? 0 : weight.size() / outputs;
    if (!bias) {
        bias = make_tensor<T, 1>({static_cast<index_t>(outputs)}, T(0));
    }
    T* element = weight.data();
    for (std::size_t o = 0; o < outputs; ++o) {
        for (std::size_t i = 0; i < row; ++i) {
            *element++ *= scale(o);
        }
        (*bias)(o) = (*bias)(o)*scale(o) + shift(o);
    }
}

}  // namespace nn::inline NN_ABI::detail
