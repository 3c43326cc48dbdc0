// The task gate: its state table, what it refuses, and the race between a start and a revocation of two processes.
#include "worker/task_gate.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

using scaler::worker::SlotState;
using scaler::worker::TaskGate;

TEST(TaskGate, StartsWhatWasFed) {
    TaskGate gate = TaskGate::create(4);
    EXPECT_EQ(gate.state(0), SlotState::free);
    EXPECT_TRUE(gate.feed(0));
    EXPECT_EQ(gate.state(0), SlotState::fed);
    EXPECT_TRUE(gate.tryStart(0));
    EXPECT_EQ(gate.state(0), SlotState::started);
    gate.finish(0);
    EXPECT_EQ(gate.state(0), SlotState::finished);
    gate.release(0);
    EXPECT_EQ(gate.state(0), SlotState::free);
}

TEST(TaskGate, NeverStartsWhatWasRevoked) {
    TaskGate gate = TaskGate::create(4);
    ASSERT_TRUE(gate.feed(3));
    EXPECT_TRUE(gate.revoke(3));
    EXPECT_EQ(gate.state(3), SlotState::revoked);
    EXPECT_FALSE(gate.tryStart(3));
    EXPECT_EQ(gate.state(3), SlotState::free);
    EXPECT_FALSE(gate.tryStart(3));
}

TEST(TaskGate, NeverRevokesWhatHasStarted) {
    TaskGate gate = TaskGate::create(4);
    ASSERT_TRUE(gate.feed(0));
    ASSERT_TRUE(gate.tryStart(0));
    EXPECT_FALSE(gate.revoke(0));
    gate.finish(0);
    EXPECT_FALSE(gate.revoke(0));
    EXPECT_FALSE(gate.tryStart(0));
}

TEST(TaskGate, StartsNothingThatWasNotFed) {
    TaskGate gate = TaskGate::create(4);
    EXPECT_FALSE(gate.tryStart(0));
    EXPECT_FALSE(gate.revoke(0));
    gate.finish(0);
    EXPECT_EQ(gate.state(0), SlotState::free);
}

TEST(TaskGate, RefusesToFeedATakenSlot) {
    TaskGate gate = TaskGate::create(2);
    ASSERT_TRUE(gate.feed(0));
    EXPECT_FALSE(gate.feed(2));
    ASSERT_TRUE(gate.revoke(0));
    EXPECT_FALSE(gate.feed(2)) << "the processor has not passed the revoked task";
    EXPECT_FALSE(gate.tryStart(0));
    EXPECT_TRUE(gate.feed(2));
}

TEST(TaskGate, KeepsNumbersOfOneSlotApart) {
    TaskGate gate = TaskGate::create(2);
    ASSERT_TRUE(gate.feed(1));
    ASSERT_TRUE(gate.tryStart(1));
    gate.finish(1);
    gate.release(1);
    ASSERT_TRUE(gate.feed(3));
    EXPECT_FALSE(gate.revoke(1)) << "an old number";
    EXPECT_FALSE(gate.tryStart(1));
    gate.release(1);
    EXPECT_EQ(gate.state(1), SlotState::free);
    EXPECT_EQ(gate.state(3), SlotState::fed);
}

TEST(TaskGate, ReleasesATaskThatDidNotFinish) {
    TaskGate gate = TaskGate::create(1);
    ASSERT_TRUE(gate.feed(0));
    ASSERT_TRUE(gate.tryStart(0));
    gate.release(0);
    EXPECT_TRUE(gate.feed(1));
}

TEST(TaskGate, SharesItsStateWithAnAttachedOne) {
    TaskGate agent = TaskGate::create(8);
    TaskGate processor = TaskGate::attach(agent.descriptor());
    EXPECT_EQ(processor.slots(), 8U);
    ASSERT_TRUE(agent.feed(5));
    EXPECT_TRUE(processor.tryStart(5));
    EXPECT_FALSE(agent.revoke(5));
    agent.close();
    processor.finish(5);
    EXPECT_EQ(processor.state(5), SlotState::finished);
}

TEST(TaskGate, RefusesABadNumberOfSlots) {
    EXPECT_THROW(TaskGate::create(0), std::invalid_argument);
    EXPECT_THROW(TaskGate::create(TaskGate::kMaximumSlots + 1), std::invalid_argument);
}

TEST(TaskGate, RefusesOtherDescriptors) {
    EXPECT_THROW(TaskGate::attach(-1), std::system_error);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    EXPECT_THROW(TaskGate::attach(null), std::system_error);
    ::close(null);

    const int unsealed = ::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(::ftruncate(unsealed, 64 + 8 * 4), 0);
    EXPECT_THROW(TaskGate::attach(unsealed), std::system_error);
    ASSERT_EQ(::fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_THROW(TaskGate::attach(unsealed), std::system_error) << "sealed, but without the header";
    ::close(unsealed);
}

TEST(TaskGate, SealsItsSize) {
    TaskGate gate = TaskGate::create(4);
    EXPECT_NE(::ftruncate(gate.descriptor(), 0), 0);
    EXPECT_NE(::ftruncate(gate.descriptor(), 1 << 20), 0);
}

TEST(TaskGate, RefusesUseAfterClose) {
    TaskGate gate = TaskGate::create(4);
    gate.close();
    gate.close();
    EXPECT_THROW(gate.feed(0), std::invalid_argument);
    EXPECT_THROW(gate.slots(), std::invalid_argument);
    EXPECT_THROW(gate.descriptor(), std::invalid_argument);
}

TEST(TaskGate, Moves) {
    TaskGate first = TaskGate::create(4);
    ASSERT_TRUE(first.feed(0));
    TaskGate second = std::move(first);
    EXPECT_TRUE(second.tryStart(0));
    second = TaskGate::create(2);
    EXPECT_EQ(second.slots(), 2U);
}

// A fork stands for the processor: it starts every number it can while this process revokes every second one.
TEST(TaskGate, EveryNumberIsStartedOrRevokedNeverBothBetweenTwoProcesses) {
    constexpr std::uint64_t kNumbers = 60'000;
    constexpr std::uint64_t kSlots = 64;
    constexpr std::uint64_t kWords = kNumbers + 1;  // what the processor started, and how many numbers it has passed
    void* memory =
        ::mmap(nullptr, kWords * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* started = static_cast<std::uint64_t*>(memory);
    std::uint64_t& fed_count = started[kNumbers];
    TaskGate agent = TaskGate::create(kSlots);

    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::alarm(60);
        TaskGate processor = TaskGate::attach(agent.descriptor());
        for (std::uint64_t number = 0; number < kNumbers; ++number) {
            while (std::atomic_ref(fed_count).load() <= number) ::usleep(0);
            if (!processor.tryStart(number)) continue;
            std::atomic_ref(started[number]).store(1);
            processor.finish(number);
        }
        ::_exit(0);
    }

    std::uint64_t revoked_count = 0;
    std::uint64_t started_count = 0;
    const auto settle = [&](std::uint64_t number) {  // frees the slot of a finished task; returns whether it is free
        agent.release(number);
        return agent.state(number) == SlotState::free;
    };
    for (std::uint64_t number = 0; number < kNumbers; ++number) {
        if (number >= kSlots)
            while (!settle(number - kSlots)) ::usleep(0);
        ASSERT_TRUE(agent.feed(number));
        std::atomic_ref(fed_count).store(number + 1);
        if (number % 2 == 0 || number < 4) continue;
        // An older number races with the processor, which is somewhere between it and the newest one.
        if (agent.revoke(number - 2 * (number % 3 == 0))) ++revoked_count;
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (std::uint64_t number = 0; number < kNumbers; ++number) started_count += started[number];
    EXPECT_EQ(started_count + revoked_count, kNumbers);
    EXPECT_GT(started_count, 0U);
    EXPECT_GT(revoked_count, 0U);
    ::munmap(memory, kWords * sizeof(std::uint64_t));
}
