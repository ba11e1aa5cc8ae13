// SPDX-License-Identifier: MIT

#include <nn/core/view.hpp>

#include <array>
#include <concepts>
#include <limits>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;

TEST_CASE("View: indexes through its strides, forwards, backwards and on the spot") {
    const std::vector<int> memory{0, 1, 2, 3, 4, 5};
    const View<const int, 2> rows{memory.data(), {2, 3}, {3, 1}};
    CHECK(rows(1, 2) == 5);
    const View<const int, 2> columns{memory.data(), {3, 2}, {1, 3}};
    CHECK(columns(2, 1) == 5);
    const View<const int, 1> reversed{memory.data() + 5, {6}, {-1}};
    CHECK(reversed(0) == 5);
    CHECK(reversed(5U) == 0);
    const View<const int, 2> repeated{memory.data() + 2, {4, 1}, {0, 0}};
    CHECK(repeated(3, 0) == 2);
    CHECK(repeated.size() == 4);
    const View<const int, 2> by_rows{memory.data(), {2, 3}};
    CHECK(by_rows.strides == Shape<2>{3, 1});
    CHECK(contiguous(memory.data(), {3, 2}).strides == Shape<2>{2, 1});
    static_assert(std::convertible_to<View<int, 2>, View<const int, 2>> && !std::convertible_to<View<const int, 2>, View<int, 2>>);
}

TEST_CASE("View: row-major strides, other orders of axes, parts") {
    static_assert(row_major(Shape<3>{2, 3, 4}) == Shape<3>{12, 4, 1});
    static_assert(row_major(Shape<1>{5}) == Shape<1>{1});
    static_assert(row_major(Shape<0>{}) == Shape<0>{});
    std::vector<int> memory(24);
    std::iota(memory.begin(), memory.end(), 0);
    const View<int, 3> view = contiguous(memory.data(), Shape<3>{2, 3, 4});
    const View<int, 3> turned = permuted(view, {2, 0, 1});
    CHECK(turned.shape == Shape<3>{4, 2, 3});
    CHECK(turned(3, 1, 2) == view(1, 2, 3));
    CHECK(last_axis_first(view).shape == Shape<3>{4, 2, 3});
    CHECK(last_axis_first(view)(3, 1, 2) == view(1, 2, 3));
    CHECK(at(view, 1).shape == Shape<2>{3, 4});
    CHECK(at(view, 1)(2, 3) == view(1, 2, 3));
    CHECK(slice(view, 1, 1)(0, 2, 3) == view(1, 2, 3));
    CHECK(slice(view, 1, 1).shape == Shape<3>{1, 3, 4});
    CHECK(reversed(view, 1)(1, 0, 3) == view(1, 2, 3));
    CHECK(reversed(slice(view, 0, 0), 0).data == view.data);
}

TEST_CASE("channels_first and from_channels_first undo each other") {
    static_assert(channels_first(Shape<3>{5, 6, 3}, Layout::channels_last) == Shape<3>{3, 5, 6});
    static_assert(from_channels_first(Shape<3>{3, 5, 6}, Layout::channels_last) == Shape<3>{5, 6, 3});
    static_assert(channels_first(Shape<3>{3, 5, 6}, Layout::channels_first) == Shape<3>{3, 5, 6});
    static_assert(from_channels_first(Shape<1>{3}, Layout::channels_last) == Shape<1>{3});
    static_assert(from_channels_first(channels_first(Shape<4>{1, 2, 3, 4}, Layout::channels_last), Layout::channels_last) ==
                  Shape<4>{1, 2, 3, 4});
    SUCCEED();
}

TEST_CASE("Batch: item i begins where the i-th index of the leading axes does, whatever their strides") {
    Random random(1);
    int ragged = 0;
    for (int round = 0; round < 3000; ++round) {
        Extents leading;
        for (index_t axes = random.integer(0, 4); axes > 0; --axes) {
            leading.push_back(random.chance(0.05) ? 0 : random.integer(1, 3));
        }
        const Extents item{random.integer(1, 3), random.integer(1, 3)};
        const Extents shape = joined(leading, item);
        Strided<float> array(shape, Arrangement::any(random, shape.size(), true));
        const Batch<float, 2> batch = array.batch<2>();
        REQUIRE(batch.count() == count_of(leading));
        CHECK(batch.item() == Shape<2>{item[0], item[1]});
        CHECK(Extents(batch.leading().begin(), batch.leading().end()) == leading);
        CHECK(batch.empty() == (count_of(shape) == 0));
        index_t i = 0;
        bool right = true;
        for_each_index(leading, [&](const Extents& index) {
            Extents first = joined(index, {0, 0});
            const View<float, 2> view = batch[i];
            right = right && view.data == &array.at(first) && view.shape == batch.item() && view.strides == batch.item_strides();
            if (batch.uniform()) {
                right = right && at(batch.stacked(), i).data == view.data;
            }
            ++i;
        });
        ragged += batch.uniform() ? 0 : 1;
        if (!right) {
            FAIL_CHECK("round " << round);
        }
        const Batch<const float, 2> read = batch;
        CHECK(read.count() == batch.count());
        CHECK(batch.channels_first(Layout::channels_last).item() == Shape<2>{item[1], item[0]});
        CHECK(batch.channels_first(Layout::channels_first).item() == batch.item());
    }
    CHECK(ragged > 500);
}

TEST_CASE("Batch: a view of any rank from K on is a batch; fewer axes and other elements are not") {
    static_assert(std::constructible_from<Batch<const float, 2>, View<const float, 2>>);
    static_assert(std::constructible_from<Batch<const float, 2>, View<float, 5>>);
    static_assert(std::constructible_from<Batch<float, 2>, View<float, 3>>);
    static_assert(!std::constructible_from<Batch<float, 2>, View<const float, 3>>);
    static_assert(!std::constructible_from<Batch<float, 2>, View<float, 1>>);
    static_assert(!std::constructible_from<Batch<const float, 2>, View<double, 3>>);
    SUCCEED();
}

TEST_CASE("Batch: a shape alone may be larger than memory") {
    const index_t large = std::numeric_limits<index_t>::max() / 1000;
    const Extents shape{large, large, large, 3, 5};
    const Batch<const float, 2> batch = shape_only<const float, 2>(shape);
    CHECK(batch.count() == std::numeric_limits<index_t>::max());
    CHECK(batch.item() == Shape<2>{3, 5});
    CHECK(batch.data() == nullptr);
}

}  // namespace
