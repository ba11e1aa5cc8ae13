// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>     // std::copy_n
#include <bit>           // std::endian
#include <cerrno>        // errno
#include <cstddef>       // std::byte, std::size_t
#include <cstdint>       // std::uintmax_t
#include <cstdio>        // std::fopen, std::fread, std::fwrite
#include <filesystem>    // std::filesystem::path
#include <limits>        // std::numeric_limits
#include <memory>        // std::unique_ptr
#include <new>           // std::nothrow
#include <span>          // std::span
#include <string>        // std::string
#include <string_view>   // std::string_view
#include <system_error>  // std::error_code
#include <vector>        // std::vector

#include <nn/core/error.hpp>
#include <nn/core/index.hpp>
#include <nn/io/dtype.hpp>

namespace nn::inline NN_ABI::detail {

/// The parts of an error text in one string.
template <class... Parts>
std::string join(const Parts&... parts) {
    std::string text;
    (Part(parts).append_to(text), ...);
    return text;
}

/// Throws a file_error: `who: file: parts…`.
template <class... Parts>
[[noreturn]] void fail_file(std::string_view who, std::string_view file, const Parts&... parts) {
    fail<file_error>(who, {Part(file), Part(": "), Part(parts)...});
}

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

/// What the system says of its last refusal.
inline std::string system_text() { return std::error_code(errno, std::generic_category()).message(); }

/// A file's bytes from the first to the last, read by path or out of memory. `who` is for the error texts.
class ByteSource {
public:
    /// The file at `path`, which should be `format`: "a safetensors file".
    ByteSource(std::string_view who, const std::filesystem::path& path, std::string_view format) : who_(who), name_(path.string()) {
        std::error_code error;
        const std::filesystem::file_status status = std::filesystem::status(path, error);
        if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
            fail("is ", std::filesystem::is_directory(status) ? "a directory" : "no regular file", ", expected ", format);
        }
        file_.reset(std::fopen(name_.c_str(), "rb"));
        if (file_ == nullptr) {
            fail("cannot be opened: ", system_text());
        }
        left_ = std::filesystem::file_size(path, error);
        if (error) {
            fail("cannot be read: ", error.message());
        }
    }
    /// Bytes that are in memory; `name` stands for the path.
    ByteSource(std::string_view who, std::span<const std::byte> bytes, std::string_view name)
        : who_(who), name_(name), bytes_(bytes.data()), left_(bytes.size()) {}

    const std::string& name() const { return name_; }
    std::uintmax_t left() const { return left_; }

    /// The next bytes, no more than are left.
    void read(void* to, std::size_t count) {
        left_ -= count;
        if (file_ == nullptr) {
            std::copy_n(bytes_, count, static_cast<std::byte*>(to));
            bytes_ += count;
            return;
        }
        errno = 0;
        if (std::fread(to, 1, count, file_.get()) != count) {
            fail("cannot be read: ", errno != 0 ? system_text() : "it became shorter");
        }
    }

    /// `left()`, refused where no memory can hold so many.
    index_t left_in_memory() const {
        if (left_ > static_cast<std::uintmax_t>(std::numeric_limits<index_t>::max())) {
            no_memory();  // 2 GiB where an index_t has 32 bits
        }
        return static_cast<index_t>(left_);
    }
    /// All that is left.
    std::unique_ptr<std::byte[]> rest() {
        const auto count = static_cast<std::size_t>(left_in_memory());
        std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[count]);
        if (bytes == nullptr) {
            no_memory();
        }
        read(bytes.get(), count);
        return bytes;
    }

private:
    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        fail_file(who_, name_, parts...);
    }
    [[noreturn]] void no_memory() const { fail("holds ", left_, " bytes of data, for which there is no memory"); }

    std::string_view who_;
    std::string name_;
    FileHandle file_;
    const std::byte* bytes_ = nullptr;  // the next of those in memory
    std::uintmax_t left_ = 0;
};

/// A file written beside the one that it then replaces in one step.
class Replacement {
public:
    Replacement(std::string_view who, const std::filesystem::path& path) : who_(who), path_(path.string()), target_(path) {
        std::error_code error;
        const std::filesystem::file_status status = std::filesystem::status(path, error);
        const bool exists = std::filesystem::exists(status);
        // As root, a rename would replace a device or a pipe as readily as a file.
        if (exists && !std::filesystem::is_regular_file(status)) {
            fail("is ", std::filesystem::is_directory(status) ? "a directory" : "no regular file", ", expected a file to replace");
        }
        if (exists) {
            target_ = std::filesystem::canonical(path, error);  // through a link, that the link may stay
            if (error) {
                fail("cannot be replaced: ", error.message());
            }
        }
        // "x": a file of that name is not opened but left alone, be it another writer's or an attacker's link.
        for (int attempt = 0; file_ == nullptr; ++attempt) {
            temporary_ = target_;
            temporary_ += ".tmp" + std::to_string(attempt);
            file_.reset(std::fopen(temporary_.string().c_str(), "wbx"));
            if (file_ == nullptr && (errno != EEXIST || attempt == most_attempts)) {
                fail("cannot be written: ", temporary_.string(), ": ", system_text());
            }
        }
        if (exists) {
            std::filesystem::permissions(temporary_, status.permissions(), error);  // as far as the system lets us
        }
    }
    Replacement(const Replacement&) = delete;
    Replacement& operator=(const Replacement&) = delete;
    ~Replacement() { discard(); }

    void write(const void* from, std::size_t bytes) {
        if (bytes != 0 && std::fwrite(from, 1, bytes, file_.get()) != bytes) {
            refuse(system_text());
        }
    }
    /// Elements of `width` bytes, which are little-endian in the file.
    void write_elements(const void* from, std::size_t bytes, std::size_t width) {
        if constexpr (std::endian::native == std::endian::little) {
            write(from, bytes);
        } else {
            std::vector<std::byte> swapped(bytes);
            copy_elements(static_cast<const std::byte*>(from), swapped.data(), bytes, width);
            write(swapped.data(), bytes);
        }
    }
    void commit() {
        if (std::fclose(file_.release()) != 0) {
            refuse(system_text());
        }
        std::error_code error;
        std::filesystem::rename(temporary_, target_, error);
        if (error) {
            refuse(error.message());
        }
        temporary_.clear();
    }

private:
    static constexpr int most_attempts = 1000;

    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        fail_file(who_, path_, parts...);
    }
    [[noreturn]] void refuse(const std::string& reason) {
        discard();  // here, not by the destructor alone: without exceptions it is not reached
        fail("cannot be written: ", reason);
    }
    void discard() {
        file_.reset();
        if (!temporary_.empty()) {
            std::error_code error;
            std::filesystem::remove(temporary_, error);
            temporary_.clear();
        }
    }

    std::string_view who_;
    std::string path_;  // as the caller wrote it
    std::filesystem::path target_;
    std::filesystem::path temporary_;
    FileHandle file_;
};

}  // namespace nn::inline NN_ABI::detail
