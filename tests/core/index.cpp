// SPDX-License-Identifier: MIT

#include <nn/core/index.hpp>

#include <array>
#include <limits>
#include <string>

#include <nn/core/shape.hpp>

#include "support/catch.hpp"

namespace {

using namespace nn;

constexpr index_t most = std::numeric_limits<index_t>::max();
constexpr index_t least = std::numeric_limits<index_t>::min();

TEST_CASE("saturating_add: stops at both ends and is exact between") {
    static_assert(saturating_add(2, 3) == 5);
    static_assert(saturating_add(most, 0) == most && saturating_add(0, most) == most);
    static_assert(saturating_add(most, 1) == most && saturating_add(1, most) == most && saturating_add(most, most) == most);
    static_assert(saturating_add(most - 1, 1) == most);
    static_assert(saturating_add(least, -1) == least && saturating_add(-1, least) == least && saturating_add(least, least) == least);
    static_assert(saturating_add(least + 1, -1) == least);
    static_assert(saturating_add(most, least) == -1 && saturating_add(least, most) == -1);
    static_assert(saturating_add(0, least) == least && saturating_add(least, 0) == least);
    for (index_t a = -4; a <= 4; ++a) {
        for (index_t b = -4; b <= 4; ++b) {
            CHECK(saturating_add(a, b) == a + b);
        }
    }
}

TEST_CASE("saturating_subtract: stops at both ends and is exact between") {
    static_assert(saturating_subtract(5, 3) == 2 && saturating_subtract(0, most) == -most && saturating_subtract(most, most) == 0);
    static_assert(saturating_subtract(0, least) == most && saturating_subtract(most, least) == most);
    static_assert(saturating_subtract(most - 1, -1) == most && saturating_subtract(most, -1) == most);
    static_assert(saturating_subtract(-1, least) == most && saturating_subtract(-1, most) == least);
    static_assert(saturating_subtract(-2, most) == least && saturating_subtract(least, 1) == least);
    static_assert(saturating_subtract(least, least) == 0);
    for (index_t a = -4; a <= 4; ++a) {
        for (index_t b = -4; b <= 4; ++b) {
            CHECK(saturating_subtract(a, b) == a - b);
        }
    }
}

TEST_CASE("saturating_multiply: stops at the end and is exact before") {
    static_assert(saturating_multiply(0, most) == 0 && saturating_multiply(most, 0) == 0);
    static_assert(saturating_multiply(1, most) == most && saturating_multiply(most, 1) == most);
    static_assert(saturating_multiply(2, most) == most && saturating_multiply(most, most) == most);
    constexpr int half = std::numeric_limits<index_t>::digits / 2;
    static_assert(saturating_multiply(index_t{1} << half, index_t{1} << half) == index_t{1} << 2 * half);
    static_assert(saturating_multiply(index_t{1} << (half + 1), index_t{1} << half) == most);
    static_assert(saturating_multiply(most / 7, 7) == most / 7 * 7);
    static_assert(saturating_multiply(most / 7 + 1, 7) == most);
    for (index_t a = 0; a <= 5; ++a) {
        for (index_t b = 0; b <= 5; ++b) {
            CHECK(saturating_multiply(a, b) == a * b);
        }
    }
}

TEST_CASE("divide_up: is the ceiling") {
    static_assert(divide_up(0, 3) == 0 && divide_up(1, 3) == 1 && divide_up(3, 3) == 1 && divide_up(4, 3) == 2);
    static_assert(divide_up(most, 1) == most && divide_up(most, most) == 1 && divide_up(1, most) == 1);
    static_assert(divide_up(most, 2) == most / 2 + 1);
    SUCCEED();
}

TEST_CASE("element_count: saturates, but nothing times anything is nothing") {
    const auto count = [](std::initializer_list<index_t> shape) { return element_count({shape.begin(), shape.size()}); };
    CHECK(count({}) == 1);
    CHECK(count({2, 3, 4}) == 24);
    CHECK(count({most, 2}) == most);
    CHECK(count({most, most, 0}) == 0);
    CHECK(count({0, most, most}) == 0);
    CHECK(count({most, 1, 1}) == most);
}

TEST_CASE("check_allocatable: refuses what no memory holds") {
    const auto check = [](std::initializer_list<index_t> shape, std::size_t size) {
        check_allocatable("nn::Conv", {shape.begin(), shape.size()}, size);
    };
    CHECK_NOTHROW(check({}, 4));
    CHECK_NOTHROW(check({0, most / 64, 2}, 16));
    CHECK_THROWS_AS(check({0, most, most}, 16), shape_error);  // its strides are beyond an index_t
    CHECK_NOTHROW(check({most / 4 - 1}, 4));
    CHECK_NOTHROW(check({most - 1}, 1));
    CHECK_THROWS_WITH(check({most / 4 + 1}, 4),
                      "nn::Conv: an array of shape (" + std::to_string(most / 4 + 1) + ",) is more than any memory holds");
    CHECK_THROWS_AS(check({most, most}, 1), shape_error);  // saturates to exactly `most`
    CHECK_THROWS_WITH(check({2, -1}, 4), "nn::Conv: an array of shape (2, -1) was asked for, expected no negative extent");
    CHECK_THROWS_AS(check({0, -1}, 4), shape_error);
}

}  // namespace
