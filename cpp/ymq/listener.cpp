// Listening and accepting.
#include "ymq/listener.h"

#include <cerrno>
#include <chrono>
#include <exception>

namespace scaler::ymq {

namespace {

constexpr std::chrono::milliseconds kBackOff{100};

}  // namespace

Error listeningError(const Address& address, const char* call, int failure) {
    return {ErrorCode::configurationError, std::string(call) + " " + address.toString() + ": " + errorText(failure)};
}

Listener::Listener(boost::asio::io_context& context, OnAccept on_accept, Log log)
    : context_(context),
      on_accept_(std::move(on_accept)),
      log_(std::move(log)),
      watched_(context),
      back_off_timer_(context) {}

Listener::~Listener() { close(); }

Result<Address> Listener::open(Address address) {
    return address.scheme == Address::Scheme::tcp ? openTcp(std::move(address)) : openIpc(std::move(address));
}

Result<Address> Listener::openTcp(Address address) {
    const Result<std::vector<StreamEndpoint>> endpoints = resolve(address);
    if (!endpoints) {
        return Error{ErrorCode::configurationError, address.toString() + ": " + endpoints.error().context};
    }
    int failure = EADDRNOTAVAIL;
    for (const StreamEndpoint& endpoint : *endpoints) {
        const int family = endpoint.protocol().family();
        Descriptor socket(openStreamSocket(family));
        if (!socket.isOpen() || !allowNewListener(socket.get()) ||
            ::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
            ::listen(socket.get(), SOMAXCONN) != 0) {
            failure = lastSocketError();
            continue;
        }
        sockaddr_storage storage{};
        socklen_t size = sizeof(storage);
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&storage), &size);
        address.port = ntohs(family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                                                : reinterpret_cast<const sockaddr_in&>(storage).sin_port);
        listening_ = std::move(socket);
        family_ = family;
        return address;
    }
    return listeningError(address, "listen on", failure);
}

Result<Address> Listener::openIpc(Address address) {
    if (std::optional<Error> refusal = refusalOf(address)) return *std::move(refusal);
    Result<Descriptor> socket = file_.listenAt(address);
    if (!socket) return socket.error();
    listening_ = std::move(*socket);
    family_ = AF_UNIX;
    return address;
}

void Listener::start() {
    if (closed_) return;
    try {
        watched_.assign(listening_);
    } catch (const boost::system::system_error& error) {
        warn([&] { return "cannot accept connections for now: " + error.code().message(); });
        back_off_timer_.expires_after(kBackOff);
        back_off_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
            if (!cancelled) self->start();
        });
        return;
    }
    waitForNext();
}

void Listener::close() {
    if (closed_) return;
    closed_ = true;
    // Nobody replaces the file while this still listens.
    file_.remove();
    watched_.close();
    listening_ = Descriptor();
    back_off_timer_.cancel();
}

template <typename Text>
void Listener::warn(const Text& text) const noexcept {
    try {
        if (log_) log_(LogLevel::warning, text());
    } catch (const std::exception&) {
        // Out of memory; the line is lost.
    }
}

void Listener::waitForNext() {
    watched_.waitReadable(keptIn(wait_memory_, [self = shared_from_this()](const boost::system::error_code& failure) {
        if (!failure && !self->closed_) self->acceptSome();
    }));
}

void Listener::acceptSome() {
    for (int count = 0; count < kAcceptsPerWakeUp; ++count) {
        Descriptor accepted(acceptFrom(watched_.native()));
        if (!accepted.isOpen()) {
            const int failure = lastSocketError();
            if (isWouldBlock(failure)) break;
            if (isOfOneConnection(failure)) continue;
            backOff(failure);
            return;
        }
        try {
            setConnectionOptions(accepted.get(), family_);
            std::string peer = describePeer(accepted.get());
            boost::system::error_code failure;
            StreamSocket socket(context_);
            socket.assign(boost::asio::generic::stream_protocol(family_, 0), accepted.get(), failure);
            if (failure) continue;
            accepted.release();
            socket.non_blocking(true, failure);
            on_accept_(std::move(socket), std::move(peer));
        } catch (const std::exception& error) {
            warn([&] { return std::string("dropped a new connection: ") + error.what(); });
        }
        if (closed_) return;
    }
    waitForNext();
}

void Listener::backOff(int failure) {
    warn([&] { return "cannot accept connections for now: " + errorText(failure); });
    back_off_timer_.expires_after(kBackOff);
    back_off_timer_.async_wait(
        keptIn(back_off_memory_, [self = shared_from_this()](const boost::system::error_code& cancelled) {
            if (!cancelled && !self->closed_) self->acceptSome();
        }));
}

}  // namespace scaler::ymq
