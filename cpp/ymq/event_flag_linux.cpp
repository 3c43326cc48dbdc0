// The flag as a counter of the kernel.
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "ymq/event_flag.h"

namespace scaler::ymq {

EventFlag::EventFlag() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!descriptor_.isOpen()) {
        throw std::system_error(errno, std::generic_category(), "cannot make an event descriptor");
    }
}

void EventFlag::set() noexcept {
    const std::uint64_t one = 1;
    // Cannot fail: the counter is 0 or 1.
    (void)!::write(descriptor_.get(), &one, sizeof(one));
}

void EventFlag::clear() noexcept {
    std::uint64_t count = 0;
    (void)!::read(descriptor_.get(), &count, sizeof(count));
}

}  // namespace scaler::ymq
