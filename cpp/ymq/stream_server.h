// A server of the plain framing that hands frames over by connection, not by identity.
//
// One io context thread owns everything: every call and every callback happens on the thread that runs the context,
// except the constructor and listen(), which may precede its run. Identities are only told, never used for routing, so
// two peers of one identity cannot take each other's answers, and what was half received ends with its connection.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "ymq/address.h"
#include "ymq/bytes.h"
#include "ymq/error.h"
#include "ymq/listener.h"
#include "ymq/log.h"
#include "ymq/outbox.h"

namespace scaler::ymq {

// Never reused within one server.
using ConnectionId = std::uint64_t;

// What the owner of a server is told. Any call of the server may be made from within.
class StreamHandler {
public:
    virtual ~StreamHandler() = default;

    // A peer has sent its identity.
    virtual void onConnected(ConnectionId connection, Bytes identity) = 0;

    // Asked before each frame: how long it may be at most. A longer one closes the connection; 0 allows an empty one.
    virtual std::uint64_t frameLimit(ConnectionId connection) = 0;

    virtual void onFrame(ConnectionId connection, Bytes frame) = 0;

    // Some of what was queued has been written; `outbound_bytes` are left. Never called from within a call of the
    // server.
    virtual void onWritten(ConnectionId connection, std::uint64_t outbound_bytes) {
        (void)connection;
        (void)outbound_bytes;
    }

    // Exactly one for each onConnected, also after close(), and nothing follows for this connection. Never called from
    // within a call of the server.
    virtual void onClosed(ConnectionId connection, const std::string& reason) = 0;
};

struct StreamServerOptions {
    // Sent as soon as a connection is accepted.
    std::string identity{};
    std::chrono::milliseconds greeting_progress{5'000};
    std::chrono::milliseconds greeting_total{15'000};
    Log log{};
};

class StreamServer {
public:
    StreamServer(boost::asio::io_context& context, StreamHandler& handler, StreamServerOptions options);
    ~StreamServer();
    StreamServer(const StreamServer&) = delete;
    StreamServer& operator=(const StreamServer&) = delete;

    // Listens on one more address, and returns it with its real port.
    Result<Address> listen(const Address& address);

    // Queues frames behind each other; they are written together at the end of the current turn of the io context.
    // Large buffers are referred to, not copied. A connection that is gone is ignored, and one for which there is no
    // memory is closed.
    void send(ConnectionId connection, std::span<const Bytes> frames) noexcept;

    // Closes a connection at once; queued frames are dropped. onClosed follows.
    void close(ConnectionId connection, std::string reason) noexcept;

    // Stops reading a connection: no onFrame follows, also not of what has been received already.
    void pauseReading(ConnectionId connection);
    void resumeReading(ConnectionId connection);

    // Bytes that have come of a frame that is not complete; 0 for a connection that is gone.
    std::uint64_t receivedBytes(ConnectionId connection) const noexcept;

    // Bytes that are queued and not written; 0 for a connection that is gone.
    std::uint64_t outboundBytes(ConnectionId connection) const noexcept;

    // Stops listening and closes all connections; onClosed follows for each when the context still runs.
    void stop(const std::string& reason);

private:
    class Connection;
    class Shared;

    std::shared_ptr<Shared> shared_;
    std::vector<std::shared_ptr<Listener>> listeners_{};
};

}  // namespace scaler::ymq
