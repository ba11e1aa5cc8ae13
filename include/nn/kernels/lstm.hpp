// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::clamp, std::fill_n, std::max, std::min
#include <optional>   // std::optional

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/gates.hpp>
#include <nn/kernels/linear.hpp>

namespace nn::inline NN_ABI::kernels {

/// Steps whose input products are computed at a time: as many as fit into 256 KiB, whatever the length of the sequence.
template <class T>
constexpr index_t steps_at_once(index_t batch, index_t steps, index_t gates) {
    constexpr index_t budget = 256 * 1024 / static_cast<index_t>(sizeof(T));
    return std::clamp<index_t>(budget / (batch * gates), 1, steps);
}

/// An LSTM over a batch of sequences. `x(b, t)` and `y(b, t)` are the addresses of the rows of input and output, whose elements lie
/// `x_step` and `y_step` apart; `reset(b, t)` tells whether b's state is zeroed before step t. `hidden` and `cell` (B, H) are read and
/// written.
///
/// The products with the inputs of many steps are one product, before the steps. Each gate is (Σ w_ih·x + bias) + Σ w_hh·h: the bits
/// do not depend on how a sequence is cut.
template <class T, class X, class Y, class Reset>
void lstm(index_t batch, index_t steps, const X& x, index_t x_step, const View<const T, 2>& weight_ih, const View<const T, 2>& weight_hh,
          const std::optional<View<const T, 1>>& bias, T forget_bias, const Reset& reset, const View<T, 2>& hidden, const View<T, 2>& cell,
          const Y& y, index_t y_step, Workspace& workspace) {
    const index_t gates = weight_hh.shape[0];
    const index_t size = weight_hh.shape[1];
    const auto frame = workspace.frame();
    const PackedWeight<T> input_weight = pack_weight(weight_ih, frame);
    const PackedWeight<T> hidden_weight = pack_weight(weight_hh, frame);
    T* const rows = frame.template take<T>(rows_at_once * std::max(input_weight.depth, size));
    const index_t at_once = steps_at_once<T>(batch, steps, gates);
    T* const sums = frame.template take<T>(at_once * batch * gates);  // (step, batch, gate)

    for (index_t first = 0; first < steps; first += at_once) {
        multiply_rows(
            std::min(at_once, steps - first) * batch, x_step, [&](index_t i) { return x(i % batch, first + i / batch); }, input_weight,
            rows,
            [&](index_t i, index_t gate, index_t count, const T* products) {
                for (index_t j = 0; j < count; ++j) {
                    sums[i * gates + gate + j] = products[j] + (bias ? (*bias)(gate + j) : T(0));
                }
            });
        for (index_t t = first; t < std::min(first + at_once, steps); ++t) {
            T* const step_sums = sums + (t - first) * batch * gates;
            for (index_t b = 0; b < batch; ++b) {
                if (reset(b, t)) {
                    std::fill_n(&hidden(b, 0), size, T(0));
                    std::fill_n(&cell(b, 0), size, T(0));
                }
            }
            multiply_rows(
                batch, 1, [&](index_t b) { return &hidden(b, 0); }, hidden_weight, rows,
                [&](index_t b, index_t gate, index_t count, const T* products) {
                    for (index_t j = 0; j < count; ++j) {
                        step_sums[b * gates + gate + j] += products[j];
                    }
                });
            for (index_t b = 0; b < batch; ++b) {
                lstm_gates(size, forget_bias, step_sums + b * gates, &cell(b, 0), &hidden(b, 0));
                T* const to = y(b, t);
                for (index_t unit = 0; unit < size; ++unit) {
                    to[unit * y_step] = hidden(b, unit);
                }
            }
        }
    }
}

}  // namespace nn::inline NN_ABI::kernels
