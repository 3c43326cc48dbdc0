// Connections of the plain framing, and the loop that reads and writes them.
#include "ymq/stream_server.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "ymq/frame_reader.h"
#include "ymq/greeting_kind.h"
#include "ymq/handler_memory.h"
#include "ymq/linked_queue.h"
#include "ymq/reason.h"
#include "ymq/stream_writer.h"

namespace scaler::ymq {

namespace asio = boost::asio;
using boost::system::error_code;

// One accepted peer. `reading` and `waiting` tell which asynchronous operation is under way. What its operations need
// to go on is reserved here, so that lack of memory elsewhere never leaves a connection unread, unwritten or unclosed.
class StreamServer::Connection {
public:
    enum class State { magic, identity, open, closed };

    Connection(ConnectionId number, StreamSocket accepted, std::string name)
        : id(number),
          socket(std::move(accepted)),
          peer(std::move(name)),
          writer(socket.native_handle()),
          greeting_timer(socket.get_executor()),
          accepted_at(std::chrono::steady_clock::now()) {
        writer.setOutbox(&outbox);
    }

    const ConnectionId id;
    StreamSocket socket;
    const std::string peer;
    State state{State::magic};
    FrameReader reader{FrameReader::Mode::plain};
    Outbox outbox{Outbox::Keep::untilWritten};
    StreamWriter writer;
    asio::steady_timer greeting_timer;
    const std::chrono::steady_clock::time_point accepted_at;
    bool reading{false};
    bool processing{false};
    bool waiting{false};
    bool dirty{false};
    bool to_read{false};
    bool paused{false};
    // Behind it in a queue of each kind.
    std::shared_ptr<Connection> next_dirty{};
    std::shared_ptr<Connection> next_to_read{};
    HandlerMemory read_memory{};
    HandlerMemory wait_memory{};
    HandlerMemory close_memory{};
};

// What outlives the server object until its last asynchronous operation has ended.
class StreamServer::Shared : public std::enable_shared_from_this<Shared> {
public:
    using ConnectionPointer = std::shared_ptr<Connection>;

    Shared(asio::io_context& io_context, StreamHandler& user, StreamServerOptions settings)
        : context(io_context), handler(&user), options(std::move(settings)) {}

    void accept(StreamSocket socket, std::string peer);
    void startGreetingTimer(const ConnectionPointer& connection);
    void read(const ConnectionPointer& connection) noexcept;
    void startRead(const ConnectionPointer& connection);
    void onRead(const ConnectionPointer& connection, const error_code& failure, std::size_t size);
    void readLater(const ConnectionPointer& connection);
    void process(const ConnectionPointer& connection) noexcept;
    bool processGreeting(const ConnectionPointer& connection);
    void processFrames(const ConnectionPointer& connection);
    void markDirty(const ConnectionPointer& connection);
    void flush() noexcept;
    void write(const ConnectionPointer& connection) noexcept;
    void startWrite(const ConnectionPointer& connection);
    void waitForRoom(const ConnectionPointer& connection);
    void close(ConnectionPointer connection, std::string reason) noexcept;
    void closeAll(const std::string& reason);
    void resume(ConnectionId number);
    ConnectionPointer find(ConnectionId number) const;
    void warn(const Connection& connection, const char* what, const std::string& reason) const noexcept;

    // Does a part of the work for a connection; what fails ends that connection, and nothing else.
    template <typename Work>
    void attempt(const ConnectionPointer& connection, const Work& work) noexcept {
        try {
            work();
        } catch (const std::exception& error) {
            std::string reason = reasonOf([&] { return std::string("it could not be served: ") + error.what(); });
            if (connection->state == Connection::State::open) warn(*connection, "closing the connection of", reason);
            close(connection, std::move(reason));
        }
    }

    asio::io_context& context;
    // Null once the server object is gone.
    StreamHandler* handler;
    const StreamServerOptions options;
    std::unordered_map<ConnectionId, ConnectionPointer> connections{};

private:
    using DirtyQueue = LinkedQueue<Connection, &Connection::next_dirty>;
    using ReadQueue = LinkedQueue<Connection, &Connection::next_to_read>;

    ConnectionId last_id_{0};
    DirtyQueue dirty_{};
    ReadQueue to_read_{};
    HandlerMemory flush_memory_{};
    HandlerMemory read_memory_{};
    std::vector<std::uint64_t> no_tokens_{};
    bool flush_posted_{false};
};

void StreamServer::Shared::warn(const Connection& connection, const char* what,
                                const std::string& reason) const noexcept {
    try {
        if (options.log) options.log(LogLevel::warning, std::string(what) + " " + connection.peer + ": " + reason);
    } catch (const std::exception&) {
        // Out of memory; the line is lost.
    }
}

void StreamServer::Shared::accept(StreamSocket socket, std::string peer) {
    if (handler == nullptr) return;
    auto connection = std::make_shared<Connection>(++last_id_, std::move(socket), std::move(peer));
    connections.emplace(connection->id, connection);
    attempt(connection, [&] {
        connection->writer.appendControlFrame(FrameKind::data, std::as_bytes(std::span(options.identity)));
        startGreetingTimer(connection);
    });
    markDirty(connection);
    read(connection);
}

void StreamServer::Shared::startGreetingTimer(const ConnectionPointer& connection) {
    const auto now = std::chrono::steady_clock::now();
    connection->greeting_timer.expires_at(
        std::min(now + options.greeting_progress, connection->accepted_at + options.greeting_total));
    connection->greeting_timer.async_wait([self = shared_from_this(), connection](const error_code& cancelled) {
        if (cancelled || connection->state == Connection::State::open) return;
        self->close(connection, reasonOf([] { return std::string("no greeting in time"); }));
    });
}

void StreamServer::Shared::read(const ConnectionPointer& connection) noexcept {
    attempt(connection, [&] { startRead(connection); });
}

void StreamServer::Shared::startRead(const ConnectionPointer& connection) {
    if (connection->state == Connection::State::closed || connection->reading || connection->paused) return;
    const std::span<std::byte> memory = connection->reader.prepare();
    if (memory.empty()) {
        close(connection, "out of memory for a frame");
        return;
    }
    connection->reading = true;
    connection->socket.async_read_some(
        asio::buffer(memory.data(), memory.size()),
        keptIn(connection->read_memory,
               [self = shared_from_this(), connection](const error_code& failure, std::size_t size) {
                   self->onRead(connection, failure, size);
               }));
}

void StreamServer::Shared::onRead(const ConnectionPointer& connection, const error_code& failure, std::size_t size) {
    connection->reading = false;
    if (connection->state == Connection::State::closed) return;
    if (failure) {
        close(connection, reasonOf([&] {
                  return failure == asio::error::eof ? std::string("closed by the peer") : failure.message();
              }));
        return;
    }
    connection->reader.commit(size);
    process(connection);
    flush();
    if (connection->reader.insideFrame()) {
        read(connection);
        return;
    }
    readLater(connection);
}

// Behind the other connections that can be read: until then its peer may have the answer, and have sent more.
void StreamServer::Shared::readLater(const ConnectionPointer& connection) {
    if (connection->to_read) return;
    connection->to_read = true;
    const bool is_posted = !to_read_.empty();
    to_read_.push(connection);
    if (is_posted) return;
    asio::post(context, keptIn(read_memory_, [self = shared_from_this()] {
                   ReadQueue round = std::move(self->to_read_);
                   while (const ConnectionPointer next = round.pop()) {
                       next->to_read = false;
                       self->read(next);
                   }
               }));
}

void StreamServer::Shared::process(const ConnectionPointer& connection) noexcept {
    if (connection->processing) return;
    connection->processing = true;
    attempt(connection, [&] {
        if (connection->state == Connection::State::open || processGreeting(connection)) processFrames(connection);
    });
    connection->processing = false;
}

bool StreamServer::Shared::processGreeting(const ConnectionPointer& connection) {
    if (connection->state == Connection::State::magic) {
        switch (greetingKind(connection->reader.buffered())) {
            case GreetingKind::unknown:
                startGreetingTimer(connection);
                return false;
            case GreetingKind::hello:
                close(connection, "this server speaks the plain framing, not hello");
                return false;
            case GreetingKind::other:
                close(connection, kOtherReleaseText);
                return false;
            case GreetingKind::plain:
                connection->state = Connection::State::identity;
                break;
        }
    }
    Frame identity;
    const FrameReader::Status status = connection->reader.next(kMaximumIdentityBytes, identity);
    if (status == FrameReader::Status::needMore) {
        startGreetingTimer(connection);
        return false;
    }
    if (status != FrameReader::Status::frame) {
        close(connection, "the first frame is not an identity of at most 1024 bytes");
        return false;
    }
    connection->state = Connection::State::open;
    connection->greeting_timer.cancel();
    handler->onConnected(connection->id, std::move(identity.payload));
    return connection->state == Connection::State::open;
}

void StreamServer::Shared::processFrames(const ConnectionPointer& connection) {
    Frame frame;
    while (connection->state == Connection::State::open && !connection->paused && handler != nullptr) {
        const std::uint64_t limit = handler->frameLimit(connection->id);
        const FrameReader::Status status = connection->reader.next(limit, frame);
        if (status == FrameReader::Status::needMore) return;
        if (status != FrameReader::Status::frame) {
            close(connection, status == FrameReader::Status::outOfMemory
                                  ? std::string("out of memory for a frame")
                                  : "a frame of more than the " + std::to_string(limit) + " bytes allowed here");
            return;
        }
        handler->onFrame(connection->id, std::move(frame.payload));
    }
}

void StreamServer::Shared::markDirty(const ConnectionPointer& connection) {
    if (connection->dirty || connection->waiting || connection->state == Connection::State::closed) return;
    connection->dirty = true;
    dirty_.push(connection);
    if (flush_posted_) return;
    flush_posted_ = true;
    asio::post(context, keptIn(flush_memory_, [self = shared_from_this()] {
                   self->flush_posted_ = false;
                   self->flush();
               }));
}

// One round only: what a budget or a callback leaves behind is written in the turn that markDirty() posts.
void StreamServer::Shared::flush() noexcept {
    DirtyQueue round = std::move(dirty_);
    while (const ConnectionPointer connection = round.pop()) {
        connection->dirty = false;
        write(connection);
    }
}

void StreamServer::Shared::write(const ConnectionPointer& connection) noexcept {
    attempt(connection, [&] { startWrite(connection); });
}

void StreamServer::Shared::startWrite(const ConnectionPointer& connection) {
    if (connection->state == Connection::State::closed) return;
    const std::uint64_t before = connection->outbox.unwrittenBytes();
    const StreamWriter::Status status = connection->writer.write(no_tokens_);
    switch (status) {
        case StreamWriter::Status::drained:
            break;
        case StreamWriter::Status::more:
            markDirty(connection);
            break;
        case StreamWriter::Status::blocked:
            waitForRoom(connection);
            break;
        case StreamWriter::Status::failed:
            close(connection, reasonOf([&] { return errorText(connection->writer.failure()); }));
            return;
    }
    const std::uint64_t after = connection->outbox.unwrittenBytes();
    if (after != before && connection->state == Connection::State::open && handler != nullptr) {
        handler->onWritten(connection->id, after);
    }
}

void StreamServer::Shared::waitForRoom(const ConnectionPointer& connection) {
    if (connection->waiting) return;
    connection->waiting = true;
    connection->socket.async_wait(
        StreamSocket::wait_write,
        keptIn(connection->wait_memory, [self = shared_from_this(), connection](const error_code& failure) {
            connection->waiting = false;
            if (!failure) self->write(connection);
            self->flush();
        }));
}

void StreamServer::Shared::close(ConnectionPointer connection, std::string reason) noexcept {
    if (connection->state == Connection::State::closed) return;
    const bool announced = connection->state == Connection::State::open;
    // Who only looks whether somebody listens has sent nothing.
    const bool is_probe = connection->state == Connection::State::magic && connection->reader.buffered().empty();
    connection->state = Connection::State::closed;
    connections.erase(connection->id);
    connection->greeting_timer.cancel();
    connection->writer.invalidate();
    error_code ignored;
    connection->socket.close(ignored);
    if (!announced) {
        if (!is_probe) warn(*connection, "refused a connection from", reason);
        return;
    }
    HandlerMemory& memory = connection->close_memory;
    asio::post(context, keptIn(memory, [self = shared_from_this(), connection, why = std::move(reason)] {
                   (void)connection->outbox.clear();
                   if (self->handler != nullptr) self->handler->onClosed(connection->id, why);
                   self->flush();
               }));
}

void StreamServer::Shared::closeAll(const std::string& reason) {
    std::vector<ConnectionPointer> all;
    for (const auto& [number, connection] : connections) all.push_back(connection);
    for (const ConnectionPointer& connection : all) close(connection, copyOfReason(reason));
}

void StreamServer::Shared::resume(ConnectionId number) {
    const ConnectionPointer connection = find(number);
    if (connection == nullptr || !connection->paused) return;
    connection->paused = false;
    attempt(connection, [&] {
        asio::post(context, [self = shared_from_this(), connection] {
            if (connection->state == Connection::State::closed || self->handler == nullptr) return;
            self->process(connection);
            self->read(connection);
            self->flush();
        });
    });
}

StreamServer::Shared::ConnectionPointer StreamServer::Shared::find(ConnectionId number) const {
    const auto found = connections.find(number);
    return found == connections.end() ? nullptr : found->second;
}

StreamServer::StreamServer(asio::io_context& context, StreamHandler& handler, StreamServerOptions options)
    : shared_(std::make_shared<Shared>(context, handler, std::move(options))) {}

StreamServer::~StreamServer() {
    shared_->handler = nullptr;
    stop("the server is gone");
}

Result<Address> StreamServer::listen(const Address& address) {
    auto listener = std::make_shared<Listener>(
        shared_->context,
        [shared = std::weak_ptr(shared_)](StreamSocket socket, std::string peer) {
            if (const auto self = shared.lock()) self->accept(std::move(socket), std::move(peer));
        },
        shared_->options.log);
    Result<Address> real = listener->open(address);
    if (!real) return real;
    listeners_.push_back(listener);
    asio::post(shared_->context, [listener] { listener->start(); });
    return real;
}

void StreamServer::send(ConnectionId number, std::span<const Bytes> frames) noexcept {
    const auto connection = shared_->find(number);
    if (connection == nullptr) return;
    shared_->attempt(connection, [&] {
        for (const Bytes& frame : frames) {
            const MessagePart part(frame);
            connection->outbox.append(std::span(&part, 1));
        }
    });
    shared_->markDirty(connection);
}

void StreamServer::close(ConnectionId number, std::string reason) noexcept {
    if (const auto connection = shared_->find(number)) shared_->close(connection, std::move(reason));
}

void StreamServer::pauseReading(ConnectionId number) {
    if (const auto connection = shared_->find(number)) connection->paused = true;
}

void StreamServer::resumeReading(ConnectionId number) { shared_->resume(number); }

std::uint64_t StreamServer::receivedBytes(ConnectionId number) const noexcept {
    const auto connection = shared_->find(number);
    return connection == nullptr ? 0 : connection->reader.receivedBytes();
}

std::uint64_t StreamServer::outboundBytes(ConnectionId number) const noexcept {
    const auto connection = shared_->find(number);
    return connection == nullptr ? 0 : connection->outbox.unwrittenBytes();
}

void StreamServer::stop(const std::string& reason) {
    for (const auto& listener : listeners_) listener->close();
    listeners_.clear();
    shared_->closeAll(reason);
}

}  // namespace scaler::ymq
