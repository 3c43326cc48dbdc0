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
    explicit ArrivalRoom(std::uint64_t limitBytes) : limitBytes_(limitBytes) {}

    // One payload alone always fits, so that everybody gets on.
    bool isRoomFor(std::uint64_t sizeBytes) const {
        return takenBytes_ == 0 || (takenBytes_ <= limitBytes_ && sizeBytes <= limitBytes_ - takenBytes_);
    }
    void take(std::uint64_t sizeBytes) { takenBytes_ += sizeBytes; }
    void giveBack(std::uint64_t sizeBytes) { takenBytes_ -= sizeBytes; }

    bool isAwaited() const { return !waiting_.empty(); }
    ConnectionId firstWaiting() const { return waiting_.front(); }
    void await(ConnectionId connection) { waiting_.push_back(connection); }
    void stopWaiting(ConnectionId connection) noexcept {
        waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), connection), waiting_.end());
    }

    std::uint64_t takenBytes() const { return takenBytes_; }

private:
    std::uint64_t limitBytes_;
    std::uint64_t takenBytes_ = 0;
    std::deque<ConnectionId> waiting_{};
};

}  // namespace scaler::object_storage
