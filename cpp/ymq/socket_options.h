// What a socket is made with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "ymq/hello.h"
#include "ymq/log.h"

namespace scaler::ymq {

enum class SocketType { uninit = 0, binder = 1, connector = 2, unicast = 3, multicast = 4 };

// How a socket opens the connections it makes.
enum class Handshake { hello = 0, plain = 1 };

struct SocketOptions {
    SocketType type{SocketType::uninit};
    std::string identity{};
    Handshake handshake{Handshake::hello};
    Role role{Role::unknown};
    std::string cluster_id{};
    std::chrono::milliseconds session_timeout{60'000};
    std::chrono::milliseconds ping_interval{5'000};
    std::chrono::milliseconds greeting_progress{5'000};
    std::chrono::milliseconds greeting_total{15'000};
    // A connection that leaves must make progress with its last bytes at least this often.
    std::chrono::milliseconds leave_patience{5'000};
    // Of one peer: what is queued or not acknowledged. One message is always accepted by an empty queue.
    std::uint64_t outbound_bound_bytes{std::uint64_t{1} << 28};
    // Of the whole socket: what was received and not taken, payloads and the items themselves. Reading stops above it.
    // And as much again: what was received in part of large messages, above which one of them is read at a time.
    std::uint64_t inbound_bound_bytes{std::uint64_t{1} << 26};
    // Of one message, in both directions; a session in which a longer one comes is ended. The longest that Scaler's own
    // processes send are a few megabytes (values are in the object storage, graphs are cut), and the names of millions
    // of targets or arguments are less than this, too. Whoever sends its users' bytes sets another.
    std::uint64_t maximum_frame_bytes{std::uint64_t{1} << 29};
    // Of a binder on a loopback address: whether peers of this machine reach it by a Unix socket, too.
    bool local_channel{true};
    Log log{};

    bool reliable() const noexcept { return type == SocketType::binder || type == SocketType::connector; }
};

}  // namespace scaler::ymq
