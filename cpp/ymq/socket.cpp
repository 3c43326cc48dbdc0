// The public face of a socket.
#include "ymq/socket.h"

#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace {

std::shared_ptr<SocketCore> makeCore(const std::shared_ptr<IoContext>& context, SocketOptions options) {
    // Destroyed from below, so the core goes before its loop.
    struct Together {
        std::shared_ptr<IoContext> context;
        std::shared_ptr<SocketCore> core;
    };
    const auto core = std::make_shared<SocketCore>(context->next(), std::move(options));
    const auto together = std::make_shared<Together>(Together{context, core});
    return {together, core.get()};
}

}  // namespace

Socket::Socket(std::shared_ptr<IoContext> context, SocketOptions options)
    : context_(std::move(context)), core_(makeCore(context_, std::move(options))) {}

Socket::~Socket() { close(std::chrono::milliseconds(0)); }

const SocketOptions& Socket::options() const noexcept { return core_->options(); }

Result<Address> Socket::bind(std::string_view address) {
    const Result<Address> parsed = Address::parse(address);
    return parsed ? core_->bind(*parsed) : parsed;
}

Result<void> Socket::connect(std::string_view address, std::chrono::milliseconds give_up) {
    const Result<Address> parsed = Address::parse(address);
    if (!parsed) return parsed.error();
    return core_->connect(*parsed, give_up);
}

ErrorCode Socket::send(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                       std::uint64_t token) {
    return core_->send(address, parts, token);
}

ErrorCode Socket::send(std::optional<std::string_view> address, Bytes payload, std::uint64_t token) {
    return core_->sendBytes(address, std::move(payload), token);
}

ErrorCode Socket::sendNow(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                          std::uint64_t token, bool& written) {
    return core_->sendNow(address, parts, token, written);
}

ErrorCode Socket::queue(std::optional<std::string_view> address, std::span<const MessagePart> parts) {
    return core_->queue(address, parts);
}

void Socket::flush() { core_->flush(); }

ErrorCode Socket::sendSoon(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                           std::chrono::nanoseconds delay) {
    return core_->sendSoon(address, parts, delay);
}

NativeSocket Socket::descriptor() { return core_->inbox().descriptor(); }

std::vector<Received> Socket::take(std::size_t maximum) { return core_->take(maximum); }

bool Socket::hasItems() const { return core_->inbox().hasItems(); }

Socket::Wait Socket::wait(std::optional<std::chrono::steady_clock::time_point> deadline) {
    return static_cast<Wait>(core_->inbox().wait(deadline));
}

Socket::Wait Socket::sleep(std::optional<std::chrono::steady_clock::time_point> deadline, const SignalMask& mask) {
    return static_cast<Wait>(core_->inbox().sleep(deadline, mask));
}

void Socket::interrupt() { core_->inbox().interrupt(); }

void Socket::setSessionTimeout(Role role, std::chrono::milliseconds timeout) {
    core_->setSessionTimeout(role, timeout);
}

Role Socket::peerRole(std::string_view identity) { return core_->peerRole(identity); }

void Socket::closeConnection(std::string_view identity) { core_->closeConnection(std::string(identity)); }

void Socket::requestStop() { core_->requestStop(); }

bool Socket::close(std::chrono::milliseconds linger) { return core_->close(linger); }

SocketStatistics Socket::statistics() { return core_->statistics(); }

std::shared_ptr<Port> Socket::port() const { return core_; }

std::string Socket::connectFailure() { return core_->connectFailure(); }

}  // namespace scaler::ymq
