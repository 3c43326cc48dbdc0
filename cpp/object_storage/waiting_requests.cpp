// Keeping the indexes of the waiting requests in step.
#include "object_storage/waiting_requests.h"

#include <iterator>
#include <limits>
#include <new>

namespace scaler::object_storage {
namespace {

template <typename Index, typename Key>
void removeFrom(Index& index, const Key& key, std::uint64_t serial) {
    const auto found = index.find(key);
    if (found == index.end()) {
        return;  // memory ran out before it was added
    }
    found->second.erase(serial);
    if (found->second.empty()) {
        index.erase(found);
    }
}

}  // namespace

void WaitingRequests::add(const WaitingRequest& request) {
    const Serial serial = nextSerial_++;
    requests_.emplace(serial, request);
    try {
        byObject_[request.awaited].insert(serial);
        byConnection_[request.connection].insert(serial);
        if (request.deadline) {
            byDeadline_.emplace(*request.deadline, serial);
        }
    } catch (const std::bad_alloc&) {
        take(serial);
        throw;
    }
}

std::vector<WaitingRequest> WaitingRequests::takeFor(const ObjectId& awaited) {
    std::vector<WaitingRequest> taken;
    const auto found = byObject_.find(awaited);
    if (found == byObject_.end()) {
        return taken;
    }
    std::size_t left = found->second.size();
    taken.reserve(left);  // nothing is taken unless there is room for all of it
    for (; left > 0; --left) {
        taken.push_back(take(*found->second.begin()));
    }
    return taken;
}

std::vector<WaitingRequest> WaitingRequests::takeExpired(Time now) {
    std::vector<WaitingRequest> taken;
    const auto end = byDeadline_.upper_bound({now, std::numeric_limits<Serial>::max()});
    taken.reserve(static_cast<std::size_t>(std::distance(byDeadline_.begin(), end)));
    while (!byDeadline_.empty() && byDeadline_.begin()->first <= now) {
        taken.push_back(take(byDeadline_.begin()->second));
    }
    return taken;
}

void WaitingRequests::dropConnection(ConnectionId connection) {
    while (true) {
        const auto found = byConnection_.find(connection);
        if (found == byConnection_.end()) {
            return;
        }
        take(*found->second.begin());
    }
}

std::optional<Time> WaitingRequests::nextDeadline() const {
    return byDeadline_.empty() ? std::nullopt : std::optional(byDeadline_.begin()->first);
}

std::size_t WaitingRequests::countOf(ConnectionId connection) const {
    const auto found = byConnection_.find(connection);
    return found == byConnection_.end() ? 0 : found->second.size();
}

WaitingRequest WaitingRequests::take(Serial serial) {
    const auto found = requests_.find(serial);
    const WaitingRequest request = found->second;
    requests_.erase(found);
    removeFrom(byObject_, request.awaited, serial);
    removeFrom(byConnection_, request.connection, serial);
    if (request.deadline) {
        byDeadline_.erase({*request.deadline, serial});
    }
    return request;
}

bool WaitingRequests::check() const {
    std::size_t byObjectCount = 0;
    for (const auto& [id, serials] : byObject_) {
        for (const Serial serial : serials) {
            const auto found = requests_.find(serial);
            if (found == requests_.end() || found->second.awaited != id) {
                return false;
            }
        }
        byObjectCount += serials.size();
    }
    std::size_t byConnectionCount = 0;
    for (const auto& [connection, serials] : byConnection_) {
        for (const Serial serial : serials) {
            const auto found = requests_.find(serial);
            if (found == requests_.end() || found->second.connection != connection) {
                return false;
            }
        }
        byConnectionCount += serials.size();
    }
    std::size_t deadlineCount = 0;
    for (const auto& [serial, request] : requests_) {
        deadlineCount += request.deadline && byDeadline_.contains({*request.deadline, serial}) ? 1U : 0U;
    }
    return byObjectCount == requests_.size() && byConnectionCount == requests_.size() &&
           deadlineCount == byDeadline_.size();
}

}  // namespace scaler::object_storage
