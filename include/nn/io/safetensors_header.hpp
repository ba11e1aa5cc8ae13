// SPDX-License-Identifier: MIT
#pragma once

// A safetensors file is the length of its header (8 bytes, little-endian), the header, and the data:
//
//     {"0.weight": {"dtype": "F32", "shape": [16, 3], "data_offsets": [0, 192]}, …, "__metadata__": {"any": "text"}}
//
// The offsets count bytes of the data, which the tensors fill without overlap or hole.
//
// Source  https://github.com/huggingface/safetensors, "Format". Stricter than its reader where that guesses: a name given twice, a key
//         that it does not know, a zero byte that ends the text.

#include <algorithm>    // std::sort, std::adjacent_find
#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint64_t
#include <limits>       // std::numeric_limits
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::exchange, std::move
#include <vector>       // std::vector

#include <nlohmann/json.hpp>

#include <nn/core/error.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/stored_array.hpp>

namespace nn::inline NN_ABI::detail {

inline constexpr index_t most_header_bytes = 100'000'000;  // the reference implementation's
inline constexpr std::size_t most_metadata = 10'000;       // texts for people; a few dozen in files of today
inline constexpr std::string_view metadata_name = "__metadata__";

/// Text from a file as an error shows it: in quotes, in ASCII, cut when long, so that no file makes the error more than one short line.
inline std::string in_quotes(std::string_view text) {
    constexpr std::size_t most = 100;
    const nlohmann::json shown = std::string(text.substr(0, most));
    return shown.dump(-1, ' ', true, nlohmann::json::error_handler_t::ignore) + (text.size() > most ? "..." : "");
}

/// A tensor in a file.
struct SafetensorsEntry {
    std::string name;
    const Dtype* dtype = nullptr;
    std::vector<index_t> shape;
    std::array<index_t, 2> offsets{};  ///< its bytes [begin, end) of the data

    index_t begin() const { return offsets[0]; }
    index_t end() const { return offsets[1]; }
    index_t bytes() const { return end() - begin(); }
};

/// Receives a header from nlohmann's parser piece by piece. No tree is built: that would lose a name given twice, and let a file of
/// brackets take many times its size in memory. The first thing out of place ends the reading.
class SafetensorsHeader {
public:
    SafetensorsHeader(std::string_view file, index_t data_bytes) : file_(file), data_bytes_(data_bytes) {}

    /// The tensors by name, all checked.
    std::vector<SafetensorsEntry> take_entries() {
        std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
        const auto twice =
            std::adjacent_find(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.name == b.name; });
        if (twice != entries_.end()) {
            fail("tensor ", in_quotes(twice->name), " is there twice");
        }
        check_layout();
        return std::move(entries_);
    }

    bool start_object(std::size_t) {
        switch (place_) {
            case Place::file: place_ = Place::header; return true;
            case Place::header: place_ = name_ == metadata_name ? Place::metadata : Place::tensor; break;
            default: refuse("an object");
        }
        if (place_ == Place::tensor) {
            entries_.push_back({});
            entries_.back().name = name_;
            has_dtype_ = has_shape_ = has_offsets_ = false;
        } else if (std::exchange(has_metadata_, true)) {
            fail(metadata_name, " is there twice");
        }
        return true;
    }
    bool key(std::string& text) {
        if (place_ == Place::header) {
            name_ = std::move(text);
            return true;
        }
        key_ = std::move(text);
        if (place_ == Place::metadata) {
            if (metadata_keys_.size() == most_metadata) {
                fail(metadata_name, " has more than ", most_metadata, " entries");
            }
            metadata_keys_.push_back(key_);
            return true;
        }
        bool* const has = key_ == "dtype" ? &has_dtype_ : key_ == "shape" ? &has_shape_ : key_ == "data_offsets" ? &has_offsets_ : nullptr;
        if (has == nullptr) {
            fail_tensor(in_quotes(key_), " is unknown, expected dtype, shape and data_offsets");
        }
        if (std::exchange(*has, true)) {
            fail_tensor(key_, " is there twice");
        }
        return true;
    }
    bool end_object() {
        switch (place_) {
            case Place::tensor: check_tensor(); break;
            case Place::metadata: check_metadata(); break;
            default: break;
        }
        place_ = place_ == Place::header ? Place::file : Place::header;
        return true;
    }
    bool start_array(std::size_t) {
        if (place_ != Place::tensor || key_ == "dtype") {
            refuse("an array");
        }
        place_ = key_ == "shape" ? Place::shape : Place::offsets;
        count_ = 0;
        return true;
    }
    bool end_array() {
        if (place_ == Place::offsets && count_ != 2) {
            fail_tensor("data_offsets are ", count_, " numbers, expected 2");
        }
        place_ = Place::tensor;
        return true;
    }
    bool number_unsigned(std::uint64_t number) {
        if (place_ != Place::shape && place_ != Place::offsets) {
            refuse(std::to_string(number));
        }
        if (number > static_cast<std::uint64_t>(std::numeric_limits<index_t>::max())) {
            fail_tensor(key_, "[", count_, "] is ", std::to_string(number), ", more than any memory holds");
        }
        if (place_ == Place::shape) {
            if (count_ == most_axes) {
                fail_tensor("has more than ", most_axes, " axes");
            }
            entries_.back().shape.push_back(static_cast<index_t>(number));
        } else if (count_ < 2) {
            entries_.back().offsets[count_] = static_cast<index_t>(number);
        }
        ++count_;
        return true;
    }
    bool string(std::string& text) {
        if (place_ == Place::metadata) {
            return true;
        }
        if (place_ != Place::tensor || key_ != "dtype") {
            refuse(in_quotes(text));
        }
        entries_.back().dtype = find_dtype(text);
        if (entries_.back().dtype == nullptr) {
            fail_tensor("dtype ", in_quotes(text), " is unknown");
        }
        return true;
    }
    bool null() { refuse("null"); }
    bool boolean(bool value) { refuse(value ? "true" : "false"); }
    bool number_integer(std::int64_t number) { refuse(std::to_string(number)); }
    bool number_float(double, const std::string& text) { refuse(in_quotes(text)); }
    bool binary(nlohmann::json::binary_t&) { refuse("binary"); }
    bool parse_error(std::size_t position, const std::string& token, const nlohmann::detail::exception&) {
        fail("the header is not JSON at its byte ", position, ", near ", in_quotes(token));
    }

private:
    enum class Place { file, header, metadata, tensor, shape, offsets };

    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        fail_file("nn::SafetensorsFile", file_, parts...);
    }
    template <class... Parts>
    [[noreturn]] void fail_tensor(const Parts&... parts) const {
        fail("tensor ", in_quotes(name_), ": ", parts...);
    }
    [[noreturn]] void refuse(std::string_view got) const {
        switch (place_) {
            case Place::metadata: fail(metadata_name, ": ", in_quotes(key_), " is ", got, ", expected a string");
            case Place::tensor: fail_tensor(key_, " is ", got, ", expected ", key_ == "dtype" ? "a string" : "an array");
            case Place::shape:
            case Place::offsets: fail_tensor(key_, "[", count_, "] is ", got, ", expected a non-negative integer");
            default: fail(in_quotes(name_), " is ", got, ", expected an object");
        }
    }

    void check_metadata() {
        std::sort(metadata_keys_.begin(), metadata_keys_.end());
        const auto twice = std::adjacent_find(metadata_keys_.begin(), metadata_keys_.end());
        if (twice != metadata_keys_.end()) {
            fail(metadata_name, ": ", in_quotes(*twice), " is there twice");
        }
    }

    void check_tensor() const {
        const SafetensorsEntry& entry = entries_.back();
        if (!has_dtype_ || !has_shape_ || !has_offsets_) {
            fail_tensor("has no ", !has_dtype_ ? "dtype" : !has_shape_ ? "shape" : "data_offsets");
        }
        const auto [bytes, fits, whole] = footprint(entry.dtype, entry.shape);
        if (!fits) {
            fail_tensor("the shape ", entry.shape, " is more than any memory holds");
        }
        if (!whole) {
            fail_tensor("the shape ", entry.shape, " of ", entry.dtype->name, " is no whole number of bytes");
        }
        if (entry.begin() > entry.end()) {
            fail_tensor("data_offsets ", entry.offsets, " end before they begin");
        }
        if (entry.end() > data_bytes_) {
            fail_tensor("data_offsets ", entry.offsets, " end behind the file, which has ", data_bytes_, " bytes of data");
        }
        if (entry.bytes() != bytes) {
            fail_tensor("data_offsets ", entry.offsets, " hold ", entry.bytes(), " bytes, expected ", bytes, " for the shape ",
                        entry.shape, " of ", entry.dtype->name);
        }
    }

    /// Each tensor begins where the one before it ends, and the last one ends with the file.
    void check_layout() const {
        std::vector<const SafetensorsEntry*> order;
        order.reserve(entries_.size());
        for (const SafetensorsEntry& entry : entries_) {
            order.push_back(&entry);
        }
        std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->offsets < b->offsets; });
        index_t end = 0;
        const SafetensorsEntry* before = nullptr;
        for (const SafetensorsEntry* entry : order) {
            if (entry->begin() < end) {
                fail("tensor ", in_quotes(entry->name), " with data_offsets ", entry->offsets, " overlaps tensor ", in_quotes(before->name),
                     " with ", before->offsets);
            }
            if (entry->begin() > end) {
                fail("bytes ", std::array<index_t, 2>{end, entry->begin()}, " of the data belong to no tensor");
            }
            end = entry->end();
            before = entry;
        }
        if (end != data_bytes_) {
            fail("bytes ", std::array<index_t, 2>{end, data_bytes_}, " of the data belong to no tensor");
        }
    }

    std::string_view file_;
    index_t data_bytes_;
    std::vector<SafetensorsEntry> entries_;
    std::vector<std::string> metadata_keys_;

    Place place_ = Place::file;
    std::string name_;       // the last key of the header
    std::string key_;        // the last key inside a tensor or the metadata
    std::size_t count_ = 0;  // numbers so far in shape or data_offsets
    bool has_dtype_ = false;
    bool has_shape_ = false;
    bool has_offsets_ = false;
    bool has_metadata_ = false;
};

/// The tensors that a header describes, by name. `file` is for the error texts; `data_bytes` is what the file really holds.
inline std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view file, std::string_view header, index_t data_bytes) {
    if (!header.starts_with('{')) {
        fail_file("nn::SafetensorsFile", file, "the header does not begin with {");
    }
    // nlohmann takes a zero byte for the end of the text and would not see what follows.
    if (const std::size_t zero = header.find('\0'); zero != header.npos) {
        fail_file("nn::SafetensorsFile", file, "the header is not JSON at its byte ", zero + 1, ", which is 0");
    }
    SafetensorsHeader reader(file, data_bytes);
    nlohmann::json::sax_parse(header.begin(), header.end(), &reader);
    return reader.take_entries();
}

}  // namespace nn::inline NN_ABI::detail
