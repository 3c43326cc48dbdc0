// Payloads on their way, in and out: who may send one now, who waits for room, and who has to make room.
#include <algorithm>
#include <optional>
#include <string>

#include "object_storage/server_core.h"

namespace scaler::object_storage {
namespace {

// Room is looked for so often while somebody waits for it.
constexpr std::chrono::seconds kCheckInterval{1};

// Who has fewer answers to read keeps no large content.
constexpr std::uint64_t kFewBytes = 64 * 1024;

// A quarter of the limit is much for payloads that mostly arrive as a whole; one always fits.
std::uint64_t smallRoomBytes(const ObjectTable& table, std::uint64_t largest_small_bytes) {
    return std::max(table.largestObjectBytes() / 4, largest_small_bytes);
}

}  // namespace

ServerCore::ServerCore(const Options& options, Outbox& outbox)
    : options_(options),
      outbox_(outbox),
      table_(options.table),
      waiting_(options.table.hash_key),
      waiting_limit_(waitingLimitOf(options)),
      large_arrivals_(table_.largestObjectBytes()),
      small_arrivals_(smallRoomBytes(table_, options.droppable_payload_bytes)) {}

ArrivalRoom& ServerCore::roomFor(const RequestHeader& header) {
    return header.payload_length > options_.droppable_payload_bytes ? large_arrivals_ : small_arrivals_;
}

void ServerCore::beginSet(ConnectionId connection, Connection& state, const RequestHeader& header) {
    if (header.payload_length > options_.payload_limit_bytes) {
        refusePayload(connection, header);
        return;
    }
    if (header.payload_length > options_.droppable_payload_bytes && !table_.canEverHold(header.payload_length)) {
        // Taking the payload in only to drop it would break the limit, and there is no other way around it.
        answer(connection, header, ResponseType::storageFull);
        ++counts_.refused_connections;
        onClosed(connection);
        outbox_.closeAfterAnswers(connection, "set of " + std::to_string(header.payload_length) +
                                                  " bytes, more than the memory limit leaves room for");
        return;
    }
    state.incomplete = header;
    state.seen_at.reset();
    ArrivalRoom& room = roomFor(header);
    if (!room.isAwaited() && room.isRoomFor(header.payload_length) && !isUnsentAboveLimit()) {
        room.take(header.payload_length);
        state.has_room = true;
        return;
    }
    room.await(connection);
    outbox_.hold(connection);
}

void ServerCore::endIncomplete(ConnectionId connection, Connection& state) {
    if (!state.incomplete) {
        return;
    }
    const RequestHeader header = *std::exchange(state.incomplete, std::nullopt);
    if (header.type != RequestType::setObject) {
        return;
    }
    ArrivalRoom& room = roomFor(header);
    if (std::exchange(state.has_room, false)) {
        room.giveBack(header.payload_length);
    } else {
        room.stopWaiting(connection);
    }
    if (room.isAwaited()) {
        admitWaiting(room);
    }
    if (next_check_ && !isRoomAwaited() && table_.unsentBytes() == 0) {
        next_check_.reset();
    }
}

// Tells whether answers that nobody reads keep so much of what is deleted that nothing may be added.
bool ServerCore::isUnsentAboveLimit() {
    const std::uint64_t limit_bytes = table_.largestObjectBytes();
    if (table_.unsentBytes() <= limit_bytes) {
        return false;
    }
    table_.reclaimUnsent();
    return table_.unsentBytes() > limit_bytes;
}

void ServerCore::admitWaiting(ArrivalRoom& room) {
    while (room.isAwaited()) {
        const ConnectionId connection = room.firstWaiting();
        Connection& state = connections_.at(connection);
        if (!room.isRoomFor(state.incomplete->payload_length) || isUnsentAboveLimit()) {
            return;
        }
        room.stopWaiting(connection);
        room.take(state.incomplete->payload_length);
        state.has_room = true;
        outbox_.release(connection);
    }
}

void ServerCore::planCheck(Time now) {
    if (!next_check_ && (isRoomAwaited() || table_.unsentBytes() > 0)) {
        next_check_ = now + kCheckInterval;
    }
}

void ServerCore::check(Time now) {
    table_.reclaimUnsent();
    admitWaiting(large_arrivals_);
    admitWaiting(small_arrivals_);
    endStalledArrivals(now);
    endStalledReaders(now);
    next_check_.reset();
    planCheck(now);
}

// A peer may be stopped for minutes, and keeps its room as long as nobody else needs it.
void ServerCore::endStalledArrivals(Time now) {
    for (ArrivalRoom* const room : {&large_arrivals_, &small_arrivals_}) {
        while (room->isAwaited()) {
            const std::optional<ConnectionId> stalled = findStalled(*room, now);
            if (!stalled) {
                break;
            }
            refuse(*stalled, "nothing came of its set for " + std::to_string(options_.stall_patience.count()) +
                                 " seconds, and others need the room");
        }
    }
}

std::optional<ConnectionId> ServerCore::findStalled(const ArrivalRoom& room, Time now) {
    for (auto& [connection, state] : connections_) {
        if (!state.has_room || &roomFor(*state.incomplete) != &room) {
            continue;
        }
        const std::uint64_t received_bytes = outbox_.receivedBytes(connection);
        if (!state.seen_at || state.seen_bytes != received_bytes) {
            state.seen_at = now;
            state.seen_bytes = received_bytes;
        } else if (now - *state.seen_at >= options_.stall_patience) {
            return connection;
        }
    }
    return std::nullopt;
}

// As above: nobody who does not read loses anything by it before somebody else needs the room.
void ServerCore::endStalledReaders(Time now) {
    if (!isUnsentAboveLimit()) {
        is_set_refused_for_unsent_ = false;
        return;
    }
    // What the connections keep that end here goes with them, in a moment.
    std::uint64_t ending_bytes = 0;
    while ((isRoomAwaited() || is_set_refused_for_unsent_) &&
           table_.unsentBytes() > table_.largestObjectBytes() + ending_bytes) {
        const std::optional<ConnectionId> stalled = findStalledReader(now);
        if (!stalled) {
            return;
        }
        ending_bytes += outbox_.unsentBytes(*stalled);
        refuse(*stalled, "it has read nothing of its answers for " + std::to_string(options_.stall_patience.count()) +
                             " seconds, and others need the room of what they keep");
    }
}

std::optional<ConnectionId> ServerCore::findStalledReader(Time now) {
    for (auto& [connection, state] : connections_) {
        const std::uint64_t unsent_bytes = outbox_.unsentBytes(connection);
        if (unsent_bytes < kFewBytes) {
            state.seen_reading_at.reset();
            continue;
        }
        if (!state.seen_reading_at || unsent_bytes < state.seen_unsent_bytes) {
            state.seen_reading_at = now;
        } else if (now - *state.seen_reading_at >= options_.stall_patience) {
            return connection;
        }
        state.seen_unsent_bytes = unsent_bytes;
    }
    return std::nullopt;
}

bool ServerCore::checkArrivals() const {
    std::uint64_t sum_bytes = 0;
    for (const auto& [connection, state] : connections_) {
        sum_bytes += state.has_room ? state.incomplete.value().payload_length : 0;
    }
    return sum_bytes == large_arrivals_.takenBytes() + small_arrivals_.takenBytes();
}

std::optional<Time> ServerCore::nextDeadline() const {
    const std::optional<Time> next = waiting_.nextDeadline();
    return next && next_check_ ? std::min(next, next_check_) : next ? next : next_check_;
}

}  // namespace scaler::object_storage
