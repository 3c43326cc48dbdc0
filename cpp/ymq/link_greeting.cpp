// How a connection begins: who speaks which framing, and which session it serves.
#include <algorithm>

#include "ymq/greeting_kind.h"
#include "ymq/link.h"
#include "ymq/socket_core.h"

namespace scaler::ymq {

void Link::start() {
    {
        const std::lock_guard lock(core_->lock());
        if (stage_ == Stage::closed) return;
        if (dialed_ && core_->options().handshake == Handshake::hello) {
            writer_.appendControl(std::as_bytes(std::span(kHelloMagic)));
            writer_.appendControlFrame(FrameKind::hello, asBytes(core_->helloLocked()));
        } else {
            // A plain peer may read before it writes; one that says hello reads past this.
            writer_.appendControlFrame(FrameKind::data, asBytes(core_->options().identity));
        }
        writeLocked();
    }
    startGreetingTimer();
    read();
}

void Link::startGreetingTimer() {
    const SocketOptions& options = core_->options();
    timer_.expires_at(
        std::min<Clock::time_point>(Clock::now() + options.greeting_progress, started_ + options.greeting_total));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
        if (!cancelled && self->stage_ < Stage::established) self->fail("no greeting in time");
    });
}

bool Link::greet() {
    has_received_ = true;
    return dialed_ ? greetDialed() : greetAccepted();
}

bool Link::nextGreetingFrame(std::uint64_t limit, Frame& frame) {
    const FrameReader::Status status = reader_.next(limit, frame);
    return checkStatus(status) && status == FrameReader::Status::frame;
}

bool Link::greetAccepted() {
    if (stage_ == Stage::magic) {
        switch (greetingKind(reader_.buffered())) {
            case GreetingKind::unknown:
                return false;
            case GreetingKind::other:
                fail(kOtherReleaseText);
                return false;
            case GreetingKind::plain:
                stage_ = Stage::plain_identity;
                break;
            case GreetingKind::hello:
                reader_.discard(kHelloMagic.size());
                reader_.setMode(FrameReader::Mode::kinds);
                stage_ = Stage::hello;
                break;
        }
    }
    Frame frame;
    if (stage_ == Stage::plain_identity) {
        if (!nextGreetingFrame(kMaximumIdentityBytes, frame)) return false;
        peer_identity_ = frame.payload.view();
        return greetPlain();
    }
    if (!nextGreetingFrame(kMaximumControlBytes, frame)) return false;
    const std::optional<Hello> hello =
        frame.kind == FrameKind::hello ? decodeHello(frame.payload.span()) : std::nullopt;
    const std::lock_guard lock(core_->lock());
    if (hello) {
        peer_identity_ = hello->identity;
        core_->onHelloLocked(*this, *hello);
    } else {
        core_->refuseLocked(*this, {RefuseCode::malformed, "the hello is malformed"});
    }
    return stage_ == Stage::established;
}

bool Link::greetPlain() {
    plain_ = true;
    const std::lock_guard lock(core_->lock());
    core_->onPlainGreetingLocked(*this);
    return stage_ == Stage::established;
}

bool Link::greetDialed() {
    Frame frame;
    if (stage_ == Stage::peer_identity) {
        if (!nextGreetingFrame(kMaximumIdentityBytes, frame)) return false;
        peer_identity_ = frame.payload.view();
        if (core_->options().handshake == Handshake::plain) return greetPlain();
        reader_.setMode(FrameReader::Mode::kinds);
        stage_ = Stage::accept;
    }
    if (!nextGreetingFrame(kMaximumControlBytes, frame)) return false;
    if (frame.kind == FrameKind::accept) {
        if (const std::optional<Accept> accept = decodeAccept(frame.payload.span())) {
            const std::lock_guard lock(core_->lock());
            core_->onAcceptLocked(*this, *accept);
            return stage_ == Stage::established;
        }
    } else if (frame.kind == FrameKind::refuse) {
        if (const std::optional<Refuse> refuse = decodeRefuse(frame.payload.span())) {
            core_->onRefused(*this, *refuse);
            return false;
        }
    }
    fail("the answer to the hello is malformed");
    return false;
}

}  // namespace scaler::ymq
