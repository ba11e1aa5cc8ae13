// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <nn/io/npy.hpp>

#include "support/files.hpp"
#include "support/golden.hpp"

namespace {

using nn::Tensor;
using nn::test::file_error_of;
using nn::test::for_each_jumbled;
using nn::test::same;
using nn::test::Scratch;
using nn::test::steps;
using nn::test::text_of;
using nn::test::write;

/// The files that NumPy wrote, by the names that tests/reference/golden/npy_files.py gives them.
std::map<std::string, std::string> golden() {
    std::map<std::string, std::string> files;
    for (const std::string& line : nn::test::golden_lines("io/npy_expected.txt")) {
        nn::test::GoldenLine words(line);
        std::string& bytes = files[words.word()];
        const std::string hex = words.word();
        for (std::size_t i = 0; i < hex.size(); i += 2) {
            bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
        }
    }
    REQUIRE(files.size() == 24);
    return files;
}

template <class T, std::size_t R>
Tensor<T, R> read(const std::string& bytes) {
    return nn::load_npy<T, R>(std::as_bytes(std::span(bytes)), "file");
}

/// A file of this header, as version 1.0, and this much data.
std::string file_of(const std::string& header, std::size_t data = 0) {
    const auto byte = [&](std::size_t value) { return std::string(1, static_cast<char>(value & 255)); };
    return "\x93NUMPY" + byte(1) + byte(0) + byte(header.size()) + byte(header.size() >> 8) + header + std::string(data, '\0');
}

/// The text of the error with which a file is refused, less what every such text begins with.
std::string refusal(const std::string& bytes) {
    const std::string text = file_error_of([&] { (void)read<float, 1>(bytes); });
    const std::string start = "nn::load_npy: file: ";
    return text.starts_with(start) && text.find('\n') == text.npos && text.size() < 400 ? text.substr(start.size()) : "odd: " + text;
}

}  // namespace

TEST_CASE("npy: what NumPy wrote is read, and written to the byte") {
    const auto files = golden();
    const Scratch scratch;
    const std::string path = scratch / "x.npy";
    const auto check = [&]<class T, std::size_t R>(const std::string& name, const Tensor<T, R>& expected) {
        INFO(name);
        CHECK(same(read<T, R>(files.at(name)), expected));
        nn::save_npy(path, expected);
        CHECK(text_of(path) == files.at(name));
        CHECK(same(nn::load_npy<T, R>(path), expected));
    };
    check("single", steps<float, 2>({2, 3}));
    check("double", steps<double, 3>({3, 1, 2}));
    check("scalar", Tensor<float, 0>(7.0F));
    check("none", steps<float, 2>({0, 4}));
    check("bool", Tensor<bool, 1>{true, false, true});
    check("i8", Tensor<std::int8_t, 1>{-128, 127});
    check("u8", Tensor<std::uint8_t, 1>{0, 255});
    check("i16", Tensor<std::int16_t, 1>{-2, 258});
    check("u16", Tensor<std::uint16_t, 1>{1, 65535});
    check("i32", Tensor<std::int32_t, 1>{-2, 1 << 30});
    check("u32", Tensor<std::uint32_t, 1>{1, 1U << 31});
    check("i64", Tensor<std::int64_t, 1>{-2, std::int64_t(1) << 62});
    check("u64", Tensor<std::uint64_t, 1>{1, std::uint64_t(1) << 63});
    check("line", steps<float, 14>({0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 10}));
    check("long", steps<float, 14>({10, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 10}));
    check("more", steps<float, 14>({0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 100}));
}

TEST_CASE("npy: either order of bytes and axes, every version, half precision") {
    const auto files = golden();
    CHECK(same(read<float, 1>(files.at("half")), steps<float, 1>({3})));
    CHECK(same(read<double, 1>(files.at("half")), steps<double, 1>({3})));
    CHECK(same(read<double, 2>(files.at("single")), steps<double, 2>({2, 3})));
    CHECK(same(read<float, 3>(files.at("columns")), steps<float, 3>({2, 3, 4})));
    CHECK(same(read<float, 2>(files.at("big")), steps<float, 2>({2, 3})));
    CHECK(same(read<float, 1>(files.at("big_half")), steps<float, 1>({3})));
    CHECK(same(read<double, 2>(files.at("big_columns")), steps<double, 2>({2, 3})));
    CHECK(same(read<std::int16_t, 1>(files.at("big_i16")), Tensor<std::int16_t, 1>{-2, 258}));
    CHECK(same(read<float, 2>(files.at("version_2")), steps<float, 2>({2, 3})));
    CHECK(same(read<float, 2>(files.at("version_3")), steps<float, 2>({2, 3})));
    // As other programs write them: double quotes, another order, no space, no comma at the end.
    CHECK(same(read<float, 1>(file_of(R"({"shape":(2,),"descr":"<f4","fortran_order":False})", 8)), Tensor<float, 1>{0, 0}));
    CHECK(same(read<float, 2>(file_of(" { 'shape' : ( 1 , 2 ) , 'fortran_order' : True , 'descr' : '<f4' , } \n", 8)),
               Tensor<float, 2>{{0, 0}}));
    CHECK(same(read<float, 0>(file_of("{'descr': '<f4', 'fortran_order': True, 'shape': ()}", 4)), Tensor<float, 0>(0.0F)));
    CHECK(same(read<float, 1>(file_of("{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", 8)), Tensor<float, 1>{0, 0}));
    CHECK(same(read<float, 2>(file_of("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3)}")), steps<float, 2>({0, 3})));
    // Any byte but 0 is true.
    CHECK(same(read<bool, 1>(file_of("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }") + '\7'), Tensor<bool, 1>{true}));
}

TEST_CASE("npy: any array is written row by row") {
    const Scratch scratch;
    const std::string path = scratch / "x.npy";
    const Tensor<float, 3> x = steps<float, 3>({2, 3, 4});
    const auto saved = [&](const auto& array) {
        nn::save_npy(path, array);
        return text_of(path);
    };
    const Tensor<float, 2> column = xt::view(x, xt::all(), xt::all(), 1);
    const std::string expected = saved(column);
    CHECK(same(nn::load_npy<float, 2>(path), column));
    CHECK(saved(xt::view(x, xt::all(), xt::all(), 1)) == expected);
    CHECK(saved(nn::View<const float, 2>{x.data() + 1, {2, 3}, {12, 4}}) == expected);
    CHECK(saved(xt::xarray<float>(column)) == expected);
    CHECK(saved(xt::xtensor<float, 2, xt::layout_type::column_major>(column)) == expected);
    CHECK(saved(1 * column) == expected);
    CHECK(saved(nn::View<const bool, 1>{}) ==
          file_of("{'descr': '|b1', 'fortran_order': False, 'shape': (0,), }" + std::string(60, ' ') + "\n"));
    CHECK(scratch.files() == std::vector<std::string>{"x.npy"});
}

TEST_CASE("npy: a file that is not as the format says is refused") {
    const std::string good = golden().at("single");
    const auto header = [](const std::string& descr, const std::string& shape, const std::string& order = "False") {
        return file_of("{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }", 8);
    };
    const auto syntax = [](const std::string& got, int byte, const std::string& expected) {
        return "the header has '" + got + "' at its byte " + std::to_string(byte) + ", expected " + expected;
    };
    const std::string types = "|b1, |i1, |u1, or < or > and f2, f4, f8, i2, i4, i8, u2, u4 or u8";
    CHECK(refusal(header("'<f4'", "(2,)")) == "odd: ");  // what follows differs from this by its fault alone

    CHECK(refusal("") == "is 0 bytes long, expected an .npy file, which has more than 6");
    CHECK(refusal(good.substr(0, 7)) == "is 7 bytes long, expected an .npy file, which has more than 8");
    CHECK(refusal(good.substr(0, 9)) == "is 9 bytes long, expected an .npy file, which has more than 10");
    CHECK(refusal(golden().at("version_2").substr(0, 11)) == "is 11 bytes long, expected an .npy file, which has more than 12");
    CHECK(refusal("PK\3\4" + good.substr(4)) == "begins with 'PK??PY', expected an .npy file");
    CHECK(refusal(std::string(good).replace(6, 2, std::string("\4\0", 2))) == "is of version 4.0, expected 1.0, 2.0 or 3.0");
    CHECK(refusal(std::string(good).replace(6, 2, "\1\1")) == "is of version 1.1, expected 1.0, 2.0 or 3.0");
    CHECK(refusal(std::string(good).replace(6, 2, std::string(2, '\0'))) == "is of version 0.0, expected 1.0, 2.0 or 3.0");
    CHECK(refusal(std::string(good).replace(8, 2, "\xff\xff")) == "the header is 65535 bytes long, but only 142 follow");
    CHECK(refusal(golden().at("version_2").replace(8, 4, "\xff\xff\xff\xff")) ==
          "the header is 4294967295 bytes long, expected at most 65535");

    CHECK(refusal(file_of("")) == syntax("", 1, "{"));
    CHECK(refusal(file_of("{}")) == "the header has no descr");
    CHECK(refusal(file_of("{'descr': '<f4'}")) == "the header has no fortran_order");
    CHECK(refusal(file_of("{'descr': '<f4', 'fortran_order': True}")) == "the header has no shape");
    CHECK(refusal(file_of("{'descr': '<f4', 'descr': '<f4'}")) == "the header has descr twice");
    CHECK(refusal(file_of("{'oth\ner': 1}")) == "the header has the key 'oth?er', expected descr, fortran_order and shape");
    CHECK(refusal(file_of("{3: 1}")) == syntax("3: 1}", 2, "'"));
    CHECK(refusal(file_of("{'descr'")) == syntax("", 9, ":"));
    CHECK(refusal(file_of("{'descr: 1")) == syntax("descr: 1", 3, "the end of a text in quotes"));
    CHECK(refusal(file_of("{'descr': '<f4' 'shape': (2,)}")) == syntax("'shape': (2,)}", 17, "}"));
    CHECK(refusal(header("'<f4'", "(2,)}, {'a': (")) == syntax(", {'a': (, }", 56, "nothing more"));
    CHECK(refusal(header("'<f4'", "(2,)", "1")) == syntax("1, 'shape': (2,), }", 35, "True or False"));
    CHECK(refusal(header("'<f4'", "2")) == syntax("2, }", 51, "("));
    CHECK(refusal(header("'<f4'", "(2)")) == syntax("), }", 53, ","));
    CHECK(refusal(header("'<f4'", "(2, 3")) == syntax("}", 58, "an extent"));
    CHECK(refusal(header("'<f4'", "(2, 3 4)")) == syntax("4), }", 57, ")"));
    CHECK(refusal(header("'<f4'", "(,)")) == syntax(",), }", 52, "an extent"));
    CHECK(refusal(header("'<f4'", "(-2,)")) == syntax("-2,), }", 52, "an extent"));
    CHECK(refusal(header("'<f4'", "(02,)")) == syntax("02,), }", 52, "an extent"));
    CHECK(refusal(header("'<f4'", "(2.0,)")) == syntax(".0,), }", 53, ","));
    CHECK(refusal(file_of("{'shape': (" + std::string(4, '1'))) == syntax("", 16, ","));
    CHECK(refusal(file_of(std::string("{}\0", 3))) == syntax("?", 3, "nothing more"));

    CHECK(refusal(header("[('a', '<f4')]", "(2,)")) == "descr is a list of fields, expected " + types);
    for (const std::string descr : {"", "<", "f4", "|f4", "=f4", "b1", "<b1", ">i1", "<f3", "<c8", "<f4 ", "|O", "|V2", "<U3", "<M8[ns]"}) {
        CHECK(refusal(header("'" + descr + "'", "(2,)")) == "descr is '" + descr + "', expected " + types);
    }
    CHECK(refusal(header("'\x1b[2J\xff" + std::string(100, 'a') + "'", "(2,)")) == "descr is '?[2J?aaaaaaaaaaaaaaa...', expected " + types);

    std::string ones;
    for (int i = 0; i < 65; ++i) {
        ones += "1, ";
    }
    CHECK(refusal(header("'<f4'", "(" + ones + ")")) == "shape has more than 64 axes");
    const std::string most = std::to_string(std::numeric_limits<nn::index_t>::max());
    CHECK(refusal(header("'<f4'", "(" + most + ",)")) == "the shape (" + most + ",) is more than any memory holds");
    CHECK(refusal(header("'<f4'", "(0, " + most + ", 2)")) == "the shape (0, " + most + ", 2) is more than any memory holds");
    CHECK(refusal(header("'<f4'", "(99999999999999999999999,)")) == "the shape (" + most + ",) is more than any memory holds");
    const std::string wide = "(0, " + std::to_string(std::numeric_limits<nn::index_t>::max() / 4) + ")";
    CHECK(file_error_of([&] { (void)read<double, 2>(file_of("{'descr': '<f2', 'fortran_order': False, 'shape': " + wide + "}")); }) ==
          "nn::load_npy: file: the array " + wide + " of F64 is more than any memory holds");
    CHECK(refusal(header("'<f4'", "(3,)")) == "holds 8 bytes of data, expected 12 for the shape (3,) of F32");
    CHECK(refusal(header("'<f4'", "(1,)")) == "holds 8 bytes of data, expected 4 for the shape (1,) of F32");
    CHECK(refusal(header("'<f8'", "(1,)")) == "the array (1,) is of F64, asked for as F32");
    CHECK(refusal(header("'<i4'", "(2,)")) == "the array (2,) is of I32, asked for as F32");
    CHECK(refusal(header("'<f4'", "(1, 2)")) == "the array (1, 2) has 2 axes, asked for with 1");
    CHECK(refusal(header("'<f4'", "(2,)").substr(0, 67)) == "holds 0 bytes of data, expected 8 for the shape (2,) of F32");
}

TEST_CASE("npy: no change of a byte and no cut of a file does harm") {
    const std::string good = golden().at("single");
    const auto survives = [&](const std::string& bytes) {
        try {
            return read<float, 2>(bytes).size() <= 6;
        } catch (const nn::file_error& error) {
            return std::string(error.what()).starts_with("nn::load_npy: file: ");
        }
    };
    for (std::size_t length = 0; length < good.size(); ++length) {
        CHECK(!file_error_of([&] { (void)read<float, 2>(good.substr(0, length)); }).empty());
    }
    bool all_survive = survives(good);
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            all_survive = all_survive && survives(std::string(good).replace(at, 1, 1, static_cast<char>(value)));
        }
        all_survive = all_survive && survives(std::string(good).erase(at, 1)) && survives(std::string(good).insert(at, 1, good[at]));
    }
    for_each_jumbled(good, [&](const std::string& bytes) { all_survive = all_survive && survives(bytes); });
    CHECK(all_survive);
}

TEST_CASE("npy: what cannot be read or written is refused, and an old file stays") {
    const Scratch scratch;
    CHECK(file_error_of([] { (void)nn::load_npy<float, 1>(std::span<const std::byte>()); }) ==
          "nn::load_npy: bytes in memory: is 0 bytes long, expected an .npy file, which has more than 6");
    const auto load = [&](const std::string& path) { return file_error_of([&] { (void)nn::load_npy<float, 1>(path); }); };
    CHECK(load(scratch / "nowhere") == "nn::load_npy: " + scratch / "nowhere" + ": cannot be opened: No such file or directory");
    CHECK(load(scratch / "") == "nn::load_npy: " + scratch / "" + ": is a directory, expected an .npy file");
    CHECK(file_error_of([&] { nn::save_npy(scratch / "", Tensor<float, 1>{1}); }) ==
          "nn::save_npy: " + scratch / "" + ": is a directory, expected a file to replace");

    const std::string path = scratch / "x.npy";
    write(path, "old");
    const auto refuse = [&](const nn::Shape<3>& shape) {
        const float cell = 0;
        return nn::test::error_of<nn::shape_error>([&] { nn::save_npy(path, nn::View<const float, 3>{&cell, shape, {0, 0, 0}}); });
    };
    const nn::index_t root = nn::index_t(1) << (std::numeric_limits<nn::index_t>::digits / 2);
    const std::string large = ", " + std::to_string(root) + ", " + std::to_string(root) + ")";
    CHECK(refuse({4, root, root}) == "nn::save_npy: an array of shape (4" + large + " is more than any memory holds");
    CHECK(refuse({0, root, 4 * root}).starts_with("nn::save_npy: an array of shape (0, "));
    CHECK(refuse({1, -1, -4}) == "nn::save_npy: an array of shape (1, -1, -4) was asked for, expected no negative extent");
    const xt::xarray<float> deep = xt::ones<float>(std::vector<std::size_t>(65, 1));
    CHECK(file_error_of([&] { nn::save_npy(path, deep); }) == "nn::save_npy: " + path + ": x has 65 axes, expected at most 64");
    CHECK(text_of(path) == "old");
    CHECK(scratch.files() == std::vector<std::string>{"x.npy"});
}
