// Connecting with retries.
#include "ymq/dialer.h"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <utility>

#include "ymq/local_channel.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

constexpr std::array kDelays{0ms, 50ms, 100ms, 200ms, 400ms, 1000ms};
constexpr auto kAttemptTimeout = 5s;

// Takes a step of an attempt. One that throws, for lack of memory or of what the system gives, has failed.
template <typename Step, typename Failed>
void attemptTo(const Step& step, const Failed& failed) {
    try {
        step();
    } catch (const std::exception& error) {
        failed(error.what());
    }
}

}  // namespace

Dialer::Dialer(boost::asio::io_context& context, Address address, OnConnected on_connected, OnGivenUp on_given_up)
    : context_(context),
      address_(std::move(address)),
      on_connected_(std::move(on_connected)),
      on_given_up_(std::move(on_given_up)),
      timer_(context),
      resolver_(context) {}

void Dialer::start(std::chrono::steady_clock::time_point deadline, std::size_t delays_to_skip) {
    stop();
    deadline_ = deadline;
    attempts_ = delays_to_skip;
    scheduleAttempt();
}

void Dialer::retry(const std::string& why) {
    last_failure_ = why;
    scheduleAttempt();
}

void Dialer::stop() {
    ++generation_;
    timer_.cancel();
    resolver_.cancel();
    socket_.reset();
}

void Dialer::scheduleAttempt() {
    const auto delay = kDelays[std::min(attempts_++, kDelays.size() - 1)];
    timer_.expires_at(
        std::min<std::chrono::steady_clock::time_point>(std::chrono::steady_clock::now() + delay, deadline_));
    timer_.async_wait([self = shared_from_this(), generation = generation_](const auto& cancelled) {
        if (cancelled || generation != self->generation_) return;
        if (self->attempts_ > 1 && std::chrono::steady_clock::now() >= self->deadline_) {
            self->stop();
            self->on_given_up_(self->last_failure_);
            return;
        }
        attemptTo([&] { self->attempt(); }, [&](const char* why) { self->onAttemptFailed(why); });
    });
}

void Dialer::attempt() {
    endpoints_.clear();
    next_endpoint_ = 0;
    local_channel_tried_ = false;
    if (address_.scheme == Address::Scheme::ipc) {
        endpoints_.push_back(ipcEndpoint(address_));
        tryNext();
    } else if (isLiteral(address_)) {
        const Result<std::vector<StreamEndpoint>> endpoints = resolve(address_);
        if (endpoints) endpoints_ = *endpoints;
        tryNext();
    } else {
        resolveName();
    }
}

void Dialer::resolveName() {
    resolver_.async_resolve(address_.host, std::to_string(address_.port),
                            [self = shared_from_this(), generation = generation_](
                                const auto& failure, const boost::asio::ip::tcp::resolver::results_type& results) {
                                if (generation != self->generation_) return;
                                if (failure) {
                                    self->onAttemptFailed(failure.message());
                                    return;
                                }
                                attemptTo(
                                    [&] {
                                        for (const auto& entry : results) {
                                            self->endpoints_.emplace_back(entry.endpoint());
                                        }
                                        self->tryNext();
                                    },
                                    [&](const char* why) { self->onAttemptFailed(why); });
                            });
}

void Dialer::tryNext() {
    if (next_endpoint_ == endpoints_.size()) {
        onAttemptFailed(last_failure_);
        return;
    }
    const StreamEndpoint& endpoint = endpoints_[next_endpoint_];
    const std::optional<StreamEndpoint> channel =
        std::exchange(local_channel_tried_, true) ? std::nullopt : localChannelOf(endpoint);
    if (channel) {
        connectTo(*channel);
        return;
    }
    ++next_endpoint_;
    local_channel_tried_ = false;
    connectTo(endpoint);
}

void Dialer::connectTo(const StreamEndpoint& endpoint) {
    Descriptor descriptor(openStreamSocket(endpoint.protocol().family()));
    const int reason = lastSocketError();
    boost::system::error_code unusable;
    socket_ = std::make_unique<StreamSocket>(context_);
    socket_->assign(boost::asio::generic::stream_protocol(endpoint.protocol().family(), 0), descriptor.get(), unusable);
    if (unusable) {
        onAttemptFailed(descriptor.isOpen() ? unusable.message() : errorText(reason));
        return;
    }
    descriptor.release();
    timer_.expires_after(kAttemptTimeout);
    timer_.async_wait([self = shared_from_this(), generation = generation_](const auto& cancelled) {
        boost::system::error_code ignored;
        if (!cancelled && generation == self->generation_ && self->socket_) self->socket_->close(ignored);
    });
    socket_->async_connect(endpoint, [self = shared_from_this(), generation = generation_,
                                      is_local = local_channel_tried_](const auto& failure) {
        if (generation != self->generation_) return;
        attemptTo([&] { self->onConnectEnded(failure, is_local); },
                  [&](const char* why) { self->onAttemptFailed(why); });
    });
}

void Dialer::onConnectEnded(const boost::system::error_code& failure, bool is_local) {
    timer_.cancel();
    if (failure || (is_local && !isTrusted(*socket_))) {
        last_failure_ = failure == boost::asio::error::operation_aborted ? "timed out" : failure.message();
        tryNext();
        return;
    }
    StreamSocket socket = std::move(*socket_);
    socket_.reset();
    ++generation_;
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    setConnectionOptions(socket.native_handle(), socket.local_endpoint(ignored).protocol().family());
    on_connected_(std::move(socket));
}

void Dialer::onAttemptFailed(const std::string& why) {
    socket_.reset();
    last_failure_ = why;
    ++generation_;
    scheduleAttempt();
}

}  // namespace scaler::ymq
