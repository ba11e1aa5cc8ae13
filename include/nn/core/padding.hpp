// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max
#include <array>      // std::array
#include <concepts>   // std::integral
#include <cstddef>    // std::size_t
#include <utility>    // std::index_sequence

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// What a window reads outside the input.
///
///     zeros      0 0 0 | a b c d | 0 0 0
///     reflect    d c b | a b c d | c b a     the border cell is not repeated; one cell alone repeats itself
///     replicate  a a a | a b c d | d d d
///     circular   b c d | a b c d | a b c
///
/// Pads may be longer than the axis, as in JAX: the pattern goes on.
enum class PaddingMode { zeros, reflect, replicate, circular };

/// Cells added before and after one axis. Negative values crop (with `PaddingMode::zeros` only).
struct Pad {
    index_t before = 0;  ///< cells added in front
    index_t after = 0;   ///< cells added behind

    constexpr Pad() = default;  ///< none
    /// Two values: one alone would be a guess.
    constexpr Pad(index_t before_, index_t after_) : before(before_), after(after_) {}
    constexpr bool operator==(const Pad&) const = default;  ///< whether both are equal
};

/// Padding that follows from the window, not from numbers.
enum class PaddingRule {
    numbers,     ///< none of the below: the pads were given
    same,        ///< output ⌈L / s⌉; an odd cell is added after     (TensorFlow, JAX, Keras)
    same_lower,  ///< output ⌈L / s⌉; an odd cell is added before
    valid,       ///< none: windows lie inside the input
    half,        ///< ⌊(K − 1) / 2⌋ · d on both sides                (noxton's and torchvision's default for blocks)
};

/// The rules as one writes them: `.padding = nn::same`.
inline constexpr PaddingRule same = PaddingRule::same;
inline constexpr PaddingRule same_lower = PaddingRule::same_lower;
inline constexpr PaddingRule valid = PaddingRule::valid;
inline constexpr PaddingRule half_padding = PaddingRule::half;

/// Padding of N axes: a scalar, one value per axis, N {before, after} pairs, or `nn::same`, `nn::same_lower`, `nn::valid`,
/// `nn::half_padding`.
template <std::size_t N, class = std::make_index_sequence<N>>
class Padding;

/// Padding of N axes, as `Padding<N>` says.
template <std::size_t N, std::size_t... Axis>
class Padding<N, std::index_sequence<Axis...>> {
    template <std::size_t>
    using PadOf = Pad;  // repeats Pad once per axis, so that {{0, 1}, {2, 2}} needs no type names

public:
    constexpr Padding(PaddingRule rule) : rule_(rule) {}  ///< as the window needs

    /// The same on both sides of every axis.
    template <std::integral I>
    constexpr Padding(I all) : pads_{PadOf<Axis>(static_cast<index_t>(all), static_cast<index_t>(all))...} {}

    /// One for both sides of each axis.
    template <std::integral... I>
        requires(N > 1 && sizeof...(I) == N)
    constexpr Padding(I... each) : pads_{Pad(static_cast<index_t>(each), static_cast<index_t>(each))...} {}

    /// A pair for each axis.
    constexpr Padding(PadOf<Axis>... pads) : pads_{pads...} {}

    /// One for both sides of each axis.
    template <std::integral I>
    constexpr Padding(const std::array<I, N>& each) : pads_{Pad(static_cast<index_t>(each[Axis]), static_cast<index_t>(each[Axis]))...} {}

    /// A pair for each axis.
    constexpr Padding(const std::array<Pad, N>& pads) : pads_(pads) {}

    constexpr PaddingRule rule() const { return rule_; }  ///< `PaddingRule::numbers` where pads were given

    /// The pads as given; meaningful when `rule()` is `PaddingRule::numbers`.
    constexpr Pad operator[](std::size_t axis) const { return pads_[axis]; }

    constexpr bool operator==(const Padding&) const = default;  ///< whether rule and pads are equal

    /// The pads of one axis of `length` cells under a window of `kernel` taps: this padding's rule, in numbers. A window too long for
    /// an index_t saturates; it fits nowhere.
    constexpr Pad resolve(std::size_t axis, index_t length, index_t kernel, index_t stride, index_t dilation) const {
        const index_t span = saturating_add(saturating_multiply(dilation, kernel - 1), 1);
        switch (rule_) {
            case PaddingRule::same:
            case PaddingRule::same_lower: {
                if (length == 0) {
                    return {};
                }
                const index_t last = (divide_up(length, stride) - 1) * stride;  // where the last window begins: before L
                const index_t total = std::max<index_t>(last - length + span, 0);
                const index_t less = total / 2;
                return rule_ == PaddingRule::same ? Pad(less, total - less) : Pad(total - less, less);
            }
            case PaddingRule::half: {
                const index_t each = saturating_multiply((kernel - 1) / 2, dilation);
                return {each, each};
            }
            case PaddingRule::valid: return {};
            case PaddingRule::numbers: break;
        }
        return pads_[axis];
    }

private:
    PaddingRule rule_ = PaddingRule::numbers;
    std::array<Pad, N> pads_{};
};

}  // namespace nn::inline NN_ABI
