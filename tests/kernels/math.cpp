// SPDX-License-Identifier: MIT
#include <nn/kernels/elementary.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/kernels.hpp"

#if NN_SIMD

using nn::index_t;
using nn::simd::Isa;
using nn::test::isas;
namespace elementary = nn::kernels::elementary;

namespace {

enum class Function { exponential, logistic, hyperbolic_tangent, exponential_minus_one, softplus, normal_tail };

/// f of every element, on one instruction set.
template <class F>
std::vector<float> mapped(Isa isa, std::vector<float> x, const F& f) {
    x.resize((x.size() + 63) / 64 * 64, 1.0F);
    nn::simd::run<float>(isa, [&](auto target) NN_INLINE_LAMBDA {
        using V = typename nn::simd::VectorOf<float, decltype(target)>::type;
        for (std::size_t i = 0; i < x.size(); i += sizeof(V) / sizeof(float)) {
            V v;
            nn::simd::load(v, x.data() + i);
            f(v);
            nn::simd::store(v, x.data() + i);
        }
    });
    return x;
}

/// The function of every element, on one instruction set.
std::vector<float> values_of(Isa isa, Function function, const std::vector<float>& x) {
    return mapped(isa, x, [&](auto& v) NN_INLINE_LAMBDA {
        switch (function) {
            case Function::exponential: elementary::exponential(v); break;
            case Function::logistic: elementary::logistic(v); break;
            case Function::hyperbolic_tangent: elementary::hyperbolic_tangent(v); break;
            case Function::exponential_minus_one: elementary::exponential_minus_one(v); break;
            case Function::softplus: elementary::softplus(v); break;
            case Function::normal_tail: elementary::normal_tail(v); break;
        }
    });
}

double exactly(Function function, double x) {
    switch (function) {
        case Function::exponential: return std::exp(x);
        case Function::logistic: return 1 / (1 + std::exp(-x));
        case Function::hyperbolic_tangent: return std::tanh(x);
        case Function::exponential_minus_one: return std::expm1(x);
        case Function::softplus: return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
        case Function::normal_tail: break;
    }
    return std::erfc(std::abs(x) / std::sqrt(2.0)) / 2;
}

/// One unit in the last place of a float at y.
double unit_at(double y) {
    const int exponent = y == 0 ? -126 : std::max(std::ilogb(y), -126);
    return std::ldexp(1.0, exponent - 23);
}

/// The floats at whole steps through all bit patterns between 0 and `largest`, and their negatives.
std::vector<float> sweep(float largest) {
    std::uint32_t last = 0;
    std::memcpy(&last, &largest, sizeof(last));
    std::vector<float> x;
    for (std::uint32_t bits = 0; bits <= last; bits += 1009) {
        float value = 0;
        std::memcpy(&value, &bits, sizeof(value));
        x.push_back(value);
        x.push_back(-value);
    }
    return x;
}

/// In units, divided by 1 + growth·x².
double worst_error(Isa isa, Function function, const std::vector<float>& x, double growth = 0) {
    const std::vector<float> y = values_of(isa, function, x);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = exactly(function, static_cast<double>(x[i]));
        if (expected <= static_cast<double>(std::numeric_limits<float>::max())) {
            const double allowed = 1 + growth * static_cast<double>(x[i]) * static_cast<double>(x[i]);
            worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected) / unit_at(expected) / allowed);
        }
    }
    return worst;
}

}  // namespace

TEST_CASE("math: exponentials keep to their bounds, over two million floats") {
    for (const Isa isa : isas()) {
        CAPTURE(static_cast<int>(isa));
        const double exponential = worst_error(isa, Function::exponential, sweep(103.0F));
        const double logistic = worst_error(isa, Function::logistic, sweep(87.0F));
        const double tangent = worst_error(isa, Function::hyperbolic_tangent, sweep(103.0F));
        std::vector<float> negative = sweep(103.0F);
        std::erase_if(negative, [](float value) { return value > 0; });
        const double minus_one = worst_error(isa, Function::exponential_minus_one, negative);
        const double softplus = worst_error(isa, Function::softplus, sweep(103.0F));
        const double tail = worst_error(isa, Function::normal_tail, sweep(20.0F), 1 / 6.0);
        CAPTURE(exponential, logistic, tangent, minus_one, softplus, tail);
        CHECK(minus_one <= 2);
        CHECK(softplus <= 4);
        CHECK(tail <= 6);
        CHECK(exponential <= 2);
        CHECK(logistic <= 3);
        CHECK(tangent <= 3);
    }
}

TEST_CASE("math: powers keep to their bound, over two million floats for each exponent") {
    std::vector<float> x;
    for (std::uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 1009) {  // from the least normal float
        float value = 0;
        std::memcpy(&value, &bits, sizeof(value));
        x.push_back(value);
    }
    for (float value = 0.70F; value < 1.43F; value += 0x1p-20F) {  // where the logarithm is near 0, and where its parts meet
        x.push_back(value);
    }
    x.resize(x.size() / 64 * 64);  // so that y has as many
    for (const float p : {0.001F, 0.1F, 0.5F, 0.75F, 1.0F, 1.7F, 2.0F, 5.0F, 64.0F}) {
        const nn::kernels::Power power(p);
        for (const Isa isa : isas()) {
            CAPTURE(static_cast<int>(isa), p);
            const std::vector<float> y = mapped(isa, x, [&](auto& v) NN_INLINE_LAMBDA { power(v); });
            double worst = 0;
            bool taken = true;
            for (std::size_t i = 0; i < x.size(); ++i) {
                const double expected = std::pow(static_cast<double>(x[i]), static_cast<double>(p));
                taken = taken && nn::kernels::Power::takes(x[i], p) == (x[i] >= 1 || p * std::log2(x[i]) > -125);
                if (expected >= 0x1p-125 && expected <= static_cast<double>(std::numeric_limits<float>::max())) {
                    worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected) / unit_at(expected));
                }
            }
            CAPTURE(worst);
            CHECK(worst <= 2 + 1.25 * static_cast<double>(p));
            CHECK(taken);
        }
    }
}

TEST_CASE("math: the inverse of a power of 3/4 keeps to its bound, over two million floats, and is 0 at infinity") {
    std::vector<float> x;
    for (std::uint32_t bits = 0x02081cea; bits < 0x7f800000; bits += 1009) {  // from 1e-37
        float value = 0;
        std::memcpy(&value, &bits, sizeof(value));
        x.push_back(value);
    }
    x.resize(x.size() / 64 * 64);
    x[0] = std::numeric_limits<float>::infinity();
    x[1] = std::numeric_limits<float>::quiet_NaN();
    x[2] = std::numeric_limits<float>::max();
    x[3] = 1;
    for (const Isa isa : isas()) {
        const std::vector<float> y = mapped(isa, x, [](auto& v) NN_INLINE_LAMBDA {
            std::remove_reference_t<decltype(v)> two[] = {v, v + 1};
            nn::kernels::inverse_three_quarter_power(two);
            v = two[0];
        });
        CAPTURE(static_cast<int>(isa));
        CHECK((y[0] == 0 && std::isnan(y[1])));
        double worst = 0;
        for (std::size_t i = 2; i < x.size(); ++i) {
            const double expected = std::pow(static_cast<double>(x[i]), -0.75);
            worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected) / unit_at(expected));
        }
        CAPTURE(worst);
        CHECK(worst <= 3);
    }
}

TEST_CASE("math: powers of 1, of powers of 2, of infinity and NaN, and too large ones") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x{1.0F, 4.0F, 0.25F, infinity, nan, 3e38F, std::numeric_limits<float>::max()};
    for (const Isa isa : isas()) {
        const auto with = [&](float p) {
            const nn::kernels::Power power(p);
            return mapped(isa, x, [&](auto& v) NN_INLINE_LAMBDA { power(v); });
        };
        const auto root = with(0.5F);
        CHECK((root[0] == 1 && root[1] == 2 && root[2] == 0.5F && root[3] == infinity && std::isnan(root[4])));
        const auto same = with(1.0F);
        CHECK((same[0] == 1 && same[1] == 4 && same[3] == infinity && std::isnan(same[4])));
        CHECK(std::isfinite(same[6]));
        const auto square = with(2.0F);
        CHECK((square[1] == 16 && square[2] == 0.0625F && square[3] == infinity && std::isnan(square[4]) && square[5] == infinity));
        const auto large = with(64.0F);
        CHECK((large[0] == 1 && large[3] == infinity && std::isnan(large[4]) && large[5] == infinity && large[6] == infinity));
    }
    using nn::kernels::Power;
    CHECK((Power::takes(1.0F, 0.75F) && Power::takes(2e-38F, 0.75F) && Power::takes(1.0F, 64.0F)));
    CHECK((!Power::takes(0.0F, 0.75F) && !Power::takes(1e-38F, 0.75F) && !Power::takes(-1.0F, 2.0F) && !Power::takes(nan, 1.0F)));
    CHECK((!Power::takes(1.0F, 0.0F) && !Power::takes(1.0F, -0.5F) && !Power::takes(1.0F, 65.0F) && !Power::takes(1.0F, nan)));
    CHECK((Power::takes(1e-19F, 1.9F) && !Power::takes(1e-20F, 2.0F)));
}

TEST_CASE("math: the ends of the range, infinities, NaN and signed zero") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x{0.0F, -0.0F, 88.72F, 88.73F, -104.0F, 1e30F, -1e30F, infinity, -infinity, nan};
    for (const Isa isa : isas()) {
        const auto e = values_of(isa, Function::exponential, x);
        CHECK((e[0] == 1 && e[1] == 1 && std::isfinite(e[2]) && e[3] == infinity && e[4] == 0));
        CHECK((e[5] == infinity && e[6] == 0 && e[7] == infinity && e[8] == 0 && std::isnan(e[9])));
        const auto s = values_of(isa, Function::logistic, x);
        CHECK((s[0] == 0.5F && s[5] == 1 && s[6] == 0 && s[7] == 1 && s[8] == 0 && std::isnan(s[9])));
        const auto t = values_of(isa, Function::hyperbolic_tangent, x);
        CHECK((t[0] == 0 && !std::signbit(t[0]) && t[1] == 0 && std::signbit(t[1])));
        const auto m = values_of(isa, Function::exponential_minus_one, x);
        CHECK((m[0] == 0 && m[1] == 0 && m[4] == -1 && m[6] == -1 && m[8] == -1 && std::isnan(m[9])));
        const auto p = values_of(isa, Function::softplus, x);
        CHECK((p[2] == x[2] && p[4] < 1e-44F && p[5] == 1e30F && p[6] == 0 && p[7] == infinity && p[8] == 0 && std::isnan(p[9])));
        const auto n = values_of(isa, Function::normal_tail, x);
        CHECK((n[0] == 0.5F && n[1] == 0.5F && n[2] == 0 && n[5] == 0 && n[6] == 0 && n[7] == 0 && n[8] == 0 && std::isnan(n[9])));
        CHECK((t[2] == 1 && t[5] == 1 && t[6] == -1 && t[7] == 1 && t[8] == -1 && std::isnan(t[9])));
    }
}

#else

TEST_CASE("math: without vectors there is nothing here") { SUCCEED(); }

#endif
