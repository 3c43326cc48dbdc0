// How messages find their peers and leave.
#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace {

// Soon-messages of one peer that are more than this do not wait for their delay.
constexpr std::uint64_t kSoonBytes = 64 * 1024;

}  // namespace

ErrorCode SocketCore::send(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                           std::uint64_t token) {
    std::vector<PeerPointer> receivers;
    const std::lock_guard lock(mutex_);
    const ErrorCode code = appendLocked(address, parts, token, receivers);
    for (const PeerPointer& peer : receivers) writeLocked(*peer);
    return code;
}

ErrorCode SocketCore::sendBytes(std::optional<std::string_view> address, Bytes payload, std::uint64_t token) {
    const MessagePart part(std::move(payload));
    return send(address, std::span(&part, 1), token);
}

ErrorCode SocketCore::sendNow(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                              std::uint64_t token, bool& written) {
    std::vector<PeerPointer> receivers;
    const std::lock_guard lock(mutex_);
    token_of_call_ = token;
    const ErrorCode code = appendLocked(address, parts, token, receivers);
    for (const PeerPointer& peer : receivers) writeLocked(*peer);
    written = std::exchange(token_of_call_, 0) == 0;
    return code;
}

ErrorCode SocketCore::queue(std::optional<std::string_view> address, std::span<const MessagePart> parts) {
    std::vector<PeerPointer> receivers;
    const std::lock_guard lock(mutex_);
    const ErrorCode code = appendLocked(address, parts, 0, receivers);
    for (const PeerPointer& peer : receivers) {
        if (!std::exchange(peer->touched, true)) touched_.push_back(peer);
    }
    return code;
}

void SocketCore::flush() {
    std::vector<PeerPointer> peers;
    {
        const std::lock_guard lock(mutex_);
        peers.swap(touched_);
        peers.insert(peers.end(), soon_.begin(), soon_.end());
        soon_.clear();
    }
    // The lock is given up between the peers, for the I/O thread waits for it.
    for (const PeerPointer& peer : peers) {
        const std::lock_guard lock(mutex_);
        if (peer->touched || peer->soon) writeLocked(*peer);
    }
}

ErrorCode SocketCore::sendSoon(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                               std::chrono::nanoseconds delay) {
    std::vector<PeerPointer> receivers;
    const std::lock_guard lock(mutex_);
    const ErrorCode code = appendLocked(address, parts, 0, receivers);
    for (const PeerPointer& peer : receivers) {
        if (peer->session.outbox().unwrittenBytes() >= kSoonBytes) {
            writeLocked(*peer);
        } else if (!std::exchange(peer->soon, true)) {
            soon_.push_back(peer);
            armSoonTimerLocked(delay);
        }
    }
    return code;
}

ErrorCode SocketCore::appendLocked(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                                   std::uint64_t token, std::vector<PeerPointer>& receivers) {
    if (stopping_) return ErrorCode::ioSocketStopRequested;
    if (options_.type == SocketType::multicast) {
        const ErrorCode code = publishLocked(address.value_or(std::string_view()), parts, receivers);
        // What was not accepted is told by the code alone.
        if (token != 0 && code == ErrorCode::uninit) completeLocked(token, code);
        return code;
    }
    PeerPointer peer;
    ErrorCode code = chooseLocked(address, peer);
    if (code == ErrorCode::uninit) code = appendToLocked(*peer, parts, token);
    if (code == ErrorCode::uninit) receivers.push_back(std::move(peer));
    return code;
}

ErrorCode SocketCore::chooseLocked(std::optional<std::string_view> address, PeerPointer& peer) {
    switch (options_.type) {
        case SocketType::uninit:
            return ErrorCode::configurationError;
        case SocketType::connector:
            if (only_peer_ == nullptr && used_up_) return ErrorCode::connectorSocketClosedByRemoteEnd;
            if (only_peer_ == nullptr) only_peer_ = newPeerLocked();
            peer = only_peer_;
            return ErrorCode::uninit;
        case SocketType::binder:
            if (!address) return ErrorCode::binderSendMessageWithNoAddress;
            break;
        case SocketType::unicast:
            if (address) break;
            // Without an address a message goes to the only peer, if there is just one.
            if (peers_.size() != 1) return ErrorCode::peerUnknown;
            peer = peers_.all().front();
            return ErrorCode::uninit;
        case SocketType::multicast:
            break;
    }
    peer = peers_.find(*address);
    return peer == nullptr ? ErrorCode::peerUnknown : ErrorCode::uninit;
}

ErrorCode SocketCore::appendToLocked(Peer& peer, std::span<const MessagePart> parts, std::uint64_t token) {
    std::uint64_t size = kHeaderBytes;
    for (const MessagePart& part : parts) size += part.data.size();
    if (size - kHeaderBytes > options_.maximum_frame_bytes) return ErrorCode::messageTooLarge;
    Outbox& outbox = peer.session.outbox();
    if (!outbox.empty() && outbox.bytes() + size > options_.outbound_bound_bytes) return ErrorCode::peerQueueFull;
    outbox.append(parts, token);
    ++counters_.sent_messages;
    return ErrorCode::uninit;
}

ErrorCode SocketCore::publishLocked(std::string_view prefix, std::span<const MessagePart> parts,
                                    std::vector<PeerPointer>& receivers) {
    ErrorCode result = ErrorCode::uninit;
    peers_.forEach([&](const PeerPointer& peer) {
        if (!peer->name->identity.starts_with(prefix)) return;
        const ErrorCode code = appendToLocked(*peer, parts, 0);
        if (code == ErrorCode::uninit) {
            receivers.push_back(peer);
        } else if (code == ErrorCode::peerQueueFull) {
            ++counters_.dropped_messages;
        } else {
            result = code;
        }
    });
    return result;
}

void SocketCore::writeLocked(Peer& peer) {
    peer.soon = false;
    peer.touched = false;
    if (peer.link != nullptr) peer.link->writeLocked();
}

void SocketCore::armSoonTimerLocked(std::chrono::nanoseconds delay) {
    if (std::exchange(soon_armed_, true)) return;
    soon_timer_.set(delay);
    loop_.comeWithin(delay);
    if (std::exchange(soon_started_, true)) return;
    loop_.post([self = shared_from_this()] {
        self->soon_timer_.start([weak = self->weak_from_this()] {
            if (const auto core = weak.lock()) core->onSoonTimer();
        });
    });
}

void SocketCore::onSoonTimer() {
    {
        const std::lock_guard lock(mutex_);
        soon_armed_ = false;
    }
    loop_.seenTo();
    flush();
}

}  // namespace scaler::ymq
