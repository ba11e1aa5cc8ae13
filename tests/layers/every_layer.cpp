// SPDX-License-Identifier: MIT
// What holds for every layer alike, of every scalar type: each row of support/layers.hpp goes through these checks.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/layers.hpp"
#include "support/stateless.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace {

using nn::Shape;
using nn::Tensor;
using nn::test::Arrangement;
using nn::test::Attend;
using nn::test::draw;
using nn::test::drawn;
using nn::test::Extents;
using nn::test::for_each_layer;
using nn::test::Free;
using nn::test::identical;
using nn::test::Input;
using nn::test::Random;
using nn::test::same_bits;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

}  // namespace

// ---- scalar types ----

namespace {

struct Answer {
    std::string name;
    Extents shape;
    std::vector<long double> values;
};

/// What every layer makes of an x of 23 bits.
template <class T>
std::vector<Answer> answers() {
    std::vector<Answer> all;
    Random random(901);
    for_each_layer<T>([&](std::string_view name, const auto& layer, const auto& shape, const Free&) {
        const auto x = drawn<Input<std::remove_cvref_t<decltype(layer)>, T>>(random, shape);
        const auto y = layer(x);
        static_assert(std::is_same_v<nn::element_of<std::remove_const_t<decltype(y)>>, T>);
        const auto values = values_of(y);
        all.push_back({std::string(name), shape_of(y), {values.begin(), values.end()}});
    });
    return all;
}

/// Whether answers reckoned in T are those reckoned in a wider type. Rows are small: sums of at most 50 products of numbers below 1, a
/// dozen steps, deviations of 1/16 and more. 1024 roundings are more than they can add up to; a step in a narrower type leaves far more.
/// Gives the rows where T rounds nothing.
template <class T>
std::vector<bool> compare(const std::vector<Answer>& in_t, const std::vector<Answer>& wider) {
    std::vector<bool> all_exact;
    REQUIRE(in_t.size() == wider.size());
    for (std::size_t row = 0; row < wider.size(); ++row) {
        CAPTURE(row, wider[row].name);
        CHECK(in_t[row].shape == wider[row].shape);
        REQUIRE(in_t[row].values.size() == wider[row].values.size());
        bool exact = true;
        for (std::size_t i = 0; i < wider[row].values.size(); ++i) {
            const long double expected = wider[row].values[i];
            CHECK(std::abs(in_t[row].values[i] - expected) <= 1024 * std::numeric_limits<T>::epsilon() * (1 + std::abs(expected)));
            exact = exact && in_t[row].values[i] == expected;
        }
        all_exact.push_back(exact);
    }
    return all_exact;
}

}  // namespace

TEST_CASE("every layer: float, double and long double are each reckoned in their own precision") {
    const auto single = answers<float>();
    const auto twice = answers<double>();
    const auto most = answers<long double>();
    const auto exact_in_float = compare<float>(single, twice);
    const auto exact_in_double = compare<double>(twice, most);
    const volatile long double one = 1;
    if (one + std::numeric_limits<long double>::epsilon() == one ||
        std::numeric_limits<long double>::digits == std::numeric_limits<double>::digits) {
        return;  // no wider type: 32-bit Arm, valgrind
    }
    // Where long double brings nothing, it was not reckoned in; but a sum of a few products of numbers of 23 bits is exact in double.
    for (std::size_t row = 0; row < most.size(); ++row) {
        const std::string& name = most[row].name;
        const bool products = (name.starts_with("C") && !name.starts_with("ConvNorm")) || name == "Linear" || name == "Embed::attend" ||
                              name == "Residual with a shortcut";
        CAPTURE(row, name);
        CHECK((exact_in_float[row] || products || !exact_in_double[row]));
    }
}

// ---- memory ----

namespace {

/// That y is the same to the bit however the elements of x and of y lie in memory, that nothing beside y is written, that extents of 1 may
/// have any stride, and that read-only memory is read.
template <class T, class L, std::size_t R>
void check_arrangements(Random& random, const L& layer, const Shape<R>& shape, const Free& free) {
    using E = Input<L, T>;
    nn::Workspace workspace;
    const auto check = [&](const nn::View<const E, R>& from, const Tensor<E, R>& x) {
        const auto y = layer(x);
        CHECK(identical(layer(from), y));
        constexpr std::size_t out = nn::rank_of<decltype(y)>;
        Strided<T> to(shape_of(y), Arrangement::any(random, out, false));
        layer.forward_into(from, to.template view<out>(), workspace);
        CHECK(same_bits(to.values(), values_of(y)));
        CHECK(to.intact());
    };
    const Extents extents(shape.begin(), shape.end());
    for (int i = 0; i < 8; ++i) {
        Strided<E> from(extents, Arrangement::any(random, R, true));
        nn::test::for_each_index(extents, [&](const Extents& index) { from.at(index) = draw<E>(random); });
        CAPTURE(from.shape(), from.strides());
        check(std::as_const(from).template view<R>(), nn::test::tensor_of_values(shape, from.values()));
    }
    const auto with_ones = [&](const Free& axes) {
        Shape<R> one = shape;
        for (const std::size_t axis : axes) {
            one[axis] = 1;
        }
        const Tensor<E, R> x = drawn<E>(random, one);
        nn::View<const E, R> odd = nn::view_of(x);
        for (const std::size_t axis : axes) {
            odd.strides[axis] = axis % 2 == 0 ? -1'000'003 : 1'000'003;
        }
        CAPTURE(one);
        check(odd, x);
        const auto read_only = xt::adapt(static_cast<const E*>(x.data()), x.size(), xt::no_ownership(), x.shape());
        CHECK(identical(layer(read_only), layer(x)));
    };
    with_ones(free);
    for (const std::size_t axis : free) {
        with_ones({axis});
    }
}

template <class T>
void check_memory() {
    Random random(902);
    for_each_layer<T>([&](std::string_view name, const auto& layer, const auto& shape, const Free& free) {
        CAPTURE(name, shape);
        check_arrangements<T>(random, layer, shape, free);
    });
}

}  // namespace

TEST_CASE("every layer of floats: elements may lie in memory in any way") { check_memory<float>(); }
TEST_CASE("every layer of doubles: elements may lie in memory in any way") { check_memory<double>(); }

// ---- shapes ----

namespace {

/// That output_shape is the shape of y, for x as it is, and with any one or two of its free axes empty; and that y is then empty too where
/// the batch is.
template <class T, class L, std::size_t R>
void check_shapes(Random& random, const L& layer, const Shape<R>& shape, const Free& free) {
    nn::Workspace workspace;
    const auto check = [&](const Shape<R>& extents) {
        CAPTURE(extents);
        const auto x = drawn<Input<L, T>>(random, extents);
        const auto y = layer(x);
        if constexpr (!std::is_same_v<L, Attend<nn::Embed<T>>>) {  // attend has none
            CHECK(nn::extents_of(y) == layer.output_shape(extents));
        }
        std::remove_const_t<decltype(y)> into;
        layer.forward_into(x, into, workspace);
        CHECK(identical(into, y));
        return y.size();
    };
    CHECK(check(shape) > 0);
    for (const std::size_t a : free) {
        for (const std::size_t b : free) {
            Shape<R> empty = shape;
            empty[a] = empty[b] = 0;
            const std::size_t size = check(empty);
            if (std::min(a, b) == 0) {
                CHECK(size == 0);
            }
        }
    }
}

}  // namespace

TEST_CASE("every layer: output_shape is the shape of y, of empty batches and empty axes too") {
    Random random(903);
    for_each_layer<float>([&](std::string_view name, const auto& layer, const auto& shape, const Free& free) {
        CAPTURE(name, shape);
        check_shapes<float>(random, layer, shape, free);
    });
}
