// SPDX-License-Identifier: MIT
// The tables of README.md about other libraries, against the tests of convert.cpp: a row of the first is a test of its name that does what
// its code says; a cell of the second that is not = is a library whose test does what the row's last cell says, and one that is = does not.

#include <algorithm>
#include <cctype>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

namespace {

using Row = std::vector<std::string>;

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(' ');
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// The rows of the table whose head begins so.
std::vector<Row> table(const std::string& head) {
    std::istringstream readme(nn::test::text_of(NN_TESTS "/../README.md"));
    std::string line;
    while (std::getline(readme, line) && !line.starts_with(head)) {
    }
    std::vector<Row> rows;
    std::getline(readme, line);  // |---|
    while (std::getline(readme, line) && line.starts_with("|")) {
        Row row;
        std::istringstream cells(line.substr(1));
        for (std::string cell; std::getline(cells, cell, '|');) {
            row.push_back(trimmed(cell));
        }
        rows.push_back(row);
    }
    REQUIRE(!rows.empty());
    return rows;
}

/// What stands between backticks.
std::vector<std::string> code_in(const std::string& cell) {
    const std::regex code("`([^`]*)`");
    std::vector<std::string> found;
    for (std::sregex_iterator at(cell.begin(), cell.end(), code), end; at != end; ++at) {
        found.push_back((*at)[1]);
    }
    return found;
}

/// Of convert.cpp, the text of each test by its name after "convert: ", with the constants and functions that it mentions.
std::map<std::string, std::string> tests() {
    const std::string text = nn::test::text_of(NN_TESTS "/io/convert.cpp");
    std::map<std::string, std::string> found;
    const std::string begin = "TEST_CASE(\"convert: ";
    for (auto at = text.find(begin); at != std::string::npos;) {
        const auto next = text.find(begin, at + 1);
        const auto name = at + begin.size();
        std::string body = text.substr(at, next == std::string::npos ? next : next - at);
        for (const std::string shared : {"grouped_last{", "dilated_last{", "two_by_three{", "time_first(const"}) {
            if (body.find(shared.substr(0, shared.find_first_of("{("))) != std::string::npos) {
                const auto definition = text.find(shared);
                REQUIRE(definition != std::string::npos);
                body += text.substr(definition, std::min(text.find("};", definition), text.find("\n}", definition)) - definition);
            }
        }
        found[text.substr(name, text.find('"', name) - name)] = body;
        at = next;
    }
    return found;
}

/// Whether a test says this, as a word: "k = 1", but not "k = 1.5".
bool says(const std::string& test, const std::string& word) {
    for (auto at = test.find(word); at != std::string::npos; at = test.find(word, at + 1)) {
        const auto in_word = [&](std::size_t i) { return std::isalnum(static_cast<unsigned char>(test[i])) != 0 || test[i] == '_'; };
        const std::size_t end = at + word.size();
        const bool begun_before = at != 0 && in_word(at - 1) && in_word(at);
        const bool goes_on = in_word(end - 1) && (in_word(end) || (test[end] == '.' && in_word(end + 1)));
        if (!begun_before && !goes_on) {
            return true;
        }
    }
    return false;
}

/// Whether a test does what this code in a table says. Of `option = value` it says both, where the value is a call its name, and where it
/// is the reader's, as p is, the option; of other code the name.
bool does(const std::string& test, const std::string& code) {
    const auto called = [](const std::string& call) { return call.substr(0, call.find_first_of("(<")); };
    const auto equals = code.find(" = ");
    if (equals == std::string::npos) {
        return says(test, called(code));
    }
    const std::string option = code.substr(0, equals + 2);
    const std::string value = code.substr(equals + 3);
    if (value.find("::") != std::string::npos || value.starts_with("channels_")) {
        return says(test, option) && says(test, called(value));
    }
    const bool of_reader = value != "true" && value != "false" && std::regex_match(value, std::regex("[a-z_]+|\\{.*\\}"));
    return says(test, of_reader ? option : code);
}

/// The words for a layer in the names of tests.
const std::map<std::string, std::set<std::string>> names{
    {"Conv", {"Conv", "ConvNormActivation"}},
    {"ConvTranspose", {"ConvTranspose"}},
    {"Linear", {"Linear", "Dense", "Gemm"}},
    {"BatchNorm", {"BatchNorm", "BatchNormalization"}},
    {"LayerNorm", {"LayerNorm", "LayerNormalization"}},
    {"RMSNorm", {"RMSNorm", "RMSNormalization"}},
    {"GroupNorm", {"GroupNorm", "GroupNormalization"}},
    {"LocalResponseNorm", {"LocalResponseNorm", "LocalResponseNormalization", "LRN"}},
    {"LSTM", {"LSTM", "LSTMCell"}},
    {"GRU", {"GRU", "GRUCell"}},
    {"LSTM, GRU", {"LSTM", "LSTMCell", "GRU", "GRUCell"}},
    {"Embedding", {"Embedding", "Embed", "Gather"}},
    {"Pools", {"MaxPool", "max_pool", "MaxPooling"}},
    {"Adaptive pools", {"AdaptiveMaxPool", "AdaptiveMaxPooling"}},
    {"Dropout", {"Dropout"}},
    {"gelu", {"activations"}},
    {"leaky_relu", {"activations"}},
    {"hard_sigmoid", {"activations"}},
};

/// The tests of a library's layer, one after another. The functions of Equinox, noxton and blox are JAX's.
std::string tests_of(const std::map<std::string, std::string>& tests, const std::string& library, const std::set<std::string>& layer) {
    const bool with_jax = library == "Equinox" || library == "noxton" || library == "blox";
    std::string found;
    for (const auto& [name, body] : tests) {
        if (!name.starts_with(library + " ") && !(with_jax && name.starts_with("JAX "))) {
            continue;
        }
        std::istringstream words(name.substr(name.find(' ')));
        for (std::string word; words >> word;) {
            found += layer.count(word.back() == ',' ? word.substr(0, word.size() - 1) : word) != 0 ? body : "";
        }
    }
    return found;
}

}  // namespace

TEST_CASE("conventions: a row about a library's layer is a test that does what the row says") {
    auto left = tests();
    for (const Row& row : table("| layer | options | conversion |")) {
        CAPTURE(row);
        REQUIRE(row.size() == 3);
        REQUIRE(left.count(row[0]) == 1);
        for (const std::string& code : code_in(row[1] + row[2])) {
            CAPTURE(code);
            // Other code is the library's.
            if (std::regex_match(code, std::regex(".* = .*|.*from_.*|flattened|(nn|xt)::.*"))) {
                CHECK(does(left[row[0]], code));
            }
        }
        left.erase(row[0]);
    }
    for (const auto& [name, body] : left) {
        CAPTURE(name);
        CHECK(body.empty());  // a test that no row tells of
    }
}

TEST_CASE("conventions: a library differs where its test sets the option") {
    const auto all = tests();
    const std::vector<std::string> libraries{"PyTorch", "Equinox", "noxton", "blox", "brainstate", "Keras", "ONNX"};
    const auto rows = table("| | nn | PyTorch | Equinox | noxton | blox | brainstate | Keras | ONNX |");
    for (const Row& row : rows) {
        CAPTURE(row);
        REQUIRE(row.size() == libraries.size() + 3);
        const auto layer = names.find(row[0].substr(0, row[0].find(':')));
        REQUIRE(layer != names.end());
        const auto options = code_in(row.back());
        REQUIRE(!options.empty());
        for (std::size_t i = 0; i < libraries.size(); ++i) {
            const std::string& cell = row[i + 2];
            CAPTURE(libraries[i], cell);
            const std::string test = tests_of(all, libraries[i], layer->second);
            if (cell == "–") {
                CHECK(test.empty());
                continue;
            }
            REQUIRE(!test.empty());
            if (cell == "·") {
                continue;
            }
            CHECK(std::any_of(options.begin(), options.end(), [&](const auto& code) { return does(test, code); }) == (cell != "="));
            const std::regex number("[0-9]+(\\.[0-9]+|e-[0-9]+)");
            for (std::sregex_iterator at(cell.begin(), cell.end(), number), end; at != end; ++at) {
                CHECK(says(test, at->str()));
            }
        }
    }
    CHECK(std::all_of(names.begin(), names.end(), [&](const auto& layer) {
        return std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return row[0].starts_with(layer.first + ":"); });
    }));
}
