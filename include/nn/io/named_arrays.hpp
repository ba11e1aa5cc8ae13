// SPDX-License-Identifier: MIT
#pragma once

#include <functional>   // std::less
#include <map>          // std::map
#include <stdexcept>    // std::invalid_argument
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move

#include <nn/core/error.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

/// A trained array on its way into a network. double holds every float, so nothing is lost on the way.
using Array = xt::xarray<double, xt::layout_type::row_major>;

/// The arrays of one layer by name, such as "weight_ih_l0".
using NamedArrays = std::map<std::string, Array, std::less<>>;

namespace detail {

/// Hands out the arrays of a layer by name, each once.
class TakeArrays {
public:
    TakeArrays(std::string_view who, const NamedArrays& arrays) : who_(who), arrays_(arrays), left_(arrays) {}

    bool has(std::string_view name) const { return left_.find(name) != left_.end(); }
    Array take(std::string_view name) {
        const auto place = left_.find(name);
        require<std::invalid_argument>(place != left_.end(), who_, "no array is named \"", name, "\"; there are ", names(arrays_));
        Array array = std::move(place->second);
        left_.erase(place);
        return array;
    }
    /// All must have been taken: what is left would be lost silently.
    void finish() const { require<std::invalid_argument>(left_.empty(), who_, "no place for ", names(left_)); }

private:
    static std::string names(const NamedArrays& arrays) {
        std::string text;
        for (const auto& [name, array] : arrays) {
            text += (text.empty() ? "\"" : ", \"") + name + "\"";
        }
        return text.empty() ? "none" : text;
    }

    std::string_view who_;
    const NamedArrays& arrays_;
    NamedArrays left_;
};

}  // namespace detail

}  // namespace nn::inline NN_ABI
