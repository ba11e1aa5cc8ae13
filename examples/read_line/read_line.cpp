// SPDX-License-Identifier: MIT
//
// Reads a printed line of text from each picture:
//
//     read_line [--verbose] [--weights FILE] IMAGE...
//
// Standard output holds one line per picture, in order, and nothing else. --verbose adds, on standard error, how sure each character is
// and how long each layer took. A picture that cannot be read is one line on standard error and exit status 1; the others are read.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "picture.hpp"
#include "reader.hpp"

namespace {

const std::string usage = "usage: read_line [--verbose] [--weights FILE] IMAGE...";

void complain(const std::string& what) { std::fprintf(stderr, "read_line: %s\n", what.c_str()); }

std::string read(const read_line::Reader& reader, const std::string& path, bool verbose) {
    const auto line = read_line::normalise(read_line::decode(std::filesystem::path(path)));
    if (!verbose) {
        return read_line::to_string(read_line::decode(reader(line)));
    }
    std::fprintf(stderr, "%s: %zu x %zu\n", path.c_str(), line.shape(2), line.shape(1));
    const auto scores = reader(line, [](std::size_t i, double milliseconds) {
        std::fprintf(stderr, "  %2zu %-22s %8.3f ms\n", i, read_line::layer_names[i], milliseconds);
    });
    const auto text = read_line::decode(scores);
    for (const auto& [character, confidence] : text) {
        std::fprintf(stderr, "  '%c' %.3f\n", character, static_cast<double>(confidence));
    }
    return read_line::to_string(text);
}

void print(const std::string& line) {
    if (std::puts(line.c_str()) == EOF || std::fflush(stdout) != 0) {
        throw std::runtime_error("standard output cannot be written");
    }
}

}  // namespace

int main(int argc, char** argv) {
    bool verbose = false;
    std::string weights = READ_LINE_WEIGHTS;
    std::vector<std::string> pictures;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--verbose") {
            verbose = true;
        } else if (argument == "--weights" && i + 1 < argc) {
            weights = argv[++i];
        } else if (argument.starts_with("-")) {
            complain(std::string(argument) + ": no such option, or nothing after it; " + usage);
            return 1;
        } else {
            pictures.emplace_back(argument);
        }
    }
    if (pictures.empty()) {
        complain(usage);
        return 1;
    }
    try {
        const read_line::Reader reader(weights);
        int status = 0;
        for (const std::string& picture : pictures) {
            std::string line;
            try {
                line = read(reader, picture, verbose);
            } catch (const std::exception& error) {
                complain(picture + ": " + error.what());
                status = 1;
                continue;
            }
            print(line);
        }
        return status;
    } catch (const std::exception& error) {
        complain(error.what());
        return 1;
    }
}
