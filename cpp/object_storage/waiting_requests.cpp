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
    const Serial serial = next_serial_++;
    requests_.emplace(serial, request);
    try {
        by_object_[request.awaited].insert(serial);
        by_connection_[request.connection].insert(serial);
        if (request.deadline) {
            by_deadline_.emplace(*request.deadline, serial);
        }
    } catch (const std::bad_alloc&) {
        take(serial);
        throw;
    }
}

std::optional<WaitingRequest> WaitingRequests::takeNextFor(const ObjectId& awaited) noexcept {
    const auto found = by_object_.find(awaited);
    return found == by_object_.end() ? std::nullopt : std::optional(take(*found->second.begin()));
}

std::optional<WaitingRequest> WaitingRequests::takeNextExpired(Time now) noexcept {
    const bool is_one_expired = !by_deadline_.empty() && by_deadline_.begin()->first <= now;
    return is_one_expired ? std::optional(take(by_deadline_.begin()->second)) : std::nullopt;
}

void WaitingRequests::dropConnection(ConnectionId connection) noexcept {
    while (true) {
        const auto found = by_connection_.find(connection);
        if (found == by_connection_.end()) {
            return;
        }
        take(*found->second.begin());
    }
}

std::optional<Time> WaitingRequests::nextDeadline() const {
    return by_deadline_.empty() ? std::nullopt : std::optional(by_deadline_.begin()->first);
}

std::size_t WaitingRequests::countOf(ConnectionId connection) const {
    const auto found = by_connection_.find(connection);
    return found == by_connection_.end() ? 0 : found->second.size();
}

WaitingRequest WaitingRequests::take(Serial serial) noexcept {
    const auto found = requests_.find(serial);
    const WaitingRequest request = found->second;
    requests_.erase(found);
    removeFrom(by_object_, request.awaited, serial);
    removeFrom(by_connection_, request.connection, serial);
    if (request.deadline) {
        by_deadline_.erase({*request.deadline, serial});
    }
    return request;
}

bool WaitingRequests::check() const {
    std::size_t by_object_count = 0;
    for (const auto& [id, serials] : by_object_) {
        for (const Serial serial : serials) {
            const auto found = requests_.find(serial);
            if (found == requests_.end() || found->second.awaited != id) {
                return false;
            }
        }
        by_object_count += serials.size();
    }
    std::size_t by_connection_count = 0;
    for (const auto& [connection, serials] : by_connection_) {
        for (const Serial serial : serials) {
            const auto found = requests_.find(serial);
            if (found == requests_.end() || found->second.connection != connection) {
                return false;
            }
        }
        by_connection_count += serials.size();
    }
    std::size_t deadline_count = 0;
    for (const auto& [serial, request] : requests_) {
        deadline_count += request.deadline && by_deadline_.contains({*request.deadline, serial}) ? 1U : 0U;
    }
    return by_object_count == requests_.size() && by_connection_count == requests_.size() &&
           deadline_count == by_deadline_.size();
}

}  // namespace scaler::object_storage
