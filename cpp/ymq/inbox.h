// Where the I/O thread leaves what was received, and user threads take it in batches.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "ymq/received.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq {

// Its own lock is the innermost one and is held for moves only. The event descriptor is written once for as many pushes
// as come before the next take, and only when a loop watches it or a thread waits.
class Inbox {
public:
    enum class Wait { received, timedOut, interrupted, signalled, closed };

    Inbox();

    void push(Received item);
    // Moves everything out of the vector, and leaves it empty.
    void push(std::vector<Received>& items);

    // Returns at most this many, oldest first, without waiting.
    std::vector<Received> take(std::size_t maximum);

    // Waits until there is something to take. `signalled` means that a signal handler ran in this thread. No deadline
    // waits until something happens.
    Wait wait(std::optional<std::chrono::steady_clock::time_point> deadline);

    // Ends every wait under way; when there is none, the next one.
    void interrupt();

    // Ends every wait once everything was taken, now and later.
    void close();

    // Returns the descriptor that is readable while there is something to take.
    int descriptor();

    // Bytes of messages that were not taken.
    std::uint64_t bytes() const;

private:
    void signalLocked() noexcept;
    void unsignalLocked() noexcept;
    bool wantsSignalLocked() const noexcept { return watched_ || waiters_ != 0; }

    mutable std::mutex mutex_;
    std::deque<Received> items_{};
    std::uint64_t bytes_{0};
    Descriptor event_;
    bool watched_{false};
    bool signalled_{false};
    bool closed_{false};
    bool interrupt_next_{false};
    std::uint64_t interruptions_{0};
    std::size_t waiters_{0};
    // Waiters that have not yet seen the last interruption; the descriptor stays readable for them.
    std::size_t to_interrupt_{0};
};

}  // namespace scaler::ymq
