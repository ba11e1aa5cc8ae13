// SPDX-License-Identifier: MIT

#include <nn/core/check.hpp>

#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// A strided array as a set of addresses.
struct Elements {
    index_t first;
    Extents shape;
    Extents strides;

    std::set<index_t> elements() const {
        std::set<index_t> result;
        for_each_index(shape, [&](const Extents& index) {
            index_t at = first;
            for (std::size_t axis = 0; axis < index.size(); ++axis) {
                at += index[axis] * strides[axis];
            }
            result.insert(at);
        });
        return result;
    }
    std::string text() const {
        std::string result = std::to_string(first) + ":";
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            result += " " + std::to_string(shape[axis]) + "x" + std::to_string(strides[axis]);
        }
        return result;
    }
};

alignas(64) float memory[4096];

bool may_overlap(const Elements& a, const Elements& b) {
    const Batch<const float, 1> in(memory + 2048 + a.first, a.shape, a.strides);
    const Batch<float, 1> out(memory + 2048 + b.first, b.shape, b.strides);
    const bool one = nn::may_overlap(in, out);
    CHECK(nn::may_overlap(out, in) == one);
    return one;
}

bool share(const Elements& a, const Elements& b) {
    const std::set<index_t> in_a = a.elements();
    for (const index_t element : b.elements()) {
        if (in_a.contains(element)) {
            return true;
        }
    }
    return false;
}

TEST_CASE("may_overlap: never misses a shared element") {
    Random random(1);
    int shared = 0;
    int apart = 0;
    int doubted = 0;
    for (int round = 0; round < 40000; ++round) {
        const auto any = [&] {
            Elements layout{random.integer(-12, 12), {}, {}};
            for (index_t axes = random.integer(1, 4); axes > 0; --axes) {
                layout.shape.push_back(random.chance(0.03) ? 0 : random.integer(1, 4));
                layout.strides.push_back(random.chance(0.1) ? 0 : random.integer(-9, 12));
            }
            return layout;
        };
        const Elements a = any();
        Elements b = any();
        if (random.chance(0.5)) {  // the strides of a, as for two parts of one array
            b.strides = a.strides;
            b.shape.resize(a.shape.size(), 1);
        }
        const bool truth = share(a, b);
        const bool claimed = may_overlap(a, b);
        shared += truth ? 1 : 0;
        apart += truth ? 0 : 1;
        doubted += claimed && !truth ? 1 : 0;
        if (truth && !claimed) {
            FAIL_CHECK("[" << a.text() << "] and [" << b.text() << "] share an element");
        }
    }
    CAPTURE(shared, apart, doubted);
    CHECK(shared > 5000);
    CHECK(doubted * 2 < apart);  // and is of use: most that lie apart are known to
}

TEST_CASE("may_overlap: two parts of one dense array overlap exactly when their ranges meet along every axis") {
    // Channels, rows, columns and items of one batch; every step a divisor of the one outside it.
    Random random(2);
    for (int round = 0; round < 20000; ++round) {
        const index_t axes = random.integer(1, 4);
        Extents whole;
        for (index_t axis = 0; axis < axes; ++axis) {
            whole.push_back(random.integer(1, 5));
        }
        Extents strides(whole.size());
        index_t stride = 1;
        for (std::size_t axis = whole.size(); axis-- > 0;) {
            strides[axis] = stride;
            stride *= whole[axis];
        }
        Elements a{0, {}, strides};
        Elements b{0, {}, strides};
        bool meet = true;
        for (std::size_t axis = 0; axis < whole.size(); ++axis) {
            const auto part = [&](Elements& layout) {
                const index_t first = random.integer(0, whole[axis] - 1);
                const index_t count = random.integer(1, whole[axis] - first);
                layout.first += first * strides[axis];
                layout.shape.push_back(count);
                return std::pair(first, first + count);
            };
            const auto in_a = part(a);
            const auto in_b = part(b);
            meet = meet && in_a.first < in_b.second && in_b.first < in_a.second;
        }
        if (meet != may_overlap(a, b)) {
            FAIL_CHECK("[" << a.text() << "] and [" << b.text() << "]: expected " << meet);
        }
    }
}

TEST_CASE("may_overlap: knows the parts that programs write beside each other") {
    const Elements image{0, {2, 6, 4, 8}, {192, 32, 8, 1}};
    const auto part = [&](index_t first, Extents shape, Extents strides) { return Elements{first, std::move(shape), std::move(strides)}; };
    CHECK(may_overlap(image, image));
    CHECK_FALSE(may_overlap(image, part(384, {2, 6, 4, 8}, {192, 32, 8, 1})));
    CHECK_FALSE(may_overlap(part(0, {2, 3, 4, 8}, {192, 32, 8, 1}), part(96, {2, 3, 4, 8}, {192, 32, 8, 1})));   // channels
    CHECK_FALSE(may_overlap(part(0, {2, 6, 2, 8}, {192, 32, 8, 1}), part(16, {2, 6, 2, 8}, {192, 32, 8, 1})));   // rows
    CHECK_FALSE(may_overlap(part(0, {2, 6, 4, 4}, {192, 32, 8, 1}), part(4, {2, 6, 4, 4}, {192, 32, 8, 1})));    // columns
    CHECK_FALSE(may_overlap(part(0, {2, 6, 4, 4}, {192, 32, 8, 2}), part(1, {2, 6, 4, 4}, {192, 32, 8, 2})));    // even and odd columns
    CHECK_FALSE(may_overlap(part(6, {2, 6, 4, 4}, {192, 32, 8, -2}), part(1, {2, 6, 4, 4}, {192, 32, 8, 2})));   // the same, one reversed
    CHECK_FALSE(may_overlap(part(0, {2, 6, 2, 8}, {192, 32, 16, 1}), part(8, {2, 6, 2, 8}, {192, 32, 16, 1})));  // even and odd rows
    CHECK_FALSE(may_overlap(part(0, {2, 4, 8, 3}, {192, 48, 6, 1}), part(3, {2, 4, 8, 3}, {192, 48, 6, 1})));    // channels, last
    CHECK_FALSE(may_overlap(part(0, {1, 6, 4, 8}, {192, 32, 8, 1}), part(192, {6, 4, 8}, {32, 8, 1})));          // item 0 into item 1
    CHECK(may_overlap(part(0, {2, 4, 4, 8}, {192, 32, 8, 1}), part(96, {2, 3, 4, 8}, {192, 32, 8, 1})));         // one channel in common
    CHECK(may_overlap(part(0, {2, 6, 4, 5}, {192, 32, 8, 1}), part(4, {2, 6, 4, 4}, {192, 32, 8, 1})));          // one column in common
    CHECK_FALSE(may_overlap(part(0, {0, 6}, {6, 1}), image));
    CHECK_FALSE(may_overlap(image, part(5, {3, 0}, {0, 1})));
}

TEST_CASE("may_overlap: elements of two sizes are told apart by their bytes") {
    std::vector<double> buffer(16);
    const auto* const bytes = reinterpret_cast<const float*>(buffer.data());
    const Extents eight{8};
    const Extents one{1};
    const Batch<double, 1> upper(buffer.data() + 8, eight, one);
    const Extents sixteen{16};
    const Extents seventeen{17};
    CHECK_FALSE(nn::may_overlap(Batch<const float, 1>(bytes, sixteen, one), upper));
    CHECK(nn::may_overlap(Batch<const float, 1>(bytes, seventeen, one), upper));
    CHECK_FALSE(nn::may_overlap(upper, Batch<const float, 1>(bytes, sixteen, one)));
    CHECK(nn::may_overlap(upper, Batch<const float, 1>(bytes, seventeen, one)));
}

TEST_CASE("may_overlap: addresses that are not a whole number of elements apart still touch") {
    alignas(8) std::byte buffer[64] = {};
    auto* const a = reinterpret_cast<float*>(buffer);
    auto* const b = reinterpret_cast<float*>(buffer + 2);
    const Extents shape{4};
    const Extents every_second{2};
    CHECK(nn::may_overlap(Batch<const float, 1>(a, shape, every_second), Batch<float, 1>(b, shape, every_second)));
}

}  // namespace
