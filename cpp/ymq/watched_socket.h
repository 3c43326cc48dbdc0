// A socket, or another descriptor, of which the event loop only tells when it can be read.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#ifdef _WIN32
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#else
#include <boost/asio/posix/stream_descriptor.hpp>
#endif

#include "ymq/descriptor.h"

namespace scaler::ymq {

// For the thread that runs the io context.
class WatchedSocket {
public:
    explicit WatchedSocket(boost::asio::io_context& context) : watched_(context) {}

    // Throws boost::system::system_error when it cannot be watched; the descriptor stays the caller's then.
    void assign(Descriptor& descriptor) {
#ifdef _WIN32
        // Whatever it is: only with datagrams asio asks for the state, and reads nothing to find it out.
        watched_.assign(boost::asio::generic::datagram_protocol(AF_INET, 0), descriptor.get());
#else
        watched_.assign(descriptor.get());
#endif
        descriptor.release();
    }

    template <typename Handler>
    void waitReadable(Handler handler) {
        watched_.async_wait(decltype(watched_)::wait_read, std::move(handler));
    }

    NativeSocket native() { return watched_.native_handle(); }

    void close() {
        boost::system::error_code ignored;
        watched_.close(ignored);
    }

private:
#ifdef _WIN32
    boost::asio::basic_datagram_socket<boost::asio::generic::datagram_protocol> watched_;
#else
    boost::asio::posix::stream_descriptor watched_;
#endif
};

}  // namespace scaler::ymq
