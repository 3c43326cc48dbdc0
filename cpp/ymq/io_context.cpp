// The I/O threads.
#include "ymq/io_context.h"

#include <algorithm>

#include "ymq/signals_blocked.h"

namespace scaler::ymq {

IoContext::IoContext(std::size_t number_of_threads) {
    const SignalsBlocked blocked;
    for (std::size_t count = 0; count < std::max<std::size_t>(number_of_threads, 1); ++count) {
        loops_.push_back(std::make_unique<IoLoop>());
    }
}

IoContext::~IoContext() { stop(); }

IoLoop& IoContext::next() noexcept { return *loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()]; }

void IoContext::stop() noexcept {
    for (const auto& loop : loops_) loop->stop();
}

}  // namespace scaler::ymq
