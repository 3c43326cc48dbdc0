// The state of one socket, shared by the calling threads and its I/O thread.
//
// One lock guards the peers, their sessions and what is written to their connections. It is never held while waiting,
// and no user code but the log runs under it; the lock of the inbox is taken inside it. User threads make the peer that
// is to be connected to, append messages and write; everything else, and above all every change of the state of a peer,
// happens on "the I/O thread": whichever thread runs the loop (io_loop.h). Stopping goes: requestStop (no new peers,
// goodbye to all), connections end when all is written, close() ends what is left after its linger.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ymq/address.h"
#include "ymq/dialer.h"
#include "ymq/frame_budget.h"
#include "ymq/inbound_gate.h"
#include "ymq/inbox.h"
#include "ymq/io_loop.h"
#include "ymq/known_dead.h"
#include "ymq/link.h"
#include "ymq/listener.h"
#include "ymq/peer_agenda.h"
#include "ymq/peer_table.h"
#include "ymq/port.h"
#include "ymq/socket_options.h"
#include "ymq/socket_statistics.h"
#include "ymq/soon_timer.h"

namespace scaler::ymq {

class SocketCore final : public Port, public std::enable_shared_from_this<SocketCore> {
public:
    SocketCore(IoLoop& loop, SocketOptions options);

    // For user threads; see socket.h. In socket_core.cpp:
    Result<Address> bind(const Address& address);
    Result<void> connect(const Address& address, std::chrono::milliseconds give_up);
    void setSessionTimeout(Role role, std::chrono::milliseconds timeout);
    Role peerRole(std::string_view identity);
    std::vector<Received> take(std::size_t maximum);
    SocketStatistics statistics();
    std::string connectFailure();
    void setFilter(std::shared_ptr<InboundFilter> filter) override;
    bool hasItems() override;
    const void* loopIdentity() const noexcept override { return &loop_; }
    // In socket_send.cpp:
    ErrorCode send(std::optional<std::string_view> address, std::span<const MessagePart> parts, std::uint64_t token);
    ErrorCode sendBytes(std::optional<std::string_view> address, Bytes payload, std::uint64_t token) override;
    ErrorCode sendNow(std::optional<std::string_view> address, std::span<const MessagePart> parts, std::uint64_t token,
                      bool& written);
    ErrorCode queue(std::optional<std::string_view> address, std::span<const MessagePart> parts);
    void flush();
    ErrorCode sendSoon(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                       std::chrono::nanoseconds delay);
    // In socket_stop.cpp:
    void closeConnection(std::string identity);
    void requestStop();
    bool close(std::chrono::milliseconds linger);

    // For links, on the I/O thread; names ending in Locked are called with the lock. In socket_sessions.cpp:
    std::string helloLocked() const;
    void onHelloLocked(Link& link, const Hello& hello);
    void onAcceptLocked(Link& link, const Accept& accept);
    void onRefused(Link& link, const Refuse& refuse);
    void refuseLocked(Link& link, const Refuse& refuse);
    void onPlainGreetingLocked(Link& link);
    void onLinkFailed(Link& link, const std::string& why);
    // Ends the peer of a connection, too, which could not go on with another one.
    void endSession(Link& link, const std::string& why);
    // In socket_core.cpp: data frames, then the other frames that came with them; false when the peer broke the
    // protocol.
    bool onFramesLocked(Link& link, std::vector<Received>& messages, std::uint64_t bytes,
                        const std::vector<Frame>& controls);
    void onWrittenLocked(std::vector<std::uint64_t>& tokens);
    void completeLocked(std::uint64_t token, ErrorCode code);
    bool mustPauseReading();
    // A connection holds this much of a large frame; the first tells whether it may read on.
    bool mayReadOnLocked(FrameBudget::Share& share, std::uint64_t bytes);
    void holdLocked(FrameBudget::Share& share, std::uint64_t bytes);
    // In socket_liveness.cpp: a connection of a live peer has stopped reading.
    void onPaused(Link& link);
    // In socket_stop.cpp: a connection that was leaving has ended.
    void onLeft(Link& link);

    std::mutex& lock() noexcept { return mutex_; }
    IoLoop& loop() noexcept { return loop_; }
    boost::asio::io_context& context() noexcept { return loop_.context(); }
    const SocketOptions& options() const noexcept { return options_; }
    Inbox& inbox() noexcept { return inbox_; }

private:
    // socket_core.cpp
    std::shared_ptr<Listener> makeListener();
    std::shared_ptr<Listener> openLocalChannel(const Address& address);
    void onAccepted(StreamSocket socket, std::string description);
    void onDialed(StreamSocket socket);
    void startLink(StreamSocket socket, std::string description, bool dialed);
    void deliverLocked(std::span<Received> items);
    void deliverLocked(Received item) { deliverLocked(std::span(&item, 1)); }
    bool onControlLocked(Peer& peer, Link& link, const Frame& frame);
    void resumeReading();
    void readOn();
    void log(LogLevel level, const std::string& text) const;

    // socket_send.cpp
    ErrorCode appendLocked(std::optional<std::string_view> address, std::span<const MessagePart> parts,
                           std::uint64_t token, std::vector<PeerPointer>& receivers);
    ErrorCode chooseLocked(std::optional<std::string_view> address, PeerPointer& peer);
    ErrorCode appendToLocked(Peer& peer, std::span<const MessagePart> parts, std::uint64_t token);
    ErrorCode publishLocked(std::string_view prefix, std::span<const MessagePart> parts,
                            std::vector<PeerPointer>& receivers);
    void writeLocked(Peer& peer);
    void armSoonTimerLocked(std::chrono::nanoseconds delay);
    void onSoonTimer();

    // socket_sessions.cpp; those that end a peer take it by value, for they reset the pointers of this object.
    PeerPointer newPeerLocked();
    std::optional<Refuse> judgeLocked(const Hello& hello, PeerPointer& peer);
    void acceptLocked(Link& link, const PeerPointer& peer, const Hello& hello);
    void establishLocked(Link& link, const PeerPointer& peer);
    void dropLinkLocked(Link& link);
    void detachLocked(PeerPointer peer);
    void stopDialingLocked();
    void dropQueuedLocked(Peer& peer, ErrorCode code);
    void endLocked(PeerPointer peer, PeerEvent event, ErrorCode code);
    void dialLocked(Clock::time_point deadline, std::size_t delays_to_skip);
    void onGivenUp(const std::string& why);
    std::chrono::milliseconds timeoutOfLocked(Role role) const;

    // socket_liveness.cpp
    void scheduleTickLocked(const PeerPointer& peer, Clock::time_point when);
    void armTickTimerLocked(Clock::time_point when);
    void onTick();
    Clock::time_point tickLocked(const PeerPointer& peer, Clock::time_point now);
    Clock::time_point tickDetachedLocked(const PeerPointer& peer, Clock::time_point now);
    Clock::time_point tickAcceptedLocked(const PeerPointer& peer, Clock::time_point now);
    Clock::time_point tickDialedLocked(const PeerPointer& peer, Clock::time_point now);
    Clock::time_point tickWritesLocked(Peer& peer, Clock::time_point now);

    // socket_stop.cpp
    void leaveLocked(PeerPointer peer);
    void stopOnIoThread();
    void closeOnIoThread();
    bool isQuietLocked() const;

    IoLoop& loop_;
    const SocketOptions options_;
    Inbox inbox_;
    InboundGate inbound_gate_;

    std::mutex mutex_{};
    std::shared_ptr<InboundFilter> filter_{};
    std::condition_variable quiet_{};
    FrameBudget frame_budget_;
    PeerTable peers_{};
    // Of the live ones.
    PeerAgenda agenda_{};
    // Of a connector: its one peer, from the first use to its end; null when the socket is idle.
    PeerPointer only_peer_{};
    // The peer connect() is about; null when the socket does not connect.
    PeerPointer dialed_peer_{};
    // A connector had a peer, which has ended: sends fail until the next one.
    bool used_up_{false};
    bool bound_{false};
    bool stopping_{false};
    // The I/O thread has begun to stop; from then on the socket is quiet once nothing is left to write.
    bool stopped_{false};
    bool closed_{false};
    bool all_written_{true};
    bool soon_armed_{false};
    bool soon_started_{false};
    // Of the sendNow() under way, until its message was written.
    std::uint64_t token_of_call_{0};
    std::uint32_t next_epoch_{1};
    std::chrono::milliseconds give_up_{0};
    std::vector<PeerPointer> touched_{};
    std::vector<PeerPointer> soon_{};
    std::map<Role, std::chrono::milliseconds> session_timeouts_{};
    std::string connect_failure_{};
    SocketStatistics counters_{};
    std::unordered_set<std::shared_ptr<Link>> links_{};

    // On the I/O thread only.
    std::shared_ptr<Listener> listener_{};
    // For peers of this machine, beside the other; null when there is none.
    std::shared_ptr<Listener> local_listener_{};
    std::shared_ptr<Dialer> dialer_{};
    boost::asio::steady_timer tick_timer_;
    Clock::time_point next_tick_{Clock::time_point::max()};
    KnownDead known_dead_{};
    SoonTimer soon_timer_;
    Clock::time_point established_at_{};
};

}  // namespace scaler::ymq
