// The alarm as a timer of the kernel: setting it wakes nobody.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "ymq/alarm.h"

namespace scaler::ymq {

Alarm::Alarm() : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    if (!timer_.isOpen()) throw std::system_error(errno, std::generic_category(), "cannot make a timer");
}

void Alarm::set(std::chrono::nanoseconds delay) noexcept {
    const auto nanoseconds = std::max<std::int64_t>(delay.count(), 1);
    itimerspec time{};
    time.it_value.tv_sec = nanoseconds / 1'000'000'000;
    time.it_value.tv_nsec = nanoseconds % 1'000'000'000;
    ::timerfd_settime(timer_.get(), 0, &time, nullptr);
}

void Alarm::wait() noexcept {
    std::uint64_t rings = 0;
    // Signals are blocked here, and nothing else ends the wait.
    (void)!::read(timer_.get(), &rings, sizeof(rings));
}

}  // namespace scaler::ymq
