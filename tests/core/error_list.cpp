// SPDX-License-Identifier: MIT
// tests/errors.txt lists every error text that a user of nn can cause, as the headers build it: … stands for what comes from the call. The
// list is complete, and for each entry a test somewhere expects a text that it fits.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

namespace {

struct Token {
    enum class Kind { word, mark, text };
    Kind kind;
    std::string text;

    bool is(std::string_view mark) const { return kind != Kind::text && text == mark; }
};
using Tokens = std::vector<Token>;
using Texts = std::vector<std::string>;

const std::string gap = "…";

/// Words, marks (:: and ... are one) and string literals of a C++ source, without its comments.
Tokens tokens_of(const std::string& source) {
    Tokens tokens;
    const auto in_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
    for (std::size_t at = 0; at < source.size();) {
        const char c = source[at];
        if (source.compare(at, 2, "//") == 0) {
            at = std::min(source.find('\n', at), source.size());
        } else if (source.compare(at, 3, "R\"(") == 0) {
            const std::size_t end = source.find(")\"", at);
            tokens.push_back({Token::Kind::text, source.substr(at + 3, end - at - 3)});
            at = end + 2;
        } else if (c == '"') {
            std::string text;
            for (++at; source[at] != '"'; ++at) {
                if (source[at] == '\\') {
                    ++at;
                    text += source[at] == 'n' ? '\n' : source[at];
                } else {
                    text += source[at];
                }
            }
            ++at;
            tokens.push_back({Token::Kind::text, text});
        } else if (c == '\'') {
            at += source[at + 1] == '\\' ? 4 : 3;  // a character
            tokens.push_back({Token::Kind::word, "'"});
        } else if (in_word(c)) {
            const std::size_t first = at;
            while (at < source.size() && (in_word(source[at]) || (source[at] == '\'' && in_word(source[at + 1])))) {
                ++at;
            }
            tokens.push_back({Token::Kind::word, source.substr(first, at - first)});
        } else if (c == ' ' || c == '\n') {
            ++at;
        } else {
            const std::size_t length = source.compare(at, 2, "::") == 0 ? 2 : source.compare(at, 3, "...") == 0 ? 3 : 1;
            tokens.push_back({Token::Kind::mark, source.substr(at, length)});
            at += length;
        }
    }
    return tokens;
}

/// How deep in brackets the token after this one is. Of < and > those count that follow the name of a template which texts are made with.
class Depth {
public:
    void pass(const Tokens& tokens, std::size_t i) {
        if (tokens[i].is("(") || tokens[i].is("[") || tokens[i].is("{")) {
            ++depth_;
        } else if (tokens[i].is(")") || tokens[i].is("]") || tokens[i].is("}")) {
            --depth_;
        } else if (tokens[i].is("<") && i > 0 && (tokens[i - 1].is("array") || tokens[i - 1].is("span") || tokens[i - 1].is("Shape"))) {
            ++depth_;
            ++angles_;
        } else if (tokens[i].is(">") && angles_ > 0) {
            --depth_;
            --angles_;
        }
    }
    int operator()() const { return depth_; }

private:
    int depth_ = 0;
    int angles_ = 0;
};

/// What stands between commas, from the token after an opening bracket to its closing one.
std::vector<Tokens> arguments_from(const Tokens& tokens, std::size_t first) {
    std::vector<Tokens> arguments(1);
    Depth depth;
    for (std::size_t i = first; !(depth() == 0 && (tokens[i].is(")") || tokens[i].is("}"))); ++i) {
        if (depth() == 0 && tokens[i].is(",")) {
            arguments.emplace_back();
            continue;
        }
        depth.pass(tokens, i);
        arguments.back().push_back(tokens[i]);
    }
    return arguments;
}

/// What an argument may say: its literal, or those of the branches of a condition, or a gap.
Texts texts_of(const Tokens& argument) {
    const auto all_text = [](const Token& token) { return token.kind == Token::Kind::text; };
    if (std::all_of(argument.begin(), argument.end(), all_text)) {
        std::string text;
        for (const Token& token : argument) {
            text += token.text;
        }
        return {text};
    }
    Depth depth;
    std::size_t question = 0;
    for (std::size_t i = 0; i < argument.size(); ++i) {
        if (depth() == 0 && argument[i].is("?") && question == 0) {
            question = i;
        } else if (depth() == 0 && argument[i].is(":") && question != 0) {
            const auto at = [&](std::size_t place) { return argument.begin() + static_cast<std::ptrdiff_t>(place); };
            Texts texts = texts_of({at(question + 1), at(i)});
            const Texts others = texts_of({at(i + 1), argument.end()});
            texts.insert(texts.end(), others.begin(), others.end());
            return texts;
        }
        depth.pass(argument, i);
    }
    return {gap};
}

/// Every way to read the parts of an error text, one after another.
Texts joined(const std::vector<Tokens>& parts, std::size_t first, const std::string& begin = "") {
    Texts all{begin};
    for (std::size_t i = first; i < parts.size(); ++i) {
        Texts longer;
        for (const std::string& start : all) {
            for (const std::string& text : texts_of(parts[i])) {
                const bool again = text == gap && start.ends_with(gap);
                longer.push_back(start + (again ? "" : text));
            }
        }
        all = longer;
    }
    return all;
}

const std::set<std::string> builders{"require", "fail", "fail_file", "fail_tensor", "say"};

/// The error texts that a header builds: by the functions of core/error.hpp, and by those of io/ that call them.
void add_errors(const Tokens& tokens, std::set<std::string>& found) {
    for (std::size_t i = 1; i + 1 < tokens.size(); ++i) {
        const std::string& name = tokens[i].text;
        if (tokens[i].kind != Token::Kind::word || builders.count(name) == 0 || tokens[i - 1].is("void")) {
            continue;
        }
        std::size_t open = i + 1;
        if (tokens[open].is("<")) {
            while (!tokens[open].is("(")) {
                ++open;
            }
        }
        if (!tokens[open].is("(")) {
            continue;
        }
        std::vector<Tokens> arguments = arguments_from(tokens, open + 1);
        if (name == "fail" && arguments.size() > 1 && arguments[1].front().is("{")) {
            arguments = arguments_from(arguments[1], 1);
            arguments.insert(arguments.begin(), Tokens());
        } else if (name == "fail") {
            arguments.insert(arguments.begin(), Tokens());
        }
        if (!arguments.back().empty() && arguments.back().back().is("...")) {
            continue;  // one of the builders calls another
        }
        const std::size_t parts = name == "require" || name == "fail_file" ? 2 : name == "fail" ? 1 : name == "say" ? 1 : 0;
        for (const std::string& text : joined(arguments, parts,
                                              name == "fail_tensor" ? "tensor " + gap + ": "
                                              : name == "say"       ? gap + " "
                                                                    : "")) {
            if (text != gap) {
                found.insert(text + (name == "say" ? ": " + gap : ""));
            }
        }
    }
}

std::vector<std::filesystem::path> files_below(const std::string& folder, std::string_view extension) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == extension) {
            files.push_back(entry.path());
        }
    }
    REQUIRE(!files.empty());
    return files;
}

/// Whether `text` is an error text, or the end of one behind "who: ", whose gaps are filled.
bool fits(std::string_view text, std::string_view error) {
    const std::size_t first_gap = error.find(gap);
    const std::string_view begin = error.substr(0, first_gap);
    for (auto at = text.find(begin); at != std::string_view::npos; at = text.find(begin, at + 1)) {
        if (!begin.empty() && at != 0 && (at < 2 || text.substr(at - 2, 2) != ": ")) {
            continue;
        }
        std::string_view rest = text.substr(at + begin.size());
        std::string_view wanted = first_gap == std::string_view::npos ? "" : error.substr(first_gap);
        bool good = true;
        while (good && wanted.starts_with(gap)) {
            wanted.remove_prefix(gap.size());
            const std::string_view piece = wanted.substr(0, wanted.find(gap));
            wanted.remove_prefix(piece.size());
            const bool last = wanted.empty();
            const auto place = piece.empty() ? rest.size() : last ? rest.rfind(piece) : rest.find(piece);
            good = place != std::string_view::npos && (!last || place + piece.size() == rest.size());
            rest = good ? rest.substr(place + piece.size()) : rest;
        }
        if (good && rest.empty()) {
            return true;
        }
    }
    return false;
}

/// Those errors that the texts stand for. A text of an error is not one of a more general error that it fits as well.
std::set<std::string> meant_by(const Texts& texts, const std::set<std::string>& errors) {
    std::set<std::string> meant;
    for (const std::string& text : texts) {
        std::vector<std::string> fitting;
        std::copy_if(errors.begin(), errors.end(), std::back_inserter(fitting), [&](const auto& error) { return fits(text, error); });
        for (const std::string& error : fitting) {
            const auto special = [&](const std::string& other) { return other != error && fits(other, error); };
            if (std::none_of(fitting.begin(), fitting.end(), special)) {
                meant.insert(error);
            }
        }
    }
    return meant;
}

std::set<std::string> errors_in_headers() {
    std::set<std::string> found;
    for (const auto& file : files_below(NN_TESTS "/../include/nn", ".hpp")) {
        if (file.filename() != "error.hpp") {
            add_errors(tokens_of(nn::test::text_of(file)), found);
        }
    }
    return found;
}

/// The string literals of all tests but this one: those that stand side by side as one, and so those that + joins, with gaps for what is no
/// literal between them.
Texts texts_in_tests() {
    Texts texts;
    for (const auto& file : files_below(NN_TESTS, ".cpp")) {
        const bool no_test = file.filename() == "error_list.cpp" || file.parent_path().filename() == "fuzz";
        const Tokens tokens = no_test ? Tokens() : tokens_of(nn::test::text_of(file));
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (tokens[i].kind != Token::Kind::text) {
                continue;
            }
            texts.push_back(tokens[i].text);
            Depth depth;
            bool plus = true;  // whether what follows belongs to the text
            for (std::size_t next = i + 1; next < tokens.size() && depth() >= 0; ++next) {
                const Token& token = tokens[next];
                if (token.kind == Token::Kind::text && depth() == 0 && plus) {
                    texts.back() += token.text;
                    i = next;
                } else if (depth() == 0 && token.is("+")) {
                    plus = true;
                } else if (depth() == 0 && (next == i + 1 || token.is(",") || token.is(";") || token.is("<<"))) {
                    break;
                } else if (plus) {
                    texts.back() += gap;
                    plus = false;
                }
                depth.pass(tokens, next);
            }
        }
    }
    return texts;
}

}  // namespace

TEST_CASE("error list: every error of the headers, and no other; a test expects each text that a test can cause") {
    std::set<std::string> listed;
    std::set<std::string> never_caused;
    std::ifstream file(NN_TESTS "/errors.txt");
    for (std::string line; std::getline(file, line);) {
        CAPTURE(line);
        if (line.starts_with("! ")) {
            line.erase(0, 2);
            never_caused.insert(line);
        }
        if (!line.starts_with("#")) {
            CHECK(listed.insert(line).second);
        }
    }
    const std::set<std::string> found = errors_in_headers();
    const std::set<std::string> caused = meant_by(texts_in_tests(), found);
    for (const std::string& error : found) {
        CAPTURE(error);
        CHECK(listed.count(error) == 1);
        CHECK(caused.count(error) != never_caused.count(error));
    }
    for (const std::string& error : listed) {
        CAPTURE(error);
        CHECK(found.count(error) == 1);
    }
}

TEST_CASE("error list: a text of an error is not one of a more general one") {
    const std::set<std::string> errors{"… is …", "window …, expected at least 1", "… …, expected at least 1"};
    CHECK(meant_by({"nn::MaxPool: window 0, expected at least 1"}, errors) == std::set<std::string>{"window …, expected at least 1"});
    CHECK(meant_by({"nn::Conv: stride 0, expected at least 1"}, errors) == std::set<std::string>{"… …, expected at least 1"});
}

TEST_CASE("error list: how a text fits") {
    CHECK(fits("nn::Conv: x has 4 channels, expected 3", "x has … channels, expected …"));
    CHECK(fits(": is a directory", "is a directory"));
    CHECK(!fits("nn::Conv: x has 4 channels", "x has … channels, expected …"));
    CHECK(!fits("nn::Conv: xx has 4 channels, expected 3", "x has … channels, expected …"));
    CHECK(!fits("this is a directory", "is a directory"));
    CHECK(!fits("is a directory.", "is a directory"));
    CHECK(fits("who: one of a came alone", "one of … came alone"));
}
