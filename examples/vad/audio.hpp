// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>    // std::size_t
#include <cstdio>     // std::sscanf
#include <cstring>    // std::strstr
#include <span>       // std::span
#include <stdexcept>  // std::runtime_error
#include <string>     // std::string

#include <sndfile.hh>

namespace vad {

/// A WAV file (or another that libsndfile decodes), read piece by piece: one channel of 16000 samples a second, in [-1, 1].
///
/// Errors  std::runtime_error, which names the file, what it holds and what was expected.
class Recording {
public:
    static constexpr int rate = 16000;

    explicit Recording(const std::string& path) : path_(path), file_(path) {
        if (file_.error() != SF_ERR_NO_ERROR) {
            fail(std::string("expected a WAV file; libsndfile says: ") + file_.strError());
        }
        if (file_.channels() != 1) {
            fail(std::to_string(file_.channels()) + " channels, expected 1");
        }
        if (file_.samplerate() != rate) {
            fail(std::to_string(file_.samplerate()) + " samples a second, expected " + std::to_string(rate));
        }

        // A file that ends before its header says is read as far as it goes, and only libsndfile's log tells.
        // A header that was written into a pipe promises the most it can: that is no promise.
        char log[8192] = {};
        file_.command(SFC_GET_LOG_INFO, log, sizeof log - 1);
        const char* data = std::strstr(log, "\ndata : ");
        unsigned long held = 0;
        unsigned long promised = 0;
        if (data != nullptr && std::sscanf(data, "\ndata : %lu (should be %lu)", &promised, &held) == 2 && held < promised &&
            promised < 0x7fff0000) {
            fail(std::to_string(held) + " bytes of sound, expected " + std::to_string(promised) + " as its header says");
        }
    }

    /// Fills `samples` as far as the recording goes and returns how many that are: fewer than asked for at its end only.
    std::size_t read(std::span<float> samples) {
        const sf_count_t count = file_.readf(samples.data(), static_cast<sf_count_t>(samples.size()));
        if (file_.error() != SF_ERR_NO_ERROR) {
            fail(file_.strError());
        }
        return static_cast<std::size_t>(count);
    }

private:
    [[noreturn]] void fail(const std::string& text) const { throw std::runtime_error(path_ + ": " + text); }

    std::string path_;
    SndfileHandle file_;
};

}  // namespace vad
