// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nn/io/safetensors.hpp>
#include <nn/layers/conv.hpp>

#include "support/files.hpp"
#include "support/golden.hpp"

#if (defined(__unix__) && !defined(__EMSCRIPTEN__)) || defined(__APPLE__)  // which has neither pipes nor limits
#include <sys/resource.h>
#include <sys/stat.h>
#include <csignal>
#define NN_TEST_POSIX 1
#endif

namespace {

namespace fs = std::filesystem;
using nn::Tensor;
using nn::test::ContainsSubstring;
using nn::test::file_error_of;
using nn::test::for_each_jumbled;
using nn::test::same;
using nn::test::Scratch;
using nn::test::steps;
using nn::test::text_of;
using nn::test::write;

std::string length_of(std::uint64_t length) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
        bytes += static_cast<char>(length >> (8 * i) & 255);
    }
    return bytes;
}

/// A file of this header and so many bytes of data, each 'x'.
std::string bytes_of(const std::string& header, std::size_t data) { return length_of(header.size()) + header + std::string(data, 'x'); }

/// The text of the error with which a file of these bytes is refused, less the part that every such text begins with.
std::string refusal(const Scratch& scratch, const std::string& bytes) {
    const std::string path = scratch / "file";
    write(path, bytes);
    try {
        const nn::SafetensorsFile file(path);
    } catch (const nn::file_error& error) {
        const std::string text = error.what();
        const std::string start = "nn::SafetensorsFile: " + path + ": ";
        return text.starts_with(start) && text.find('\n') == text.npos && text.size() < 600 + path.size() ? text.substr(start.size())
                                                                                                          : "odd: " + text;
    }
    return "";
}

struct Leaf {
    std::optional<Tensor<float, 2>> scale;
    Tensor<double, 1> shift;

    static void members(auto& self, auto&& f) {
        f("scale", self.scale);
        f("shift", self.shift);
    }
};

/// A network: a layer, an optional tensor, a nested struct, two element types; its state holds statistics and something carried.
struct Net {
    nn::Conv1d<float> conv{{.in_channels = 2, .out_channels = 3, .kernel_size = 3}, nn::no_init};
    Leaf leaf{{}, {0, 0, 0}};
    int option = 0;

    struct Carried {
        static constexpr bool carried = true;
        Tensor<float, 1> hidden{0, 0};
        static void members(auto& self, auto&& f) { f("hidden", self.hidden); }
    };
    struct Statistics {
        Tensor<float, 1> running_mean{0, 0};
        static void members(auto& self, auto&& f) { f("running_mean", self.running_mean); }
    };
    struct State {
        Statistics norm;
        Carried lstm;
        static void members(auto& self, auto&& f) {
            f("norm", self.norm);
            f("lstm", self.lstm);
        }
    };
    State initial_state(nn::index_t) const { return {}; }

    static void members(auto& self, auto&& f) {
        f("conv", self.conv);
        f("leaf", self.leaf);
        f("option", self.option);
    }
};

Net trained() {
    Net net;
    net.conv.weight = steps<float, 3>({3, 2, 3});
    net.conv.bias = steps<float, 1>({3});
    net.leaf.shift = {1e-300, -0.0, std::numeric_limits<double>::infinity()};
    return net;
}

/// One tensor of each kind that nn writes: tests/reference/golden/safetensors_files.py has the same.
struct Everything {
    nn::Conv1d<float> conv{{.in_channels = 1, .out_channels = 2, .kernel_size = 3}, steps<float, 3>({2, 1, 3}), steps<float, 1>({2})};
    Tensor<double, 2> wide = steps<double, 2>({2, 2});
    Tensor<float, 0> scalar = 7.0F;
    Tensor<float, 2> none = Tensor<float, 2>(std::array<std::size_t, 2>{0, 4});
    Tensor<float, 1> odd = {-1};
    Tensor<bool, 1> truth = {true, false, true};
    Tensor<std::int8_t, 1> i8 = {-128, 127};
    Tensor<std::uint8_t, 1> u8 = {0, 255};
    Tensor<std::int16_t, 1> i16 = {-2, 258};
    Tensor<std::uint16_t, 1> u16 = {1, 65535};
    Tensor<std::int32_t, 1> i32 = {-2, 1 << 30};
    Tensor<std::uint32_t, 1> u32 = {1, 1U << 31};
    Tensor<std::int64_t, 1> i64 = {-2, std::int64_t(1) << 62};
    Tensor<std::uint64_t, 1> u64 = {1, std::uint64_t(1) << 63};

    static void members(auto& self, auto&& f) {
        f("u64", self.u64);
        f("conv", self.conv);
        f("double", self.wide);
        f("scalar", self.scalar);
        f("none", self.none);
        f("größe \"\\\n\x01/", self.odd);
        f("bool", self.truth);
        f("i8", self.i8);
        f("u8", self.u8);
        f("i16", self.i16);
        f("u16", self.u16);
        f("i32", self.i32);
        f("u32", self.u32);
        f("i64", self.i64);
    }
};

/// Any number of tensors under any names.
struct Named {
    std::vector<std::pair<std::string, Tensor<float, 1>>> tensors;

    static void members(auto& self, auto&& f) {
        for (auto& [name, tensor] : self.tensors) {
            f(name, tensor);
        }
    }
};

const std::string one = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

}  // namespace

TEST_CASE("safetensors: what is saved is loaded, bit for bit") {
    const Scratch scratch;
    const std::string path = scratch / "net.safetensors";
    Net net = trained();
    if (GENERATE(false, true)) {
        net.leaf.scale = steps<float, 2>({2, 3});
    }
    Net::State state = net.initial_state(1);
    state.norm.running_mean = {3, 4};
    state.lstm.hidden = {5, 6};
    nn::save_safetensors(path, std::as_const(net), std::as_const(state));

    Net other;
    if (net.leaf.scale) {
        other.leaf.scale = Tensor<float, 2>(std::array<std::size_t, 2>{2, 3});
    }
    Net::State other_state = other.initial_state(1);
    if (GENERATE(false, true)) {
        nn::load_safetensors(path, other, other_state);
    } else {
        nn::load_safetensors(nn::SafetensorsFile(path), other, other_state);
    }
    CHECK(same(other.conv.weight, net.conv.weight));
    CHECK(same(*other.conv.bias, *net.conv.bias));
    CHECK(other.leaf.scale.has_value() == net.leaf.scale.has_value());
    CHECK(same(other.leaf.scale.value_or(Tensor<float, 2>()), net.leaf.scale.value_or(Tensor<float, 2>())));
    CHECK(same(other.leaf.shift, net.leaf.shift));
    CHECK(same(other_state.norm.running_mean, state.norm.running_mean));
    CHECK(same(other_state.lstm.hidden, Tensor<float, 1>{0, 0}));
}

TEST_CASE("safetensors: names are those of the members; carried state is not in a file") {
    const Scratch scratch;
    const std::string path = scratch / "net.safetensors";
    nn::save_safetensors(path, trained(), Net().initial_state(1));
    const nn::SafetensorsFile file(path);
    CHECK(file.names() == std::vector<std::string>{"conv.bias", "conv.weight", "leaf.shift", "norm.running_mean"});
    CHECK(file.contains("leaf.shift"));
    CHECK_FALSE(file.contains("leaf"));
    CHECK_FALSE(file.contains(""));
    CHECK(file.dtype("leaf.shift") == "F64");
    CHECK(file.dtype("conv.bias") == "F32");
    const auto shape = file.shape("conv.weight");
    CHECK(std::vector<nn::index_t>(shape.begin(), shape.end()) == std::vector<nn::index_t>{3, 2, 3});
    CHECK(file.bytes("conv.bias").size() == 12);
    CHECK(same(file.get<float, 3>("conv.weight"), trained().conv.weight));
    CHECK(file.path() == path);
}

TEST_CASE("safetensors: a file that the Python library wrote is read") {
    const nn::SafetensorsFile file(NN_TESTS "/io/golden.safetensors");
    CHECK(file.names() == std::vector<std::string>{"brain", "half", "single"});
    CHECK(same(file.get<float, 2>("single"), steps<float, 2>({2, 2})));
    CHECK(file.dtype("half") == "F16");
    CHECK(file.dtype("brain") == "BF16");
    CHECK(same(file.get<float, 1>("half"), steps<float, 1>({3})));
    CHECK(same(file.get<float, 2>("brain"), steps<float, 2>({2, 1})));
    const auto brain = file.bytes("brain");  // -1, -0.75: the upper halves of floats
    CHECK(std::vector<std::byte>(brain.begin(), brain.end()) ==
          std::vector<std::byte>{std::byte(0x80), std::byte(0xbf), std::byte(0x40), std::byte(0xbf)});
}

TEST_CASE("safetensors: the bytes are those that the Python library writes, and what they say is read back") {
    const Scratch scratch;
    const std::string path = scratch / "everything.safetensors";
    nn::save_safetensors(path, Everything());
    CHECK(text_of(path) == text_of(NN_TESTS "/io/golden_net.safetensors"));

    const Everything saved;
    const nn::SafetensorsFile file(path);
    CHECK(file.get<float, 0>("scalar")() == 7.0F);
    CHECK(file.get<float, 2>("none").shape() == saved.none.shape());
    CHECK(same(file.get<float, 1>("größe \"\\\n\x01/"), saved.odd));
    CHECK(same(file.get<bool, 1>("bool"), saved.truth));
    CHECK(same(file.get<std::int8_t, 1>("i8"), saved.i8));
    CHECK(same(file.get<std::uint8_t, 1>("u8"), saved.u8));
    CHECK(same(file.get<std::int16_t, 1>("i16"), saved.i16));
    CHECK(same(file.get<std::uint16_t, 1>("u16"), saved.u16));
    CHECK(same(file.get<std::int32_t, 1>("i32"), saved.i32));
    CHECK(same(file.get<std::uint32_t, 1>("u32"), saved.u32));
    CHECK(same(file.get<std::int64_t, 1>("i64"), saved.i64));
    CHECK(same(file.get<std::uint64_t, 1>("u64"), saved.u64));

    Everything loaded;
    loaded.conv.weight.fill(0);
    loaded.scalar() = 0;
    loaded.truth.fill(false);
    nn::load_safetensors(path, loaded);
    CHECK(same(loaded.conv.weight, saved.conv.weight));
    CHECK(loaded.scalar() == 7.0F);
    CHECK(same(loaded.truth, saved.truth));

    nn::save_safetensors(scratch / "nothing.safetensors", Named{});
    CHECK(text_of(scratch / "nothing.safetensors") == length_of(8) + "{}      ");
    CHECK(nn::SafetensorsFile(scratch / "nothing.safetensors").names().empty());
}

TEST_CASE("safetensors: a bool is made of any byte") {
    const Scratch scratch;
    write(scratch / "file", bytes_of(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 0) + std::string("\x02\0", 2));
    CHECK(same(nn::SafetensorsFile(scratch / "file").get<bool, 1>("a"), Tensor<bool, 1>{true, false}));
}

TEST_CASE("safetensors: a big-endian host turns the bytes of each element around") {
    const std::array from{std::byte(1), std::byte(2), std::byte(3), std::byte(4)};
    std::array<std::byte, 4> to{};
    nn::detail::copy_elements(from.data(), to.data(), 4, 2, std::endian::big);
    CHECK(to == std::array{std::byte(2), std::byte(1), std::byte(4), std::byte(3)});
    nn::detail::copy_elements(from.data(), to.data(), 4, 2, std::endian::little);
    CHECK(to == from);
}

TEST_CASE("safetensors: what the format leaves open is read") {
    const Scratch scratch;
    const auto readable = [&](const std::string& header, std::size_t data) { return refusal(scratch, bytes_of(header, data)); };
    CHECK(readable(one, 8).empty());
    CHECK(readable("{}", 0).empty());
    CHECK(readable("{} \n\t", 0).empty());
    CHECK(readable(R"({"__metadata__":{"format":"pt","":"a\nb"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1).empty());
    // in any order, with empty tensors at any border
    CHECK(readable(R"({"b":{"data_offsets":[4,8],"shape":[1,1],"dtype":"F32"},"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},)"
                   R"("c":{"dtype":"F64","shape":[0,5],"data_offsets":[4,4]},"d":{"dtype":"F64","shape":[0],"data_offsets":[8,8]}})",
                   8)
              .empty());
    CHECK(readable(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]},"b":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[2,5]},)"
                   R"("c":{"dtype":"C64","shape":[1],"data_offsets":[5,13]}})",
                   13)
              .empty());
}

TEST_CASE("safetensors: a file of another format is called by its name") {
    const Scratch scratch;
    using namespace std::string_literals;
    CHECK(refusal(scratch, "PK\3\4\x14\0\0\0\10\10 archive/data.pkl"s) ==
          "is a zip file, which torch.save and numpy.savez write, expected a safetensors file");
    CHECK(refusal(scratch, "\x93NUMPY\1\0v\0{'descr'"s) == "is an .npy file, which nn::load_npy reads, expected a safetensors file");
    // A header of this length is one: its length begins as a zip file does.
    CHECK(refusal(scratch, "PK\3\4\0\0\0\0{}"s) == "the header is 67324752 bytes long by the file's first 8, but only 2 follow");
}

TEST_CASE("safetensors: a file that lies about its lengths is refused") {
    const Scratch scratch;
    CHECK(refusal(scratch, "") == "is 0 bytes long, expected a safetensors file, which has at least 8");
    CHECK(refusal(scratch, "1234567") == "is 7 bytes long, expected a safetensors file, which has at least 8");
    CHECK(refusal(scratch, length_of(3) + "{}") == "the header is 3 bytes long by the file's first 8, but only 2 follow");
    CHECK(refusal(scratch, length_of(~std::uint64_t(0)) + "{}") ==
          "the header is 18446744073709551615 bytes long by the file's first 8, but only 2 follow");
    CHECK(refusal(scratch, length_of(~std::uint64_t(0) - 7) + "{}") ==
          "the header is 18446744073709551608 bytes long by the file's first 8, but only 2 follow");
    CHECK(refusal(scratch, bytes_of(one, 7)) == R"(tensor "a": data_offsets (0, 8) end behind the file, which has 7 bytes of data)");
    CHECK(refusal(scratch, bytes_of(one, 9)) == "bytes (8, 9) of the data belong to no tensor");
    CHECK(refusal(scratch, bytes_of("{}", 1)) == "bytes (0, 1) of the data belong to no tensor");

    const std::string path = scratch / "file";
    write(path, length_of(100'000'001));
    fs::resize_file(path, 200'000'000);  // a hole, which takes no room
    CHECK(file_error_of([&] { nn::SafetensorsFile file(path); }) ==
          "nn::SafetensorsFile: " + path + ": the header is 100000001 bytes long, expected at most 100000000");
}

TEST_CASE("safetensors: a header that is not as the format says is refused") {
    const Scratch scratch;
    struct Case {
        std::string header;
        std::string text;
    };
    const std::string tail = R"(,"data_offsets":[0,8]}})";
    const auto tensor = [](const std::string& fields) { return R"({"a":{)" + fields + "}}"; };
    using limits = std::numeric_limits<nn::index_t>;
    const std::string most = std::to_string(limits::max());
    const std::string quarter = std::to_string(limits::max() / 4 + 1);
    const std::string root = std::to_string(nn::index_t{1} << (limits::digits + 1) / 2);
    const auto cases = std::vector<Case>{
        // not JSON
        {"", "the header does not begin with {"},
        {" {}", "the header does not begin with {"},
        {"[]", "the header does not begin with {"},
        {"\xef\xbb\xbf{}", "the header does not begin with {"},
        {"{", R"(the header is not JSON at its byte 2, near "{")"},
        {"{}{}", R"(the header is not JSON at its byte 3, near "{}{")"},
        {"{\"a\n\":{}}", R"(the header is not JSON at its byte 4, near "\"a<U+000A>")"},
        {"{\"\xff\":{}}", R"(the header is not JSON at its byte 3, near "\"")"},
        {std::string("{}\0{}", 5), "the header is not JSON at its byte 3, which is 0"},
        {"{/**/}", R"(the header is not JSON at its byte 2, near "{/")"},
        // not the objects expected
        {R"({"a":1})", R"("a" is 1, expected an object)"},
        {R"({"a":[]})", R"("a" is an array, expected an object)"},
        {R"({"a":null})", R"("a" is null, expected an object)"},
        {R"({"a":"b"})", R"("a" is "b", expected an object)"},
        {R"({"__metadata__":1})", R"("__metadata__" is 1, expected an object)"},
        {R"({"__metadata__":{"a":1}})", R"(__metadata__: "a" is 1, expected a string)"},
        {R"({"__metadata__":{"a":{}}})", R"(__metadata__: "a" is an object, expected a string)"},
        {tensor(R"("dtype":{})"), R"(tensor "a": dtype is an object, expected a string)"},
        {tensor(R"("dtype":["F32"])"), R"(tensor "a": dtype is an array, expected a string)"},
        {tensor(R"("dtype":-3)"), R"(tensor "a": dtype is -3, expected a string)"},
        {tensor(R"("shape":2)"), R"(tensor "a": shape is 2, expected an array)"},
        {tensor(R"("shape":"2")"), R"(tensor "a": shape is "2", expected an array)"},
        {tensor(R"("data_offsets":{"0":1})"), R"(tensor "a": data_offsets is an object, expected an array)"},
        {tensor(R"("strides":[1])"), R"(tensor "a": "strides" is unknown, expected dtype, shape and data_offsets)"},
        {tensor(""), R"(tensor "a": has no dtype)"},
        {tensor(R"("dtype":"F32","data_offsets":[0,8])"), R"(tensor "a": has no shape)"},
        {tensor(R"("dtype":"F32","shape":[2])"), R"(tensor "a": has no data_offsets)"},
        // given twice
        {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
         R"(tensor "a" is there twice)"},
        {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}})",
         R"(tensor "a" is there twice)"},
        {tensor(R"("dtype":"F32","dtype":"F32")"), R"(tensor "a": dtype is there twice)"},
        {tensor(R"("shape":[],"shape":[])"), R"(tensor "a": shape is there twice)"},
        {R"({"__metadata__":{},"__metadata__":{}})", "__metadata__ is there twice"},
        {R"({"__metadata__":{"a":"","b":"","a":""}})", R"(__metadata__: "a" is there twice)"},
        // dtype
        {tensor(R"("dtype":"F33")"), R"(tensor "a": dtype "F33" is unknown)"},
        {tensor(R"("dtype":"f32")"), R"(tensor "a": dtype "f32" is unknown)"},
        {tensor(R"("dtype":"")"), R"(tensor "a": dtype "" is unknown)"},
        // shape
        {tensor(R"("shape":[-1])"), R"(tensor "a": shape[0] is -1, expected a non-negative integer)"},
        {tensor(R"("shape":[2,1.5])"), R"(tensor "a": shape[1] is "1.5", expected a non-negative integer)"},
        {tensor(R"("shape":[2e0])"), R"(tensor "a": shape[0] is "2e0", expected a non-negative integer)"},
        {tensor(R"("shape":[true])"), R"(tensor "a": shape[0] is true, expected a non-negative integer)"},
        {tensor(R"("shape":["2"])"), R"(tensor "a": shape[0] is "2", expected a non-negative integer)"},
        {tensor(R"("shape":[[2]])"), R"(tensor "a": shape[0] is an array, expected a non-negative integer)"},
        {tensor(R"("shape":[{}])"), R"(tensor "a": shape[0] is an object, expected a non-negative integer)"},
        {tensor(R"("shape":[9223372036854775808])"), R"(tensor "a": shape[0] is 9223372036854775808, more than any memory holds)"},
        {tensor(R"("shape":[18446744073709551616])"), R"(tensor "a": shape[0] is "18446744073709551616", expected a non-negative integer)"},
        {tensor(R"("shape":[1e999])"), R"(the header is not JSON at its byte 20, near "1e999")"},
        {tensor(R"("dtype":"F32","shape":[)" + root + "," + root + "]" + tail.substr(0, tail.size() - 2)),
         R"(tensor "a": the shape ()" + root + ", " + root + ") is more than any memory holds"},
        {tensor(R"("dtype":"F32","shape":[)" + quarter + "]" + tail.substr(0, tail.size() - 2)),
         R"(tensor "a": the shape ()" + quarter + ",) is more than any memory holds"},
        {tensor(R"("dtype":"F32","shape":[0,)" + root + "," + root + "]" + tail.substr(0, tail.size() - 2)),
         R"(tensor "a": the shape (0, )" + root + ", " + root + ") is more than any memory holds"},
        {tensor(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), R"(tensor "a": the shape (3,) of F4 is no whole number of bytes)"},
        // data_offsets
        {tensor(R"("data_offsets":[])"), R"(tensor "a": data_offsets are 0 numbers, expected 2)"},
        {tensor(R"("data_offsets":[0])"), R"(tensor "a": data_offsets are 1 numbers, expected 2)"},
        {tensor(R"("data_offsets":[0,4,8])"), R"(tensor "a": data_offsets are 3 numbers, expected 2)"},
        {tensor(R"("data_offsets":[0,-8])"), R"(tensor "a": data_offsets[1] is -8, expected a non-negative integer)"},
        {tensor(R"("data_offsets":[0,18446744073709551615])"),
         R"(tensor "a": data_offsets[1] is 18446744073709551615, more than any memory holds)"},
        {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), R"(tensor "a": data_offsets (8, 0) end before they begin)"},
        {tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,)" + most + "]"),
         R"(tensor "a": data_offsets (0, )" + most + ") end behind the file, which has 8 bytes of data"},
        {tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"),
         R"(tensor "a": data_offsets (0, 8) hold 8 bytes, expected 12 for the shape (3,) of F32)"},
        {tensor(R"("dtype":"F64","shape":[0],"data_offsets":[0,8])"),
         R"(tensor "a": data_offsets (0, 8) hold 8 bytes, expected 0 for the shape (0,) of F64)"},
        // overlaps and holes
        {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
         R"(tensor "b" with data_offsets (4, 8) overlaps tensor "a" with (0, 5))"},
        {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
         R"(tensor "b" with data_offsets (0, 8) overlaps tensor "a" with (0, 8))"},
        {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}})",
         R"(tensor "b" with data_offsets (4, 4) overlaps tensor "a" with (0, 8))"},
        {R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
         "bytes (3, 4) of the data belong to no tensor"},
        {R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}})", "bytes (0, 1) of the data belong to no tensor"},
        {R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}})", "bytes (7, 8) of the data belong to no tensor"},
    };
    for (const Case& each : cases) {
        INFO(each.header);
        CHECK(refusal(scratch, bytes_of(each.header, 8)) == each.text);
    }
}

TEST_CASE("safetensors: what is deep, long or meant for a terminal makes a short line") {
    const Scratch scratch;
    const std::size_t many = 1'000'000;
    CHECK(refusal(scratch, bytes_of("{" + std::string(many, '['), 0)) == R"(the header is not JSON at its byte 2, near "{[")");
    CHECK(refusal(scratch, bytes_of(R"({"a":)" + std::string(many, '['), 0)) == R"("a" is an array, expected an object)");
    std::string objects;
    for (std::size_t i = 0; i < many / 5; ++i) {
        objects += R"({"a":)";
    }
    CHECK(refusal(scratch, bytes_of(objects, 0)) == R"(tensor "a": "a" is unknown, expected dtype, shape and data_offsets)");
    CHECK(refusal(scratch, bytes_of(R"({"a":{"shape":)" + std::string(many, '['), 0)) ==
          R"(tensor "a": shape[0] is an array, expected a non-negative integer)");
    std::string ones = "1";
    for (std::size_t i = 0; i < many; ++i) {
        ones += ",1";
    }
    CHECK(refusal(scratch, bytes_of(R"({"a":{"shape":[)" + ones + "]}}", 0)) == R"(tensor "a": has more than 64 axes)");
    CHECK(refusal(scratch, bytes_of(R"({"a":{"data_offsets":[)" + ones + "]}}", 0)) ==
          R"(tensor "a": data_offsets are 1000001 numbers, expected 2)");
    CHECK(refusal(scratch, bytes_of("{\"" + std::string(many, 'n') + "\":0}", 0)) ==
          '"' + std::string(100, 'n') + "\"... is 0, expected an object");
    std::string texts = R"("":"")";
    for (std::size_t i = 0; i < many; ++i) {
        texts += R"(,"":"")";
    }
    CHECK(refusal(scratch, bytes_of(R"({"__metadata__":{)" + texts + "}}", 0)) == "__metadata__ has more than 10000 entries");
    CHECK_THAT(refusal(scratch, bytes_of("{" + std::string(many, '9'), 0)), ContainsSubstring("is not JSON at its byte"));
    CHECK(refusal(scratch, bytes_of("{\"\x7f\xc2\x9b\\u001b[2J\\n\":0}", 0)) == R"("\u007f\u009b\u001b[2J\n" is 0, expected an object)");
}

TEST_CASE("safetensors: no change of a byte and no cut of a file does harm") {
    const Scratch scratch;
    const std::string path = scratch / "file";
    const std::string header =
        R"({"__metadata__":{"format":"pt"},"conv.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
        R"("b\u00e4":{"dtype":"I16","shape":[3],"data_offsets":[8,14]},"c":{"dtype":"F64","shape":[0,4],"data_offsets":[14,14]}}   )";
    const std::string good = bytes_of(header, 14);
    // Opens a file and looks at every byte that it offers, or finds it refused.
    const auto survives = [&](const std::string& bytes) {
        write(path, bytes);
        try {
            const nn::SafetensorsFile file(path);
            std::size_t sum = 0;
            for (const std::string& name : file.names()) {
                for (const std::byte byte : file.bytes(name)) {
                    sum += std::to_integer<std::size_t>(byte);
                }
                if (file.dtype(name) == "F32" && file.shape(name).size() == 2) {
                    sum += file.get<float, 2>(name).size();
                }
            }
            return sum > 0 || file.names().empty();
        } catch (const nn::file_error& error) {
            return std::string(error.what()).starts_with("nn::SafetensorsFile: " + path + ": ");
        }
    };
    REQUIRE(survives(good));
    REQUIRE(refusal(scratch, good).empty());

    for (std::size_t length = 0; length < good.size(); ++length) {
        CHECK_FALSE(refusal(scratch, good.substr(0, length)).empty());
    }
    bool all_survive = true;
    for (std::size_t at = 0; at < 8 + header.size(); ++at) {
        const std::string values =
            std::string("\0\xff\"{}[],:-9e \\", 14) + static_cast<char>(good[at] ^ 1) + static_cast<char>(good[at] ^ 128);
        for (const char value : values) {
            std::string bytes = good;
            bytes[at] = value;
            all_survive = all_survive && survives(bytes);
        }
        all_survive = all_survive && survives(std::string(good).erase(at, 1)) && survives(std::string(good).insert(at, 1, good[at]));
    }
    for_each_jumbled(good, [&](const std::string& bytes) { all_survive = all_survive && survives(bytes); });
    CHECK(all_survive);
}

TEST_CASE("safetensors: what cannot be read is refused in the system's words") {
    const Scratch scratch;
    CHECK(file_error_of([&] { nn::SafetensorsFile file(scratch / "nowhere"); }) ==
          "nn::SafetensorsFile: " + scratch / "nowhere" + ": cannot be opened: No such file or directory");
    CHECK(file_error_of([&] { nn::SafetensorsFile file(scratch / ""); }) ==
          "nn::SafetensorsFile: " + scratch / "" + ": is a directory, expected a safetensors file");
#if NN_TEST_POSIX
    REQUIRE(mkfifo((scratch / "pipe").c_str(), 0600) == 0);
    CHECK(file_error_of([&] { nn::SafetensorsFile file(scratch / "pipe"); }) ==
          "nn::SafetensorsFile: " + scratch / "pipe" + ": is no regular file, expected a safetensors file");
    // A file that claims 4096 bytes and has a few, as one does that is cut short while it is read.
    const std::string online = "/sys/devices/system/cpu/online";
    std::error_code none;
    if (fs::file_size(online, none) == 4096 && text_of(online).size() < 8) {
        CHECK(file_error_of([&] { nn::SafetensorsFile file(online); }) ==
              "nn::SafetensorsFile: " + online + ": cannot be read: it became shorter");
    }
    // One whose reading fails: the speed of the loopback device.
    const std::string speed = "/sys/class/net/lo/speed";
    std::string word;
    std::ifstream(speed) >> word;
    if (fs::file_size(speed, none) == 4096 && word.empty()) {
        CHECK(file_error_of([&] { nn::SafetensorsFile file(speed); }) ==
              "nn::SafetensorsFile: " + speed + ": cannot be read: Invalid argument");
    }
#endif
}

// Not with 32 bits, where so large a file is not opened, nor with ASan, which has its own way to refuse memory.
#if NN_TEST_POSIX && defined(__LP64__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("safetensors: data for which there is no memory are refused") {
    const Scratch scratch;
    const std::string path = scratch / "file";
    write(path, bytes_of(R"({"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})", 0));
    fs::resize_file(path, fs::file_size(path) + (std::uintmax_t{1} << 40));  // no block of the disk is taken
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
    const rlimit small{rlim_t{1} << 39, limit.rlim_max};
    REQUIRE(setrlimit(RLIMIT_AS, &small) == 0);
    const std::string text = file_error_of([&] { nn::SafetensorsFile file(path); });
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
    CHECK(text == "nn::SafetensorsFile: " + path + ": holds 1099511627776 bytes of data, for which there is no memory");
}
#endif

TEST_CASE("safetensors: a tensor that is not there as asked for is an error that says what is") {
    const Scratch scratch;
    const std::string path = scratch / "file";
    const std::string who = "nn::SafetensorsFile: " + path + ": ";
    write(path, bytes_of(one, 8));
    const nn::SafetensorsFile file(path);
    CHECK(file_error_of([&] { (void)file.get<char16_t, 1>("a"); }) == who + R"(tensor "a" (2,) is of F32, asked for as U16)");
    CHECK(file_error_of([&] { (void)file.get<std::int32_t, 1>("a"); }) == who + R"(tensor "a" (2,) is of F32, asked for as I32)");
    CHECK(file_error_of([&] { (void)file.get<float, 2>("a"); }) == who + R"(tensor "a" (2,) has 1 axis, asked for with 2)");
    CHECK(file_error_of([&] { (void)file.get<float, 0>("a"); }) == who + R"(tensor "a" (2,) has 1 axis, asked for with 0)");
    CHECK(file_error_of([&] { (void)file.get<float, 1>("b"); }) == who + R"(has no tensor "b"; it has "a")");
    CHECK(file_error_of([&] { (void)file.shape("b"); }) == who + R"(has no tensor "b"; it has "a")");
    CHECK(file_error_of([&] { (void)file.dtype("b"); }) == who + R"(has no tensor "b"; it has "a")");
    CHECK(file_error_of([&] { (void)file.bytes("b"); }) == who + R"(has no tensor "b"; it has "a")");

    Named many;
    for (int i = 0; i < 9; ++i) {
        many.tensors.emplace_back("t" + std::to_string(i), Tensor<float, 1>{0});
    }
    nn::save_safetensors(path, many);
    CHECK(file_error_of([&] { (void)nn::SafetensorsFile(path).shape("b"); }) ==
          who + R"(has no tensor "b"; it has "t0", "t1", "t2", "t3", "t4" and 4 more)");
    nn::save_safetensors(path, Named{});
    CHECK(file_error_of([&] { (void)nn::SafetensorsFile(path).shape("b"); }) == who + R"(has no tensor "b"; it has none)");
}

TEST_CASE("safetensors: a file that does not fit is refused whole") {
    const Scratch scratch;
    const std::string path = scratch / "net.safetensors";
    const std::string who = "nn::load_safetensors: " + path + ": does not fit and was not loaded: ";
    const Net untouched;
    Net net;
    auto state = net.initial_state(1);
    const auto load = [&](auto&... states) {
        const std::string text = file_error_of([&] { nn::load_safetensors(path, net, states...); });
        CHECK(same(net.conv.weight, untouched.conv.weight));
        CHECK(same(*net.conv.bias, *untouched.conv.bias));
        CHECK(same(net.leaf.shift, untouched.leaf.shift));
        CHECK(same(state.norm.running_mean, Tensor<float, 1>{0, 0}));
        return text;
    };
    auto statistics = net.initial_state(1);
    statistics.norm.running_mean = {3, 4};

    Net other = trained();
    other.leaf.shift = {1, 2};
    nn::save_safetensors(path, other, statistics);
    CHECK(load(state) == who + R"(1 of another shape: "leaf.shift" (2,), expected (3,))");

    nn::save_safetensors(path, trained());
    CHECK(load(state) == who + R"(1 missing: "norm.running_mean")");

    nn::save_safetensors(path, trained(), statistics);
    CHECK(load() ==
          who + R"(1 of the file unused: "norm.running_mean"; 1 of these are statistics, which go into a state, and none was given: )"
                R"("norm.running_mean")");

    other = trained();
    other.conv.bias.reset();
    other.leaf.scale = Tensor<float, 2>{{1}};
    nn::save_safetensors(path, other, statistics);
    CHECK(load(state) == who + R"(1 missing: "conv.bias"; 1 of the file unused: "leaf.scale")");

    nn::save_safetensors(path, Named{{{"leaf.shift", {1, 2, 3}}, {"x", {1}}}});
    CHECK(load() == who + R"(2 missing: "conv.weight", "conv.bias"; 1 of the file unused: "x")");

    Named twice{{{"a", {1}}, {"a", {1}}}};
    nn::save_safetensors(path, Named{{{"a", {2}}}});
    CHECK(file_error_of([&] { nn::load_safetensors(path, twice); }) == who + R"(1 of the network's names stand for two tensors: "a")");
    CHECK(twice.tensors[0].second(0) == 1);

    write(path, "no tensors");
    CHECK_THAT(load(state), ContainsSubstring("nn::SafetensorsFile: " + path + ": "));
    fs::remove(path);
    CHECK_THAT(load(state), ContainsSubstring("No such file or directory"));
}

namespace {
template <class Net, class... State>
concept loads = requires(Net& net, State&... state) {
    nn::load_safetensors("x", net, state...);
};
template <class Net, class... State>
concept saves = requires(Net& net, State&... state) {
    nn::save_safetensors("x", net, state...);
};
}  // namespace

TEST_CASE("safetensors: what can be loaded and saved is known to the compiler") {
    STATIC_REQUIRE((loads<Net> && loads<Net, Net::State> && loads<nn::Conv1d<float>>));
    STATIC_REQUIRE(
        !(loads<const Net> || loads<Net, const Net::State> || loads<int> || loads<Net, int> || loads<Net, Net::State, Net::State>));
    STATIC_REQUIRE((saves<const Net> && saves<const Net, const Net::State>));
    STATIC_REQUIRE(!(saves<int> || saves<Net, int>));
    STATIC_REQUIRE(!std::is_convertible_v<std::string, nn::SafetensorsFile>);
}

TEST_CASE("safetensors: a network whose names a file cannot hold is not saved") {
    const Scratch scratch;
    const std::string path = scratch / "net.safetensors";
    const std::string who = "nn::save_safetensors: " + path + ": ";
    const auto save = [&](const std::string& name, const std::string& other) {
        return file_error_of([&] { nn::save_safetensors(path, Named{{{name, {1}}, {other, {1}}}}); });
    };
    CHECK(save("a", "a") == who + R"(two tensors are named "a")");
    CHECK(save("a", "__metadata__") == who + "a tensor is named __metadata__, which the format keeps for itself");
    CHECK(save("a", std::string(100'000'000, 'b')) ==
          who + "the header would be 100000112 bytes long, more than the 100000000 that readers take");
    CHECK(save("a", "b\xff") == who + R"(the name "b" of a tensor is not UTF-8)");
    CHECK(scratch.files().empty());
}

TEST_CASE("safetensors: a save that fails leaves the old file, and nothing else") {
    const Scratch scratch;
    const Named net{{{"a", {1}}}};
    CHECK(file_error_of([&] { nn::save_safetensors(scratch / "nowhere/net", net); }) == "nn::save_safetensors: " + scratch / "nowhere/net" +
                                                                                       ": cannot be written: " + scratch / "nowhere/net" +
                                                                                       ".tmp0: No such file or directory");
    fs::create_directory(scratch / "folder");
    CHECK(file_error_of([&] { nn::save_safetensors(scratch / "folder", net); }) ==
          "nn::save_safetensors: " + scratch / "folder" + ": is a directory, expected a file to replace");
    CHECK(scratch.files() == std::vector<std::string>{"folder"});
#if NN_TEST_POSIX
    REQUIRE(mkfifo((scratch / "pipe").c_str(), 0600) == 0);
    CHECK(file_error_of([&] { nn::save_safetensors(scratch / "pipe", net); }) ==
          "nn::save_safetensors: " + scratch / "pipe" + ": is no regular file, expected a file to replace");

    // A disk that is full, or a quota: the refusal comes with a write, or, what fits the buffer, when the file is closed.
    const std::string path = scratch / "net";
    write(path, "old");
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    for (const std::size_t size : {100U, 100'000U}) {
        Named large = net;
        large.tensors[0].second = Tensor<float, 1>(std::array<std::size_t, 1>{size});
        const rlimit small{64, limit.rlim_max};
        REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
        const std::string text = file_error_of([&] { nn::save_safetensors(path, large); });
        REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        CHECK(text == "nn::save_safetensors: " + path + ": cannot be written: File too large");
        CHECK(text_of(path) == "old");
        CHECK(scratch.files() == std::vector<std::string>{"folder", "net", "pipe"});
    }
    std::signal(SIGXFSZ, handler);
#endif
}

TEST_CASE("safetensors: a save replaces the old file and spares what is not its own") {
    const Scratch scratch;
    const std::string path = scratch / "net";
    const Named net{{{"a", {1}}}};
    write(path, std::string(1000, 'x'));
    write(path + ".tmp0", "somebody else's");
    nn::save_safetensors(path, net);
    const std::string saved = text_of(path);
    CHECK(nn::SafetensorsFile(path).get<float, 1>("a")(0) == 1);
    CHECK(text_of(path + ".tmp0") == "somebody else's");
    CHECK(scratch.files() == std::vector<std::string>{"net", "net.tmp0"});

    nn::save_safetensors(path, net);
    CHECK(text_of(path) == saved);
#if NN_TEST_POSIX
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink("net", scratch / "link");
    nn::save_safetensors(scratch / "link", Named{{{"b", {1}}}});
    CHECK(fs::is_symlink(scratch / "link"));
    CHECK(nn::SafetensorsFile(path).contains("b"));
    CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
#endif
}
