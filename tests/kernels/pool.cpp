// SPDX-License-Identifier: MIT

#include <nn/kernels/pool.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <nn/kernels/global_pool.hpp>

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;
using kernels::Maximum;
using kernels::Mean;
using kernels::Minimum;
using kernels::PoolAxis;
using kernels::Range;

/// Any numbers, some NaN and infinite.
template <class T>
std::vector<T> odd_values(Random& random, index_t count) {
    std::vector<T> values = random.reals<T>(count);
    const double odd = random.chance(0.5) ? 0.02 : 0;
    for (T& value : values) {
        if (random.chance(odd)) {
            value = random.pick(std::vector<T>{std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(),
                                               -std::numeric_limits<T>::infinity()});
        }
    }
    return values;
}

/// The answer for some cells and how far a mean may lie from it.
template <class Op>
struct Expected {
    long double value = Op::template start<long double>;
    long double magnitude = 0;
    index_t cells = 0;

    void add(long double cell) {
        if constexpr (Op::divides) {
            value += cell;
        } else {
            const bool further = Op::template start<float> < 0 ? cell > value : cell < value;
            value = std::isnan(cell) || (further && !std::isnan(value)) ? cell : value;
        }
        magnitude += std::abs(cell);
        ++cells;
    }
    template <class T>
    bool holds(T y, index_t counted) const {
        const auto result = static_cast<long double>(y);
        if (std::isnan(value)) {
            return std::isnan(result);
        }
        if (!Op::divides || std::isinf(value)) {
            return value == result;
        }
        // One rounding for each addition and one for the quotient.
        const auto n = static_cast<long double>(std::max<index_t>(counted, 1));
        const long double u = std::numeric_limits<T>::epsilon() / 2 * 1.01L;
        return std::abs(result - value / n) <= static_cast<long double>(cells + 1) * u * magnitude / n;
    }
};

template <class T, std::size_t N, class Op>
void check_pool(Random& random) {
    std::array<PoolAxis, N> axes;
    const bool last = random.chance(0.5);
    Extents spatial;
    Extents windows;
    for (std::size_t i = 0; i < N; ++i) {
        PoolAxis& axis = axes[i];
        const bool row = i + 1 == N;
        axis.window.input = random.integer(row && random.chance(0.1) ? 0 : 1, row ? (random.chance(0.1) ? 9000 / (last ? 4 : 1) : 70) : 6);
        if (random.chance(0.2) && axis.window.input > 0) {
            axis.cut = random.chance(0.5) ? PoolAxis::Cut::overlapping : PoolAxis::Cut::apart;
            axis.window.output = random.integer(1, std::min<index_t>(axis.window.input, 50));
        } else {
            axis.window.kernel = random.chance(0.05) ? random.integer(1, 7000) : random.integer(1, 5);
            axis.window.stride = random.integer(1, random.chance(0.1) ? 12 : 4);
            const Pad pad{random.integer(0, 4), random.integer(0, 4)};
            axis.window.place(pad);
            if (random.chance(0.3) && axis.window.position(axis.window.output, 0) < axis.window.input) {
                ++axis.window.output;  // as with ceil_mode
            }
            axis.counted_end = random.chance(0.5) ? axis.window.input + pad.after : -1;
        }
        spatial.push_back(axis.window.input);
        windows.push_back(axis.window.output);
    }
    const index_t channels = random.chance(0.3) ? random.integer(30, 70) : random.integer(1, 9);
    const Extents x_shape = joined({2}, last ? joined(spatial, {channels}) : joined({channels}, spatial));
    const Extents y_shape = joined({2}, last ? joined(windows, {channels}) : joined({channels}, windows));
    if (count_of(x_shape) > 200000 || count_of(y_shape) > 50000) {
        return;
    }
    const std::vector<T> x = odd_values<T>(random, count_of(x_shape));  // of exactly its size: a sanitizer sees what reads beside it
    const Extents x_strides = dense_strides(x_shape);
    const Extents y_strides = dense_strides(y_shape);
    const Layout layout = last ? Layout::channels_last : Layout::channels_first;
    const Batch<const T, N + 1> from = Batch<const T, N + 1>(x.data(), x_shape, x_strides).channels_first(layout);
    std::vector<T> first;
    for (const simd::Isa isa : isas()) {
        std::vector<T> y(static_cast<std::size_t>(count_of(y_shape)), T(77));
        const Batch<T, N + 1> to = Batch<T, N + 1>(y.data(), y_shape, y_strides).channels_first(layout);
        Workspace workspace;
        kernels::pool<Op>(isa, axes, from, to, workspace);
        CHECK(workspace.capacity() <= std::size_t{64 * 1024});
        if (isa == simd::Isa::baseline) {
            first = y;
            std::size_t wrong = 0;
            for_each_index(joined({2, channels}, windows), [&](const Extents& o) {
                Expected<Op> expected;
                index_t counted = 1;
                Extents begin;
                Extents extent;
                for (std::size_t i = 0; i < N; ++i) {
                    const Range range = axes[i].cells(o[i + 2]);
                    begin.push_back(range.first);
                    extent.push_back(range.last - range.first);
                    counted *= axes[i].counted(o[i + 2]);
                }
                const View<const T, N + 1> item = from[o[0]];
                for_each_index(extent, [&](const Extents& cell) {
                    index_t offset = o[1] * item.strides[0];
                    for (std::size_t i = 0; i < N; ++i) {
                        offset += (begin[i] + cell[i]) * item.strides[i + 1];
                    }
                    expected.add(item.data[offset]);
                });
                index_t offset = o[1] * to.item_strides()[0];
                for (std::size_t i = 0; i < N; ++i) {
                    offset += o[i + 2] * to.item_strides()[i + 1];
                }
                wrong += expected.holds(to[o[0]].data[offset], counted) ? 0 : 1;
            });
            CAPTURE(x_shape, y_shape, last);
            CHECK(wrong == 0);
        } else {
            CHECK(same_bits(y, first));
        }
    }
}

template <class T, class Op>
void check_global(Random& random) {
    const Extents shape{random.integer(1, random.chance(0.3) ? 70 : 9), random.integer(0, 9),
                        random.integer(1, random.chance(0.2) ? 400 : 9)};
    Strided<T> x(shape, random.chance(0.5) ? Arrangement{.order = random.chance(0.5) ? std::vector<std::size_t>{0, 1, 2}
                                                                                     : std::vector<std::size_t>{1, 2, 0},
                                                         .reversed = {},
                                                         .broadcast = {},
                                                         .gap = {}}
                                           : Arrangement::any(random, 3, true));
    x.fill(odd_values<T>(random, count_of(shape)));
    std::vector<T> first;
    for (const simd::Isa isa : isas()) {
        Strided<T> y({shape[0]}, Arrangement::any(random, 1, false));
        kernels::global_pool<Op>(isa, std::as_const(x).template view<3>(), y.template view<1>());
        CHECK(y.intact());
        std::vector<T> values = y.values();
        if (isa == simd::Isa::baseline) {
            first = values;
            for (index_t c = 0; c < shape[0]; ++c) {
                Expected<Op> expected;
                for_each_index({shape[1], shape[2]}, [&](const Extents& cell) { expected.add(x.at({c, cell[0], cell[1]})); });
                CAPTURE(shape, x.strides());
                CHECK(expected.holds(values[static_cast<std::size_t>(c)], shape[1] * shape[2]));
            }
        } else {
            CHECK(same_bits(values, first));
        }
    }
}

template <class T>
void check_all(Random& random) {
    check_pool<T, 1, Maximum>(random);
    check_pool<T, 1, Mean>(random);
    check_pool<T, 2, Maximum>(random);
    check_pool<T, 2, Minimum>(random);
    check_pool<T, 2, Mean>(random);
    check_pool<T, 3, Mean>(random);
    check_global<T, Maximum>(random);
    check_global<T, Minimum>(random);
    check_global<T, Mean>(random);
}

}  // namespace

TEST_CASE("pool kernels: any windows, layout, rows and channels, NaN and infinity, on every instruction set") {
    Random random(340);
    for (int i = 0; i < 150; ++i) {
        check_all<float>(random);
        check_all<double>(random);
    }
}

TEST_CASE("pool: the windows of an adaptive pool are where they are, however many") {
    // Of nearly as many windows as cells: their product is more than 32 bits hold.
    PoolAxis axis;
    axis.window.input = 49999;
    axis.window.output = 50000;
    axis.cut = PoolAxis::Cut::overlapping;
    for (const index_t o : {index_t{0}, index_t{25000}, index_t{42951}, index_t{49999}}) {
        CAPTURE(o);
        const double start = static_cast<double>(o) * 49999 / 50000;
        const double end = static_cast<double>(o + 1) * 49999 / 50000;
        CHECK(axis.cells(o).first == static_cast<index_t>(std::floor(start)));
        CHECK(axis.cells(o).last == static_cast<index_t>(std::ceil(end)));
    }
}
