// SPDX-License-Identifier: MIT
// How a file of other names, layouts and types becomes a network's parameters: LoadOptions, widening, bytes in memory.

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nn/io/convert.hpp>
#include <nn/io/safetensors.hpp>
#include <nn/nn.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

using nn::index_t;
using nn::NamedArrays;
using nn::Tensor;
using nn::test::identical;

std::string error_of(const auto& f) { return nn::test::error_of<std::exception>(f); }

/// A file in memory, written by hand.
class Bytes {
public:
    template <class T>
    Bytes& add(const std::string& name, const std::string& dtype, const std::vector<index_t>& shape, const std::vector<T>& values) {
        std::string extents;
        for (const index_t extent : shape) {
            extents += (extents.empty() ? "" : ",") + std::to_string(extent);
        }
        header_ += header_.empty() ? "{" : ",";
        header_ +=
            '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + extents + R"(],"data_offsets":[)" + std::to_string(data_.size());
        std::vector<std::byte> bytes(values.size() * sizeof(T));
        nn::detail::copy_elements(reinterpret_cast<const std::byte*>(values.data()), bytes.data(), bytes.size(), sizeof(T));
        data_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        header_ += "," + std::to_string(data_.size()) + "]}";
        return *this;
    }
    /// F32, 0, 1, 2, …
    Bytes& add(const std::string& name, const std::vector<index_t>& shape) {
        std::vector<float> values(static_cast<std::size_t>(nn::element_count(shape)));
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = static_cast<float>(i);
        }
        return add(name, "F32", shape, values);
    }

    std::vector<std::byte> all() const {
        const std::string header = header_ + "}";
        std::string text;
        for (std::size_t i = 0; i < 8; ++i) {
            text += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 255);
        }
        text += header + data_;
        const auto bytes = std::as_bytes(std::span(text));
        return {bytes.begin(), bytes.end()};
    }
    nn::SafetensorsFile file() const { return nn::SafetensorsFile(all()); }

private:
    std::string header_;
    std::string data_;
};

/// Tensors of any names.
template <class T, std::size_t R>
struct Named {
    std::vector<std::pair<std::string, Tensor<T, R>>> tensors;

    static void members(auto& self, auto&& f) {
        for (auto& [name, tensor] : self.tensors) {
            f(name, tensor);
        }
    }
};

template <class T>
Named<T, 1> one(std::size_t size) {
    return {{{"a", Tensor<T, 1>(std::array<std::size_t, 1>{size}, T(0))}}};
}

template <class T>
Tensor<T, 1> numbers(std::size_t count) {
    Tensor<T, 1> tensor(std::array<std::size_t, 1>{count});
    for (std::size_t i = 0; i < count; ++i) {
        tensor(i) = static_cast<T>(i);
    }
    return tensor;
}

std::vector<std::uint16_t> all_halves() {
    std::vector<std::uint16_t> values(65536);
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<std::uint16_t>(i);
    }
    return values;
}

/// The value of a 16-bit float by its definition, sign · 2^(e − bias) · 1.fraction, or · 0.fraction where e is 0.
double value_of(unsigned bits, int exponent_bits, int fraction_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = static_cast<int>(bits >> fraction_bits & ((1U << exponent_bits) - 1));
    const double fraction = std::ldexp(bits & ((1U << fraction_bits) - 1), -fraction_bits);
    const double magnitude = exponent == (1 << exponent_bits) - 1 ? (fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan(""))
                             : exponent == 0                      ? std::ldexp(fraction, 1 - bias)
                                                                  : std::ldexp(1 + fraction, exponent - bias);
    return (bits >> 15) != 0 ? -magnitude : magnitude;
}

template <class T>
bool all_equal(const Tensor<T, 1>& read, int exponent_bits, int fraction_bits) {
    bool equal = read.size() == 65536;
    for (unsigned bits = 0; equal && bits < 65536; ++bits) {
        const double expected = value_of(bits, exponent_bits, fraction_bits);
        const double value = static_cast<double>(read(bits));
        equal = std::isnan(expected) ? std::isnan(value) : value == expected && std::signbit(value) == std::signbit(expected);
    }
    return equal;
}

const std::string does_not_fit = "nn::load_safetensors: bytes in memory: does not fit and was not loaded: ";

/// torch.nn.Sequential(Conv1d, LSTM) and such, of other people's names: the parameters of `net`, loaded.
template <class Net>
std::string load(const Bytes& bytes, Net& net, const nn::LoadOptions& options = {}) {
    return error_of([&] { nn::load_safetensors(bytes.file(), net, options); });
}

std::vector<std::byte> read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("load: every F16 and every BF16 widens to the float and the double that it is") {
    Bytes bytes;
    bytes.add("half", "F16", {65536}, all_halves()).add("brain", "BF16", {65536}, all_halves());
    const nn::SafetensorsFile file = bytes.file();
    CHECK(all_equal(file.get<float, 1>("half"), 5, 10));
    CHECK(all_equal(file.get<double, 1>("half"), 5, 10));
    CHECK(all_equal(file.get<float, 1>("brain"), 8, 7));
    CHECK(all_equal(file.get<double, 1>("brain"), 8, 7));

    Named<float, 1> net{{{"half", numbers<float>(65536)}, {"brain", numbers<float>(65536)}}};
    nn::load_safetensors(file, net);
    CHECK(all_equal(net.tensors[0].second, 5, 10));
    CHECK(all_equal(net.tensors[1].second, 8, 7));
}

TEST_CASE("load: F32 widens to double") {
    const nn::SafetensorsFile file = Bytes().add("a", {3}).file();
    CHECK(identical(file.get<double, 1>("a"), numbers<double>(3)));
    auto net = one<double>(3);
    nn::load_safetensors(file, net);
    CHECK(identical(net.tensors[0].second, numbers<double>(3)));
}

TEST_CASE("load: F64 is rounded to float when that is asked for, and no number is lost to infinity") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double edge = 0x1.ffffffp127;  // half way between the largest float and what would follow
    const auto file = [](const std::vector<double>& values) { return Bytes().add("a", "F64", {2}, values); };
    auto net = one<float>(2);
    CHECK(load(file({0.1, 1}), net) == does_not_fit + R"(1 of another dtype: "a" F64, expected F32 (LoadOptions::narrow is false))");
    CHECK(identical(net.tensors[0].second, Tensor<float, 1>{0, 0}));
    CHECK(load(file({0.1, 1 + 0x1p-24}), net, {.narrow = true}).empty());
    CHECK(identical(net.tensors[0].second, Tensor<float, 1>{0.1F, 1}));
    CHECK(load(file({-infinity, std::nextafter(edge, 0)}), net, {.narrow = true}).empty());
    CHECK(net.tensors[0].second(0) == -std::numeric_limits<float>::infinity());
    CHECK(net.tensors[0].second(1) == std::numeric_limits<float>::max());
    const Tensor<float, 1> before = net.tensors[0].second;
    CHECK(load(file({0, -edge}), net, {.narrow = true}) == does_not_fit + R"(1 too large for a float: "a")");
    CHECK(load(file({0, edge}), net, {.convert = {{"a", [](const nn::Array& a) { return a; }}}, .narrow = true}) ==
          does_not_fit + R"(1 too large for a float: "a")");
    CHECK(load(file({0, 1}), net, {.convert = {{"a", [](const nn::Array& a) { return a; }}}}) ==
          does_not_fit + R"(1 of another dtype: "a" F64, expected F32 (LoadOptions::narrow is false))");
    CHECK(identical(net.tensors[0].second, before));
}

TEST_CASE("load: nothing else changes its type") {
    const auto refused = [](auto net, const std::string& dtype, const auto& values) {
        return load(Bytes().add("a", dtype, {2}, values), net, {.narrow = true}).substr(does_not_fit.size());
    };
    const std::vector<std::int64_t> whole{1, 2};
    const std::vector<float> real{1, 2};
    const std::vector<std::uint16_t> half{1, 2};
    CHECK(refused(one<float>(2), "I64", whole) == R"(1 of another dtype: "a" I64, expected F32)");
    CHECK(refused(one<double>(2), "I64", whole) == R"(1 of another dtype: "a" I64, expected F64)");
    CHECK(refused(one<std::int64_t>(2), "F32", real) == R"(1 of another dtype: "a" F32, expected I64)");
    CHECK(refused(one<std::int16_t>(2), "F16", half) == R"(1 of another dtype: "a" F16, expected I16)");
    CHECK(refused(one<std::int64_t>(2), "I32", real) == R"(1 of another dtype: "a" I32, expected I64)");
}

TEST_CASE("load: a file comes as bytes too, which may go once it is open") {
    std::vector<std::byte> bytes = Bytes().add("a", {3}).all();
    const nn::SafetensorsFile file(bytes);
    const nn::SafetensorsFile named(bytes, "weights.o");
    bytes.assign(bytes.size(), std::byte(0xff));
    CHECK(identical(file.get<float, 1>("a"), numbers<float>(3)));
    CHECK(file.path() == "bytes in memory");
    CHECK(named.path() == "weights.o");
    CHECK(error_of([&] { (void)named.shape("b"); }) == R"(nn::SafetensorsFile: weights.o: has no tensor "b"; it has "a")");

    const std::string golden = NN_TESTS "/io/golden_net.safetensors";
    CHECK(nn::SafetensorsFile(read(golden)).names() == nn::SafetensorsFile(golden).names());
    CHECK(identical(nn::SafetensorsFile(read(golden)).get<float, 3>("conv.weight"),
                    nn::SafetensorsFile(golden).get<float, 3>("conv.weight")));
}

TEST_CASE("load: bytes are checked as a file is") {
    const std::vector<std::byte> good = Bytes().add("a", {3}).all();
    CHECK(error_of([] { nn::SafetensorsFile file(std::span<const std::byte>{}); }) ==
          "nn::SafetensorsFile: bytes in memory: is 0 bytes long, expected a safetensors file, which has at least 8");
    for (std::size_t length = 0; length < good.size(); ++length) {
        const std::vector<std::byte> cut(good.begin(), good.begin() + static_cast<index_t>(length));
        CHECK_THROWS_AS(nn::SafetensorsFile(cut), nn::file_error);
    }
    const std::span<const std::byte> all(good);
    CHECK(error_of([&] { nn::SafetensorsFile file(all.first(good.size() - 1)); }) ==
          R"(nn::SafetensorsFile: bytes in memory: tensor "a": data_offsets (0, 12) end behind the file, which has 11 bytes of data)");
    std::vector<std::byte> more = good;
    more.push_back(std::byte(0));
    CHECK(error_of([&] { nn::SafetensorsFile file(more); }) ==
          "nn::SafetensorsFile: bytes in memory: bytes (12, 13) of the data belong to no tensor");
}

TEST_CASE("load: names are renamed by their beginnings, whole parts of them, the longest that fits") {
    Named<float, 1> net{
        {{"0.weight", {0}}, {"0.bias", {0, 0}}, {"1.b.x", {0, 0, 0}}, {"conv10.weight", {0, 0, 0, 0}}, {"last", {0, 0, 0, 0, 0}}}};
    Bytes bytes;
    bytes.add("conv1.weight", {1}).add("conv1.bias", {2}).add("conv1.c.x", {3}).add("conv10.weight", {4}).add("a.very.last", {5});
    CHECK(load(bytes, net, {.rename = {{"conv1", "0"}, {"conv1.c", "1.b"}, {"a.very.last", "last"}}}).empty());
    for (std::size_t i = 0; i < 5; ++i) {
        CHECK(identical(net.tensors[i].second, numbers<float>(i + 1)));
    }

    auto plain = one<float>(3);
    CHECK(load(Bytes().add("model.net.a", {3}), plain, {.rename = {{"model.net", ""}}}).empty());
    CHECK(identical(plain.tensors[0].second, numbers<float>(3)));
    Named<float, 1> nested{{{"0.a", {0, 0, 0}}}};
    CHECK(load(Bytes().add("a", {3}), nested, {.rename = {{"", "0"}}}).empty());
    CHECK(identical(nested.tensors[0].second, numbers<float>(3)));
}

TEST_CASE("load: what is ignored need not fit: names, beginnings and ends of whole parts") {
    auto net = one<float>(3);
    Bytes bytes;
    bytes.add("a", {3}).add("bn.num_batches_tracked", "I64", {}, std::vector<std::int64_t>{7}).add("head.0.weight", {2});
    bytes.add("num_batches_tracked", "I64", {}, std::vector<std::int64_t>{7});
    CHECK(load(bytes, net, {.ignore = {"num_batches_tracked", "head", "not there"}}).empty());
    CHECK(identical(net.tensors[0].second, numbers<float>(3)));
    bytes.add("ahead", {1}).add("x.heads", {1}).add("y.head.z", {1});
    CHECK(load(bytes, net, {.ignore = {"num_batches_tracked", "head"}}) ==
          does_not_fit + R"(3 of the file unused: "ahead", "x.heads", "y.head.z")");
    CHECK(load(Bytes().add("a", {3}), net, {.ignore = {"a"}}) == does_not_fit + R"(1 missing: "a")");
    CHECK(load(Bytes().add("a", {3}), net, {.ignore = {""}}).empty());
}

TEST_CASE("load: an array is converted, then renamed") {
    nn::Linear<float> net({.in_features = 2, .out_features = 3}, nn::no_init);
    Bytes bytes;
    bytes.add("dense.kernel", {2, 3}).add("dense.bias", "F16", {3}, std::vector<std::uint16_t>{0x3c00, 0x4000, 0x4200});  // 1, 2, 3
    nn::LoadOptions options{.convert = {{"dense.kernel", nn::from_in_out}, {"dense.bias", [](const auto& b) { return 2 * b; }}},
                            .rename = {{"dense.kernel", "weight"}, {"dense", ""}}};
    CHECK(load(bytes, net, options).empty());
    CHECK(identical(net.weight, Tensor<float, 2>{{0, 3}, {1, 4}, {2, 5}}));
    CHECK(identical(*net.bias, Tensor<float, 1>{2, 4, 6}));
    options.convert[1] = {"dense.bias", [](const auto& b) { return 1e39 * b; }};
    CHECK(load(bytes, net, options) == does_not_fit + R"(1 too large for a float: "dense.bias" as "bias")");
    options.convert[1] = {"dense.bias", [](const auto& b) { return 2 * b; }};
    nn::load_safetensors(bytes.file(), net, options);  // options that are not const are no state
}

TEST_CASE("load: all arrays of a layer are converted together, by the longest name that fits; whole numbers stay behind") {
    Named<float, 1> net{{{"a.sum", {0}}, {"a.b.x", {0, 0}}}};
    Bytes bytes;
    bytes.add("a.p", "F32", {1}, std::vector<float>{1}).add("a.q", "F32", {1}, std::vector<float>{2}).add("a.b.y", {2});
    bytes.add("a.steps", "I64", {}, std::vector<std::int64_t>{7});
    const auto sum = [](const NamedArrays& arrays) { return NamedArrays{{"sum", nn::Array(arrays.at("p") + arrays.at("q"))}}; };
    const auto inner = [](const NamedArrays& arrays) { return NamedArrays{{"x", arrays.at("y")}}; };
    CHECK(load(bytes, net, {.ignore = {"steps"}, .convert = {{"a", sum}, {"a.b", inner}}}).empty());
    CHECK(net.tensors[0].second(0) == 3);
    CHECK(identical(net.tensors[1].second, numbers<float>(2)));
    CHECK(load(bytes, net, {.convert = {{"a", sum}, {"a.b", inner}}}) == does_not_fit + R"(1 of the file unused: "a.steps")");

    // What is made of F32 and F64 is F64.
    Named<float, 1> total{{{"a.sum", {0}}}};
    Bytes mixed;
    mixed.add("a.p", {1}).add("a.q", "F64", {1}, std::vector<double>{0.1});
    CHECK(load(mixed, total, {.convert = {{"a", sum}}}) ==
          does_not_fit + R"(1 of another dtype: "a.sum" F64, expected F32 (LoadOptions::narrow is false))");
    CHECK(load(mixed, total, {.convert = {{"a", sum}}, .narrow = true}).empty());
    CHECK(total.tensors[0].second(0) == 0.1F);
}

TEST_CASE("load: options that do not fit the file are errors that say which, and nothing is written") {
    auto net = one<float>(3);
    const Bytes bytes = Bytes().add("a", {3});
    const auto identity = [](const nn::Array& a) { return a; };
    CHECK(load(bytes, net, {.convert = {{"b", identity}}, .rename = {{"c", "0"}, {"d.e", ""}}}) ==
          does_not_fit + R"(2 of LoadOptions::rename fit no tensor: "c", "d.e"; 1 of LoadOptions::convert fit no tensor: "b")");
    CHECK(load(Bytes().add("b", {3}).add("c", {3}), net, {.rename = {{"b", "a"}, {"c", "a"}}}) ==
          does_not_fit + R"(1 of the file's tensors, renamed, have the name of another: "b" as "a" and "c" as "a")");
    CHECK(load(Bytes().add("b", {2}).add("c", {3}), net, {.rename = {{"b", "a"}, {"c", "d"}}}) ==
          does_not_fit + R"(1 of another shape: "b" as "a" (2,), expected (3,); 1 of the file unused: "c" as "d")");
    CHECK(load(Bytes().add("a", "I32", {1}, std::vector<int>{1}), net, {.convert = {{"a", identity}}}) ==
          R"(nn::load_safetensors: bytes in memory: "a" cannot be converted: it is of I32, expected F16, BF16, F32 or F64)");
    CHECK(load(bytes, net, {.convert = {{"a", nn::from_hwio}}}) ==
          R"(nn::load_safetensors: bytes in memory: "a" cannot be converted: nn::from_hwio: kernel (3,) has 1 axis, expected at least 2)");
    CHECK(identical(net.tensors[0].second, Tensor<float, 1>{0, 0, 0}));
}

TEST_CASE("load: recurrent layers are converted by the names in the file as they are array by array") {
    Bytes bytes;
    bytes.add("l.gates.kernel", {5, 8}).add("l.gates.bias", {8});
    bytes.add("m.W.weight", {5, 8}).add("m.W.bias", {8});
    bytes.add("g.gates.kernel", {5, 4}).add("g.gates.bias", {4}).add("g.candidate.kernel", {5, 2}).add("g.candidate.bias", {2});
    bytes.add("h.Wrz.weight", {5, 4}).add("h.Wrz.bias", {4}).add("h.Wh.weight", {5, 2}).add("h.Wh.bias", {2});
    bytes.add("k.kernel", {3, 8}).add("k.recurrent_kernel", {2, 8}).add("k.bias", {8});
    const nn::LSTM<float> lstm({.input_size = 3, .hidden_size = 2}, nn::no_init);
    const nn::GRU<float> gru({.input_size = 3, .hidden_size = 2, .reset = nn::GRUReset::before}, nn::no_init);
    nn::Sequential net(lstm, lstm, gru, gru, lstm);
    nn::load_safetensors(bytes.file(), net,
                         {.convert = {{"l", nn::lstm_from_blox},
                                      {"m", nn::lstm_from_brainstate},
                                      {"g", nn::gru_from_blox},
                                      {"h", nn::gru_from_brainstate},
                                      {"k", nn::lstm_from_keras}},
                          .rename = {{"l", "0"}, {"m", "1"}, {"g", "2"}, {"h", "3"}, {"k", "4"}}});

    const nn::SafetensorsFile file = bytes.file();
    const auto matrix = [&](const std::string& name) { return file.get<float, 2>(name); };
    const auto vector = [&](const std::string& name) { return file.get<float, 1>(name); };
    const auto check = [](const auto& layer, const auto& expected) {
        CHECK(identical(layer.weight_ih, expected.weight_ih));
        CHECK(identical(layer.weight_hh, expected.weight_hh));
        CHECK(identical(*layer.bias, *expected.bias));
    };
    check(net.get<0>(), nn::lstm_from_blox(matrix("l.gates.kernel"), vector("l.gates.bias")));
    check(net.get<1>(), nn::lstm_from_brainstate(matrix("m.W.weight"), vector("m.W.bias")));
    check(net.get<2>(),
          nn::gru_from_blox(matrix("g.gates.kernel"), vector("g.gates.bias"), matrix("g.candidate.kernel"), vector("g.candidate.bias")));
    check(net.get<3>(), nn::gru_from_brainstate(matrix("h.Wrz.weight"), vector("h.Wrz.bias"), matrix("h.Wh.weight"), vector("h.Wh.bias")));
    check(net.get<4>(), nn::lstm_from_keras(matrix("k.kernel"), matrix("k.recurrent_kernel"), vector("k.bias")));
}

TEST_CASE("load: two biases of torch are added as floats are") {
    // The sum in double, rounded to float, is that of floats: also half way between two floats and just beside it.
    nn::LSTMCell<float> cell({.input_size = 1, .hidden_size = 1}, nn::no_init);
    const std::vector<float> first{1, 0x1.000002p-24F, -1, 0.1F};
    const std::vector<float> second{0x1p-24F, 1, 0x1p-25F, 0.2F};
    Bytes bytes;
    bytes.add("weight_ih", {4, 1}).add("weight_hh", {4, 1}).add("bias_ih", "F32", {4}, first).add("bias_hh", "F32", {4}, second);
    CHECK(load(bytes, cell, {.convert = {{"", nn::lstm_from_torch}}}).empty());
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK((*cell.bias)(i) == first[i] + second[i]);
    }
}
