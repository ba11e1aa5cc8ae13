// SPDX-License-Identifier: MIT
#pragma once

// What the fuzzers of layers have in common: options and shapes out of bytes, and what a call with them must come to.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <nn/nn.hpp>

#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace nn::fuzz {

using test::dense;
using test::Dense;
using test::Extents;

/// Holds any sum of a few products of two numbers that an index_t holds.
__extension__ typedef __int128 Wide;

/// Ends the run: libFuzzer keeps the bytes that led here.
[[noreturn]] inline void wrong(std::string_view layer, const std::string& what) {
    std::fprintf(stderr, "%s: %s\n", std::string(layer).c_str(), what.c_str());
    std::abort();
}

/// Options and extents out of bytes: numbers that make sense, and now and then any other. Where the bytes end there are zeros.
class Draw {
public:
    Draw(const std::uint8_t* bytes, std::size_t count) : bytes_(bytes, count) {}

    std::uint8_t byte() {
        const std::uint8_t first = bytes_.empty() ? std::uint8_t{0} : bytes_.front();
        bytes_ = bytes_.subspan(bytes_.empty() ? 0 : 1);
        return first;
    }
    bool flag() { return byte() % 2 != 0; }

    /// low … high from a byte below 240; from those above extreme ones, or one of 8 bytes.
    index_t number(index_t low, index_t high) {
        constexpr index_t most = std::numeric_limits<index_t>::max();
        constexpr index_t extremes[] = {
            0,
            -1,
            -2,
            most,
            max_length + 1,
            most / 2,
            max_length - 2,
            -max_length,
            -most - 1,
            max_length - 1,
            max_length / 2,
            index_t(1) << 32,
            max_length,
            1000,
        };
        const index_t first = byte();
        if (first < 240) {
            return low + first % (high - low + 1);
        }
        if (first - 240 < static_cast<index_t>(std::size(extremes))) {
            return extremes[first - 240];
        }
        std::uint64_t number = 0;
        for (int i = 0; i < 8; ++i) {
            number = number << 8 | byte();
        }
        return static_cast<index_t>(number);
    }
    /// A multiple of `groups`, or any number.
    index_t channels(index_t groups) { return byte() % 8 == 1 ? number(0, 9) : static_cast<index_t>(Wide(groups) * number(1, 6)); }
    template <class E>
    E pick(std::initializer_list<E> choices) {
        return *(choices.begin() + byte() % choices.size());
    }
    Layout layout() { return pick({Layout::channels_first, Layout::channels_last}); }
    template <std::size_t N>
    PerAxis<N> per_axis(index_t low, index_t high) {
        std::array<index_t, N> values{};
        for (index_t& value : values) {
            value = number(low, high);
        }
        return values;
    }
    template <std::size_t N>
    Padding<N> padding(index_t least) {
        const auto rule = pick({PaddingRule::numbers, PaddingRule::numbers, PaddingRule::same, PaddingRule::same_lower, PaddingRule::valid,
                                PaddingRule::half});
        if (rule != PaddingRule::numbers) {
            return rule;
        }
        std::array<Pad, N> pads{};
        for (Pad& pad : pads) {
            pad.before = number(least, 3);
            pad.after = number(least, 3);
        }
        return pads;
    }

private:
    std::span<const std::uint8_t> bytes_;
};

// ---- what to ask for ----

/// Elements of an array that takes part in a call.
constexpr long double most_elements = 1 << 12;

inline long double elements_of(const auto& extents) {
    long double count = 1;
    for (const auto extent : extents) {
        count *= static_cast<long double>(extent > 0 ? extent : 0);
    }
    return count;
}
/// Whether an array has few elements, and strides that an index_t holds.
inline bool is_small(const auto& extents) {
    long double strides = 1;
    for (const auto extent : extents) {
        strides *= static_cast<long double>(extent > 1 ? extent : 1);
    }
    return elements_of(extents) <= most_elements && strides < 0x1p60L;
}
/// Whether an array is small, or larger than any memory: that is to be refused. In between it is the machine's memory that counts.
inline bool to_ask_for(const auto& extents) {
    const long double count = elements_of(extents);
    return count <= most_elements || count * sizeof(float) >= 0x1p63L;
}
inline bool to_ask_for(std::initializer_list<index_t> extents) { return to_ask_for(std::span(extents.begin(), extents.size())); }

std::string text_of(const auto& extents) {
    std::string text;
    for (const auto extent : extents) {
        text += (text.empty() ? "(" : ", ") + std::to_string(static_cast<long double>(extent));
    }
    return text + ")";
}

// ---- arrays of the references: (batch, channels, space…) whatever the layout ----

/// (B, L…, C) as (B, C, L…), and back.
template <class E>
std::vector<E> channels_first(std::vector<E> extents, Layout layout) {
    if (layout == Layout::channels_last) {
        std::rotate(extents.begin() + 1, extents.end() - 1, extents.end());
    }
    return extents;
}
template <class E>
std::vector<E> in_layout(std::vector<E> extents, Layout layout) {
    if (layout == Layout::channels_last) {
        std::rotate(extents.begin() + 1, extents.begin() + 2, extents.end());
    }
    return extents;
}
inline Dense channels_first(const Dense& array, Layout layout) {
    std::vector<std::size_t> order(array.shape.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    return test::permuted(array, channels_first(order, layout));
}

/// The type of a layer's numbers: float where its name does not tell.
template <class L>
struct NumberOf {
    using type = float;
};
template <template <class, std::size_t> class L, class T, std::size_t N>
struct NumberOf<L<T, N>> {
    using type = T;
};
template <class L>
using number_of = typename NumberOf<L>::type;

/// What y must be, and how far each element may lie off.
struct Expected {
    Dense y;
    Dense error;

    explicit Expected(const Extents& shape) : y(test::zeros(shape)), error(test::zeros(shape)) {}
};

// ---- windows ----

/// One axis under sliding windows, in numbers that do not overflow. support/naive.hpp builds the padded axis instead, which a padding of
/// 2⁶² does not allow.
struct Axis {
    Wide length, kernel, stride, dilation;
    Wide before = 0, after = 0;
    Wide apart = 1;  // the cells, which have zeros between them
    PaddingMode mode = PaddingMode::zeros;

    Wide span() const { return dilation * (kernel - 1) + 1; }
    Wide cells() const { return length == 0 ? 0 : (length - 1) * apart + 1; }
    Wide beyond() const { return cells() + before + after - span(); }  ///< of the first window
    Wide windows() const { return beyond() < 0 ? 0 : beyond() / stride + 1; }
    Wide start(index_t window) const { return window * stride - before; }

    /// The cell at a position, −1 for a zero.
    index_t cell(Wide position) const {
        const Wide last = length - 1;
        const auto modulo = [&](Wide period) { return (position % period + period) % period; };
        if (position < 0 || position >= cells()) {
            switch (mode) {
                case PaddingMode::zeros: return -1;
                case PaddingMode::replicate: return static_cast<index_t>(position < 0 ? 0 : last);
                case PaddingMode::circular: return static_cast<index_t>(modulo(length));
                case PaddingMode::reflect: break;
            }
            const Wide folded = last == 0 ? 0 : modulo(2 * last);
            return static_cast<index_t>(folded > last ? 2 * last - folded : folded);
        }
        return position % apart == 0 ? static_cast<index_t>(position / apart) : -1;
    }
};

/// An axis padded by a rule, or by these numbers.
inline Axis padded(Axis axis, PaddingRule rule, Pad numbers) {
    const Wide windows = (axis.length + axis.stride - 1) / axis.stride;
    const Wide total = windows == 0 ? 0 : std::max<Wide>((windows - 1) * axis.stride + axis.span() - axis.length, 0);
    const Wide half = (axis.kernel - 1) / 2 * axis.dilation;
    switch (rule) {
        case PaddingRule::same: axis.before = total / 2; break;
        case PaddingRule::same_lower: axis.before = total - total / 2; break;
        case PaddingRule::half: axis.before = axis.after = half; break;
        case PaddingRule::valid: break;
        case PaddingRule::numbers: axis.before = numbers.before, axis.after = numbers.after; break;
    }
    if (rule == PaddingRule::same || rule == PaddingRule::same_lower) {
        axis.after = total - axis.before;
    }
    return axis;
}

// ---- a call ----

/// Calls f, which may refuse with an error that names the layer. Any other exception ends the run.
void refused_or(std::string_view layer, const auto& f) {
    const auto check = [&](std::string_view text) {
        if (!text.starts_with(layer) || !text.substr(layer.size()).starts_with(": ")) {
            wrong(layer, "an error that does not name the layer: " + std::string(text));
        }
    };
    try {
        f();
    } catch (const std::invalid_argument& error) {  // shape_error among them
        check(error.what());
    } catch (const std::out_of_range& error) {  // an index
        check(error.what());
    }
}

/// Whether a state for so many items is to be asked for: the options may say any size by then.
bool state_to_ask_for(const auto& layer, index_t batch) {
    bool to_ask = true;
    const auto none = layer.initial_state(0);
    visit_parameters(none, [&](std::string_view, const auto& array) {
        auto extents = array.shape();
        extents[0] = static_cast<std::size_t>(batch);
        to_ask = to_ask && to_ask_for(extents);
    });
    return to_ask;
}

/// A state for a batch of any size, of a layer that carries one.
void check_state(Draw& draw, const auto& layer) {
    if constexpr (requires { layer.initial_state(index_t(1)); }) {
        const index_t batch = draw.number(0, 3);
        if (state_to_ask_for(layer, batch)) {
            (void)layer.initial_state(batch);
        }
    }
}

/// What Winograd's algorithm may be off by besides, for the few channels that are drawn.
constexpr long double winograd_error = 1e-3L;

/// Ends the run where the answer is not what was expected, within its errors and a `further` one.
inline void compare(std::string_view layer, const std::string& form, const Dense& answer, const Expected& expected, long double further) {
    if (answer.shape != expected.y.shape) {
        wrong(layer, form + " has the shape " + text_of(answer.shape) + ", expected " + text_of(expected.y.shape));
    }
    for (std::size_t i = 0; i < answer.values.size(); ++i) {
        const long double value = answer.values[i];
        const long double wanted = expected.y.values[i];
        if (!(value == wanted || std::abs(value - wanted) <= expected.error.values[i] + further)) {
            wrong(layer, form + "[" + std::to_string(i) + "] is " + std::to_string(value) + ", expected " + std::to_string(wanted));
        }
    }
}

/// A call with a state of any shape, and with resets of any shape where the layer takes some: refused, or as without either, if the state
/// is of zeros and no step is marked.
template <class L, class X>
void check_carried(Draw& draw, const L& layer, const X& x, const auto& check) {
    if constexpr (requires { layer.initial_state(index_t(1)); }) {
        const index_t items = static_cast<index_t>(x.shape(0));
        if (!state_to_ask_for(layer, items)) {
            return;  // many items without a step
        }
        auto state = layer.initial_state(items);
        bool fits = true;
        const auto other = [&](auto shape) {
            auto changed = shape;
            if (draw.byte() % 8 == 1) {
                changed[draw.byte() % shape.size()] = static_cast<std::size_t>(draw.byte() % 10);
            }
            changed = to_ask_for(changed) ? changed : shape;  // one extent may be great where another is 0
            fits = fits && changed == shape;
            return changed;
        };
        visit_parameters(state, [&](std::string_view, auto& array) {
            array = std::remove_cvref_t<decltype(array)>(other(array.shape()));
            array.fill(0);
        });
        const auto called = [&](const auto& f) {
            try {
                check(f());
            } catch (const shape_error&) {
                if (fits) {
                    throw;
                }
                return;
            }
            if (!fits) {
                wrong(L::name, "a state of another shape was taken");
            }
        };
        called([&] { return layer(x, state); });
        if constexpr (requires { layer(x, state, Tensor<bool, 2>()); }) {
            visit_parameters(state, [](std::string_view, auto& array) { array.fill(0); });
            Tensor<bool, 2> resets(other(std::array<std::size_t, 2>{x.shape(0), x.shape(1)}));
            resets.fill(false);
            called([&] { return layer(x, state, resets); });
        }
    }
}

/// That the same comes into memory with gaps, whose axes lie in any order.
template <class L, class X, class Y>
void check_into(const L& layer, const X& x, const Y& y) {
    if (y.size() == 0) {
        return;  // of any extents
    }
    constexpr std::size_t rank = rank_of<Y>;
    test::Random random(y.size());  // no byte of the draw: seeds would become others
    test::Strided<element_of<Y>> to(test::shape_of(y), test::Arrangement::any(random, rank, false));
    Workspace workspace;
    if constexpr (requires { layer.forward_into(x, to.template view<rank>(), workspace); }) {
        layer.forward_into(x, to.template view<rank>(), workspace);
        if (const auto values = test::values_of(y); !test::same_bits(to.values(), {values.begin(), values.end()})) {
            wrong(L::name, "another answer comes into strided memory");
        }
    }
}

/// Builds an L, asks what x becomes, and calls it where x and y are small: what comes is `expected`, or an error that names the layer.
///
///     drawn()           options; `options` are those that count, others are those that the layer was built with at first
///     arrays(options)   whether the arrays that they stand for are to be asked for
///     extents(shape)    those of y, channels first as its argument is
///     expected(layer, x, room for it)
template <class L, class Options, std::size_t R>
void call(Draw& draw, const auto& drawn, const auto& arrays, const Options& options, Layout layout, const Shape<R>& shape,
          const auto& extents, const auto& expected) {
    const auto built = [&](const Options& with) {
        test::Random random(7);
        if constexpr (std::constructible_from<L, Options, NoInit>) {
            return test::filled(random, L(with, no_init));
        } else if constexpr (requires { &L::weight; }) {
            return test::filled(random, L(with));
        } else {
            return L(with);
        }
    };
    const Options first = draw.byte() % 8 == 1 ? drawn() : options;
    if (!arrays(first) || !arrays(options)) {
        return;
    }
    refused_or(L::name, [&] {
        L layer = built(first);
        layer.options = options;  // assigned later, as any program may
        check_state(draw, layer);
        const auto same = layer.output_shape(shape);
        std::vector<index_t> promised(same.begin(), same.end());
        const std::vector<index_t> given(shape.begin(), shape.end());
        if constexpr (requires { layer.output_shape(given); }) {
            promised = layer.output_shape(given);
        }
        const std::vector<Wide> wide = in_layout(extents(channels_first(std::vector<Wide>(given.begin(), given.end()), layout)), layout);
        bool right = wide.size() == promised.size() && std::equal(promised.begin(), promised.end(), same.begin(), same.end());
        for (std::size_t axis = 0; right && axis < wide.size(); ++axis) {
            // What an index_t does not hold saturates on the way; what comes is still more than any machine has.
            right = promised[axis] == wide[axis] || promised[axis] >= index_t(1) << 56;
        }
        const bool possible = *std::min_element(given.begin(), given.end()) >= 0;
        if (possible && !right) {
            wrong(L::name, "x " + text_of(given) + " becomes " + text_of(promised) + ", expected " + text_of(wide));
        }
        if (!possible || !is_small(given) || !to_ask_for(promised)) {
            return;
        }
        using T = number_of<L>;
        const Tensor<T, R> x = test::noise<T>(shape);
        const auto y = layer(x);  // first: it refuses arrays that do not fit, which the definition would read
        const Expected reference = expected(layer, channels_first(dense(x), layout), Expected(channels_first(promised, layout)));
        const auto check = [&](const auto& answer, const std::string& form, long double further) {
            compare(L::name, form, channels_first(dense(answer), layout), reference, further);
        };
        check(y, "y", 0);
        check_into(layer, x, y);
        check_carried(draw, layer, x, [&](const auto& answer) { check(answer, "y from a state", 0); });

        // Frozen for any shape, for this one or for a small other one, which may be none of the layer's.
        FreezeOptions freezing{.algorithm = draw.pick({ConvAlgorithm::exact, ConvAlgorithm::automatic})};
        const bool other = draw.byte() % 8 == 1;
        if (other || draw.flag()) {
            freezing.input_shape = given;
        }
        for (index_t& extent : freezing.input_shape) {
            extent = other ? draw.number(0, 9) : extent;
        }
        const long double further = freezing.algorithm == ConvAlgorithm::exact ? 0 : winograd_error;
        if constexpr (requires { layer.frozen_alone(freezing); }) {
            check(layer.frozen_alone(freezing)(x), "y of the frozen layer", further);
        } else if constexpr (!detail::needs_state<L>) {
            const auto frozen = freeze(layer, freezing);
            check(frozen(x), "y of the frozen layer", further);
            check_carried(draw, frozen, x, [&](const auto& answer) { check(answer, "y of the frozen layer from a state", further); });
        }
    });
}

}  // namespace nn::fuzz
