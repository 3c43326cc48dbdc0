// Which peer of a socket has something due, and when.
#pragma once

#include <cstddef>
#include <vector>

#include "ymq/peer.h"

namespace scaler::ymq {

// A heap in which a peer stands at most once and knows its place, so that nothing here depends on how many peers have
// nothing due but for the logarithm. A place that is left and taken again allocates nothing. Guarded by the lock of its
// socket.
class PeerAgenda {
public:
    // Lets the peer come up at this time, unless it does so earlier.
    void add(const PeerPointer& peer, Clock::time_point when);

    void remove(Peer& peer) noexcept;

    // Returns when the first peer comes up, which is never when there is none.
    Clock::time_point next() const noexcept {
        return entries_.empty() ? Clock::time_point::max() : entries_.front().when;
    }

    // Takes out the peer that comes up first and returns it; null when it comes up later than this.
    PeerPointer takeDue(Clock::time_point now) noexcept;

private:
    struct Entry {
        Clock::time_point when;
        PeerPointer peer;
    };

    void moveUp(std::size_t place) noexcept;
    void moveDown(std::size_t place) noexcept;
    void exchange(std::size_t one, std::size_t other) noexcept;

    std::vector<Entry> entries_{};
};

}  // namespace scaler::ymq
