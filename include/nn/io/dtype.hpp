// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::copy, std::reverse_copy, std::transform
#include <array>        // std::array
#include <bit>          // std::endian
#include <concepts>     // std::same_as, std::integral
#include <cstddef>      // std::byte, std::size_t
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_signed_v

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI::detail {

/// An element type of safetensors files.
struct Dtype {
    std::string_view name;
    index_t bits;
};

/// In the order in which the reference implementation ranks them, which never puts a wider type before a narrower one.
inline constexpr std::array<Dtype, 22> dtypes{{
    {"BOOL", 8},    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16}, {"F16", 16}, {"BF16", 16},   {"I32", 32},
    {"U32", 32},    {"F32", 32},        {"C64", 64},        {"F64", 64},    {"I64", 64}, {"U64", 64},
}};

/// The dtype of this name, or none.
constexpr const Dtype* find_dtype(std::string_view name) {
    for (const Dtype& dtype : dtypes) {
        if (dtype.name == name) {
            return &dtype;
        }
    }
    return nullptr;
}

/// A C++ type that one dtype stands for. The others (F16, BF16, …) can be read as bytes.
template <class T>
concept file_element = std::same_as<T, float> || std::same_as<T, double> ||(std::integral<T> && sizeof(T) <= 8);

template <file_element T>
constexpr const Dtype* dtype_of() {
    if constexpr (std::same_as<T, bool>) {
        return find_dtype("BOOL");
    } else if constexpr (std::same_as<T, float>) {
        return find_dtype("F32");
    } else if constexpr (std::same_as<T, double>) {
        return find_dtype("F64");
    } else if constexpr (sizeof(T) == 8) {
        return find_dtype(std::is_signed_v<T> ? "I64" : "U64");
    } else if constexpr (sizeof(T) == 4) {
        return find_dtype(std::is_signed_v<T> ? "I32" : "U32");
    } else if constexpr (sizeof(T) == 2) {
        return find_dtype(std::is_signed_v<T> ? "I16" : "U16");
    } else {
        return find_dtype(std::is_signed_v<T> ? "I8" : "U8");
    }
}

/// Copies elements of `width` bytes between a file, which is little-endian, and the memory of a host.
inline void copy_elements(const std::byte* from, std::byte* to, std::size_t bytes, std::size_t width,
                          std::endian host = std::endian::native) {
    if (host == std::endian::little) {
        std::copy(from, from + bytes, to);
        return;
    }
    for (std::size_t element = 0; element < bytes; element += width) {
        std::reverse_copy(from + element, from + element + width, to + element);
    }
}

/// `count` elements out of the bytes of a file.
template <file_element T>
void read_elements(const std::byte* from, T* to, std::size_t count) {
    if constexpr (std::same_as<T, bool>) {
        // A bool made of any other byte than 0 or 1 is undefined; here it is true.
        std::transform(from, from + count, to, [](std::byte byte) { return byte != std::byte(0); });
    } else {
        copy_elements(from, reinterpret_cast<std::byte*>(to), count * sizeof(T), sizeof(T));
    }
}

}  // namespace nn::inline NN_ABI::detail
