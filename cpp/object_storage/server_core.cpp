// One function for each kind of frame, and for what ends or releases a waiting request.
#include "object_storage/server_core.h"

#include <algorithm>
#include <array>
#include <new>
#include <span>
#include <vector>

namespace scaler::object_storage {

void ServerCore::onConnected(ConnectionId connection) { connections_.try_emplace(connection); }

void ServerCore::onClosed(ConnectionId connection) {
    waiting_.dropConnection(connection);
    const auto found = connections_.find(connection);
    if (found != connections_.end()) {
        endIncomplete(connection, found->second);
        connections_.erase(found);
    }
}

std::uint64_t ServerCore::frameLimit(ConnectionId connection) const {
    const auto found = connections_.find(connection);
    return found != connections_.end() && found->second.incomplete ? found->second.incomplete->payload_length
                                                                   : kHeaderBytes;
}

void ServerCore::onFrame(ConnectionId connection, const ymq::Bytes& frame, Time now) {
    handleFrame(connection, frame, now);
    planCheck(now);
}

void ServerCore::onRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload, Time now) {
    handleRequest(connection, header, payload, now);
    planCheck(now);
}

void ServerCore::handleFrame(ConnectionId connection, const ymq::Bytes& frame, Time now) {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) {
        return;  // refused before; the transport still had a frame of it
    }
    Connection& state = found->second;
    if (!state.incomplete) {
        onHeader(connection, state, frame, now);
        return;
    }
    const RequestHeader header = *state.incomplete;
    endIncomplete(connection, state);
    onPayload(connection, header, frame, now);
}

void ServerCore::onHeader(ConnectionId connection, Connection& state, const ymq::Bytes& frame, Time now) {
    const std::optional<RequestHeader> header = readRequestHeader(frame.span());
    if (!header) {
        refuseHeader(connection, frame);
        return;
    }
    count(*header);
    if (header->type == RequestType::setObject) {
        beginSet(connection, state, *header);
    } else if (header->type != RequestType::duplicateObjectId) {
        onBareRequest(connection, *header, now);
    } else if (header->payload_length != kObjectIdMessageBytes) {
        refuse(connection, "duplicate with an id of " + std::to_string(header->payload_length) + " bytes");
    } else {
        state.incomplete = *header;
    }
}

void ServerCore::handleRequest(ConnectionId connection, const ymq::Bytes& frame, const ymq::Bytes& payload, Time now) {
    if (!connections_.contains(connection)) {
        return;
    }
    const std::optional<RequestHeader> header = readRequestHeader(frame.span());
    if (!header) {
        refuseHeader(connection, frame);
        return;
    }
    count(*header);
    const bool is_set = header->type == RequestType::setObject;
    if (is_set && payload.isNull() && !table_.canEverHold(header->payload_length)) {
        answer(connection, *header, ResponseType::storageFull);
    } else if (is_set && isUnsentAboveLimit()) {
        is_set_refused_for_unsent_ = true;
        answer(connection, *header, ResponseType::storageFull);
    } else if (is_set || header->type == RequestType::duplicateObjectId) {
        onPayload(connection, *header, payload, now);
    } else if (!payload.isNull()) {
        refuse(connection, "a payload behind a request that has none");
    } else {
        onBareRequest(connection, *header, now);
    }
}

void ServerCore::onBareRequest(ConnectionId connection, const RequestHeader& header, Time now) {
    switch (header.type) {
        case RequestType::getObject:
            onGet(connection, header, now);
            return;
        case RequestType::deleteObject:
            onDelete(connection, header);
            return;
        case RequestType::infoGetTotal:
            onInfo(connection, header);
            return;
        case RequestType::deleteOwner:
            onDeleteOwner(connection, header);
            return;
        case RequestType::setObject:
        case RequestType::duplicateObjectId:
            break;  // these have payloads
    }
    refuse(connection, "unknown request type " + std::to_string(static_cast<unsigned>(header.type)));
}

void ServerCore::onPayload(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& payload, Time now) {
    if (payload.size() != header.payload_length) {
        refuse(connection, "payload of " + std::to_string(payload.size()) + " bytes instead of the announced " +
                               std::to_string(header.payload_length));
    } else if (header.payload_length > options_.payload_limit_bytes) {
        refusePayload(connection, header);
    } else if (header.type == RequestType::setObject) {
        onSet(connection, header, payload);
    } else {
        onDuplicate(connection, header, payload, now);
    }
}

void ServerCore::onSet(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& payload) {
    if (!table_.set(header.object_id, payload)) {
        answer(connection, header, ResponseType::storageFull);
        return;
    }
    counts_.stored_bytes += payload.size();
    releaseWaiting(header.object_id);
    answer(connection, header, ResponseType::setOk);
}

void ServerCore::onGet(ConnectionId connection, const RequestHeader& header, Time now) {
    const ymq::Bytes* const bytes = table_.find(header.object_id);
    if (bytes == nullptr) {
        wait(connection, header, header.object_id, now);
    } else {
        answerGet(connection, header, *bytes);
    }
}

void ServerCore::onDelete(ConnectionId connection, const RequestHeader& header) {
    const bool existed = table_.erase(header.object_id);
    answer(connection, header, existed ? ResponseType::deleteOk : ResponseType::deleteNotExists);
}

void ServerCore::onDeleteOwner(ConnectionId connection, const RequestHeader& header) {
    const OwnerHash owner = ownerOf(header.object_id);
    if (header.object_id != ObjectId{{owner[0], owner[1], 0, 0}}) {
        // The id of an object: somebody means that one, and would lose all of its owner.
        refuse(connection, "delete of an owner with the id of an object");
        return;
    }
    const bool existed = table_.eraseOwner(owner);
    answer(connection, header, existed ? ResponseType::deleteOk : ResponseType::deleteNotExists);
}

void ServerCore::onDuplicate(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& payload,
                             Time now) {
    const std::optional<ObjectId> original = readObjectIdMessage(payload.span());
    if (!original) {
        refuse(connection, "malformed object id in a duplicate");
    } else if (table_.find(*original) == nullptr) {
        wait(connection, header, *original, now);
    } else if (!table_.duplicate(*original, header.object_id)) {
        answer(connection, header, ResponseType::storageFull);
    } else {
        releaseWaiting(header.object_id);
        answer(connection, header, ResponseType::duplicateOk);
    }
}

void ServerCore::onInfo(ConnectionId connection, const RequestHeader& header) {
    const ObjectTable::Totals totals = table_.totals();
    const std::array<std::uint64_t, 3> figures{totals.ids, totals.contents, totals.content_bytes};
    answer(connection, header, ResponseType::infoGetTotalOk, ymq::Bytes::copy(std::as_bytes(std::span(figures))));
}

std::size_t ServerCore::waitingLimitOf(const Options& options) {
    constexpr std::uint64_t kLeast = 1U << 13U;
    const std::uint64_t limit_bytes = options.table.memory_limit_bytes;
    if (limit_bytes == 0) {
        return options.waiting_limit;
    }
    const std::uint64_t share = std::max(limit_bytes / 4 / WaitingRequests::kBytesPerRequest, kLeast);
    return static_cast<std::size_t>(std::min<std::uint64_t>(share, options.waiting_limit));
}

void ServerCore::wait(ConnectionId connection, const RequestHeader& header, const ObjectId& awaited, Time now) {
    if (waiting_.countOf(connection) >= options_.waiting_limit_per_connection) {
        refuse(connection, "more than " + std::to_string(options_.waiting_limit_per_connection) + " waiting requests");
        return;
    }
    if (waiting_.size() >= waiting_limit_) {
        refuse(connection, "more than " + std::to_string(waiting_limit_) + " waiting requests of all connections");
        return;
    }
    std::optional<Time> deadline;
    if (header.timeout_milliseconds > 0) {
        deadline = now + std::chrono::milliseconds(header.timeout_milliseconds);
    } else if (options_.default_timeout.count() > 0) {
        deadline = now + options_.default_timeout;
    }
    waiting_.add({.connection = connection, .header = header, .awaited = awaited, .deadline = deadline});
}

// Answers what waits for an id, in the order of arrival; what waits for a copy comes right behind that copy. What is
// still to be released is on a stack because peers decide how long a chain of copies is. Every request that is taken is
// answered or costs its own connection: it is not that of the caller.
void ServerCore::releaseWaiting(const ObjectId& id) {
    ObjectId current = id;
    std::vector<ObjectId> outer;
    while (true) {
        const std::optional<WaitingRequest> request = waiting_.takeNextFor(current);
        if (request && request->header.type == RequestType::getObject) {
            answerGet(request->connection, request->header, *table_.find(current));
        } else if (request && releaseDuplicate(*request, outer)) {
            current = request->header.object_id;
        } else if (!request && outer.empty()) {
            return;
        } else if (!request) {
            current = outer.back();
            outer.pop_back();
        }
    }
}

// Returns whether there is a copy now; then what the request has waited for is on the stack.
bool ServerCore::releaseDuplicate(const WaitingRequest& request, std::vector<ObjectId>& outer) {
    const std::size_t depth = outer.size();
    try {
        outer.push_back(request.awaited);
        if (table_.duplicate(request.awaited, request.header.object_id)) {
            answer(request.connection, request.header, ResponseType::duplicateOk);
            return true;
        }
        answer(request.connection, request.header, ResponseType::storageFull);
    } catch (const std::bad_alloc&) {
        onClosed(request.connection);
        outbox_.close(request.connection, "out of memory");
    }
    outer.resize(depth);
    return false;
}

void ServerCore::onTime(Time now) {
    while (const std::optional<WaitingRequest> request = waiting_.takeNextExpired(now)) {
        answer(request->connection, request->header, ResponseType::timedOut);
    }
    if (next_check_ && *next_check_ <= now) {
        check(now);
    }
}

void ServerCore::answerGet(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& bytes) {
    const auto size_bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), header.payload_length));
    answer(connection, header, ResponseType::getOk, size_bytes == 0 ? ymq::Bytes() : bytes.slice(0, size_bytes));
}

void ServerCore::answer(ConnectionId connection, const RequestHeader& header, ResponseType type,
                        const ymq::Bytes& payload) {
    const ResponseHeader response{.object_id = header.object_id,
                                  .payload_length = payload.size(),
                                  .response_id = header.request_id,
                                  .type = type};
    ++counts_.answers[static_cast<std::size_t>(type)];
    counts_.answered_bytes += payload.size();
    outbox_.answer(connection, writeResponseHeader(response), payload);
}

void ServerCore::count(const RequestHeader& header) {
    const auto type = static_cast<std::size_t>(header.type);
    if (type < counts_.requests.size()) {
        ++counts_.requests[type];
    }
}

void ServerCore::refuse(ConnectionId connection, const std::string& reason) {
    ++counts_.refused_connections;
    onClosed(connection);
    outbox_.close(connection, reason);
}

void ServerCore::refuseHeader(ConnectionId connection, const ymq::Bytes& frame) {
    refuse(connection, frame.size() == kHeaderBytes ? "malformed request header"
                                                    : "request header of " + std::to_string(frame.size()) +
                                                          " bytes instead of " + std::to_string(kHeaderBytes));
}

void ServerCore::refusePayload(ConnectionId connection, const RequestHeader& header) {
    refuse(connection, "set of " + std::to_string(header.payload_length) + " bytes, more than the limit of " +
                           std::to_string(options_.payload_limit_bytes));
}

ServerCore::Gauges ServerCore::gauges() const {
    return {.connections = connections_.size(),
            .waiting_requests = waiting_.size(),
            .totals = table_.totals(),
            .counts = counts_,
            .is_serving = true};
}

}  // namespace scaler::object_storage
