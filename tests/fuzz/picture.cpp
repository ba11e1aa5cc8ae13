// SPDX-License-Identifier: MIT
// Any bytes as a picture for examples/read_line: the program's own reader makes a line of it, or refuses.

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "examples/read_line/picture.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
    static const int memory = memfd_create("picture", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(memory);
    if (memory < 0 || ftruncate(memory, 0) != 0 || pwrite(memory, bytes, count, 0) != static_cast<ssize_t>(count)) {
        std::abort();
    }
    // A megapixel is legitimate, and slow under a sanitizer.
    l_int32 columns = 0;
    l_int32 rows = 0;
    if (pixReadHeaderMem(bytes, count, nullptr, &columns, &rows, nullptr, nullptr, nullptr) == 0 &&
        std::int64_t{columns} * rows > 1 << 18) {
        return 0;
    }
    try {
        const auto line = read_line::normalise(read_line::decode(path));
        bool right = line.shape(0) == 1 && line.shape(1) == read_line::rows_read && line.shape(2) % read_line::column_step == 0;
        for (const float ink : line) {
            right = right && ink >= 0 && ink < 1.001F;
        }
        if (!right) {
            std::fprintf(stderr, "a line of %zu x %zu, or ink beyond 0 ... 1\n", line.shape(2), line.shape(1));
            std::abort();
        }
    } catch (const std::runtime_error&) {
    }
    return 0;
}
