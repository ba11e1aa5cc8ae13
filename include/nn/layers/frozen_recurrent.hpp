// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>   // std::size_t
#include <optional>  // std::optional

#include <nn/core/aligned.hpp>
#include <nn/layers/carrying.hpp>
#include <nn/ops/recurrent.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// An `LSTM`, a `GRU` or a cell of these for inference alone: its weights are packed for this machine. Made by `nn::freeze`; immutable. It
/// is called as the layer is, with the layer's own state, and gives the layer's own bits.
///
/// Errors  those of the layer, by its name.
/// Cost    that of the layer without packing. Size G·H·(D + H) elements, G·H rounded up to the tile, and the biases.
template <class Layer, class T, std::size_t Axes>
class FrozenRecurrent : public detail::Carrying<FrozenRecurrent<Layer, T, Axes>, typename Layer::State, T, Axes> {
public:
    using State = typename Layer::State;

    static constexpr std::string_view name = Layer::name;
    static constexpr bool takes_resets = Layer::takes_resets;

    /// Packs the weights.
    explicit FrozenRecurrent(const Layer& layer) : options_(layer.options), isa_(simd::machine()) {
        (void)kernels::pack_recurrent(isa_, view_of(layer.weight_ih), view_of(layer.weight_hh),
                                      Layer::candidate_gates * options_.hidden_size, [&](index_t count) {
                                          panels_.resize(static_cast<std::size_t>(count));
                                          return panels_.data();
                                      });
        keep(layer.bias, bias_);
        if constexpr (requires { layer.bias_n; }) {
            keep(layer.bias_n, bias_n_);
        }
    }

    State initial_state(index_t batch) const { return Layer::zero_state(options_, batch); }

    std::size_t size_in_bytes() const { return sizeof(*this) + (panels_.size() + bias_.size() + bias_n_.size()) * sizeof(T); }

private:
    friend detail::Carrying<FrozenRecurrent, State, T, Axes>;

    static void keep(const std::optional<Tensor<T, 1>>& from, AlignedVector<T>& to) {
        if (from) {
            to.assign(from->begin(), from->end());
        }
    }
    static const T* data_of(const AlignedVector<T>& bias) { return bias.empty() ? nullptr : bias.data(); }

    auto state_shapes(index_t batch) const { return Layer::state_shapes(options_, batch); }
    static auto views(State& state) { return Layer::views(state); }
    Shape<Axes> item(const Batch<const T, Axes>& x) const { return ops::recurrent_item(name, options_, x); }
    template <class Views>
    void run(const Batch<const T, Axes>& x, const Views& state, const std::optional<Batch<const bool, Axes - 1>>& resets,
             const Batch<T, Axes>& y, Workspace& workspace) const {
        const auto weights = [&] {
            const index_t hidden = options_.hidden_size;
            return kernels::RecurrentWeights<T>(isa_, Layer::gates * hidden, Layer::candidate_gates * hidden, options_.input_size, hidden,
                                                panels_.data());
        };
        Layer::run_packed(options_, x, weights, data_of(bias_), data_of(bias_n_), state, resets, y, workspace);
    }

    decltype(Layer::options) options_;
    simd::Isa isa_;
    AlignedVector<T> panels_;
    AlignedVector<T> bias_;
    AlignedVector<T> bias_n_;
};

}  // namespace nn::inline NN_ABI
