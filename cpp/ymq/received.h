// What a socket hands to its user: a message, an event of a peer, or the end of a send.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "ymq/bytes.h"
#include "ymq/error.h"

namespace scaler::ymq {

enum class PeerEvent { connected = 0, lost = 1, refused = 2 };

// The identity of a peer, shared by everything that came from it. `attachment` belongs to the consumer, which keeps its
// own form of the identity there.
struct PeerName {
    explicit PeerName(std::string bytes) : identity(std::move(bytes)) {}

    const std::string identity;
    std::shared_ptr<void> attachment{};
};

struct Received {
    enum class Kind : std::uint8_t { message, event, completion };

    static Received message(std::shared_ptr<PeerName> peer, Bytes payload) {
        return {Kind::message, PeerEvent::connected, ErrorCode::uninit, 0, std::move(peer), std::move(payload)};
    }
    static Received occurrence(std::shared_ptr<PeerName> peer, PeerEvent event) {
        return {Kind::event, event, ErrorCode::uninit, 0, std::move(peer), {}};
    }
    static Received completion(std::uint64_t token, ErrorCode code) {
        return {Kind::completion, PeerEvent::connected, code, token, nullptr, {}};
    }

    Kind kind{Kind::message};
    PeerEvent event{PeerEvent::connected};
    ErrorCode code{ErrorCode::uninit};
    std::uint64_t token{0};
    std::shared_ptr<PeerName> peer{};
    Bytes payload{};
};

}  // namespace scaler::ymq
