// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::max
#include <cmath>      // std::abs, std::floor, std::isfinite, std::log10, std::round, std::signbit
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint64_t
#include <cstdlib>    // std::abs
#include <limits>     // std::numeric_limits
#include <string>     // std::string, std::to_string

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI::detail {

/// 10ⁿ times a number; 10ⁿ alone may be none.
inline long double times_ten_to(long double number, int n) {
    long double power = 10;
    for (int left = std::abs(n); left > 0; left /= 2) {
        if (left % 2 != 0) {
            number = n < 0 ? number / power : number * power;
        }
        power *= power;
    }
    return number;
}

/// A number as std::to_chars writes it, which LLVM's library before 14 (Debian's emscripten) does for integers alone: the fewest digits
/// that are read as that number again, in the shorter of both notations. Reckoned in a long double, which may leave one digit more than
/// needed.
template <std::floating_point F>
std::string shortest_digits(F number) {
    std::string text = std::signbit(number) ? "-" : "";
    if (!std::isfinite(number)) {
        return text + (number != number ? "nan" : "inf");
    }
    if (number == 0) {
        return text + "0";
    }
    const long double magnitude = std::abs(static_cast<long double>(number));
    const int whole = -static_cast<int>(std::floor(std::log10(magnitude)));
    int n = 0;  // the number is digits · 10⁻ⁿ
    std::string digits;
    for (int more = 0; more < std::numeric_limits<F>::max_digits10; ++more) {
        n = whole + more;
        const long double rounded = std::round(times_ten_to(magnitude, n));
        digits = std::to_string(static_cast<std::uint64_t>(rounded));
        if (static_cast<F>(times_ten_to(rounded, -n)) == static_cast<F>(magnitude)) {
            break;
        }
    }
    const int exponent = static_cast<int>(digits.size()) - 1 - n;  // of the first digit
    digits.resize(std::max<std::size_t>(digits.find_last_not_of('0') + 1, 1));

    const int after = static_cast<int>(digits.size()) - 1;  // digits behind the first
    std::string fixed = digits;
    if (exponent < 0) {
        fixed = "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    } else if (exponent >= after) {
        fixed.append(static_cast<std::size_t>(exponent - after), '0');
    } else {
        fixed.insert(static_cast<std::size_t>(exponent) + 1, ".");
    }
    const std::string power = std::to_string(std::abs(exponent));
    const std::string scientific = digits.substr(0, 1) + (after > 0 ? "." + digits.substr(1) : "") + (exponent < 0 ? "e-" : "e+") +
                                   (power.size() < 2 ? "0" : "") + power;
    return text + (scientific.size() < fixed.size() ? scientific : fixed);
}

}  // namespace nn::inline NN_ABI::detail
