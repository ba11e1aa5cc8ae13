// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::max
#include <array>        // std::array
#include <concepts>     // std::derived_from, std::floating_point
#include <cstddef>      // std::size_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <tuple>        // std::tuple_size_v
#include <type_traits>  // std::remove_cvref_t
#include <utility>      // std::move
#include <vector>       // std::vector

#include <nn/compose/chain.hpp>
#include <nn/compose/parameters.hpp>
#include <nn/core/error.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

namespace detail {

/// One line of a summary: path, layer, output shape, parameters, multiply-adds.
using SummaryRow = std::array<std::string, 5>;

inline std::string text_of(const Part& part) {
    std::string text;
    part.append_to(text);
    return text;
}

/// Lists the layers of a network that is made of layers, as they run.
template <class T>
class Summary {
public:
    /// Adds the rows of a layer called with x of this shape; what x becomes.
    template <class L, std::size_t R>
    auto add(const std::string& path, const L& layer, const Shape<R>& x) {
        if constexpr (std::derived_from<L, Chain<L>>) {
            return add_chain<0>(path, names_of(layer), Composite<L>::children_of(layer), x);
        } else if constexpr (std::derived_from<L, Composite<L>>) {
            const std::vector<std::string> names = names_of(layer);
            std::size_t i = 0;
            std::apply([&](const auto&... child) { (add(joined(path, names[i++]), child, x), ...); }, Composite<L>::children_of(layer));
            return shape_of_result(layer, x);
        } else {
            const auto y = shape_of_result(layer, x);
            const index_t parameters = parameter_count(layer);
            SummaryRow row{path, std::string(name_of<L>()), text_of(Part(y)), parameters == 0 ? "" : text_of(Part(parameters)), ""};
            if constexpr (requires { layer.multiply_adds(x); }) {
                const index_t operations = layer.multiply_adds(x);
                row[4] = text_of(Part(operations));
                operations_ = saturating_add(operations_, operations);
            } else if (!requires { L::name; } && parameters > 0) {
                row[4] = "?";  // a user's layer, which need not say
                known_ = false;
            }
            parameters_ = saturating_add(parameters_, parameters);
            rows_.push_back(std::move(row));
            return y;
        }
    }

    /// The table, with a line of totals.
    std::string table(std::string_view input, std::string_view output) {
        const SummaryRow head{"layer", "", "output shape", "parameters", "multiply-adds"};
        rows_.insert(rows_.begin(), {head, {"", "input", std::string(input), "", ""}});
        rows_.push_back(
            {"", "total", std::string(output), text_of(Part(parameters_)), text_of(Part(operations_)) + (known_ ? "" : " + ?")});
        std::array<std::size_t, 5> widths{};
        for (const SummaryRow& row : rows_) {
            for (std::size_t column = 0; column < row.size(); ++column) {
                widths[column] = std::max(widths[column], row[column].size());
            }
        }
        std::string text;
        for (const SummaryRow& row : rows_) {
            std::string line;
            for (std::size_t column = 0; column < row.size(); ++column) {
                const std::string gap(widths[column] - row[column].size(), ' ');
                const bool number = column >= 3;
                line += (column == 0 ? "" : "  ") + (number ? gap + row[column] : row[column] + gap);
            }
            text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
        }
        return text;
    }

private:
    static std::string joined(const std::string& path, const std::string& name) { return path.empty() ? name : path + '.' + name; }

    template <class L>
    static std::vector<std::string> names_of(const L& layer) {
        std::vector<std::string> names;
        L::members(layer, [&](std::string_view name, const auto&) { names.emplace_back(name); });
        return names;
    }

    template <class L>
    static constexpr std::string_view name_of() {
        if constexpr (requires { std::string_view(L::name); }) {
            return L::name;
        } else {
            return "callable";
        }
    }

    /// What the layer says or, of a plain callable, what it makes of zeros.
    template <class L, std::size_t R>
    static auto shape_of_result(const L& layer, const Shape<R>& x) {
        if constexpr (requires { layer.output_shape(x); }) {
            return layer.output_shape(x);
        } else {
            auto state = initial_state_of(layer, R == 0 ? 1 : x[0]);
            constexpr NoResets no_resets{};
            return extents_of(call(layer, make_tensor<T, R>(x, T(0)), state, Context<NoResets, NoMode>{no_resets, {}}));
        }
    }

    template <std::size_t I, class Layers, std::size_t R>
    auto add_chain(const std::string& path, const std::vector<std::string>& names, const Layers& layers, const Shape<R>& x) {
        if constexpr (I == std::tuple_size_v<Layers>) {
            return x;
        } else {
            return add_chain<I + 1>(path, names, layers, add(joined(path, names[I]), std::get<I>(layers), x));
        }
    }

    std::vector<SummaryRow> rows_;
    index_t parameters_ = 0;
    index_t operations_ = 0;
    bool known_ = true;  // the operations of every layer
};

}  // namespace detail

/// A table of a network's layers for x of this shape, as text: path, layer, output shape, parameters, multiply-adds of the products, and
/// their totals.
///
///     std::fputs(nn::summary(net, nn::Shape<4>{1, 3, 224, 224}).c_str(), stdout);
///
/// Layers are those of nn's own composites, by the names of their parameters. A plain callable, and a layer that cannot say its output's
/// shape, is called once with zeros of type T. A layer of the user's is one line: its multiply-adds are what `multiply_adds(shape)` says,
/// if it has that, or "?". Errors are those of the layers.
template <std::floating_point T = float, class Net, std::size_t R>
std::string summary(const Net& net, const Shape<R>& shape) {
    detail::Summary<T> summary;
    const auto y = summary.add("", net, shape);
    return summary.table(detail::text_of(detail::Part(shape)), detail::text_of(detail::Part(y)));
}

}  // namespace nn::inline NN_ABI
