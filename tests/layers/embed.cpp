// SPDX-License-Identifier: MIT
#include <nn/layers/embed.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/naive.hpp"
#include "support/operands.hpp"
#include "support/stateless.hpp"

namespace {

using nn::Embed;
using nn::EmbedOptions;
using nn::index_t;
using nn::OutOfRange;
using nn::Shape;
using nn::shape_error;
using nn::Tensor;
using nn::Workspace;
using nn::test::Arrangement;
using nn::test::Attend;
using nn::test::error_of;
using nn::test::Extents;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::shape_of;
using nn::test::Strided;
using nn::test::values_of;

/// Row v of the table is v, v + ¼.
Embed<float> numbered(index_t rows, OutOfRange out_of_range = OutOfRange::error) {
    auto table = nn::make_tensor<float, 2>({rows, 2});
    for (index_t v = 0; v < rows; ++v) {
        table(v, 0) = static_cast<float>(v);
        table(v, 1) = static_cast<float>(v) + .25F;
    }
    return {{.num_embeddings = rows, .embedding_size = 2, .out_of_range = out_of_range}, table};
}

/// Indices 0 … V − 1.
template <class I, std::size_t R>
Tensor<I, R> random_indices(Random& random, const Shape<R>& shape, index_t rows) {
    auto indices = nn::make_tensor<I, R>(shape);
    for (I& index : indices) {
        index = static_cast<I>(random.integer(0, rows - 1));
    }
    return indices;
}

}  // namespace

// ---- golden ----

TEST_CASE("embed: the tests of blox and equinox") {
    // semantics.md 10: blox: (4,) -> (4, 32), (2, 3) -> (2, 3, 16); attend (4, 32) -> (4, 100) equals x · tableᵀ. equinox: of
    // linspace(.1, 10, 100) as a table (10, 10), index −1 is the last row, 9.1 … 10, in jax.
    std::mt19937 rng(251);
    const Embed<float> wide({.num_embeddings = 100, .embedding_size = 32}, rng);
    CHECK(shape_of(wide(Tensor<int, 1>{0, 5, 99, 5})) == Extents{4, 32});
    CHECK(shape_of(Embed<float>({.num_embeddings = 7, .embedding_size = 16}, rng)(Tensor<int, 2>({2, 3}, 1))) == Extents{2, 3, 16});
    CHECK(shape_of(wide.attend(Tensor<float, 2>({4, 32}, 1.0F))) == Extents{4, 100});

    auto table = nn::make_tensor<double, 2>({10, 10});
    for (std::size_t i = 0; i < 100; ++i) {
        table.data()[i] = .1 + .1 * static_cast<double>(i);
    }
    const Embed<double> embed({.num_embeddings = 10, .embedding_size = 10, .out_of_range = OutOfRange::jax}, table);
    CHECK(nn::test::close(embed(Tensor<int, 0>(-1)), {9.1, 9.2, 9.3, 9.4, 9.5, 9.6, 9.7, 9.8, 9.9, 10}, 1e-15));
}

TEST_CASE("embed: attend by hand") {
    const Embed<double> embed({.num_embeddings = 3, .embedding_size = 2}, Tensor<double, 2>{{1, 2}, {-3, 4}, {0, .5}});
    CHECK(values_of(embed.attend(Tensor<double, 2>{{1, 1}, {2, -1}})) == std::vector<double>{3, 1, .5, 0, -10, -.5});
    CHECK(values_of(embed.attend(Tensor<double, 1>{0, 8})) == std::vector<double>{16, 32, 4});
}

// ---- the indices ----

namespace {

/// The rows that indices of type I pick out of five.
template <class I>
std::vector<int> rows_of(const std::vector<I>& indices, OutOfRange out_of_range = OutOfRange::jax) {
    const auto x = nn::contiguous(indices.data(), Shape<1>{static_cast<index_t>(indices.size())});
    const auto y = numbered(5, out_of_range)(x);
    std::vector<int> rows;
    for (std::size_t i = 0; i < indices.size(); ++i) {
        CHECK(y(i, 1) == y(i, 0) + .25F);
        rows.push_back(static_cast<int>(y(i, 0)));
    }
    return rows;
}

template <class I>
void check_in_range() {
    CHECK(rows_of<I>({0, 4, 2, 2, 1}, OutOfRange::error) == std::vector<int>{0, 4, 2, 2, 1});
    CHECK(rows_of<I>({0, 4, 2, 2, 1}, OutOfRange::jax) == std::vector<int>{0, 4, 2, 2, 1});
}

}  // namespace

TEST_CASE("embed: rows in range, of every integer type") {
    check_in_range<std::int8_t>();
    check_in_range<std::uint8_t>();
    check_in_range<char>();
    check_in_range<std::int16_t>();
    check_in_range<std::uint16_t>();
    check_in_range<std::int32_t>();
    check_in_range<std::uint32_t>();
    check_in_range<std::int64_t>();
    check_in_range<std::uint64_t>();
    check_in_range<long long>();
    check_in_range<unsigned long long>();
}

TEST_CASE("embed: outside the table what jax takes") {
    // jax 0.10.2: jnp.arange(5.)[i] for i of these types and values.
    CHECK(rows_of<std::int8_t>({-1, -5, -6, -100, 5, 100}) == std::vector<int>{4, 0, 0, 0, 4, 4});
    CHECK(rows_of<std::int8_t>({-128, 127}) == std::vector<int>{0, 4});
    CHECK(rows_of<std::int32_t>({-1, -2, -5, -6, -100, 4, 5, 100}) == std::vector<int>{4, 3, 0, 0, 0, 4, 4, 4});
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    CHECK(rows_of<std::int64_t>({-1, -5, -6, least, most, 5}) == std::vector<int>{4, 0, 0, 0, 4, 4});
    constexpr auto bits = std::int64_t{1} << 32;  // where an index_t has no more
    CHECK(rows_of<std::int64_t>({-bits - 1, -bits, bits, bits + 1}) == std::vector<int>{0, 0, 4, 4});
    CHECK(rows_of<std::uint8_t>({5, 100, 255}) == std::vector<int>{4, 4, 4});
    constexpr std::uint64_t past = std::uint64_t{1} << 63;
    CHECK(rows_of<std::uint64_t>({5, past - 1, past, past + 1, std::numeric_limits<std::uint64_t>::max()}) ==
          std::vector<int>{4, 4, 4, 4, 4});
}

TEST_CASE("embed: an int8 counts from the end of a table longer than it can say") {
    // Here jax 0.10.2 errs: it adds 200 to the index in int8, so that −1 is row 0 and −128 row 72.
    const auto y = numbered(200, OutOfRange::jax)(Tensor<std::int8_t, 1>{-1, -128, 127});
    CHECK(y(0, 0) == 199);
    CHECK(y(1, 0) == 72);
    CHECK(y(2, 0) == 127);
}

TEST_CASE("embed: an index outside the table is refused by its number and its place, nothing is written") {
    const auto embed = numbered(5);
    std::vector<float> memory(12, -7.0F);
    Workspace workspace;
    const auto said = [&]<class I>(const Tensor<I, 2>& x) {
        const std::string call = error_of<std::out_of_range>([&] { (void)embed(x); });
        const nn::View<float, 3> y = nn::contiguous(memory.data(), Shape<3>{2, 3, 2});
        const std::string text = error_of<std::out_of_range>([&] { embed.forward_into(x, y, workspace); });
        CHECK(call == text);
        CHECK(memory == std::vector<float>(12, -7.0F));
        return text;
    };
    const std::string where = ", expected 0 … 4  [x (2, 3), table (5, 2)]";
    CHECK(said(Tensor<int, 2>{{0, 1, 2}, {3, 4, 5}}) == "nn::Embed: index 5 at position 5, expected 0 … 4  [x (2, 3), table (5, 2)]");
    CHECK(said(Tensor<int, 2>{{0, 1, -1}, {3, 9, 0}}) == "nn::Embed: index -1 at position 2" + where);
    CHECK(said(Tensor<std::int8_t, 2>{{0, 1, 2}, {-128, 127, 0}}) == "nn::Embed: index -128 at position 3" + where);
    CHECK(said(Tensor<char, 2>{{0, 1, 2}, {3, 'A', 0}}) == "nn::Embed: index 65 at position 4" + where);
    CHECK(said(Tensor<std::uint8_t, 2>{{255, 1, 2}, {3, 0, 0}}) == "nn::Embed: index 255 at position 0" + where);
    CHECK(said(Tensor<std::int64_t, 2>{{0, std::numeric_limits<std::int64_t>::min(), 2}, {3, 0, 0}}) ==
          "nn::Embed: index -9223372036854775808 at position 1" + where);
    CHECK(said(Tensor<std::uint64_t, 2>{{0, 0, std::uint64_t{1} << 63}, {3, 0, 0}}) ==
          "nn::Embed: index 9223372036854775808 at position 2" + where);
    CHECK(said(Tensor<std::uint64_t, 2>{{std::numeric_limits<std::uint64_t>::max(), 0, 0}, {3, 0, 0}}) ==
          "nn::Embed: index 18446744073709551615 at position 0" + where);
    Tensor<float, 3> y({2, 3, 2}, -7.0F);
    CHECK(!error_of<std::out_of_range>([&] { embed.forward_into(Tensor<int, 2>{{0, 1, 2}, {3, 4, 5}}, y, workspace); }).empty());
    CHECK(identical(y, Tensor<float, 3>({2, 3, 2}, -7.0F)));
}

// ---- against the definition ----

TEST_CASE("embed: any table and indices, wherever their elements lie") {
    Random random(252);
    for (int i = 0; i < 60; ++i) {
        const index_t rows = random.integer(1, 12);
        const index_t size = random.integer(1, 9);
        const auto table = random_tensor<double, 2>(random, {rows, size});
        const Embed<double> embed({.num_embeddings = rows, .embedding_size = size}, table);
        const Extents shape{random.integer(1, 4), random.integer(1, 5)};
        std::vector<std::int16_t> memory(static_cast<std::size_t>(nn::test::count_of(shape)));
        for (std::int16_t& index : memory) {
            index = static_cast<std::int16_t>(random.integer(0, rows - 1));
        }
        const nn::View<const std::int16_t, 2> backwards{&memory.back(), nn::test::fixed<2>(shape), {-shape[1], -1}};
        Strided<double> y(nn::test::joined(shape, {size}), Arrangement::any(random, 3, false));
        Workspace workspace;
        embed.forward_into(backwards, y.view<3>(), workspace);
        CHECK(y.intact());
        bool same = true;
        nn::test::for_each_index(y.shape(), [&](const Extents& at) { same = same && y.at(at) == table(backwards(at[0], at[1]), at[2]); });
        CHECK(same);
    }
}

TEST_CASE("embed: attend is x · tableᵀ within the bound of a sum") {
    Random random(253);
    for (int i = 0; i < 40; ++i) {
        const index_t rows = random.integer(1, 40);
        const index_t size = random.integer(1, 30);
        const index_t batch = random.integer(1, 6);
        const auto table = random_tensor<float, 2>(random, {rows, size});
        const Embed<float> embed({.num_embeddings = rows, .embedding_size = size}, table);
        Strided<float> x({batch, size}, Arrangement::any(random, 2, true));
        x.fill(random);
        Strided<float> y({batch, rows}, Arrangement::any(random, 2, false));
        Workspace workspace;
        embed.attend_into(std::as_const(x).view<2>(), y.view<2>(), workspace);
        CHECK(y.intact());
        std::size_t outside = 0;
        nn::test::for_each_index(y.shape(), [&](const Extents& at) {
            long double sum = 0;
            long double magnitude = 0;
            for (index_t d = 0; d < size; ++d) {
                const long double product = static_cast<long double>(x.at({at[0], d})) * table(at[1], d);
                sum += product;
                magnitude += std::abs(product);
            }
            outside += std::abs(y.at(at) - sum) <= nn::test::sum_bound<float>(size) * magnitude ? 0 : 1;
        });
        CAPTURE(rows, size, batch);
        CHECK(outside == 0);
    }
}

TEST_CASE("embed: attending to a row of an orthonormal table finds it") {
    const Embed<float> embed({.num_embeddings = 3, .embedding_size = 3}, Tensor<float, 2>{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}});
    CHECK(values_of(embed.attend(embed(Tensor<int, 1>{2, 0}))) == std::vector<float>{0, 0, 1, 1, 0, 0});
}

// ---- operands and batch ----

TEST_CASE("embed: every kind of operand gives the same rows, and items do not see each other") {
    Random random(254);
    const auto embed = numbered(9);
    nn::test::check_operands(random, embed, random_indices<int, 1>(random, {7}, 9));
    nn::test::check_operands(random, embed, random_indices<std::uint64_t, 3>(random, {2, 3, 4}, 9));
    nn::test::check_operands(random, embed, random_indices<std::int8_t, 2>(random, {4, 5}, 9));
    nn::test::check_items(embed, random_indices<std::uint16_t, 2>(random, {6, 4}, 9));
    CHECK(values_of(embed(Tensor<int, 0>(3))) == std::vector<float>{3, 3.25F});
    const Embed<float> wide({.num_embeddings = 20, .embedding_size = 7}, random_tensor<float, 2>(random, {20, 7}));
    nn::test::check_operands(random, Attend<Embed<float>>{wide}, random_tensor<float, 3>(random, {2, 3, 7}));
}

// ---- edges ----

TEST_CASE("embed: no indices, one row, one column") {
    const auto embed = numbered(5);
    CHECK(shape_of(embed(Tensor<int, 2>({0, 3}))) == Extents{0, 3, 2});
    CHECK(shape_of(embed(Tensor<int, 2>({3, 0}))) == Extents{3, 0, 2});
    CHECK(shape_of(embed.attend(Tensor<float, 3>({0, 3, 2}))) == Extents{0, 3, 5});
    CHECK(values_of(numbered(1)(Tensor<int, 2>{{0, 0}})) == std::vector<float>{0, .25F, 0, .25F});
    CHECK(embed.output_shape(Shape<2>{4, 7}) == Shape<3>{4, 7, 2});
    CHECK(embed.output_shape(Shape<0>{}) == Shape<1>{2});
}

// ---- drawing ----

TEST_CASE("embed: the table is drawn as the options say, by the seed") {
    std::mt19937 rng(5);
    std::mt19937 same(5);
    const EmbedOptions options{.num_embeddings = 100, .embedding_size = 50};
    const Embed<double> embed(options, rng);
    CHECK(identical(embed.weight, Embed<double>(options, same).weight));
    double square = 0;
    for (const double w : embed.weight) {
        square += w * w / 5000;
    }
    CHECK(std::abs(square - 1) < 5 * std::sqrt(2.0 / 5000));  // the mean of 5000 squares of N(0, 1), five deviations
    CHECK(shape_of(Embed<float>(options, nn::no_init).weight) == Extents{100, 50});
    const Embed<float> constant({.num_embeddings = 2, .embedding_size = 3, .weight_init = nn::init::constant(4)}, rng);
    CHECK(values_of(constant.weight) == std::vector<float>(6, 4.0F));
}

// ---- errors ----

TEST_CASE("embed: what is wrong is said when the layer is made") {
    std::mt19937 rng(1);
    const auto made = [&](const EmbedOptions& options) { return error_of<std::invalid_argument>([&] { Embed<float>(options, rng); }); };
    CHECK(made({.embedding_size = 3}) == "nn::Embed: num_embeddings 0, expected at least 1");
    CHECK(made({.num_embeddings = -2, .embedding_size = 3}) == "nn::Embed: num_embeddings -2, expected at least 1");
    CHECK(made({.num_embeddings = 3}) == "nn::Embed: embedding_size 0, expected at least 1");
    CHECK(made({.num_embeddings = index_t{1} << 40, .embedding_size = index_t{1} << 40}) ==
          "nn::Embed: an array of shape (1099511627776, 1099511627776) is more than any memory holds");
    CHECK(error_of<shape_error>([] {
              Embed<float>({.num_embeddings = 3, .embedding_size = 2}, Tensor<float, 2>({2, 3}, 0.0F));
          }) == "nn::Embed: weight (2, 3), expected (3, 2) = (num_embeddings, embedding_size)");
    CHECK(error_of<std::invalid_argument>([] {
              Embed<float>({.num_embeddings = 3}, Tensor<float, 2>({3, 0}, 0.0F));
          }) == "nn::Embed: embedding_size 0, expected at least 1");
}

TEST_CASE("embed: what is wrong is said when it is called, and y is as it was") {
    Random random(255);
    const auto embed = numbered(5);
    const Tensor<int, 1> x{1, 2, 3};
    const auto kept = random_tensor<float, 2>(random, {3, 2});
    Tensor<float, 2> y = kept;
    Workspace workspace;
    const auto said = [&](const Embed<float>& layer, const auto& indices, auto&& output) {
        return error_of<shape_error>([&] { layer.forward_into(indices, output, workspace); });
    };
    CHECK(said(embed, x, nn::contiguous(y.data(), Shape<2>{2, 3})) ==
          "nn::Embed: y (2, 3), expected (3, 2)  [x (3,)]");
    CHECK(said(embed, x, nn::View<float, 2>{y.data(), {3, 2}, {0, 1}}) ==
          "nn::Embed: y has stride 0 along axis 0, so that its elements share memory  [y (3, 2)]");
    Embed<float> spoilt = embed;
    spoilt.weight = Tensor<float, 2>({2, 5}, 0.0F);
    const std::string text = "weight (2, 5), expected (5, 2) = (num_embeddings, embedding_size)";
    CHECK(said(spoilt, x, y) == "nn::Embed: " + text);
    CHECK(said(spoilt, x, nn::view_of(y)) == "nn::Embed: " + text);
    CHECK(error_of<shape_error>([&] { (void)spoilt.output_shape(Shape<1>{3}); }) == "nn::Embed: " + text);
    CHECK(error_of<shape_error>([&] { (void)spoilt.attend(Tensor<float, 1>{1, 2}); }) == "nn::Embed::attend: " + text);
    CHECK(identical(y, kept));

    // In the table's memory, in the indices', and beside both.
    Embed<float> own = embed;
    const std::vector<float> table = values_of(own.weight);
    CHECK(said(own, x, nn::View<float, 2>{own.weight.data() + 2, {3, 2}, {2, 1}}) ==
          "nn::Embed: y overlaps the table; give it memory of its own  [y (3, 2), the table (5, 2)]");
    CHECK(values_of(own.weight) == table);
    std::vector<float> both(9, 0.0F);
    const auto* const indices = static_cast<const std::int32_t*>(static_cast<const void*>(both.data() + 5));
    CHECK(said(embed, nn::contiguous(indices, Shape<1>{3}), nn::contiguous(both.data(), Shape<2>{3, 2})) ==
          "nn::Embed: y overlaps the indices; give it memory of its own  [y (3, 2), the indices (3,)]");
    CHECK(both == std::vector<float>(9, 0.0F));
}

TEST_CASE("embed: what is wrong is said by attend, and y is as it was") {
    Random random(256);
    const auto embed = numbered(5);
    const auto kept = random_tensor<float, 2>(random, {3, 5});
    Tensor<float, 2> y = kept;
    Workspace workspace;
    const auto said = [&](const auto& x, auto&& output) { return error_of<shape_error>([&] { embed.attend_into(x, output, workspace); }); };
    CHECK(said(Tensor<float, 2>({3, 4}, 1.0F), y) ==
          "nn::Embed::attend: x has 4 features, expected 2 = weight.shape[1]  [x (3, 4), weight (5, 2)]");
    const Tensor<float, 2> x({3, 2}, 1.0F);
    CHECK(said(x, nn::contiguous(y.data(), Shape<2>{5, 3})) ==
          "nn::Embed::attend: y (5, 3), expected (3, 5)  [x (3, 2)]");
    CHECK(said(x, nn::View<float, 2>{y.data(), {3, 5}, {5, 0}}) ==
          "nn::Embed::attend: y has stride 0 along axis 1, so that its elements share memory  [y (3, 5)]");
    CHECK(said(nn::View<const float, 2>{y.data(), {3, 2}, {5, 1}}, y) ==
          "nn::Embed::attend: y overlaps x; give it memory of its own  [y (3, 5), x (3, 2)]");
    CHECK(identical(y, kept));
    CHECK(error_of<shape_error>([&] { embed.attend(xt::xarray<float>(1.0F)); }) ==
          "nn::Embed::attend: x has 0 axes, expected at least 1  [x ()]");
}

// ---- types ----

TEST_CASE("embed: takes indices of any integer type but bool, and no other") {
    using nn::test::callable;
    using nn::test::forwards;
    using L = Embed<float>;
    static_assert(std::copyable<L> && !std::default_initializable<L> && !L::carries);
    static_assert(callable<L, const Tensor<int, 2>&> && callable<L, const Tensor<std::uint8_t, 0>&> &&
                  callable<L, const xt::xarray<long>&>);
    static_assert(!callable<L, const Tensor<bool, 2>&> && !callable<L, const Tensor<float, 2>&> && !callable<L, int>);
    static_assert(forwards<L, const Tensor<int, 2>&, Tensor<float, 3>&> && !forwards<L, const Tensor<int, 2>&, Tensor<double, 3>&>);
    static_assert(!forwards<L, const Tensor<float, 2>&, Tensor<float, 3>&> && !forwards<L, const Tensor<bool, 2>&, Tensor<float, 3>&>);
    static_assert(std::same_as<decltype(std::declval<const L&>()(std::declval<const Tensor<int, 2>&>())), Tensor<float, 3>>);
    static_assert(callable<Attend<Embed<float>>, const Tensor<float, 2>&>);
    SUCCEED();
}
