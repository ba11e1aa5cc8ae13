// SPDX-License-Identifier: MIT
#pragma once

#include <array>        // std::array
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view

#include <nn/core/check.hpp>
#include <nn/core/executor.hpp>
#include <nn/kernels/bands.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/layers/frozen_conv.hpp>

namespace nn::inline NN_ABI::detail {

/// Three frozen convolutions as one layer for x of one shape, of which the second is depthwise, as in the inverted residuals of MobileNet.
/// They are run on some rows at a time, so that what goes into the second and comes out of it stays in the cache, and the second's padding
/// lies around what it reads: the same bits.
///
/// Cost  that of the three; scratch of 320 KiB, or of all that lies between where the weights are larger, and of x where y lies on it.
template <std::floating_point T, std::size_t N>
class ConvBands : public Stateless<ConvBands<T, N>, T, N + 1> {
    using Stage = ConvStage<T, N, ConvOptions<N>>;
    using Chain = kernels::ConvChain<N, 3>;

    /// Bytes of what lies between: it and the weights stay in a small L2 cache.
    static constexpr index_t budget = 320 * 1024;

public:
    /// None where that is no faster than one after the other.
    template <std::size_t R>
    static std::optional<ConvBands> of(const std::array<Stage, 3>& stages, const Shape<R>& x, const ExecutorRef& executor) {
        index_t channels = x[R - N - 1];
        for (const Stage& stage : stages) {
            const ConvOptions<N>& options = stage.options();
            if (options.in_channels != channels || options.layout != Layout::channels_first || !stage.conv->may_be_cut()) {
                return std::nullopt;
            }
            channels = options.out_channels;
        }
        const bool last = stages[0].conv->writes_channels_last() && stages[1].conv->writes_channels_last();
        if (executor.workers() > 1 || !last || !ops::is_depthwise(stages[1].options())) {
            return std::nullopt;
        }
        ConvBands bands(stages);
        Shape<R> shape = x;
        for (std::size_t i = 0; i < stages.size(); ++i) {
            const auto from = shape_only<const T, N + 1>(shape);
            bands.chain_.plans[i] = ops::conv_plan(stages[i].conv->who(), stages[i].options(), from);
            bands.items_[i] = ops::conv_item(stages[i].options(), bands.chain_.plans[i]);
            shape = output_extents<Shape<R>>(from, bands.items_[i]);
        }
        if (element_count(shape) == 0 || !bands.chain_.has_bands()) {
            return std::nullopt;
        }
        index_t at_once = 0;
        while (bands.fits(at_once + 1)) {
            ++at_once;
        }
        if (at_once == 0) {
            return std::nullopt;
        }
        // Bands of even height; but one alone where reading the weights again for each would take more than what lies between.
        const index_t rows = bands.chain_.rows();
        const index_t count = divide_up(rows, at_once);
        bands.at_once_ = (count - 1) * bands.weights() > bands.elements(rows) ? rows : divide_up(rows, count);
        return bands;
    }

    /// The strides in which the last would have a result of this shape.
    template <std::size_t R>
    Shape<R> result_strides(const Shape<R>& y) const {
        return stages_.back().conv->result_strides(y);
    }

private:
    friend Stateless<ConvBands, T, N + 1>;

    explicit ConvBands(const std::array<Stage, 3>& stages) : stages_(stages) {}

    /// The shape of what lies behind a convolution, for so many rows of y at a time.
    Shape<N + 1> room(std::size_t conv, index_t at_once) const { return chain_.room(conv, items_[conv][0], at_once); }
    index_t elements(index_t at_once) const { return saturating_add(element_count(room(0, at_once)), element_count(room(1, at_once))); }
    bool fits(index_t at_once) const { return at_once <= chain_.rows() && elements(at_once) <= budget / static_cast<index_t>(sizeof(T)); }
    index_t weights() const {
        index_t total = 0;
        for (const Stage& stage : stages_) {
            total += element_count(ops::conv_weight_shape(stage.options()));
        }
        return total;
    }

    template <class>
    auto operation() const {
        return detail::operation<T, N + 1, N + 1>(
            stages_.back().conv->who(), [this](const Batch<const T, N + 1>&) { return items_.back(); },
            [this](const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) { run(x, y, workspace); });
    }
    void run(const Batch<const T, N + 1>& x, const Batch<T, N + 1>& y, Workspace& workspace) const {
        check_output(stages_.back().conv->who(), x, items_.back(), y);
        const auto frame = workspace.frame();
        std::array<View<T, N + 1>, 2> between;
        for (std::size_t i = 0; i < between.size(); ++i) {
            const Shape<N + 1> shape = room(i, at_once_);
            between[i] = {frame.template take<T>(element_count(shape)), shape, with_innermost(0, shape)};
        }
        // One after another they would read all of x before y is written, which may lie where x does.
        const bool copied = may_overlap(x, y);
        const index_t size = element_count(x.item());
        T* const copy = frame.template take<T>(copied ? x.count() * size : 0);
        for (index_t item = 0; item < x.count() && copied; ++item) {
            kernels::transform(
                contiguous(copy + item * size, x.item()), [](T value) { return value; }, x[item]);
        }
        if (x.count() > 0) {
            rehearse(x[0], between, y[0], workspace);
        }
        for (index_t item = 0; item < x.count(); ++item) {
            const View<const T, N + 1> from = copied ? contiguous<const T>(copy + item * size, x.item()) : x[item];
            chain_.for_each_band(
                at_once_, from, between, y[item],
                [&](std::size_t conv, const kernels::ConvPlan<N>& plan, const View<const T, N + 1>& rows, const View<T, N + 1>& to) {
                    stages_[conv].conv->run_rows(plan, rows, stages_[conv].finish, to, workspace);
                });
        }
    }
    /// Has the memory there that each convolution takes for every number of rows that it is to make.
    void rehearse(const View<const T, N + 1>& x, std::array<View<T, N + 1>, 2> between, const View<T, N + 1>& y,
                  Workspace& workspace) const {
        for (View<T, N + 1>& band : between) {
            band.strides[1] = 0;  // so that there is nothing to clear or to move on
        }
        std::array<index_t, 3> rehearsed{};
        workspace.rehearse([&] {
            chain_.for_each_band(
                at_once_, x, between, y,
                [&](std::size_t conv, const kernels::ConvPlan<N>& plan, const View<const T, N + 1>& rows, const View<T, N + 1>& to) {
                    if (rehearsed[conv] != plan.axes[0].output) {
                        rehearsed[conv] = plan.axes[0].output;
                        stages_[conv].conv->run_rows(plan, rows, stages_[conv].finish, to, workspace);
                    }
                });
        });
    }

    std::array<Stage, 3> stages_;
    Chain chain_{};
    std::array<Shape<N + 1>, 3> items_{};
    index_t at_once_ = 0;  ///< rows of y
};

/// Three layers that follow one another in a network as one, where that is faster for x of this shape.
template <std::floating_point T, std::size_t N, class F, class G, class H, std::size_t R>
std::optional<ConvBands<T, N>> together(const FrozenConv<T, N, ConvOptions<N>, F>& first, const FrozenConv<T, N, ConvOptions<N>, G>& second,
                                        const FrozenConv<T, N, ConvOptions<N>, H>& third, const Shape<R>& x, const ExecutorRef& executor) {
    return ConvBands<T, N>::of({first.stage(), second.stage(), third.stage()}, x, executor);
}

}  // namespace nn::inline NN_ABI::detail
