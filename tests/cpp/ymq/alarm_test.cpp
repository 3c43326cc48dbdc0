// What the event loop's thread sleeps on, and the flag that others wait for.
#include "ymq/alarm.h"

#include <gtest/gtest.h>

#include <thread>

#include "ymq/event_flag.h"
#include "ymq/plain_socket.h"

namespace scaler::ymq {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(Alarm, RingsAfterItsDelayAndNotBefore) {
    Alarm alarm;
    const auto start = Clock::now();
    alarm.set(30ms);
    alarm.wait();
    EXPECT_GE(Clock::now() - start, 30ms);
}

TEST(Alarm, RemembersThatItHasRung) {
    Alarm alarm;
    alarm.set(0ns);
    alarm.wait();
    alarm.set(1ns);
    alarm.wait();
}

TEST(Alarm, AnEarlierTimeTakesThePlaceOfALaterOneWhileItIsWaitedFor) {
    Alarm alarm;
    alarm.set(1h);
    std::thread waiter([&] { alarm.wait(); });
    alarm.set(1ms);
    waiter.join();
}

TEST(EventFlag, IsReadableWhileItIsSet) {
    EventFlag flag;
    EXPECT_FALSE(test::isReadableWithin(flag.descriptor(), 0ms));
    for (int round = 0; round < 3; ++round) {
        flag.set();
        EXPECT_TRUE(test::isReadableWithin(flag.descriptor(), 10s));
        flag.clear();
        EXPECT_FALSE(test::isReadableWithin(flag.descriptor(), 0ms));
    }
}

}  // namespace scaler::ymq
