// The alarm with what every C++ library has.
#include "ymq/alarm.h"

namespace scaler::ymq {

using Clock = std::chrono::steady_clock;

Alarm::Alarm() = default;

void Alarm::set(std::chrono::nanoseconds delay) noexcept {
    {
        const std::lock_guard lock(mutex_);
        rings_at_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(delay);
    }
    changed_.notify_one();
}

void Alarm::wait() noexcept {
    std::unique_lock lock(mutex_);
    while (rings_at_ > Clock::now()) {
        if (rings_at_ == Clock::time_point::max()) {
            changed_.wait(lock);
        } else {
            const Clock::time_point until = rings_at_;
            changed_.wait_until(lock, until);
        }
    }
    rings_at_ = Clock::time_point::max();
}

}  // namespace scaler::ymq
