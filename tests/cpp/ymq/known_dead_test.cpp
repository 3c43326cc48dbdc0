// Asking for the lives of many processes at once.
#include "ymq/known_dead.h"

#include <gtest/gtest.h>

namespace scaler::ymq {

namespace {

int lookups = 0;

bool lookUp(const ProcessName& process) {
    ++lookups;
    return process.pid == 2;
}

KnownDead::Clock::time_point at(int time) { return KnownDead::Clock::time_point(std::chrono::milliseconds(time)); }

}  // namespace

TEST(KnownDead, AProcessIsLookedUpOnceAtATime) {
    KnownDead known_dead(lookUp);
    const ProcessName alive{HostId{}, 1, 5};
    const ProcessName dead{HostId{}, 2, 5};
    lookups = 0;
    for (int count = 0; count < 10; ++count) {
        EXPECT_FALSE(known_dead.at(at(1), alive));
        EXPECT_TRUE(known_dead.at(at(1), dead));
    }
    EXPECT_EQ(lookups, 2);
    EXPECT_FALSE(known_dead.at(at(2), alive));
    EXPECT_EQ(lookups, 3) << "another time, another answer";
}

}  // namespace scaler::ymq
