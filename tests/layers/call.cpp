// SPDX-License-Identifier: MIT

// Every kind of operand through the door of a layer, shown with a convolution: what it reads, what it returns, what it writes to, and
// that a refused call leaves its output as it was.

#include <nn/layers/call.hpp>

#include <xtensor/xfixed.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xstrided_view.hpp>

#include <array>
#include <concepts>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/layers/conv.hpp>

#include "support/catch.hpp"
#include "support/random.hpp"

namespace {

using namespace nn;
using test::Random;

/// x (…, 2, L) -> y (…, 3, L − 2)
Conv1d<float> layer() {
    std::mt19937 rng(1);
    return Conv1d<float>({.in_channels = 2, .out_channels = 3, .kernel_size = 3}, rng);
}

template <std::size_t R>
Tensor<float, R> noise(const std::array<std::size_t, R>& shape, std::uint64_t seed = 1) {
    Tensor<float, R> tensor(shape);
    Random random(seed);
    for (float& element : tensor) {
        element = random.real<float>();
    }
    return tensor;
}

/// The elements in row-major order, whatever the layout they lie in, and their extents.
struct Values {
    std::vector<std::size_t> shape;
    std::vector<float> elements;
    bool operator==(const Values&) const = default;
};
template <class X>
Values values(const X& x) {
    Values result;
    for (std::size_t axis = 0; axis < x.dimension(); ++axis) {
        result.shape.push_back(static_cast<std::size_t>(x.shape(axis)));
    }
    for (auto at = x.template begin<xt::layout_type::row_major>(); at != x.template end<xt::layout_type::row_major>(); ++at) {
        result.elements.push_back(*at);
    }
    return result;
}

/// What the layer says of the elements of x, by way of a dense tensor and a plain pointer.
template <std::size_t R, class X>
Values expected(const X& x) {
    const Values in = values(x);
    Shape<R> shape{};
    std::copy(in.shape.begin(), in.shape.end(), shape.begin());
    const Conv1d<float> conv = layer();
    const Shape<R> out = conv.output_shape(shape);
    std::vector<float> y(static_cast<std::size_t>(element_count(out)));
    Workspace workspace;
    conv.forward_into(contiguous(in.elements.data(), shape), contiguous(y.data(), out), workspace);
    return {{out.begin(), out.end()}, y};
}

template <std::size_t R, class X>
void reads(const X& x) {
    const auto y = layer()(x);
    static_assert(std::same_as<std::remove_const_t<decltype(y)>, Tensor<float, R>>);
    CHECK(values(y) == expected<R>(x));

    // The same into an output that fits, and into one that does not yet.
    Workspace workspace;
    Tensor<float, R> fresh;
    if constexpr (in_memory<X>) {
        layer().forward_into(x, fresh, workspace);
        CHECK((fresh == y));
        fresh.fill(-1);
        layer().forward_into(x, fresh, workspace);
        CHECK((fresh == y));
    }
}

// ---- inputs ----

TEST_CASE("door: a container of any layout is read") {
    reads<2>(noise<2>({2, 7}));
    reads<3>(noise<3>({4, 2, 7}));
    reads<4>(noise<4>({2, 3, 2, 7}));
    reads<5>(noise<5>({2, 1, 3, 2, 7}));
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    const xt::xtensor<float, 3, xt::layout_type::column_major> column(x);
    reads<3>(column);
    CHECK((layer()(column) == layer()(x)));
    const xt::xtensor_fixed<float, xt::xshape<2, 7>> small = noise<2>({2, 7});
    reads<2>(small);
    reads<3>(noise<3>({0, 2, 7}));
    reads<3>(noise<3>({4, 2, 2}));  // an empty output
}

TEST_CASE("door: the dynamic layout of xtensor is read") {
    xt::xtensor<float, 3, xt::layout_type::dynamic> x;
    x.resize({4, 2, 7}, xt::layout_type::column_major);
    Random random(1);
    for (float& element : x) {
        element = random.real<float>();
    }
    reads<3>(x);
}

TEST_CASE("door: a strided view is read in place") {
    const Tensor<float, 4> x = noise<4>({3, 4, 6, 9});
    reads<4>(xt::view(x, xt::all(), xt::all(), xt::range(0, 6, 3), xt::all()));
    reads<4>(xt::view(x, xt::all(), xt::all(), xt::range(1, 3), xt::range(0, 9, 2)));
    reads<3>(xt::view(x, 1, xt::all(), xt::range(2, 4), xt::range(3, 9)));
    reads<3>(xt::view(x, xt::all(), 2, xt::range(4, 6), xt::all()));
    reads<2>(xt::view(x, 2, 3, xt::range(0, 2), xt::all()));
    reads<2>(xt::view(x, 2, xt::range(1, 3), 5, xt::all()));
    reads<2>(xt::view(x, 0, xt::range(2, 4), xt::all(), 8));
    reads<3>(xt::view(x, 0, xt::newaxis(), xt::range(2, 4), 0, xt::all()));
    reads<5>(xt::view(x, xt::all(), xt::all(), xt::newaxis(), xt::range(4, 6), xt::all()));
    reads<4>(xt::view(x, xt::all(), xt::range(3, 4), xt::range(0, 2), xt::all()));                        // an extent of 1
    reads<4>(xt::view(x, xt::all(), xt::all(), xt::range(1, 3), xt::range(8, xt::placeholders::_, -1)));  // backwards
    reads<4>(xt::view(x, xt::range(2, 2), xt::all(), xt::range(1, 3), xt::all()));                        // no items
}

TEST_CASE("door: a view of a view, of an adaptor and of a column-major tensor is read in place") {
    const Tensor<float, 4> x = noise<4>({3, 4, 6, 9});
    const auto inner = xt::view(x, xt::all(), xt::range(1, 4), xt::range(0, 6, 2), xt::all());
    reads<4>(xt::view(inner, xt::range(0, 3, 2), xt::all(), xt::range(1, 3), xt::range(1, 8)));
    const xt::xtensor<float, 4, xt::layout_type::column_major> column(x);
    reads<3>(xt::view(column, xt::all(), 1, xt::range(0, 2), xt::all()));
    std::vector<float> memory(x.begin(), x.end());
    const auto adapted = xt::adapt(memory, std::array<std::size_t, 4>{3, 4, 6, 9});
    reads<3>(xt::view(adapted, xt::all(), 1, xt::range(0, 2), xt::all()));
}

TEST_CASE("door: a view of indices or of an expression is evaluated") {
    const Tensor<float, 3> x = noise<3>({4, 6, 9});
    reads<3>(xt::view(x, xt::all(), xt::keep(4, 1), xt::all()));
    reads<3>(xt::view(x, xt::drop(2), xt::keep(0, 5), xt::all()));
    reads<3>(xt::view(2.0F * x, xt::all(), xt::range(1, 3), xt::all()));
}

TEST_CASE("door: a transposed, flipped or squeezed tensor is read in place") {
    reads<3>(xt::transpose(noise<3>({7, 2, 4})));
    const Tensor<float, 3> x = noise<3>({2, 4, 7});
    reads<3>(xt::transpose(x, {1, 0, 2}));
    reads<2>(xt::transpose(noise<2>({7, 2})));
    const Tensor<float, 3> batch = noise<3>({4, 2, 7});
    reads<3>(xt::flip(batch, 2));
    reads<3>(xt::flip(batch, 0));
}

TEST_CASE("door: an adaptor of a pointer or a vector is read in place") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    std::vector<float> memory(x.begin(), x.end());
    const std::array<std::size_t, 3> shape{4, 2, 7};
    reads<3>(xt::adapt(memory, shape));
    reads<3>(xt::adapt(memory.data(), memory.size(), xt::no_ownership(), shape));
    const float* const read_only = memory.data();
    reads<3>(xt::adapt(read_only, memory.size(), xt::no_ownership(), shape));
    const std::vector<float>& constant = memory;
    reads<3>(xt::adapt(constant, shape));
}

TEST_CASE("door: a lazy expression is evaluated") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    const Tensor<float, 3> twice = 2.0F * x;
    CHECK((layer()(2.0F * x) == layer()(twice)));
    reads<3>(2.0F * x);
    reads<3>(x + xt::view(x, xt::range(0, 1), xt::all(), xt::all()));
    reads<3>(xt::broadcast(noise<2>({2, 7}), std::array<std::size_t, 3>{4, 2, 7}));
    reads<2>(xt::ones<float>(std::array<std::size_t, 2>{2, 7}));
}

TEST_CASE("door: nn::View is read, const or not") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    std::vector<float> memory(x.begin(), x.end());
    const View<float, 3> view{memory.data(), {4, 2, 7}, {14, 7, 1}};
    const View<const float, 3> constant = view;
    CHECK((layer()(view) == layer()(x)));
    CHECK((layer()(constant) == layer()(x)));
    static_assert(std::same_as<decltype(layer()(view)), Tensor<float, 3>>);
    const View<const float, 3> backwards{memory.data() + 13, {4, 2, 7}, {0, -7, -1}};
    const Tensor<float, 3> y = layer()(backwards);
    const Tensor<float, 2> one = layer()(View<const float, 2>{memory.data() + 13, {2, 7}, {-7, -1}});
    for (std::size_t item = 0; item < 4; ++item) {
        CHECK((Tensor<float, 2>(xt::view(y, item, xt::all(), xt::all())) == one));
    }
}

TEST_CASE("door: an xarray has its rank checked and gives an xarray") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    const xt::xarray<float> dynamic(x);
    const auto y = layer()(dynamic);
    static_assert(std::same_as<std::remove_const_t<decltype(y)>, xt::xarray<float, xt::layout_type::row_major>>);
    CHECK(values(y) == values(layer()(x)));
    CHECK(values(layer()(xt::xarray<float, xt::layout_type::column_major>(x))) == values(layer()(x)));
    CHECK(values(layer()(2.0F * dynamic)) == values(layer()(2.0F * x)));
    CHECK(values(layer()(xt::view(dynamic, 1, xt::all(), xt::all()))) == values(layer()(xt::view(x, 1, xt::all(), xt::all()))));
    CHECK(values(layer()(xt::transpose(xt::xarray<float>(noise<2>({7, 2}))))) == values(layer()(xt::transpose(noise<2>({7, 2})))));
    CHECK(values(layer()(xt::squeeze(xt::xarray<float>(noise<3>({1, 2, 7}))))) == values(layer()(noise<2>({2, 7}))));
    CHECK(values(layer()(xt::xarray<float>(noise<5>({2, 1, 3, 2, 7})))) == values(layer()(noise<5>({2, 1, 3, 2, 7}))));

    const std::array<std::size_t, 1> seven{7};
    CHECK_THROWS_AS(layer()(xt::xarray<float>(noise<1>(seven))), shape_error);
    CHECK_THROWS_WITH(layer()(xt::xarray<float>(noise<1>(seven))), "nn::Conv: x has 1 axis, expected at least 2  [x (7,)]");
    CHECK_THROWS_WITH(layer()(xt::xarray<float>(1.0F)), "nn::Conv: x has 0 axes, expected at least 2  [x ()]");
}

// ---- outputs ----

TEST_CASE("door: an output of the right shape keeps its storage, and of another is replaced") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    const Tensor<float, 3> answer = layer()(x);
    Workspace workspace;
    Tensor<float, 3> y({4, 3, 5}, -1.0F);
    const float* const storage = y.data();
    layer().forward_into(x, y, workspace);
    CHECK((y == answer));
    CHECK(y.data() == storage);

    Tensor<float, 3> other({3, 4, 5}, -1.0F);  // as many elements
    layer().forward_into(x, other, workspace);
    CHECK((other == answer));
    Tensor<float, 3> none;
    layer().forward_into(x, none, workspace);
    CHECK((none == answer));

    xt::xtensor<float, 3, xt::layout_type::column_major> column;
    layer().forward_into(x, column, workspace);
    CHECK(values(column) == values(answer));
    column.fill(-1);
    const float* const column_storage = column.data();
    layer().forward_into(x, column, workspace);
    CHECK(values(column) == values(answer));
    CHECK(column.data() == column_storage);

    xt::xarray<float> dynamic;
    layer().forward_into(x, dynamic, workspace);
    CHECK(values(dynamic) == values(answer));
    const float* const dynamic_storage = dynamic.data();
    dynamic.fill(-1);
    layer().forward_into(x, dynamic, workspace);
    CHECK(values(dynamic) == values(answer));
    CHECK(dynamic.data() == dynamic_storage);
    dynamic = xt::xarray<float>(noise<1>({2}));
    layer().forward_into(x, dynamic, workspace);
    CHECK(values(dynamic) == values(answer));
    layer().forward_into(xt::xarray<float>(x), y, workspace);
    CHECK((y == answer));
}

TEST_CASE("door: an output may be a part of a larger tensor, and nothing beside it is written") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    const Tensor<float, 3> answer = layer()(x);
    Workspace workspace;
    Tensor<float, 3> large({4, 8, 10}, -1.0F);
    auto part = xt::view(large, xt::all(), xt::range(1, 7, 2), xt::range(0, 10, 2));
    layer().forward_into(x, part, workspace);
    CHECK(values(part) == values(answer));
    for (std::size_t item = 0; item < 4; ++item) {
        for (std::size_t channel = 0; channel < 8; ++channel) {
            for (std::size_t column = 0; column < 10; ++column) {
                const bool inside = channel % 2 == 1 && channel < 7 && column % 2 == 0;
                CHECK((inside || large(item, channel, column) == -1.0F));
            }
        }
    }
    layer().forward_into(x, xt::view(large, xt::all(), xt::range(5, 8), xt::range(4, 9)), workspace);  // a temporary view
    CHECK(values(xt::view(large, xt::all(), xt::range(5, 8), xt::range(4, 9))) == values(answer));

    Tensor<float, 3> turned({5, 4, 3}, -1.0F);
    auto transposed = xt::transpose(turned, {1, 2, 0});
    layer().forward_into(x, transposed, workspace);
    CHECK(values(transposed) == values(answer));

    Tensor<float, 2> small({8, 8}, -1.0F);  // less than a tile, and transposed
    auto few = xt::view(xt::transpose(small), xt::range(0, 3), xt::range(0, 2));
    const Tensor<float, 2> short_x = noise<2>({2, 4});
    layer().forward_into(short_x, few, workspace);
    CHECK(values(few) == values(layer()(short_x)));
}

TEST_CASE("door: an output may be memory of somebody else") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    const Tensor<float, 3> answer = layer()(x);
    Workspace workspace;
    std::vector<float> memory(60, -1.0F);
    auto adapted = xt::adapt(memory, std::array<std::size_t, 3>{4, 3, 5});
    layer().forward_into(x, adapted, workspace);
    CHECK((adapted == answer));
    memory.assign(60, -1.0F);
    layer().forward_into(x, xt::adapt(memory.data(), memory.size(), xt::no_ownership(), std::array<std::size_t, 3>{4, 3, 5}), workspace);
    CHECK(std::equal(memory.begin(), memory.end(), answer.begin()));
    memory.assign(60, -1.0F);
    View<float, 3> view{memory.data(), {4, 3, 5}, {15, 5, 1}};
    layer().forward_into(x, view, workspace);
    CHECK(std::equal(memory.begin(), memory.end(), answer.begin()));
    memory.assign(60, -1.0F);
    layer().forward_into(x, View<float, 3>{memory.data(), {4, 3, 5}, {15, 5, 1}}, workspace);
    CHECK(std::equal(memory.begin(), memory.end(), answer.begin()));
}

TEST_CASE("door: an output of fixed shape is written when it fits") {
    const Tensor<float, 2> x = noise<2>({2, 7});
    Workspace workspace;
    xt::xtensor_fixed<float, xt::xshape<3, 5>> y;
    layer().forward_into(x, y, workspace);
    CHECK(values(y) == values(layer()(x)));
    y.fill(-1);
    CHECK_THROWS_AS(layer().forward_into(noise<2>({2, 8}), y, workspace), shape_error);
    CHECK(y(2, 4) == -1);
}

TEST_CASE("door: a const nn::View of writable memory is an output") {
    // The view is const, its elements are not.
    const Tensor<float, 2> x = noise<2>({2, 7});
    std::vector<float> memory(15, -1.0F);
    const View<float, 2> view = contiguous(memory.data(), Shape<2>{3, 5});
    Workspace workspace;
    layer().forward_into(x, view, workspace);
    const Tensor<float, 2> answer = layer()(x);
    CHECK(std::equal(memory.begin(), memory.end(), answer.begin()));
}

TEST_CASE("door: a view that owns its tensor is written, not a copy of it") {
    const Tensor<float, 2> x = noise<2>({2, 7});
    Workspace workspace;
    auto owner = xt::view(Tensor<float, 2>({4, 5}, -1.0F), xt::range(1, 4), xt::all());
    layer().forward_into(x, owner, workspace);
    CHECK(values(owner) == values(layer()(x)));
}

TEST_CASE("door: a view of another shape is refused and its memory untouched") {
    const Tensor<float, 3> x = noise<3>({4, 2, 7});
    Workspace workspace;
    std::vector<float> memory(200, -1.0F);
    const auto untouched = [&] { return std::all_of(memory.begin(), memory.end(), [](float element) { return element == -1.0F; }); };
    const char* const text = "nn::Conv: y (4, 3, 4), expected (4, 3, 5)  [x (4, 2, 7)]";
    auto adapted = xt::adapt(memory.data(), 48, xt::no_ownership(), std::array<std::size_t, 3>{4, 3, 4});
    CHECK_THROWS_WITH(layer().forward_into(x, adapted, workspace), text);
    View<float, 3> view{memory.data(), {4, 3, 4}, {12, 4, 1}};
    CHECK_THROWS_WITH(layer().forward_into(x, view, workspace), text);
    auto large = xt::adapt(memory.data(), 120, xt::no_ownership(), std::array<std::size_t, 3>{4, 3, 10});
    auto part = xt::view(large, xt::all(), xt::all(), xt::range(0, 4));
    CHECK_THROWS_WITH(layer().forward_into(x, part, workspace), text);
    View<float, 3> folded{memory.data(), {4, 3, 5}, {0, 5, 1}};
    CHECK_THROWS_WITH(layer().forward_into(x, folded, workspace),
                      "nn::Conv: y has stride 0 along axis 0, so that its elements share memory  [y (4, 3, 5)]");
    std::vector<float> few(1, -1.0F);
    auto too_few_axes = xt::adapt(few, std::vector<std::size_t>{1});
    CHECK_THROWS_WITH(layer().forward_into(x, too_few_axes, workspace), "nn::Conv: y has 1 axis, expected at least 2  [y (1,)]");
    CHECK(untouched());
    CHECK(few[0] == -1.0F);
}

TEST_CASE("door: an output of another rank is refused, since it cannot become the result") {
    // Where both ranks are known it does not compile: tests/rejects.
    const Tensor<float, 5> x = noise<5>({2, 2, 2, 2, 7});
    const xt::xarray<float> dynamic(x);
    Workspace workspace;
    Tensor<float, 2> flat({3, 5}, -1.0F);
    CHECK_THROWS_WITH(layer().forward_into(dynamic, flat, workspace), "nn::Conv: y has 2 axes, expected 5  [x (2, 2, 2, 2, 7)]");
    CHECK((flat == Tensor<float, 2>({3, 5}, -1.0F)));
    Tensor<float, 6> deep({1, 2, 2, 2, 3, 5}, -1.0F);
    CHECK_THROWS_WITH(layer().forward_into(dynamic, deep, workspace), "nn::Conv: y has 6 axes, expected 5  [x (2, 2, 2, 2, 7)]");
    CHECK((deep == Tensor<float, 6>({1, 2, 2, 2, 3, 5}, -1.0F)));
    Tensor<float, 2> empty;
    CHECK_THROWS_AS(layer().forward_into(dynamic, empty, workspace), shape_error);
    std::vector<float> memory(120, -1.0F);
    View<float, 4> view{memory.data(), {4, 2, 3, 5}, {30, 15, 5, 1}};
    CHECK_THROWS_WITH(layer().forward_into(dynamic, view, workspace), "nn::Conv: y has 4 axes, expected 5  [x (2, 2, 2, 2, 7)]");
    auto adapted = xt::adapt(memory, std::vector<std::size_t>{4, 2, 3, 5});
    CHECK_THROWS_WITH(
        layer().forward_into(x, adapted, workspace),
        "nn::Conv: y (4, 2, 3, 5), expected (2, 2, 2, 3, 5)  [x (2, 2, 2, 2, 7)]");
    CHECK(memory[0] == -1.0F);
}

TEST_CASE("door: whatever is thrown, y is as it was") {
    Workspace workspace;
    Tensor<float, 3> y({4, 3, 5}, -1.0F);
    const float* const storage = y.data();
    const auto as_it_was = [&] { return y.data() == storage && y == Tensor<float, 3>({4, 3, 5}, -1.0F); };
    CHECK_THROWS_AS(layer().forward_into(noise<3>({4, 3, 7}), y, workspace), shape_error);
    CHECK(as_it_was());
    Conv1d<float> spoilt = layer();
    spoilt.weight = Tensor<float, 3>({3, 2, 4}, 1.0F);
    CHECK_THROWS_AS(spoilt.forward_into(noise<3>({4, 2, 7}), y, workspace), shape_error);
    CHECK(as_it_was());
    CHECK_THROWS_AS(spoilt.forward_into(noise<3>({4, 2, 8}), y, workspace), shape_error);  // into a new one
    CHECK(as_it_was());
    CHECK_THROWS_AS(layer().forward_into(xt::xarray<float>(noise<1>({7})), y, workspace), shape_error);
    CHECK(as_it_was());
    const Conv1d<float> wide({.in_channels = 2, .out_channels = 3, .kernel_size = 1, .padding = nn::max_length}, no_init);
    CHECK_THROWS_AS(wide.forward_into(noise<3>({4, 2, 7}), y, workspace), shape_error);
    CHECK(as_it_was());

    // In place: a convolution that keeps the shape.
    const Conv1d<float> even({.in_channels = 3, .out_channels = 3, .kernel_size = 3, .padding = 1}, no_init);
    CHECK_THROWS_WITH(even.forward_into(y, y, workspace), "nn::Conv: y overlaps x; give it memory of its own  [y (4, 3, 5), x (4, 3, 5)]");
    CHECK(as_it_was());
    auto later = xt::view(y, xt::range(1, 4), xt::all(), xt::all());
    CHECK_THROWS_AS(even.forward_into(xt::view(y, xt::range(0, 3), xt::all(), xt::all()), later, workspace), shape_error);
    CHECK(as_it_was());
}

TEST_CASE("door: a part of a tensor may become another part of it") {
    Tensor<float, 3> both({2, 3, 5}, 1.0F);
    const Conv1d<float> even({.in_channels = 3, .out_channels = 3, .kernel_size = 1, .use_bias = false}, Tensor<float, 3>({3, 3, 1}, 1.0F));
    Workspace workspace;
    auto first = xt::view(both, xt::range(0, 1), xt::all(), xt::all());
    auto second = xt::view(both, xt::range(1, 2), xt::all(), xt::all());
    even.forward_into(first, second, workspace);
    CHECK(both(0, 2, 4) == 1.0F);
    CHECK(both(1, 2, 4) == 3.0F);
}

// ---- what does not compile ----

template <class X, class Y>
concept forwards = requires(const Conv1d<float>& conv, X&& x, Y&& y, Workspace& workspace) {
    conv.forward_into(std::forward<X>(x), std::forward<Y>(y), workspace);
};
template <class X>
concept calls = std::invocable < const Conv1d<float>
&, X > ;

using Floats = Tensor<float, 3>;
using Lazy = decltype(2.0F * std::declval<const Floats&>());
using Part = decltype(xt::view(std::declval<Floats&>(), xt::all(), xt::all(), xt::all()));
using ConstPart = decltype(xt::view(std::declval<const Floats&>(), xt::all(), xt::all(), xt::all()));
using Picked = decltype(xt::view(std::declval<Floats&>(), xt::all(), xt::keep(1, 0), xt::all()));
using Adapted = decltype(xt::adapt(std::declval<std::vector<float>&>(), std::array<std::size_t, 3>{}));
using ConstAdapted = decltype(xt::adapt(std::declval<const std::vector<float>&>(), std::array<std::size_t, 3>{}));

TEST_CASE("door: only the layer's own scalar type and enough axes compile") {
    static_assert(calls<const Floats&> && calls<Floats> && calls<Lazy> && calls<Part> && calls<Picked> && calls<Adapted>);
    static_assert(calls<View<const float, 2>> && !calls<View<const float, 1>>);
    static_assert(!calls<const Tensor<double, 3>&> && !calls<const Tensor<int, 3>&> && !calls<View<const double, 3>>);
    static_assert(!calls<const Tensor<float, 1>&> && calls<const Tensor<float, 2>&>);
    static_assert(!calls<decltype(2.0 * std::declval<const Floats&>())> && !calls<float> && !calls<std::vector<float>> &&
                  !calls<const float*>);
    static_assert(calls<const xt::xarray<float>&> && !calls<const xt::xarray<double>&>);
    SUCCEED();
}

TEST_CASE("door: forward_into takes no lazy expression and no output that cannot be written") {
    static_assert(forwards<const Floats&, Floats&>);
    CHECK_FALSE(forwards<Lazy, Floats&>);
    CHECK_FALSE(forwards<Picked, Floats&>);
    static_assert(forwards<Part, Floats&> && forwards<const Part&, Floats&> && forwards<ConstPart, Floats&>);
    static_assert(forwards<const Floats&, Part&> && forwards<const Floats&, Part>);
    static_assert(!forwards<const Floats&, const Floats&>);
    static_assert(!forwards<const Floats&, ConstPart&> && !forwards<const Floats&, const Part&>);
    static_assert(!forwards<const Floats&, Lazy> && !forwards<const Floats&, Picked&>);
    static_assert(forwards<const Floats&, Adapted&> && !forwards<const Floats&, const Adapted&> && forwards<const ConstAdapted&, Floats&>);
    static_assert(forwards<const Floats&, View<float, 3>&> && forwards<const Floats&, View<float, 3>>);
    static_assert(!forwards<const Floats&, View<const float, 3>&>);
    static_assert(!forwards<const Floats&, Tensor<double, 3>&> && !forwards<const Floats&, Tensor<float, 1>&>);
    static_assert(!forwards<const Tensor<double, 3>&, Floats&>);
    static_assert(forwards<const xt::xarray<float>&, xt::xarray<float>&>);
}

}  // namespace
