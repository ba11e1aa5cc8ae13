// SPDX-License-Identifier: MIT
// What other libraries answer to the same configurations, in their own layouts, and nn in its: answers_*_expected.txt, by
// tests/reference/generate.py. A line is a request of support/answers.hpp, a bar, and name and numbers of each array of the answer. Each is
// asked of the layer, and where support/answers.hpp has them, of its frozen form and of the layer with elements, or rows, that lie apart.

#include "support/answers.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tensors.hpp"

namespace {

using nn::test::Answer;
using nn::test::GoldenLine;
using nn::test::Request;

/// Fills array after array from one running counter, as tests/reference/golden/answers.py does.
class Fill {
public:
    void operator()(const std::string& name, Request::Array& array) {
        switch (array.kind) {
            case 'f': each<double>(array, [&](int number) { return (number - 5) / 10.0 + (name == "running_var" ? 1 : 0); }); break;
            case 'i': each<std::int64_t>(array, [](int number) { return number; }); break;
            default: each<bool>(array, [](int number) { return number < 3; });
        }
    }

private:
    template <class T>
    void each(Request::Array& array, const auto& value) {
        for (std::size_t at = 0; at < array.bytes.size(); at += sizeof(T)) {
            const T element = value(7 * q_++ % 11);
            std::memcpy(&array.bytes[at], &element, sizeof(T));
        }
    }

    int q_ = 0;
};

/// Whether a request has an answer in this form that is not that of the layer called.
bool has_form(const Request& request, const std::string& form) {
    const bool with_statistics = request.layer == "conv_norm_activation" && request.word("norm") == "batch";
    if (form == "called") {
        return true;
    }
    if (request.layer == "batch_norm") {
        return form == "apart" || form == "rows";
    }
    if (request.layer == "causal_conv") {
        return !request.has_array("history");
    }
    return form == "frozen" ? !(with_statistics && request.flag("training", false))
                            : !with_statistics && request.layer != "lstm" && request.layer != "gru";
}

/// Checks every line of a library's file; they are of these layers.
void check_library(const std::string& library, std::size_t count, const std::set<std::string>& layers) {
    const std::string form = GENERATE("called", "frozen", "apart", "rows");
    const auto lines = nn::test::golden_lines("layers/answers_" + library + "_expected.txt");
    CHECK(lines.size() == count);
    std::set<std::string> seen;
    for (const std::string& text : lines) {
        const std::size_t bar = text.find(" | ");
        REQUIRE(bar != std::string::npos);
        const std::string configuration = text.substr(0, bar) + " form=" + form;
        CAPTURE(configuration);
        const Request request(configuration, Fill());
        seen.insert(request.layer);
        if (!has_form(request, form)) {
            continue;
        }
        Answer<double> answer;
        nn::test::answer_request(request, answer);
        GoldenLine line(text.substr(bar + 2));
        do {
            const std::string name = line.word();
            CAPTURE(name);
            const auto found =
                std::find_if(answer.arrays.begin(), answer.arrays.end(), [&](const auto& array) { return array.first == name; });
            REQUIRE(found != answer.arrays.end());
            const GoldenLine::Array expected = line.array();
            CHECK(nn::test::shape_of(found->second) == expected.shape);
            CHECK(nn::test::close(found->second, expected.values, 1e-11));
        } while (!line.ended());
    }
    CHECK(seen == layers);
}

}  // namespace

TEST_CASE("answers: those of Equinox") { check_library("equinox", 106, {"conv", "pool", "lstm"}); }

TEST_CASE("answers: those of blox") { check_library("blox", 90, {"conv", "conv_transpose", "batch_norm", "lstm", "gru", "pool"}); }

TEST_CASE("answers: those of brainstate") {
    check_library("brainstate", 96, {"conv", "conv_transpose", "batch_norm", "lstm", "gru", "pool"});
}

TEST_CASE("answers: those of noxton") {
    check_library("noxton", 145, {"conv_norm_activation", "batch_norm", "layer_norm", "local_response_norm", "causal_conv"});
}
