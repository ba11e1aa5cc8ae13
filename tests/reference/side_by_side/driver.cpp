// SPDX-License-Identifier: MIT
//
// nn as a server, for tests/reference/differential: reads requests on standard input, answers on standard output.
//
//     request   one line, as support/answers.hpp reads it; after the line the elements of the arrays, row-major, in their order
//     answer    one line: `ok` and arrays as in a request, or `error` and the text; after it the elements. Then, for every request, a line
//               `blocks N` and N uint64: the addresses of the basic blocks that the call ran through

#include "more_layers.hpp"

#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

// ---- the blocks that a call runs through ----

extern "C" char __executable_start;  // NOLINT: the linker's names
extern "C" char etext;

namespace {

/// The blocks that one call runs through. What the compiler calls at every block must itself call nothing that has blocks: it would be
/// called from there again.
struct Record {
    std::vector<std::uint32_t> seen_in;  // by address: the request that saw the block last
    std::vector<std::uint64_t> blocks;   // room for them all
    std::uint32_t* last = nullptr;       // seen_in's
    std::uint64_t* next = nullptr;       // behind the last of `blocks` that is taken
    std::uint32_t request = 0;
    bool on = false;

    Record() : seen_in(static_cast<std::size_t>(&etext - &__executable_start)), blocks(seen_in.size()), last(seen_in.data()) {}
    void begin() {
        ++request;
        next = blocks.data();
    }
    std::size_t count() const { return static_cast<std::size_t>(next - blocks.data()); }
};
Record record;

}  // namespace

extern "C" __attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc() {  // NOLINT: the compiler's name
    if (record.on) {
        const char* const block = static_cast<const char*>(__builtin_return_address(0));
        std::uint32_t& seen_in = record.last[block - &__executable_start];
        if (seen_in != record.request) {
            seen_in = record.request;
            *record.next++ = reinterpret_cast<std::uint64_t>(block);
        }
    }
}

namespace {

/// The arrays as they go out.
struct Reply {
    std::string line = "ok";
    std::vector<char> bytes;
};

template <class T>
Reply reply(const nn::test::Request& request) {
    nn::test::Answer<T> answer([](bool on) { record.on = on; });
    nn::test::answer_driver_request(request, answer);
    Reply reply;
    for (const auto& [name, array] : answer.arrays) {
        reply.line += " " + name + "=@f:";
        for (std::size_t axis = 0; axis < array.dimension(); ++axis) {
            reply.line += (axis == 0 ? "" : ",") + std::to_string(array.shape(axis));
        }
        const char* const first = reinterpret_cast<const char*>(array.data());
        reply.bytes.insert(reply.bytes.end(), first, first + array.size() * sizeof(T));
    }
    return reply;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const nn::test::Request request(line, [](const std::string&, nn::test::Request::Array& array) {
            std::cin.read(array.bytes.data(), static_cast<std::streamsize>(array.bytes.size()));
        });
        Reply answer;
        record.begin();
        try {
            answer = request.word("dtype") == "float64" ? reply<double>(request) : reply<float>(request);
        } catch (const std::exception& error) {
            answer = {.line = std::string("error ") + error.what(), .bytes = {}};
        }
        std::cout << answer.line << '\n';
        std::cout.write(answer.bytes.data(), static_cast<std::streamsize>(answer.bytes.size()));
        std::cout << "blocks " << record.count() << '\n';
        std::cout.write(reinterpret_cast<const char*>(record.blocks.data()), static_cast<std::streamsize>(record.count() * 8));
        std::cout.flush();
    }
}
