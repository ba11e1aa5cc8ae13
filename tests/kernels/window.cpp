// SPDX-License-Identifier: MIT

#include <nn/kernels/window.hpp>

#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/naive.hpp"

namespace {

using namespace nn;
using kernels::WindowAxis;

/// The axis 1, 2, 3, … of `length` cells as a window sees it between −before and length + after; 0 is a zero.
std::vector<index_t> seen(index_t length, Pad pad, PaddingMode mode) {
    const WindowAxis axis{.input = length, .mode = mode};
    std::vector<index_t> cells;
    for (index_t position = -pad.before; position < length + pad.after; ++position) {
        cells.push_back(axis.cell(position) + 1);
    }
    return cells;
}
using Cells = std::vector<index_t>;

TEST_CASE("window: pads longer than the axis go on as numpy's do") {
    // semantics.md 1.8
    CHECK(seen(4, {5, 6}, PaddingMode::reflect) == Cells{2, 3, 4, 3, 2, 1, 2, 3, 4, 3, 2, 1, 2, 3, 4});
    CHECK(seen(4, {5, 6}, PaddingMode::replicate) == Cells{1, 1, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4});
    CHECK(seen(4, {5, 6}, PaddingMode::circular) == Cells{4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2});
    CHECK(seen(2, {3, 3}, PaddingMode::reflect) == Cells{2, 1, 2, 1, 2, 1, 2, 1});
    CHECK(seen(2, {3, 3}, PaddingMode::circular) == Cells{2, 1, 2, 1, 2, 1, 2, 1});
    // numpy.pad([1, 2, 3], (7, 7), …)
    CHECK(seen(3, {7, 7}, PaddingMode::reflect) == Cells{2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2});
    CHECK(seen(3, {7, 7}, PaddingMode::circular) == Cells{3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1});
    CHECK(seen(3, {2, 1}, PaddingMode::zeros) == Cells{0, 0, 1, 2, 3, 0});
    for (const PaddingMode mode : {PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}) {
        CHECK(seen(1, {2, 3}, mode) == Cells{1, 1, 1, 1, 1, 1});
    }
}

TEST_CASE("window: every mode and dilation gives the cells that one meets walking along the padded axis") {
    for (const PaddingMode mode : {PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular}) {
        for (index_t length = 1; length <= 6; ++length) {
            for (index_t before = mode == PaddingMode::zeros ? -4 : 0; before <= 15; ++before) {
                for (index_t after = mode == PaddingMode::zeros ? -4 : 0; after <= 15; after += 3) {
                    for (index_t dilation = 1; dilation <= (mode == PaddingMode::zeros ? 3 : 1); ++dilation) {
                        if ((length - 1) * dilation + 1 + before + after < 0) {
                            continue;
                        }
                        WindowAxis axis{.input = length, .input_dilation = dilation, .mode = mode};
                        REQUIRE(axis.place({before, after}));
                        const Cells expected = test::padded_cells(length, {before, after}, mode, dilation);
                        CAPTURE(length, before, after, dilation, static_cast<int>(mode));
                        REQUIRE(axis.output == static_cast<index_t>(expected.size()));
                        Cells cells;
                        for (index_t window = 0; window < axis.output; ++window) {
                            cells.push_back(axis.cell(axis.position(window, 0)));
                        }
                        REQUIRE(cells == expected);
                    }
                }
            }
        }
    }
}

TEST_CASE("window: extents and the tap of a window follow from the walk") {
    for (index_t length = 0; length <= 7; ++length) {
        for (index_t kernel = 1; kernel <= 4; ++kernel) {
            for (index_t stride = 1; stride <= 3; ++stride) {
                for (index_t dilation = 1; dilation <= 3; ++dilation) {
                    for (const Pad pad : {Pad(0, 0), Pad(2, 1), Pad(-1, 0), Pad(0, 3), Pad(-2, 4)}) {
                        WindowAxis axis{.input = length, .kernel = kernel, .stride = stride, .dilation = dilation};
                        const bool fits = axis.place(pad);
                        CAPTURE(length, kernel, stride, dilation, pad.before, pad.after);
                        REQUIRE(fits == (length + pad.before + pad.after >= 0));
                        if (!fits) {
                            continue;
                        }
                        const Cells cells = test::padded_cells(length, pad, PaddingMode::zeros);
                        index_t windows = 0;
                        while (windows * stride + dilation * (kernel - 1) < static_cast<index_t>(cells.size())) {
                            for (index_t tap = 0; tap < kernel; ++tap) {
                                REQUIRE(axis.cell(axis.position(windows, tap)) ==
                                        cells[static_cast<std::size_t>(windows * stride + tap * dilation)]);
                            }
                            ++windows;
                        }
                        REQUIRE(axis.output == windows);
                        const kernels::Range all_inside = axis.inside();
                        REQUIRE(all_inside.first <= all_inside.last);
                        REQUIRE(all_inside.last <= windows);
                        for (index_t window = 0; window < windows; ++window) {
                            bool inside = true;
                            for (index_t tap = 0; tap < kernel; ++tap) {
                                inside = inside && axis.cell(axis.position(window, tap)) >= 0;
                            }
                            REQUIRE((all_inside.first <= window && window < all_inside.last) == inside);
                        }
                        for (index_t tap = 0; tap < kernel; ++tap) {
                            for (index_t first = 0; first < windows; ++first) {
                                for (index_t count = 1; first + count <= windows; ++count) {
                                    bool inside = true;
                                    for (index_t window = first; window < first + count; ++window) {
                                        inside = inside && axis.cell(axis.position(window, tap)) >= 0;
                                    }
                                    REQUIRE(axis.inside(first, count, tap) == inside);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("window: a run is inside only when it reads cells, never what stands for them") {
    WindowAxis axis{.input = 4, .mode = PaddingMode::replicate};
    REQUIRE(axis.place({2, 2}));
    CHECK(axis.inside(2, 4, 0));
    CHECK_FALSE(axis.inside(1, 4, 0));
    CHECK_FALSE(axis.inside(3, 4, 0));
    WindowAxis spread{.input = 4, .input_dilation = 2};
    REQUIRE(spread.place({0, 0}));
    CHECK_FALSE(spread.inside(0, 1, 0));  // may be, but zeros lie between
}

TEST_CASE("window: extents past every index saturate and fit nowhere") {
    constexpr index_t most = std::numeric_limits<index_t>::max();
    for (const index_t length : {index_t{0}, index_t{1}, index_t{5}, most}) {
        for (const index_t kernel : {index_t{1}, index_t{2}, most}) {
            for (const index_t dilation : {index_t{1}, most}) {
                for (const index_t spread : {index_t{1}, most}) {
                    for (const Pad pad : {Pad(0, 0), Pad(most, most), Pad(-most, most), Pad(most, -most), Pad(-most - 1, -most - 1)}) {
                        WindowAxis axis{.input = length, .kernel = kernel, .dilation = dilation, .input_dilation = spread};
                        CAPTURE(length, kernel, dilation, spread, pad.before, pad.after);
                        if (axis.place(pad)) {
                            CHECK(axis.output >= 0);
                            CHECK(axis.inside().first <= axis.inside().last);
                            CHECK(axis.inside().last <= axis.output);
                        }
                    }
                }
            }
        }
    }
}

}  // namespace
