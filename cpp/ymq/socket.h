// A message socket with named peers: what the rest of the product uses.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ymq/address.h"
#include "ymq/io_context.h"
#include "ymq/outbox.h"
#include "ymq/port.h"
#include "ymq/received.h"
#include "ymq/socket_options.h"
#include "ymq/socket_statistics.h"

namespace scaler::ymq {

class SocketCore;

// Every call may be made on any thread but the I/O threads of the context. Nothing but wait() and close() waits;
// whoever waits runs the loop of the socket meanwhile, if nobody else does (io_loop.h).
class Socket {
public:
    enum class Wait { received, timedOut, interrupted, signalled, closed };

    Socket(std::shared_ptr<IoContext> context, SocketOptions options);
    // Closes without linger when close() was not called.
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    const SocketOptions& options() const noexcept;

    // Listens, and returns the address with its real port.
    Result<Address> bind(std::string_view address);

    // Starts connecting; the outcome is an event.
    Result<void> connect(std::string_view address, std::chrono::milliseconds give_up = std::chrono::seconds(60));

    // Queues a message, and writes what the kernel takes. A token other than 0 comes back when it was written.
    ErrorCode send(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                   std::uint64_t token = 0);
    ErrorCode send(std::optional<std::string_view> address, Bytes payload, std::uint64_t token = 0);

    // The same with a token, but for this: when the message was written at once, `written` is set, and no token comes.
    ErrorCode sendNow(std::optional<std::string_view> address, std::span<const MessagePart> parts, std::uint64_t token,
                      bool& written);

    // Queues a message that the next flush() writes.
    ErrorCode queue(std::optional<std::string_view> address, std::span<const MessagePart> parts);
    void flush();

    // Queues a message that is written with the next one to this peer, by flush(), or after the delay.
    ErrorCode sendSoon(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                       std::chrono::nanoseconds delay);

    // Returns the descriptor that is readable while take() has something.
    NativeSocket descriptor();
    std::vector<Received> take(std::size_t maximum = SIZE_MAX);
    bool hasItems() const;
    Wait wait(std::optional<std::chrono::steady_clock::time_point> deadline);
    // The same without running the loop, for a caller that has blocked signals; they are let through meanwhile, with
    // this mask.
    Wait sleep(std::optional<std::chrono::steady_clock::time_point> deadline, const SignalMask& mask);
    // Ends every wait() under way; when there is none, the next one.
    void interrupt();

    // Lets sessions of peers of one role end after another time without a sign of life.
    void setSessionTimeout(Role role, std::chrono::milliseconds timeout);
    Role peerRole(std::string_view identity);
    // Ends the session with a peer, behind what is queued for it; unknown ones are ignored.
    void closeConnection(std::string_view identity);
    // Takes no more messages and no more peers; what is queued is still written, then the connections end.
    void requestStop();
    // Stops, waits at most this long until all is written, and closes. Returns whether all was written. Idempotent.
    bool close(std::chrono::milliseconds linger);

    SocketStatistics statistics();
    // Returns why the last connecting came to nothing: what the other side said when it refused, or how the last
    // attempt before giving up failed. Empty when neither has happened.
    std::string connectFailure();
    // Returns the socket for code of other modules. Who keeps it keeps the context, but not the connections, which end
    // with this object. Must not be given up on an I/O thread of the context.
    std::shared_ptr<Port> port() const;

private:
    friend class Poller;

    const std::shared_ptr<IoContext> context_;
    // Who keeps it keeps the context, too, whose event loop it uses to its end.
    const std::shared_ptr<SocketCore> core_;
};

}  // namespace scaler::ymq
