#include "object_storage/waiting_requests.h"

#include <gtest/gtest.h>

#include <vector>

namespace scaler::object_storage {
namespace {

using std::chrono::milliseconds;

ObjectId id(std::uint64_t number) { return ObjectId{{number, 0, 0, 0}}; }

WaitingRequest request(ConnectionId connection, std::uint64_t object, std::uint64_t request_id,
                       std::optional<Time> deadline = std::nullopt) {
    return {.connection = connection,
            .header = {.object_id = id(object), .request_id = request_id, .type = RequestType::getObject},
            .awaited = id(object),
            .deadline = deadline};
}

using Numbers = std::vector<std::uint64_t>;

// Takes all that there are, and returns the numbers of the requests.
template <typename Take>
Numbers takeAll(const Take& take_next) {
    Numbers numbers;
    while (const std::optional<WaitingRequest> taken = take_next()) {
        numbers.push_back(taken->header.request_id);
    }
    return numbers;
}

Numbers takeFor(WaitingRequests& waiting, std::uint64_t object) {
    return takeAll([&] { return waiting.takeNextFor(id(object)); });
}

Numbers takeExpired(WaitingRequests& waiting, Time now) {
    return takeAll([&] { return waiting.takeNextExpired(now); });
}

TEST(WaitingRequests, AreTakenInTheOrderOfArrival) {
    WaitingRequests waiting({});
    for (std::uint64_t number = 0; number < 5; ++number) {
        waiting.add(request(number % 2, 1, number));
    }
    waiting.add(request(0, 2, 9));
    EXPECT_EQ(takeFor(waiting, 1), (Numbers{0, 1, 2, 3, 4}));
    EXPECT_EQ(waiting.size(), 1U);
    EXPECT_TRUE(takeFor(waiting, 1).empty());
    EXPECT_TRUE(waiting.check());
}

TEST(WaitingRequests, ExpireInTheOrderOfDeadlines) {
    WaitingRequests waiting({});
    const Time start{};
    waiting.add(request(1, 1, 0, start + milliseconds(30)));
    waiting.add(request(1, 2, 1, start + milliseconds(10)));
    waiting.add(request(1, 3, 2));
    EXPECT_EQ(waiting.nextDeadline(), start + milliseconds(10));
    EXPECT_TRUE(takeExpired(waiting, start + milliseconds(9)).empty());
    EXPECT_EQ(takeExpired(waiting, start + milliseconds(30)), (Numbers{1, 0}));
    EXPECT_EQ(waiting.nextDeadline(), std::nullopt);
    EXPECT_EQ(waiting.size(), 1U);
    EXPECT_TRUE(waiting.check());
}

TEST(WaitingRequests, LeaveWithTheirConnection) {
    WaitingRequests waiting({});
    const Time start{};
    waiting.add(request(1, 1, 0, start));
    waiting.add(request(2, 1, 1, start));
    waiting.add(request(1, 2, 2));
    EXPECT_EQ(waiting.countOf(1), 2U);
    waiting.dropConnection(1);
    waiting.dropConnection(7);
    EXPECT_EQ(waiting.countOf(1), 0U);
    EXPECT_TRUE(waiting.check());
    EXPECT_EQ(takeFor(waiting, 1), (Numbers{1}));
    EXPECT_EQ(waiting.size(), 0U);
    EXPECT_TRUE(waiting.check());
}

}  // namespace
}  // namespace scaler::object_storage
