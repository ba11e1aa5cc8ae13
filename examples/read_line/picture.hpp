// SPDX-License-Identifier: MIT
#pragma once

// From a picture file to the network's input. picture.py is the same in Python; its head has the formulas.

#include <fcntl.h>   // open
#include <unistd.h>  // dup, dup2, close

#include <algorithm>     // std::clamp, std::max, std::min
#include <array>         // std::array
#include <cmath>         // std::floor, std::ceil
#include <cstddef>       // std::size_t
#include <cstdint>       // std::uint8_t
#include <cstdio>        // std::fflush
#include <filesystem>    // std::filesystem::path
#include <memory>        // std::unique_ptr
#include <stdexcept>     // std::runtime_error
#include <string>        // std::to_string
#include <system_error>  // std::error_code
#include <vector>        // std::vector

#include <leptonica/allheaders.h>

#include <nn/tensor.hpp>

namespace read_line {

inline constexpr int rows_read = 32;        ///< the height the network reads
inline constexpr int column_step = 32;      ///< its widths are multiples of this, as in training
inline constexpr double longest_line = 64;  ///< a box wider than this many times its height is seen as that high
inline constexpr double least_contrast = 12;
inline constexpr long most_pixels = 1L << 26;

/// A gray picture, row by row, 0 black.
struct Picture {
    int rows = 0;
    int columns = 0;
    std::vector<std::uint8_t> pixels;

    std::uint8_t at(int row, int column) const {
        return pixels[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column)];
    }
};

namespace detail {

/// While it lives, nothing reaches standard error: libpng and libjpeg report there what `decode` throws.
class Silence {
public:
    Silence() : kept_(dup(STDERR_FILENO)) {
        std::fflush(stderr);
        if (const int null = open("/dev/null", O_WRONLY); null >= 0) {
            dup2(null, STDERR_FILENO);
            close(null);
        }
    }
    ~Silence() {
        if (kept_ >= 0) {
            std::fflush(stderr);
            dup2(kept_, STDERR_FILENO);
            close(kept_);
        }
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

private:
    int kept_;
};

struct PixDeleter {
    void operator()(Pix* pix) const { pixDestroy(&pix); }
};
using PixPointer = std::unique_ptr<Pix, PixDeleter>;

/// The file as 32 bits a pixel, or null.
inline PixPointer read_pix(const char* path) {
    const PixPointer pix(pixRead(path));
    return PixPointer(pix ? pixConvertTo32(pix.get()) : nullptr);
}

}  // namespace detail

/// The picture in a PNG, JPEG, PGM, PPM or any other file Leptonica reads, as gray on white.
///
/// Errors  std::runtime_error: no such file, not a picture or a damaged one, or more than `most_pixels`.
inline Picture decode(const std::filesystem::path& path) {
    std::error_code error;
    if (const auto status = std::filesystem::status(path, error); !is_regular_file(status)) {
        throw std::runtime_error(exists(status) ? "not a file" : error.message());
    }
    const detail::Silence silence;
    setMsgSeverity(L_SEVERITY_NONE);
    int columns = 0;
    int rows = 0;
    if (pixReadHeader(path.c_str(), nullptr, &columns, &rows, nullptr, nullptr, nullptr) != 0 || columns <= 0 || rows <= 0) {
        throw std::runtime_error("not a picture that can be read");
    }
    if (static_cast<long>(columns) * rows > most_pixels) {
        throw std::runtime_error("more than " + std::to_string(most_pixels) + " pixels");
    }
    const detail::PixPointer pix = detail::read_pix(path.c_str());
    if (!pix || pixGetWidth(pix.get()) != columns || pixGetHeight(pix.get()) != rows) {
        throw std::runtime_error("a damaged picture");
    }
    Picture picture{rows, columns, std::vector<std::uint8_t>(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns))};
    const bool transparent = pixGetSpp(pix.get()) == 4;
    auto gray = picture.pixels.begin();
    for (int row = 0; row < rows; ++row) {
        const l_uint32* line = pixGetData(pix.get()) + static_cast<std::ptrdiff_t>(row) * pixGetWpl(pix.get());
        for (int column = 0; column < columns; ++column) {
            const l_uint32 pixel = line[column];
            const l_uint32 alpha = transparent ? pixel >> L_ALPHA_SHIFT & 255 : 255;
            const auto on_white = [&](int shift) { return ((pixel >> shift & 255) * alpha + 255 * (255 - alpha) + 127) / 255; };
            *gray++ = static_cast<std::uint8_t>(
                (299 * on_white(L_RED_SHIFT) + 587 * on_white(L_GREEN_SHIFT) + 114 * on_white(L_BLUE_SHIFT) + 500) / 1000);
        }
    }
    return picture;
}

namespace detail {

/// The two classes of grays, g <= threshold and above, and their means.
struct Split {
    int threshold;
    std::array<double, 2> mean;
};

/// Otsu's threshold: where n₀ n₁ (m₀ - m₁)² is largest, the lowest such.
inline Split split(const Picture& picture) {
    std::array<long, 256> count{};
    for (const std::uint8_t g : picture.pixels) {
        ++count[g];
    }
    long sum = 0;
    for (long g = 0; g < 256; ++g) {
        sum += g * count[static_cast<std::size_t>(g)];
    }
    double best = 0;
    Split found{};
    long n0 = 0;
    long s0 = 0;
    for (int t = 0; t < 255; ++t) {
        n0 += count[static_cast<std::size_t>(t)];
        s0 += t * count[static_cast<std::size_t>(t)];
        const long n1 = static_cast<long>(picture.pixels.size()) - n0;
        if (n0 > 0 && n1 > 0) {
            const double m0 = static_cast<double>(s0) / static_cast<double>(n0);
            const double m1 = static_cast<double>(sum - s0) / static_cast<double>(n1);
            const double between = static_cast<double>(n0) * static_cast<double>(n1) * (m0 - m1) * (m0 - m1);
            if (between > best) {
                best = between;
                found = {t, {m0, m1}};
            }
        }
    }
    if (best == 0 || found.mean[1] - found.mean[0] < least_contrast) {
        throw std::runtime_error("no text found");
    }
    return found;
}

/// Whether the lighter class holds at least half of the outermost pixels.
inline bool dark_on_light(const Picture& picture, int threshold) {
    long light = 0;
    long ring = 0;
    for (int row = 0; row < picture.rows; ++row) {
        const bool inner = row > 0 && row + 1 < picture.rows;
        for (int column = 0; column < picture.columns; column += inner ? std::max(1, picture.columns - 1) : 1) {
            light += picture.at(row, column) > threshold;
            ++ring;
        }
    }
    return 2 * light >= ring;
}

/// x0 <= x < x1, y0 <= y < y1.
struct Box {
    int x0, y0, x1, y1;
};

/// The box of the ink pixels that have two or more of their eight neighbours in the ink, or, if there are none, of all of them.
inline Box ink_box(const Picture& picture, const auto& is_ink) {
    const auto ink = [&](int row, int column) {
        return row >= 0 && row < picture.rows && column >= 0 && column < picture.columns && is_ink(picture.at(row, column));
    };
    const auto span = [&](int least) {
        Box box{picture.columns, picture.rows, 0, 0};
        for (int row = 0; row < picture.rows; ++row) {
            for (int column = 0; column < picture.columns; ++column) {
                if (!ink(row, column)) {
                    continue;
                }
                int near = -1;  // without itself
                for (int i = row - 1; i <= row + 1 && near < least; ++i) {
                    near += ink(i, column - 1) + ink(i, column) + ink(i, column + 1);
                }
                if (near >= least) {
                    box = {std::min(box.x0, column), std::min(box.y0, row), std::max(box.x1, column + 1), std::max(box.y1, row + 1)};
                }
            }
        }
        return box;
    };
    const Box solid = span(2);
    return solid.x1 > 0 ? solid : span(0);
}

/// A window along one axis: cell j of `cells` has its centre at start + (j + 1/2) · length / cells.
struct Window {
    double start;
    double length;
    int cells;
};

/// The pixels a cell takes, from `first` on, and their shares.
struct Taps {
    int first;
    std::vector<float> weights;
};

/// The triangle filter's weights for every cell. Pixels outside [0, size) read as 0 and are left out.
inline std::vector<Taps> triangle(const Window& window, int size) {
    const double step = window.length / window.cells;
    const double support = std::max(1.0, step);
    std::vector<Taps> cells;
    for (int j = 0; j < window.cells; ++j) {
        const double centre = window.start + (j + 0.5) * step;
        const auto weight = [&](int i) { return std::max(0.0, 1 - std::abs(i + 0.5 - centre) / support); };
        const int first = static_cast<int>(std::floor(centre - support));
        const int last = static_cast<int>(std::ceil(centre + support));
        double sum = 0;
        for (int i = first; i <= last; ++i) {
            sum += weight(i);
        }
        Taps taps{std::max(0, first), {}};
        for (int i = taps.first; i <= std::min(last, size - 1); ++i) {
            taps.weights.push_back(static_cast<float>(weight(i) / sum));
        }
        cells.push_back(std::move(taps));
    }
    return cells;
}

}  // namespace detail

/// What the network reads, (1, 32, W): ink 1, ground 0, the letters filling the height, W a multiple of 32.
///
/// Errors  std::runtime_error where nothing stands out.
inline nn::Tensor<float, 3> normalise(const Picture& picture) {
    const auto [threshold, mean] = detail::split(picture);
    const bool dark = detail::dark_on_light(picture, threshold);
    const double ground = mean[dark ? 1 : 0];
    const double ink = mean[dark ? 0 : 1];
    std::array<float, 256> table{};
    for (int g = 0; g < 256; ++g) {
        table[static_cast<std::size_t>(g)] = static_cast<float>(std::clamp((g - ground) / (ink - ground), 0.0, 1.0));
    }

    const detail::Box box = detail::ink_box(picture, [&, t = threshold](int g) { return dark == (g <= t); });
    const double letters = std::max<double>(box.y1 - box.y0, (box.x1 - box.x0) / longest_line);
    const double height = 1.25 * letters;
    const double width = box.x1 - box.x0 + 0.5 * letters;
    const int cells = static_cast<int>(std::floor(rows_read * width / height + 0.5));
    const auto down = detail::triangle({0.5 * (box.y0 + box.y1) - 0.5 * height, height, rows_read}, picture.rows);
    const auto along = detail::triangle({box.x0 - 0.25 * letters, width, cells}, picture.columns);

    const auto columns = static_cast<std::size_t>((cells + column_step - 1) / column_step * column_step);
    nn::Tensor<float, 3> line = xt::zeros<float>({std::size_t{1}, std::size_t{rows_read}, columns});
    std::vector<float> row(static_cast<std::size_t>(picture.columns));
    for (std::size_t y = 0; y < down.size(); ++y) {
        std::fill(row.begin(), row.end(), 0.0F);
        for (std::size_t i = 0; i < down[y].weights.size(); ++i) {
            for (int column = 0; column < picture.columns; ++column) {
                row[static_cast<std::size_t>(column)] +=
                    down[y].weights[i] * table[picture.at(down[y].first + static_cast<int>(i), column)];
            }
        }
        for (std::size_t x = 0; x < along.size(); ++x) {
            for (std::size_t i = 0; i < along[x].weights.size(); ++i) {
                line(0, y, x) += along[x].weights[i] * row[static_cast<std::size_t>(along[x].first) + i];
            }
        }
    }
    return line;
}

}  // namespace read_line
