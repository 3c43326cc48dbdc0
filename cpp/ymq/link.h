// One connection of a socket: its greeting, its reading and its writing.
//
// Reading happens on the I/O thread only. Writing happens under the lock of the socket on any thread: a sender tries
// the kernel first, and only what does not fit is left to the I/O thread. The stages only move forward, on the I/O
// thread, and from the establishment on under the lock.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ymq/frame_budget.h"
#include "ymq/frame_reader.h"
#include "ymq/peer.h"
#include "ymq/stream_socket.h"
#include "ymq/stream_writer.h"

namespace scaler::ymq {

class SocketCore;

inline std::span<const std::byte> asBytes(std::string_view text) noexcept { return std::as_bytes(std::span(text)); }

class Link : public std::enable_shared_from_this<Link> {
public:
    // magic, plain_identity, hello: of an accepted connection. peer_identity, accept: of one we made. leaving: the
    // session is over, what is queued is still written.
    enum class Stage { magic, plain_identity, hello, peer_identity, accept, established, leaving, closed };

    Link(std::shared_ptr<SocketCore> core, StreamSocket socket, std::string description, bool dialed);

    // On the I/O thread, without the lock:
    void start();
    void resumeReading();
    void readOn();
    void fail(const std::string& why);

    // With the lock, on any thread:
    // Writes what is queued, as far as the kernel takes it; an acknowledgement that is owed goes first.
    void writeLocked();
    void sendControlLocked(FrameKind kind, std::string_view payload);
    // Owes the peer an ack, a ping or a pong, which the next write encodes: a peer that does not read is owed one of
    // each, however many it asks for.
    void oweLocked(FrameKind kind);
    bool allWrittenLocked() const noexcept { return half_closed_; }

    // With the lock, on the I/O thread:
    // Binds the connection to a peer, whose outbox it writes from now on.
    void establishLocked(const PeerPointer& peer);
    // Says goodbye behind what is queued, half-closes once all is written, and closes when it has arrived.
    void leaveLocked();
    void closeLocked();

    Stage stage() const noexcept { return stage_; }
    bool isDialed() const noexcept { return dialed_; }
    // It does not read, because too much was received and not taken, or because its frame has to wait for others.
    bool isPaused() const noexcept { return paused_ || held_back_; }
    bool isHeldBack() const noexcept { return held_back_; }
    FrameBudget::Share& share() noexcept { return share_; }
    bool isInsideFrame() const noexcept { return reader_.insideFrame(); }
    bool hasReceived() const noexcept { return has_received_; }
    const PeerPointer& peer() const noexcept { return peer_; }
    const std::string& peerIdentity() const noexcept { return peer_identity_; }
    const std::string& description() const noexcept { return description_; }

private:
    // link.cpp
    void read();
    void onRead(const boost::system::error_code& failure);
    void onThrown(const std::string& why);
    void onBytes();
    void takeFrames();
    bool checkStatus(FrameReader::Status status);
    void waitForRoom();
    void appendOwedLocked();
    void scheduleLeaveCheck(std::chrono::milliseconds delay);
    bool everythingArrived();

    // link_greeting.cpp
    bool greet();
    bool greetAccepted();
    bool greetDialed();
    bool greetPlain();
    bool nextGreetingFrame(std::uint64_t limit, Frame& frame);
    void startGreetingTimer();

    const std::shared_ptr<SocketCore> core_;
    StreamSocket socket_;
    const std::string description_;
    const bool dialed_;
    const bool local_;
    bool plain_{false};
    bool has_received_{false};
    bool reading_{false};
    bool paused_{false};
    bool held_back_{false};
    bool waiting_for_room_{false};
    bool half_closed_{false};
    bool owes_acknowledgement_{false};
    bool owes_ping_{false};
    bool owes_pong_{false};
    Stage stage_;
    FrameReader reader_{FrameReader::Mode::plain};
    FrameBudget::Share share_{};
    StreamWriter writer_;
    PeerPointer peer_{};
    std::string peer_identity_{};
    boost::asio::steady_timer timer_;
    const Clock::time_point started_;
    // Of a connection that leaves: the least that was left to arrive, and when it became so little.
    std::uint64_t least_left_{UINT64_MAX};
    Clock::time_point progress_at_{};
    std::vector<std::uint64_t> tokens_{};
    std::vector<Received> batch_{};
    std::vector<Frame> controls_{};
};

}  // namespace scaler::ymq
