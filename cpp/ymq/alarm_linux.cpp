// The alarm as a timer of the kernel: setting it wakes nobody.
#include <unistd.h>

#include <cstdint>

#include "ymq/alarm.h"
#include "ymq/kernel_timer_linux.h"

namespace scaler::ymq {

Alarm::Alarm() : timer_(makeKernelTimer(0)) {}

void Alarm::set(std::chrono::nanoseconds delay) noexcept { setKernelTimer(timer_.get(), delay); }

void Alarm::wait() noexcept {
    std::uint64_t rings = 0;
    // Signals are blocked here, and nothing else ends the wait.
    (void)!::read(timer_.get(), &rings, sizeof(rings));
}

}  // namespace scaler::ymq
