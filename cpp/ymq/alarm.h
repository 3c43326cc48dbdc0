// What the I/O thread sleeps on while it does not run its loop.
#pragma once

#include <chrono>

#ifdef __linux__
#include "ymq/descriptor.h"
#else
#include <condition_variable>
#include <mutex>
#endif

namespace scaler::ymq {

// One thread waits; any thread sets.
class Alarm {
public:
    // Throws std::system_error when the system has no room for it.
    Alarm();
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    // Rings after the delay, which takes the place of the one before.
    void set(std::chrono::nanoseconds delay) noexcept;

    // Returns when it has rung since the last call.
    void wait() noexcept;

private:
#ifdef __linux__
    Descriptor timer_;
#else
    std::mutex mutex_{};
    std::condition_variable changed_{};
    std::chrono::steady_clock::time_point rings_at_{std::chrono::steady_clock::time_point::max()};
#endif
};

}  // namespace scaler::ymq
