// SPDX-License-Identifier: MIT
// Any bytes as a NumPy file: its array is read, or it is refused with an error of the reader's own. What is read and written again is the
// same array.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <nn/io/npy.hpp>

namespace {

/// Reads a file as one type and rank. Whether it is one.
template <class T, std::size_t R>
bool read(std::span<const std::byte> bytes) {
    try {
        const auto x = nn::load_npy<T, R>(bytes, "fuzzed");
        if (x.size() * sizeof(T) > 4 * bytes.size()) {  // a half widens to a double
            std::fprintf(stderr, "more elements than the file has\n");
            std::abort();
        }
        std::string written = nn::detail::npy_head(nn::detail::dtype_of<T>(), nn::extents_of(x));
        written.append(reinterpret_cast<const char*>(x.data()), x.size() * sizeof(T));
        const auto again = nn::load_npy<T, R>(std::as_bytes(std::span(written)));
        if (x.shape() != again.shape() || (x.size() != 0 && std::memcmp(x.data(), again.data(), x.size() * sizeof(T)) != 0)) {
            std::fprintf(stderr, "another array comes back\n");
            std::abort();
        }
        return true;
    } catch (const nn::file_error& error) {
        const std::string_view text = error.what();
        if (!text.starts_with("nn::load_npy: fuzzed: ") || text.find('\n') != text.npos || text.size() > 3000) {
            std::fprintf(stderr, "an odd error: %s\n", error.what());
            std::abort();
        }
        return false;
    }
}

template <class T>
bool read_as(std::span<const std::byte> bytes) {
    return read<T, 0>(bytes) || read<T, 1>(bytes) || read<T, 2>(bytes) || read<T, 3>(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t count) {
    const auto bytes = std::as_bytes(std::span(data, count));
    (void)(read_as<float>(bytes) || read_as<bool>(bytes) || read_as<std::int8_t>(bytes) || read_as<std::uint16_t>(bytes) ||
           read_as<std::int32_t>(bytes) || read_as<std::uint64_t>(bytes));
    (void)read_as<double>(bytes);
    return 0;
}
