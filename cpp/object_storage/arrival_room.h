// The room for payloads while they arrive, which has a bound of its own beside that of the objects.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "object_storage/waiting_requests.h"

namespace scaler::object_storage {

// Who finds no room waits for it, in the order of arrival.
class ArrivalRoom {
public:
    explicit ArrivalRoom(std::uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}

    // One payload alone always fits, so that everybody gets on.
    bool isRoomFor(std::uint64_t size_bytes) const {
        return taken_bytes_ == 0 || (taken_bytes_ <= limit_bytes_ && size_bytes <= limit_bytes_ - taken_bytes_);
    }
    void take(std::uint64_t size_bytes) { taken_bytes_ += size_bytes; }
    void giveBack(std::uint64_t size_bytes) { taken_bytes_ -= size_bytes; }

    bool isAwaited() const { return !waiting_.empty(); }
    ConnectionId firstWaiting() const { return waiting_.front(); }
    void await(ConnectionId connection) { waiting_.push_back(connection); }
    void stopWaiting(ConnectionId connection) noexcept {
        waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), connection), waiting_.end());
    }

    std::uint64_t takenBytes() const { return taken_bytes_; }

private:
    std::uint64_t limit_bytes_;
    std::uint64_t taken_bytes_ = 0;
    std::deque<ConnectionId> waiting_{};
};

}  // namespace scaler::object_storage
