// The inbound queue: its descriptor, its waits and its size.
#include "ymq/inbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

Received message(std::string_view text) {
    return Received::message(std::make_shared<PeerName>("peer"), Bytes::copy(text));
}

bool isReadable(NativeSocket descriptor) {
    PollEntry entry{descriptor, POLLIN, 0};
    return waitReadable(std::span(&entry, 1), std::chrono::nanoseconds(0)) == 1;
}

Inbox::Wait waitFor(Inbox& inbox, std::chrono::milliseconds timeout) {
    return inbox.wait(std::chrono::steady_clock::now() + timeout);
}

}  // namespace

TEST(Inbox, DescriptorIsReadableWhileThereIsSomething) {
    Inbox inbox;
    inbox.push(message("before"));
    const NativeSocket descriptor = inbox.descriptor();
    EXPECT_TRUE(isReadable(descriptor));
    inbox.push(message("after"));
    EXPECT_EQ(inbox.take(1).size(), 1U);
    EXPECT_TRUE(isReadable(descriptor));
    EXPECT_EQ(inbox.take(10).size(), 1U);
    EXPECT_FALSE(isReadable(descriptor));
}

TEST(Inbox, BytesCountWhatAnItemNeedsBesideItsPayload) {
    Inbox inbox;
    inbox.push(message(""));
    EXPECT_EQ(inbox.bytes(), sizeof(Received));
    std::vector<Received> more;
    more.push_back(message("12345"));
    more.push_back(Received::completion(1, ErrorCode::uninit));
    inbox.push(more);
    EXPECT_EQ(inbox.bytes(), 3 * sizeof(Received) + 5);
    (void)inbox.take(2);
    EXPECT_EQ(inbox.bytes(), sizeof(Received));
    (void)inbox.take(1);
    EXPECT_EQ(inbox.bytes(), 0U);
}

TEST(Inbox, WaitEndsByMessageTimeoutAndInterruption) {
    Inbox inbox;
    EXPECT_EQ(waitFor(inbox, 1ms), Inbox::Wait::timedOut);
    std::thread pusher([&] {
        std::this_thread::sleep_for(20ms);
        inbox.push(message("x"));
    });
    EXPECT_EQ(waitFor(inbox, 5s), Inbox::Wait::received);
    pusher.join();
    (void)inbox.take(1);
    std::thread interrupter([&] {
        std::this_thread::sleep_for(20ms);
        inbox.interrupt();
    });
    EXPECT_EQ(waitFor(inbox, 5s), Inbox::Wait::interrupted);
    interrupter.join();
    EXPECT_EQ(waitFor(inbox, 1ms), Inbox::Wait::timedOut) << "an interruption is used up";
    inbox.interrupt();
    EXPECT_EQ(waitFor(inbox, 5s), Inbox::Wait::interrupted) << "one that nobody waited for ends the next wait";
}

TEST(Inbox, InterruptionEndsEveryWait) {
    Inbox inbox;
    std::vector<std::thread> waiters;
    std::atomic<int> interrupted{0};
    for (int count = 0; count < 4; ++count) {
        waiters.emplace_back([&] { interrupted += inbox.wait(std::nullopt) == Inbox::Wait::interrupted; });
    }
    std::this_thread::sleep_for(50ms);
    inbox.interrupt();
    for (std::thread& waiter : waiters) waiter.join();
    EXPECT_EQ(interrupted, 4);
    EXPECT_EQ(waitFor(inbox, 1ms), Inbox::Wait::timedOut);
}

TEST(Inbox, CloseLetsTheRestBeTakenFirst) {
    Inbox inbox;
    inbox.push(message("x"));
    inbox.close();
    EXPECT_EQ(inbox.wait(std::nullopt), Inbox::Wait::received);
    (void)inbox.take(1);
    EXPECT_EQ(inbox.wait(std::nullopt), Inbox::Wait::closed);
    EXPECT_EQ(inbox.wait(std::nullopt), Inbox::Wait::closed);
}

}  // namespace scaler::ymq
