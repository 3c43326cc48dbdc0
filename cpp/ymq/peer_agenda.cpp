// The heap of the peers by the time when something is due.
#include "ymq/peer_agenda.h"

#include <utility>

namespace scaler::ymq {

void PeerAgenda::add(const PeerPointer& peer, Clock::time_point when) {
    if (peer->place_in_agenda == Peer::kNowhere) {
        entries_.push_back({when, peer});
        peer->place_in_agenda = entries_.size() - 1;
    } else if (when < entries_[peer->place_in_agenda].when) {
        entries_[peer->place_in_agenda].when = when;
    } else {
        return;
    }
    moveUp(peer->place_in_agenda);
}

void PeerAgenda::remove(Peer& peer) noexcept {
    const std::size_t place = std::exchange(peer.place_in_agenda, Peer::kNowhere);
    if (place == Peer::kNowhere) return;
    const std::size_t last = entries_.size() - 1;
    if (place != last) {
        entries_[place] = std::move(entries_[last]);
        entries_[place].peer->place_in_agenda = place;
    }
    entries_.pop_back();
    if (place == last) return;
    moveUp(place);
    moveDown(place);
}

PeerPointer PeerAgenda::takeDue(Clock::time_point now) noexcept {
    if (next() > now || entries_.empty()) return nullptr;
    PeerPointer peer = entries_.front().peer;
    remove(*peer);
    return peer;
}

void PeerAgenda::moveUp(std::size_t place) noexcept {
    while (place != 0) {
        const std::size_t parent = (place - 1) / 2;
        if (entries_[parent].when <= entries_[place].when) return;
        exchange(place, parent);
        place = parent;
    }
}

void PeerAgenda::moveDown(std::size_t place) noexcept {
    for (;;) {
        std::size_t earliest = place;
        for (const std::size_t child : {2 * place + 1, 2 * place + 2}) {
            if (child < entries_.size() && entries_[child].when < entries_[earliest].when) earliest = child;
        }
        if (earliest == place) return;
        exchange(place, earliest);
        place = earliest;
    }
}

void PeerAgenda::exchange(std::size_t one, std::size_t other) noexcept {
    std::swap(entries_[one], entries_[other]);
    entries_[one].peer->place_in_agenda = one;
    entries_[other].peer->place_in_agenda = other;
}

}  // namespace scaler::ymq
