// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "examples/vad/audio.hpp"
#include "examples/vad/silero.hpp"
#include "examples/vad/speech.hpp"
#include "support/catch.hpp"

namespace {

using Intervals = std::vector<vad::Interval>;

/// The intervals, in chunks, of a recording whose chunks are drawn: # is speech, - between the two thresholds, . quiet.
/// Without padding unless the options say so.
Intervals intervals(std::string_view chunks, vad::SpeechOptions options = {.pad = 0}) {
    std::vector<float> probabilities;
    for (const char c : chunks) {
        probabilities.push_back(c == '#' ? 0.5F : c == '-' ? 0.49F : 0.34F);
    }
    Intervals found = vad::speech_intervals(probabilities, static_cast<std::int64_t>(chunks.size()) * options.chunk, options);
    for (vad::Interval& interval : found) {
        interval = {interval.first / options.chunk, interval.last / options.chunk};
    }
    return found;
}

struct File {
    std::string path;

    explicit File(const std::string& name) : path((std::filesystem::temp_directory_path() / name).string()) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { std::filesystem::remove(path); }
};

void write_wav(const std::string& path, const std::vector<std::int16_t>& samples, int channels, int rate) {
    SndfileHandle file(path, SFM_WRITE, SF_FORMAT_WAV | SF_FORMAT_PCM_16, channels, rate);
    REQUIRE(file.write(samples.data(), static_cast<sf_count_t>(samples.size())) == static_cast<sf_count_t>(samples.size()));
}

/// What tests/reference/generate.py wrote.
struct Expected {
    Intervals speech;
    std::vector<float> probabilities;

    explicit Expected(const std::string& path) {
        std::ifstream file(path);
        std::string word;
        while (file >> word) {
            if (word == "speech") {
                vad::Interval interval;
                file >> interval.first >> interval.last;
                speech.push_back(interval);
            } else if (word == "p") {
                file >> probabilities.emplace_back();
            } else {
                std::getline(file, word);
            }
        }
    }
};

/// A network that saves itself under the names of Silero's file, all zeros.
struct Zeros {
    nn::Conv1d<float> stft_conv{{.in_channels = 1, .out_channels = 258, .kernel_size = 256, .use_bias = false}, nn::no_init};
    nn::Conv1d<float> conv1{{.in_channels = 129, .out_channels = 128, .kernel_size = 3}, nn::no_init};
    nn::Conv1d<float> conv2{{.in_channels = 128, .out_channels = 64, .kernel_size = 3}, nn::no_init};
    nn::Conv1d<float> conv3{{.in_channels = 64, .out_channels = 64, .kernel_size = 3}, nn::no_init};
    nn::Conv1d<float> conv4{{.in_channels = 64, .out_channels = 128, .kernel_size = 3}, nn::no_init};
    nn::LSTMCell<float> lstm_cell{{.input_size = 128, .hidden_size = 128, .use_bias = false}, nn::no_init};
    nn::Tensor<float, 1> bias_ih{std::array<std::size_t, 1>{512}};
    nn::Tensor<float, 1> bias_hh{std::array<std::size_t, 1>{512}};
    nn::Conv1d<float> final_conv{{.in_channels = 128, .out_channels = 1, .kernel_size = 1}, nn::no_init};

    static void members(auto& self, auto&& f) {
        f("stft_conv", self.stft_conv);
        f("conv1", self.conv1);
        f("conv2", self.conv2);
        f("conv3", self.conv3);
        f("conv4", self.conv4);
        f("lstm_cell", self.lstm_cell);
        f("lstm_cell.bias_ih", self.bias_ih);
        f("lstm_cell.bias_hh", self.bias_hh);
        f("final_conv", self.final_conv);
    }

    void save(const std::string& path) {
        nn::visit_parameters(*this, [](std::string_view, auto& tensor) { tensor.fill(0.0F); });
        nn::save_safetensors(path, *this);
    }
};

}  // namespace

TEST_CASE("vad: speech ends with a pause of 1600 samples") {
    CHECK(intervals("..########.....") == Intervals{{2, 10}});
    CHECK(intervals("########....########.....") == Intervals{{0, 20}});
    CHECK(intervals("########.....########.....") == Intervals{{0, 8}, {13, 21}});
    CHECK(intervals("########") == Intervals{{0, 8}});
    CHECK(intervals("########..") == Intervals{{0, 10}});
}

TEST_CASE("vad: speech is longer than 4000 samples, pauses included") {
    CHECK(intervals("..#######.....").empty());
    CHECK(intervals("#..####.......").empty());
    CHECK(intervals("#..#####......") == Intervals{{0, 8}});
    CHECK(intervals("........").empty());
    CHECK(intervals("").empty());
}

TEST_CASE("vad: between the thresholds neither speech nor a pause begins or ends") {
    CHECK(intervals("--########------------") == Intervals{{2, 22}});
    CHECK(intervals("--########.---.") == Intervals{{2, 10}});
    CHECK(intervals("--########.------#") == Intervals{{2, 18}});
}

TEST_CASE("vad: padding stays within the recording and within the pause") {
    const vad::SpeechOptions wide{.pad = 4 * 512};
    CHECK(intervals("........########........", wide) == Intervals{{4, 20}});
    CHECK(intervals(".########......########..", wide) == Intervals{{0, 12}, {12, 25}});
    CHECK(intervals("....########.........########......", wide) == Intervals{{0, 16}, {17, 33}});

    const std::vector<float> loud(9, 1.0F);
    CHECK(vad::speech_intervals(loud, 4300) == Intervals{{0, 4300}});
}

TEST_CASE("vad: a recording is one channel of 16000 samples a second") {
    const File file("nn-vad.wav");
    std::array<float, 4> samples{};

    write_wav(file.path, {16384, -32768, 1}, 1, 16000);
    vad::Recording recording(file.path);
    CHECK(recording.read(samples) == 3);
    CHECK(samples == std::array{0.5F, -1.0F, 1.0F / 32768, 0.0F});
    CHECK(recording.read(samples) == 0);

    write_wav(file.path, {1, 2}, 2, 16000);
    CHECK_THROWS_WITH(vad::Recording(file.path), file.path + ": 2 channels, expected 1");
    write_wav(file.path, {1, 2}, 1, 44100);
    CHECK_THROWS_WITH(vad::Recording(file.path), file.path + ": 44100 samples a second, expected 16000");
    write_wav(file.path, std::vector<std::int16_t>(100), 1, 16000);
    std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 60);
    CHECK_THROWS_WITH(vad::Recording(file.path), file.path + ": 140 bytes of sound, expected 200 as its header says");
    std::ofstream(file.path) << "no sound";
    CHECK_THROWS_WITH(vad::Recording(file.path), nn::test::ContainsSubstring(file.path + ": expected a WAV file"));
    CHECK_THROWS_WITH(vad::Recording("nowhere.wav"), nn::test::ContainsSubstring("nowhere.wav: expected a WAV file"));
}

TEST_CASE("vad: weights are those of the network or refused") {
    const File file("nn-vad.safetensors");
    const auto load = [&] { return vad::Silero(nn::SafetensorsFile(file.path)); };

    Zeros().save(file.path);
    const vad::Silero network = load();
    auto state = network.initial_state();
    nn::Workspace workspace;
    CHECK(network(std::array<float, vad::Silero::chunk>{}, state, workspace) == 0.5F);

    Zeros narrow;
    narrow.conv2 = nn::Conv1d<float>({.in_channels = 128, .out_channels = 32, .kernel_size = 3}, nn::no_init);
    narrow.save(file.path);
    CHECK_THROWS_WITH(load(), nn::test::ContainsSubstring("(32, 128, 3)") && nn::test::ContainsSubstring("(64, 128, 3)"));

    Zeros uneven;
    uneven.bias_hh = nn::Tensor<float, 1>(std::array<std::size_t, 1>{100});
    uneven.save(file.path);
    CHECK_THROWS_WITH(load(), "lstm_cell.bias_hh has 100 elements, expected 512 as lstm_cell.bias_ih");

    nn::save_safetensors(file.path, nn::Linear<float>({.in_features = 2, .out_features = 2}, nn::no_init));
    CHECK_THROWS_WITH(load(), nn::test::ContainsSubstring("stft_conv.weight"));
}

TEST_CASE("vad: probabilities and intervals are those of ONNX Runtime") {
    const std::filesystem::path data = std::filesystem::path(NN_SHARED_DATA) / "silero-vad";
    if (!std::filesystem::exists(data)) {
        WARN("skipped: no " << data.string());
        return;
    }
    const Expected expected(NN_TESTS "/examples/vad_expected.txt");
    REQUIRE(expected.probabilities.size() == 1875);

    const vad::Silero network{nn::SafetensorsFile((data / "silero_vad_16k.safetensors").string())};
    CHECK(nn::parameter_count(network) == 309121);  // the 309633 of the file less one of its two LSTM biases

    vad::Recording recording((data / "test.wav").string());
    auto state = network.initial_state();
    nn::Workspace workspace;
    std::array<float, vad::Silero::chunk> chunk{};
    std::vector<float> probabilities;
    while (recording.read(chunk) == chunk.size()) {
        probabilities.push_back(network(chunk, state, workspace));
    }
    REQUIRE(probabilities.size() == expected.probabilities.size());
    float worst = 0;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
        worst = std::max(worst, std::abs(probabilities[i] - expected.probabilities[i]));
    }
    CAPTURE(worst);
    CHECK(worst < 1e-4F);
    CHECK(vad::speech_intervals(probabilities, 960000) == expected.speech);
}
