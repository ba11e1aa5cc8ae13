// SPDX-License-Identifier: MIT
#pragma once

// As in nn.hpp.
#pragma push_macro("min")
#pragma push_macro("max")
#undef min
#undef max

#include <algorithm>    // std::reverse
#include <cstddef>      // std::byte, std::size_t
#include <filesystem>   // std::filesystem::path
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view

#include <nn/core/shape.hpp>
#include <nn/core/view.hpp>
#include <nn/io/dtype.hpp>
#include <nn/io/file.hpp>
#include <nn/io/npy_header.hpp>
#include <nn/io/row_major_copy.hpp>
#include <nn/io/stored_array.hpp>
#include <nn/kernels/elementwise.hpp>
#include <nn/tensor.hpp>

namespace nn::inline NN_ABI {

namespace detail {

inline constexpr std::string_view load_npy_name = "nn::load_npy";

template <file_element T, std::size_t R>
Tensor<T, R> read_npy(ByteSource source) {
    const NpyHeader header = read_npy_header(load_npy_name, source);
    const Shape<R> shape = asked_shape<T, R>(
        header.dtype, header.shape, [&](const auto&... parts) { fail_file(load_npy_name, source.name(), "the array ", parts...); });
    const auto bytes = static_cast<std::size_t>(source.left_in_memory());
    std::unique_ptr<std::byte[]> data = source.rest();
    if (header.big_endian) {
        const auto width = static_cast<std::size_t>(header.dtype->bits / 8);
        for (std::size_t at = 0; at < bytes; at += width) {
            std::reverse(data.get() + at, data.get() + at + width);
        }
    }
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    read_elements(header.dtype, data.get(), tensor.data(), tensor.size());
    data.reset();
    if (R < 2 || !header.column_major) {
        return tensor;
    }
    View<const T, R> columns{tensor.data(), shape, {}};
    index_t stride = 1;
    for (std::size_t axis = 0; axis < R; ++axis) {
        columns.strides[axis] = stride;
        stride *= shape[axis];
    }
    Tensor<T, R> rows = make_tensor<T, R>(shape);
    kernels::transform(
        view_of(rows), [](auto element) { return element; }, columns);
    return rows;
}

}  // namespace detail

/// The array of a NumPy file: any element type below, either order of bytes, either order of axes.
///
///     const auto x = nn::load_npy<float, 3>("x.npy");
///
/// f4 is float, f8 double, b1 bool, i1 … u8 the integers. f2 widens to float, f2 and f4 to double; nothing else changes its type. (Error
/// texts name types as safetensors does: F32 for f4.)
///
/// Errors  file_error: what cannot be read, another rank or element type than asked for, a header that is not as NumPy writes it but for
///         spaces and the order of its keys, and bytes behind the array, where NumPy would not look.
/// Cost    twice the memory of the array while it reads
template <detail::file_element T, std::size_t R>
Tensor<T, R> load_npy(const std::filesystem::path& path) {
    return detail::read_npy<T, R>(detail::ByteSource(detail::load_npy_name, path, "an .npy file"));
}
/// The same of the bytes of a file, such as a program carries in itself. In error texts `name` stands for the path.
template <detail::file_element T, std::size_t R>
Tensor<T, R> load_npy(std::span<const std::byte> bytes, std::string_view name = "bytes in memory") {
    return detail::read_npy<T, R>(detail::ByteSource(detail::load_npy_name, bytes, name));
}

/// Writes an array for `numpy.load`, row by row and little-endian: to the byte as NumPy 2 saves such an array. As with
/// `save_safetensors` an old file at `path` stays as it was if anything fails.
///
///     nn::save_npy("y.npy", net(x));
///
/// Errors  file_error; shape_error for extents that no memory holds
/// Cost    a copy of the array
template <operand X>
    requires detail::file_element<element_of<X>>
void save_npy(const std::filesystem::path& path, const X& x) {
    constexpr std::string_view who = "nn::save_npy";
    const auto [rows, shape] = detail::row_major_copy(who, "x", x);
    if (shape.size() > detail::most_axes) {
        detail::fail_file(who, path.string(), "x has ", shape.size(), " axes, expected at most ", detail::most_axes);
    }
    const std::string head = detail::npy_head(detail::dtype_of<element_of<X>>(), shape);
    detail::Replacement file(who, path);
    file.write(head.data(), head.size());
    file.write_elements(rows.data(), rows.size() * sizeof(element_of<X>), sizeof(element_of<X>));
    file.commit();
}

}  // namespace nn::inline NN_ABI

#pragma pop_macro("max")
#pragma pop_macro("min")
