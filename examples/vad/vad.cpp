// SPDX-License-Identifier: MIT
//
// Where somebody speaks in a recording:
//
//     vad silero_vad_16k.safetensors recording.wav

#include <algorithm>    // std::fill
#include <array>        // std::array
#include <cmath>        // std::isfinite
#include <cstdint>      // std::int64_t
#include <cstdio>       // std::printf
#include <exception>    // std::exception
#include <stdexcept>    // std::invalid_argument, std::runtime_error
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "audio.hpp"
#include "silero.hpp"
#include "speech.hpp"

namespace {

double seconds(std::int64_t samples) { return static_cast<double>(samples) / vad::Recording::rate; }

vad::Silero load(const std::string& path) {
    try {
        return vad::Silero(nn::SafetensorsFile(path));
    } catch (const std::invalid_argument& error) {  // an array of another shape; what else a file can lack names the file
        throw std::runtime_error(path + ": expected the weights of Silero's network at 16 kHz; " + error.what());
    }
}

void run(const std::string& weights, const std::string& audio, bool print_probabilities) {
    vad::Recording recording(audio);
    const vad::Silero network = load(weights);

    auto state = network.initial_state();
    nn::Workspace workspace;
    std::array<float, vad::Silero::chunk> chunk;
    std::vector<float> probabilities;
    std::int64_t samples = 0;
    while (const std::size_t count = recording.read(chunk)) {
        std::fill(chunk.begin() + static_cast<std::ptrdiff_t>(count), chunk.end(), 0.0F);
        const float probability = network(chunk, state, workspace);
        if (!std::isfinite(probability)) {
            throw std::runtime_error(audio + ": no sound from sample " + std::to_string(samples) + " on, but NaN, infinity or nearly that");
        }
        if (print_probabilities) {
            std::printf("%.3f %.6f\n", seconds(samples), static_cast<double>(probability));
        }
        probabilities.push_back(probability);
        samples += static_cast<std::int64_t>(count);
    }
    if (!print_probabilities) {
        for (const vad::Interval& speech : vad::speech_intervals(probabilities, samples)) {
            std::printf("%.3f %.3f\n", seconds(speech.first), seconds(speech.last));
        }
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        throw std::runtime_error("standard output cannot be written");
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool print_probabilities = arguments.size() == 3 && arguments[2] == "--probabilities";
    if (arguments.size() != 2 && !print_probabilities) {
        std::fprintf(stderr, "usage: vad WEIGHTS.safetensors AUDIO.wav [--probabilities]\n");
        return 1;
    }
    try {
        run(arguments[0], arguments[1], print_probabilities);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "vad: %s\n", error.what());
        return 1;
    }
}
