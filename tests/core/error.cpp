// SPDX-License-Identifier: MIT

#include <nn/core/error.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace nn;

template <class... Parts>
std::string text(const Parts&... parts) {
    try {
        require(false, "who", parts...);
    } catch (const shape_error& error) {
        return error.what();
    }
    return "no error";
}

TEST_CASE("error texts: each kind of part is printed as Python prints it") {
    CHECK(text() == "who: ");
    CHECK(text("plain") == "who: plain");
    CHECK(text(std::string_view("a view of text").substr(2, 4)) == "who: view");
    CHECK(text(std::string("a string")) == "who: a string");
    CHECK(text(0, " ", -7, " ", 12U, " ", 34L, " ", std::size_t{56}, " ", short{7}) == "who: 0 -7 12 34 56 7");
    CHECK(text(std::numeric_limits<std::int64_t>::min(), " ", std::numeric_limits<std::int64_t>::max()) ==
          "who: -9223372036854775808 9223372036854775807");
    CHECK(text(std::numeric_limits<std::uint64_t>::max(), " ", std::uint8_t{200}, " ", 'A') == "who: 18446744073709551615 200 65");
    CHECK(text(0.5, " ", 1e-5, " ", -2.0, " ", 1e300, " ", 3) == "who: 0.5 1e-05 -2 1e+300 3");
    CHECK(text(std::numeric_limits<double>::lowest(), " ", std::numeric_limits<double>::denorm_min()) ==
          "who: -1.7976931348623157e+308 5e-324");
    CHECK(text(std::numeric_limits<double>::infinity(), " ", -std::numeric_limits<double>::quiet_NaN()).starts_with("who: inf "));
    CHECK(text(0.5F) == "who: 0.5");
    CHECK(text(Pad(1, -2)) == "who: (1, -2)");
    CHECK(text(PerAxis<3>{1, 2, 3}, PerAxis<1>(4)) == "who: (1, 2, 3)(4,)");
    CHECK(text(std::array<index_t, 2>{5, 6}, std::array<index_t, 1>{7}, std::array<index_t, 0>{}) == "who: (5, 6)(7,)()");
    const std::vector<index_t> shape{2, 0, 9};
    CHECK(text(std::span<const index_t>(shape), std::span<const index_t>()) == "who: (2, 0, 9)()");
}

TEST_CASE("error texts: a float reads as it was written") { CHECK(text(0.1F) == "who: 0.1"); }

TEST_CASE("error texts: where the library writes no floating-point numbers they read the same") {
    using nn::detail::shortest_digits;
    const std::pair<double, std::string_view> of_doubles[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-2.0, "-2"},
        {0.5, "0.5"},
        {0.1, "0.1"},
        {1.1, "1.1"},
        {1e-4, "1e-04"},
        {1.5e-7, "1.5e-07"},
        {0.0015, "0.0015"},
        {9.5, "9.5"},
        {0.99, "0.99"},
        {999999.5, "999999.5"},
        {123456.0, "123456"},
        {1e5, "1e+05"},
        {10000.0, "10000"},
    };
    for (const auto& [number, expected] : of_doubles) {
        CHECK(shortest_digits(number) == expected);
    }
    CHECK(shortest_digits(0.1F) == "0.1");
    CHECK(shortest_digits(std::numeric_limits<float>::denorm_min()) == "1e-45");
    CHECK(shortest_digits(std::numeric_limits<float>::max()) == "3.4028235e+38");
    for (const double number : {1e300, -1e-300, 1e-310, std::numeric_limits<double>::lowest() / 2}) {
        CHECK(std::abs(std::strtod(shortest_digits(number).c_str(), nullptr) / number - 1) < 1e-14);
    }
    CHECK(shortest_digits(-std::numeric_limits<double>::infinity()) == "-inf");
    CHECK(shortest_digits(std::numeric_limits<double>::quiet_NaN()) == "nan");
    nn::test::Random random(11);
    for (int i = 0; i < 2000; ++i) {
        const auto few = static_cast<double>(random.integer(-999999, 999999)) * std::pow(10.0, static_cast<double>(random.integer(0, 12)));
        const std::string text = shortest_digits(few);
        CHECK(text.size() <= std::string_view("-1.23456e+17").size());
        CHECK(std::strtod(text.c_str(), nullptr) == few);
        const auto bits = static_cast<std::uint32_t>(random.integer(0, 0x7f7fffff));
        float any = 0;
        std::memcpy(&any, &bits, sizeof(any));
        CHECK(std::strtof(shortest_digits(any).c_str(), nullptr) == any);
    }
}

TEST_CASE("require: throws the kind that was asked for, and only on failure") {
    CHECK_NOTHROW(require(true, "who", "text", 1, Pad(1, 2)));
    CHECK_THROWS_AS(require(false, "who", "text"), shape_error);
    CHECK_THROWS_AS(require<std::out_of_range>(false, "who", "text"), std::out_of_range);
    CHECK_THROWS_AS(fail<std::length_error>("who", {"text", 3}), std::length_error);
    CHECK_THROWS_WITH(fail("nn::Conv", {"x ", std::array<index_t, 1>{3}}), "nn::Conv: x (3,)");
    static_assert(std::derived_from<shape_error, std::invalid_argument>);
    static_assert([] {
        require(true, "who", "a check in a constant expression costs nothing");
        return true;
    }());
}

}  // namespace
