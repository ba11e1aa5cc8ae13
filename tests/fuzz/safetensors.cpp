// SPDX-License-Identifier: MIT
// Any bytes as a safetensors file: everything that it lists is read, or it is refused with an error of the reader's own.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nn/io/safetensors.hpp>
#include <nn/layers/conv.hpp>

namespace {

constexpr std::string_view who = "nn::SafetensorsFile: fuzzed: ";

[[noreturn]] void wrong(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
}

/// One line, not much longer than the names that it quotes, and begun with who says it.
void check(std::string_view text, std::string_view start) {
    if (!text.starts_with(start) || text.find('\n') != text.npos || text.size() > 4000) {
        wrong("an odd error: " + std::string(text));
    }
}

/// Reads a tensor as one type and rank. What comes has the file's shape.
template <class T, std::size_t R>
void read(const nn::SafetensorsFile& file, const std::string& name) {
    try {
        const auto tensor = file.get<T, R>(name);
        const std::span<const nn::index_t> shape = file.shape(name);
        if (shape.size() != R || !nn::detail::equal_extents(shape, nn::extents_of(tensor))) {
            wrong("another shape than the file's");
        }
    } catch (const nn::file_error& error) {
        check(error.what(), who);
    }
}

template <class T>
void read_as(const nn::SafetensorsFile& file, const std::string& name) {
    read<T, 0>(file, name);
    read<T, 1>(file, name);
    read<T, 2>(file, name);
    read<T, 3>(file, name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    try {
        const nn::SafetensorsFile file(std::as_bytes(std::span(bytes, count)), "fuzzed");
        std::size_t total = 0;
        for (const std::string& name : file.names()) {
            const auto elements = file.bytes(name);
            total += std::vector(elements.begin(), elements.end()).size();
            if (!file.contains(name) || file.dtype(name).empty()) {
                wrong("a tensor without a type");
            }
            read_as<float>(file, name);
            read_as<double>(file, name);
            read_as<bool>(file, name);
            read_as<std::int8_t>(file, name);
            read_as<std::uint16_t>(file, name);
            read_as<std::int32_t>(file, name);
            read_as<std::uint64_t>(file, name);
        }
        if (total > count) {
            wrong("more bytes than the file has");
        }
        // Into a network, by names that the file has or not.
        nn::Conv1d<float> conv({.in_channels = 1, .out_channels = 2, .kernel_size = 3}, nn::no_init);
        nn::load_safetensors(file, conv, {.ignore = {"ignored"}, .rename = {{"a", "weight"}}});
    } catch (const nn::file_error& error) {
        const std::string_view text = error.what();
        check(text, text.starts_with(who) ? who : "nn::load_safetensors: fuzzed: ");
    }
    return 0;
}
