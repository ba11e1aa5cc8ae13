// SPDX-License-Identifier: MIT
#pragma once

// A NumPy file is "\x93NUMPY", a version (2 bytes), the length of its header (2 bytes in version 1.0, 4 in 2.0 and 3.0, little-endian), the
// header, which is a dict as Python writes it, and the elements:
//
//     {'descr': '<f4', 'fortran_order': False, 'shape': (16, 3), }
//
// Source  https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <array>        // std::array
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::exchange
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/core/index.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/stored_array.hpp>

namespace nn::inline NN_ABI::detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";
inline constexpr std::uint64_t most_npy_header_bytes = 65'535;  // what version 1.0 can hold; NumPy reads 10 000 unless told otherwise

/// What NumPy calls a dtype, less the order of its bytes.
struct NpyType {
    std::string_view code;
    const Dtype* dtype;
};
inline constexpr std::array<NpyType, 12> npy_types{{
    {"b1", find_dtype("BOOL")},
    {"i1", find_dtype("I8")},
    {"u1", find_dtype("U8")},
    {"i2", find_dtype("I16")},
    {"u2", find_dtype("U16")},
    {"f2", dtype_f16},
    {"i4", find_dtype("I32")},
    {"u4", find_dtype("U32")},
    {"f4", dtype_f32},
    {"i8", find_dtype("I64")},
    {"u8", find_dtype("U64")},
    {"f8", dtype_f64},
}};

/// Text from a file as an error shows it: short, and nothing that a terminal would obey.
inline std::string printable(std::string_view text) {
    constexpr std::size_t most = 20;
    std::string shown = "'";
    for (const char c : text.substr(0, most)) {
        shown += c >= ' ' && c <= '~' ? c : '?';
    }
    return shown + (text.size() > most ? "...'" : "'");
}

/// What the header of a NumPy file tells of its array.
struct NpyHeader {
    const Dtype* dtype = nullptr;
    bool big_endian = false;
    bool column_major = false;  ///< "Fortran order": the first axis is the innermost
    std::vector<index_t> shape{};
};

/// Reads the dict. The first thing out of place ends the reading.
class NpyDict {
public:
    NpyDict(std::string_view who, std::string_view file, std::string_view text) : who_(who), file_(file), text_(text) {}

    NpyHeader read() {
        bool has_descr = false;
        bool has_order = false;
        bool has_shape = false;
        expect('{');
        while (!takes('}')) {
            const std::string_view key = quoted();
            bool* const has = key == "descr" ? &has_descr : key == "fortran_order" ? &has_order : key == "shape" ? &has_shape : nullptr;
            if (has == nullptr) {
                fail("the header has the key ", printable(key), ", expected descr, fortran_order and shape");
            }
            if (std::exchange(*has, true)) {
                fail("the header has ", key, " twice");
            }
            expect(':');
            if (has == &has_descr) {
                read_descr();
            } else if (has == &has_order) {
                read_order();
            } else {
                read_shape();
            }
            if (!takes(',')) {
                expect('}');
                break;
            }
        }
        skip_spaces();
        if (at_ != text_.size()) {
            refuse("nothing more");
        }
        if (!has_descr || !has_order || !has_shape) {
            fail("the header has no ", !has_descr ? "descr" : !has_order ? "fortran_order" : "shape");
        }
        return header_;
    }

private:
    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        fail_file(who_, file_, parts...);
    }
    [[noreturn]] void refuse(std::string_view expected) const {
        fail("the header has ", printable(text_.substr(at_)), " at its byte ", at_ + 1, ", expected ", expected);
    }

    void skip_spaces() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) {
            ++at_;
        }
    }
    /// Whether the next thing is `mark`, which is then behind us.
    bool takes(char mark) {
        skip_spaces();
        const bool taken = at_ < text_.size() && text_[at_] == mark;
        at_ += taken ? 1 : 0;
        return taken;
    }
    void expect(char mark) {
        if (!takes(mark)) {
            refuse(std::string_view(&mark, 1));
        }
    }
    std::string_view quoted() {
        const char quote = takes('"') ? '"' : '\'';
        if (quote == '\'') {
            expect(quote);
        }
        const std::size_t end = text_.find(quote, at_);
        if (end == text_.npos) {
            refuse("the end of a text in quotes");
        }
        const std::string_view inside = text_.substr(at_, end - at_);
        at_ = end + 1;
        return inside;
    }

    void read_descr() {
        constexpr std::string_view known = "|b1, |i1, |u1, or < or > and f2, f4, f8, i2, i4, i8, u2, u4 or u8";
        skip_spaces();
        if (at_ < text_.size() && text_[at_] == '[') {
            fail("descr is a list of fields, expected ", known);
        }
        const std::string_view descr = quoted();
        for (const NpyType& type : npy_types) {
            for (const char order : {'|', '<', '>'}) {
                if ((order == '|') == (type.dtype->bits == 8) && descr.starts_with(order) && descr.substr(1) == type.code) {
                    header_.dtype = type.dtype;
                    header_.big_endian = order == '>';
                    return;
                }
            }
        }
        fail("descr is ", printable(descr), ", expected ", known);
    }
    void read_order() {
        skip_spaces();
        for (const bool column_major : {true, false}) {
            const std::string_view word = column_major ? "True" : "False";
            if (text_.substr(at_).starts_with(word)) {
                at_ += word.size();
                header_.column_major = column_major;
                return;
            }
        }
        refuse("True or False");
    }
    void read_shape() {
        expect('(');
        while (!takes(')')) {
            if (header_.shape.size() == most_axes) {
                fail("shape has more than ", most_axes, " axes");
            }
            header_.shape.push_back(extent());
            if (!takes(',')) {
                if (header_.shape.size() == 1) {
                    refuse(",");  // (3) is a number, not a tuple
                }
                expect(')');
                return;
            }
        }
    }
    index_t extent() {
        const auto digit = [&] { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; };
        if (!digit() || (text_[at_] == '0' && text_.substr(at_ + 1, 1).find_first_of("0123456789") == 0)) {
            refuse("an extent");
        }
        index_t number = 0;
        for (; digit(); ++at_) {
            number = saturating_add(saturating_multiply(number, index_t(10)), index_t(text_[at_] - '0'));
        }
        return number;
    }

    std::string_view who_;
    std::string_view file_;
    std::string_view text_;
    std::size_t at_ = 0;
    NpyHeader header_;
};

/// Reads what comes before the elements, and sees that so many bytes follow as these take.
inline NpyHeader read_npy_header(std::string_view who, ByteSource& source) {
    const auto fail = [&](const auto&... parts) { fail_file(who, source.name(), parts...); };
    const auto read = [&, size = source.left()](std::size_t from, std::size_t to) {
        if (source.left() < to - from) {
            fail("is ", size, " bytes long, expected an .npy file, which has more than ", to);
        }
        std::string bytes(to - from, ' ');
        source.read(bytes.data(), bytes.size());
        return bytes;
    };
    if (const std::string magic = read(0, 6); magic != npy_magic) {
        fail("begins with ", printable(magic), ", expected an .npy file");
    }
    const std::string version = read(6, 8);
    const int major = static_cast<unsigned char>(version[0]);
    const int minor = static_cast<unsigned char>(version[1]);
    if (major < 1 || major > 3 || minor != 0) {
        fail("is of version ", major, ".", minor, ", expected 1.0, 2.0 or 3.0");
    }
    const std::string length_bytes = read(8, major == 1 ? 10 : 12);
    const std::uint64_t length = little_endian(std::as_bytes(std::span(length_bytes)));
    if (length > most_npy_header_bytes) {
        fail("the header is ", length, " bytes long, expected at most ", most_npy_header_bytes);
    }
    if (length > source.left()) {
        fail("the header is ", length, " bytes long, but only ", source.left(), " follow");
    }
    const std::string text = read(0, static_cast<std::size_t>(length));
    NpyHeader header = NpyDict(who, source.name(), text).read();

    const Footprint size = footprint(header.dtype, header.shape);
    if (!size.fits) {
        fail("the shape ", header.shape, " is more than any memory holds");
    }
    if (source.left_in_memory() != size.bytes) {
        fail("holds ", source.left_in_memory(), " bytes of data, expected ", size.bytes, " for the shape ", header.shape, " of ",
             header.dtype->name);
    }
    return header;
}

/// What comes before the elements of a row-major array on a little-endian machine, to the byte as NumPy writes it.
inline std::string npy_head(const Dtype* dtype, std::span<const index_t> shape) {
    std::string header = "{'descr': '";
    for (const NpyType& type : npy_types) {
        if (type.dtype == dtype) {
            header += (dtype->bits == 8 ? "|" : "<") + std::string(type.code);
        }
    }
    header += "', 'fortran_order': False, 'shape': ";
    Part(shape).append_to(header);  // as Python prints it
    header += ", }";
    if (!shape.empty()) {  // room for the first axis to grow to any length
        header.append(21 - std::to_string(shape[0]).size(), ' ');
    }
    const std::size_t before = npy_magic.size() + 4;
    header.append(64 - (before + header.size() + 1) % 64, ' ');  // the elements begin at a multiple of 64
    header += '\n';
    std::string head(npy_magic);
    head += {'\1', '\0', static_cast<char>(static_cast<unsigned char>(header.size() & 255)),
             static_cast<char>(static_cast<unsigned char>(header.size() >> 8))};
    return head + header;
}

}  // namespace nn::inline NN_ABI::detail
