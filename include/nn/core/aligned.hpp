// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>  // std::size_t
#include <new>      // std::align_val_t
#include <vector>   // std::vector

#include <nn/version.hpp>

namespace nn::inline NN_ABI {

namespace detail {

template <class T>
struct AlignedAllocator {
    using value_type = T;

    static constexpr std::align_val_t alignment{64};  // a cache line, and the widest vector

    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}

    T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), alignment)); }
    void deallocate(T* first, std::size_t) { ::operator delete(first, alignment); }

    friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) { return true; }
};

}  // namespace detail

/// Elements on a 64-byte boundary.
template <class T>
using AlignedVector = std::vector<T, detail::AlignedAllocator<T>>;

}  // namespace nn::inline NN_ABI
