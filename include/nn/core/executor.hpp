// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>  // std::convertible_to

#include <nn/core/index.hpp>

namespace nn::inline NN_ABI {

/// A piece of work: piece i of those that `run` was asked for, done by worker 0 … workers − 1. One worker does one piece at a time.
using Task = void (*)(void* context, index_t i, index_t worker) noexcept;

/// Threads to run independent pieces of work: `nn::ThreadPool` of <nn/threads.hpp>, or the caller's own.
///
///     workers()                  how many pieces may run at once, at least 1
///     run(n, context, task)      calls task(context, i, worker) for i = 0 … n − 1, in any order, and returns when all have
template <class E>
concept Executor = requires(E& executor, index_t n, void* context, Task task) {
    { executor.workers() } -> std::convertible_to<index_t>;
    executor.run(n, context, task);
};

/// A reference to an executor of any type, or to none: then the calling thread does all.
class ExecutorRef {
public:
    ExecutorRef() = default;  ///< to none
    /// To this one, which must outlive the reference.
    template <Executor E>
    explicit ExecutorRef(E& executor)
        : executor_(&executor),
          workers_([](void* e) { return static_cast<index_t>(static_cast<E*>(e)->workers()); }),
          run_([](void* e, index_t n, void* context, Task task) { static_cast<E*>(e)->run(n, context, task); }) {}

    index_t workers() const { return executor_ != nullptr ? workers_(executor_) : 1; }  ///< how many pieces may run at once

    /// As many workers, who do nothing.
    ExecutorRef resting() const {
        ExecutorRef idle = *this;
        idle.rests_ = true;
        return idle;
    }

    /// Calls f(i, worker) for i = 0 … n − 1. f does not throw.
    template <class F>
    void for_each(index_t n, const F& f) const {
        if (rests_) {
            return;
        }
        if (executor_ == nullptr || n <= 1) {
            for (index_t i = 0; i < n; ++i) {
                f(i, index_t(0));
            }
        } else {
            run_(executor_, n, const_cast<void*>(static_cast<const void*>(&f)),
                 [](void* context, index_t i, index_t worker) noexcept { (*static_cast<const F*>(context))(i, worker); });
        }
    }

private:
    bool rests_ = false;
    void* executor_ = nullptr;
    index_t (*workers_)(void*) = nullptr;
    void (*run_)(void*, index_t, void*, Task) = nullptr;
};

}  // namespace nn::inline NN_ABI
