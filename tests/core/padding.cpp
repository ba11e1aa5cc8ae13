// SPDX-License-Identifier: MIT

#include <nn/core/padding.hpp>

#include <array>
#include <concepts>
#include <limits>

#include <nn/ops/conv.hpp>

#include "support/catch.hpp"
#include "support/naive.hpp"

namespace {

using namespace nn;

constexpr index_t most = std::numeric_limits<index_t>::max();

// Braces have no type, so each form of initialiser is a concept of its own. P stands for the padding of an options struct.
template <class P>
struct Options {
    P padding;
};
template <class P>
concept takes_scalar = requires {
    Options<P>{.padding = 1};
};
template <class P>
concept takes_real = requires {
    Options<P>{.padding = 1.5};
};
template <class P>
concept takes_text = requires {
    Options<P>{.padding = "same"};
};
template <class P>
concept takes_rule = requires {
    Options<P>{.padding = same};
};
template <class P>
concept takes_one_value = requires {
    Options<P>{.padding = {1}};
};
template <class P>
concept takes_two_values = requires {
    Options<P>{.padding = {1, 2}};
};
template <class P>
concept takes_three_values = requires {
    Options<P>{.padding = {1, 2, 3}};
};
template <class P>
concept takes_two_reals = requires {
    Options<P>{.padding = {1.5, 2.5}};
};
template <class P>
concept takes_one_pair = requires {
    Options<P>{.padding = {{1, 2}}};
};
template <class P>
concept takes_two_pairs = requires {
    Options<P>{.padding = {{0, 1}, {2, 3}}};
};
template <class P>
concept takes_three_pairs = requires {
    Options<P>{.padding = {{0, 1}, {2, 3}, {4, 5}}};
};
template <class P>
concept takes_pair_of_reals = requires {
    Options<P>{.padding = {{1.5, 2.5}}};
};
template <class P>
concept takes_halves_of_pairs = requires {
    Options<P>{.padding = {{1}, {2}}};
};
template <class P>
concept takes_half_a_pair = requires {
    Options<P>{.padding = {{1}}};
};
template <class P>
concept takes_triples = requires {
    Options<P>{.padding = {{1, 2, 3}, {1, 2, 3}}};
};
template <class P>
concept takes_value_and_pair = requires {
    Options<P>{.padding = {1, {2, 3}}};
};
template <class P>
concept takes_pair_and_value = requires {
    Options<P>{.padding = {{2, 3}, 1}};
};
template <class P>
concept takes_nothing = requires {
    P{};
};

TEST_CASE("Padding: every documented form means what it says") {
    constexpr Padding<2> scalar = 3;
    static_assert(scalar[0] == Pad(3, 3) && scalar[1] == Pad(3, 3) && scalar.rule() == PaddingRule::numbers);
    constexpr Padding<2> each{1, 2};
    static_assert(each[0] == Pad(1, 1) && each[1] == Pad(2, 2));
    constexpr Padding<2> pairs{{0, 1}, {2, 3}};
    static_assert(pairs[0] == Pad(0, 1) && pairs[1] == Pad(2, 3));
    constexpr Padding<1> one{{1, 2}};
    static_assert(one[0] == Pad(1, 2));
    constexpr Padding<1> braced{4};
    static_assert(braced[0] == Pad(4, 4));
    constexpr Padding<3> three{{1, 2}, {3, 4}, {-5, 6}};
    static_assert(three[2] == Pad(-5, 6));
    static_assert(Padding<2>(std::array{1, 2}) == each);
    static_assert(Padding<2>(std::array<std::size_t, 2>{1, 2}) == each);
    static_assert(Padding<2>(std::array{Pad(0, 1), Pad(2, 3)}) == pairs);
    static_assert(Padding<2>{Pad(0, 1), Pad(2, 3)} == pairs);
    static_assert(Padding<2>(same).rule() == PaddingRule::same && Padding<2>(same_lower).rule() == PaddingRule::same_lower);
    static_assert(Padding<2>(valid).rule() == PaddingRule::valid && Padding<2>(half_padding).rule() == PaddingRule::half);
    static_assert(Padding<2>(same) != Padding<2>(same_lower) && Padding<2>(1) != Padding<2>(2) && Padding<2>(1) == Padding<2>{1, 1});
    SUCCEED();
}

TEST_CASE("Padding: what would be a guess does not compile, and its neighbour does") {
    static_assert(takes_scalar<Padding<1>> && takes_scalar<Padding<2>> && takes_scalar<Padding<3>>);
    static_assert(takes_rule<Padding<1>> && takes_rule<Padding<2>>);
    static_assert(!takes_real<Padding<1>> && !takes_real<Padding<2>> && !takes_text<Padding<2>>);
    static_assert(takes_one_value<Padding<1>>);
    static_assert(!takes_two_values<Padding<1>> && takes_two_values<Padding<2>> && !takes_two_values<Padding<3>>);
    static_assert(!takes_three_values<Padding<1>> && !takes_three_values<Padding<2>> && takes_three_values<Padding<3>>);
    static_assert(!takes_two_reals<Padding<2>> && !takes_pair_of_reals<Padding<1>>);
    static_assert(takes_one_pair<Padding<1>> && !takes_one_pair<Padding<2>> && !takes_one_pair<Padding<3>>);
    static_assert(!takes_two_pairs<Padding<1>> && takes_two_pairs<Padding<2>> && !takes_two_pairs<Padding<3>>);
    static_assert(!takes_three_pairs<Padding<2>> && takes_three_pairs<Padding<3>>);
    static_assert(!takes_halves_of_pairs<Padding<1>> && !takes_halves_of_pairs<Padding<2>> && !takes_halves_of_pairs<Padding<3>>);
    static_assert(!takes_half_a_pair<Padding<2>>);
    static_assert(!takes_triples<Padding<2>>);
    static_assert(!takes_value_and_pair<Padding<2>> && !takes_pair_and_value<Padding<2>>);
    static_assert(!takes_nothing<Padding<1>> && !takes_nothing<Padding<2>>);
    static_assert(!std::constructible_from<Padding<2>, std::array<int, 3>> && std::constructible_from<Padding<2>, std::array<int, 2>>);
    static_assert(!std::constructible_from<Padding<2>, std::array<double, 2>>);
    static_assert(!std::constructible_from<Pad, int> && std::constructible_from<Pad, int, int> && std::constructible_from<Pad>);
    SUCCEED();
}

TEST_CASE("Padding: same and same_lower give ⌈L / s⌉ windows with the odd cell after and before") {
    for (index_t length = 0; length <= 12; ++length) {
        for (index_t kernel = 1; kernel <= 6; ++kernel) {
            for (index_t stride = 1; stride <= 5; ++stride) {
                for (index_t dilation = 1; dilation <= 3; ++dilation) {
                    CAPTURE(length, kernel, stride, dilation);
                    const auto pads = [&](Padding<2> padding) { return padding.resolve(1, length, kernel, stride, dilation); };
                    const auto expected = [&](PaddingRule rule) { return test::resolved(rule, {}, length, kernel, stride, dilation); };
                    CHECK(pads(same) == expected(same));
                    CHECK(pads(same_lower) == expected(same_lower));
                    CHECK(pads(valid) == Pad(0, 0));
                    CHECK(pads(half_padding) == expected(half_padding));
                    CHECK(pads({{1, 2}, {3, -4}}) == Pad(3, -4));
                    CHECK(pads(same).before == pads(same_lower).after);
                    if (length > 0) {
                        const index_t cells = length + pads(same).before + pads(same).after;
                        const index_t window = dilation * (kernel - 1) + 1;
                        CHECK((cells - window) / stride + 1 == (length + stride - 1) / stride);
                    }
                }
            }
        }
    }
}

TEST_CASE("Padding: lengths that no index holds saturate") {
    const Padding<1> rules[] = {same, same_lower, valid, half_padding};
    for (const Padding<1>& rule : rules) {
        for (const index_t length : {index_t{0}, index_t{1}, index_t{7}, most - 1, most}) {
            for (const index_t kernel : {index_t{1}, index_t{2}, most / 2, most}) {
                for (const index_t stride : {index_t{1}, index_t{2}, most}) {
                    for (const index_t dilation : {index_t{1}, index_t{3}, most}) {
                        const Pad pad = rule.resolve(0, length, kernel, stride, dilation);
                        CAPTURE(length, kernel, stride, dilation);
                        CHECK((pad.before >= 0 && pad.after >= 0));
                    }
                }
            }
        }
    }
}

}  // namespace
