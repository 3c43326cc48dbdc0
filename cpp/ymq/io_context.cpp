// The I/O threads.
#include "ymq/io_context.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

namespace scaler::ymq {

IoContext::IoContext(std::size_t number_of_threads) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (std::size_t count = 0; count < std::max<std::size_t>(number_of_threads, 1); ++count) {
        auto& loop = *loops_.emplace_back(std::make_unique<Loop>());
        loop.thread = std::thread([&loop] {
            pthread_setname_np(pthread_self(), "scaler-ymq");
            loop.context.run();
        });
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

IoContext::~IoContext() { stop(); }

boost::asio::io_context& IoContext::next() noexcept {
    return loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()]->context;
}

void IoContext::stop() noexcept {
    for (const auto& loop : loops_) {
        loop->guard.reset();
        loop->context.stop();
    }
    for (const auto& loop : loops_) {
        if (loop->thread.joinable()) loop->thread.join();
    }
}

}  // namespace scaler::ymq
