// What has to happen at a time: acknowledgements, pings, and the ends of silent sessions.
//
// The agenda has the earliest of these times for each peer, and one timer per socket stands at the earliest of all. So
// an idle socket sleeps until its next ping, and a tick looks only at the peers whose time has come. What puts such a
// time off, like a message that comes in, leaves the agenda as it is: the tick finds that nothing is due, and how long.
// What makes one earlier schedules it.
#include <algorithm>
#include <exception>
#include <string>

#include "ymq/process_name.h"
#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

constexpr auto kAcknowledgeDelay = 200ms;
// Whoever has lost its connection is looked for ever less often, up to this.
constexpr auto kLongestDeathCheckPause = 2000ms;
// While a frame is received in part, or reading is paused, the other side hears from us at least this often.
constexpr auto kSignOfLifeInterval = 500ms;
// How soon is tried again what failed for lack of memory.
constexpr auto kRetryInterval = 100ms;
constexpr auto kNever = Clock::time_point::max();

}  // namespace

void SocketCore::scheduleTickLocked(const PeerPointer& peer, Clock::time_point when) {
    if (when == kNever || closed_) return;
    agenda_.add(peer, when);
    armTickTimerLocked(agenda_.next());
}

void SocketCore::armTickTimerLocked(Clock::time_point when) {
    if (when >= next_tick_ || closed_) return;
    next_tick_ = kNever;
    tick_timer_.expires_at(when);
    tick_timer_.async_wait([self = weak_from_this()](const boost::system::error_code& cancelled) {
        const auto core = self.lock();
        if (!cancelled && core != nullptr) core->onTick();
    });
    next_tick_ = when;
}

// From now on this side has to give signs of life by itself.
void SocketCore::onPaused(Link& link) {
    const std::lock_guard lock(mutex_);
    if (link.peer() != nullptr) scheduleTickLocked(link.peer(), tickWritesLocked(*link.peer(), Clock::now()));
}

void SocketCore::onTick() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const Clock::time_point soonest = now + 1ms;
    next_tick_ = kNever;
    PeerPointer peer;
    try {
        while ((peer = agenda_.takeDue(now)) != nullptr) {
            const auto next = tickLocked(peer, now);
            if (next != kNever) agenda_.add(peer, std::max(next, soonest));
        }
        armTickTimerLocked(std::max(agenda_.next(), soonest));
    } catch (const std::exception& error) {
        if (peer != nullptr && peer->state == Peer::State::live) agenda_.add(peer, now + kRetryInterval);
        armTickTimerLocked(now + kRetryInterval);
        log(LogLevel::warning, std::string("what is due has to wait: ") + error.what());
    }
}

Clock::time_point SocketCore::tickLocked(const PeerPointer& peer, Clock::time_point now) {
    if (peer->state != Peer::State::live || peer->plain) return kNever;
    if (peer->link == nullptr) return tickDetachedLocked(peer, now);
    if (peer->link->isPaused()) peer->last_heard = now;
    const auto next = peer->dialed ? tickDialedLocked(peer, now) : tickAcceptedLocked(peer, now);
    if (peer->link == nullptr) return next;
    return std::min(next, tickWritesLocked(*peer, now));
}

Clock::time_point SocketCore::tickDetachedLocked(const PeerPointer& peer, Clock::time_point now) {
    const auto deadline = peer->last_heard + peer->session_timeout;
    if (now >= deadline || known_dead_.at(now, peer->process)) {
        endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
        return kNever;
    }
    const bool local = peer->process.host == thisProcess().host;
    if (!local) return deadline;
    const auto pause = peer->death_check_pause;
    peer->death_check_pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestDeathCheckPause);
    return std::min<Clock::time_point>(deadline, now + pause);
}

Clock::time_point SocketCore::tickAcceptedLocked(const PeerPointer& peer, Clock::time_point now) {
    const auto heard_until = peer->last_heard + peer->session_timeout;
    const auto suspicious = 2 * options_.ping_interval + 1000ms;
    const bool local = peer->process.host == thisProcess().host;
    // A process may leave its connection open behind it, in a child that it forked.
    const bool dead = local && now >= peer->last_heard + suspicious && known_dead_.at(now, peer->process);
    if (dead || now >= heard_until) {
        endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
        return kNever;
    }
    if (!local) return heard_until;
    return std::min<Clock::time_point>(heard_until, std::max(now, peer->last_heard) + suspicious);
}

Clock::time_point SocketCore::tickDialedLocked(const PeerPointer& peer, Clock::time_point now) {
    const auto interval = std::min<std::chrono::milliseconds>(options_.ping_interval, peer->session_timeout / 4);
    const auto patience = std::min<std::chrono::milliseconds>(peer->session_timeout, 2 * interval + 1000ms);
    if (now >= peer->last_heard + patience) {
        dropLinkLocked(*peer->link);
        detachLocked(peer);
        return kNever;
    }
    const auto due = std::max(std::min(peer->last_heard, peer->last_sent), peer->last_ping) + interval;
    if (now < due) return std::min<Clock::time_point>(due, peer->last_heard + patience);
    peer->last_ping = now;
    peer->link->oweLocked(FrameKind::ping);
    peer->link->writeLocked();
    return std::min<Clock::time_point>(now + interval, peer->last_heard + patience);
}

Clock::time_point SocketCore::tickWritesLocked(Peer& peer, Clock::time_point now) {
    auto next = kNever;
    if (peer.plain || peer.link == nullptr) return next;
    if (peer.session.owesAcknowledgement()) {
        const auto due = peer.owes_since + kAcknowledgeDelay;
        if (now >= due) {
            peer.link->oweLocked(FrameKind::ack);
            peer.link->writeLocked();
        } else {
            next = due;
        }
    }
    if (peer.link->isInsideFrame() || peer.link->isPaused()) {
        const auto due = peer.last_sent + kSignOfLifeInterval;
        if (now < due) return std::min<Clock::time_point>(next, due);
        peer.link->oweLocked(FrameKind::pong);
        peer.link->writeLocked();
        next = std::min<Clock::time_point>(next, now + kSignOfLifeInterval);
    }
    return next;
}

}  // namespace scaler::ymq
