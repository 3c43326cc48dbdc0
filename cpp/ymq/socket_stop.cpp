// How connections and the whole socket end on purpose.

#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

// How long close() waits for the I/O thread to close the descriptors, which only a stopped context makes it wait for.
constexpr auto kClosePatience = 2s;

}  // namespace

void SocketCore::closeConnection(std::string identity) {
    loop_.post([self = shared_from_this(), name = std::move(identity)] {
        const std::lock_guard lock(self->mutex_);
        PeerPointer peer = self->peers_.find(name);
        if (peer == nullptr && name.empty() && self->options_.type == SocketType::connector) peer = self->only_peer_;
        if (peer == nullptr || peer->state != Peer::State::live || self->stopping_) return;
        self->leaveLocked(peer);
    });
}

// The peer is gone for users at once, and told to be; its connection still writes what is queued.
void SocketCore::leaveLocked(PeerPointer peer) {
    if (peer->link == nullptr) {
        endLocked(peer, PeerEvent::lost, ErrorCode::ioSocketStopRequested);
        return;
    }
    const std::shared_ptr<Link> link = std::move(peer->link);
    peer->link.reset();
    peers_.remove(peer);
    agenda_.remove(*peer);
    peer->state = Peer::State::ended;
    if (only_peer_ == peer) {
        only_peer_.reset();
        used_up_ = true;
    }
    if (dialed_peer_ == peer) stopDialingLocked();
    link->leaveLocked();
    if (!stopping_) deliverLocked(Received::occurrence(peer->name, PeerEvent::lost));
}

void SocketCore::requestStop() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopping_, true)) return;
    }
    inbox_.close();
    loop_.post([self = shared_from_this()] { self->stopOnIoThread(); });
}

void SocketCore::stopOnIoThread() {
    if (listener_ != nullptr) listener_->close();
    if (local_listener_ != nullptr) local_listener_->close();
    const std::lock_guard lock(mutex_);
    for (const PeerPointer& peer : peers_.all()) {
        // What was not yet written to a peer that this side connects to may still be, once it is connected again.
        if (peer->link == nullptr && peer->dialed && peer->session.outbox().hasUnwritten()) continue;
        leaveLocked(peer);
    }
    if (dialed_peer_ != nullptr && dialed_peer_->session.outbox().empty()) {
        endLocked(dialed_peer_, PeerEvent::lost, ErrorCode::ioSocketStopRequested);
    }
    const std::unordered_set<std::shared_ptr<Link>> links = links_;
    for (const auto& link : links) {
        const bool greeting = link->stage() < Link::Stage::established;
        if (greeting && !(link->isDialed() && dialed_peer_ != nullptr)) dropLinkLocked(*link);
    }
    stopped_ = true;
    if (isQuietLocked()) quiet_.notify_all();
}

bool SocketCore::isQuietLocked() const { return stopped_ && links_.empty() && dialed_peer_ == nullptr; }

void SocketCore::onLeft(Link& link) {
    const std::lock_guard lock(mutex_);
    if (link.stage() == Link::Stage::closed) return;
    const PeerPointer peer = link.peer();
    if (!link.allWrittenLocked() && peer != nullptr) {
        all_written_ = false;
        // That the peer is lost was told when it left; its identity may have another session by now.
        dropQueuedLocked(*peer, ErrorCode::sendMessageRequestCouldNotComplete);
    }
    dropLinkLocked(link);
    if (isQuietLocked()) quiet_.notify_all();
}

bool SocketCore::close(std::chrono::milliseconds linger) {
    requestStop();
    std::unique_lock lock(mutex_);
    if (closed_) return all_written_;
    loop_.follow();
    const bool quiet = quiet_.wait_for(lock, linger, [this] { return isQuietLocked(); });
    lock.unlock();
    loop_.post([self = shared_from_this()] { self->closeOnIoThread(); });
    lock.lock();
    quiet_.wait_for(lock, kClosePatience, [this] { return closed_; });
    loop_.unfollow();
    return quiet && all_written_;
}

void SocketCore::closeOnIoThread() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    stopped_ = true;
    const std::unordered_set<std::shared_ptr<Link>> links = std::move(links_);
    links_.clear();
    if (dialed_peer_ != nullptr) endLocked(dialed_peer_, PeerEvent::lost, ErrorCode::ioSocketStopRequested);
    for (const PeerPointer& peer : peers_.all()) endLocked(peer, PeerEvent::lost, ErrorCode::ioSocketStopRequested);
    if (only_peer_ != nullptr) endLocked(only_peer_, PeerEvent::lost, ErrorCode::ioSocketStopRequested);
    for (const auto& link : links) {
        if (link->stage() == Link::Stage::leaving && !link->allWrittenLocked()) all_written_ = false;
        link->closeLocked();
    }
    touched_.clear();
    soon_.clear();
    if (dialer_ != nullptr) dialer_->stop();
    listener_.reset();
    local_listener_.reset();
    next_tick_ = Clock::time_point::min();
    tick_timer_.cancel();
    soon_timer_.close();
    quiet_.notify_all();
}

}  // namespace scaler::ymq
