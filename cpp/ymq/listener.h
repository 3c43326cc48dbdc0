// Accepts connections on one address, and survives running out of descriptors.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "ymq/address.h"
#include "ymq/error.h"
#include "ymq/handler_memory.h"
#include "ymq/log.h"
#include "ymq/socket_file.h"
#include "ymq/stream_socket.h"
#include "ymq/watched_socket.h"

namespace scaler::ymq {

// open() may be called on any thread; everything else happens on the thread that runs the io context. A socket file
// that nobody listens on any more is replaced, and unlinked at close().
class Listener : public std::enable_shared_from_this<Listener> {
public:
    // Receives an accepted, non-blocking socket and a name of the other side for the log.
    using OnAccept = std::function<void(StreamSocket socket, std::string peer)>;

    Listener(boost::asio::io_context& context, OnAccept on_accept, Log log);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Starts listening and returns the address with its real port.
    Result<Address> open(Address address);

    // Begins to accept; call once after open().
    void start();

    // Stops listening; no call of OnAccept follows. Idempotent.
    void close();

private:
    Result<Address> openTcp(Address address);
    Result<Address> openIpc(Address address);
    void waitForNext();
    void acceptSome();
    void backOff(int failure);
    template <typename Text>
    void warn(const Text& text) const noexcept;

    static constexpr int kAcceptsPerWakeUp = 64;

    boost::asio::io_context& context_;
    OnAccept on_accept_;
    Log log_;
    WatchedSocket watched_;
    // Of the wait for the next peer, so that none is missed for want of memory.
    HandlerMemory wait_memory_{};
    HandlerMemory back_off_memory_{};
    boost::asio::steady_timer back_off_timer_;
    IpcSocketFile file_{};
    Descriptor listening_{};
    int family_{0};
    bool closed_{false};
};

}  // namespace scaler::ymq
