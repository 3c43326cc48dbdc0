// Which connections read on when much has been received in part.
#include "ymq/frame_budget.h"

#include <gtest/gtest.h>

#include <array>

namespace scaler::ymq {

namespace {

constexpr std::uint64_t kOwn = FrameBudget::kOwnBytes;
constexpr std::uint64_t kBound = 10 * kOwn;

// Receives up to this much of a frame; returns whether more may come.
bool receive(FrameBudget& budget, FrameBudget::Share& share, std::uint64_t bytes) {
    EXPECT_FALSE(budget.hold(share, bytes));
    return budget.mayReadOn(share);
}

}  // namespace

TEST(FrameBudget, WithinTheBoundEverybodyReadsOn) {
    FrameBudget budget(kBound);
    FrameBudget::Share first;
    FrameBudget::Share second;
    EXPECT_TRUE(receive(budget, first, 5 * kOwn));
    EXPECT_TRUE(receive(budget, second, 5 * kOwn));
    EXPECT_EQ(budget.bytes(), kBound);
    EXPECT_FALSE(budget.hold(first, 0)) << "nobody waits";
    EXPECT_EQ(budget.bytes(), 5 * kOwn);
}

TEST(FrameBudget, AboveTheBoundOneReadsOnAndTheOthersFollowInTurn) {
    FrameBudget budget(kBound);
    std::array<FrameBudget::Share, 3> shares;
    EXPECT_TRUE(receive(budget, shares[0], kBound));
    EXPECT_TRUE(receive(budget, shares[1], 2 * kOwn)) << "it becomes the carrier, because it asks first";
    EXPECT_FALSE(receive(budget, shares[0], kBound + 1));
    EXPECT_FALSE(receive(budget, shares[2], 2 * kOwn));
    EXPECT_TRUE(receive(budget, shares[1], 100 * kOwn));
    EXPECT_TRUE(budget.hold(shares[1], 0)) << "its frame is complete";
    EXPECT_TRUE(receive(budget, shares[1], kOwn)) << "so much of the next one is its own";
    EXPECT_FALSE(receive(budget, shares[1], 2 * kOwn)) << "then it is not its turn";
    EXPECT_FALSE(budget.mayReadOn(shares[2]));
    EXPECT_TRUE(budget.mayReadOn(shares[0]));
    EXPECT_TRUE(budget.hold(shares[0], 0));
    EXPECT_TRUE(budget.mayReadOn(shares[1])) << "there is room for all again";
    EXPECT_TRUE(budget.mayReadOn(shares[2]));
}

TEST(FrameBudget, WhoHoldsLittleNeverWaits) {
    FrameBudget budget(kBound);
    FrameBudget::Share carrier;
    EXPECT_TRUE(receive(budget, carrier, 100 * kOwn));
    std::array<FrameBudget::Share, 20> small;
    for (FrameBudget::Share& share : small) EXPECT_TRUE(receive(budget, share, kOwn));
    EXPECT_EQ(budget.bytes(), 120 * kOwn);
}

TEST(FrameBudget, WhoGoesWhileItWaitsGivesItsTurnAway) {
    FrameBudget budget(kBound);
    std::array<FrameBudget::Share, 3> shares;
    EXPECT_TRUE(receive(budget, shares[0], 100 * kOwn));
    EXPECT_FALSE(receive(budget, shares[1], 20 * kOwn));
    EXPECT_FALSE(receive(budget, shares[2], 20 * kOwn));
    EXPECT_FALSE(budget.hold(shares[1], 0)) << "the carrier is still at it";
    EXPECT_TRUE(budget.hold(shares[0], 0)) << "the carrier goes";
    EXPECT_TRUE(budget.mayReadOn(shares[2]));
    EXPECT_FALSE(budget.hold(shares[2], 0));
    EXPECT_EQ(budget.bytes(), 0U);
}

}  // namespace scaler::ymq
