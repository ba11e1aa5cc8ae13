// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <nn/core/error.hpp>
#include <nn/tensor.hpp>

#include "support/catch.hpp"
#include "support/tensors.hpp"

namespace nn::test {

/// All of a file, which must be there.
inline std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    INFO(path.string());
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A directory of a test's own.
class Scratch {
public:
    Scratch() : path_(std::filesystem::temp_directory_path() / ("nn-test-" + std::to_string(std::random_device()()))) {
        std::filesystem::create_directory(path_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { std::filesystem::remove_all(path_); }

    std::string operator/(const std::string& name) const { return (path_ / name).string(); }
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(path_)) {
            names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }

private:
    std::filesystem::path path_;
};

inline void write(const std::string& path, const std::string& bytes) {
    std::filesystem::remove(path);  // some file systems wait for the disk when a file is cut and written again
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Calls `f` with many copies of a file, in each of which four bytes have become others of its own.
template <class F>
void for_each_jumbled(const std::string& good, const F& f) {
    std::mt19937 rng(1);
    for (int i = 0; i < 5000; ++i) {
        std::string bytes = good;
        for (int changes = 0; changes < 4; ++changes) {
            bytes[rng() % bytes.size()] = good[rng() % good.size()];
        }
        f(bytes);
    }
}

/// The text of the file_error that f throws; "" where it throws none.
template <class F>
std::string file_error_of(const F& f) {
    return error_of<file_error>(f);
}

/// Of one shape and equal to the bit, payloads of NaN too. (Catch2 cannot show a comparison of tensors, and == takes -0 for 0.)
template <class T, std::size_t R>
bool same(const Tensor<T, R>& a, const Tensor<T, R>& b) {
    return a.shape() == b.shape() &&
           std::equal(a.begin(), a.end(), b.begin(), [](const T& x, const T& y) { return std::memcmp(&x, &y, sizeof(T)) == 0; });
}

}  // namespace nn::test
