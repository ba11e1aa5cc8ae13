// SPDX-License-Identifier: MIT
// "N" in the names of layers is any number: what has no name of its own, and no kernel that is compiled for it alone.

#include <array>
#include <optional>
#include <vector>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/naive.hpp"
#include "support/tensors.hpp"

namespace {

using nn::test::dense;
using nn::test::Dense;
using nn::test::noise;
using nn::test::Random;
using nn::test::shape_of;
using nn::test::values_of;

template <std::size_t R>
double inner(const nn::Tensor<double, R>& a, const nn::Tensor<double, R>& b) {
    double sum = 0;
    for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
        sum += *i * *j;
    }
    return sum;
}

}  // namespace

TEST_CASE("four axes: convolutions are the sums of their definition, frozen and transposed too") {
    Random random(1);
    for (const nn::Layout layout : {nn::Layout::channels_first, nn::Layout::channels_last}) {
        for (const nn::index_t groups : {1, 2}) {
            const nn::Conv<double, 4> conv = nn::test::filled(random, nn::Conv<double, 4>({.in_channels = 2,
                                                                                           .out_channels = 4,
                                                                                           .kernel_size = {2, 1, 2, 3},
                                                                                           .stride = {1, 1, 2, 1},
                                                                                           .padding = {1, 0, 1, 2},
                                                                                           .dilation = {1, 1, 1, 2},
                                                                                           .groups = groups,
                                                                                           .use_bias = false,
                                                                                           .layout = layout},
                                                                                          nn::no_init));
            const bool last = layout == nn::Layout::channels_last;
            const auto x = noise<double, 6>(last ? nn::Shape<6>{2, 3, 4, 5, 6, 2} : nn::Shape<6>{2, 2, 3, 4, 5, 6});
            const auto expected = nn::test::naive_conv(conv.options, dense(x), dense(conv.weight), std::nullopt, std::nullopt);
            const auto y = conv(x);
            CHECK(shape_of(y) == expected.y.shape);
            const std::vector<double> values(y.begin(), y.end());
            CHECK(nn::test::first_outside(values, expected, nn::test::sum_bound<double>(24)) == values.size());
            CHECK(nn::test::identical(nn::freeze(conv)(x), y));

            const auto transposed = nn::adjoint(conv, nn::extents_of(x));
            const auto other = noise<double, 6>(nn::extents_of(y));
            CHECK(inner(y, other) == nn::test::Approx(inner(x, transposed(other))));
        }
    }
}

TEST_CASE("four axes: pools and norms do what they do over three, one cell deep") {
    const auto x = noise<double, 5>({2, 3, 4, 5, 6});
    const nn::Tensor<double, 6> deep = xt::reshape_view(x, {2, 3, 1, 4, 5, 6});
    const auto same = [&](const auto& three, const auto& four) { CHECK(values_of(three) == values_of(four)); };
    same(nn::MaxPool<3>({.window = 2, .padding = nn::same})(x), nn::MaxPool<4>({.window = {1, 2, 2, 2}, .padding = nn::same})(deep));
    same(nn::AvgPool<3>({.window = 2})(x), nn::AvgPool<4>({.window = {1, 2, 2, 2}})(deep));
    same(nn::GlobalAvgPool<3>()(x), nn::GlobalAvgPool<4>()(deep));
    const nn::BatchNorm<double, 3> three({.size = 3});
    const nn::BatchNorm<double, 4> four({.size = 3});
    auto state = three.initial_state();
    auto deep_state = four.initial_state();
    same(three(x, state, nn::training()), four(deep, deep_state, nn::training()));
    same(state.running_var, deep_state.running_var);
    same(nn::GroupNorm<double, 3>({.groups = 3, .channels = 3})(x), nn::GroupNorm<double, 4>({.groups = 3, .channels = 3})(deep));
}
