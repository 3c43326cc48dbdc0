// The flag as a datagram to oneself, which event loops of every system can watch.
#include <system_error>

#include "ymq/event_flag.h"

namespace scaler::ymq {

namespace {

[[noreturn]] void fail() {
    throw std::system_error(lastSocketError(), std::system_category(), "cannot make an event descriptor");
}

}  // namespace

EventFlag::EventFlag() : descriptor_(openDatagramSocket(AF_INET)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    socklen_t size = sizeof(name);
    // Connected to itself, it takes nobody else's datagrams.
    if (!descriptor_.isOpen() || ::bind(descriptor_.get(), address, size) != 0 ||
        ::getsockname(descriptor_.get(), address, &size) != 0 || ::connect(descriptor_.get(), address, size) != 0) {
        fail();
    }
}

void EventFlag::set() noexcept { (void)::send(descriptor_.get(), "", 1, 0); }

void EventFlag::clear() noexcept {
    char byte = 0;
    (void)::recv(descriptor_.get(), &byte, 1, 0);
}

}  // namespace scaler::ymq
