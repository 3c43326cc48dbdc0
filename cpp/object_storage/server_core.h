// What the object storage server does with each frame, without sockets, clocks or threads.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "object_storage/arrival_room.h"
#include "object_storage/header.h"
#include "object_storage/object_table.h"
#include "object_storage/waiting_requests.h"
#include "ymq/bytes.h"

namespace scaler::object_storage {

// Where the core's decisions go. A call must not call back into the core, and not throw: what fails costs the
// connection that it is about.
class Outbox {
public:
    Outbox() = default;
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;
    virtual ~Outbox() = default;

    // Sends a header and, unless it is null, a payload in a frame of its own. The payload is a view of the stored
    // bytes.
    virtual void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) = 0;

    // Ends a connection whose peer broke the protocol.
    virtual void close(ConnectionId connection, const std::string& reason) = 0;

    // Ends a connection once its peer has had time to read the answers; nothing more is read from it.
    virtual void closeAfterAnswers(ConnectionId connection, const std::string& reason) = 0;

    // Nothing more is read from a connection, until it is released.
    virtual void hold(ConnectionId connection) = 0;
    virtual void release(ConnectionId connection) = 0;

    // Returns how much has come of the frame that is on its way.
    virtual std::uint64_t receivedBytes(ConnectionId connection) const = 0;

    // Returns how much of its answers a connection has not taken yet.
    virtual std::uint64_t unsentBytes(ConnectionId connection) const = 0;
};

// Every frame is handled at once and completely, in the order of the calls, so an operation is atomic and visible to
// all connections. A request is answered, waits, or costs its connection; nothing is ignored. What a connection has
// begun or waits for belongs to that connection, never to an identity, and goes with it.
class ServerCore {
public:
    struct Options {
        ObjectTable::Options table{};
        // How long a get or duplicate waits that names no time itself; 0 means for ever.
        std::chrono::milliseconds default_timeout{0};
        std::uint64_t payload_limit_bytes = 6ULL << 40U;
        // Payloads up to this are received even when there is no room, so that their refusal does not cost the
        // connection.
        std::uint64_t droppable_payload_bytes = 8ULL << 20U;
        // A payload of which nothing comes for so long loses its room when somebody else needs it; so do answers of
        // which nothing is read.
        std::chrono::seconds stall_patience{10};
        // A connection that has more requests waiting is closed, or one peer could fill the memory with them.
        std::size_t waiting_limit_per_connection = 1U << 18U;
        // The same for all connections together: who asks for more is closed. With a memory limit it is less, so that
        // waiting requests take a quarter of it at most, but never less than some thousand.
        std::size_t waiting_limit = 1U << 19U;
    };

    // What has happened since the start.
    struct Counts {
        // By their types; requests of unknown types are refused.
        std::array<std::uint64_t, kRequestTypes> requests{};
        std::array<std::uint64_t, kResponseTypes> answers{};
        // Payloads that were stored, and that answers had.
        std::uint64_t stored_bytes = 0;
        std::uint64_t answered_bytes = 0;
        // Connections that were ended because their peers broke the rules.
        std::uint64_t refused_connections = 0;
    };

    struct Gauges {
        std::size_t connections = 0;
        std::size_t waiting_requests = 0;
        ObjectTable::Totals totals{};
        Counts counts{};
        // False when no core has answered, and all else is zero.
        bool is_serving = false;
    };

    ServerCore(const Options& options, Outbox& outbox);

    void onConnected(ConnectionId connection);
    void onFrame(ConnectionId connection, const ymq::Bytes& frame, Time now);
    // A request that came with its payload, instead of frames. The payload is null when there was none, and may be so
    // when there is never room for it.
    void onRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload, Time now);
    void onClosed(ConnectionId connection);
    void onTime(Time now);

    // What can be done once the answers are on their way: some of the large contents that were replaced or deleted are
    // freed.
    void onIdle() { table_.freeSomeDropped(); }
    bool hasIdleWork() const { return table_.hasDropped(); }

    // Returns how long the next frame of the connection may be.
    std::uint64_t frameLimit(ConnectionId connection) const;
    // Returns the size of the largest object there could ever be room for.
    std::uint64_t largestObjectBytes() const { return table_.largestObjectBytes(); }
    // Returns when onTime has something to do.
    std::optional<Time> nextDeadline() const;

    Gauges gauges() const;
    // Returns whether everything the core keeps agrees; for tests.
    bool check() const { return table_.check() && waiting_.check() && checkArrivals(); }

private:
    struct Connection {
        // The request whose payload is the next frame.
        std::optional<RequestHeader> incomplete;
        // Whether the payload of a set may come; who has an incomplete one otherwise waits for room.
        bool has_room = false;
        // How much had come of it when somebody who waits for its room last saw a change.
        std::uint64_t seen_bytes = 0;
        std::optional<Time> seen_at{};
        // How much of its answers was left when somebody who waits for their room last saw less than before.
        std::uint64_t seen_unsent_bytes = 0;
        std::optional<Time> seen_reading_at{};
    };

    void handleFrame(ConnectionId connection, const ymq::Bytes& frame, Time now);
    void handleRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload, Time now);
    void onHeader(ConnectionId connection, Connection& state, const ymq::Bytes& frame, Time now);
    void onBareRequest(ConnectionId connection, const RequestHeader& header, Time now);
    void onPayload(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& payload, Time now);
    void onSet(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& payload);
    void onGet(ConnectionId connection, const RequestHeader& header, Time now);
    void onDelete(ConnectionId connection, const RequestHeader& header);
    void onDuplicate(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& payload, Time now);
    void onDeleteOwner(ConnectionId connection, const RequestHeader& header);
    void onInfo(ConnectionId connection, const RequestHeader& header);

    void wait(ConnectionId connection, const RequestHeader& header, const ObjectId& awaited, Time now);
    void releaseWaiting(const ObjectId& id);
    bool releaseDuplicate(const WaitingRequest& request, std::vector<ObjectId>& outer);
    void answer(ConnectionId connection, const RequestHeader& header, ResponseType type,
                const ymq::Bytes& payload = ymq::Bytes());
    void answerGet(ConnectionId connection, const RequestHeader& header, const ymq::Bytes& bytes);
    void count(const RequestHeader& header);
    void refuse(ConnectionId connection, const std::string& reason);
    void refuseHeader(ConnectionId connection, const ymq::Bytes& frame);
    void refusePayload(ConnectionId connection, const RequestHeader& header);
    void beginSet(ConnectionId connection, Connection& state, const RequestHeader& header);
    void endIncomplete(ConnectionId connection, Connection& state);
    ArrivalRoom& roomFor(const RequestHeader& header);
    void admitWaiting(ArrivalRoom& room);
    bool isRoomAwaited() const { return large_arrivals_.isAwaited() || small_arrivals_.isAwaited(); }
    bool isUnsentAboveLimit();
    void planCheck(Time now);
    void check(Time now);
    void endStalledArrivals(Time now);
    std::optional<ConnectionId> findStalled(const ArrivalRoom& room, Time now);
    void endStalledReaders(Time now);
    std::optional<ConnectionId> findStalledReader(Time now);
    bool checkArrivals() const;

    static std::size_t waitingLimitOf(const Options& options);

    Options options_;
    Outbox& outbox_;
    ObjectTable table_;
    WaitingRequests waiting_;
    std::size_t waiting_limit_;
    std::unordered_map<ConnectionId, Connection> connections_;
    // The payloads of sets on their way. Large ones have as much room as the table, small ones, which come by
    // themselves so that they need not wait behind large ones, a quarter of it.
    ArrivalRoom large_arrivals_;
    ArrivalRoom small_arrivals_;
    // While somebody waits for such room, or answers keep what is deleted.
    std::optional<Time> next_check_{};
    // Whether there was no room for a whole set because of such answers, which then nothing shows that waits.
    bool is_set_refused_for_unsent_ = false;
    Counts counts_{};
};

}  // namespace scaler::object_storage
