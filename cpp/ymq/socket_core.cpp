// What users ask of a socket apart from sending and stopping, and what comes in.
#include "ymq/socket_core.h"

#include <exception>

#include "ymq/local_channel.h"

namespace scaler::ymq {

namespace asio = boost::asio;

SocketCore::SocketCore(IoLoop& loop, SocketOptions options)
    : loop_(loop),
      options_(std::move(options)),
      inbox_(&loop),
      inbound_gate_(options_.inbound_bound_bytes),
      frame_budget_(options_.inbound_bound_bytes),
      tick_timer_(loop.context()),
      soon_timer_(loop.context()) {}

void SocketCore::log(LogLevel level, const std::string& text) const {
    if (options_.log) options_.log(level, text);
}

Result<Address> SocketCore::bind(const Address& address) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return Error{ErrorCode::ioSocketStopRequested, {}};
        if (options_.type == SocketType::uninit) return Error{ErrorCode::configurationError, "the socket has no type"};
        if (bound_) return Error{ErrorCode::multipleBindToNotSupported, address.toString()};
        bound_ = true;
    }
    const std::shared_ptr<Listener> listener = makeListener();
    Result<Address> real = listener->open(address);
    if (!real) {
        const std::lock_guard lock(mutex_);
        bound_ = false;
        return real;
    }
    loop_.post([self = shared_from_this(), listener, local = openLocalChannel(*real)] {
        {
            const std::lock_guard lock(self->mutex_);
            if (self->stopping_) {
                listener->close();
                if (local != nullptr) local->close();
                return;
            }
        }
        self->listener_ = listener;
        listener->start();
        self->local_listener_ = local;
        if (local != nullptr) local->start();
    });
    return real;
}

std::shared_ptr<Listener> SocketCore::makeListener() {
    return std::make_shared<Listener>(
        loop_.context(),
        [self = weak_from_this()](StreamSocket socket, std::string description) {
            if (const auto core = self.lock()) core->onAccepted(std::move(socket), std::move(description));
        },
        options_.log);
}

// Without it peers use TCP, so a failure is of no interest.
std::shared_ptr<Listener> SocketCore::openLocalChannel(const Address& address) {
    const std::optional<Address> channel = options_.local_channel ? localChannelOf(address) : std::nullopt;
    if (!channel) return nullptr;
    std::shared_ptr<Listener> listener = makeListener();
    return listener->open(*channel) ? listener : nullptr;
}

Result<void> SocketCore::connect(const Address& address, std::chrono::milliseconds give_up) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Error{ErrorCode::ioSocketStopRequested, {}};
    if (options_.type == SocketType::uninit) return Error{ErrorCode::configurationError, "the socket has no type"};
    if (std::optional<Error> refusal = refusalOf(address)) return *std::move(refusal);
    const bool connected = only_peer_ != nullptr && only_peer_->state == Peer::State::live;
    if (dialed_peer_ != nullptr || connected) {
        return Error{ErrorCode::multipleConnectToNotSupported, address.toString()};
    }
    used_up_ = false;
    if (options_.type != SocketType::connector) {
        dialed_peer_ = newPeerLocked();
    } else {
        if (only_peer_ == nullptr) only_peer_ = newPeerLocked();
        dialed_peer_ = only_peer_;
    }
    dialed_peer_->dialed = true;
    give_up_ = give_up;
    loop_.post([self = shared_from_this(), address, deadline = Clock::now() + give_up] {
        const std::weak_ptr<SocketCore> weak(self);
        self->dialer_ = std::make_shared<Dialer>(
            self->loop_.context(), address,
            [weak](StreamSocket socket) {
                if (const auto core = weak.lock()) core->onDialed(std::move(socket));
            },
            [weak](const std::string& why) {
                if (const auto core = weak.lock()) core->onGivenUp(why);
            });
        self->dialer_->start(deadline);
    });
    return {};
}

void SocketCore::setSessionTimeout(Role role, std::chrono::milliseconds timeout) {
    loop_.post([self = shared_from_this(), role, timeout] {
        const std::lock_guard lock(self->mutex_);
        self->session_timeouts_[role] = timeout;
        self->peers_.forEach([&](const PeerPointer& peer) {
            if (peer->dialed || peer->role != role) return;
            peer->session_timeout = timeout;
            self->scheduleTickLocked(peer, Clock::now());
        });
    });
}

Role SocketCore::peerRole(std::string_view identity) {
    const std::lock_guard lock(mutex_);
    const PeerPointer peer = peers_.find(identity);
    return peer == nullptr ? Role::unknown : peer->role;
}

SocketStatistics SocketCore::statistics() {
    const std::lock_guard lock(mutex_);
    SocketStatistics statistics = counters_;
    statistics.peers = peers_.size();
    statistics.inbound_bytes = inbox_.bytes() + frame_budget_.bytes();
    peers_.forEach([&](const PeerPointer& peer) { statistics.outbound_bytes += peer->session.outbox().bytes(); });
    if (only_peer_ != nullptr && only_peer_->state == Peer::State::waiting) {
        statistics.outbound_bytes += only_peer_->session.outbox().bytes();
    }
    return statistics;
}

std::string SocketCore::connectFailure() {
    const std::lock_guard lock(mutex_);
    return connect_failure_;
}

void SocketCore::setFilter(std::shared_ptr<InboundFilter> filter) {
    const std::lock_guard lock(mutex_);
    filter_.swap(filter);
}

bool SocketCore::hasItems() {
    const std::lock_guard lock(mutex_);
    return inbox_.hasItems();
}

void SocketCore::onAccepted(StreamSocket socket, std::string description) {
    startLink(std::move(socket), std::move(description), false);
}

void SocketCore::onDialed(StreamSocket socket) { startLink(std::move(socket), dialer_->address().toString(), true); }

void SocketCore::startLink(StreamSocket socket, std::string description, bool dialed) {
    const auto link = std::make_shared<Link>(shared_from_this(), std::move(socket), std::move(description), dialed);
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || (stopping_ && !dialed) || (dialed && dialed_peer_ == nullptr)) {
            link->closeLocked();
            return;
        }
        links_.insert(link);
    }
    try {
        link->start();
    } catch (const std::exception& error) {
        onLinkFailed(*link, error.what());
    }
}

bool SocketCore::onFramesLocked(Link& link, std::vector<Received>& messages, std::uint64_t bytes,
                                const std::vector<Frame>& controls) {
    const PeerPointer peer = link.peer();
    Session& session = peer->session;
    peer->last_heard = Clock::now();
    if (!messages.empty()) {
        if (!session.owesAcknowledgement()) peer->owes_since = peer->last_heard;
        session.onData(messages.size(), bytes);
        counters_.received_messages += messages.size();
        deliverLocked(messages);
        messages.clear();
    }
    bool answered = false;
    for (const Frame& frame : controls) {
        if (!onControlLocked(*peer, link, frame)) return false;
        answered = answered || frame.kind == FrameKind::ping;
        if (frame.kind == FrameKind::goodbye) {
            endLocked(peer, PeerEvent::lost, ErrorCode::connectorSocketClosedByRemoteEnd);
            return true;
        }
    }
    if (session.mustAcknowledge()) {
        link.oweLocked(FrameKind::ack);
        answered = true;
    }
    // Otherwise what send_soon left would leave with every frame that comes in.
    if (answered) link.writeLocked();
    scheduleTickLocked(peer, tickWritesLocked(*peer, peer->last_heard));
    return true;
}

void SocketCore::deliverLocked(std::span<Received> items) {
    if (filter_ == nullptr || !filter_->takes(*this, items)) inbox_.push(items);
}

bool SocketCore::onControlLocked(Peer& peer, Link& link, const Frame& frame) {
    switch (frame.kind) {
        case FrameKind::goodbye:
            return true;
        case FrameKind::ack:
        case FrameKind::ping:
        case FrameKind::pong: {
            const std::optional<std::uint64_t> count = decodeCount(frame.payload.span());
            if (!count || !peer.session.onAcknowledged(*count)) return false;
            if (frame.kind == FrameKind::ping) link.oweLocked(FrameKind::pong);
            return true;
        }
        case FrameKind::data:
        case FrameKind::hello:
        case FrameKind::accept:
        case FrameKind::refuse:
            return false;
    }
    return false;
}

void SocketCore::onWrittenLocked(std::vector<std::uint64_t>& tokens) {
    for (const std::uint64_t token : tokens) completeLocked(token, ErrorCode::uninit);
    tokens.clear();
}

void SocketCore::completeLocked(std::uint64_t token, ErrorCode code) {
    if (token == token_of_call_ && code == ErrorCode::uninit) {
        token_of_call_ = 0;
    } else {
        inbox_.push(Received::completion(token, code));
    }
}

bool SocketCore::mustPauseReading() {
    switch (inbound_gate_.onReceived([this] { return inbox_.bytes(); })) {
        case InboundGate::Verdict::readOn:
            return false;
        case InboundGate::Verdict::pause:
            return true;
        case InboundGate::Verdict::resumeAll:
            break;
    }
    resumeReading();
    return false;
}

bool SocketCore::mayReadOnLocked(FrameBudget::Share& share, std::uint64_t bytes) {
    holdLocked(share, bytes);
    return frame_budget_.mayReadOn(share);
}

void SocketCore::holdLocked(FrameBudget::Share& share, std::uint64_t bytes) {
    if (frame_budget_.hold(share, bytes)) loop_.post([self = shared_from_this()] { self->readOn(); });
}

std::vector<Received> SocketCore::take(std::size_t maximum) {
    std::vector<Received> taken = inbox_.take(maximum);
    if (inbound_gate_.onTaken([this] { return inbox_.bytes(); })) {
        loop_.post([self = shared_from_this()] { self->resumeReading(); });
    }
    return taken;
}

void SocketCore::resumeReading() {
    std::vector<std::shared_ptr<Link>> paused;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& link : links_) {
            if (link->isPaused()) paused.push_back(link);
        }
    }
    for (const auto& link : paused) link->resumeReading();
}

// Those that were held back by the frames of others.
void SocketCore::readOn() {
    std::vector<std::shared_ptr<Link>> ready;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& link : links_) {
            if (link->isHeldBack() && frame_budget_.mayReadOn(link->share())) ready.push_back(link);
        }
    }
    for (const auto& link : ready) link->readOn();
}

}  // namespace scaler::ymq
