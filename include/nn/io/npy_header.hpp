// SPDX-License-Identifier: MIT
#pragma once

// A NumPy file is "\x93NUMPY", a version (2 bytes), the length of its header (2 bytes in version 1.0, 4 in 2.0 and 3.0, little-endian), the
// header, which is a dict as Python writes it, and the elements:
//
//     {'descr': '<f4', 'fortran_order': False, 'shape': (16, 3), }
//
// Source  https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

#include <array>        // std::array
#include <cstddef>      // std::byte, std::size_t
#include <cstdint>      // std::uint64_t
#include <limits>       // std::numeric_limits
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/stored_array.hpp>

namespace nn::inline NN_ABI::detail {

inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// What NumPy calls a dtype, less the order of its bytes.
struct NpyType {
    std::string_view code;
    const Dtype* dtype;
};
inline constexpr std::array<NpyType, 12> npy_types{{
    {"b1", find_dtype("BOOL")}, {"i1", find_dtype("I8")},  {"u1", find_dtype("U8")},  {"i2", find_dtype("I16")},
    {"u2", find_dtype("U16")},  {"f2", dtype_f16},         {"i4", find_dtype("I32")}, {"u4", find_dtype("U32")},
    {"f4", dtype_f32},          {"i8", find_dtype("I64")}, {"u8", find_dtype("U64")}, {"f8", dtype_f64},
}};

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
            if (has == nullptr || *has) {
                refuse();
            }
            *has = true;
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
            refuse();
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
    [[noreturn]] void refuse() const {
        fail("the header is no dict of descr, fortran_order and shape, once each: see its byte ", at_);
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
            refuse();
        }
    }
    std::string_view quoted() {
        const char quote = takes('"') ? '"' : '\'';
        if (quote == '\'') {
            expect(quote);
        }
        const std::size_t end = text_.find(quote, at_);
        if (end == text_.npos) {
            refuse();
        }
        const std::string_view inside = text_.substr(at_, end - at_);
        at_ = end + 1;
        return inside;
    }

    void read_descr() {
        constexpr std::string_view known = "b1, i1, u1 or, behind < or >, f2, f4, f8, i2 ... u8";
        skip_spaces();
        if (at_ < text_.size() && text_[at_] == '[') {
            fail("descr is a list of fields, expected ", known);
        }
        const std::string_view descr = quoted();
        const char order = descr.empty() ? ' ' : descr[0];
        for (const NpyType& type : npy_types) {
            const bool ordered = order == '<' || order == '>' || (order == '|' && type.dtype->bits == 8);
            if (ordered && descr.substr(1) == type.code) {
                header_.dtype = type.dtype;
                header_.big_endian = order == '>';
                return;
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
        refuse();
    }
    void read_shape() {
        expect('(');
        for (bool comma = true; !takes(')'); comma = takes(',')) {
            if (!comma) {
                refuse();
            }
            if (header_.shape.size() == most_axes) {
                fail("shape has more than ", most_axes, " axes");
            }
            header_.shape.push_back(extent());
            skip_spaces();
            if (header_.shape.size() == 1 && (at_ == text_.size() || text_[at_] != ',')) {
                refuse();  // (3) is a number, not a tuple
            }
        }
    }
    index_t extent() {
        const auto digit = [&] { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; };
        if (!digit()) {
            refuse();
        }
        index_t number = 0;
        for (; digit(); ++at_) {
            number = saturating_add(saturating_multiply(number, index_t(10)), index_t(text_[at_] - '0'));
        }
        return number;
    }

    /// Text from a file as an error shows it: short, and nothing that a terminal would obey.
    static std::string printable(std::string_view text) {
        constexpr std::size_t most = 20;
        std::string shown = "'";
        for (const char c : text.substr(0, most)) {
            shown += c >= ' ' && c <= '~' ? c : '?';
        }
        return shown + (text.size() > most ? "...'" : "'");
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
    std::array<std::byte, 12> start{};  // as far as the length of version 2.0
    constexpr std::size_t shortest = 10;
    if (source.left() < shortest) {
        fail("is ", source.left(), " bytes long, expected an .npy file, which has more than ", shortest);
    }
    source.read(start.data(), shortest);
    for (std::size_t i = 0; i < npy_magic.size(); ++i) {
        if (start[i] != std::byte(static_cast<unsigned char>(npy_magic[i]))) {
            fail("does not begin as an .npy file does");
        }
    }
    const int major = std::to_integer<int>(start[6]);
    const int minor = std::to_integer<int>(start[7]);
    if (major < 1 || major > 3 || minor != 0) {
        fail("is of version ", major, ".", minor, ", expected 1.0, 2.0 or 3.0");
    }
    std::size_t length_bytes = 2;
    if (major > 1) {
        if (source.left() < 2) {
            fail("ends before its header");
        }
        source.read(start.data() + shortest, 2);
        length_bytes = 4;
    }
    const std::uint64_t length = little_endian(std::span(start).subspan(8, length_bytes));
    if (length > source.left()) {
        fail("the header is ", length, " bytes long, but only ", source.left(), " follow");
    }
    std::string text(static_cast<std::size_t>(length), ' ');
    source.read(text.data(), text.size());
    NpyHeader header = NpyDict(who, source.name(), text).read();

    const Footprint size = footprint(header.dtype, header.shape);
    if (!size.fits) {
        fail("the shape ", header.shape, " is more than any memory holds");
    }
    if (source.data_bytes() != size.bytes) {
        fail("holds ", source.data_bytes(), " bytes of data, expected ", size.bytes, " for the shape ", header.shape, " of ",
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
