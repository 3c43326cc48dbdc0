// The I/O threads.
#include "ymq/io_context.h"

#include <signal.h>

#include <algorithm>

namespace scaler::ymq {

IoContext::IoContext(std::size_t number_of_threads) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (std::size_t count = 0; count < std::max<std::size_t>(number_of_threads, 1); ++count) {
        loops_.push_back(std::make_unique<IoLoop>());
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

IoContext::~IoContext() { stop(); }

IoLoop& IoContext::next() noexcept { return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()]; }

void IoContext::stop() noexcept {
    for (const auto& loop : loops_) loop->stop();
}

}  // namespace scaler::ymq
