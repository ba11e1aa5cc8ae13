// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_same_v
#include <utility>      // std::move

#include <nn/core/aligned.hpp>
#include <nn/core/freeze.hpp>
#include <nn/kernels/instance.hpp>
#include <nn/layers/stateless.hpp>
#include <nn/ops/conv.hpp>
#include <nn/ops/conv_transpose.hpp>

namespace nn::inline NN_ABI {

namespace detail {

/// Which tile of Winograd's algorithm is fastest for so many items, if any is faster than the other kernels. Measured on Zen 3, µs by
/// product or stencil, F(2 × 2) and F(4 × 4): 64 channels of 56 × 56 3149, 1399 and 825; 32 of 28 × 28 193, 100 and 64; 256 of 7 × 7 850,
/// 378 and 254; but 512 of 7 × 7, whose 4 tiles do not pay for reading 36 MiB of weights, 3643, 1739 and 3033.
template <std::size_t N>
std::optional<kernels::WinogradTile> fastest_tile(const ConvOptions<N>& options, const kernels::ConvPlan<2>& plan, index_t items) {
    using enum kernels::WinogradTile;
    const double weights = 36.0 * static_cast<double>(options.out_channels) * static_cast<double>(options.in_channels / options.groups);
    if (kernels::winograd_tile_count(plan, f4, items) >= (weights > 4e6 ? 12 : 4)) {
        return f4;
    }
    return kernels::winograd_tile_count(plan, f2, items) >= 4 ? std::optional(f2) : std::nullopt;
}

/// All of a `FrozenConv` but its function: what it is made of is compiled once, whatever functions a network has.
template <std::floating_point T, std::size_t N, class Options>
class FrozenConvCore {
public:
    FrozenConvCore(std::string_view who, const Options& options, const ops::ConvParameters<T, N>& parameters, const Freezing& freeze);

    /// Of its arrays.
    std::size_t size_in_bytes() const {
        return (dense_.size() + by_channels_.size() + winograd_.size() + panels_.size() + bias_.size()) * sizeof(T);
    }

    /// Whether results between two layers have the channels side by side, though the layout says otherwise.
    bool writes_channels_last() const { return output_last_; }
    template <std::size_t R>
    Shape<R> result_strides(const Shape<R>& y) const {
        return output_last_ ? with_innermost(R - N - 1, y) : row_major(y);
    }
    /// Whether x may as well have its channels so.
    static bool likes_channels_last(const Options& options, const FreezeOptions& freeze) {
        if constexpr (std::is_same_v<Options, ConvOptions<N>>) {
            return options.layout == Layout::channels_first &&
                   (ops::is_pointwise(options) || ops::is_depthwise(options) || fits_winograd(options, freeze));
        } else {
            return false;
        }
    }

    /// Whether an element's bits are the same wherever rows are cut.
    bool may_be_cut() const { return !tile_; }

    std::string_view who() const { return who_; }
    const Options& options() const { return options_; }
    Shape<N + 1> item(const Batch<const T, N + 1>& x) const { return ops::conv_item(options_, ops::conv_plan(who_, options_, x)); }
    void run(const Batch<const T, N + 1>& x, const kernels::Finish<T>& finish, const Batch<T, N + 1>& y, Workspace& workspace) const;
    /// Some rows of it, of items that are checked and lie as (C, L₁ … L_N).
    void run_rows(const kernels::ConvPlan<N>& plan, const View<const T, N + 1>& x, const kernels::Finish<T>& finish,
                  const View<T, N + 1>& y, Workspace& workspace) const;

private:
    const T* bias() const { return bias_.empty() ? nullptr : bias_.data(); }

    static constexpr bool may_be_winograd = std::is_same_v<Options, ConvOptions<2>> && std::is_same_v<T, float>;

    static bool fits_winograd([[maybe_unused]] const Options& options, [[maybe_unused]] const FreezeOptions& freeze) {
        if constexpr (may_be_winograd) {
            return freeze.algorithm != ConvAlgorithm::exact && options.kernel_size == PerAxis<2>(3) && options.stride == PerAxis<2>(1) &&
                   options.input_dilation == PerAxis<2>(1) && options.in_channels / options.groups >= 16 &&
                   options.out_channels / options.groups >= 16;
        } else {
            return false;
        }
    }
    std::optional<kernels::WinogradTile> tile_for([[maybe_unused]] const FreezeOptions& freeze) const {
        if (!fits_winograd(options_, freeze)) {
            return std::nullopt;
        }
        if constexpr (may_be_winograd) {
            if (!freeze.input_shape.empty()) {
                const auto x = checked_shape<const T, N + 1>(who_, freeze.input_shape);
                return fastest_tile(options_, ops::conv_plan(who_, options_, x), x.count());
            }
        }
        return kernels::WinogradTile::f4;
    }

    /// Of which arrays the channels lie side by side: as the layout says or, between layers, where that is faster. 1 × 1 convolutions and
    /// depthwise ones are, measured on Zen 3 in µs with channels outside and inside: 16 → 96 of 112 × 112 586 and 552, 96 → 24 of 56 × 56
    /// 201 and 162, 192 → 32 of 28 × 28 133 and 101, depthwise 3 × 3 of 192 104 and 76, of 96 of 112 × 112 with stride 2 449 and 190.
    kernels::ChannelsLast channels_last(const Freezing& freeze) const {
        if constexpr (std::is_same_v<Options, ConvOptions<N>>) {
            if (options_.layout == Layout::channels_first) {
                // Of enough outputs a product takes no more time to write them so than a stencil otherwise: 3 × 3 of 3 → 32 channels of
                // 224 × 224 with stride 2 326 µs and 323.
                const bool product = options_.groups == 1 && options_.out_channels >= 32;
                const bool likes = likes_channels_last(options_, freeze);
                const bool writes = likes ? freeze.input_last || ops::is_pointwise(options_) : product;
                return {likes && freeze.input_last, writes && freeze.output_last};
            }
        }
        return ops::channels_last(options_);
    }

    struct Weight {
        const FrozenConvCore& conv;
        std::optional<kernels::WinogradWeight<T>> transformed{};

        const T* dense() const { return conv.dense_.empty() ? nullptr : conv.dense_.data(); }
        const T* by_channels() const { return conv.by_channels_.empty() ? nullptr : conv.by_channels_.data(); }
        // A template, of which clang 14 makes none unless it is called: of other members it does, whatever they require.
        template <std::size_t M>
            requires(may_be_winograd && M == 2)
        const kernels::WinogradWeight<T>* winograd(const kernels::ConvPlan<M>& plan, index_t items) const {
            const bool pays = transformed && (conv.panels_.empty() || fastest_tile(conv.options_, plan, items) == transformed->tile);
            return pays ? &*transformed : nullptr;
        }
        kernels::PackedConv<T> panels() const {
            kernels::PackedConv<T> packed = conv.packing_;
            packed.panels = conv.panels_.data();
            return packed;
        }
    };

    Weight weight() const {
        Weight weight{*this};
        if (tile_) {
            const index_t groups = options_.groups;
            weight.transformed = {isa_, *tile_, groups, options_.out_channels / groups, options_.in_channels / groups, winograd_.data()};
        }
        return weight;
    }

    std::string_view who_;
    Options options_;
    simd::Isa isa_;
    std::optional<kernels::WinogradTile> tile_{};
    bool output_last_ = false;
    kernels::PackedConv<T> packing_;  // of panels_
    AlignedVector<T> dense_;          // where the convolution may be a stencil
    AlignedVector<T> by_channels_;    // the same, where it is depthwise
    AlignedVector<T> winograd_;       // of tile_
    AlignedVector<T> panels_;
    AlignedVector<T> bias_;
};

template <std::floating_point T, std::size_t N, class Options>
FrozenConvCore<T, N, Options>::FrozenConvCore(std::string_view who, const Options& options, const ops::ConvParameters<T, N>& parameters,
                                              const Freezing& freeze)
    : who_(who), options_(options), isa_(simd::machine()) {
    Workspace workspace;
    const auto frame = workspace.frame();
    const ops::ConvParameters<T, N> taken = ops::as_taken(options, parameters);
    const kernels::TapClasses<N> classes = ops::tap_classes(options);
    const T* const weight = ops::sorted_weight<T, N>(classes, taken, frame);
    const index_t channels = options.in_channels / options.groups;
    const index_t outputs = options.out_channels / options.groups;
    const index_t depth = channels * classes.taps();
    // Where the shape of x is not known, as for a large one.
    index_t windows = 1 << 20;
    if (!freeze.input_shape.empty()) {
        const auto x = checked_shape<const T, N + 1>(who, freeze.input_shape);
        windows = saturating_multiply(ops::conv_plan(who, options, x).windows(), x.count());
    }
    tile_ = tile_for(freeze);
    const kernels::ChannelsLast last = channels_last(freeze);
    output_last_ = last.y && options.layout == Layout::channels_first;
    packing_ =
        kernels::class_packing<T>(isa_, classes, options.out_channels, channels, options.groups, windows, last, kernels::Calls::many);
    if constexpr (may_be_winograd) {
        if (tile_) {
            winograd_.resize(
                static_cast<std::size_t>(kernels::winograd_weight_size<T>(isa_, *tile_, options.groups, options.out_channels, depth)));
            const View<const T, 2> matrix = contiguous(weight, Shape<2>{options.out_channels, depth});
            (void)kernels::pack_winograd(isa_, *tile_, matrix, options.groups, winograd_.data());
        }
    }
    if (winograd_.empty() && classes.some_few(channels, outputs)) {
        dense_.assign(weight, weight + taken.weight.size());
        if (channels == 1 && outputs == 1 && classes.one()) {
            by_channels_.resize(static_cast<std::size_t>(kernels::channel_panels_size<T>(isa_, options.groups, depth)));
            kernels::pack_channels(isa_, options.groups, depth, weight, by_channels_.data());
        }
    }
    if (winograd_.empty() || freeze.input_shape.empty()) {
        panels_.resize(static_cast<std::size_t>(packing_.size()));
        (void)kernels::pack_classes(packing_, classes, weight, panels_.data());
    }
    if (parameters.bias) {
        for (index_t o = 0; o < options.out_channels; ++o) {
            bias_.push_back((*parameters.bias)(o));
        }
    }
}

template <std::floating_point T, std::size_t N, class Options>
void FrozenConvCore<T, N, Options>::run(const Batch<const T, N + 1>& x, const kernels::Finish<T>& finish, const Batch<T, N + 1>& y,
                                        Workspace& workspace) const {
    const kernels::ConvPlan<N> plan = ops::conv_plan(who_, options_, x);
    ops::run_conv(who_, options_, plan, x, weight(), bias(), finish, y, workspace);
}

template <std::floating_point T, std::size_t N, class Options>
void FrozenConvCore<T, N, Options>::run_rows(const kernels::ConvPlan<N>& plan, const View<const T, N + 1>& x,
                                             const kernels::Finish<T>& finish, const View<T, N + 1>& y, Workspace& workspace) const {
    kernels::convolve(plan, Batch<const T, N + 1>(x), weight(), bias(), Batch<T, N + 1>(y), workspace, finish);
}

// Members that are defined in the class would still be compiled for all, to be inlined.
NN_KERNEL(class FrozenConvCore<float, 1, ConvOptions<1>>);
NN_KERNEL(class FrozenConvCore<float, 2, ConvOptions<2>>);
NN_KERNEL(class FrozenConvCore<float, 1, ConvTransposeOptions<1>>);
NN_KERNEL(class FrozenConvCore<float, 2, ConvTransposeOptions<2>>);

/// A frozen convolution by reference.
template <std::floating_point T, std::size_t N, class Options>
struct ConvStage {
    const FrozenConvCore<T, N, Options>* conv;
    kernels::Finish<T> finish;

    const Options& options() const { return conv->options(); }
};

}  // namespace detail

/// A convolution, or a transposed one, for inference alone: its weight is packed for this machine, and a function of one element is
/// applied to the results while they are in the cache. Made by `nn::freeze`; immutable.
///
/// With ConvAlgorithm::automatic, 3 × 3 convolutions in float of 16 channels or more with stride 1 run by Winograd's algorithm:
/// |error| ≤ 88·(C + 20)·ε·S, and (24 + C/2)·ε·S in tests that look for the worst; S as in kernels/winograd.hpp. double is never: who asks
/// for it wants its digits.
///
/// In a network its result may have the channels side by side: `writes_channels_last()`.
///
/// Errors  those of the layer, by its name.
/// Cost    that of the layer without packing; scratch as nn::Conv says or, with Winograd's algorithm, as kernels/winograd.hpp does. Size
///         O·ΠK·C/G elements, O rounded up to the tile, and O; with Winograd's algorithm 4 times as many, or 16/9 for small images, and
///         without an `input_shape` the first as well.
template <std::floating_point T, std::size_t N, class Options, class Function>
class FrozenConv : public detail::Stateless<FrozenConv<T, N, Options, Function>, T, N + 1> {
    using Core = detail::FrozenConvCore<T, N, Options>;

public:
    static constexpr std::string_view name = "nn::FrozenConv";

    /// `who` begins the error texts.
    FrozenConv(std::string_view who, const Options& options, const ops::ConvParameters<T, N>& parameters, const detail::Freezing& freeze,
               const Function& function)
        : core_(who, options, parameters, freeze), function_(function) {}

    std::size_t size_in_bytes() const { return sizeof(*this) + core_.size_in_bytes(); }

    /// The strides in which it would have a result of this shape between two layers.
    template <std::size_t R>
    Shape<R> result_strides(const Shape<R>& y) const {
        return core_.result_strides(y);
    }

    /// Whether these have the channels side by side, though the layout says otherwise.
    bool writes_channels_last() const { return core_.writes_channels_last(); }
    /// Whether x may as well have its channels so.
    static bool likes_channels_last(const Options& options, const FreezeOptions& freeze) {
        return Core::likes_channels_last(options, freeze);
    }

    /// What it does, whatever its function: for who runs several.
    detail::ConvStage<T, N, Options> stage() const { return {&core_, kernels::finish_with<T>(function_)}; }

private:
    friend detail::Stateless<FrozenConv, T, N + 1>;

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            core_.who(), [this](const Batch<const T, N + 1>& x) { return core_.item(x); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) {
                core_.run(x, kernels::finish_with<T>(function_), y, workspace);
            });
    }

    Core core_;
    [[no_unique_address]] Function function_;
};

}  // namespace nn::inline NN_ABI
