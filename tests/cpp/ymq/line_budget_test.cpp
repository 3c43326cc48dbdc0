// How many lines of a log may be written.
#include "ymq/line_budget.h"

#include <gtest/gtest.h>

namespace scaler::ymq {
namespace {

TEST(LineBudget, CountsWhatIsLeftOut) {
    LineBudget budget;
    const LineBudget::Time now = std::chrono::steady_clock::now();
    for (int count = 0; count < LineBudget::kLinesPerSecond; ++count) {
        EXPECT_EQ(budget.admit(now), 0U);
    }
    EXPECT_EQ(budget.admit(now), std::nullopt);
    EXPECT_EQ(budget.admit(now), std::nullopt);
    EXPECT_EQ(budget.admit(now + std::chrono::seconds(1)), 2U);
    EXPECT_EQ(budget.admit(now + std::chrono::seconds(1)), 0U);
}

}  // namespace
}  // namespace scaler::ymq
