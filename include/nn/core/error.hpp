// SPDX-License-Identifier: MIT
#pragma once

#include <array>     // std::array
#include <charconv>  // std::to_chars
#include <concepts>  // std::integral, std::signed_integral, std::floating_point
#include <cstddef>   // std::size_t
#include <cstdint>   // std::int64_t, std::uint64_t
#include <initializer_list>
#include <span>         // std::span
#include <stdexcept>    // std::invalid_argument, std::runtime_error
#include <string>       // std::string
#include <string_view>  // std::string_view

#include <nn/core/digits.hpp>
#include <nn/core/index.hpp>
#include <nn/core/padding.hpp>
#include <nn/core/per_axis.hpp>

#if !defined(__cpp_exceptions)
namespace nn {
/// Called with the text of every error in a program built with -fno-exceptions. The user of nn defines it.
[[noreturn]] void on_error(const char* text);
}  // namespace nn
#endif

namespace nn::inline NN_ABI {

/// An argument whose shape does not fit. The text names the layer, what came, what was expected, and every shape involved.
struct shape_error : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// A file that cannot be read or written, or that does not hold what was asked for. The text names the file, what came and what was
/// expected.
struct file_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

/// A piece of an error text. Refers to what it was made from.
class Part {
public:
    constexpr Part(const char* text) : kind_(Kind::text), text_(text) {}
    constexpr Part(std::string_view text) : kind_(Kind::text), text_(text) {}
    template <std::integral I>
    constexpr Part(I number) : kind_(std::signed_integral<I> ? Kind::integer : Kind::natural), integer_(static_cast<std::int64_t>(number)) {}
    constexpr Part(float number) : kind_(Kind::single), real_(static_cast<double>(number)) {}
    template <std::floating_point F>
    constexpr Part(F number) : kind_(Kind::real), real_(static_cast<double>(number)) {}
    constexpr Part(const Pad& pad) : kind_(Kind::pad), pad_(pad) {}
    constexpr Part(std::span<const index_t> shape) : kind_(Kind::shape), shape_(shape) {}
    template <std::size_t R>
    constexpr Part(const std::array<index_t, R>& shape) : Part(std::span<const index_t>(shape)) {}
    template <std::size_t N>
    constexpr Part(const PerAxis<N>& lengths) : Part(lengths.values()) {}

    void append_to(std::string& text) const {
        switch (kind_) {
            case Kind::text: text += text_; break;
            case Kind::integer: append(text, integer_); break;
            case Kind::natural: append(text, static_cast<std::uint64_t>(integer_)); break;
            case Kind::single: append(text, static_cast<float>(real_)); break;  // the digits of a float: 0.1, not 0.10000000149011612
            case Kind::real: append(text, real_); break;
            case Kind::pad: append(text, std::array<index_t, 2>{pad_.before, pad_.after}); break;
            case Kind::shape: append(text, shape_); break;
        }
    }

private:
    enum class Kind { text, integer, natural, single, real, pad, shape };

    template <class Number>
    static void append(std::string& text, Number number) {
        std::array<char, 32> digits{};
        if constexpr (requires { std::to_chars(digits.data(), digits.data(), number).ptr; }) {
            text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
        } else {
            text += shortest_digits(number);
        }
    }
    static void append(std::string& text, std::span<const index_t> shape) {
        text += '(';
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            text += axis == 0 ? "" : ", ";
            append(text, shape[axis]);
        }
        text += shape.size() == 1 ? ",)" : ")";  // as Python prints a shape
    }
    template <std::size_t R>
    static void append(std::string& text, const std::array<index_t, R>& shape) {
        append(text, std::span<const index_t>(shape));
    }

    Kind kind_;
    union {  // so that where an error may arise there is little code
        std::string_view text_;
        std::int64_t integer_;
        double real_;
        Pad pad_;
        std::span<const index_t> shape_;
    };
};

inline std::string error_text(std::string_view who, std::initializer_list<Part> parts) {
    std::string text(who);
    text += ": ";
    for (const Part& part : parts) {
        part.append_to(text);
    }
    return text;
}

/// The word behind a number of axes.
constexpr std::string_view axes(std::size_t count) { return count == 1 ? " axis" : " axes"; }

}  // namespace detail

/// Throws an E whose text is `who: parts…`. Parts are texts, numbers, pads and shapes.
template <class E = shape_error>
[[noreturn]] void fail(std::string_view who, std::initializer_list<detail::Part> parts) {
#if defined(__cpp_exceptions)
    throw E(detail::error_text(who, parts));
#else
    on_error(detail::error_text(who, parts).c_str());
#endif
}

/// `fail` unless `ok`: the text is built on failure only.
template <class E = shape_error, class... Parts>
constexpr void require(bool ok, std::string_view who, const Parts&... parts) {
    if (!ok) [[unlikely]] {
        fail<E>(who, {detail::Part(parts)...});
    }
}

}  // namespace nn::inline NN_ABI
