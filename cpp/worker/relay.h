// Passes single tasks and their results through an agent, without its Python.
//
// Design note. While a worker holds no task and a processor waits for one, a task that comes alone needs no decision of
// the agent: it is fed to that processor, and its result goes back to the scheduler. So the thread that has received
// the task passes it on by itself, which saves two turns of an interpreter with cold caches in each call. Whatever else
// comes (a second task, a cancel, an instruction, any event, a message that is not understood) closes the relay and
// takes the usual way through the inbox. The agent closes it before it does anything, and learns how many tasks have
// gone through and which one is under way, so that its books are right whenever it looks at them.
//
// Locks: the lock of a socket, then that of the relay, then that of the other socket. Both sockets belong to one loop,
// whose thread alone holds two of them, so no circle can close.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "worker/task_gate.h"
#include "ymq/port.h"

namespace scaler::worker {

// All calls may be made on any thread.
class Relay final : public ymq::InboundFilter {
public:
    // A task that was fed and has no result yet. One that could not be sent counts as fed, too.
    struct Running {
        ymq::Bytes frame;
        bool is_delivered{false};
    };

    struct Passed {
        std::uint64_t ended_tasks{0};
        std::optional<Running> running{};
    };

    // Makes a relay between the scheduler and the processors, the filter of both. Null when they belong to two loops.
    static std::shared_ptr<Relay> connect(const std::shared_ptr<ymq::Port>& scheduler,
                                          const std::shared_ptr<ymq::Port>& processors);

    // Begins to pass tasks to a processor that has none, from this number of its gate on; the gate must live, and
    // nobody else feed it, until close(). Returns false when something waits to be taken from either socket.
    bool open(std::string processor_id, TaskGate& gate, std::uint64_t next_number);

    // Passes nothing more; tells what was passed since it was opened. Idempotent.
    Passed close();

    bool takes(const ymq::Port& port, std::span<ymq::Received> items) noexcept override;

private:
    enum class State { closed, opening, open };

    Relay(const std::shared_ptr<ymq::Port>& scheduler, const std::shared_ptr<ymq::Port>& processors)
        : scheduler_(scheduler), processors_(processors) {}

    bool isQuiet() const;
    bool passLocked(const ymq::Port& port, const ymq::Received& item);
    bool feedLocked(const ymq::Bytes& frame);
    bool finishLocked(const ymq::Received& item);

    const std::weak_ptr<ymq::Port> scheduler_;
    const std::weak_ptr<ymq::Port> processors_;

    std::mutex mutex_{};
    State state_{State::closed};
    std::string processor_id_{};
    TaskGate* gate_{nullptr};
    std::uint64_t next_number_{0};
    std::uint64_t ended_tasks_{0};
    std::optional<Running> running_{};
    std::string running_id_{};
};

}  // namespace scaler::worker
