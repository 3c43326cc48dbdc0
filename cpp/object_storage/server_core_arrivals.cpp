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
std::uint64_t smallRoomBytes(const ObjectTable& table, std::uint64_t largestSmallBytes) {
    return std::max(table.largestObjectBytes() / 4, largestSmallBytes);
}

}  // namespace

ServerCore::ServerCore(const Options& options, Outbox& outbox)
    : options_(options),
      outbox_(outbox),
      table_(options.table),
      waiting_(options.table.hashKey),
      waitingLimit_(waitingLimitOf(options)),
      largeArrivals_(table_.largestObjectBytes()),
      smallArrivals_(smallRoomBytes(table_, options.droppablePayloadBytes)) {}

ArrivalRoom& ServerCore::roomFor(const RequestHeader& header) {
    return header.payloadLength > options_.droppablePayloadBytes ? largeArrivals_ : smallArrivals_;
}

void ServerCore::beginSet(ConnectionId connection, Connection& state, const RequestHeader& header) {
    if (header.payloadLength > options_.payloadLimitBytes) {
        refusePayload(connection, header);
        return;
    }
    if (header.payloadLength > options_.droppablePayloadBytes && !table_.canEverHold(header.payloadLength)) {
        // Taking the payload in only to drop it would break the limit, and there is no other way around it.
        answer(connection, header, ResponseType::storageFull);
        ++counts_.refusedConnections;
        onClosed(connection);
        outbox_.closeAfterAnswers(connection, "set of " + std::to_string(header.payloadLength) +
                                                  " bytes, more than the memory limit leaves room for");
        return;
    }
    state.incomplete = header;
    state.seenAt.reset();
    ArrivalRoom& room = roomFor(header);
    if (!room.isAwaited() && room.isRoomFor(header.payloadLength) && !isUnsentAboveLimit()) {
        room.take(header.payloadLength);
        state.hasRoom = true;
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
    if (std::exchange(state.hasRoom, false)) {
        room.giveBack(header.payloadLength);
    } else {
        room.stopWaiting(connection);
    }
    if (room.isAwaited()) {
        admitWaiting(room);
    }
    if (nextCheck_ && !isRoomAwaited() && table_.unsentBytes() == 0) {
        nextCheck_.reset();
    }
}

// Tells whether answers that nobody reads keep so much of what is deleted that nothing may be added.
bool ServerCore::isUnsentAboveLimit() {
    const std::uint64_t limitBytes = table_.largestObjectBytes();
    if (table_.unsentBytes() <= limitBytes) {
        return false;
    }
    table_.reclaimUnsent();
    return table_.unsentBytes() > limitBytes;
}

void ServerCore::admitWaiting(ArrivalRoom& room) {
    while (room.isAwaited()) {
        const ConnectionId connection = room.firstWaiting();
        Connection& state = connections_.at(connection);
        if (!room.isRoomFor(state.incomplete->payloadLength) || isUnsentAboveLimit()) {
            return;
        }
        room.stopWaiting(connection);
        room.take(state.incomplete->payloadLength);
        state.hasRoom = true;
        outbox_.release(connection);
    }
}

void ServerCore::planCheck(Time now) {
    if (!nextCheck_ && (isRoomAwaited() || table_.unsentBytes() > 0)) {
        nextCheck_ = now + kCheckInterval;
    }
}

void ServerCore::check(Time now) {
    table_.reclaimUnsent();
    admitWaiting(largeArrivals_);
    admitWaiting(smallArrivals_);
    endStalledArrivals(now);
    endStalledReaders(now);
    nextCheck_.reset();
    planCheck(now);
}

// A peer may be stopped for minutes, and keeps its room as long as nobody else needs it.
void ServerCore::endStalledArrivals(Time now) {
    for (ArrivalRoom* const room : {&largeArrivals_, &smallArrivals_}) {
        while (room->isAwaited()) {
            const std::optional<ConnectionId> stalled = findStalled(*room, now);
            if (!stalled) {
                break;
            }
            refuse(*stalled, "nothing came of its set for " + std::to_string(options_.stallPatience.count()) +
                                 " seconds, and others need the room");
        }
    }
}

std::optional<ConnectionId> ServerCore::findStalled(const ArrivalRoom& room, Time now) {
    for (auto& [connection, state] : connections_) {
        if (!state.hasRoom || &roomFor(*state.incomplete) != &room) {
            continue;
        }
        const std::uint64_t receivedBytes = outbox_.receivedBytes(connection);
        if (!state.seenAt || state.seenBytes != receivedBytes) {
            state.seenAt = now;
            state.seenBytes = receivedBytes;
        } else if (now - *state.seenAt >= options_.stallPatience) {
            return connection;
        }
    }
    return std::nullopt;
}

// As above: nobody who does not read loses anything by it before somebody else needs the room.
void ServerCore::endStalledReaders(Time now) {
    if (!isUnsentAboveLimit()) {
        isSetRefusedForUnsent_ = false;
        return;
    }
    // What the connections keep that end here goes with them, in a moment.
    std::uint64_t endingBytes = 0;
    while ((isRoomAwaited() || isSetRefusedForUnsent_) &&
           table_.unsentBytes() > table_.largestObjectBytes() + endingBytes) {
        const std::optional<ConnectionId> stalled = findStalledReader(now);
        if (!stalled) {
            return;
        }
        endingBytes += outbox_.unsentBytes(*stalled);
        refuse(*stalled, "it has read nothing of its answers for " + std::to_string(options_.stallPatience.count()) +
                             " seconds, and others need the room of what they keep");
    }
}

std::optional<ConnectionId> ServerCore::findStalledReader(Time now) {
    for (auto& [connection, state] : connections_) {
        const std::uint64_t unsentBytes = outbox_.unsentBytes(connection);
        if (unsentBytes < kFewBytes) {
            state.seenReadingAt.reset();
            continue;
        }
        if (!state.seenReadingAt || unsentBytes < state.seenUnsentBytes) {
            state.seenReadingAt = now;
        } else if (now - *state.seenReadingAt >= options_.stallPatience) {
            return connection;
        }
        state.seenUnsentBytes = unsentBytes;
    }
    return std::nullopt;
}

bool ServerCore::checkArrivals() const {
    std::uint64_t sumBytes = 0;
    for (const auto& [connection, state] : connections_) {
        sumBytes += state.hasRoom ? state.incomplete.value().payloadLength : 0;
    }
    return sumBytes == largeArrivals_.takenBytes() + smallArrivals_.takenBytes();
}

std::optional<Time> ServerCore::nextDeadline() const {
    const std::optional<Time> next = waiting_.nextDeadline();
    return next && nextCheck_ ? std::min(next, nextCheck_) : next ? next : nextCheck_;
}

}  // namespace scaler::object_storage
