// SPDX-License-Identifier: MIT
// What convert.cpp, which compares with other libraries, leaves open: which arrays the conversions take and which they refuse.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include <nn/io/convert.hpp>
#include <nn/tensor.hpp>

#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/strided.hpp"
#include "support/tensors.hpp"

namespace {

using nn::NamedArrays;
using nn::Tensor;
using nn::test::identical;
using nn::test::Random;
using nn::test::random_tensor;
using nn::test::Strided;

std::string error_of(const auto& f) { return nn::test::error_of<std::invalid_argument>(f); }

using Dynamic = xt::xarray<float, xt::layout_type::row_major>;

template <std::size_t R>
Dynamic dynamic(const Tensor<float, R>& x) {
    return Dynamic(x);
}

/// That a conversion makes the same of a tensor, of views of any strides, of an array of unknown rank and of an expression.
template <std::size_t R, class Convert>
void check_operands(Random& random, const nn::Shape<R>& shape, const Convert& convert) {
    const auto x = random_tensor<float, R>(random, shape);
    const auto y = convert(x);
    STATIC_REQUIRE(std::is_same_v<decltype(convert(dynamic(x))), Dynamic>);
    CHECK(identical(convert(dynamic(x)), y));
    CHECK(identical(convert(xt::view(x, xt::all())), y));
    CHECK(identical(convert(x * 1.0F), y));
    for (int i = 0; i < 4; ++i) {
        const Strided<float> memory(nn::test::shape_of(x), nn::test::values_of(x), nn::test::Arrangement::any(random, R, false));
        CHECK(identical(convert(memory.template view<R>()), y));
    }
}

}  // namespace

TEST_CASE("conversions: an element is found where the axes say") {
    // Each is a formula of one element; (K…, C, O) and so on as the header says.
    Random random(1);
    const auto hwio = random_tensor<float, 4>(random, {2, 3, 4, 5});
    const auto oihw = nn::from_hwio(hwio);
    const auto oihw_transposed = nn::from_lax_transposed(hwio);
    const auto dense = random_tensor<float, 2>(random, {4, 5});
    const auto torch = random_tensor<float, 4>(random, {6, 2, 2, 3});  // 3 groups: (C, O/G, K…), C/G 2, O/G 2
    const auto ours = nn::from_torch_transposed(torch, 3);
    CHECK(nn::extents_of(oihw) == nn::Shape<4>{5, 4, 2, 3});
    CHECK(nn::extents_of(oihw_transposed) == nn::Shape<4>{4, 5, 2, 3});
    CHECK(nn::extents_of(ours) == nn::Shape<4>{6, 2, 2, 3});
    CHECK(nn::extents_of(nn::from_torch_transposed(random_tensor<float, 3>(random, {6, 5, 4}), 2)) == nn::Shape<3>{10, 3, 4});
    for (std::size_t i = 0; i < 2; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
            for (std::size_t c = 0; c < 4; ++c) {
                for (std::size_t o = 0; o < 5; ++o) {
                    CHECK(oihw(o, c, i, j) == hwio(i, j, c, o));
                    CHECK(oihw_transposed(c, o, i, j) == hwio(i, j, c, o));
                    CHECK(nn::from_in_out(dense)(o, c) == dense(c, o));
                }
            }
            for (std::size_t o = 0; o < 6; ++o) {
                for (std::size_t c = 0; c < 2; ++c) {
                    CHECK(ours(o, c, i, j) == torch(o / 2 * 2 + c, o % 2, 1 - i, 2 - j));
                }
            }
        }
    }
}

TEST_CASE("conversions: any array is taken, of any strides and of a rank known or not") {
    Random random(2);
    for (const nn::index_t groups : {1, 2}) {
        check_operands<4>(random, {4, 3, 2, 5}, [groups](const auto& x) { return nn::from_torch_transposed(x, groups); });
        check_operands<3>(random, {4, 0, 5}, [groups](const auto& x) { return nn::from_torch_transposed(x, groups); });
    }
    check_operands<5>(random, {2, 3, 1, 4, 5}, nn::from_hwio);
    check_operands<2>(random, {4, 5}, nn::from_hwio);
    check_operands<3>(random, {3, 0, 5}, nn::from_hwio);
    check_operands<4>(random, {2, 3, 4, 5}, nn::from_lax_transposed);
    check_operands<2>(random, {4, 5}, nn::from_in_out);
    const auto bias = random_tensor<float, 3>(random, {1, 7, 1});
    STATIC_REQUIRE(std::is_same_v<decltype(nn::flattened(bias)), Tensor<float, 1>>);
    CHECK(nn::test::same_bits(nn::test::values_of(nn::flattened(bias)), nn::test::values_of(bias)));
    CHECK(nn::test::shape_of(nn::flattened(dynamic(bias))) == nn::test::Extents{7});
    CHECK(nn::flattened(Tensor<float, 0>(3.0F))(0) == 3);
    CHECK(nn::flattened(random_tensor<float, 2>(random, {1, 0})).size() == 0);
}

TEST_CASE("conversions: a kernel of another rank is refused") {
    CHECK(error_of([] { (void)nn::from_hwio(Dynamic(Dynamic::shape_type{3})); }) ==
          "nn::from_hwio: kernel (3,) has 1 axis, expected at least 2");
    CHECK(error_of([] { (void)nn::from_lax_transposed(Dynamic(Dynamic::shape_type{3})); }) ==
          "nn::from_lax_transposed: kernel (3,) has 1 axis, expected at least 2");
    CHECK(error_of([] {
              (void)nn::from_in_out(Dynamic(Dynamic::shape_type{3, 4, 5}));
          }) == "nn::from_in_out: kernel (3, 4, 5) has 3 axes, expected 2 = (in, out)");
    CHECK(error_of([] { (void)nn::from_torch_transposed(Dynamic(Dynamic::shape_type{3})); }) ==
          "nn::from_torch_transposed: weight (3,) has 1 axis, expected at least 2");
    const Tensor<float, 3> weight(std::array<std::size_t, 3>{6, 2, 3});
    CHECK(error_of([&] { (void)nn::from_torch_transposed(weight, 4); }) ==
          "nn::from_torch_transposed: groups 4, expected a divisor of 6 input channels  [weight (6, 2, 3)]");
    CHECK(error_of([&] { (void)nn::from_torch_transposed(weight, 0); }) ==
          "nn::from_torch_transposed: groups 0, expected a divisor of 6 input channels  [weight (6, 2, 3)]");
    CHECK(error_of([&] { (void)nn::flattened(weight); }) == "nn::flattened: x (6, 2, 3), expected at most one axis longer than 1");
}

TEST_CASE("conversions: recurrent arrays that do not belong together are refused") {
    const auto matrix = [](std::size_t rows, std::size_t columns) {
        return Tensor<float, 2>(std::array<std::size_t, 2>{rows, columns}, 0.0F);
    };
    const auto vector = [](std::size_t size) { return Tensor<float, 1>(std::array<std::size_t, 1>{size}, 0.0F); };
    CHECK(error_of([&] { (void)nn::lstm_from_torch(matrix(8, 3), matrix(8, 2), vector(8)); }) ==
          "nn::lstm_from_torch: one of bias_ih and bias_hh came alone");
    CHECK(error_of([&] { (void)nn::lstm_from_torch(matrix(8, 3), matrix(8, 2), vector(8), vector(7)); }) ==
          "nn::lstm_from_torch: bias_hh (7,), expected (8,) = that of bias_ih");
    CHECK(error_of([&] { (void)nn::gru_from_torch(matrix(6, 3), matrix(6, 2), vector(6), vector(5)); }) ==
          "nn::gru_from_torch: bias_hh (5,), expected (6,) = that of bias_ih");
    CHECK(error_of([&] { (void)nn::gru_from_torch(matrix(6, 3), matrix(6, 2), vector(7), vector(7)); }) ==
          "nn::gru_from_torch: bias_ih (7,), expected (6,) = that of 3 gates");
    CHECK(error_of([&] { (void)nn::gru_from_torch(matrix(6, 3), matrix(6, 2), {}, vector(6)); }) ==
          "nn::gru_from_torch: one of bias_ih and bias_hh came alone");

    CHECK(error_of([&] { (void)nn::gru_from_keras(matrix(3, 6), matrix(2, 6), {}, vector(6)); }) ==
          "nn::gru_from_keras: one of bias and recurrent_bias came alone");
    CHECK(error_of([&] { (void)nn::lstm_from_blox(matrix(5, 7)); }) ==
          "nn::lstm_from_blox: kernel (5, 7), expected a multiple of 4 columns, a block for each gate");
    CHECK(error_of([&] { (void)nn::lstm_from_brainstate(matrix(1, 8)); }) ==
          "nn::lstm_from_brainstate: kernel (1, 8), expected (input_size + hidden_size, 4 * hidden_size)");
    CHECK(error_of([&] { (void)nn::lstm_from_blox(matrix(5, 8), vector(9)); }) ==
          "nn::lstm_from_blox: bias (9,), expected (8,) = 4 * hidden_size");
    CHECK(error_of([&] { (void)nn::gru_from_blox(matrix(5, 4), {}, matrix(5, 3), {}); }) ==
          "nn::gru_from_blox: candidate (5, 3), expected (5, 2) = (input_size + hidden_size, hidden_size)");
    CHECK(error_of([&] { (void)nn::gru_from_brainstate(matrix(1, 4), {}, matrix(5, 2), {}); }) ==
          "nn::gru_from_brainstate: gates (1, 4), expected (input_size + hidden_size, 2 * hidden_size)");
    CHECK(error_of([&] { (void)nn::gru_from_blox(matrix(5, 3), {}, matrix(5, 2), {}); }) ==
          "nn::gru_from_blox: gates (5, 3), expected a multiple of 2 columns, a block for each gate");
    CHECK(error_of([&] { (void)nn::gru_from_blox(matrix(5, 4), vector(4), matrix(5, 2), {}); }) ==
          "nn::gru_from_blox: one of the gates' bias and the candidate's came alone");
    CHECK(error_of([&] { (void)nn::gru_from_blox(matrix(5, 4), vector(3), matrix(5, 2), vector(2)); }) ==
          "nn::gru_from_blox: the gates' bias (3,), expected (4,) = 2 * hidden_size");
    CHECK(error_of([&] { (void)nn::gru_from_blox(matrix(5, 4), vector(4), matrix(5, 2), vector(3)); }) ==
          "nn::gru_from_blox: the candidate's bias (3,), expected (2,) = hidden_size");
    CHECK(error_of([&] { (void)nn::lstm_from_keras(matrix(3, 8), matrix(3, 8)); }) ==
          "nn::lstm_from_keras: recurrent_kernel (3, 8), expected (2, 8) = (hidden_size, gates * hidden_size)");
    CHECK(error_of([&] { (void)nn::lstm_from_keras(matrix(3, 8), matrix(2, 8), vector(6)); }) ==
          "nn::lstm_from_keras: bias (6,), expected (8,) = 4 * hidden_size");
    CHECK(error_of([&] { (void)nn::gru_from_keras(matrix(3, 6), matrix(2, 6), vector(6), vector(8)); }) ==
          "nn::gru_from_keras: recurrent_bias (8,), expected (6,) = 3 * hidden_size");

    const auto cube = [](std::size_t directions, std::size_t rows, std::size_t columns) {
        return Tensor<float, 3>(std::array<std::size_t, 3>{directions, rows, columns}, 0.0F);
    };
    CHECK(error_of([&] { (void)nn::lstm_from_onnx(cube(1, 7, 3), cube(1, 7, 2)); }) ==
          "nn::lstm_from_onnx: W (1, 7, 3), expected a multiple of 4 rows, a block for each gate");
    CHECK(error_of([&] { (void)nn::gru_from_onnx(cube(2, 6, 3), cube(1, 6, 2)); }) ==
          "nn::gru_from_onnx: R (1, 6, 2), expected (2, 6, 2) = (directions, gates * hidden_size, hidden_size)");
    CHECK(error_of([&] { (void)nn::gru_from_onnx_linear_before_reset(cube(1, 6, 3), cube(1, 6, 2), matrix(1, 6)); }) ==
          "nn::gru_from_onnx_linear_before_reset: B (1, 6), expected (1, 12) = (directions, 2 * gates * hidden_size)");
    CHECK(error_of([&] { (void)nn::lstm_from_onnx(cube(2, 8, 3), cube(2, 8, 2), {}, 2); }) ==
          "nn::lstm_from_onnx: direction 2, expected 0 … 1  [W (2, 8, 3)]");

    CHECK(!nn::lstm_from_onnx(cube(1, 8, 3), cube(1, 8, 2)).bias);
    CHECK(!nn::gru_from_onnx_linear_before_reset(cube(1, 6, 3), cube(1, 6, 2)).bias_n);
    CHECK(!nn::lstm_from_blox(matrix(5, 8)).bias);
    CHECK(!nn::gru_from_blox(matrix(5, 4), {}, matrix(5, 2), {}).bias);
    CHECK(!nn::gru_from_keras(matrix(3, 6), matrix(2, 6)).bias);
}

TEST_CASE("conversions: names that are missing or have no place are refused") {
    const auto array = [](std::initializer_list<std::size_t> shape) {
        nn::Array zeros{nn::Array::shape_type(shape)};
        zeros.fill(0);
        return zeros;
    };
    NamedArrays lstm{{"weight_ih_l0", array({8, 3})}};
    CHECK(error_of([&] { (void)nn::lstm_from_torch(lstm); }) ==
          R"(nn::lstm_from_torch: no array is named "weight_hh_l0"; there are "weight_ih_l0")");
    CHECK(error_of([&] { (void)nn::lstm_from_torch(NamedArrays()); }) ==
          R"(nn::lstm_from_torch: no array is named "weight_ih_l0"; there are none)");
    lstm["weight_hh_l0"] = array({8});
    CHECK(error_of([&] { (void)nn::lstm_from_torch(lstm); }) == R"(nn::lstm_from_torch: "weight_hh_l0" (8,) has 1 axis, expected 2)");
    lstm["weight_hh_l0"] = array({8, 1});
    lstm["weight_hr_l0"] = array({1, 2});  // proj_size
    lstm["weight_ih_l2"] = array({8, 2});
    CHECK(error_of([&] { (void)nn::lstm_from_torch(lstm); }) == R"(nn::lstm_from_torch: no place for "weight_hr_l0", "weight_ih_l2")");
    lstm.erase("weight_hr_l0");
    lstm.erase("weight_ih_l2");
    lstm["weight_ih_l1"] = array({8, 4});
    lstm["weight_hh_l1"] = array({8, 2});
    lstm["weight_ih_l0_reverse"] = array({8, 3});
    lstm["weight_hh_l0_reverse"] = array({8, 2});
    CHECK(error_of([&] { (void)nn::lstm_from_torch(lstm); }) ==
          R"(nn::lstm_from_torch: no array is named "weight_ih_l1_reverse"; there are "weight_hh_l0", "weight_hh_l0_reverse", )"
          R"("weight_hh_l1", "weight_ih_l0", "weight_ih_l0_reverse", "weight_ih_l1")");

    CHECK(error_of([&] {
              (void)nn::lstm_from_blox(NamedArrays{{"kernel", array({5, 8})}});
          }) == R"(nn::lstm_from_blox: no array is named "gates.kernel"; there are "kernel")");
    CHECK(error_of([&] {
              (void)nn::lstm_from_brainstate(NamedArrays{{"W.weight", array({5, 8})}, {"x", array({1})}});
          }) == R"(nn::lstm_from_brainstate: no place for "x")");
    CHECK(error_of([&] {
              (void)nn::gru_from_blox(NamedArrays{{"gates.kernel", array({5, 4})}});
          }) == R"(nn::gru_from_blox: no array is named "candidate.kernel"; there are "gates.kernel")");
    NamedArrays keras{{"kernel", array({3, 6})}, {"recurrent_kernel", array({2, 6})}, {"bias", array({3, 6})}};
    CHECK(error_of([&] { (void)nn::gru_from_keras(keras); }) ==
          R"(nn::gru_from_keras: bias (3, 6), expected (2, 6) = (2, 3 * hidden_size))");
    keras["bias"] = array({2, 6, 1});
    CHECK(error_of([&] { (void)nn::gru_from_keras(keras); }) == R"(nn::gru_from_keras: "bias" (2, 6, 1) has 3 axes, expected 1)");
}

TEST_CASE("conversions: momentum of the old is one less that of the new") {
    CHECK(nn::momentum_from_old(0.75) == 0.25);
    STATIC_REQUIRE(nn::momentum_from_old(1) == 0);
}
