// The Python class Socket, for those who take one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "bindings/ymq_context.h"
#include "ymq/socket.h"

namespace scaler::bindings {

// Returns a duration that is not negative, at most some decades.
std::chrono::nanoseconds nanoseconds(double seconds);

class Socket {
public:
    Socket(const Context& context, ymq::SocketOptions options);
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    // For the interpreter the socket was made in; raises in a forked child.
    ymq::Socket& native() const;

private:
    std::shared_ptr<ymq::Socket> native_;
    const std::uint64_t made_at_fork_{forkCount()};
};

}  // namespace scaler::bindings
