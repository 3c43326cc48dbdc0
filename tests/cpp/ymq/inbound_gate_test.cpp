// When reading stops and goes on, with every interleaving that matters.
#include "ymq/inbound_gate.h"

#include <gtest/gtest.h>

namespace scaler::ymq {

namespace {

constexpr std::uint64_t kBound = 100;

auto always(std::uint64_t bytes) {
    return [bytes] { return bytes; };
}

}  // namespace

TEST(InboundGate, ReadingStopsAboveTheBoundAndGoesOnAtHalfOfIt) {
    InboundGate gate(kBound);
    EXPECT_EQ(gate.onReceived(always(100)), InboundGate::Verdict::readOn);
    EXPECT_FALSE(gate.onTaken(always(0)));
    EXPECT_EQ(gate.onReceived(always(101)), InboundGate::Verdict::pause);
    EXPECT_FALSE(gate.onTaken(always(51)));
    EXPECT_TRUE(gate.onTaken(always(50)));
    EXPECT_FALSE(gate.onTaken(always(0))) << "once is enough";
    EXPECT_EQ(gate.onReceived(always(50)), InboundGate::Verdict::readOn);
}

TEST(InboundGate, WhoFindsThatAllWasTakenResumesThoseThatStoppedBefore) {
    InboundGate gate(kBound);
    ASSERT_EQ(gate.onReceived(always(101)), InboundGate::Verdict::pause);
    // Another connection is above the bound, then a user takes everything and has not yet looked at the gate.
    int looks = 0;
    EXPECT_EQ(gate.onReceived([&] { return ++looks == 1 ? 101U : 0U; }), InboundGate::Verdict::resumeAll);
    EXPECT_FALSE(gate.onTaken(always(0)));
}

TEST(InboundGate, WhoIsForestalledByAUserIsResumedByIt) {
    InboundGate gate(kBound);
    bool resumed = false;
    int looks = 0;
    const auto bytes = [&]() -> std::uint64_t {
        if (++looks == 1) return 101;
        resumed = gate.onTaken(always(0));
        return 0;
    };
    EXPECT_EQ(gate.onReceived(bytes), InboundGate::Verdict::pause);
    EXPECT_TRUE(resumed);
}

}  // namespace scaler::ymq
