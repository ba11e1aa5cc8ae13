// SPDX-License-Identifier: MIT
// Convolutions, beside the peak of multiply-adds.

#include "support/measure.hpp"

namespace {

using nn::index_t;
using nn::Shape;
namespace bench = nn::bench;

/// One element: the plain sum over channels and taps.
template <std::size_t N>
double element(const nn::Conv<float, N>& conv, const nn::Tensor<float, N + 2>& x, const Shape<N + 2>& index) {
    const auto& o = conv.options;
    const index_t channels = o.in_channels / o.groups;
    const index_t first = index[1] / (o.out_channels / o.groups) * channels;
    double sum = static_cast<double>((*conv.bias)(index[1]));
    for (index_t c = 0; c < channels; ++c) {
        index_t taps = 1;
        for (std::size_t axis = 0; axis < N; ++axis) {
            taps *= o.kernel_size[axis];
        }
        for (index_t tap = 0; tap < taps; ++tap) {
            Shape<N + 2> cell{index[0], first + c};
            Shape<N + 2> weight{index[1], c};
            bool inside = true;
            index_t rest = tap;
            for (std::size_t axis = N; axis-- > 0; rest /= o.kernel_size[axis]) {
                weight[axis + 2] = rest % o.kernel_size[axis];
                cell[axis + 2] = index[axis + 2] * o.stride[axis] + weight[axis + 2] * o.dilation[axis] - o.padding[axis].before;
                inside = inside && cell[axis + 2] >= 0 && cell[axis + 2] < static_cast<index_t>(x.shape(axis + 2));
            }
            sum += inside ? bench::at(conv.weight, weight) * bench::at(x, cell) : 0;
        }
    }
    return sum;
}

template <std::size_t N>
void conv(benchmark::State& state, const nn::ConvOptions<N>& options, const Shape<N>& spatial) {
    std::mt19937 rng(1);
    const nn::Conv<float, N> layer(options, rng);
    Shape<N + 2> shape{1, options.in_channels};
    std::copy(spatial.begin(), spatial.end(), shape.begin() + 2);
    const auto x = bench::noise<N + 2>(shape);
    bench::measure<N + 2>(
        state, layer, x, [&](const Shape<N + 2>& index) { return element(layer, x, index); },
        [&](const auto&) { return bench::flop(2.0 * static_cast<double>(layer.multiply_adds(shape))); });
}

constexpr auto* conv1d = conv<1>;
constexpr auto* conv2d = conv<2>;
constexpr auto* conv3d = conv<3>;
using Two = nn::ConvOptions<2>;
BENCHMARK_CAPTURE(conv2d, stem, Two{.in_channels = 3, .out_channels = 64, .kernel_size = 7, .stride = 2, .padding = 3}, {224, 224});
BENCHMARK_CAPTURE(conv2d, c3x3_64_56, Two{.in_channels = 64, .out_channels = 64, .kernel_size = 3, .padding = 1}, {56, 56});
BENCHMARK_CAPTURE(conv2d, c3x3_512_7, Two{.in_channels = 512, .out_channels = 512, .kernel_size = 3, .padding = 1}, {7, 7});
BENCHMARK_CAPTURE(conv2d, c1x1_64_256_56, Two{.in_channels = 64, .out_channels = 256}, {56, 56});
BENCHMARK_CAPTURE(conv2d, dil2_256_28, Two{.in_channels = 256, .out_channels = 256, .kernel_size = 3, .padding = 2, .dilation = 2},
                  {28, 28});
BENCHMARK_CAPTURE(conv2d, dw3x3_32_112, Two{.in_channels = 32, .out_channels = 32, .kernel_size = 3, .padding = 1, .groups = 32},
                  {112, 112});
BENCHMARK_CAPTURE(conv2d, g32_256_14, Two{.in_channels = 256, .out_channels = 256, .kernel_size = 3, .padding = 1, .groups = 32}, {14, 14});
BENCHMARK_CAPTURE(conv1d, k3_64_16000, nn::ConvOptions<1>{.in_channels = 64, .out_channels = 64, .kernel_size = 3, .padding = 1}, {16000});
BENCHMARK_CAPTURE(conv3d, k3_16_32_16x56x56, nn::ConvOptions<3>{.in_channels = 16, .out_channels = 32, .kernel_size = 3, .padding = 1},
                  {16, 56, 56});

}  // namespace
