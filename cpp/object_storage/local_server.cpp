// Accepting, reading and writing; the packets themselves are made in local_packet.cpp.
#include "object_storage/local_server.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <exception>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "object_storage/local_packet.h"
#include "object_storage/random_bytes.h"
#include "ymq/handler_memory.h"
#include "ymq/reason.h"
#include "ymq/stream_socket.h"

namespace scaler::object_storage {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kAcceptsPerWakeUp = 64;
constexpr int kPacketsPerWakeUp = 32;
constexpr std::chrono::milliseconds kAcceptBackOff{100};

std::string randomName() {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string name;
    for (const unsigned char byte : randomArray<unsigned char, 16>()) {
        name += {kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
    return name;
}

ymq::Descriptor listenOn(const std::string& name) {
    const std::string path = "scaler-object-storage-" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, path.data(), path.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
    ymq::Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.get() < 0 || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0) {
        throw std::system_error(errno, std::generic_category(), "the local channel");
    }
    return socket;
}

struct Connection {
    struct Answer {
        HeaderBytes header{};
        ymq::Bytes payload{};
    };

    Connection(asio::io_context& context, ConnectionId number) : id(number), descriptor(context) {}

    const ConnectionId id;
    asio::posix::stream_descriptor descriptor;
    std::deque<Answer> unsent{};
    // Since when nothing could be sent; while there is unsent what could not be.
    std::chrono::steady_clock::time_point blocked_since{};
    bool is_reading = false;
    bool is_writing = false;
    bool is_closed = false;
    // What the connection needs to go on and to end, also when there is no other memory.
    ymq::HandlerMemory read_memory{};
    ymq::HandlerMemory write_memory{};
    ymq::HandlerMemory close_memory{};
};

}  // namespace

// What outlives the server object until its last asynchronous operation has ended.
class LocalServer::Shared : public std::enable_shared_from_this<Shared> {
public:
    using ConnectionPointer = std::shared_ptr<Connection>;

    Shared(asio::io_context& io_context, LocalHandler& user, std::size_t kept_files_limit, ymq::Log logger,
           std::chrono::milliseconds patience)
        : context(io_context),
          handler(&user),
          files(kept_files_limit),
          log(std::move(logger)),
          unsent_patience(patience),
          listening(io_context) {}

    void waitForPeers();
    void acceptSome();
    void accept(ymq::Descriptor accepted);
    void read(const ConnectionPointer& connection) noexcept;
    void readSome(const ConnectionPointer& connection);
    void answer(const ConnectionPointer& connection, const HeaderBytes& header, const ymq::Bytes& payload);
    void writeSome(const ConnectionPointer& connection) noexcept;
    void waitForRoom(const ConnectionPointer& connection);
    void close(const ConnectionPointer& connection, std::string reason) noexcept;
    // Does a part of the work for a connection; what fails ends that connection, and nothing else.
    template <typename Work>
    void attempt(const ConnectionPointer& connection, const Work& work) noexcept;
    ConnectionPointer find(ConnectionId number) const;
    template <typename Text>
    void warn(const Text& text) const noexcept {
        try {
            if (log) {
                log(ymq::LogLevel::warning, text());
            }
        } catch (const std::exception&) {
            // Out of memory; the line is lost.
        }
    }

    asio::io_context& context;
    // Null once the server object is gone.
    LocalHandler* handler;
    SealedFiles files;
    const ymq::Log log;
    const std::chrono::milliseconds unsent_patience;
    asio::posix::stream_descriptor listening;
    std::unordered_map<ConnectionId, ConnectionPointer> connections{};
    bool is_paused = false;

private:
    asio::steady_timer back_off_{context};
    ymq::HandlerMemory accept_memory_{};
    ymq::HandlerMemory back_off_memory_{};
    std::vector<std::byte> scratch_ = std::vector<std::byte>(kPacketBytes);
    ConnectionId next_connection_ = kFirstConnection;
};

void LocalServer::Shared::waitForPeers() {
    listening.async_wait(asio::posix::descriptor_base::wait_read,
                         ymq::keptIn(accept_memory_, [self = shared_from_this()](const error_code& failure) {
                             if (!failure && self->handler != nullptr) {
                                 self->acceptSome();
                             }
                         }));
}

void LocalServer::Shared::acceptSome() {
    waitForPeers();  // in the memory of the wait that has ended: behind the peers there may be none left
    for (int count = 0; count < kAcceptsPerWakeUp && listening.is_open(); ++count) {
        const int number = ::accept4(listening.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (number < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            warn([failure = errno] { return "cannot accept local connections for now: " + ymq::errorText(failure); });
            listening.cancel();
            back_off_.expires_after(kAcceptBackOff);
            back_off_.async_wait(
                ymq::keptIn(back_off_memory_, [self = shared_from_this()](const error_code& cancelled) {
                    if (!cancelled && self->handler != nullptr) {
                        self->acceptSome();
                    }
                }));
            return;
        }
        if (number < 0) {
            return;
        }
        try {
            accept(ymq::Descriptor(number));
        } catch (const std::exception& failure) {
            // Out of memory; the peer sees its connection end, and the others are still served.
            warn([&] { return std::string(failure.what()); });
        }
    }
}

void LocalServer::Shared::accept(ymq::Descriptor accepted) {
    const std::string name = ymq::describePeer(accepted.get());
    const auto connection = std::make_shared<Connection>(context, next_connection_++);
    error_code failure;
    connection->descriptor.assign(accepted.get(), failure);
    if (failure) {
        return;
    }
    (void)accepted.release();
    connections.emplace(connection->id, connection);
    attempt(connection, [&] { handler->onLocalConnected(connection->id, name); });
    read(connection);
}

void LocalServer::Shared::read(const ConnectionPointer& connection) noexcept {
    if (connection->is_closed || connection->is_reading || is_paused || !connection->unsent.empty()) {
        return;
    }
    attempt(connection, [&] {
        connection->is_reading = true;
        connection->descriptor.async_wait(
            asio::posix::descriptor_base::wait_read,
            ymq::keptIn(connection->read_memory, [self = shared_from_this(), connection](const error_code& failure) {
                connection->is_reading = false;
                if (!failure && self->handler != nullptr) {
                    self->attempt(connection, [&] { self->readSome(connection); });
                    self->read(connection);
                }
            }));
    });
}

// Handles some packets, and leaves the others for after those of other connections.
void LocalServer::Shared::readSome(const ConnectionPointer& connection) {
    for (int count = 0; count < kPacketsPerWakeUp; ++count) {
        if (connection->is_closed || is_paused || !connection->unsent.empty()) {
            return;
        }
        const ReceivedPacket packet =
            receivePacket(connection->descriptor.native_handle(), scratch_, files, handler->largestObjectBytes());
        switch (packet.kind) {
            case ReceivedPacket::Kind::request:
                handler->onLocalRequest(connection->id, packet.request.header, packet.request.payload);
                break;
            case ReceivedPacket::Kind::none:
                return;
            case ReceivedPacket::Kind::ended:
                close(connection, "closed by the peer");
                return;
            case ReceivedPacket::Kind::refused:
                warn([&] { return "refused a local request: " + packet.reason; });
                close(connection, packet.reason);
                return;
        }
    }
}

template <typename Work>
void LocalServer::Shared::attempt(const ConnectionPointer& connection, const Work& work) noexcept {
    try {
        work();
    } catch (const std::exception& failure) {
        warn([&] { return std::string("closing a local connection that could not be served: ") + failure.what(); });
        close(connection, "out of memory");
    }
}

void LocalServer::Shared::answer(const ConnectionPointer& connection, const HeaderBytes& header,
                                 const ymq::Bytes& payload) {
    // A burst of answers is more than a socket takes in one turn: the peer has had time to read.
    if (connection->is_writing && connection->unsent.size() >= kUnsentAnswersLimit &&
        std::chrono::steady_clock::now() - connection->blocked_since >= unsent_patience) {
        warn([] { return std::string("closing a local connection that does not read its answers"); });
        close(connection, "the peer does not read its answers");
        return;
    }
    connection->unsent.push_back({header, payload});
    if (!connection->is_writing) {
        writeSome(connection);
    }
}

void LocalServer::Shared::writeSome(const ConnectionPointer& connection) noexcept {
    while (!connection->is_closed && !connection->unsent.empty()) {
        const Connection::Answer& next = connection->unsent.front();
        switch (sendPacket(connection->descriptor.native_handle(), next.header, next.payload)) {
            case SendOutcome::sent:
                connection->unsent.pop_front();
                break;
            case SendOutcome::wouldBlock:
                attempt(connection, [&] { waitForRoom(connection); });
                return;
            case SendOutcome::failed:
                close(connection, "closed by the peer");
                return;
        }
    }
}

void LocalServer::Shared::waitForRoom(const ConnectionPointer& connection) {
    connection->is_writing = true;
    connection->blocked_since = std::chrono::steady_clock::now();
    connection->descriptor.async_wait(
        asio::posix::descriptor_base::wait_write,
        ymq::keptIn(connection->write_memory, [self = shared_from_this(), connection](const error_code& failure) {
            connection->is_writing = false;
            if (failure) {
                return;
            }
            self->writeSome(connection);
            self->read(connection);
        }));
}

void LocalServer::Shared::close(const ConnectionPointer& connection, std::string reason) noexcept {
    if (std::exchange(connection->is_closed, true)) {
        return;
    }
    connections.erase(connection->id);
    error_code ignored;
    connection->descriptor.close(ignored);
    ymq::HandlerMemory& memory = connection->close_memory;
    asio::post(context, ymq::keptIn(memory, [self = shared_from_this(), connection, why = std::move(reason)] {
                   connection->unsent.clear();
                   if (self->handler != nullptr) {
                       self->handler->onLocalClosed(connection->id, why);
                   }
               }));
}

LocalServer::Shared::ConnectionPointer LocalServer::Shared::find(ConnectionId number) const {
    const auto found = connections.find(number);
    return found == connections.end() ? nullptr : found->second;
}

LocalServer::LocalServer(asio::io_context& context, LocalHandler& handler, std::size_t kept_files_limit, ymq::Log log,
                         std::chrono::milliseconds unsent_patience)
    : shared_(std::make_shared<Shared>(context, handler, kept_files_limit, std::move(log), unsent_patience)) {}

LocalServer::~LocalServer() {
    shared_->handler = nullptr;
    stop("the server is gone");
}

std::string LocalServer::listen() {
    const std::string name = randomName();
    ymq::Descriptor socket = listenOn(name);
    shared_->listening.assign(socket.release());
    asio::post(shared_->context, [shared = shared_] { shared->waitForPeers(); });
    return name;
}

void LocalServer::answer(ConnectionId number, const HeaderBytes& header, const ymq::Bytes& payload) noexcept {
    if (const auto connection = shared_->find(number)) {
        shared_->attempt(connection, [&] { shared_->answer(connection, header, payload); });
    }
}

void LocalServer::close(ConnectionId number, const std::string& reason) noexcept {
    if (const auto connection = shared_->find(number)) {
        shared_->close(connection, ymq::copyOfReason(reason));
    }
}

void LocalServer::pauseReading() { shared_->is_paused = true; }

std::uint64_t LocalServer::unsentBytes(ConnectionId number) const noexcept {
    std::uint64_t sum_bytes = 0;
    if (const auto connection = shared_->find(number)) {
        for (const Connection::Answer& answer : connection->unsent) {
            sum_bytes += answer.payload.size();
        }
    }
    return sum_bytes;
}

bool LocalServer::isDrained() const {
    for (const auto& [number, connection] : shared_->connections) {
        if (!connection->unsent.empty()) {
            return false;
        }
    }
    return true;
}

std::size_t LocalServer::keptFiles() const noexcept { return shared_->files.kept(); }

void LocalServer::stop(const std::string& reason) {
    error_code ignored;
    shared_->listening.close(ignored);
    std::vector<Shared::ConnectionPointer> all;
    for (const auto& [number, connection] : shared_->connections) {
        all.push_back(connection);
    }
    for (const auto& connection : all) {
        shared_->close(connection, ymq::copyOfReason(reason));
    }
}

}  // namespace scaler::object_storage
