// SPDX-License-Identifier: MIT
#pragma once

// As in nn.hpp.
#pragma push_macro("min")
#pragma push_macro("max")
#undef min
#undef max

#include <algorithm>    // std::reverse, std::reverse_copy
#include <array>        // std::array
#include <bit>          // std::endian
#include <cstddef>      // std::byte, std::size_t
#include <filesystem>   // std::filesystem::path
#include <memory>       // std::unique_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

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

template <file_element T, std::size_t R>
Tensor<T, R> load_npy(std::string_view who, ByteSource source) {
    const NpyHeader header = read_npy_header(who, source);
    const Shape<R> shape = asked_shape<T, R>(who, source.name(), "the array", header.dtype, header.shape);
    const auto count = static_cast<std::size_t>(source.data_bytes());
    const std::unique_ptr<std::byte[]> data = source.data();
    if (header.big_endian) {
        const auto width = static_cast<std::size_t>(header.dtype->bits / 8);
        for (std::size_t at = 0; at < count; at += width) {
            std::reverse(data.get() + at, data.get() + at + width);
        }
    }
    Tensor<T, R> tensor = make_tensor<T, R>(shape);
    read_elements(header.dtype, data.get(), tensor.data(), tensor.size());
    if (header.column_major) {  // its axes, from the last to the first, are those of a row-major array
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
    return tensor;
}

}  // namespace detail

/// The array of a NumPy file, as `numpy.save` writes one: any element type below, either order of bytes, either order of axes.
///
///     const auto x = nn::load_npy<float, 3>("x.npy");
///
/// f4 is float, f8 double, b1 bool, i1 … u8 the integers. f2 widens to float, f2 and f4 to double; nothing else changes its type.
///
/// Errors  file_error: what cannot be read, another rank or element type than asked for, and whatever the format does not allow; bytes
///         behind the array too, where NumPy would not look.
/// Cost    twice the memory of the array while it reads, three times where the first axis is the innermost
template <detail::file_element T, std::size_t R>
Tensor<T, R> load_npy(const std::filesystem::path& path) {
    return detail::load_npy<T, R>("nn::load_npy", detail::ByteSource("nn::load_npy", path, "an .npy file"));
}
/// The same of the bytes of a file, such as a program carries in itself. In error texts `name` stands for the path.
template <detail::file_element T, std::size_t R>
Tensor<T, R> load_npy(std::span<const std::byte> bytes, std::string_view name = "bytes in memory") {
    return detail::load_npy<T, R>("nn::load_npy", detail::ByteSource("nn::load_npy", bytes, name));
}

/// Writes an array for `numpy.load`, to the byte as `numpy.save` does. As with `save_safetensors` an old file at `path` stays as it was
/// if anything fails.
///
///     nn::save_npy("y.npy", net(x));
///
/// Errors  file_error
template <operand X>
    requires detail::file_element<element_of<X>>
void save_npy(const std::filesystem::path& path, const X& x) {
    const auto [rows, shape] = detail::row_major_copy("nn::save_npy", "x", x);
    if (shape.size() > detail::most_axes) {
        detail::fail_file("nn::save_npy", path.string(), "x has ", shape.size(), " axes, expected at most ", detail::most_axes);
    }
    const std::string head = detail::npy_head(detail::dtype_of<element_of<X>>(), shape);
    const std::size_t bytes = rows.size() * sizeof(element_of<X>);
    std::vector<std::byte> swapped;
    const auto* data = reinterpret_cast<const std::byte*>(rows.data());
    if constexpr (std::endian::native != std::endian::little) {
        swapped.resize(bytes);
        detail::copy_elements(data, swapped.data(), bytes, sizeof(element_of<X>));
        data = swapped.data();
    }
    detail::Replacement file("nn::save_npy", path);
    file.write(head.data(), head.size());
    file.write(data, bytes);
    file.commit();
}

}  // namespace nn::inline NN_ABI

#pragma pop_macro("max")
#pragma pop_macro("min")
