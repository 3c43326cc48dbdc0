// Gets and duplicates that wait for an object which does not exist yet.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "object_storage/header.h"
#include "object_storage/object_id.h"

namespace scaler::object_storage {

using Time = std::chrono::steady_clock::time_point;
using ConnectionId = std::uint64_t;

struct WaitingRequest {
    ConnectionId connection = 0;
    RequestHeader header{};
    // What the request waits for; the header of a duplicate names the copy.
    ObjectId awaited{};
    std::optional<Time> deadline{};
};

// Every waiting request leaves in one of three ways: its object comes to exist, its deadline passes, or its connection
// ends. The class keeps one index for each, and is the one owner of all of them.
class WaitingRequests {
public:
    // What one takes about, with its entries in the indexes.
    static constexpr std::size_t kBytesPerRequest = 512;

    explicit WaitingRequests(const SipHashKey& hash_key) : by_object_(0, ObjectIdHash{hash_key}) {}

    void add(const WaitingRequest& request);

    // Each of these removes what it returns, one request at a time, for which no memory is needed: that which has
    // waited longest for an object, and that whose deadline has passed first.
    std::optional<WaitingRequest> takeNextFor(const ObjectId& awaited) noexcept;
    std::optional<WaitingRequest> takeNextExpired(Time now) noexcept;
    void dropConnection(ConnectionId connection) noexcept;

    std::optional<Time> nextDeadline() const;
    std::size_t size() const { return requests_.size(); }
    std::size_t countOf(ConnectionId connection) const;

    // Returns whether the indexes agree; for tests.
    bool check() const;

private:
    using Serial = std::uint64_t;

    WaitingRequest take(Serial serial) noexcept;

    Serial next_serial_ = 0;
    std::unordered_map<Serial, WaitingRequest> requests_;
    // Serials grow, so ordered sets of them are in the order of arrival.
    std::unordered_map<ObjectId, std::set<Serial>, ObjectIdHash> by_object_;
    std::unordered_map<ConnectionId, std::set<Serial>> by_connection_;
    std::set<std::pair<Time, Serial>> by_deadline_;
};

}  // namespace scaler::object_storage
