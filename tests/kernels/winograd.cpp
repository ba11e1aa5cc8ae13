// SPDX-License-Identifier: MIT

#include <nn/kernels/winograd.hpp>
#include <nn/threads.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "support/catch.hpp"
#include "support/kernels.hpp"
#include "support/naive.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"

namespace {

using namespace nn;
using namespace nn::test;
using namespace nn::kernels;

constexpr WinogradTile tiles[] = {WinogradTile::f2, WinogradTile::f4};

/// A convolution that fits, and its operands: x (B, C, L₁, L₂) and y (B, O, M₁, M₂) as the kernel sees them, wherever they lie.
struct Problem {
    ConvOptions<2> options{};
    index_t batch = 1;
    Extents image;

    ConvPlan<2> plan() const {
        ConvPlan<2> plan{};
        plan.groups = options.groups;
        for (std::size_t axis = 0; axis < 2; ++axis) {
            WindowAxis& window = plan.axes[axis];
            window.input = image[axis];
            window.kernel = 3;
            window.dilation = options.dilation[axis];
            window.mode = options.padding_mode;
            window.place(options.padding[axis]);
        }
        return plan;
    }
    Extents x() const { return {batch, options.in_channels, image[0], image[1]}; }
    Extents weight() const { return {options.out_channels, options.in_channels / options.groups, 3, 3}; }
    Extents y() const { return {batch, options.out_channels, plan().axes[0].output, plan().axes[1].output}; }
};

template <class T>
std::vector<T> winograd_of(simd::Isa isa, WinogradTile tile, const Problem& problem, const Strided<T>& x, const std::vector<T>& weight,
                           const std::type_identity_t<std::vector<T>>* bias, Strided<T> y, Workspace&& workspace = {},
                           const Finish<T>& finish = {}) {
    const index_t outputs = problem.options.out_channels;
    const index_t depth = problem.options.in_channels / problem.options.groups * 9;
    const index_t groups = problem.options.groups;
    const index_t size = winograd_weight_size<T>(isa, tile, groups, outputs, depth);
    std::vector<T> packed(static_cast<std::size_t>(size) + 1, std::numeric_limits<T>::quiet_NaN());
    const WinogradWeight<T> transformed =
        pack_winograd(isa, tile, contiguous(weight.data(), Shape<2>{outputs, depth}), groups, packed.data());
    CHECK(std::isnan(packed.back()));
    CHECK(std::none_of(packed.begin(), packed.end() - 1, [](T value) { return std::isnan(value); }));
    const ConvPlan<2> plan = problem.plan();
    CHECK(winograd_fits(plan));
    winograd(plan, x.template batch<3>(), transformed, bias != nullptr ? bias->data() : nullptr, y.template batch<3>(), workspace, finish);
    CHECK(y.intact());
    return y.values();
}

/// For each element of y, |bias| + Σ_c (Σ_k |w[o, c, k]|) · max |x[c]| over the inputs of its tile: what its error is measured against.
Dense tile_magnitude(const Problem& problem, index_t m, const Dense& x, const Dense& weight, const std::optional<Dense>& bias) {
    std::array<std::vector<index_t>, 2> cells;
    for (std::size_t axis = 0; axis < 2; ++axis) {
        // As far as the last tile reads, which the padding does not limit.
        const Pad pad = problem.options.padding[axis];
        const index_t longer = std::max<index_t>(pad.after, 0) + (m + 2) * problem.options.dilation[axis];
        cells[axis] = padded_cells(problem.image[axis], {pad.before, longer}, problem.options.padding_mode);
    }
    Dense result = zeros(problem.y());
    const index_t channels = problem.weight()[1];
    const index_t outputs = problem.options.out_channels / problem.options.groups;
    Dense most = zeros({problem.y()[0], problem.x()[1], problem.y()[2], problem.y()[3]});
    for_each_index(most.shape, [&](const Extents& index) {
        for_each_index({m + 2, m + 2}, [&](const Extents& tap) {
            Extents from = index;
            for (std::size_t axis = 0; axis < 2; ++axis) {
                const index_t d = problem.options.dilation[axis];
                const index_t first = index[axis + 2] / d / m * m * d + index[axis + 2] % d;
                const auto place = static_cast<std::size_t>(first + tap[axis] * d);
                from[axis + 2] = place < cells[axis].size() ? cells[axis][place] : -1;
            }
            if (from[2] >= 0 && from[3] >= 0) {
                most.at(index) = std::max(most.at(index), std::abs(x.at(from)));
            }
        });
    });
    Dense sums = zeros({weight.shape[0], channels});
    for_each_index(weight.shape, [&](const Extents& index) { sums.at({index[0], index[1]}) += std::abs(weight.at(index)); });
    for_each_index(result.shape, [&](const Extents& index) {
        const index_t o = index[1];
        result.at(index) = bias ? std::abs(bias->values[static_cast<std::size_t>(o)]) : 0;
        for (index_t c = 0; c < channels; ++c) {
            result.at(index) += sums.at({o, c}) * most.at({index[0], o / outputs * channels + c, index[2], index[3]});
        }
    });
    return result;
}

/// The bound that the header states, in units of ε · S, for every sum here; it lies below the derived κ · (C/G + 20) / 2.
long double bound_of(WinogradTile tile, index_t channels) {
    const auto depth = static_cast<long double>(channels);
    return tile == WinogradTile::f2 ? 4 + depth / 4 : 24 + depth / 2;
}

struct Errors {
    long double over_tile = 0;  ///< the largest error, in units of ε · S
    long double over_own = 0;   ///< in units of ε · Σ |x · w| of the element
};

template <class T>
Errors errors(const std::vector<T>& y, const NaiveConv& expected, const Dense& magnitude) {
    Errors worst;
    const auto epsilon = static_cast<long double>(std::numeric_limits<T>::epsilon());
    for (std::size_t i = 0; i < y.size(); ++i) {
        const long double error = std::abs(static_cast<long double>(y[i]) - expected.y.values[i]);
        if (std::isnan(error)) {
            return {std::numeric_limits<long double>::infinity(), std::numeric_limits<long double>::infinity()};
        }
        if (error > 0) {
            worst.over_tile = std::max(worst.over_tile, error / (epsilon * magnitude.values[i]));
            worst.over_own = std::max(worst.over_own, error / (epsilon * expected.magnitude.values[i]));
        }
    }
    return worst;
}

Problem any_problem(Random& random, index_t longest, index_t most_channels) {
    Problem problem;
    ConvOptions<2>& o = problem.options;
    o.groups = random.chance(0.2) ? random.integer(2, 3) : 1;
    o.in_channels = o.groups * random.integer(1, most_channels / o.groups);
    o.out_channels = o.groups * random.integer(1, most_channels / o.groups);
    o.kernel_size = 3;
    const index_t d = random.chance(0.25) ? random.integer(2, 4) : 1;
    o.dilation = {d, random.chance(0.8) ? d : random.integer(1, 3)};
    o.padding_mode = random.pick(
        std::vector{PaddingMode::zeros, PaddingMode::zeros, PaddingMode::reflect, PaddingMode::replicate, PaddingMode::circular});
    const index_t least = o.padding_mode == PaddingMode::zeros ? -1 : 0;
    problem.batch = random.integer(1, 3);
    do {
        problem.image = {random.integer(1, longest), random.integer(1, longest)};
        const auto pad = [&] { return random.chance(0.5) ? Pad(1, 1) : Pad(random.integer(least, 4), random.integer(least, 4)); };
        o.padding = {pad(), pad()};
    } while (problem.y()[2] <= 0 || problem.y()[3] <= 0);
    return problem;
}

/// x and y as an image lies: (B, C, H, W), (B, H, W, C), or any way at all.
Arrangement any_arrangement(Random& random) {
    if (random.chance(0.4)) {
        return Arrangement::dense();
    }
    if (random.chance(0.5)) {
        Arrangement last = Arrangement::dense();
        last.order = {0, 2, 3, 1};
        return last;
    }
    return Arrangement::any(random, 4, false);
}

template <class T>
void check(Random& random, const Problem& problem) {
    Strided<T> x(problem.x(), any_arrangement(random));
    x.fill(random);
    const Strided<T> weight(problem.weight(), random.reals<T>(count_of(problem.weight())));
    const std::vector<T> bias = random.reals<T>(problem.options.out_channels);
    const std::optional<Dense> dense_bias =
        random.chance(0.5) ? std::optional(dense(Strided<T>({problem.options.out_channels}, bias))) : std::nullopt;
    const NaiveConv expected = naive_conv(problem.options, dense(x), dense(weight), dense_bias, std::nullopt);
    const Strided<T> y(problem.y(), any_arrangement(random));
    for (const WinogradTile tile : tiles) {
        const Dense magnitude = tile_magnitude(problem, static_cast<index_t>(tile), dense(x), dense(weight), dense_bias);
        for (const simd::Isa isa : isas()) {
            const std::vector<T> result = winograd_of(isa, tile, problem, x, weight.values(), dense_bias ? &bias : nullptr, y);
            const Errors worst = errors(result, expected, magnitude);
            CAPTURE(static_cast<int>(tile), static_cast<int>(isa), problem.x(), problem.y(), x.strides(), y.strides());
            CHECK(worst.over_tile <= bound_of(tile, problem.weight()[1]));
        }
    }
}

template <class T>
void check_random(std::uint64_t seed, int rounds, index_t longest, index_t most_channels) {
    Random random(seed);
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        check<T>(random, any_problem(random, longest, most_channels));
    }
}

TEST_CASE("winograd: equals the convolution within its bound, for any shape, padding, dilation, groups and strides") {
    check_random<float>(1, 150, 40, 12);
    check_random<float>(2, 60, 12, 40);
    check_random<double>(3, 60, 20, 20);
}

TEST_CASE("winograd: more weights of a point than are multiplied at a time") {
    Random random(9);
    for (const index_t groups : {1, 2}) {
        Problem problem;
        problem.options = {.in_channels = 260 * groups, .out_channels = 70 * groups, .kernel_size = 3, .padding = 1, .groups = groups};
        problem.image = {5, 3};
        check<float>(random, problem);
    }
}

TEST_CASE("winograd: what the compiler has no vectors of is computed too") { check_random<long double>(4, 10, 12, 9); }

/// Inputs and weights that are hard on rounding: values of a cell (channel, row, column) and of a tap (output, channel, row, column).
struct Adversary {
    const char* name;
    bool even;  ///< all |x| are one: then S is Σ |x · w|
    std::function<float(Random&, index_t, index_t, index_t)> x;
    std::function<float(Random&, index_t, index_t, index_t, index_t)> w;
};

TEST_CASE("winograd: the error stays within its bound for inputs that are hard on rounding") {
    const auto sign = [](index_t i) { return i % 2 == 0 ? 1.0F : -1.0F; };
    const auto any_sign = [](Random& random) { return random.chance(0.5) ? 1.0F : -1.0F; };
    const auto any_weight = [](Random& random, index_t, index_t, index_t, index_t) { return random.real<float>(); };
    const std::vector<Adversary> adversaries{
        {"a chequerboard, summed to nothing", true, [&](Random&, index_t, index_t i, index_t j) { return sign(i + j); },
         [&](Random& random, index_t, index_t, index_t, index_t) { return 1.0F + 1e-3F * random.real<float>(); }},
        {"a chequerboard, summed up", true, [&](Random&, index_t c, index_t i, index_t j) { return 0.1F * sign(c + i + j); },
         [&](Random&, index_t o, index_t c, index_t i, index_t j) { return 0.3F * sign(o + c + i + j); }},
        {"one value everywhere", true, [](Random&, index_t, index_t, index_t) { return 0.1F; },
         [](Random&, index_t, index_t, index_t, index_t) { return 0.3F; }},
        {"stripes of rows", true, [&](Random&, index_t, index_t i, index_t) { return 0.7F * sign(i); }, any_weight},
        {"any signs", true, [&](Random& random, index_t, index_t, index_t) { return 0.9F * any_sign(random); },
         [&](Random& random, index_t, index_t, index_t, index_t) { return 1.1F * any_sign(random); }},
        {"large channels that cancel", false,
         [&](Random& random, index_t c, index_t i, index_t j) {
             return sign(c) * (1e6F + static_cast<float>(7 * i + j)) + random.real<float>();
         },
         [](Random&, index_t, index_t, index_t i, index_t j) { return 0.37F + 0.01F * static_cast<float>(3 * i + j); }},
        {"one large cell", false,
         [](Random& random, index_t, index_t i, index_t j) { return i == 5 && j == 6 ? 1e8F : random.real<float>(); }, any_weight},
        {"magnitudes from 2^-40 to 2^40", false,
         [](Random& random, index_t, index_t, index_t) {
             return std::ldexp(random.real<float>(), static_cast<int>(random.integer(-40, 40)));
         },
         any_weight},
    };
    Random random(5);
    for (const Adversary& adversary : adversaries) {
        for (const index_t channels : {1, 2, 31, 300}) {
            for (int round = 0; round < (channels == 1 ? 40 : 2); ++round) {
                Problem problem;
                problem.options = {.in_channels = channels, .out_channels = 3, .kernel_size = 3, .padding = round % 2};
                problem.image = {12, 11};
                Strided<float> x(problem.x());
                for_each_index(x.shape(), [&](const Extents& i) { x.at(i) = adversary.x(random, i[1], i[2], i[3]); });
                Strided<float> weight(problem.weight());
                for_each_index(weight.shape(), [&](const Extents& i) { weight.at(i) = adversary.w(random, i[0], i[1], i[2], i[3]); });
                const NaiveConv expected = naive_conv(problem.options, dense(x), dense(weight), std::nullopt, std::nullopt);
                for (const WinogradTile tile : tiles) {
                    const Dense magnitude = tile_magnitude(problem, static_cast<index_t>(tile), dense(x), dense(weight), std::nullopt);
                    for (const simd::Isa isa : isas()) {
                        const Errors worst = errors(
                            winograd_of(isa, tile, problem, x, weight.values(), nullptr, Strided<float>(problem.y())), expected, magnitude);
                        CAPTURE(adversary.name, channels, round, static_cast<int>(tile), static_cast<int>(isa));
                        CHECK(worst.over_tile <= bound_of(tile, channels));
                        if (adversary.even && round % 2 == 0) {  // without padding S is Σ |x · w|
                            CHECK(worst.over_own <= bound_of(tile, channels));
                        }
                    }
                }
            }
        }
    }
}

struct TwiceAndOne {
    void apply(auto& value) const { value = value * 2 + 1; }
};

TEST_CASE("winograd: the same bits for any number of workers, and the function behind it for each element once") {
    Random random(8);
    for (int round = 0; round < 12; ++round) {
        Problem problem = any_problem(random, 50, 60);
        Strided<float> x(problem.x());
        x.fill(random);
        const std::vector<float> weight = random.reals<float>(count_of(problem.weight()));
        const TwiceAndOne function;
        for (const WinogradTile tile : tiles) {
            for (const simd::Isa isa : isas()) {
                const auto with = [&](Workspace&& workspace, const Finish<float>& finish) {
                    return winograd_of(isa, tile, problem, x, weight, nullptr, Strided<float>(problem.y()), std::move(workspace), finish);
                };
                const std::vector<float> alone = with(Workspace(), {});
                std::vector<float> finished = alone;
                std::transform(alone.begin(), alone.end(), finished.begin(), [&](float value) { return function.apply(value), value; });
                for (const index_t workers : {2, 3, 7}) {
                    ThreadPool pool(workers);
                    CHECK(same_bits(alone, with(Workspace(pool), {})));
                    CHECK(same_bits(finished, with(Workspace(pool), finish_with<float>(function))));
                }
            }
        }
    }
}

TEST_CASE("winograd: the same bits for any batch, layout and number of tiles at once") {
    Random random(6);
    for (int round = 0; round < 25; ++round) {
        Problem problem = any_problem(random, 30, 40);
        problem.batch = 3;
        Strided<float> x(problem.x());
        x.fill(random);
        const std::vector<float> weight = random.reals<float>(count_of(problem.weight()));
        const std::vector<float> bias = random.reals<float>(problem.options.out_channels);
        for (const WinogradTile tile : tiles) {
            for (const simd::Isa isa : isas()) {
                const std::vector<float> all = winograd_of(isa, tile, problem, x, weight, &bias, Strided<float>(problem.y()));
                const std::vector<float> last =
                    winograd_of(isa, tile, problem, Strided<float>(problem.x(), x.values(), any_arrangement(random)), weight, &bias,
                                Strided<float>(problem.y(), any_arrangement(random)));
                CHECK(same_bits(all, last));
                Problem one = problem;
                one.batch = 1;
                const auto size = static_cast<std::ptrdiff_t>(x.values().size() / 3);
                const std::vector<float> values = x.values();
                for (index_t item = 0; item < 3; ++item) {
                    const Strided<float> alone(one.x(),
                                               std::vector<float>(values.begin() + item * size, values.begin() + (item + 1) * size));
                    const std::vector<float> y = winograd_of(isa, tile, one, alone, weight, &bias, Strided<float>(one.y()));
                    const auto length = static_cast<std::ptrdiff_t>(y.size());
                    CHECK(same_bits(y, std::vector<float>(all.begin() + item * length, all.begin() + (item + 1) * length)));
                }
            }
        }
    }
}

#if defined(__linux__)
/// Elements that end where a page does, before one that may not be touched.
class PageEnd {
public:
    explicit PageEnd(index_t count) : bytes_((static_cast<std::size_t>(count) * sizeof(float) + page - 1) / page * page + page) {
        void* const start = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(start != MAP_FAILED);
        start_ = static_cast<char*>(start);
        REQUIRE(mprotect(start_ + bytes_ - page, page, PROT_NONE) == 0);
        data_ = static_cast<float*>(static_cast<void*>(start_ + bytes_ - page)) - count;
    }
    PageEnd(const PageEnd&) = delete;
    PageEnd& operator=(const PageEnd&) = delete;
    ~PageEnd() { munmap(start_, bytes_); }

    float* data() { return data_; }

private:
    static constexpr std::size_t page = 65536;  // a multiple of every page size
    std::size_t bytes_;
    char* start_ = nullptr;
    float* data_ = nullptr;
};

TEST_CASE("winograd: reads and writes nothing behind its operands") {
    for (const index_t channels : {1, 3, 8, 16, 20}) {
        for (const index_t length : {1, 3, 7, 8, 9, 14, 20}) {
            for (const Layout layout : {Layout::channels_first, Layout::channels_last}) {
                Problem problem;
                problem.options = {.in_channels = channels, .out_channels = channels, .kernel_size = 3, .padding = 1};
                problem.image = {length, length};
                const index_t cells = length * length;
                PageEnd x(channels * cells);
                PageEnd y(channels * cells);
                std::fill_n(x.data(), channels * cells, 1.0F);
                const Shape<3> strides =
                    layout == Layout::channels_first ? Shape<3>{cells, length, 1} : Shape<3>{1, length * channels, channels};
                const View<const float, 3> in{x.data(), {channels, length, length}, strides};
                const View<float, 3> out{y.data(), in.shape, strides};
                const std::vector<float> weight(static_cast<std::size_t>(channels * channels * 9), 1.0F);
                for (const WinogradTile tile : tiles) {
                    for (const simd::Isa isa : isas()) {
                        PageEnd packed(winograd_weight_size<float>(isa, tile, 1, channels, channels * 9));
                        const auto transformed =
                            pack_winograd(isa, tile, contiguous(weight.data(), Shape<2>{channels, channels * 9}), 1, packed.data());
                        Workspace workspace;
                        winograd<float>(problem.plan(), in, transformed, nullptr, out, workspace);
                        const auto corner = static_cast<double>(channels * (length == 1 ? 1 : 4));
                        CHECK(out(channels - 1, length - 1, length - 1) == Approx(corner).epsilon(1e-4));
                    }
                }
            }
        }
    }
}
#endif

TEST_CASE("winograd: scratch is bounded, whatever the image") {
    for (const WinogradTile tile : tiles) {
        for (const simd::Isa isa : isas()) {
            for (const index_t channels : {3, 40, 300}) {
                for (const index_t length : {60, 240}) {
                    Problem problem;
                    problem.options = {.in_channels = channels, .out_channels = 5, .kernel_size = 3, .padding = 1};
                    problem.image = {30, length};
                    const std::vector<float> weight(static_cast<std::size_t>(count_of(problem.weight())), 1.0F);
                    std::vector<float> packed(static_cast<std::size_t>(winograd_weight_size<float>(isa, tile, 1, 5, channels * 9)));
                    const auto transformed =
                        pack_winograd(isa, tile, contiguous(weight.data(), Shape<2>{5, channels * 9}), 1, packed.data());
                    const Strided<float> x(problem.x(), std::vector<float>(static_cast<std::size_t>(count_of(problem.x())), 1.0F));
                    Strided<float> y(problem.y());
                    Workspace workspace;
                    winograd<float>(problem.plan(), x.batch<3>(), transformed, nullptr, y.batch<3>(), workspace);
                    CHECK(y.at({0, 0, 4, 30}) == Approx(9.0 * static_cast<double>(channels)).epsilon(1e-3));
                    CHECK(winograd_scratch<float>(isa, tile, channels, 5) >= 320 * 1024 / 4);
                    CHECK(winograd_scratch<float>(isa, tile, channels, 5) <= 2 * 320 * 1024);  // of 24 tiles
                    // A workspace that has grown holds up to three times what was taken at once.
                    CAPTURE(static_cast<int>(tile), static_cast<int>(isa), channels, length);
                    CHECK(workspace.capacity() <= 3 * 4 * static_cast<std::size_t>(winograd_scratch<float>(isa, tile, channels, 5)));
                }
            }
        }
    }
}

TEST_CASE("winograd: no outputs, and images without items, are nothing to do") {
    for (const WinogradTile tile : tiles) {
        Problem problem;
        problem.options = {.in_channels = 2, .out_channels = 3, .kernel_size = 3, .padding = 0};
        problem.image = {2, 7};
        CHECK(winograd_of(simd::machine(), tile, problem, Strided<float>(problem.x()), std::vector<float>(54, 1.0F), nullptr,
                          Strided<float>(problem.y()))
                  .empty());
        problem.image = {4, 7};
        problem.batch = 0;
        CHECK(winograd_of(simd::machine(), tile, problem, Strided<float>(problem.x()), std::vector<float>(54, 1.0F), nullptr,
                          Strided<float>(problem.y()))
                  .empty());
    }
}

TEST_CASE("winograd_fits: 3 x 3, stride 1, no gaps in the input, no adjoint of a padding") {
    Problem problem;
    problem.options = {.in_channels = 1, .out_channels = 1, .kernel_size = 3, .padding = 1};
    problem.image = {5, 5};
    const ConvPlan<2> plan = problem.plan();
    CHECK(winograd_fits(plan));
    for (std::size_t axis = 0; axis < 2; ++axis) {
        for (index_t WindowAxis::*const member : {&WindowAxis::kernel, &WindowAxis::stride, &WindowAxis::input_dilation}) {
            ConvPlan<2> other = plan;
            other.axes[axis].*member = 2;
            CHECK(!winograd_fits(other));
        }
        ConvPlan<2> dilated = plan;
        dilated.axes[axis].dilation = 2;
        CHECK(winograd_fits(dilated));
    }
    ConvPlan<2> adjoint = plan;
    adjoint.folds = plan.axes;
    CHECK(!winograd_fits(adjoint));
}

}  // namespace
