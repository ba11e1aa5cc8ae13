// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int64_t
#include <optional>   // std::optional
#include <span>       // std::span
#include <vector>     // std::vector

namespace vad {

/// Samples [first, last) of a recording.
struct Interval {
    std::int64_t first = 0;
    std::int64_t last = 0;

    bool operator==(const Interval&) const = default;
};

/// When a row of probabilities counts as speech. Lengths count samples; the defaults are those of silero's get_speech_timestamps at 16 kHz.
struct SpeechOptions {
    std::int64_t chunk = 512;         ///< samples that one probability stands for
    double threshold = 0.5;           ///< speech begins at this probability …
    double quiet_threshold = 0.35;    ///< … and may end below this one
    std::int64_t min_silence = 1600;  ///< a shorter pause does not end it
    std::int64_t min_speech = 4000;   ///< what is not longer is dropped
    std::int64_t pad = 480;           ///< is added on both sides; two neighbours share a pause that is too short for both
};

/// The intervals of speech in a recording of `samples` samples. Speech that never pauses long enough ends with the recording.
///
/// Source  get_speech_timestamps of silero-vad 6.2.3, without its cut at a maximal length (which is infinite by default).
inline std::vector<Interval> speech_intervals(std::span<const float> probabilities, std::int64_t samples,
                                              const SpeechOptions& options = {}) {
    std::vector<Interval> found;
    std::optional<std::int64_t> speech;  // where it began
    std::optional<std::int64_t> pause;   // where it may have ended
    const auto close = [&](std::int64_t last) {
        if (last - *speech > options.min_speech) {
            found.push_back({*speech, last});
        }
        speech.reset();
        pause.reset();
    };
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
        const std::int64_t now = static_cast<std::int64_t>(i) * options.chunk;
        if (probabilities[i] >= options.threshold) {
            speech = speech.value_or(now);
            pause.reset();
        } else if (speech && probabilities[i] < options.quiet_threshold) {
            pause = pause.value_or(now);
            if (now - *pause >= options.min_silence) {
                close(*pause);
            }
        }
    }
    if (speech) {
        close(samples);
    }

    for (std::size_t i = 1; i < found.size(); ++i) {
        const std::int64_t half = std::min(options.pad, (found[i].first - found[i - 1].last) / 2);
        found[i - 1].last += half;
        found[i].first -= half;
    }
    if (!found.empty()) {
        found.front().first -= std::min(options.pad, found.front().first);
        found.back().last += std::min(options.pad, samples - found.back().last);
    }
    return found;
}

}  // namespace vad
