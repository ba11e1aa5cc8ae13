// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>      // std::size_t
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/local_response_norm.hpp>
#include <nn/kernels/simd.hpp>

namespace nn::inline NN_ABI {

/// Hyper-parameters of `LocalResponseNorm`.
struct LocalResponseNormOptions {
    index_t size = 5;                        ///< n, channels in the window, ⌊n / 2⌋ of them below
    double alpha = 1e-4;                     ///< weight of the sum of squares
    double beta = 0.75;                      ///< the power
    double k = 2;                            ///< added to alpha times the sum
    bool average = false;                    ///< whether alpha is divided by n (PyTorch, with k = 1)
    Layout layout = Layout::channels_first;  ///< where the channels stand in an item
};

namespace ops {

/// Refuses options that are wrong whatever the input.
inline void check_local_response_norm_options(std::string_view who, const LocalResponseNormOptions& options) {
    const index_t least = options.average ? 1 : 0;
    require<std::invalid_argument>(options.size >= least, who, "size ", options.size, ", expected at least ", least);
}

/// y = x / (k + alpha · Σ x²)^beta, the sum over `size` neighbouring channels.
template <class T, std::size_t K>
void local_response_norm(const LocalResponseNormOptions& options, const Batch<const T, K>& x, const Batch<T, K>& y, Workspace& workspace,
                         std::string_view who = "nn::ops::local_response_norm") {
    check_local_response_norm_options(who, options);
    check_output(who, x, x.item(), y);
    check_apart(who, "y", y, "x", x);
    if (y.empty()) {
        return;  // of however many items
    }
    const double alpha = options.average ? options.alpha / static_cast<double>(options.size) : options.alpha;
    const auto from = x.channels_first(options.layout);
    const auto to = y.channels_first(options.layout);
    for (index_t i = 0; i < x.count(); ++i) {
        const kernels::ResponseItem<T> item{to.item(), from[i].data, from.item_strides(), to[i].data, to.item_strides()};
        kernels::local_response_norm(simd::machine(), item, options.size, static_cast<T>(options.k), static_cast<T>(alpha),
                                     static_cast<T>(options.beta), workspace);
    }
}

}  // namespace ops

}  // namespace nn::inline NN_ABI
