// SPDX-License-Identifier: MIT
// README.md shows no time and no ratio that bench/compare did not print: bench/compare*.json are the records of its runs.

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

/// A run and how the README tells of it; how much longer unfrozen layers take, of one machine alone.
struct Run {
    std::string file;
    std::string core;
    bool tells_unfrozen;
};

}  // namespace

TEST_CASE("performance: the README shows what bench/compare recorded, and nothing else") {
    const auto run = GENERATE(Run{"compare.json", "On one Zen 3 core ", false},
                              Run{"compare_avx512.json", "on one Sapphire Rapids core, with AVX-512, ", true});
    CAPTURE(run.file);
    const std::string readme = nn::test::text_of(NN_TESTS "/../README.md");
    const Json record = Json::parse(std::ifstream(NN_TESTS "/../bench/" + run.file));
    const std::vector<std::string> names{"nn", "nn exact", "nn unfrozen", "onnxruntime", "openvino", "ncnn", "mnn", "torch"};
    const auto says = [&](const std::string& text) {
        CAPTURE(text);
        CHECK(readme.find(text) != std::string::npos);
    };

    std::string table = "| best peer / nn |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
    std::vector<double> ratios;
    for (const Json& row : record["rows"]) {
        table += "\n| " + row["name"].get<std::string>();
        for (const std::string& name : names) {
            table += " | " + cell(row, name);
        }
        table += " | " + ratio(row["ratio"]) + " |";
        if (row["op"] != "identity" && !row["ratio"].is_null()) {
            ratios.push_back(row["ratio"]);
        }
        if (row["name"] == "resnet18") {
            says("ResNet-18 runs " + ratio(row["ratio"]) + " times");
        } else if (row["name"] == "mobilenet_v2") {
            says("MobileNetV2 " + ratio(row["ratio"]) + " times");
            if (run.tells_unfrozen) {
                says("unfrozen, MobileNetV2 " + number("%.1f", unfrozen(row)) + " times");
            }
        } else if (row["name"] == "linear_1x1024x1024" && run.tells_unfrozen) {
            says("at batch 1\ntakes " + number("%.0f", unfrozen(row)) + " times");
        }
    }
    says(table + "\n| geometric mean |  |  |  |  |  |  |  |  | " + ratio(record["geometric_mean"]) + " |\n\n");

    REQUIRE(!ratios.empty());
    const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
    says(run.core + ratio(record["geometric_mean"]) + " times");
    says("from " + ratio(*least) + " to " + ratio(*most));
    says("<code>" + record["command"].get<std::string>() + "</code>");
    says("the least of " + std::to_string(record["rounds"].get<int>()) + " rounds");
    for (const auto& [name, version] : record["versions"].items()) {
        if (name != "nn exact" && name != "nn unfrozen") {
            says(name + " " + version.get<std::string>());
        }
    }
}
