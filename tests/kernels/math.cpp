// SPDX-License-Identifier: MIT
#include <nn/kernels/math.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "support/catch.hpp"

#if NN_SIMD

using nn::index_t;
using nn::simd::Isa;

namespace {

enum class Function { exponential, logistic, hyperbolic_tangent };

/// The function of every element, on one instruction set.
std::vector<float> values_of(Isa isa, Function function, std::vector<float> x) {
    x.resize((x.size() + 63) / 64 * 64);
    nn::simd::run(isa, [&](auto target) NN_INLINE_LAMBDA {
        using V = typename nn::simd::VectorOf<float, decltype(target)>::type;
        for (std::size_t i = 0; i < x.size(); i += sizeof(V) / sizeof(float)) {
            V v;
            nn::simd::load(v, x.data() + i);
            switch (function) {
                case Function::exponential: nn::kernels::exponential(v); break;
                case Function::logistic: nn::kernels::logistic(v); break;
                case Function::hyperbolic_tangent: nn::kernels::hyperbolic_tangent(v); break;
            }
            nn::simd::store(v, x.data() + i);
        }
    });
    return x;
}

double exactly(Function function, double x) {
    switch (function) {
        case Function::exponential: return std::exp(x);
        case Function::logistic: return 1 / (1 + std::exp(-x));
        case Function::hyperbolic_tangent: break;
    }
    return std::tanh(x);
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

std::vector<Isa> isas() {
    std::vector<Isa> all{Isa::baseline};
    for (const Isa isa : {Isa::avx2, Isa::avx512}) {
        if (isa <= nn::simd::machine()) {
            all.push_back(isa);
        }
    }
    return all;
}

double worst_error(Isa isa, Function function, const std::vector<float>& x) {
    const std::vector<float> y = values_of(isa, function, x);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = exactly(function, static_cast<double>(x[i]));
        if (expected <= static_cast<double>(std::numeric_limits<float>::max())) {
            worst = std::max(worst, std::abs(static_cast<double>(y[i]) - expected) / unit_at(expected));
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
        CAPTURE(exponential, logistic, tangent);
        CHECK(exponential <= 2);
        CHECK(logistic <= 3);
        CHECK(tangent <= 3);
    }
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
        CHECK((t[2] == 1 && t[5] == 1 && t[6] == -1 && t[7] == 1 && t[8] == -1 && std::isnan(t[9])));
    }
}

#else

TEST_CASE("math: without vectors there is nothing here") { SUCCEED(); }

#endif
