// SPDX-License-Identifier: MIT

#include <nn/core/per_axis.hpp>

#include <array>
#include <cstdint>

#include "support/catch.hpp"

namespace {

using namespace nn;

template <class P, class... Arguments>
concept braced = requires(Arguments... arguments) {
    P{arguments...};
};

struct Options {
    PerAxis<2> two = 1;
    PerAxis<1> one = 1;
};

TEST_CASE("PerAxis: a scalar is every axis, N values are one each, an array is as it is") {
    static_assert(PerAxis<3>(2).values() == std::array<index_t, 3>{2, 2, 2});
    static_assert(PerAxis<2>{3, 5}.values() == std::array<index_t, 2>{3, 5});
    static_assert(PerAxis<2>{3}.values() == std::array<index_t, 2>{3, 3});
    static_assert(PerAxis<1>{3}.values() == std::array<index_t, 1>{3});
    static_assert(PerAxis<2>(std::array<int, 2>{3, 5}) == PerAxis<2>{3, 5});
    static_assert(PerAxis<2>(std::array<std::size_t, 2>{3, 5}) == PerAxis<2>{3, 5});
    static_assert(PerAxis<2>{std::int8_t{3}, std::uint64_t{5}} == PerAxis<2>{3, 5});
    static_assert(PerAxis<2>{3, 5}[0] == 3 && PerAxis<2>{3, 5}[1] == 5);
    constexpr Options options{.two = {3, 5}, .one = {4}};
    static_assert(options.two == PerAxis<2>{3, 5} && options.one == PerAxis<1>(4));
    static_assert(Options{.two = 7}.two == PerAxis<2>{7, 7});
    static_assert(Options{.two = std::array{1, 2}}.two == PerAxis<2>{1, 2});
    SUCCEED();
}

TEST_CASE("PerAxis: other counts and other numbers do not compile") {
    static_assert(braced<PerAxis<2>, int, int> && braced<PerAxis<2>, int>);
    static_assert(!braced<PerAxis<2>, int, int, int>);
    static_assert(!braced<PerAxis<3>, int, int>);
    static_assert(!braced<PerAxis<1>, int, int>);
    static_assert(!braced<PerAxis<2>>);  // no lengths at all
    static_assert(!braced<PerAxis<2>, double> && !braced<PerAxis<2>, double, double> && !braced<PerAxis<2>, int, double>);
    static_assert(!braced<PerAxis<2>, std::array<int, 3>> && !braced<PerAxis<2>, std::array<int, 1>>);
    static_assert(!braced<PerAxis<2>, std::array<double, 2>>);
    static_assert(!braced<PerAxis<2>, const char*>);
    SUCCEED();
}

}  // namespace
