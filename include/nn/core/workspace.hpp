// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>    // std::max
#include <cstddef>      // std::byte, std::size_t
#include <limits>       // std::numeric_limits
#include <memory>       // std::unique_ptr
#include <new>          // std::align_val_t
#include <type_traits>  // std::is_trivially_copyable_v
#include <vector>       // std::vector

#include <nn/core/error.hpp>
#include <nn/core/executor.hpp>
#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// Scratch memory for calls: an arena that only grows. Kept by the caller and handed to `forward_into`, it makes the second call of a
/// kind free of allocation. One call at a time may use a workspace. Between calls its owner may give the memory back by assigning `{}`, or
/// `Workspace(executor)`: the executor goes as well.
class Workspace {
public:
    Workspace() = default;  ///< empty, for one thread
    /// Calls with this workspace may split their work among the executor's threads. It must outlive the workspace.
    template <Executor E>
    explicit Workspace(E& executor) : executor_(executor) {}
    Workspace(Workspace&&) noexcept = default;             ///< what it held is the new one's
    Workspace& operator=(Workspace&&) noexcept = default;  ///< what it held is freed
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace() = default;

    /// A scope: what was taken through it is given back when it ends. Frames end in the reverse order of their beginning.
    class Frame {
    public:
        /// Begins a scope.
        explicit Frame(Workspace& workspace) : workspace_(&workspace), block_(workspace.block_), used_(workspace.used_) {}
        Frame(const Frame&) = delete;
        Frame& operator=(const Frame&) = delete;
        ~Frame() {
            workspace_->block_ = block_;
            workspace_->used_ = used_;
        }

        /// `count` elements, uninitialised, on a 64-byte boundary. Throws std::bad_alloc, or std::length_error for more than any memory
        /// holds, and keeps the workspace as it was.
        template <class T>
        T* take(index_t count) const {
            static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignment);
            constexpr std::size_t most = std::numeric_limits<std::size_t>::max() / 2 / sizeof(T);
            require<std::length_error>(static_cast<std::size_t>(count) <= most, "nn::Workspace", "asked for ", count, " elements of ",
                                       sizeof(T), " bytes");
            return static_cast<T*>(static_cast<void*>(workspace_->take(static_cast<std::size_t>(count) * sizeof(T))));
        }

    private:
        Workspace* workspace_;
        std::size_t block_;
        std::size_t used_;
    };

    Frame frame() { return Frame(*this); }  ///< a scope that begins here

    const ExecutorRef& executor() const { return executor_; }  ///< that it was made with, or none

    /// f(), but the executor's workers do nothing: for what makes its results by several steps that each take memory. When it is called
    /// again in earnest all that memory is there, and no step can fail after another has written.
    template <class F>
    void rehearse(const F& f) {
        struct Back {
            ExecutorRef& executor;
            ExecutorRef working;
            ~Back() { executor = working; }
        };
        const Back back{executor_, executor_};
        executor_ = executor_.resting();
        f();
    }

    /// Bytes held, used or not.
    std::size_t capacity() const {
        std::size_t total = 0;
        for (const Block& block : blocks_) {
            total += block.size;
        }
        return total;
    }

private:
    static constexpr std::size_t alignment = 64;  // a cache line, and the widest vector

    struct Free {
        void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t(alignment)); }
    };
    struct Block {
        std::unique_ptr<std::byte, Free> data;
        std::size_t size;
    };

    std::byte* take(std::size_t bytes) {
        const std::size_t size = (bytes + alignment - 1) / alignment * alignment;
        std::size_t block = block_;
        std::size_t used = used_;
        while (block < blocks_.size() && blocks_[block].size - used < size) {
            ++block;
            used = 0;
        }
        if (block == blocks_.size()) {
            // As large as all blocks so far: the number of blocks stays logarithmic, and their sum below four times the need.
            const std::size_t fresh = std::max({size, capacity(), std::size_t{4096}});
            Block added{std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(::operator new(fresh, std::align_val_t(alignment)))),
                        fresh};
            blocks_.push_back(std::move(added));
        }
        block_ = block;
        used_ = used + size;
        return blocks_[block].data.get() + used;
    }

    ExecutorRef executor_;
    std::vector<Block> blocks_;
    std::size_t block_ = 0;  // the block that is being filled, and how far; earlier blocks are full
    std::size_t used_ = 0;
};

}  // namespace nn::inline NN_ABI
