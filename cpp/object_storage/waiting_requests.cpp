// Keeping the indexes of the waiting requests in step.
#include "object_storage/waiting_requests.h"

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

std::optional<WaitingRequest> WaitingRequests::takeNextFor(const ObjectId& awaited) noexcept {
    const auto found = byObject_.find(awaited);
    return found == byObject_.end() ? std::nullopt : std::optional(take(*found->second.begin()));
}

std::optional<WaitingRequest> WaitingRequests::takeNextExpired(Time now) noexcept {
    const bool isOneExpired = !byDeadline_.empty() && byDeadline_.begin()->first <= now;
    return isOneExpired ? std::optional(take(byDeadline_.begin()->second)) : std::nullopt;
}

void WaitingRequests::dropConnection(ConnectionId connection) noexcept {
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

WaitingRequest WaitingRequests::take(Serial serial) noexcept {
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
