// SPDX-License-Identifier: MIT

#include <nn/kernels/bands.hpp>

#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace nn;
using namespace nn::test;

/// One axis of a convolution of one channel: tap k has the weight k + 1.
struct Rows {
    index_t kernel, stride, dilation;
    Pad pad;
};

/// What it makes of rows that all hold `width` cells.
std::vector<float> naive(const Rows& rows, index_t output, index_t width, const std::vector<float>& x) {
    std::vector<float> y(static_cast<std::size_t>(output * width));
    for (index_t o = 0; o < output; ++o) {
        for (index_t column = 0; column < width; ++column) {
            float& sum = y[static_cast<std::size_t>(o * width + column)];
            for (index_t k = 0; k < rows.kernel; ++k) {
                const index_t place = (rows.stride * o + rows.dilation * k - rows.pad.before) * width + column;
                sum += place >= 0 && place < static_cast<index_t>(x.size()) ? static_cast<float>(k + 1) * x[static_cast<std::size_t>(place)]
                                                                            : 0;
            }
        }
    }
    return y;
}

/// A convolution by its plan alone.
void by_plan(const kernels::ConvPlan<2>& plan, const View<const float, 3>& x, const View<float, 3>& y) {
    const kernels::WindowAxis& rows = plan.axes[0];
    REQUIRE(rows.input == x.shape[1]);
    REQUIRE(rows.output == y.shape[1]);
    for (index_t o = 0; o < rows.output; ++o) {
        for (index_t column = 0; column < y.shape[2]; ++column) {
            float sum = 0;
            for (index_t k = 0; k < rows.kernel; ++k) {
                const index_t cell = rows.cell(rows.position(o, k));
                sum += cell < 0 ? 0 : static_cast<float>(k + 1) * x(0, cell, column);
            }
            y(0, o, column) = sum;
        }
    }
}

}  // namespace

TEST_CASE("bands: three convolutions run band by band are the three one after another", "[bands]") {
    Random random(1);
    int chains = 0;
    for (int trial = 0; trial < 600; ++trial) {
        const index_t width = random.integer(1, 3);
        index_t rows = random.integer(1, 14);
        std::vector<float> expected = random.reals<float>(rows * width);
        for (float& value : expected) {  // small numbers, whose sums are exact
            value = static_cast<float>(static_cast<int>(8 * value));
        }
        const std::vector<float> x = expected;
        const index_t input = rows;

        kernels::ConvChain<2, 3> chain;
        for (kernels::ConvPlan<2>& plan : chain.plans) {
            const Rows any{
                random.integer(1, 4), random.integer(1, 3), random.integer(1, 2), {random.integer(-1, 5), random.integer(-1, 5)}};
            plan.axes[0] = {.input = rows, .kernel = any.kernel, .stride = any.stride, .dilation = any.dilation};
            plan.axes[1] = {.input = width, .output = width};
            if (!plan.axes[0].place(any.pad)) {
                plan.axes[0].output = 0;
            }
            rows = plan.axes[0].output;
            expected = naive(any, rows, width, expected);
        }
        if (!chain.has_bands() || chain.plans[0].axes[0].output == 0) {
            continue;
        }
        ++chains;
        for (index_t at_once = 1; at_once <= rows; ++at_once) {
            std::array<std::vector<float>, 2> memory;  // of exactly the size: a sanitizer sees what lies beside it
            std::array<View<float, 3>, 2> between;
            for (std::size_t conv = 0; conv < 2; ++conv) {
                const Shape<3> room = chain.room(conv, 1, at_once);
                memory[conv].assign(static_cast<std::size_t>(element_count(room)), std::numeric_limits<float>::quiet_NaN());
                between[conv] = contiguous(memory[conv].data(), room);
            }
            std::vector<float> y(expected.size());
            std::array<index_t, 3> made{};
            chain.for_each_band(
                at_once, contiguous(x.data(), Shape<3>{1, input, width}), between, contiguous(y.data(), Shape<3>{1, rows, width}),
                [&](std::size_t conv, const kernels::ConvPlan<2>& plan, const View<const float, 3>& from, const View<float, 3>& to) {
                    made[conv] += plan.axes[0].output;
                    by_plan(plan, from, to);
                });
            CHECK(y == expected);
            for (std::size_t conv = 0; conv < 3; ++conv) {  // none twice
                CHECK(made[conv] <= chain.axis(conv).output);
            }
            CHECK(made[2] == rows);
        }
    }
    CHECK(chains > 100);
}

TEST_CASE("bands: the zeros beside the image lie around it along every axis", "[bands]") {
    kernels::ConvChain<2, 2> chain;
    for (kernels::WindowAxis& axis : chain.plans[0].axes) {
        axis = {.input = 4, .output = 4};
    }
    chain.plans[1].axes = {kernels::WindowAxis{.input = 4, .output = 6, .kernel = 3, .before = 2},
                           kernels::WindowAxis{.input = 4, .output = 4, .kernel = 3, .before = 1}};
    CHECK(chain.room(0, 1, 2) == Shape<3>{1, 4, 6});
    std::vector<float> memory(24, -1);
    std::vector<float> x(16, 5);
    std::vector<float> y(24);
    std::vector<float> seen;
    chain.for_each_band(
        2, contiguous<const float>(x.data(), Shape<3>{1, 4, 4}), std::array{contiguous(memory.data(), Shape<3>{1, 4, 6})},
        contiguous(y.data(), Shape<3>{1, 6, 4}),
        [&](std::size_t conv, const kernels::ConvPlan<2>& plan, const View<const float, 3>& from, const View<float, 3>& to) {
            if (conv == 0) {
                kernels::transform(
                    to, [](float value) { return value; }, from);
            } else {
                CHECK(plan.axes[0].before == 0);
                CHECK(plan.axes[1].before == 0);
                CHECK(from.shape == Shape<3>{1, 4, 6});
                seen.insert(seen.end(), memory.begin(), memory.end());
            }
        });
    const std::vector<float> row{0, 5, 5, 5, 5, 0};
    const std::vector<float> zeros(6);
    std::vector<float> expected;
    for (const auto& line : {zeros, zeros, row, row, row, row, row, row, row, row, zeros, zeros}) {
        expected.insert(expected.end(), line.begin(), line.end());
    }
    CHECK(seen == expected);
}

TEST_CASE("bands: other paddings than zeros, and zeros between cells, have none", "[bands]") {
    const auto chain = [](const kernels::WindowAxis& axis, const kernels::WindowAxis& first = {.input = 4, .output = 4}) {
        kernels::ConvChain<1, 2> two;
        two.plans[0].axes[0] = first;
        two.plans[1].axes[0] = axis;
        return two.has_bands();
    };
    CHECK(chain({.input = 4, .output = 4, .kernel = 3, .before = 1}));
    CHECK(!chain({.input = 4, .output = 0, .kernel = 3}));
    CHECK(!chain({.input = 4, .output = 4, .kernel = 3, .before = 1, .mode = PaddingMode::reflect}));
    CHECK(!chain({.input = 4, .output = 5, .kernel = 3, .input_dilation = 2}));
    CHECK(!chain({.input = 4, .output = 4}, {.input = 4, .output = 4, .mode = PaddingMode::reflect}));
    CHECK(!chain({.input = 7, .output = 7}, {.input = 4, .output = 7, .input_dilation = 2}));
}
