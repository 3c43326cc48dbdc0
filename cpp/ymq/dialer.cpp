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
using Clock = std::chrono::steady_clock;

constexpr std::array kDelays{0ms, 50ms, 100ms, 200ms, 400ms, 1000ms};
constexpr auto kAttemptTimeout = 5s;
// Whoever gives up at once still gets the answer that a name of this machine has.
constexpr auto kLeastResolvePatience = 100ms;

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

Dialer::Dialer(boost::asio::io_context& context, Address address, OnConnected on_connected, OnGivenUp on_given_up,
               NameLookup::Ask ask)
    : context_(context),
      address_(std::move(address)),
      on_connected_(std::move(on_connected)),
      on_given_up_(std::move(on_given_up)),
      timer_(context),
      ask_(std::move(ask)) {}

void Dialer::start(Clock::time_point deadline, std::size_t delays_to_skip) {
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
    lookup_.reset();
    socket_.reset();
}

void Dialer::giveUp(const std::string& why) {
    stop();
    on_given_up_(why);
}

void Dialer::scheduleAttempt() {
    const auto delay = kDelays[std::min(attempts_++, kDelays.size() - 1)];
    timer_.expires_at(std::min<Clock::time_point>(Clock::now() + delay, deadline_));
    timer_.async_wait([self = shared_from_this(), generation = generation_](const auto& cancelled) {
        if (cancelled || generation != self->generation_) return;
        if (self->attempts_ > 1 && Clock::now() >= self->deadline_) {
            self->giveUp(self->last_failure_);
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

// A resolver takes as long as it likes, so the deadline has to end this as well.
void Dialer::resolveName() {
    const std::weak_ptr<Dialer> weak(shared_from_this());
    lookup_ = std::make_unique<NameLookup>(context_, ask_, address_, [weak](const Endpoints& endpoints) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        attemptTo([&] { self->onResolved(endpoints); }, [&](const char* why) { self->onAttemptFailed(why); });
    });
    const Clock::time_point least = Clock::now() + kLeastResolvePatience;
    timer_.expires_at(std::max(deadline_, least));
    timer_.async_wait([weak, generation = generation_](const auto& cancelled) {
        const auto self = weak.lock();
        if (cancelled || self == nullptr || generation != self->generation_) return;
        self->giveUp("the name " + self->address_.host + " could not be looked up in time");
    });
}

void Dialer::onResolved(const Endpoints& endpoints) {
    lookup_.reset();
    timer_.cancel();
    if (!endpoints) {
        onAttemptFailed(endpoints.error().context);
        return;
    }
    endpoints_ = *endpoints;
    tryNext();
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
    if (failure) {
        last_failure_ = failure == boost::asio::error::operation_aborted ? "timed out" : failure.message();
        tryNext();
        return;
    }
    if (is_local && !isTrusted(*socket_)) {
        last_failure_ = "another user listens at the local channel of the address";
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
