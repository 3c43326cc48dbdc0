// Waits for several sockets and one more descriptor at once: the select() of an event loop that belongs to the user.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ymq/event_flag.h"
#include "ymq/io_context.h"
#include "ymq/socket.h"

namespace scaler::ymq {

// Runs the loop of its sockets while it waits (io_loop.h), so that their messages cost no further wake-up. All calls
// but notify() and interrupt() are made by one thread. Sockets are removed before they or the poller go.
class Poller {
public:
    enum class Wait { ready, timedOut, signalled };

    // For the loop of this socket, which is not added yet. The descriptor is not owned. Throws std::system_error when
    // it cannot be watched.
    Poller(const Socket& socket, NativeSocket descriptor);
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    // Returns false for a socket of another loop, which has to be watched by its descriptor.
    bool add(Socket& socket);
    void remove(Socket& socket);

    // Waits until a socket has received something, or the descriptor is readable; no deadline waits for ever. A
    // deadline that has passed looks once.
    Wait wait(std::optional<std::chrono::steady_clock::time_point> deadline);

    // Tells whether the descriptor was readable in a wait since the last call, or may have been.
    bool takeDescriptorReady() noexcept { return descriptor_ready_.exchange(false); }

    // An inbox has received something; on any thread.
    void notify() noexcept;

    // Lets the wait under way, or the next one, end as if a socket had received something.
    void interrupt() noexcept;

private:
    using Deadline = std::optional<std::chrono::steady_clock::time_point>;
    enum class State { busy, driving, following };

    struct Watch;

    bool isReady() const;
    Wait endWait(Wait result) noexcept;
    void setState(State state);
    void look();
    std::optional<Wait> drive(Deadline deadline);
    Wait follow(Deadline deadline);
    static void rewatch(const std::shared_ptr<Watch>& watch);
    void onDescriptorReady() noexcept;

    const std::shared_ptr<IoContext> context_;
    IoLoop& loop_;
    const NativeSocket descriptor_;
    std::shared_ptr<Watch> watch_;
    std::atomic<bool> descriptor_ready_{false};
    std::atomic<bool> interrupted_{false};
    std::vector<Socket*> sockets_{};

    std::mutex mutex_{};
    State state_{State::busy};
    bool signalled_{false};
    EventFlag event_{};
};

}  // namespace scaler::ymq
