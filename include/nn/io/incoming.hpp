// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::any_of, std::lower_bound, std::none_of, std::sort
#include <cmath>        // std::abs, std::isinf
#include <concepts>     // std::same_as
#include <cstddef>      // std::byte, std::size_t
#include <optional>     // std::optional
#include <span>         // std::span
#include <stdexcept>    // std::invalid_argument
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/load_options.hpp>
#include <nn/io/safetensors_file.hpp>
#include <nn/io/safetensors_header.hpp>

// g++ takes a program's own operator new and delete for a mismatched pair where it has inlined one of the two.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace nn::inline NN_ABI::detail {

/// A tensor on its way into a network: as it lies in the file, or converted. Refers to the file's memory.
struct Incoming {
    std::string name;    // the network's
    std::string origin;  // the file's, or what a conversion made of it
    const Dtype* dtype;  // of a converted tensor the widest that it was made from
    std::vector<index_t> shape;
    std::span<const std::byte> bytes;
    std::optional<Array> converted = std::nullopt;

    std::string label() const { return name == origin ? in_quotes(name) : in_quotes(origin) + " as " + in_quotes(name); }

    template <file_element T>
    void copy_to(T* to, std::size_t count) const {
        if (!converted) {
            read_as<T>(to, count);
            return;
        }
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = static_cast<T>(converted->data()[i]);
        }
    }
    /// Whether all numbers stay finite as floats.
    bool fits_float() const {
        const auto too_large = [](double value) { return std::abs(value) >= 0x1.ffffffp127 && !std::isinf(value); };  // rounds to infinity
        if (converted) {
            return std::none_of(converted->begin(), converted->end(), too_large);
        }
        for (std::size_t at = 0; at < bytes.size(); at += sizeof(double)) {
            double value = 0;
            read_elements(dtype, bytes.data() + at, &value, 1);
            if (too_large(value)) {
                return false;
            }
        }
        return true;
    }

private:
    template <class T>
    void read_as(T* to, std::size_t count) const {
        if constexpr (std::same_as<T, float>) {
            if (dtype == dtype_f64) {
                read_reals(dtype, bytes.data(), to, count);
                return;
            }
        }
        read_elements(dtype, bytes.data(), to, count);
    }
};

/// Whether whole parts of `name` begin with `start`.
inline bool begins_with(std::string_view name, std::string_view start) {
    return start.empty() || (name.starts_with(start) && (name.size() == start.size() || name[start.size()] == '.'));
}
inline bool ends_with(std::string_view name, std::string_view end) {
    return name.ends_with(end) && (name.size() == end.size() || name[name.size() - end.size() - 1] == '.');
}

/// What follows `start` and its dot in a name that begins with it.
inline std::string_view rest_of(std::string_view name, std::string_view start) {
    name.remove_prefix(start.size());
    if (!start.empty() && !name.empty()) {
        name.remove_prefix(1);
    }
    return name;
}
inline std::string joined_name(std::string_view start, std::string_view rest) {
    return std::string(start) + (start.empty() || rest.empty() ? "" : ".") + std::string(rest);
}

/// The index of the longest of `starts` that fits, or their number.
template <class Entries, class Fits, class Start>
std::size_t longest(const Entries& entries, const Fits& fits, const Start& start) {
    std::size_t best = entries.size();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (fits(entries[i]) && (best == entries.size() || start(entries[i]).size() > start(entries[best]).size())) {
            best = i;
        }
    }
    return best;
}

/// The tensors of a file under the names that they have in the network, as `LoadOptions` say.
class Intake {
public:
    Listing idle_conversions;  // entries of the options that fit nothing: a slip of the pen, no doubt
    Listing idle_renames;
    Listing twice;

    Intake(const SafetensorsFile& file, const LoadOptions& options) {
        read(file, options);
        rename(options);
        std::sort(tensors_.begin(), tensors_.end(), [](const Incoming& a, const Incoming& b) { return a.name < b.name; });
        for (std::size_t i = 1; i < tensors_.size(); ++i) {
            if (tensors_[i].name == tensors_[i - 1].name) {
                twice.add(tensors_[i - 1].label() + " and " + tensors_[i].label());
            }
        }
    }

    const std::vector<Incoming>& tensors() const { return tensors_; }
    const Incoming* find(std::string_view name) const {
        const auto place =
            std::lower_bound(tensors_.begin(), tensors_.end(), name, [](const Incoming& a, std::string_view b) { return a.name < b; });
        return place != tensors_.end() && place->name == name ? &*place : nullptr;
    }

private:
    void read(const SafetensorsFile& file, const LoadOptions& options) {
        std::vector<std::vector<Incoming>> to_convert(options.convert.size());
        for (const std::string& name : file.names()) {
            if (std::any_of(options.ignore.begin(), options.ignore.end(),
                            [&](const std::string& part) { return !part.empty() && (begins_with(name, part) || ends_with(name, part)); })) {
                continue;
            }
            const std::span<const index_t> shape = file.shape(name);
            Incoming tensor{name, name, find_dtype(file.dtype(name)), {shape.begin(), shape.end()}, file.bytes(name)};
            const std::size_t conversion = longest(
                options.convert,
                [&](const Conversion& each) {
                    return each.of_one() ? name == each.name() : begins_with(name, each.name()) && is_real(tensor.dtype);
                },
                [](const Conversion& each) -> const std::string& { return each.name(); });
            if (conversion == options.convert.size()) {
                tensors_.push_back(std::move(tensor));
            } else {
                to_convert[conversion].push_back(std::move(tensor));
            }
        }
        for (std::size_t i = 0; i < options.convert.size(); ++i) {
            if (!to_convert[i].empty()) {
                convert(file, options.convert[i], to_convert[i]);
            } else {
                idle_conversions.add(in_quotes(options.convert[i].name()));
            }
        }
    }

    void convert(const SafetensorsFile& file, const Conversion& conversion, const std::vector<Incoming>& tensors) {
        const Dtype* widest = tensors[0].dtype;
        NamedArrays arrays;
        for (const Incoming& tensor : tensors) {
            if (!is_real(tensor.dtype)) {
                fail_file(who, file.path(), in_quotes(tensor.name), " cannot be converted: it is of ", tensor.dtype->name,
                          ", expected F16, BF16, F32 or F64");
            }
            widest = tensor.dtype->bits > widest->bits ? tensor.dtype : widest;
            Array array(Array::shape_type(tensor.shape.begin(), tensor.shape.end()));
            read_elements(tensor.dtype, tensor.bytes.data(), array.data(), array.size());
            arrays[std::string(rest_of(tensor.name, conversion.name()))] = std::move(array);
        }
        const NamedArrays results = attempt(file, conversion, [&] {
            return conversion.of_one() ? NamedArrays{{"", conversion(arrays.begin()->second)}} : conversion(arrays);
        });
        for (const auto& [name, array] : results) {
            const std::string origin = joined_name(conversion.name(), name);
            tensors_.push_back({origin, origin, widest, {array.shape().begin(), array.shape().end()}, {}, array});
        }
    }

    /// The result of a conversion; what it throws is told of the file.
    template <class F>
    NamedArrays attempt([[maybe_unused]] const SafetensorsFile& file, [[maybe_unused]] const Conversion& conversion, const F& f) const {
#if defined(__cpp_exceptions)
        try {
            return f();
        } catch (const std::invalid_argument& error) {
            fail_file(who, file.path(), in_quotes(conversion.name()), " cannot be converted: ", error.what());
        }
#else
        return f();
#endif
    }

    void rename(const LoadOptions& options) {
        std::vector<bool> used(options.rename.size());
        for (Incoming& tensor : tensors_) {
            const std::size_t i = longest(
                options.rename, [&](const Rename& each) { return begins_with(tensor.origin, each.from); },
                [](const Rename& each) -> const std::string& { return each.from; });
            if (i < options.rename.size()) {
                used[i] = true;
                tensor.name = joined_name(options.rename[i].to, rest_of(tensor.origin, options.rename[i].from));
            }
        }
        for (std::size_t i = 0; i < used.size(); ++i) {
            if (!used[i]) {
                idle_renames.add(in_quotes(options.rename[i].from));
            }
        }
    }

    static constexpr std::string_view who = "nn::load_safetensors";
    std::vector<Incoming> tensors_;  // by name
};

/// Whether T may take values of this dtype, with or without rounding.
template <file_element T>
bool may_take(const Dtype* dtype, const LoadOptions& options) {
    return widens_to<T>(dtype) || (options.narrow && std::same_as<T, float> && dtype == dtype_f64);
}

}  // namespace nn::inline NN_ABI::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
