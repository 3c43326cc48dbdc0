// Task states that an agent and one of its processors share in anonymous memory.
//
// Design note. Tasks fed to one processor are numbered from 0 in the order they are sent; number i uses slot
// i modulo slots. A slot is one 64-bit word that holds the number and its state, so that an operation on an old number
// never touches a later user of the slot. Every change is a compare-and-swap:
//
//     free -> fed            agent      feed
//     fed -> started         processor  tryStart          these two race; one wins
//     fed -> revoked         agent      revoke
//     revoked -> free        processor  tryStart (returns false: the task must not run)
//     started -> finished    processor  finish
//     started|finished->free agent      release
//
// The processor runs code of users: whatever it writes into the memory, the agent reads a valid state and never blocks.
// The memory is a memfd whose size is sealed, so that neither side can make the other fault.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scaler::worker {

enum class SlotState : std::uint8_t { free = 0, fed = 1, started = 2, finished = 3, revoked = 4 };

class TaskGate {
public:
    static constexpr std::uint64_t kMaximumSlots = 1U << 16;

    // Makes a gate. Throws std::invalid_argument for a bad number of slots, std::system_error when the system refuses.
    static TaskGate create(std::uint64_t slots);
    // Maps the gate behind a descriptor, which stays the caller's. Throws std::system_error when it is not a gate.
    static TaskGate attach(int descriptor);

    TaskGate(TaskGate&& other) noexcept;
    TaskGate& operator=(TaskGate&& other) noexcept;
    TaskGate(const TaskGate&) = delete;
    TaskGate& operator=(const TaskGate&) = delete;
    ~TaskGate();

    // All of these throw std::invalid_argument once the gate is closed.
    std::uint64_t slots() const;
    int descriptor() const;
    bool feed(std::uint64_t number);
    bool tryStart(std::uint64_t number);
    void finish(std::uint64_t number);
    bool revoke(std::uint64_t number);
    void release(std::uint64_t number);
    SlotState state(std::uint64_t number) const;

    // Unmaps the memory and closes the descriptor. Idempotent.
    void close() noexcept;

private:
    TaskGate(int descriptor, void* memory, std::uint64_t slots) noexcept;

    std::uint64_t& word(std::uint64_t number) const;
    bool change(std::uint64_t number, SlotState from, SlotState to);

    int descriptor_;
    void* memory_;
    std::uint64_t slots_;
};

}  // namespace scaler::worker
