// The gauges and counters of a socket.
#pragma once

#include <cstdint>

namespace scaler::ymq {

struct SocketStatistics {
    // Sessions, with or without a connection, and plain connections.
    std::uint64_t peers{0};
    std::uint64_t received_messages{0};
    std::uint64_t sent_messages{0};
    // Received and not yet taken, with what has arrived of large messages.
    std::uint64_t inbound_bytes{0};
    // Queued or not acknowledged.
    std::uint64_t outbound_bytes{0};
    // Not delivered, because the session ended or a subscriber did not keep up.
    std::uint64_t dropped_messages{0};
};

}  // namespace scaler::ymq
