// Reading, writing and leaving of one connection; the greeting is in link_greeting.cpp.
#include "ymq/link.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <exception>
#include <optional>

#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

constexpr auto kLongestLeaveCheck = 50ms;
constexpr auto kTooLargeText = "a frame of more bytes than allowed";

bool isLocal(const StreamSocket& socket) {
    error_code ignored;
    return socket.local_endpoint(ignored).protocol().family() == AF_UNIX;
}

}  // namespace

Link::Link(std::shared_ptr<SocketCore> core, StreamSocket socket, std::string description, bool dialed)
    : core_(std::move(core)),
      socket_(std::move(socket)),
      description_(std::move(description)),
      dialed_(dialed),
      local_(isLocal(socket_)),
      stage_(dialed ? Stage::peer_identity : Stage::magic),
      writer_(socket_.native_handle()),
      timer_(core_->context()),
      started_(Clock::now()) {}

void Link::read() {
    if (stage_ == Stage::closed || reading_ || (isPaused() && stage_ != Stage::leaving)) return;
    const std::span<std::byte> memory = stage_ == Stage::leaving ? core_->loop().scratch() : reader_.prepare();
    if (memory.empty()) {
        fail("out of memory for a frame");
        return;
    }
    reading_ = true;
    const bool wanted = stage_ != Stage::leaving;
    socket_.async_read_some(asio::buffer(memory.data(), memory.size()),
                            [self = shared_from_this(), wanted](const error_code& failure, std::size_t size) {
                                self->reading_ = false;
                                if (wanted && !failure) self->reader_.commit(size);
                                try {
                                    self->onRead(failure);
                                } catch (const std::exception& error) {
                                    self->onThrown(error.what());
                                }
                            });
}

void Link::onThrown(const std::string& why) {
    if (stage_ == Stage::established) {
        // Some of what the session counts as received may not have come through.
        core_->endSession(*this, why);
    } else {
        fail(why);
    }
}

void Link::onRead(const error_code& failure) {
    if (stage_ == Stage::closed) return;
    if (failure) {
        fail(failure == asio::error::eof ? "closed by the peer" : failure.message());
        return;
    }
    if (stage_ != Stage::leaving) onBytes();
    read();
}

void Link::onBytes() {
    if (stage_ < Stage::established && !greet()) {
        if (stage_ < Stage::established) startGreetingTimer();
        return;
    }
    takeFrames();
}

void Link::takeFrames() {
    std::uint64_t bytes = 0;
    Frame frame;
    FrameReader::Status status = FrameReader::Status::frame;
    while ((status = reader_.next(core_->options().maximum_frame_bytes, frame)) == FrameReader::Status::frame) {
        if (frame.kind == FrameKind::data) {
            bytes += frame.payload.size();
            batch_.push_back(Received::message(peer_->name, std::move(frame.payload)));
        } else {
            controls_.push_back(std::move(frame));
        }
    }
    bool sound = true;
    {
        const std::lock_guard lock(core_->lock());
        if (stage_ == Stage::established) sound = core_->onFramesLocked(*this, batch_, bytes, controls_);
        if (stage_ == Stage::established) held_back_ = !core_->mayReadOnLocked(share_, reader_.largeBytes());
    }
    batch_.clear();
    controls_.clear();
    if (!sound) {
        fail("the peer broke the protocol");
    } else if (checkStatus(status) && stage_ == Stage::established) {
        paused_ = core_->mustPauseReading();
        if (isPaused()) core_->onPaused(*this);
    }
}

bool Link::checkStatus(FrameReader::Status status) {
    switch (status) {
        case FrameReader::Status::frame:
        case FrameReader::Status::needMore:
            return true;
        case FrameReader::Status::tooLarge:
            // A session would be resumed, and come to the same frame again.
            if (stage_ == Stage::established) core_->endSession(*this, kTooLargeText);
            fail(kTooLargeText);
            return false;
        case FrameReader::Status::unknownKind:
            fail("a frame of an unknown kind");
            return false;
        case FrameReader::Status::outOfMemory:
            fail("out of memory for a frame");
            return false;
    }
    return true;
}

void Link::resumeReading() {
    paused_ = false;
    read();
}

void Link::readOn() {
    held_back_ = false;
    read();
}

void Link::fail(const std::string& why) {
    if (stage_ == Stage::leaving) {
        core_->onLeft(*this);
    } else if (stage_ != Stage::closed) {
        core_->onLinkFailed(*this, why);
    }
}

void Link::writeLocked() {
    if (stage_ == Stage::closed || waiting_for_room_) return;
    if (stage_ == Stage::established && !plain_) appendOwedLocked();
    if (!writer_.hasUnwritten()) return;
    const StreamWriter::Status status = writer_.write(tokens_);
    if (peer_ != nullptr) peer_->last_sent = Clock::now();
    if (!tokens_.empty()) core_->onWrittenLocked(tokens_);
    if (status == StreamWriter::Status::drained) {
        if (stage_ != Stage::leaving || half_closed_) return;
        half_closed_ = true;
        shutDownSending(socket_.native_handle());
    } else if (status == StreamWriter::Status::failed) {
        // Read under the lock: a sender may still write, and fail anew, before the I/O thread comes to this.
        core_->loop().post(
            [self = shared_from_this(), failure = writer_.failure()] { self->fail(errorText(failure)); });
    } else {
        waiting_for_room_ = true;
        core_->loop().watch();
        core_->loop().post([self = shared_from_this()] { self->waitForRoom(); });
    }
}

void Link::waitForRoom() {
    if (stage_ == Stage::closed) {
        core_->loop().unwatch();
        return;
    }
    socket_.async_wait(StreamSocket::wait_write, [self = shared_from_this()](const error_code& failure) {
        self->core_->loop().unwatch();
        const std::lock_guard lock(self->core_->lock());
        self->waiting_for_room_ = false;
        if (!failure) self->writeLocked();
    });
}

void Link::sendControlLocked(FrameKind kind, std::string_view payload) {
    writer_.appendControlFrame(kind, asBytes(payload));
}

void Link::oweLocked(FrameKind kind) {
    owes_acknowledgement_ = owes_acknowledgement_ || kind == FrameKind::ack;
    owes_ping_ = owes_ping_ || kind == FrameKind::ping;
    owes_pong_ = owes_pong_ || kind == FrameKind::pong;
}

// Each of these frames acknowledges, and every write takes an acknowledgement with it.
void Link::appendOwedLocked() {
    Session& session = peer_->session;
    if (std::exchange(owes_ping_, false)) sendControlLocked(FrameKind::ping, encodeCount(session.acknowledgeNow()));
    if (std::exchange(owes_pong_, false)) sendControlLocked(FrameKind::pong, encodeCount(session.acknowledgeNow()));
    const bool must = std::exchange(owes_acknowledgement_, false);
    if (session.owesAcknowledgement() && (must || writer_.hasUnwritten())) {
        sendControlLocked(FrameKind::ack, encodeCount(session.acknowledgeNow()));
    }
}

void Link::establishLocked(const PeerPointer& peer) {
    stage_ = Stage::established;
    peer_ = peer;
    writer_.setOutbox(&peer->session.outbox());
    timer_.cancel();
}

void Link::leaveLocked() {
    if (stage_ == Stage::leaving || stage_ == Stage::closed) return;
    stage_ = Stage::leaving;
    // Queued data goes first, so a goodbye cannot be a control frame, which would overtake it.
    if (peer_ != nullptr && !plain_) peer_->session.outbox().appendGoodbye();
    if (!writer_.hasUnwritten()) {
        half_closed_ = true;
        shutDownSending(socket_.native_handle());
    } else {
        writeLocked();
    }
    paused_ = held_back_ = false;
    core_->holdLocked(share_, 0);
    progress_at_ = Clock::now();
    core_->loop().post([self = shared_from_this()] {
        self->read();
        self->scheduleLeaveCheck(1ms);
    });
}

void Link::scheduleLeaveCheck(std::chrono::milliseconds delay) {
    if (stage_ != Stage::leaving) return;
    timer_.expires_after(delay);
    timer_.async_wait([self = shared_from_this(), delay](const error_code& cancelled) {
        if (cancelled || self->stage_ != Stage::leaving) return;
        if (self->everythingArrived() || Clock::now() > self->progress_at_ + self->core_->options().leave_patience) {
            self->core_->onLeft(*self);
        } else {
            self->scheduleLeaveCheck(std::min<std::chrono::milliseconds>(delay * 2, kLongestLeaveCheck));
        }
    });
}

bool Link::everythingArrived() {
    const std::lock_guard lock(core_->lock());
    // A connection closed with unread input is reset, and a reset drops what the other kernel has not yet got. What is
    // written to a local one has arrived.
    const std::optional<std::uint64_t> unsent = local_ ? std::uint64_t{0} : unsentBytes(writer_.descriptor());
    // Where the system does not tell, the other side's closing does.
    const std::uint64_t left = writer_.unwrittenBytes() + unsent.value_or(1);
    if (left < least_left_) {
        least_left_ = left;
        progress_at_ = Clock::now();
    }
    return half_closed_ && left == 0;
}

void Link::closeLocked() {
    if (stage_ == Stage::closed) return;
    stage_ = Stage::closed;
    core_->holdLocked(share_, 0);
    writer_.invalidate();
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    peer_.reset();
}

}  // namespace scaler::ymq
