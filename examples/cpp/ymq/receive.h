// What the examples have in common: waiting for the next thing that a socket has received.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ymq/socket.h"

namespace example {

// Waits for one message, event or completion; nothing after the time-out. Without a time-out it waits for ever.
inline std::optional<scaler::ymq::Received> receive(scaler::ymq::Socket& socket,
                                                    std::optional<std::chrono::milliseconds> timeout = std::nullopt) {
    using Wait = scaler::ymq::Socket::Wait;
    std::optional<std::chrono::steady_clock::time_point> deadline;
    if (timeout) deadline = std::chrono::steady_clock::now() + *timeout;
    while (true) {
        std::vector<scaler::ymq::Received> items = socket.take(1);
        if (!items.empty()) return std::move(items.front());
        const Wait outcome = socket.wait(deadline);
        if (outcome == Wait::timedOut) return std::nullopt;
        if (outcome == Wait::closed) throw std::runtime_error("the socket is closed");
    }
}

// Waits for a message and passes over events; throws when the peer has gone, or does not answer in time.
inline std::string receiveText(scaler::ymq::Socket& socket, std::chrono::milliseconds timeout) {
    while (std::optional<scaler::ymq::Received> received = receive(socket, timeout)) {
        if (received->kind == scaler::ymq::Received::Kind::message) {
            const auto bytes = received->payload.span();
            return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
        }
        if (received->event != scaler::ymq::PeerEvent::connected) throw std::runtime_error("the peer has gone");
    }
    throw std::runtime_error("no message came in time");
}

// Throws when a call has failed.
inline void check(scaler::ymq::ErrorCode code) {
    if (code != scaler::ymq::ErrorCode::uninit) throw std::runtime_error(std::string(explanation(code)));
}

}  // namespace example
