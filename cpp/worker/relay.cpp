// Passing single tasks and results.
#include "worker/relay.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include "protocol/task.h"
#include "protocol/task_result.h"

namespace scaler::worker {

using ymq::ErrorCode;
using ymq::Received;

std::shared_ptr<Relay> Relay::connect(const std::shared_ptr<ymq::Port>& scheduler,
                                      const std::shared_ptr<ymq::Port>& processors) {
    if (scheduler->loopIdentity() != processors->loopIdentity()) return nullptr;
    const std::shared_ptr<Relay> relay(new Relay(scheduler, processors));
    scheduler->setFilter(relay);
    processors->setFilter(relay);
    return relay;
}

bool Relay::open(std::string processor_id, TaskGate& gate, std::uint64_t next_number) {
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::closed || running_) throw std::logic_error("the relay must be closed before it is opened");
        state_ = State::opening;
        processor_id_ = std::move(processor_id);
        gate_ = &gate;
        next_number_ = next_number;
    }
    // What arrives from here on closes it; what has arrived before is seen by the look, which waits for its delivery.
    const bool is_quiet = isQuiet();
    const std::lock_guard lock(mutex_);
    state_ = is_quiet && state_ == State::opening ? State::open : State::closed;
    return state_ == State::open;
}

bool Relay::isQuiet() const {
    const auto scheduler = scheduler_.lock();
    const auto processors = processors_.lock();
    return scheduler != nullptr && processors != nullptr && !scheduler->hasItems() && !processors->hasItems();
}

Relay::Passed Relay::close() {
    const std::lock_guard lock(mutex_);
    state_ = State::closed;
    gate_ = nullptr;
    return {std::exchange(ended_tasks_, 0), std::exchange(running_, std::nullopt)};
}

bool Relay::takes(const ymq::Port& port, std::span<Received> items) noexcept {
    const std::lock_guard lock(mutex_);
    if (state_ == State::open && items.size() == 1 && items[0].kind == Received::Kind::message) {
        try {
            if (passLocked(port, items[0])) return true;
        } catch (const std::exception&) {
            // The agent will meet the same, and say so.
        }
    }
    state_ = State::closed;
    return false;
}

bool Relay::passLocked(const ymq::Port& port, const Received& item) {
    if (running_) return &port == processors_.lock().get() && finishLocked(item);
    return &port == scheduler_.lock().get() && feedLocked(item.payload);
}

bool Relay::feedLocked(const ymq::Bytes& frame) {
    const auto processors = processors_.lock();
    if (processors == nullptr) return false;
    const protocol::FrameReader reader(frame.span());
    if (reader.kind() != protocol::MessageKind::TASK) return false;
    std::string task_id(protocol::peekTask(reader).task_id);
    if (!gate_->feed(next_number_)) return false;
    // From here on the task is with the processor, also when it cannot be told: the agent is, when it asks.
    running_ = Running{frame, false};
    running_id_ = std::move(task_id);
    try {
        running_->is_delivered = processors->sendBytes(processor_id_, frame, 0) == ErrorCode::uninit;
    } catch (const std::exception&) {
        state_ = State::closed;
    }
    if (!running_->is_delivered) state_ = State::closed;
    return true;
}

bool Relay::finishLocked(const Received& item) {
    const auto scheduler = scheduler_.lock();
    if (scheduler == nullptr || item.peer->identity != processor_id_) return false;
    const protocol::FrameReader reader(item.payload.span());
    if (reader.kind() != protocol::MessageKind::TASK_RESULT) return false;
    if (protocol::peekTaskResult(reader).task_id != running_id_) return false;
    if (scheduler->sendBytes(std::nullopt, item.payload, 0) != ErrorCode::uninit) return false;
    gate_->release(next_number_);
    ++next_number_;
    ++ended_tasks_;
    running_.reset();
    return true;
}

}  // namespace scaler::worker
