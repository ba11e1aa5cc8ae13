// SPDX-License-Identifier: MIT
#pragma once

// Catch2, version 2.13 or 3: the tests include this file and use what both have (TEST_CASE, SECTION, GENERATE, CHECK, REQUIRE,
// CHECK_THROWS_AS, CHECK_THROWS_WITH, INFO, CAPTURE), and the two names below.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

namespace nn::test {

#if __has_include(<catch2/catch_all.hpp>)
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
#else
using Catch::Detail::Approx;
inline auto ContainsSubstring(const std::string& part) { return Catch::Matchers::Contains(part); }
#endif

}  // namespace nn::test
