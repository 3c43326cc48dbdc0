// The timer of messages that wait for company, while nobody runs the loop.
#include "ymq/soon_timer.h"

#include <gtest/gtest.h>

#include <future>

#include "ymq/drive.h"
#include "ymq/io_loop.h"

namespace scaler::ymq {

using namespace std::chrono_literals;

TEST(SoonTimer, ExpiresInTimeWhenTheThreadThatHasSetItDoesSomethingElse) {
    IoLoop loop;
    SoonTimer timer(loop.context());
    std::promise<void> expired;
    test::enterWhenGivenUp(loop);
    timer.start([&] {
        loop.seenTo();
        expired.set_value();
    });
    constexpr int kTries = 20;
    int in_time = 0;
    for (int count = 0; count < kTries; ++count) {
        // As a user thread that has received something, and answers it soon.
        const auto start = IoLoop::Clock::now();
        timer.set(500us);
        loop.comeWithin(500us);
        loop.leave(false);
        ASSERT_EQ(expired.get_future().wait_for(10s), std::future_status::ready);
        const auto passed = IoLoop::Clock::now() - start;
        EXPECT_GE(passed, 500us);
        if (passed < IoLoop::kPatience / 2) ++in_time;
        expired = {};
        test::enterWhenGivenUp(loop);
    }
    EXPECT_GE(in_time, kTries / 2);
    timer.close();
    loop.leave(false);
}

}  // namespace scaler::ymq
