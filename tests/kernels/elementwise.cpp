// SPDX-License-Identifier: MIT

#include <nn/kernels/elementwise.hpp>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;
using kernels::transform;

Extents any_shape(Random& random) {
    Extents shape{1, 1};  // a batch of items of two axes
    for (index_t axes = random.integer(0, 3); axes > 0; --axes) {
        shape.push_back(1);
    }
    for (index_t& extent : shape) {
        extent = random.chance(0.04) ? 0 : random.integer(1, 5);
    }
    return shape;
}

TEST_CASE("transform: reads and writes any strides, one element each") {
    Random random(1);
    for (int round = 0; round < 4000; ++round) {
        const Extents shape = any_shape(random);
        const auto array = [&](bool input) { return Strided<float>(shape, Arrangement::any(random, shape.size(), input)); };
        Strided<float> a = array(true);
        Strided<double> b(shape, Arrangement::any(random, shape.size(), true));
        Strided<float> y = array(false);
        a.fill(random);
        b.fill(random);
        int calls = 0;
        transform(
            y.batch<2>(),
            [&](float p, double q) {
                ++calls;
                return 2 * p + static_cast<float>(q);
            },
            std::as_const(a).batch<2>(), std::as_const(b).batch<2>());
        bool right = calls == count_of(shape) && y.intact();
        for_each_index(shape,
                       [&](const Extents& index) { right = right && y.at(index) == 2 * a.at(index) + static_cast<float>(b.at(index)); });
        if (!right) {
            FAIL_CHECK("round " << round);
        }
    }
}

TEST_CASE("transform: an input may be the output") {
    Random random(2);
    for (int round = 0; round < 1000; ++round) {
        const Extents shape = any_shape(random);
        Strided<float> y(shape, Arrangement::any(random, shape.size(), false));
        y.fill(random);
        const std::vector<float> before = y.values();
        transform(
            y.batch<2>(), [](float p, float q) { return 3 * p - q; }, std::as_const(y).batch<2>(), y.batch<2>());
        const std::vector<float> after = y.values();
        bool right = y.intact();
        for (std::size_t i = 0; i < before.size(); ++i) {
            right = right && after[i] == 3 * before[i] - before[i];
        }
        if (!right) {
            FAIL_CHECK("round " << round);
        }
    }
}

TEST_CASE("transform: views of any rank, none included, and no inputs") {
    float one = 3;
    transform(
        View<float, 0>{&one, {}, {}}, [](float p) { return p + 1; }, View<const float, 0>{&one, {}, {}});
    CHECK(one == 4);
    std::array<float, 6> six{};
    float next = 0;
    transform(View<float, 2>{six.data(), {2, 3}, {1, 2}}, [&] { return next++; });
    std::array<bool, 6> seen{};
    for (const float value : six) {
        seen.at(static_cast<std::size_t>(value)) = true;
    }
    CHECK(seen == std::array{true, true, true, true, true, true});
    transform(
        View<float, 2>{nullptr, {0, 3}, {3, 1}}, [](float p) { return p; }, View<const float, 2>{nullptr, {0, 3}, {0, 0}});
    transform(View<float, 1>{nullptr, {0}, {1}}, [] { return 1.0F; });
}

// (2·a − b)·c: powers of two and differences that a multiply-add rounds as the two operations do.
template <class T>
void check_map(Random& random, const Extents& shape, bool here) {
    const auto array = [&](bool input) { return Strided<T>(shape, Arrangement::any(random, shape.size(), input)); };
    Strided<T> a = array(true);
    Strided<T> b = array(true);
    Strided<T> y = array(false);
    a.fill(random);
    b.fill(random);
    y.fill(random);
    const std::vector<T> before = here ? y.values() : a.values();
    const auto function = [](auto& value, const auto& p, const auto& q) { value = p - q * T(2); };
    if (here) {
        kernels::map<T>(y.template batch<2>(), function, std::as_const(y).template batch<2>(), std::as_const(b).template batch<2>());
    } else {
        kernels::map<T>(y.template batch<2>(), function, std::as_const(a).template batch<2>(), std::as_const(b).template batch<2>());
    }
    const std::vector<T> second = b.values();
    const std::vector<T> after = y.values();
    bool right = y.intact();
    for (std::size_t i = 0; i < after.size(); ++i) {
        right = right && after[i] == before[i] - second[i] * 2;
    }
    CAPTURE(shape, a.strides(), b.strides(), y.strides(), here);
    CHECK(right);
}

TEST_CASE("map: any strides, constants, every length of a last vector; an input may be the output") {
    Random random(4);
    for (int round = 0; round < 1500; ++round) {
        Extents shape = any_shape(random);
        shape.back() = random.chance(0.3) ? random.integer(1, 300) : random.integer(1, 20);
        check_map<float>(random, shape, random.chance(0.3));
        check_map<double>(random, shape, random.chance(0.3));
        check_map<long double>(random, shape, random.chance(0.3));
    }
    for (index_t length = 1; length <= 70; ++length) {
        check_map<float>(random, {1, length}, false);
        check_map<double>(random, {length, 1}, true);
    }
}

struct Shifted {
    template <class V>
    void apply(V& x) const {
        x = x + simd::Element<V>(1);
    }
};

TEST_CASE("finish: in place, from elsewhere, of elements that lie apart") {
    Random random(5);
    const Shifted function;
    const auto finish = kernels::finish_with<float>(function);
    CHECK((finish && !kernels::finish_with<float>(kernels::NoFunction())));
    for (int round = 0; round < 500; ++round) {
        Extents shape = any_shape(random);
        shape.back() = random.integer(0, 150);
        Strided<float> x(shape, Arrangement::any(random, shape.size(), true));
        Strided<float> y(shape, Arrangement::any(random, shape.size(), false));
        x.fill(random);
        y.fill(random);
        kernels::finish_all(finish, std::as_const(x).batch<0>(), y.batch<0>());
        bool right = y.intact();
        for_each_index(shape, [&](const Extents& index) { right = right && y.at(index) == x.at(index) + 1; });
        kernels::finish_all(finish, y.batch<0>(), y.batch<0>());
        right = right && y.intact();
        for_each_index(shape, [&](const Extents& index) { right = right && y.at(index) == x.at(index) + 1 + 1; });
        CAPTURE(shape, x.strides(), y.strides());
        CHECK(right);
    }
}

TEST_CASE("for_each_row: covers every element once, in rows of one step") {
    Random random(3);
    for (int round = 0; round < 2000; ++round) {
        const Extents shape = any_shape(random);
        Strided<int> y(shape, Arrangement::any(random, shape.size(), false));
        y.fill(std::vector<int>(static_cast<std::size_t>(count_of(shape)), 0));
        Strided<float> x(shape, Arrangement::any(random, shape.size(), true));
        const std::array<std::span<const index_t>, 2> strides{y.strides(), x.strides()};
        kernels::for_each_row<2>(shape, strides, [&](const auto& offsets, index_t count, const auto& steps) {
            for (index_t i = 0; i < count; ++i) {
                ++y.data()[offsets[0] + i * steps[0]];
            }
        });
        const std::vector<int> counts = y.values();
        CHECK(std::all_of(counts.begin(), counts.end(), [](int count) { return count == 1; }));
    }
}

}  // namespace
