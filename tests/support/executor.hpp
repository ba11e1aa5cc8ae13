// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <nn/core/executor.hpp>

namespace nn::test {

/// What an executor may look like: the pieces in another order, by workers that take turns, all in one thread.
struct Backwards {
    index_t count = 3;
    index_t most = 0;  ///< pieces asked for at once

    index_t workers() const { return count; }
    void run(index_t n, void* context, Task task) {
        most = std::max(most, n);
        for (index_t i = n; i-- > 0;) {
            task(context, i, i % count);
        }
    }
};

}  // namespace nn::test
