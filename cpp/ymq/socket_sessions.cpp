// How sessions begin, are resumed and end.
#include <random>

#include "ymq/process_name.h"
#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

// A connection that lasted less than this is not made again at once, lest two peers spin.
constexpr auto kShortConnection = 100ms;
// A process that ends closes its connections a little before it is gone.
constexpr auto kFirstDeathCheckPause = 50ms;

SessionKey randomKey() {
    std::random_device device;
    SessionKey key;
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(device());
    return key;
}

// What a sender is told about messages that were not written when their peer ended.
ErrorCode endOfSend(SocketType type, ErrorCode code) noexcept {
    const bool guaranteed = type == SocketType::binder || type == SocketType::connector;
    return guaranteed ? code : ErrorCode::remoteEndDisconnectedOnSocketWithoutGuaranteedDelivery;
}

}  // namespace

PeerPointer SocketCore::newPeerLocked() {
    auto peer = std::make_shared<Peer>(randomKey(), next_epoch_++, options_.reliable());
    peer->session_timeout = options_.session_timeout;
    return peer;
}

std::chrono::milliseconds SocketCore::timeoutOfLocked(Role role) const {
    const auto found = session_timeouts_.find(role);
    return found == session_timeouts_.end() ? options_.session_timeout : found->second;
}

std::string SocketCore::helloLocked() const {
    Hello hello;
    hello.role = options_.role;
    hello.process = thisProcess();
    hello.cluster_id = options_.cluster_id;
    hello.identity = options_.identity;
    if (dialed_peer_ != nullptr) {
        hello.reliable = dialed_peer_->session.reliable();
        hello.resume = dialed_peer_->state == Peer::State::live;
        hello.epoch = dialed_peer_->session.epoch();
        hello.key = dialed_peer_->session.key();
        hello.received = dialed_peer_->session.received();
    }
    return encode(hello);
}

void SocketCore::onHelloLocked(Link& link, const Hello& hello) {
    PeerPointer peer;
    if (const std::optional<Refuse> refuse = judgeLocked(hello, peer)) {
        refuseLocked(link, *refuse);
        return;
    }
    if (peer == nullptr) {
        const bool connector = options_.type == SocketType::connector;
        peer = connector && only_peer_ != nullptr ? only_peer_ : newPeerLocked();
        if (connector) {
            only_peer_ = peer;
            used_up_ = false;
        }
        peer->session.adopt(hello.key, hello.epoch, hello.reliable);
        peer->name = std::make_shared<PeerName>(hello.identity);
        peer->role = hello.role;
        peer->process = hello.process;
        peer->session_timeout = timeoutOfLocked(hello.role);
    }
    acceptLocked(link, peer, hello);
}

std::optional<Refuse> SocketCore::judgeLocked(const Hello& hello, PeerPointer& peer) {
    if (hello.version != kHelloVersion)
        return Refuse{RefuseCode::version, "only version 1 of the hello is spoken here"};
    if (!options_.cluster_id.empty() && hello.cluster_id != options_.cluster_id) {
        return Refuse{RefuseCode::wrongCluster, "this is another cluster"};
    }
    peer = peers_.findSession(hello.identity);
    if (peer != nullptr && peer->session.key() == hello.key) return std::nullopt;
    // Before anybody is touched: in a session that begins nothing was received yet.
    if (!hello.resume && hello.received != 0) {
        return Refuse{RefuseCode::malformed, "a new session has not received anything"};
    }
    if (peer != nullptr) {
        // A process that opens a later session has itself given up the earlier one; a dead one has no use for it.
        const bool given_up = peer->process == hello.process && hello.epoch > peer->session.epoch();
        if (!given_up && !isKnownDead(peer->process)) {
            return Refuse{RefuseCode::identityInUse, "another session of this identity is alive"};
        }
        endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
        peer = nullptr;
    }
    if (hello.resume) return Refuse{RefuseCode::sessionUnknown, "there is no such session (any more)"};
    if (options_.type == SocketType::connector && only_peer_ != nullptr &&
        (only_peer_->state == Peer::State::live || only_peer_->dialed)) {
        return Refuse{RefuseCode::tooManyPeers, "this end takes one peer only"};
    }
    return std::nullopt;
}

void SocketCore::acceptLocked(Link& link, const PeerPointer& peer, const Hello& hello) {
    if (peer->link != nullptr) dropLinkLocked(*peer->link);
    if (!peer->session.onResumed(hello.received)) {
        refuseLocked(link, {RefuseCode::sessionUnknown, "the number of received frames does not fit the session"});
        endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
        return;
    }
    Accept accept;
    accept.received = peer->session.acknowledgeNow();
    accept.epoch = peer->session.epoch();
    const auto timeout = std::min<std::int64_t>(peer->session_timeout.count(), 0xffffffff);
    accept.session_timeout_milliseconds = static_cast<std::uint32_t>(timeout);
    accept.process = thisProcess();
    accept.reliable = peer->session.reliable();
    link.sendControlLocked(FrameKind::accept, encode(accept));
    establishLocked(link, peer);
}

void SocketCore::onAcceptLocked(Link& link, const Accept& accept) {
    const PeerPointer peer = dialed_peer_;
    if (peer == nullptr) {
        dropLinkLocked(link);
        return;
    }
    const bool fresh = peer->state == Peer::State::waiting;
    if (fresh) {
        peer->session.adopt(peer->session.key(), peer->session.epoch(), accept.reliable);
        peer->name = std::make_shared<PeerName>(link.peerIdentity());
        peer->process = accept.process;
    }
    if (accept.session_timeout_milliseconds != 0) {
        peer->session_timeout = std::chrono::milliseconds(accept.session_timeout_milliseconds);
    }
    if (!peer->session.onResumed(accept.received)) {
        dropLinkLocked(link);
        endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
        return;
    }
    (void)peer->session.acknowledgeNow();
    establishLocked(link, peer);
}

void SocketCore::onPlainGreetingLocked(Link& link) {
    const bool connector = options_.type == SocketType::connector;
    PeerPointer peer = link.isDialed() ? dialed_peer_ : connector ? only_peer_ : nullptr;
    const bool taken = peer != nullptr && (peer->state == Peer::State::live || (!link.isDialed() && peer->dialed));
    if (taken || (link.isDialed() && peer == nullptr)) {
        log(LogLevel::warning, "refused a connection from " + link.description() + ": this end takes one peer only");
        dropLinkLocked(link);
        return;
    }
    if (!link.isDialed() && peers_.findSession(link.peerIdentity()) != nullptr) {
        // A plain peer proves nothing of its identity: it must not receive what is meant for the session.
        log(LogLevel::warning,
            "refused a plain connection from " + link.description() + ": its identity has a session");
        dropLinkLocked(link);
        return;
    }
    if (peer == nullptr) peer = newPeerLocked();
    if (connector) {
        only_peer_ = peer;
        used_up_ = false;
    }
    peer->plain = true;
    peer->session.adopt(peer->session.key(), peer->session.epoch(), false);
    peer->name = std::make_shared<PeerName>(link.peerIdentity());
    establishLocked(link, peer);
}

void SocketCore::establishLocked(Link& link, const PeerPointer& peer) {
    const bool fresh = peer->state == Peer::State::waiting;
    peer->state = Peer::State::live;
    peer->link = link.shared_from_this();
    peer->last_heard = Clock::now();
    if (link.isDialed()) established_at_ = peer->last_heard;
    link.establishLocked(peer);
    if (fresh) {
        peers_.add(peer);
        if (!stopping_) deliverLocked(Received::occurrence(peer->name, PeerEvent::connected));
    }
    link.writeLocked();
    scheduleTickLocked(peer, tickLocked(peer, peer->last_heard));
    if (stopping_) leaveLocked(peer);
}

void SocketCore::refuseLocked(Link& link, const Refuse& refuse) {
    log(LogLevel::warning, "refused a connection from " + link.description() + ": " + refuse.text);
    link.sendControlLocked(FrameKind::refuse, encode(refuse));
    link.leaveLocked();
}

void SocketCore::onRefused(Link& link, const Refuse& refuse) {
    const std::lock_guard lock(mutex_);
    const PeerPointer peer = dialed_peer_;
    connect_failure_ = refuse.text;
    dropLinkLocked(link);
    if (peer == nullptr) return;
    const bool resuming = peer->state == Peer::State::live;
    log(LogLevel::warning, link.description() + " refused the connection: " + refuse.text);
    endLocked(peer, resuming ? PeerEvent::lost : PeerEvent::refused, ErrorCode::refused);
}

void SocketCore::onLinkFailed(Link& link, const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (link.stage() == Link::Stage::closed) return;
    const PeerPointer peer = link.peer();
    dropLinkLocked(link);
    if (peer != nullptr) {
        if (peer->state == Peer::State::live) detachLocked(peer);
    } else if (link.isDialed()) {
        if (dialed_peer_ != nullptr) dialer_->retry(why);
    } else {
        // Whoever connects and leaves without a word is a probe, not worth a warning.
        const LogLevel level = link.hasReceived() ? LogLevel::warning : LogLevel::debug;
        log(level, "refused a connection from " + link.description() + ": " + why);
    }
    if (isQuietLocked()) quiet_.notify_all();
}

void SocketCore::endSession(Link& link, const std::string& why) {
    const std::lock_guard lock(mutex_);
    const PeerPointer peer = link.peer();
    if (peer == nullptr || peer->state != Peer::State::live) return;
    const std::string description = link.description();
    endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
    log(LogLevel::warning, "ended the session with " + description + ": " + why);
}

void SocketCore::dropLinkLocked(Link& link) {
    const std::shared_ptr<Link> keep = link.shared_from_this();
    const PeerPointer peer = link.peer();
    if (peer != nullptr && peer->link == keep) peer->link.reset();
    link.closeLocked();
    links_.erase(keep);
}

void SocketCore::detachLocked(PeerPointer peer) {
    const auto now = Clock::now();
    const auto deadline = peer->last_heard + peer->session_timeout;
    const bool keep = peer->session.reliable() && now < deadline && !(stopping_ && peer->session.outbox().empty());
    if (!keep) {
        endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
        return;
    }
    peer->death_check_pause = kFirstDeathCheckPause;
    scheduleTickLocked(peer, tickLocked(peer, now));
    if (peer->state != Peer::State::live || !peer->dialed) return;
    dialLocked(deadline, now - established_at_ < kShortConnection ? 1 : 0);
}

void SocketCore::dialLocked(Clock::time_point deadline, std::size_t delays_to_skip) {
    if (dialer_ != nullptr) dialer_->start(deadline, delays_to_skip);
}

// A connection in its greeting goes too: its hello named the session that is over, and the answer would be taken for
// one to the next session.
void SocketCore::stopDialingLocked() {
    dialed_peer_.reset();
    if (dialer_ != nullptr) dialer_->stop();
    const std::unordered_set<std::shared_ptr<Link>> links = links_;
    for (const auto& link : links) {
        if (link->isDialed() && link->stage() < Link::Stage::established) dropLinkLocked(*link);
    }
}

void SocketCore::dropQueuedLocked(Peer& peer, ErrorCode code) {
    Outbox& outbox = peer.session.outbox();
    const std::uint64_t lost = outbox.appendedFrames() - outbox.writtenFrames();
    counters_.dropped_messages += lost;
    if (stopping_ && lost != 0) all_written_ = false;
    for (const std::uint64_t token : outbox.clear()) {
        inbox_.push(Received::completion(token, endOfSend(options_.type, code)));
    }
}

void SocketCore::endLocked(PeerPointer peer, PeerEvent event, ErrorCode code) {
    if (peer->state == Peer::State::live) peers_.remove(peer);
    agenda_.remove(*peer);
    peer->state = Peer::State::ended;
    if (peer->link != nullptr) dropLinkLocked(*peer->link);
    dropQueuedLocked(*peer, code);
    if (only_peer_ == peer) {
        only_peer_.reset();
        used_up_ = true;
    }
    if (!stopping_) deliverLocked(Received::occurrence(peer->name, event));
    if (dialed_peer_ == peer) {
        stopDialingLocked();
        // A subscriber without guaranteed delivery begins anew by itself.
        if (event == PeerEvent::lost && code != ErrorCode::connectFailed && !options_.reliable() && !peer->plain &&
            !stopping_) {
            dialed_peer_ = newPeerLocked();
            dialed_peer_->dialed = true;
            dialLocked(Clock::now() + give_up_, 1);
        }
    }
    if (isQuietLocked()) quiet_.notify_all();
}

void SocketCore::onGivenUp(const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (dialed_peer_ == nullptr) return;
    connect_failure_ = why;
    log(LogLevel::warning, "gave up connecting to " + dialer_->address().toString() + ": " + why);
    const bool fresh = dialed_peer_->state == Peer::State::waiting;
    endLocked(dialed_peer_, PeerEvent::lost,
              fresh ? ErrorCode::connectFailed : ErrorCode::connectorSocketClosedByRemoteEnd);
}

}  // namespace scaler::ymq
