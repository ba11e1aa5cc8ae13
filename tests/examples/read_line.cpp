// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "examples/read_line/picture.hpp"
#include "examples/read_line/reader.hpp"
#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace {

namespace fs = std::filesystem;
using nn::test::error_of;
using nn::test::identical;
using read_line::Picture;

// ---- pictures ----

/// A picture of one gray a pixel.
Picture painted(int rows, int columns, const std::function<int(int, int)>& gray) {
    Picture picture{rows, columns, {}};
    for (int row = 0; row < rows; ++row) {
        for (int column = 0; column < columns; ++column) {
            picture.pixels.push_back(static_cast<std::uint8_t>(gray(row, column)));
        }
    }
    return picture;
}

/// # is black, anything else white.
Picture drawn(const std::vector<std::string>& rows) {
    return painted(static_cast<int>(rows.size()), static_cast<int>(rows.front().size()), [&](int row, int column) {
        return rows[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)] == '#' ? 0 : 255;
    });
}

Picture inverted(Picture picture) {
    for (std::uint8_t& gray : picture.pixels) {
        gray = static_cast<std::uint8_t>(255 - gray);
    }
    return picture;
}

/// A box of ink on a ground.
struct Bar {
    int top, left, rows, columns;

    bool holds(int row, int column) const { return row >= top && row < top + rows && column >= left && column < left + columns; }
    Picture on(int height, int width, int ink = 0, int ground = 255) const {
        return painted(height, width, [&](int row, int column) { return holds(row, column) ? ink : ground; });
    }
};

std::vector<int> ink_box(const Picture& picture) {
    const auto box = read_line::detail::ink_box(picture, [](int gray) { return gray == 0; });
    return {box.x0, box.y0, box.x1, box.y1};
}

bool close(double a, double b) { return std::abs(a - b) < 1e-5; }

// ---- files ----

/// A file that is gone with its object.
class File {
public:
    explicit File(const std::string& bytes)
        : path_(fs::temp_directory_path() / ("nn-read-line-" + std::to_string(std::random_device()()) + ".picture")) {
        std::ofstream(path_, std::ios::binary) << bytes;
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { fs::remove(path_); }

    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string big_endian(std::uint32_t number) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(number >> shift & 255);
    }
    return bytes;
}

/// A part of a PNG: its length, its name, its bytes and the CRC-32 of both.
std::string chunk(const std::string& name, const std::string& bytes) {
    std::uint32_t crc = ~0U;
    for (const char c : name + bytes) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0U);
        }
    }
    return big_endian(static_cast<std::uint32_t>(bytes.size())) + name + bytes + big_endian(~crc);
}

std::string png_header(std::uint32_t columns, std::uint32_t rows, char depth, char kind) {
    return "\x89PNG\r\n\x1a\n" + chunk("IHDR", big_endian(columns) + big_endian(rows) + depth + kind + std::string(3, '\0'));
}

constexpr char gray = 0, rgb = 2, palette = 3, gray_alpha = 4, rgb_alpha = 6;

/// A PNG of one row (all that is needed here), stored without compression. `more` stands between its header and its pixels.
std::string png(std::uint32_t columns, char depth, char kind, const std::vector<int>& pixels, const std::string& more = "") {
    std::string row(1, '\0');  // no filter
    for (const int byte : pixels) {
        row += static_cast<char>(byte);
    }
    std::uint32_t a = 1;  // Adler-32
    std::uint32_t b = 0;
    for (const char c : row) {
        a = (a + static_cast<std::uint8_t>(c)) % 65521;
        b = (b + a) % 65521;
    }
    const auto size = static_cast<char>(row.size());
    const std::string stored =
        std::string("\x78\x01\x01") + size + '\0' + static_cast<char>(~size) + '\xff' + row + big_endian(b << 16 | a);
    return png_header(columns, 1, depth, kind) + more + chunk("IDAT", stored) + chunk("IEND", "");
}

using Grays = std::vector<std::uint8_t>;

Grays grays_of(const std::string& bytes) { return read_line::decode(File(bytes).path()).pixels; }

std::string decode_error(const fs::path& path) {
    return error_of<std::runtime_error>([&] { read_line::decode(path); });
}
std::string decode_error_of(const std::string& bytes) { return decode_error(File(bytes).path()); }
std::string normalise_error(const Picture& picture) {
    return error_of<std::runtime_error>([&] { read_line::normalise(picture); });
}

// ---- the samples ----

const fs::path folder = NN_EXAMPLES "/read_line";
const fs::path samples = folder / "samples";

/// File and text of each sample.
std::vector<std::pair<std::string, std::string>> truths() {
    std::vector<std::pair<std::string, std::string>> found;
    std::ifstream file(samples / "truth.txt");
    std::string name;
    std::string text;
    while (std::getline(file, name, '\t') && std::getline(file, text)) {
        found.emplace_back(name, text);
    }
    return found;
}

const read_line::Reader& reader() {
    static const read_line::Reader once(folder / "read_line.safetensors");
    return once;
}

/// Scores in which each step has one of these classes far ahead.
nn::Tensor<float, 2> scores_for(const std::vector<std::size_t>& classes) {
    nn::Tensor<float, 2> scores = xt::zeros<float>({classes.size(), std::size_t{96}});
    for (std::size_t t = 0; t < classes.size(); ++t) {
        scores(t, classes[t]) = 20;
    }
    return scores;
}

std::string text_of(const nn::Tensor<float, 2>& scores) { return read_line::to_string(read_line::decode(scores)); }

}  // namespace

// ---- what Equinox said ----

TEST_CASE("read_line: scores and texts of the samples are those of Equinox") {
    const nn::SafetensorsFile expected(samples / "logits.safetensors");
    REQUIRE(truths().size() >= 9);
    for (const auto& [name, text] : truths()) {
        CAPTURE(name);
        const auto logits = expected.get<float, 2>(name);
        const auto scores = reader()(read_line::normalise(read_line::decode(samples / name)));
        REQUIRE(nn::test::shape_of(scores) == nn::test::shape_of(logits));
        float scale = 0;
        float worst = 0;
        for (std::size_t i = 0; i < logits.size(); ++i) {
            scale = std::max(scale, std::abs(logits.flat(i)));
            worst = std::max(worst, std::abs(scores.flat(i) - logits.flat(i)));
        }
        CAPTURE(worst, scale);
        CHECK(worst <= 1e-4F * scale);
        CHECK(text_of(scores) == text);
    }
}

TEST_CASE("read_line: a line is read alike whatever was read before, and whether its layers are timed or not") {
    const auto [name, text] = truths().front();
    const auto line = read_line::normalise(read_line::decode(samples / name));
    const auto scores = reader()(line);
    std::vector<std::size_t> reported;
    const auto timed = reader()(line, [&](std::size_t i, double milliseconds) {
        reported.push_back(i);
        CHECK(milliseconds >= 0);
    });
    CHECK(identical(timed, scores));
    CHECK(reported == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    reader()(read_line::normalise(Bar{8, 8, 16, 16}.on(32, 32)));
    CHECK(identical(reader()(line), scores));
}

TEST_CASE("read_line: weights of another network are refused") {
    CHECK_THROWS_WITH(read_line::Reader(samples / "logits.safetensors"), nn::test::ContainsSubstring("38 missing: \"0.conv.weight\""));
}

// ---- from scores to text ----

TEST_CASE("read_line: a run of one class is one character, blanks separate and go") {
    CHECK(text_of(scores_for({})).empty());
    CHECK(text_of(scores_for({0, 0, 0})).empty());
    CHECK(text_of(scores_for({34, 34, 0, 34, 35, 35, 0})) == "AAB");
    CHECK(text_of(scores_for({0, 1, 1, 95, 1, 0})) == " ~ ");  // the first and the last of the classes
    CHECK(text_of(scores_for({95, 0, 95})) == "~~");
}

TEST_CASE("read_line: of equal scores the first class counts") {
    nn::Tensor<float, 2> scores = xt::zeros<float>({1, 96});
    CHECK(text_of(scores).empty());
    scores(0, 40) = scores(0, 50) = 1;
    CHECK(text_of(scores) == "G");
}

TEST_CASE("read_line: a character is as sure as the surest of its steps") {
    // Scores log p + anything: their softmax is p. A at 1/2 and 3/4, then B after no blank at 1/4 among 1/8s.
    nn::Tensor<float, 2> scores({3, 96}, -1000.0F);
    scores(0, 34) = std::log(0.5F) + 7;
    scores(0, 0) = scores(0, 35) = std::log(0.25F) + 7;
    scores(1, 34) = std::log(0.75F) - 90;
    scores(1, 1) = std::log(0.25F) - 90;
    scores(2, 35) = std::log(0.25F) + 300;
    for (std::size_t k = 50; k < 56; ++k) {
        scores(2, k) = std::log(0.125F) + 300;
    }
    const auto text = read_line::decode(scores);
    REQUIRE(text.size() == 2);
    CHECK(text[0].character == 'A');
    CHECK(close(text[0].confidence, 0.75));
    CHECK(text[1].character == 'B');
    CHECK(close(text[1].confidence, 0.25));
}

// ---- from a picture to the network's input: the formulas are at the head of picture.py ----

TEST_CASE("read_line: a bar of ink becomes its trapezoid") {
    // Enlarging, cells sample the pixels' linear interpolation: along an axis, at a distance c into a box of length l, it is
    // 1 inside, and falls to 0 from half a pixel inside to half a pixel outside. Rows and columns multiply.
    const auto cover = [](double c, double l) { return std::clamp(std::min(c, l - c) + 0.5, 0.0, 1.0); };
    const Bar bar = GENERATE(Bar{8, 8, 16, 8}, Bar{3, 40, 5, 17}, Bar{7, 6, 1, 1}, Bar{9, 2, 2, 20}, Bar{30, 9, 24, 3});
    CAPTURE(bar.rows, bar.columns);
    const auto line = read_line::normalise(bar.on(70, 90));
    const double height = 1.25 * bar.rows;
    const double width = bar.columns + 0.5 * bar.rows;
    const int cells = static_cast<int>(std::floor(32 * width / height + 0.5));
    REQUIRE(nn::test::shape_of(line) == nn::test::Extents{1, 32, (cells + 31) / 32 * 32});
    double worst = 0;
    for (std::size_t y = 0; y < 32; ++y) {
        for (std::size_t x = 0; x < line.shape(2); ++x) {
            const double down = cover(-0.125 * bar.rows + (static_cast<double>(y) + 0.5) * height / 32, bar.rows);
            const double along = cover(-0.25 * bar.rows + (static_cast<double>(x) + 0.5) * width / cells, bar.columns);
            worst = std::max(worst, std::abs(line(0, y, x) - (x < static_cast<std::size_t>(cells) ? down * along : 0.0)));
        }
    }
    CHECK(worst < 1e-5);
}

TEST_CASE("read_line: a large bar is averaged by the triangle filter") {
    // Windows of 32 x 32 cells. From the k-th row and column of cells on, those at the bar's edge hold `row` and `column` of it.
    struct Case {
        Bar bar;
        std::size_t k_row;
        std::vector<double> row;
        std::size_t k_column;
        std::vector<double> column;
    };
    const auto [bar, k_row, row, k_column, column] = GENERATE(
        // Cells of 5 pixels, a triangle 5 to either side, weights (1 2 3 4 5 4 3 2 1) / 25. Row 2 has its centre 3.5 above the bar: the
        // last of its weights falls into it. Row 3, 1.5 inside: the last six. Column 6, 0.5 inside: the last five.
        Case{{30, 50, 128, 96}, 2, {1.0 / 25, 19.0 / 25}, 6, {15.0 / 25}},
        // Cells of 1.25 pixels. Row 3 has its centre 0.375 inside: weights (3 9 1) / 13, the last two inside. Column 6, 0.125 inside:
        // (5 7) / 12, the last inside.
        Case{{30, 50, 32, 24}, 3, {10.0 / 13}, 6, {7.0 / 12}});
    const auto line = read_line::normalise(bar.on(200, 200));
    REQUIRE(nn::test::shape_of(line) == nn::test::Extents{1, 32, 32});
    const auto cover = [](std::size_t i, std::size_t first, const std::vector<double>& edge) {
        i = std::min(i, 31 - i);
        return i < first ? 0.0 : i - first < edge.size() ? edge[i - first] : 1.0;
    };
    double worst = 0;
    for (std::size_t y = 0; y < 32; ++y) {
        for (std::size_t x = 0; x < 32; ++x) {
            worst = std::max(worst, std::abs(line(0, y, x) - cover(y, k_row, row) * cover(x, k_column, column)));
        }
    }
    CHECK(worst < 1e-5);
}

TEST_CASE("read_line: where the picture ends the ground goes on") {
    const auto inside = read_line::normalise(Bar{40, 40, 16, 50}.on(100, 130));
    CHECK(identical(read_line::normalise(Bar{1, 1, 16, 50}.on(18, 52)), inside));
    CHECK(identical(read_line::normalise(Bar{0, 0, 16, 50}.on(17, 59)), inside));
    CHECK(identical(read_line::normalise(Bar{1, 9, 16, 50}.on(17, 59)), inside));
}

TEST_CASE("read_line: ink and ground may have any grays 12 apart") {
    const Bar bar{5, 9, 12, 40};
    const auto line = read_line::normalise(bar.on(30, 70));
    for (const auto& [ink, ground] : {std::pair{255, 0}, {0, 12}, {12, 0}, {255, 243}, {100, 180}, {180, 100}}) {
        CAPTURE(ink, ground);
        CHECK(identical(read_line::normalise(bar.on(30, 70, ink, ground)), line));
    }
}

TEST_CASE("read_line: contrast is that of the classes' means, cut at 0 and 1") {
    // Ink 0 and 40, ground 180 and 220, half of either: v = (200 - gray) / 180, seen in the middle of each quarter. The window is
    // 20 high from row 6 and 24 wide from column 4, in 38 cells: cell 10 looks at column 10.6, cell 25 at 20.1.
    const Bar bar{8, 8, 16, 16};
    const auto line = read_line::normalise(
        painted(32, 32, [&](int row, int column) { return bar.holds(row, column) ? (column < 16 ? 0 : 40) : (row < 16 ? 220 : 180); }));
    CHECK(close(line(0, 16, 10), 1));
    CHECK(close(line(0, 16, 25), 160.0 / 180));
    CHECK(close(line(0, 0, 10), 0));
    CHECK(close(line(0, 31, 10), 20.0 / 180));
}

TEST_CASE("read_line: an inverted picture gives the same input") {
    for (const auto& [name, text] : truths()) {
        CAPTURE(name);
        const Picture picture = read_line::decode(samples / name);
        const auto a = read_line::normalise(picture);
        const auto b = read_line::normalise(inverted(picture));
        REQUIRE(a.shape() == b.shape());
        float worst = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            worst = std::max(worst, std::abs(a.flat(i) - b.flat(i)));
        }
        CHECK(worst < 1e-5F);
    }
}

TEST_CASE("read_line: grays are split where the classes stand furthest apart, at the lowest such gray") {
    const auto split = [](const Grays& grays) { return read_line::detail::split({1, static_cast<int>(grays.size()), grays}); };
    const auto two = split({0, 210, 0, 10, 200, 210});
    CHECK(two.threshold == 10);
    CHECK(close(two.mean[0], 10.0 / 3));
    CHECK(close(two.mean[1], 620.0 / 3));
    // n0 n1 (m0 - m1)²: 3 · 4 · 216.25² = 561169 where 100 is light, 4 · 3 · 230² = 634800 where it is dark.
    CHECK(split({0, 0, 0, 100, 255, 255, 255}).threshold == 100);
    CHECK(split({0, 255}).threshold == 0);
    CHECK(split({254, 242}).threshold == 242);
}

TEST_CASE("read_line: the ground is what holds most of the rim, on a tie the lighter") {
    const auto dark_on_light = [](const std::vector<std::string>& rows) { return read_line::detail::dark_on_light(drawn(rows), 0); };
    CHECK(dark_on_light({".##."}));
    CHECK_FALSE(dark_on_light({".###"}));
    CHECK(dark_on_light({"#", ".", ".", "#"}));
    CHECK_FALSE(dark_on_light({"#", "#", ".", "#"}));
    CHECK(dark_on_light({"#.#", "...", "#.#"}));  // 4 of 8: corners count once
    CHECK(dark_on_light({".#.", "###", ".#."}));
    CHECK_FALSE(dark_on_light({"##.#", "#..#", "#..#", "####"}));
    CHECK(dark_on_light({"....", ".##.", ".##.", "###."}));
}

TEST_CASE("read_line: the box holds the ink that has two neighbours in the ink, or all of it where none has") {
    using Corners = std::vector<int>;  // x0 y0 x1 y1
    CHECK(ink_box(drawn({"......", ".##...", ".##..#", "......"})) == Corners{1, 1, 3, 3});
    CHECK(ink_box(drawn({"##....", "......", "...##.", "...##."})) == Corners{3, 2, 5, 4});       // two have one neighbour each
    CHECK(ink_box(drawn({"##....", "#.....", "...##.", "...##."})) == Corners{0, 0, 5, 4});       // three have two
    CHECK(ink_box(drawn({"#....", ".#...", "..#..", "...#.", "....#"})) == Corners{1, 1, 4, 4});  // corner to corner
    CHECK(ink_box(drawn({"####"})) == Corners{1, 0, 3, 1});
    CHECK(ink_box(drawn({"#", "#", "#", "."})) == Corners{0, 1, 1, 2});
    CHECK(ink_box(drawn({".....", ".#...", "....#"})) == Corners{1, 1, 5, 3});
    CHECK(ink_box(drawn({"....", "..#.", "...."})) == Corners{2, 1, 3, 2});
    CHECK(ink_box(drawn({"##", "##"})) == Corners{0, 0, 2, 2});
}

TEST_CASE("read_line: a speck beside the line moves nothing") {
    const Bar bar{40, 40, 16, 50};
    Picture picture = bar.on(100, 200);
    const auto line = read_line::normalise(picture);
    picture.pixels[5 * 200 + 190] = 0;
    picture.pixels[5 * 200 + 191] = 0;
    CHECK(identical(read_line::normalise(picture), line));
    picture.pixels[6 * 200 + 190] = 0;
    CHECK_FALSE(identical(read_line::normalise(picture), line));
}

TEST_CASE("read_line: a box wider than 64 of its heights is seen as one of 64") {
    // 130 pixels in a row, 128 of them with two neighbours: letters 2 high, a window of 2.5 x 129, 32 x ⌊1651.7⌋ cells, 1664 with the rest.
    // Row cell j looks at -0.75 + (j + 1/2) 2.5 / 32 of the one row of ink: nearest in cells 15 and 16, 0.039 off its middle.
    const auto line = read_line::normalise(Bar{6, 10, 1, 130}.on(13, 150));
    REQUIRE(nn::test::shape_of(line) == nn::test::Extents{1, 32, 1664});
    CHECK(close(line(0, 15, 800), 1 - 0.0390625));
    CHECK(close(line(0, 16, 800), 1 - 0.0390625));
    CHECK(close(line(0, 3, 800), 1 - 12.5 * 0.078125));
    CHECK(line(0, 2, 800) == 0);
}

TEST_CASE("read_line: where nothing stands out there is no text") {
    CHECK(normalise_error({1, 1, {0}}) == "no text found");
    CHECK(normalise_error({1, 1, {255}}) == "no text found");
    CHECK(normalise_error(Bar{0, 0, 0, 0}.on(20, 30)) == "no text found");
    CHECK(normalise_error(Bar{5, 5, 5, 5}.on(20, 30, 117, 128)) == "no text found");
    CHECK(normalise_error(Bar{5, 5, 5, 5}.on(20, 30, 128, 117)) == "no text found");
    CHECK(normalise_error(Bar{5, 5, 5, 5}.on(20, 30, 116, 128)).empty());
    CHECK(normalise_error({1, 2, {0, 255}}).empty());
}

// ---- from a file to a picture ----

TEST_CASE("read_line: gray is 0.299 R + 0.587 G + 0.114 B, rounded") {
    CHECK(grays_of("P3 5 1 255\n255 0 0  0 255 0  0 0 255  10 20 30  255 255 255\n") == Grays{76, 150, 29, 18, 255});
    CHECK(grays_of(std::string("P6\n1 2\n255\n") + "\x0a\x14\x1e\xff\xff\xff") == Grays{18, 255});
    CHECK(grays_of(png(2, 8, rgb, {255, 0, 0, 10, 20, 30})) == Grays{76, 18});
}

TEST_CASE("read_line: gray pictures of any depth; of 16 bits the high ones count") {
    CHECK(grays_of(std::string("P5\n# nothing\n3 1\n255\n") + "\x07\x80\xff") == Grays{7, 128, 255});
    CHECK(grays_of("P2 2 1 255\n9 200\n") == Grays{9, 200});
    CHECK(grays_of("P1 3 1\n0 1 0\n") == Grays{255, 0, 255});
    CHECK(grays_of(png(3, 1, gray, {0b01000000})) == Grays{0, 255, 0});
    CHECK(grays_of(png(4, 2, gray, {0b00011011})) == Grays{0, 85, 170, 255});
    CHECK(grays_of(png(2, 4, gray, {0x3c})) == Grays{51, 204});
    CHECK(grays_of(png(3, 8, gray, {1, 2, 254})) == Grays{1, 2, 254});
    CHECK(grays_of(png(3, 16, gray, {0x12, 0xff, 0xff, 0x00, 0x00, 0xff})) == Grays{0x12, 0xff, 0x00});
    CHECK(grays_of(png(1, 16, rgb, {10, 255, 20, 255, 30, 255})) == Grays{18});
}

TEST_CASE("read_line: what is transparent shows white") {
    // Black under alpha 128 is (255 · 127 + 127) div 255 = 127; (200, 10, 30) is (227, 132, 142), which is gray 162.
    CHECK(grays_of(png(3, 8, gray_alpha, {0, 0, 0, 128, 0, 255})) == Grays{255, 127, 0});
    CHECK(grays_of(png(3, 8, rgb_alpha, {0, 0, 0, 0, 200, 10, 30, 128, 10, 20, 30, 255})) == Grays{255, 162, 18});
    CHECK(grays_of(png(1, 16, gray_alpha, {0, 255, 128, 255})) == Grays{127});
    // Rounded: 1 under 127 is 128 + 127 / 255, 2 under 64 is 191 + 128 / 255.
    CHECK(grays_of(png(2, 8, gray_alpha, {1, 127, 2, 64})) == Grays{128, 192});
}

TEST_CASE("read_line: palettes, with and without transparency") {
    const std::string colours = chunk("PLTE", std::string("\xff\x00\x00\x0a\x14\x1e\x00\x00\x00", 9));
    CHECK(grays_of(png(4, 2, palette, {0b00011001}, colours)) == Grays{76, 18, 0, 18});
    CHECK(grays_of(png(3, 8, palette, {2, 1, 0}, colours)) == Grays{0, 18, 76});
    CHECK(grays_of(png(3, 8, palette, {0, 1, 2}, colours + chunk("tRNS", std::string("\x00\xff\x80", 3)))) == Grays{255, 18, 127});
}

TEST_CASE("read_line: a JPEG") {
    const File file("");
    const read_line::detail::PixPointer pix(pixCreate(16, 8, 8));
    pixSetAllArbitrary(pix.get(), 100);
    REQUIRE(pixWriteJpeg(file.path().c_str(), pix.get(), 100, 0) == 0);
    const Picture picture = read_line::decode(file.path());
    CHECK(picture.rows == 8);
    CHECK(picture.columns == 16);
    CHECK(picture.pixels == Grays(128, 100));
}

TEST_CASE("read_line: what is no picture is refused") {
    CHECK(decode_error("nowhere.png") == "No such file or directory");
    CHECK(decode_error("") == "No such file or directory");
    CHECK(decode_error(samples / "truth.txt" / "x.png") == "Not a directory");
    CHECK(decode_error(samples) == "not a file");
    CHECK(decode_error(samples / "truth.txt") == "not a picture that can be read");
    CHECK(decode_error(samples / "logits.safetensors") == "not a picture that can be read");
    CHECK(decode_error_of("") == "not a picture that can be read");
    CHECK(decode_error_of("\x89PN") == "not a picture that can be read");
    CHECK(decode_error_of("P5 0 5 255\n") == "not a picture that can be read");
    CHECK(decode_error_of("P5 -3 5 255\n") == "not a picture that can be read");
}

TEST_CASE("read_line: a damaged picture is refused, at whatever place it ends") {
    for (const auto& [name, text] : truths()) {
        const std::string bytes = bytes_of(samples / name);
        for (const std::size_t missing : {std::size_t{1}, bytes.size() / 10, bytes.size() / 2}) {
            CAPTURE(name, missing);
            CHECK(decode_error_of(bytes.substr(0, bytes.size() - missing)) == "a damaged picture");
        }
    }
    std::string bytes = png(3, 8, gray, {1, 2, 254});
    bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);  // in the checksum of its pixels
    CHECK(decode_error_of(bytes) == "a damaged picture");
}

TEST_CASE("read_line: a picture has at most 2^26 pixels; more is refused before it is read") {
    CHECK(decode_error_of("P5 8193 8192 255\n") == "more than 67108864 pixels");
    CHECK(decode_error_of("P5 100000 100000 255\n") == "more than 67108864 pixels");
    CHECK(decode_error_of(png_header(65536, 1025, 8, gray) + chunk("IDAT", "") + chunk("IEND", "")) == "more than 67108864 pixels");
    CHECK(decode_error_of("P5 8192 8192 255\n") == "a damaged picture");
}
