// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::copy, std::reverse_copy, std::transform
#include <array>        // std::array
#include <bit>          // std::countl_zero, std::endian
#include <concepts>     // std::floating_point, std::same_as, std::integral
#include <cstddef>      // std::byte, std::size_t
#include <cstdint>      // std::uint16_t, std::uint32_t, std::uint64_t
#include <cstring>      // std::memcpy
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::is_signed_v

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI::detail {

/// An element type of files, by the name that safetensors gives it.
struct Dtype {
    std::string_view name;
    index_t bits;
};

/// In the order in which the reference implementation ranks them, which of numbers never puts a wider type before a narrower one.
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

inline constexpr const Dtype* dtype_f16 = find_dtype("F16");
inline constexpr const Dtype* dtype_bf16 = find_dtype("BF16");
inline constexpr const Dtype* dtype_f32 = find_dtype("F32");
inline constexpr const Dtype* dtype_f64 = find_dtype("F64");

/// F16, BF16, F32 or F64: what layers compute with.
constexpr bool is_real(const Dtype* dtype) { return dtype == dtype_f16 || dtype == dtype_bf16 || dtype == dtype_f32 || dtype == dtype_f64; }

/// A C++ type that one dtype stands for. F16 and BF16 widen to float and double; the others can be read as bytes.
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

/// The number that these bytes of a file make, the lowest first.
constexpr std::uint64_t little_endian(std::span<const std::byte> bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        number |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return number;
}

/// Copies elements of `width` bytes between a little-endian file and the memory of a host.
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

/// Whether T holds every value of a dtype: its own, or a narrower one of reals.
template <file_element T>
constexpr bool widens_to(const Dtype* dtype) {
    return dtype == dtype_of<T>() || (std::floating_point<T> && is_real(dtype) && dtype->bits < dtype_of<T>()->bits);
}

/// The float of these bits: std::bit_cast, which LLVM's library before 14 lacks.
inline float float_of(std::uint32_t bits) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
}

/// The float that equals a half (F16). Whole numbers alone are reckoned with: no rounding mode and no flushing of small numbers matters.
inline float from_half(std::uint16_t half) {
    const std::uint32_t sign = (half & 0x8000U) << 16U;
    const std::uint32_t exponent = half >> 10U & 0x1FU;
    std::uint32_t fraction = half & 0x3FFU;
    if (exponent == 0x1F) {  // infinity, NaN
        return float_of(sign | 0x7F800000U | fraction << 13U);
    }
    if (exponent != 0) {
        return float_of(sign | (exponent + (127 - 15)) << 23U | fraction << 13U);
    }
    if (fraction == 0) {
        return float_of(sign);
    }
    const auto shift = static_cast<std::uint32_t>(std::countl_zero(fraction)) - 21;  // subnormal there, normal here
    fraction = fraction << shift & 0x3FFU;
    return float_of(sign | (127 - 15 + 1 - shift) << 23U | fraction << 13U);
}

/// The float that equals a bfloat16: its upper half.
inline float from_bfloat(std::uint16_t bfloat) { return float_of(static_cast<std::uint32_t>(bfloat) << 16U); }

/// `count` reals of any dtype out of the bytes of a file.
template <std::floating_point T>
void read_reals(const Dtype* dtype, const std::byte* from, T* to, std::size_t count) {
    const auto read = [&]<class Stored>(Stored stored, auto convert) {
        for (std::size_t i = 0; i < count; ++i) {
            copy_elements(from + i * sizeof(Stored), reinterpret_cast<std::byte*>(&stored), sizeof(Stored), sizeof(Stored));
            to[i] = static_cast<T>(convert(stored));
        }
    };
    const auto same = [](auto value) { return value; };
    if (dtype == dtype_f16) {
        read(std::uint16_t(), from_half);
    } else if (dtype == dtype_bf16) {
        read(std::uint16_t(), from_bfloat);
    } else if (dtype == dtype_f32) {
        read(float(), same);
    } else {
        read(double(), same);
    }
}

/// `count` elements of `dtype` out of the bytes of a file, as T.
template <file_element T>
void read_elements(const Dtype* dtype, const std::byte* from, T* to, std::size_t count) {
    if constexpr (std::floating_point<T>) {
        if (dtype != dtype_of<T>()) {
            read_reals(dtype, from, to, count);
            return;
        }
    }
    read_elements(from, to, count);
}

}  // namespace nn::inline NN_ABI::detail
