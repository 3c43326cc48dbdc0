// Connects the core with the sockets, the clock and the log.
#include "object_storage/server.h"

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "object_storage/local_server.h"
#include "object_storage/random_bytes.h"
#include "object_storage/sealed_file.h"
#include "ymq/handler_memory.h"
#include "ymq/reason.h"
#include "ymq/stream_server.h"

namespace scaler::object_storage {
namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// How long a peer may read answers before its connection is closed.
constexpr std::chrono::milliseconds kLastAnswersTime{1000};
constexpr std::chrono::milliseconds kDrainCheckInterval{10};

ServerCore::Options withRandomKey(ServerCore::Options options) {
    options.table.hash_key = randomArray<SipHashKey::value_type, std::tuple_size_v<SipHashKey>>();
    return options;
}

LogLevel fromTransport(ymq::LogLevel level) {
    switch (level) {
        case ymq::LogLevel::debug:
            return LogLevel::debug;
        case ymq::LogLevel::info:
            return LogLevel::info;
        case ymq::LogLevel::warning:
            return LogLevel::warning;
        case ymq::LogLevel::error:
            return LogLevel::error;
    }
    return LogLevel::error;
}

// Peers choose their identities, so what could forge lines of the log is replaced.
std::string printable(std::string_view identity) {
    constexpr std::size_t kMaximumShown = 120;
    std::string text(identity.substr(0, kMaximumShown));
    for (char& letter : text) {
        if (letter < ' ' || letter > '~') {
            letter = '?';
        }
    }
    return text;
}

}  // namespace

class Server::Shell : public ymq::StreamHandler, public LocalHandler, public Outbox {
public:
    Shell(const Options& options, std::shared_ptr<const Logger> logger);

    const ymq::Address& address() const { return address_; }
    void run();
    void shutdown();
    ServerCore::Gauges gauges();

    void onConnected(ymq::ConnectionId connection, ymq::Bytes identity) override;
    std::uint64_t frameLimit(ymq::ConnectionId connection) override { return core_.frameLimit(connection); }
    void onFrame(ymq::ConnectionId connection, ymq::Bytes frame) override;
    void onWritten(ymq::ConnectionId connection, std::uint64_t outbound_bytes) override;
    void onClosed(ymq::ConnectionId connection, const std::string& reason) override;

    void onLocalConnected(ConnectionId connection, const std::string& name) override;
    void onLocalRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload) override;
    std::uint64_t largestObjectBytes() const override { return core_.largestObjectBytes(); }
    void onLocalClosed(ConnectionId connection, const std::string& reason) override { onClosed(connection, reason); }

    void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) noexcept override;
    void close(ConnectionId connection, const std::string& reason) noexcept override;
    void closeAfterAnswers(ConnectionId connection, const std::string& reason) noexcept override;
    void hold(ConnectionId connection) noexcept override;
    void release(ConnectionId connection) noexcept override;
    std::uint64_t receivedBytes(ConnectionId connection) const noexcept override {
        return transport_.receivedBytes(connection);
    }
    std::uint64_t unsentBytes(ConnectionId connection) const noexcept override {
        return isLocal(connection) ? local_.unsentBytes(connection) : transport_.outboundBytes(connection);
    }

private:
    struct Peer {
        std::string identity;
        // Each of these is a reason not to read.
        bool is_paused = false;
        bool is_held = false;
        bool is_ending = false;
    };

    static bool isLocal(ConnectionId connection) { return connection >= LocalServer::kFirstConnection; }
    std::string offerLocalChannel(const Options& options);
    template <typename Request>
    void handle(ConnectionId connection, const Request& request);
    void postIdleWork();
    void armTimer();
    void beginStop();
    void stopWhenDrained(Clock::time_point limit);
    void resume(ConnectionId connection, const Peer& peer);
    void send(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload);
    void endSoon(ConnectionId connection, const std::string& reason);
    // The text is made here, so that there need not be memory for it.
    template <typename Text>
    void log(LogLevel level, const Text& text) const noexcept {
        try {
            logger_->log(level, "ObjectStorageServer: " + text());
        } catch (const std::exception&) {
            // Out of memory; the line is lost.
        }
    }
    void log(LogLevel level, const char* text) const noexcept {
        log(level, [text] { return std::string(text); });
    }
    ymq::Log transportLog() {
        return
            [this](ymq::LogLevel level, const std::string& text) { log(fromTransport(level), [&] { return text; }); };
    }
    std::string nameOf(ConnectionId connection) const;

    const std::shared_ptr<const Logger> logger_;
    const std::uint64_t outbound_bound_bytes_;
    // One thread runs the context, so its handlers need no locks against each other.
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
    ServerCore core_;
    std::unordered_map<ConnectionId, Peer> peers_{};
    boost::asio::steady_timer deadline_timer_{context_};
    std::optional<Time> armed_for_{};
    boost::asio::steady_timer drain_timer_{context_};
    bool is_stopping_ = false;
    // Nothing that is posted is done any more.
    std::atomic<bool> has_ended_ = false;
    bool is_idle_work_posted_ = false;
    // So that what is due later is done also when there is no other memory.
    ymq::HandlerMemory idle_memory_{};
    ymq::HandlerMemory deadline_memory_{};
    ymq::HandlerMemory drain_memory_{};
    ymq::Address address_{};
    LocalServer local_;
    ymq::StreamServer transport_;
};

Server::Shell::Shell(const Options& options, std::shared_ptr<const Logger> logger)
    : logger_(std::move(logger)),
      outbound_bound_bytes_(options.outbound_bound_bytes),
      core_(withRandomKey(options.core), *this),
      local_(context_, *this, keptFilesShare(), transportLog()),
      transport_(context_, *this, {.identity = options.identity + offerLocalChannel(options), .log = transportLog()}) {
    const ymq::Result<ymq::Address> real = transport_.listen(options.address);
    if (!real) {
        throw BindError(real.error().context);
    }
    address_ = *real;
}

// Returns what the identity tells peers of the local channel.
std::string Server::Shell::offerLocalChannel(const Options& options) {
    if (!options.is_memory_shared) {
        return "";
    }
    try {
        return "|local=" + local_.listen();
    } catch (const std::system_error& failure) {
        log(LogLevel::warning, [&] { return std::string("goes without shared memory: ") + failure.what(); });
        return "";
    }
}

void Server::Shell::run() {
    log(LogLevel::info, "started");
    log(LogLevel::info, [this] { return "listening on " + address_.toString(); });
    bool is_running = true;
    while (is_running) {
        try {
            context_.run();
            is_running = false;
        } catch (const std::exception& failure) {
            // Of what belongs to no connection; it is lost, the server goes on.
            log(LogLevel::error, [&] { return std::string("unexpected failure: ") + failure.what(); });
        }
    }
    has_ended_ = true;
    const ServerCore::Gauges gauges = core_.gauges();
    log(LogLevel::info, [&] {
        return "stopped with " + std::to_string(gauges.totals.ids) + " objects of " +
               std::to_string(gauges.totals.content_bytes) + " bytes and " + std::to_string(gauges.waiting_requests) +
               " waiting requests";
    });
}

void Server::Shell::shutdown() {
    boost::asio::post(context_, [this] { beginStop(); });
}

ServerCore::Gauges Server::Shell::gauges() {
    const auto promise = std::make_shared<std::promise<ServerCore::Gauges>>();
    std::future<ServerCore::Gauges> result = promise->get_future();
    boost::asio::post(context_, [this, promise] { promise->set_value(core_.gauges()); });
    constexpr std::chrono::seconds kPatience{5};
    constexpr std::chrono::milliseconds kCheckInterval{20};
    const Clock::time_point limit = Clock::now() + kPatience;
    while (Clock::now() < limit && !has_ended_) {
        if (result.wait_for(kCheckInterval) == std::future_status::ready) {
            return result.get();
        }
    }
    return {};
}

void Server::Shell::onConnected(ymq::ConnectionId connection, ymq::Bytes identity) {
    Peer& peer = peers_[connection];
    peer.identity = printable(identity.view());
    core_.onConnected(connection);
    if (is_stopping_) {
        transport_.pauseReading(connection);
    }
}

void Server::Shell::onFrame(ymq::ConnectionId connection, ymq::Bytes frame) {
    handle(connection, [&] { core_.onFrame(connection, frame, Clock::now()); });
}

void Server::Shell::onLocalConnected(ConnectionId connection, const std::string& name) {
    peers_[connection].identity = name;
    core_.onConnected(connection);
}

void Server::Shell::onLocalRequest(ConnectionId connection, const ymq::Bytes& header, const ymq::Bytes& payload) {
    handle(connection, [&] { core_.onRequest(connection, header, payload, Clock::now()); });
}

template <typename Request>
void Server::Shell::handle(ConnectionId connection, const Request& request) {
    try {
        request();
        armTimer();
    } catch (const std::exception& failure) {
        // A request that could not be completed, for want of memory, costs its connection and nothing else.
        core_.onClosed(connection);
        log(LogLevel::warning, [&] { return std::string("cannot handle a request: ") + failure.what(); });
        close(connection, "out of memory");
    }
    postIdleWork();
}

// Behind the turn in which the transport writes, and then behind what others have asked for meanwhile.
void Server::Shell::postIdleWork() {
    if (!core_.hasIdleWork() || is_idle_work_posted_) {
        return;
    }
    const auto kept = [this](auto work) { return ymq::keptIn(idle_memory_, std::move(work)); };
    boost::asio::post(context_, kept([this, kept] {
                          boost::asio::post(context_, kept([this] {
                                                is_idle_work_posted_ = false;
                                                core_.onIdle();
                                                postIdleWork();
                                            }));
                      }));
    is_idle_work_posted_ = true;
}

void Server::Shell::onWritten(ymq::ConnectionId connection, std::uint64_t outbound_bytes) {
    const auto found = peers_.find(connection);
    if (found != peers_.end() && found->second.is_paused && outbound_bytes <= outbound_bound_bytes_ / 2) {
        found->second.is_paused = false;
        resume(connection, found->second);
    }
}

void Server::Shell::hold(ConnectionId connection) noexcept {
    if (const auto found = peers_.find(connection); found != peers_.end()) {
        found->second.is_held = true;
        transport_.pauseReading(connection);
    }
}

void Server::Shell::release(ConnectionId connection) noexcept {
    if (const auto found = peers_.find(connection); found != peers_.end()) {
        found->second.is_held = false;
        resume(connection, found->second);
    }
}

void Server::Shell::resume(ConnectionId connection, const Peer& peer) {
    if (!peer.is_paused && !peer.is_held && !peer.is_ending && !is_stopping_) {
        transport_.resumeReading(connection);
    }
}

void Server::Shell::onClosed(ymq::ConnectionId connection, const std::string& reason) {
    core_.onClosed(connection);
    log(LogLevel::debug, [&] { return "connection of " + nameOf(connection) + " ended: " + reason; });
    peers_.erase(connection);
    armTimer();
}

void Server::Shell::answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) noexcept {
    if (isLocal(connection)) {
        local_.answer(connection, header, payload);
        return;
    }
    try {
        send(connection, header, payload);
    } catch (const std::exception&) {
        close(connection, "out of memory");  // the core learns of it when the connection has gone
    }
}

void Server::Shell::send(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) {
    const std::array<ymq::Bytes, 2> frames{ymq::Bytes::copy(header), payload};
    transport_.send(connection, std::span(frames).first(payload.isNull() ? 1 : 2));
    const auto found = peers_.find(connection);
    if (found != peers_.end() && !found->second.is_paused &&
        transport_.outboundBytes(connection) > outbound_bound_bytes_) {
        found->second.is_paused = true;
        transport_.pauseReading(connection);
    }
}

void Server::Shell::close(ConnectionId connection, const std::string& reason) noexcept {
    log(LogLevel::warning, [&] { return "closing the connection of " + nameOf(connection) + ": " + reason; });
    if (isLocal(connection)) {
        local_.close(connection, reason);
    } else {
        transport_.close(connection, ymq::copyOfReason(reason));
    }
}

void Server::Shell::closeAfterAnswers(ConnectionId connection, const std::string& reason) noexcept {
    if (isLocal(connection)) {  // its answers can be read also when it is closed
        close(connection, reason);
        return;
    }
    log(LogLevel::warning, [&] { return "ending the connection of " + nameOf(connection) + ": " + reason; });
    try {
        endSoon(connection, reason);
    } catch (const std::exception&) {
        close(connection, "out of memory");
    }
}

void Server::Shell::endSoon(ConnectionId connection, const std::string& reason) {
    transport_.pauseReading(connection);
    if (const auto found = peers_.find(connection); found != peers_.end()) {
        found->second.is_ending = true;
    }
    auto timer = std::make_shared<boost::asio::steady_timer>(context_, kLastAnswersTime);
    timer->async_wait([this, timer, connection, reason](const error_code&) {
        transport_.close(connection, ymq::copyOfReason(reason));
    });
}

void Server::Shell::armTimer() {
    const std::optional<Time> next = core_.nextDeadline();
    if (next == armed_for_) {
        return;
    }
    armed_for_.reset();
    deadline_timer_.cancel();
    if (!next) {
        return;
    }
    deadline_timer_.expires_at(*next);
    deadline_timer_.async_wait(ymq::keptIn(deadline_memory_, [this](const error_code& cancelled) {
        if (cancelled) {
            return;
        }
        armed_for_.reset();
        core_.onTime(Clock::now());
        armTimer();
    }));
    armed_for_ = next;
}

void Server::Shell::beginStop() {
    if (std::exchange(is_stopping_, true)) {
        return;
    }
    local_.pauseReading();
    for (const auto& [connection, peer] : peers_) {
        transport_.pauseReading(connection);
    }
    stopWhenDrained(Clock::now() + kLastAnswersTime);
}

void Server::Shell::stopWhenDrained(Clock::time_point limit) {
    bool is_drained = local_.isDrained();
    for (const auto& [connection, peer] : peers_) {
        is_drained = is_drained && transport_.outboundBytes(connection) == 0;
    }
    if (is_drained || Clock::now() >= limit) {
        transport_.stop("the server stops");
        local_.stop("the server stops");
        deadline_timer_.cancel();
        boost::asio::post(context_, ymq::keptIn(drain_memory_, [this] { context_.stop(); }));
        return;
    }
    drain_timer_.expires_after(kDrainCheckInterval);
    drain_timer_.async_wait(ymq::keptIn(drain_memory_, [this, limit](const error_code&) { stopWhenDrained(limit); }));
}

std::string Server::Shell::nameOf(ConnectionId connection) const {
    const auto found = peers_.find(connection);
    return found == peers_.end() ? "an unknown peer" : found->second.identity;
}

Server::Server(const Options& options, std::shared_ptr<const Logger> logger)
    : shell_(std::make_unique<Shell>(options, std::move(logger))) {}

Server::~Server() = default;

const ymq::Address& Server::address() const { return shell_->address(); }

void Server::run() { shell_->run(); }

void Server::shutdown() { shell_->shutdown(); }

ServerCore::Gauges Server::gauges() { return shell_->gauges(); }

}  // namespace scaler::object_storage
