// SPDX-License-Identifier: MIT
// README.md shows no time and no ratio that bench/compare did not print: bench/compare.json is the record of that run.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

namespace {

using Json = nlohmann::json;

std::string number(const char* format, double value) {
    std::string text(32, ' ');
    text.resize(static_cast<std::size_t>(std::snprintf(text.data(), text.size(), format, value)));
    return text;
}

// As bench/comparison/report.py writes them.
std::string ratio(const Json& value) { return value.is_null() ? "–" : number("%.2f", value); }
std::string cell(const Json& row, const std::string& name) {
    const Json& contestant = row["contestants"][name];
    if (contestant.contains("failed")) {
        return "–";
    }
    const double least = contestant["minimum_us"];
    const std::string text = number(least >= 100 ? "%.0f" : "%.3g", least);
    const bool wrong = std::find(row["wrong"].begin(), row["wrong"].end(), Json(name)) != row["wrong"].end();
    return wrong ? "~~" + text + "~~ " + number("%.0e", contestant["error"]) : text;
}

/// How many times as long a call takes without nn::freeze.
double unfrozen(const Json& row) {
    return row["contestants"]["nn unfrozen"]["minimum_us"].get<double>() / row["contestants"]["nn"]["minimum_us"].get<double>();
}

}  // namespace

TEST_CASE("performance: the README shows what bench/compare recorded, and nothing else") {
    const std::string readme = nn::test::text_of(NN_TESTS "/../README.md");
    const Json record = Json::parse(std::ifstream(NN_TESTS "/../bench/compare.json"));
    const std::vector<std::string> names{"nn", "nn exact", "nn unfrozen", "onnxruntime", "openvino", "ncnn", "mnn", "torch"};
    const auto says = [&](const std::string& text) {
        CAPTURE(text);
        CHECK(readme.find(text) != std::string::npos);
    };

    const std::string begin = "| µs | nn |";
    std::string table;
    std::vector<double> ratios;
    for (const Json& row : record["rows"]) {
        std::string line = "\n| " + row["name"].get<std::string>();
        for (const std::string& name : names) {
            line += " | " + cell(row, name);
        }
        table += line + " | " + ratio(row["ratio"]) + " |";
        if (row["op"] != "identity" && !row["ratio"].is_null()) {
            ratios.push_back(row["ratio"]);
        }
        if (row["name"] == "resnet18") {
            says("ResNet-18 runs " + ratio(row["ratio"]) + " times");
        } else if (row["name"] == "mobilenet_v2") {
            says("MobileNetV2 " + ratio(row["ratio"]) + " times");
            says("unfrozen, MobileNetV2 " + number("%.1f", unfrozen(row)) + " times");
        } else if (row["name"] == "linear_1x1024x1024") {
            says("at batch 1 takes " + number("%.0f", unfrozen(row)) + " times");
        }
    }
    table += "\n| geometric mean |  |  |  |  |  |  |  |  | " + ratio(record["geometric_mean"]) + " |\n\n";
    const std::size_t at = readme.find('\n', readme.find('\n', readme.find(begin)) + 1);
    REQUIRE(at != std::string::npos);
    CHECK(readme.substr(at, table.size()) == table);

    REQUIRE(!ratios.empty());
    const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
    says("On one Zen 3 core " + ratio(record["geometric_mean"]) + " times as fast as the fastest");
    says("from " + ratio(*least) + " to " + ratio(*most) + ".");
    says("<code>" + record["command"].get<std::string>() + "</code>");
    says("the least of " + std::to_string(record["rounds"].get<int>()) + " rounds");
    for (const auto& [name, version] : record["versions"].items()) {
        if (name != "nn exact" && name != "nn unfrozen") {
            says(name + " " + version.get<std::string>());
        }
    }
}
