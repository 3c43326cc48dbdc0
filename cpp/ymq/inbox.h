// Where the thread that runs the loop leaves what was received, and user threads take it in batches.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "ymq/event_flag.h"
#include "ymq/received.h"

namespace scaler::ymq {

class IoLoop;
class Poller;

// Its own lock is held for moves only; inside it only those of the loop and of a poller are taken. Whoever waits here
// runs the loop itself if it can (io_loop.h), and then finds what it has received without being told. The event
// descriptor is for the others: it is written once for as many pushes as come before the next take, and only when an
// event loop watches it or a thread waits that does not drive.
class Inbox {
public:
    enum class Wait { received, timedOut, interrupted, signalled, closed };

    // Without a loop nobody drives.
    explicit Inbox(IoLoop* loop = nullptr);
    ~Inbox();
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;

    void push(Received item);
    // Moves the items out of where they are.
    void push(std::span<Received> items);

    // Returns at most this many, oldest first, without waiting.
    std::vector<Received> take(std::size_t maximum);

    // Waits until there is something to take. `signalled` means that a signal handler ran in this thread; where
    // signals end no wait (Windows), it comes every half second. No deadline waits until something happens.
    Wait wait(std::optional<std::chrono::steady_clock::time_point> deadline);

    // The same without driving, for a caller that has blocked signals: they are let through while it waits, with this
    // mask, so that none can come just before the wait and not end it.
    Wait sleep(std::optional<std::chrono::steady_clock::time_point> deadline, const SignalMask& mask);

    // Ends every wait under way; when there is none, the next one.
    void interrupt();

    // Ends every wait once everything was taken, now and later.
    void close();

    // Returns the descriptor that is readable while there is something to take.
    NativeSocket descriptor();

    // Tells a poller of every push from now on, instead of the descriptor; null for no more.
    void setPoller(Poller* poller);

    bool hasItems() const;

    // Bytes of what was not taken, with those of the items themselves.
    std::uint64_t bytes() const;

private:
    using Deadline = std::optional<std::chrono::steady_clock::time_point>;

    template <typename Waiting>
    Wait waitLocked(Waiting waiting);
    std::optional<Wait> outcomeLocked(std::uint64_t interruptions) const noexcept;
    std::optional<Wait> drive(std::unique_lock<std::mutex>& lock, std::uint64_t interruptions, Deadline deadline);
    Wait follow(std::unique_lock<std::mutex>& lock, std::uint64_t interruptions, Deadline deadline,
                const SignalMask* mask);
    void notifyLocked() noexcept;
    void signalLocked() noexcept;
    void unsignalLocked() noexcept;
    void setWatchedLocked(bool watched);

    mutable std::mutex mutex_;
    std::deque<Received> items_{};
    std::uint64_t bytes_{0};
    IoLoop* const loop_;
    Poller* poller_{nullptr};
    EventFlag event_{};
    bool watched_{false};
    // One of the waiters drives.
    bool driven_{false};
    bool signalled_{false};
    bool closed_{false};
    bool interrupt_next_{false};
    std::uint64_t interruptions_{0};
    std::size_t waiters_{0};
    // Waiters that have not yet seen the last interruption; the descriptor stays readable for them.
    std::size_t to_interrupt_{0};
};

}  // namespace scaler::ymq
