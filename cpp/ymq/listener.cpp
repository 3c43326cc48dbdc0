// Listening and accepting.
#include "ymq/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>

#include "ymq/socket_file_lock.h"

namespace scaler::ymq {

namespace {

constexpr std::chrono::milliseconds kBackOff{100};

Error systemError(const Address& address, const char* call, int failure) {
    return {ErrorCode::configurationError, std::string(call) + " " + address.toString() + ": " + errorText(failure)};
}

// Tells whether a socket file exists that no process listens on.
bool isAbandoned(const std::string& path, const StreamEndpoint& endpoint) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
           errno == ECONNREFUSED;
}

bool isOfOneConnection(int failure) noexcept {
    return failure == ECONNABORTED || failure == EINTR || failure == EPROTO || failure == EPERM ||
           failure == ENETDOWN || failure == EHOSTUNREACH || failure == ENETUNREACH || failure == ETIMEDOUT;
}

}  // namespace

Listener::Listener(boost::asio::io_context& context, OnAccept on_accept, Log log)
    : context_(context),
      on_accept_(std::move(on_accept)),
      log_(std::move(log)),
      descriptor_(context),
      back_off_timer_(context) {}

Listener::~Listener() { close(); }

Result<Address> Listener::open(Address address) {
    return address.scheme == Address::Scheme::tcp ? openTcp(std::move(address)) : openIpc(std::move(address));
}

Result<Address> Listener::openTcp(Address address) {
    const Result<std::vector<StreamEndpoint>> endpoints = resolve(address);
    if (!endpoints) return Error{ErrorCode::configurationError, endpoints.error().context};
    int failure = EADDRNOTAVAIL;
    for (const StreamEndpoint& endpoint : *endpoints) {
        const int family = endpoint.protocol().family();
        Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int on = 1;
        if (socket.get() < 0 || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
            ::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
            ::listen(socket.get(), SOMAXCONN) != 0) {
            failure = errno;
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
    return systemError(address, "listen on", failure);
}

Result<Address> Listener::openIpc(Address address) {
    const StreamEndpoint endpoint = ipcEndpoint(address);
    // Held until the socket listens, for until then its file looks like one that nobody listens on any more.
    std::optional<SocketFileLock> lock;
    if (!address.isAbstract()) {
        lock.emplace(address.path);
        if (lock->failure() != 0) return systemError(address, "lock", lock->failure());
        if (isAbandoned(address.path, endpoint)) ::unlink(address.path.c_str());
    }
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0 || ::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
        return systemError(address, "listen on", errno);
    }
    if (!address.isAbstract() && ::stat(address.path.c_str(), &file_) == 0) unlink_path_ = address.path;
    if (::listen(socket.get(), SOMAXCONN) != 0) return systemError(address, "listen on", errno);
    listening_ = std::move(socket);
    family_ = AF_UNIX;
    return address;
}

void Listener::start() {
    if (closed_) return;
    boost::system::error_code failure;
    descriptor_.assign(listening_.get(), failure);
    if (failure) {
        if (log_) log_(LogLevel::warning, "cannot accept connections for now: " + failure.message());
        back_off_timer_.expires_after(kBackOff);
        back_off_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
            if (!cancelled) self->start();
        });
        return;
    }
    listening_.release();
    waitForNext();
}

void Listener::close() {
    if (closed_) return;
    closed_ = true;
    // Nobody replaces the file while this still listens.
    removeFile();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    listening_ = Descriptor();
    back_off_timer_.cancel();
}

// Only the own one: somebody may have removed it and made another.
void Listener::removeFile() noexcept {
    struct stat now {};
    if (unlink_path_.empty() || ::stat(unlink_path_.c_str(), &now) != 0) return;
    if (now.st_dev == file_.st_dev && now.st_ino == file_.st_ino) ::unlink(unlink_path_.c_str());
}

void Listener::waitForNext() {
    descriptor_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& failure) {
                               if (!failure && !self->closed_) self->acceptSome();
                           });
}

void Listener::acceptSome() {
    for (int count = 0; count < kAcceptsPerWakeUp; ++count) {
        const int number = ::accept4(descriptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (number < 0) {
            const int failure = errno;
            if (failure == EAGAIN || failure == EWOULDBLOCK) break;
            if (isOfOneConnection(failure)) continue;
            backOff(failure);
            return;
        }
        Descriptor accepted(number);
        try {
            setConnectionOptions(number, family_);
            std::string peer = describePeer(number);
            boost::system::error_code failure;
            StreamSocket socket(context_);
            socket.assign(boost::asio::generic::stream_protocol(family_, 0), number, failure);
            if (failure) continue;
            accepted.release();
            socket.non_blocking(true, failure);
            on_accept_(std::move(socket), std::move(peer));
        } catch (const std::exception& error) {
            if (log_) log_(LogLevel::warning, std::string("dropped a new connection: ") + error.what());
        }
        if (closed_) return;
    }
    waitForNext();
}

void Listener::backOff(int failure) {
    if (log_) log_(LogLevel::warning, "cannot accept connections for now: " + errorText(failure));
    back_off_timer_.expires_after(kBackOff);
    back_off_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
        if (!cancelled && !self->closed_) self->acceptSome();
    });
}

}  // namespace scaler::ymq
