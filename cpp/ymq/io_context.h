// Owns the I/O threads; each runs one event loop.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

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
    boost::asio::io_context& next() noexcept;

    // Ends the threads; what is under way on them is dropped. Idempotent.
    void stop() noexcept;

private:
    struct Loop {
        boost::asio::io_context context{1};
        boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{context.get_executor()};
        std::thread thread{};
    };

    std::vector<std::unique_ptr<Loop>> loops_{};
    std::atomic<std::size_t> next_{0};
};

}  // namespace scaler::ymq
