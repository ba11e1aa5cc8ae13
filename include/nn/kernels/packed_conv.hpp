// SPDX-License-Identifier: MIT
#pragma once

// The weight of a convolution as its products take it.

#include <algorithm>  // std::clamp, std::min

#include <nn/core/view.hpp>
#include <nn/kernels/gemm.hpp>

namespace nn::inline NN_ABI::kernels {

/// The depth of a convolution's product, C/G · ΠK, in equal blocks of whole channels: at most 640 deep, so that the panel of weights that
/// is at work stays in the L1 cache, or one channel.
struct DepthBlocks {
    index_t channels;  ///< C/G
    index_t taps;      ///< ΠK

    index_t at_once() const {
        const index_t most = std::clamp<index_t>(640 / taps, 1, channels);
        return divide_up(channels, divide_up(channels, most));
    }
    index_t deepest() const { return at_once() * taps; }

    /// Calls f(channel, channels) block by block.
    template <class F>
    void each(const F& f) const {
        for (index_t channel = 0; channel < channels; channel += at_once()) {
            f(channel, std::min(at_once(), channels - channel));
        }
    }
};

/// Which way a convolution lies in the tiles of its product.
enum class Rows : unsigned char { outputs, windows };

/// For how many calls a weight is packed.
enum class Calls : unsigned char { one, many };

/// Of which arrays of a convolution the channels lie side by side.
struct ChannelsLast {
    bool x = false;
    bool y = false;
};

/// Whether a group of so many channels and outputs has too few products for panels. Measured on Zen 3, µs by product and by stencil: 3 × 3
/// of 8 → 8 channels of 56 × 56 136 and 54, 8 → 64 of 32 × 32 128 and 110, 16 → 16 of 56 × 56 183 and 206, 32 → 32 647 and 778; 3 of
/// 16 → 16 channels in a row of 4000 98 and 83; 7 × 7 of 3 → 64 channels with stride 2 2831 and 2720; but 1 × 1 of 64 → 8 104 and 146.
inline bool few_products(index_t channels, index_t outputs, index_t taps) {
    const index_t pairs = saturating_multiply(channels, outputs);
    const bool few = pairs <= 1024 && pairs * taps <= 32 * 1024 && (channels < 16 || channels * taps < 144);
    return pairs <= 64 || (taps > 1 && few);
}

/// The way that takes less time: a product of what room the tiles take, of which 7 × 7 windows fill 49 of 56 columns but 49 of 54 rows, of
/// copying, and of writing apart or turned round; and of packing the weight for one call: with outputs as rows it can be read where it is.
/// Measured on Zen 3, packing on a Sapphire Rapids too.
template <class T>
constexpr Rows rows_for(simd::Isa isa, index_t outputs, index_t windows, const DepthBlocks& depth, const ChannelsLast& last, Calls calls) {
    const Tile tile = tile_of<T>(isa);
    const auto room = [](index_t count, index_t width) {  // in doubles: windows may have saturated
        return static_cast<double>(divide_up(count, width)) * static_cast<double>(width);
    };
    const auto across = [&](index_t count) { return room(count, count > tile.columns ? tile.columns / 2 : tile.columns); };
    const double deep = static_cast<double>(depth.deepest());
    const double packing = 5 / static_cast<double>(outputs);
    const double copying = depth.taps == 1 && last.x ? 0 : packing / static_cast<double>(depth.taps);
    const double packing_weight = calls == Calls::many ? 0 : 20 / static_cast<double>(windows);
    const double by_windows = 1.03 * (1 + (last.y ? 0 : 7) / deep + copying + packing_weight) * room(windows, tile.rows) * across(outputs);
    const double by_outputs = (1 + (last.y ? 36 : 0) / deep + packing) * room(outputs, tile.rows) * across(windows);
    return by_windows < by_outputs ? Rows::windows : Rows::outputs;
}

/// The weight of a convolution in panels, for one instruction set: group by group, block by block of the depth; or, where outputs are rows,
/// as it is, row-major.
template <class T>
struct PackedConv {
    simd::Isa isa;
    Rows rows;
    index_t groups;
    index_t outputs;  ///< of a group
    DepthBlocks depth;
    const T* panels;
    bool in_place = false;  ///< these are the rows of the weight itself

    /// Outputs and windows of a panel.
    index_t output_width() const { return rows == Rows::outputs ? tile_of<T>(isa).rows : tile_of<T>(isa).columns; }
    index_t window_width() const { return rows == Rows::outputs ? tile_of<T>(isa).columns : tile_of<T>(isa).rows; }

    /// The same of so many taps.
    PackedConv with_taps(index_t taps) const {
        PackedConv packed = *this;
        packed.depth.taps = taps;
        return packed;
    }
    /// C/G · ΠK
    index_t whole_depth() const { return saturating_multiply(depth.channels, depth.taps); }
    /// Elements of all panels.
    index_t size() const { return saturating_multiply(groups, packed_size(outputs, whole_depth(), in_place ? 1 : output_width())); }
    /// Elements from an output to the next, or 0 where they are packed.
    index_t row_step() const { return in_place ? whole_depth() : 0; }
    /// The panels of a group from an output and a channel on, at which a panel and a block begin.
    const T* panel(index_t group, index_t output, index_t channel) const {
        if (in_place) {
            return panels + (group * outputs + output) * row_step() + channel * depth.taps;
        }
        const index_t padded = divide_up(outputs, output_width()) * output_width();
        const index_t channels = std::min(depth.at_once(), depth.channels - channel);
        return panels + (padded * (group * depth.channels + channel) + output * channels) * depth.taps;
    }
};

/// Packs a weight (O, C/G · ΠK) into `out`.
template <class T>
PackedConv<T> pack_conv(PackedConv<T> packed, const View<const T, 2>& weight, T* out) {
    packed.panels = out;
    const index_t taps = packed.depth.taps;
    for (index_t group = 0; group < packed.groups; ++group) {
        const View<const T, 2> rows = slice(weight, group * packed.outputs, packed.outputs);
        packed.depth.each([&](index_t channel, index_t channels) {
            View<const T, 2> block = rows;
            block.data += channel * taps * rows.strides[1];
            block.shape[1] = channels * taps;
            pack(packed.isa, packed.output_width(), block, out);
            out += packed_size(packed.outputs, channels * taps, packed.output_width());
        });
    }
    return packed;
}
/// Of a row-major weight whose outputs are rows: it is read where it is.
template <class T>
PackedConv<T> conv_in_place(PackedConv<T> packed, const T* weight) {
    packed.panels = weight;
    packed.in_place = true;
    return packed;
}

}  // namespace nn::inline NN_ABI::kernels
