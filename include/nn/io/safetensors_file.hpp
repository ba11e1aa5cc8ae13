// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::lower_bound
#include <array>        // std::array
#include <cstddef>      // std::byte, std::size_t
#include <cstdint>      // std::uint64_t
#include <cstring>      // std::memcmp
#include <filesystem>   // std::filesystem::path
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/safetensors_header.hpp>
#include <nn/io/stored_array.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

namespace detail {

/// The first few of many things, for an error text.
class Listing {
public:
    void add(const std::string& text) {
        if (count_++ < most) {
            text_ += (text_.empty() ? "" : ", ") + text;
        }
    }
    std::size_t count() const { return count_; }
    std::string text() const { return count_ > most ? text_ + " and " + std::to_string(count_ - most) + " more" : text_; }

private:
    static constexpr std::size_t most = 5;
    std::size_t count_ = 0;
    std::string text_;
};

}  // namespace detail

/// A safetensors file, read into memory and checked whole. It comes by path, or as bytes that are in memory already.
///
///     const nn::SafetensorsFile file("model.safetensors");
///     const nn::Tensor<float, 4> weight = file.get<float, 4>("0.conv.weight");
///
/// What it returns as a span or a view of text refers to it. Its calls are const and may be made from many threads.
///
/// Errors  file_error: what cannot be read, and whatever the format does not allow, down to the last byte.
/// Cost    the memory of the data and a few times that of the header, whatever the header claims: every length is compared with the
///         file's before it is used.
class SafetensorsFile {
public:
    /// Reads the file.
    explicit SafetensorsFile(const std::filesystem::path& path) : SafetensorsFile(detail::ByteSource(who, path, "a safetensors file")) {}

    /// The bytes of a file, such as a program carries in itself; they are copied. In error texts `name` stands for the path.
    explicit SafetensorsFile(std::span<const std::byte> bytes, std::string_view name = "bytes in memory")
        : SafetensorsFile(detail::ByteSource(who, bytes, name)) {}

    bool contains(std::string_view name) const { return find(name) != nullptr; }  ///< whether it has a tensor of this name

    /// The names of all tensors, sorted.
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        names.reserve(entries_.size());
        for (const detail::SafetensorsEntry& entry : entries_) {
            names.push_back(entry.name);
        }
        return names;
    }

    std::span<const index_t> shape(std::string_view name) const { return entry(name).shape; }  ///< the extents of a tensor

    /// As the format calls it: "F32", "I64", "BF16", …
    std::string_view dtype(std::string_view name) const { return entry(name).dtype->name; }

    /// The elements as they lie in the file, little-endian: for a dtype that has no type in C++.
    std::span<const std::byte> bytes(std::string_view name) const {
        const detail::SafetensorsEntry& found = entry(name);
        return {data_.get() + found.begin(), static_cast<std::size_t>(found.bytes())};
    }

    /// A copy of a tensor that has this element type and rank. F32 is float, F64 double, BOOL bool, I8 … U64 the integers. F16 and BF16
    /// widen to float, and all three to double; nothing else changes its type.
    template <detail::file_element T, std::size_t R>
    Tensor<T, R> get(std::string_view name) const {
        const detail::SafetensorsEntry& found = entry(name);
        const Shape<R> shape = detail::asked_shape<T, R>(
            found.dtype, found.shape, [&](const auto&... parts) { fail("tensor ", detail::in_quotes(name), " ", parts...); });
        Tensor<T, R> tensor = make_tensor<T, R>(shape);
        detail::read_elements(found.dtype, data_.get() + found.begin(), tensor.data(), tensor.size());
        return tensor;
    }

    const std::string& path() const { return path_; }  ///< where it came from

private:
    static constexpr std::string_view who = "nn::SafetensorsFile";

    /// What is given for a safetensors file by mistake.
    struct ForeignFormat {
        std::string_view begins;
        std::string_view is;
    };
    static constexpr ForeignFormat foreign_formats[] = {
        {"PK\3\4", "a zip file, which torch.save and numpy.savez write"},
        {"\x93NUMPY", "an .npy file, which nn::load_npy reads"},
    };

    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        detail::fail_file(who, path_, parts...);
    }

    explicit SafetensorsFile(detail::ByteSource source) : path_(source.name()) {
        std::array<std::byte, 8> length_bytes{};
        if (source.left() < length_bytes.size()) {
            fail("is ", source.left(), " bytes long, expected a safetensors file, which has at least 8");
        }
        source.read(length_bytes.data(), length_bytes.size());
        const std::uint64_t length = detail::little_endian(length_bytes);
        const auto most = static_cast<std::uint64_t>(detail::most_header_bytes);
        for (const ForeignFormat& format : foreign_formats) {
            if (length > most && std::memcmp(length_bytes.data(), format.begins.data(), format.begins.size()) == 0) {
                fail("is ", format.is, ", expected a safetensors file");
            }
        }
        if (length > source.left()) {
            fail("the header is ", std::to_string(length), " bytes long by the file's first 8, but only ", source.left(), " follow");
        }
        if (length > most) {
            fail("the header is ", length, " bytes long, expected at most ", detail::most_header_bytes);
        }
        std::string header(static_cast<std::size_t>(length), ' ');
        source.read(header.data(), header.size());
        entries_ = detail::parse_safetensors_header(path_, header, source.left_in_memory());
        data_ = source.rest();
    }

    const detail::SafetensorsEntry* find(std::string_view name) const {
        const auto place =
            std::lower_bound(entries_.begin(), entries_.end(), name, [](const auto& a, std::string_view b) { return a.name < b; });
        return place != entries_.end() && place->name == name ? &*place : nullptr;
    }
    const detail::SafetensorsEntry& entry(std::string_view name) const {
        const detail::SafetensorsEntry* const found = find(name);
        if (found == nullptr) {
            detail::Listing names;
            for (const detail::SafetensorsEntry& each : entries_) {
                names.add(detail::in_quotes(each.name));
            }
            fail("has no tensor ", detail::in_quotes(name), "; it has ", entries_.empty() ? "none" : names.text());
        }
        return *found;
    }

    std::string path_;
    std::vector<detail::SafetensorsEntry> entries_;  // by name
    std::unique_ptr<std::byte[]> data_;
};

}  // namespace nn::inline NN_ABI
