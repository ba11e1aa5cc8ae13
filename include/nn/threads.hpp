// SPDX-License-Identifier: MIT
#pragma once

// Threads for calls, by themselves because they need more than Eigen and xtensor: programs link with -pthread.
//
//     nn::ThreadPool pool(4);
//     nn::Workspace workspace(pool);
//     net.forward_into(x, y, workspace);      // the same bits as with one thread

// As in nn.hpp.
#pragma push_macro("min")
#pragma push_macro("max")
#undef min
#undef max

#include <atomic>     // std::atomic
#include <mutex>      // std::mutex
#include <stdexcept>  // std::invalid_argument
#include <thread>     // std::thread
#include <vector>     // std::vector

#include <nn/core/error.hpp>
#include <nn/core/executor.hpp>

namespace nn::inline NN_ABI {

/// A fixed number of threads that wait for work, some 100 µs awake and then asleep; the caller of `run` is one of them. Calls from several
/// threads go one after another. A task must not call `run` of its own pool.
class ThreadPool {
public:
    /// std::invalid_argument below 1 worker; std::system_error where the system has no more threads.
    explicit ThreadPool(index_t workers) : ThreadPool() {  // so that the destructor runs if a thread cannot be started
        require<std::invalid_argument>(workers >= 1, "nn::ThreadPool", "workers ", workers, ", expected at least 1");
        threads_.reserve(static_cast<std::size_t>(workers - 1));
        for (index_t worker = 1; worker < workers; ++worker) {
            threads_.emplace_back([this, worker] { serve(worker); });
        }
    }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() { stop(); }

    index_t workers() const { return static_cast<index_t>(threads_.size()) + 1; }  ///< threads, the caller of `run` among them

    /// Calls task(context, i, worker) for i = 0 … n − 1 and returns when all calls have.
    void run(index_t n, void* context, Task task) {
        const std::lock_guard lock(one_caller_);
        count_ = n;
        context_ = context;
        task_ = task;
        next_ = 0;
        busy_ = static_cast<index_t>(threads_.size());
        round_ += 1;
        round_.notify_all();
        work(0);
        for (index_t busy = busy_; busy != 0; busy = busy_) {
            await(busy_, busy);
        }
    }

private:
    ThreadPool() = default;

    /// Looks for some 100 µs before it sleeps: the next layer comes sooner than that, and waking a thread takes 10 to 50 µs.
    template <class U>
    static void await(const std::atomic<U>& value, U old) {
        for (int looks = 0; looks < 200; ++looks) {
            if (value != old) {
                return;
            }
            std::this_thread::yield();
        }
        value.wait(old);
    }

    void work(index_t worker) {
        for (index_t i = next_++; i < count_; i = next_++) {
            task_(context_, i, worker);
        }
    }
    void serve(index_t worker) {
        for (unsigned seen = 0;;) {
            await(round_, seen);
            seen = round_;
            if (stopped_) {
                return;
            }
            work(worker);
            if (--busy_ == 0) {
                busy_.notify_all();
            }
        }
    }
    void stop() {
        stopped_ = true;
        round_ += 1;
        round_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

    std::mutex one_caller_;
    std::vector<std::thread> threads_;
    std::atomic<unsigned> round_ = 0;  // of work; every thread takes part in every round
    std::atomic<bool> stopped_ = false;
    // Each in a cache line of its own: they are written while the others are read.
    alignas(64) std::atomic<index_t> next_ = 0;
    alignas(64) std::atomic<index_t> busy_ = 0;  // threads that are not through with this round
    alignas(64) index_t count_ = 0;
    void* context_ = nullptr;
    Task task_ = nullptr;
};

}  // namespace nn::inline NN_ABI

#pragma pop_macro("max")
#pragma pop_macro("min")
