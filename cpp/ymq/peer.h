// One other end of a socket: a session of our own framing, or a connection of the plain one.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "ymq/hello.h"
#include "ymq/received.h"
#include "ymq/session.h"

namespace scaler::ymq {

class Link;

using Clock = std::chrono::steady_clock;

// Guarded by the lock of its socket.
struct Peer {
    // waiting: not yet connected for the first time, messages may be queued. live: the session exists, with or without
    // a connection. ended: for good.
    enum class State { waiting, live, ended };

    static constexpr std::size_t kNowhere = SIZE_MAX;

    Peer(const SessionKey& key, std::uint32_t epoch, bool reliable) : session(key, epoch, reliable) {}

    bool isDetached() const noexcept { return state == State::live && link == nullptr; }

    State state{State::waiting};
    bool plain{false};
    // This side made the connection, and makes it again.
    bool dialed{false};
    // Messages were queued by send_soon, and nothing was written since.
    bool soon{false};
    // Queued for a write at the end of a send_many.
    bool touched{false};
    Role role{Role::unknown};
    std::shared_ptr<PeerName> name{std::make_shared<PeerName>(std::string())};
    ProcessName process{};
    Session session;
    std::shared_ptr<Link> link{};
    std::chrono::milliseconds session_timeout{0};
    Clock::time_point last_heard{};
    Clock::time_point last_sent{};
    Clock::time_point last_ping{};
    // When the oldest frame came that was not acknowledged; only valid while one is owed.
    Clock::time_point owes_since{};
    // While it has no connection: until its process is looked for again.
    std::chrono::milliseconds death_check_pause{0};
    // Of the agenda of its socket.
    std::size_t place_in_agenda{kNowhere};
};

using PeerPointer = std::shared_ptr<Peer>;

}  // namespace scaler::ymq
