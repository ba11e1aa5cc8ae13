// SPDX-License-Identifier: MIT
// Any bytes as a recording for examples/vad: the program's own reader hands out samples to the end, or refuses.

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "examples/vad/audio.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static const int memory = memfd_create("sound", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(memory);
    if (memory < 0 || ftruncate(memory, 0) != 0 || pwrite(memory, bytes, count, 0) != static_cast<ssize_t>(count)) {
        std::abort();
    }
    try {
        vad::Recording recording(path);
        std::array<float, 512> samples{};
        // A header may promise any number of samples; some codecs fill up with silence what is not there.
        for (int pieces = 0; pieces < 1000; ++pieces) {
            const std::size_t read = recording.read(samples);
            if (read > samples.size()) {
                std::abort();
            }
            if (read == 0) {
                break;
            }
        }
    } catch (const std::runtime_error& error) {
        if (!std::string_view(error.what()).starts_with(path + ": ")) {
            std::abort();
        }
    }
    return 0;
}
