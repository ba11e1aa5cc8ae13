// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>  // std::size_t

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/conv.hpp>
#include <nn/kernels/phases.hpp>
#include <nn/kernels/stencil.hpp>
#include <nn/kernels/winograd.hpp>

namespace nn::inline NN_ABI::kernels {

namespace detail {

/// `convolve` for a plan without phases.
template <class T, std::size_t N, class Weight>
void convolve_whole(const ConvPlan<N>& plan, const Batch<const T, N + 1>& x, const Weight& weight, const T* bias, const Batch<T, N + 1>& y,
                    Workspace& workspace, const Finish<T>& finish = {}) {
    if constexpr (simd::available<T>) {
        if (weight.dense() != nullptr && stencil_lanes(plan, x, y) != kernels::Lanes::none) {
            const T* by_channels = nullptr;
            if constexpr (requires { weight.by_channels(); }) {
                by_channels = weight.by_channels();
            }
            stencil(simd::machine(), plan, x, weight.dense(), bias, y, workspace, finish, by_channels);
            return;
        }
    }
    if constexpr (requires { weight.winograd(plan, index_t()); }) {
        if (const auto* const transformed = weight.winograd(plan, y.count())) {
            winograd(plan, x, *transformed, bias, y, workspace, finish);
            return;
        }
    }
    conv(plan, x, weight.panels(), bias, y, workspace, finish);
}

}  // namespace detail

/// y = w ⋆ x + bias, and then `finish` if any, by whichever kernel suits: a stencil, Winograd's algorithm or a product, by phases where x
/// has zeros between its cells. Items of x are (C, L₁ … L_N), of y (O, M₁ … M_N); `bias` holds O elements, or is null. `weight` has the
/// forms that the kernels take, asked for when they are needed:
///
///     dense()                  (O, C/G · ΠK), row-major, or null where no stencil is wanted; class by class of its taps
///     by_channels()            the same as `pack_channels` makes it, or null; `Weight` need not have it
///     winograd(plan, items)    the same as a WinogradWeight, or null where that is not wanted; `Weight` need not have it
///     panels()                 the same as a PackedConv, class by class too
template <class T, std::size_t N, class Weight>
void convolve(ConvPlan<N> plan, const Batch<const T, N + 1>& x, const Weight& weight, const T* bias, const Batch<T, N + 1>& y,
              Workspace& workspace, const Finish<T>& finish = {}) {
    for (WindowAxis& axis : plan.axes) {
        axis.stride = axis.output > 1 ? axis.stride : 1;  // the stride of one window may be any number, too large to be multiplied
    }
    if (has_phases(plan)) {
        by_phases(plan, x, weight, bias, y, workspace, finish,
                  [&](const auto& phase, const auto& from, const auto& part, const T* start, const auto& to) {
                      detail::convolve_whole(phase, from, part, start, to, workspace);
                  });
    } else {
        detail::convolve_whole(plan, x, weight, bias, y, workspace, finish);
    }
}

}  // namespace nn::inline NN_ABI::kernels
