// SPDX-License-Identifier: MIT
#pragma once

#include <functional>   // std::function
#include <string>       // std::string
#include <type_traits>  // std::is_invocable_r_v
#include <utility>      // std::move
#include <vector>       // std::vector

#include <nn/io/named_arrays.hpp>

namespace nn::inline NN_ABI {

/// The beginning of names in a file, whole parts of them up to a dot, and what stands there in the network: with {"conv1", "0"} the file's
/// "conv1.weight" is the network's "0.weight". "" is the beginning of every name.
struct Rename {
    std::string from;  ///< in the file
    std::string to;    ///< in the network
};

/// What is done to arrays of a file before they are renamed: to the one array of this name, or to all whose names begin so.
///
///     {"conv1.kernel", nn::from_hwio}                                 an Array becomes an Array
///     {"head.weight", [](const auto& w) { return 2 * w; }}
///     {"lstm", nn::lstm_from_torch}                                   NamedArrays become NamedArrays, less the "lstm." in front
///
/// Arrays of F16, BF16, F32 and F64 are converted, in double. Of many, others stay as they are; one of another type is refused.
class Conversion {
public:
    /// For the array of this name, or for all whose names begin so, whichever `f` takes.
    template <class F>
        requires(std::is_invocable_r_v<Array, const F&, const Array&> || std::is_invocable_r_v<NamedArrays, const F&, const NamedArrays&>)
    Conversion(std::string name, F f) : name_(std::move(name)) {
        if constexpr (std::is_invocable_r_v<Array, const F&, const Array&>) {
            one_ = std::move(f);
        } else {
            layer_ = std::move(f);
        }
    }

    const std::string& name() const { return name_; }                                   ///< what it is for, in the file
    bool of_one() const { return one_ != nullptr; }                                     ///< whether it is for one array, not for a layer's
    Array operator()(const Array& array) const { return one_(array); }                  ///< only if `of_one()`
    NamedArrays operator()(const NamedArrays& arrays) const { return layer_(arrays); }  ///< only if not `of_one()`

private:
    std::string name_;
    std::function<Array(const Array&)> one_;
    std::function<NamedArrays(const NamedArrays&)> layer_;
};

/// How a file becomes a network's parameters. The names are the file's. First what is ignored goes, then arrays are converted, then all
/// are renamed; of several entries that fit a name the longest counts.
struct LoadOptions {
    std::vector<std::string> ignore{};  ///< names, or beginnings or ends of names, whole parts: "num_batches_tracked", "head"
    std::vector<Conversion> convert{};  ///< what is done to arrays, under the file's names
    std::vector<Rename> rename{};       ///< from the file's names to the network's
    bool narrow = false;                ///< whether F64 may be rounded to float
};

}  // namespace nn::inline NN_ABI
