// SPDX-License-Identifier: MIT
#include <nn/kernels/reduce.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;
using kernels::largest_of;
using kernels::mean_square_of;

template <class T>
T sum(const View<const T, 1>& x) {
    return kernels::sum_of(x, [](const auto& value, auto& terms) { terms[0] = value; });
}

/// Lengths around every part of a block: whole rounds, vectors, a last vector, and blocks.
std::vector<index_t> lengths() {
    std::vector<index_t> all;
    for (index_t length = 0; length <= 140; ++length) {
        all.push_back(length);
    }
    for (const index_t blocks : {1, 2, 3}) {
        for (const index_t more : {-65, -1, 0, 1, 7, 33}) {
            all.push_back(blocks * kernels::reduced_at_once + more);
        }
    }
    return all;
}

template <class T>
bool same_bits(T a, T b) {
    return std::memcmp(&a, &b, sizeof(T)) == 0;
}

/// Small integers, whose sums are exact: every element counts once.
template <class T>
void check_exact(Random& random) {
    for (const index_t length : lengths()) {
        std::vector<T> x(static_cast<std::size_t>(length));
        T total = 0;
        T squares = 0;
        for (T& value : x) {
            value = static_cast<T>(random.integer(-9, 9));
            total += value;
            squares += (value - 3) * (value - 3);
        }
        const View<const T, 1> view{x.data(), {length}, {1}};
        CAPTURE(length);
        CHECK(sum(view) == total);
        const auto both = kernels::sums_of<2, T>(
            length, [&](const auto& f) { f(view); },
            [](const auto& value, auto& terms) {
                terms[0] = value - T(3);
                terms[1] = terms[0] * terms[0];
            });
        CHECK(both[0] == total - 3 * static_cast<T>(length));
        CHECK(both[1] == squares);
    }
}

TEST_CASE("sums: every element once, whatever the length") {
    Random random(1);
    check_exact<float>(random);
    check_exact<double>(random);
    check_exact<long double>(random);
}

TEST_CASE("sums: the same bits from any strides, and from any cut into views") {
    Random random(2);
    for (const index_t length : lengths()) {
        const std::vector<float> x = random.reals<float>(length);
        const float whole = sum<float>({x.data(), {length}, {1}});
        Strided<float> apart({length}, x, {{}, {}, {}, {2}});
        Strided<float> backwards({length}, x, {{}, {true}, {}, {}});
        bool same = same_bits(whole, sum(std::as_const(apart).view<1>())) && same_bits(whole, sum(std::as_const(backwards).view<1>()));
        for (int cut = 0; cut < 3; ++cut) {
            const index_t first = random.integer(0, length);
            const index_t second = random.integer(first, length);
            const auto cuts = kernels::sums_of<1, float>(
                length,
                [&](const auto& f) {
                    f(View<const float, 1>{x.data(), {first}, {1}});
                    f(slice(std::as_const(apart).view<1>(), first, second - first));
                    f(View<const float, 2>{x.data() + second, {1, length - second}, {0, 1}});
                },
                [](const auto& value, auto& terms) { terms[0] = value; });
            same = same && same_bits(whole, cuts[0]);
        }
        CAPTURE(length);
        CHECK(same);
    }
    for (int round = 0; round < 500; ++round) {
        const Extents shape{random.integer(1, 12), random.integer(1, 12), random.integer(1, 30)};
        Strided<float> x(shape, Arrangement::any(random, 3, true));
        x.fill(random);
        const std::vector<float> values = x.values();
        const float mean = mean_square_of(View<const float, 1>{values.data(), {count_of(shape)}, {1}});
        CHECK(same_bits(mean_square_of(std::as_const(x).view<3>()), mean));
    }
}

TEST_CASE("sums: rounding stays within the depth of the sum") {
    Random random(3);
    for (const index_t length : lengths()) {
        const std::vector<float> x = random.reals<float>(length);
        long double exact = 0;
        long double magnitude = 0;
        for (const float value : x) {
            exact += value;
            magnitude += std::abs(value);
        }
        const long double depth = std::min<long double>(static_cast<long double>(length), 70 + static_cast<long double>(length) / 1024);
        CHECK(std::abs(sum<float>({x.data(), {length}, {1}}) - exact) <= 1.01L * depth * 0x1p-24L * magnitude);
    }
}

TEST_CASE("sums: nothing outside the elements is read into them") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (index_t length = 0; length <= 70; ++length) {
        std::vector<float> x(static_cast<std::size_t>(length) + 64, nan);
        std::fill_n(x.begin() + 32, length, 1.0F);
        const View<const float, 1> view{x.data() + 32, {length}, {1}};
        CHECK(sum(view) == static_cast<float>(length));
        CHECK(largest_of(view) == (length > 0 ? 1.0F : -std::numeric_limits<float>::infinity()));
        // 0 · ∞ of what is not an element would be a NaN.
        const float spoilt = kernels::sum_of(view, [](const auto& value, auto& terms) { terms[0] = value * 0.5F / value; });
        CHECK(spoilt == static_cast<float>(length) / 2);
    }
}

TEST_CASE("largest: wherever it stands, and a NaN before everything") {
    Random random(4);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float infinity = std::numeric_limits<float>::infinity();
    for (const index_t length : {1, 2, 5, 8, 31, 32, 33, 70, 1023, 1025, 2100}) {
        std::vector<float> x = random.reals<float>(length);
        const View<const float, 1> view{x.data(), {length}, {1}};
        bool right = largest_of(view) == *std::max_element(x.begin(), x.end());
        for (int round = 0; round < 40; ++round) {
            const auto place = static_cast<std::size_t>(random.integer(0, length - 1));
            const float before = x[place];
            x[place] = 5;
            right = right && largest_of(view) == 5;
            x[place] = infinity;
            right = right && largest_of(view) == infinity;
            x[place] = nan;
            right = right && std::isnan(largest_of(view));
            x[place] = before;
        }
        std::fill(x.begin(), x.end(), -infinity);
        CAPTURE(length);
        CHECK((right && largest_of(view) == -infinity));
    }
}

}  // namespace
