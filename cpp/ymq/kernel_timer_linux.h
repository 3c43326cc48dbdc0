// Timers of the kernel: descriptors that can be read when they have expired. Setting one wakes nobody.
#pragma once

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

#include "ymq/descriptor.h"

namespace scaler::ymq {

// Throws std::system_error when the system has no room for it.
inline Descriptor makeKernelTimer(int flags) {
    Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | flags));
    if (!timer.isOpen()) throw std::system_error(errno, std::generic_category(), "cannot make a timer");
    return timer;
}

// Lets it expire after the delay, which takes the place of the one before.
inline void setKernelTimer(NativeSocket timer, std::chrono::nanoseconds delay) noexcept {
    constexpr std::int64_t kSecond = 1'000'000'000;
    // No time at all would stop it.
    const std::int64_t nanoseconds = std::max<std::int64_t>(delay.count(), 1);
    itimerspec time{};
    time.it_value.tv_sec = nanoseconds / kSecond;
    time.it_value.tv_nsec = nanoseconds % kSecond;
    ::timerfd_settime(timer, 0, &time, nullptr);
}

}  // namespace scaler::ymq
