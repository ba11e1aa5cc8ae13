// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/catch.hpp"

namespace nn::test {

/// All of a file, which must be there.
inline std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    INFO(path.string());
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace nn::test
