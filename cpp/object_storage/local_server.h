// The local channel: whole requests and answers as packets between processes of one machine, with descriptors instead
// of large payloads.
//
// The thread that runs the io context owns everything. A packet is a header, and behind it the payload unless that
// travels as the one descriptor of a sealed memory file. The socket has an abstract name, which ends with it: peers
// learn it over TCP, and those on another machine or in another network namespace cannot use it. It is no secret, for
// every process of the namespace reads it in /proc/net/unix: who could connect here could connect over TCP as well.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "object_storage/header.h"
#include "object_storage/sealed_file.h"
#include "object_storage/waiting_requests.h"
#include "ymq/bytes.h"
#include "ymq/log.h"

namespace scaler::object_storage {

// What the owner of a local server is told. Any call of the server may be made from within.
class LocalHandler {
public:
    LocalHandler() = default;
    LocalHandler(const LocalHandler&) = delete;
    LocalHandler& operator=(const LocalHandler&) = delete;
    virtual ~LocalHandler() = default;

    virtual void onLocalConnected(ConnectionId connection, const std::string& name) = 0;

    // The payload is null when there was none, and when it is a file for which there is never room.
    virtual void onLocalRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload) = 0;

    // Objects of more bytes are refused, so that there is no use in copying one.
    virtual std::uint64_t largestObjectBytes() const = 0;

    // Exactly one for each onLocalConnected, also after close(), and nothing follows. Never called from within a call
    // of the server.
    virtual void onLocalClosed(ConnectionId connection, const std::string& reason) = 0;
};

class LocalServer {
public:
    // Connections have numbers from here on.
    static constexpr ConnectionId kFirstConnection = ConnectionId{1} << 63U;
    // A peer to which more answers than this cannot be sent, and none could for so long, is closed when there is one
    // more. Its requests are not read while any answer is unsent, so those are bounded by what it may wait for.
    static constexpr std::size_t kUnsentAnswersLimit = 1024;
    static constexpr std::chrono::seconds kUnsentPatience{10};

    LocalServer(boost::asio::io_context& context, LocalHandler& handler, std::size_t kept_files_limit, ymq::Log log,
                std::chrono::milliseconds unsent_patience = kUnsentPatience);
    ~LocalServer();
    LocalServer(const LocalServer&) = delete;
    LocalServer& operator=(const LocalServer&) = delete;

    // Listens, and returns what peers find the socket by. Throws std::system_error.
    std::string listen();

    // Sends an answer. A large payload that is no file is answered by overTcp instead. A connection for which there is
    // no memory is closed.
    void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) noexcept;

    void close(ConnectionId connection, const std::string& reason) noexcept;

    // No further request is read, of any connection.
    void pauseReading();

    // The size of the payloads of answers that are not sent; 0 for a connection that is gone.
    std::uint64_t unsentBytes(ConnectionId connection) const noexcept;

    // Whether every answer has been sent.
    bool isDrained() const;

    // How many descriptors of contents are kept.
    std::size_t keptFiles() const noexcept;

    // Stops listening and closes all connections; onLocalClosed follows for each when the context still runs.
    void stop(const std::string& reason);

private:
    class Shared;

    std::shared_ptr<Shared> shared_;
};

}  // namespace scaler::object_storage
