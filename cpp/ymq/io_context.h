// Owns the event loops, each with its I/O thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "ymq/io_loop.h"

namespace scaler::ymq {

// Sockets are spread over the threads in turn, and stay on theirs. Must be destroyed after its sockets are closed and
// not on one of its own threads. Signals are blocked in the threads, so that they reach the application's own.
class IoContext {
public:
    explicit IoContext(std::size_t number_of_threads = 1);
    ~IoContext();
    IoContext(const IoContext&) = delete;
    IoContext& operator=(const IoContext&) = delete;

    std::size_t numberOfThreads() const noexcept { return loops_.size(); }

    // Returns the loop the next socket shall use.
    IoLoop& next() noexcept;

    // Ends the threads; what is under way on them is dropped. Idempotent.
    void stop() noexcept;

private:
    std::vector<std::unique_ptr<IoLoop>> loops_{};
    std::atomic<std::size_t> next_{0};
};

}  // namespace scaler::ymq
