// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::clamp, std::fill_n, std::min
#include <array>      // std::array
#include <cstddef>    // std::size_t

#include <nn/core/view.hpp>
#include <nn/core/workspace.hpp>
#include <nn/kernels/gates.hpp>
#include <nn/kernels/linear.hpp>

namespace nn::inline NN_ABI::kernels {

/// A batch of sequences under a recurrent layer. `x(b, t)` and `y(b, t)` are the addresses of the rows of input and output, whose elements
/// lie `x_step` and `y_step` apart; `reset(b, t)` tells whether b's state is zeroed before step t.
template <class X, class Y, class Reset>
struct Sequences {
    index_t batch;
    index_t steps;
    X x;
    index_t x_step;
    Y y;
    index_t y_step;
    Reset reset;
};
template <class X, class Y, class Reset>
Sequences(index_t, index_t, X, index_t, Y, index_t, Reset) -> Sequences<X, Y, Reset>;

/// The weights of a recurrent layer for products with rows: weight_ih (rows, D), weight_hh without the candidate's rows, and these, of
/// which an LSTM has none and a GRU H. All in one block of memory.
template <class T>
struct RecurrentWeights {
    PackedWeight<T> input;
    PackedWeight<T> hidden;
    PackedWeight<T> candidate;

    RecurrentWeights(simd::Isa isa, index_t rows, index_t candidates, index_t inputs, index_t hidden_size, const T* panels)
        : input{isa, panels, rows, inputs},
          hidden{isa, panels + input.size(), rows - candidates, hidden_size},
          candidate{isa, hidden.panels + hidden.size(), candidates, hidden_size} {}

    index_t size() const { return input.size() + hidden.size() + candidate.size(); }
};

/// Packs the weights into the memory that `take(elements)` gives.
template <class T, class Take>
RecurrentWeights<T> pack_recurrent(simd::Isa isa, const View<const T, 2>& weight_ih, const View<const T, 2>& weight_hh, index_t candidates,
                                   const Take& take) {
    const index_t rows = weight_ih.shape[0];
    const index_t gates = rows - candidates;
    const auto sized = [&](index_t lines, index_t depth) { return PackedWeight<T>{isa, nullptr, lines, depth}.size(); };
    const index_t input_size = sized(rows, weight_ih.shape[1]);
    const index_t gates_size = sized(gates, weight_hh.shape[1]);
    T* const panels = take(input_size + gates_size + sized(candidates, weight_hh.shape[1]));
    pack_weight(isa, weight_ih, panels);
    pack_weight(isa, slice(weight_hh, 0, gates), panels + input_size);
    pack_weight(isa, slice(weight_hh, gates, candidates), panels + input_size + gates_size);
    return RecurrentWeights<T>(isa, rows, candidates, weight_ih.shape[1], weight_hh.shape[1], panels);
}

/// Steps whose input products are computed at a time: as many as fit into 256 KiB, whatever the length of the sequence.
template <class T>
constexpr index_t steps_at_once(index_t batch, index_t steps, index_t gates) {
    constexpr index_t budget = 256 * 1024 / static_cast<index_t>(sizeof(T));
    return std::clamp<index_t>(budget / (batch * gates), 1, steps);
}

/// Calls `step(sums)` for every step, with sums (B, gates) = Σ weight_ih·x + bias, after the resets of `state`; then writes the first
/// array of the state, the hidden one, to y.
///
/// The products with the inputs of many steps are one product, before the steps; each gate is one chain, bias, then w_ih·x, then w_hh·h,
/// so that the bits do not depend on how a sequence is cut.
template <class T, class S, std::size_t Arrays, class Step>
void recur(const S& sequences, const PackedWeight<T>& weight, const T* bias, const std::array<View<T, 2>, Arrays>& state,
           Workspace& workspace, const Step& step) {
    const auto& [batch, steps, x, x_step, y, y_step, reset] = sequences;
    const index_t gates = weight.outputs;
    const index_t size = state[0].shape[1];
    const auto frame = workspace.frame();
    T* const rows = frame.template take<T>(weight.scratch(x_step));
    const index_t at_once = steps_at_once<T>(batch, steps, gates);
    T* const sums = frame.template take<T>(at_once * batch * gates);  // (step, batch, gate)

    for (index_t first = 0; first < steps; first += at_once) {
        const auto row = [&, &x = x, batch = batch](index_t i) { return x(i % batch, first + i / batch); };
        multiply_rows(std::min(at_once, steps - first) * batch, x_step, row, weight, rows,
                      {.c = sums, .row = {gates}, .start = bias != nullptr ? Start::column_bias : Start::zero, .bias = bias});
        for (index_t t = first; t < std::min(first + at_once, steps); ++t) {
            for (index_t b = 0; b < batch; ++b) {
                if (reset(b, t)) {
                    for (const View<T, 2>& array : state) {
                        std::fill_n(&array(b, 0), size, T(0));
                    }
                }
            }
            step(sums + (t - first) * batch * gates);
            for (index_t b = 0; b < batch; ++b) {
                T* const to = y(b, t);
                for (index_t unit = 0; unit < size; ++unit) {
                    to[unit * y_step] = state[0](b, unit);
                }
            }
        }
    }
}

/// sums(b, gate) = start + Σ weight·row(b), for sums (B, …) whose rows lie `step` apart.
template <class T>
void product(const PackedWeight<T>& weight, const View<T, 2>& rows, T* sums, index_t step, Start start, const T* bias = nullptr) {
    const auto row = [&](index_t b) { return &rows(b, 0); };
    multiply_rows<T>(rows.shape[0], 1, row, weight, nullptr, {.c = sums, .row = {step}, .start = start, .bias = bias});
}

/// An LSTM over a batch of sequences; `state` (hidden, cell), each (B, H), is read and written.
template <class T, class S>
void lstm(const S& sequences, const RecurrentWeights<T>& weights, const T* bias, T forget_bias, const std::array<View<T, 2>, 2>& state,
          Workspace& workspace) {
    const auto& [hidden, cell] = state;
    const index_t size = hidden.shape[1];
    recur(sequences, weights.input, bias, state, workspace, [&, &hidden = hidden, &cell = cell](T* sums) {
        product(weights.hidden, hidden, sums, 4 * size, Start::c);
        for (index_t b = 0; b < hidden.shape[0]; ++b) {
            lstm_gates(size, forget_bias, sums + b * 4 * size, &cell(b, 0), &hidden(b, 0));
        }
    });
}

/// A GRU over a batch of sequences; the state, hidden (B, H), is read and written. The candidate's product is with h, its result scaled
/// by r (`reset_before` false), or with r·h.
template <class T, class S>
void gru(const S& sequences, const RecurrentWeights<T>& weights, const T* bias, const T* bias_n, bool reset_before,
         const View<T, 2>& hidden, Workspace& workspace) {
    const auto frame = workspace.frame();
    const index_t batch = hidden.shape[0];
    const index_t size = hidden.shape[1];
    const View<T, 2> candidate = contiguous(frame.template take<T>(hidden.size()), hidden.shape);
    const View<T, 2> reset_hidden = contiguous(frame.template take<T>(hidden.size()), hidden.shape);
    recur(sequences, weights.input, bias, std::array{hidden}, workspace, [&](T* sums) {
        product(weights.hidden, hidden, sums, 3 * size, Start::c);
        for (index_t b = 0; b < batch; ++b) {
            gru_reset(size, &hidden(b, 0), sums + b * 3 * size, &reset_hidden(b, 0));
        }
        product(weights.candidate, reset_before ? reset_hidden : hidden, candidate.data, size,
                bias_n != nullptr ? Start::column_bias : Start::zero, bias_n);
        for (index_t b = 0; b < batch; ++b) {
            gru_gates(size, reset_before, sums + b * 3 * size, &candidate(b, 0), &hidden(b, 0));
        }
    });
}

}  // namespace nn::inline NN_ABI::kernels
