// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>  // std::uint64_t

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

namespace detail {

// Compiler extensions, off like those of kernels/simd.hpp.
#if defined(__GNUC__) && defined(__SSE__) && !defined(NN_NO_SIMD)
inline constexpr std::uint64_t flush_bits = 0x8040;  // MXCSR: flush to zero, denormals are zeros
inline std::uint64_t float_control() { return __builtin_ia32_stmxcsr(); }
inline void set_float_control(std::uint64_t bits) { __builtin_ia32_ldmxcsr(static_cast<unsigned>(bits)); }
#elif defined(__GNUC__) && defined(__aarch64__) && !defined(NN_NO_SIMD)
inline constexpr std::uint64_t flush_bits = 1U << 24;  // FPCR.FZ
inline std::uint64_t float_control() {
    std::uint64_t bits = 0;
    asm volatile("mrs %0, fpcr" : "=r"(bits));
    return bits;
}
inline void set_float_control(std::uint64_t bits) { asm volatile("msr fpcr, %0" : : "r"(bits)); }
#else
inline constexpr std::uint64_t flush_bits = 0;
inline std::uint64_t float_control() { return 0; }
inline void set_float_control(std::uint64_t) {}
#endif

/// No load or store moves across it, nor what is reckoned between them.
inline void keep_in_place() {
#if defined(__GNUC__) && !defined(NN_NO_SIMD)
    asm volatile("" : : : "memory");
#endif
}

}  // namespace detail

/// While it lives, float and double numbers below the least normal one (1.2e-38, 2.2e-308) are read and stored as 0 by the thread that made
/// it. What decays, the state of an LSTM or a signal that fades out, passes through such numbers, and processors take up to a hundred
/// times as long for each.
///
///     const nn::ScopedFlushDenormals flush;      net.forward_into(x, state, y, workspace);
///
/// Without it nn gives the exact results. An executor's own threads are not touched. On x86 with SSE and on AArch64; elsewhere, and with
/// NN_NO_SIMD, it does nothing: see `supported`. At the end of the scope numbers are again treated as before it.
class ScopedFlushDenormals {
public:
    static constexpr bool supported = detail::flush_bits != 0;  ///< whether it does anything here

    ScopedFlushDenormals() : before_(detail::float_control()) {
        detail::set_float_control(before_ | detail::flush_bits);
        detail::keep_in_place();
    }
    ScopedFlushDenormals(const ScopedFlushDenormals&) = delete;
    ScopedFlushDenormals& operator=(const ScopedFlushDenormals&) = delete;
    ~ScopedFlushDenormals() {
        detail::keep_in_place();
        // Flags that rose meanwhile (inexact, overflow) stay.
        detail::set_float_control((detail::float_control() & ~detail::flush_bits) | (before_ & detail::flush_bits));
    }

private:
    std::uint64_t before_;
};

}  // namespace nn::inline NN_ABI
