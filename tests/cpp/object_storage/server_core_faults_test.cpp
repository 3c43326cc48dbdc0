// What peers do wrong: each fault costs its own connection, with a reason, and nothing else.
#include "object_storage/server_core_fixture.h"

namespace scaler::object_storage {
namespace {

using Figures = std::vector<std::uint64_t>;

TEST_F(ServerCoreTest, GarbageHeaderClosesTheConnection) {
    frame(1, std::string(80, '\xaa'));
    expectClosed(1, "malformed request header");
}

TEST_F(ServerCoreTest, ShortHeaderClosesTheConnection) {
    frame(1, std::string(79, '\0'));
    expectClosed(1, "header of 79 bytes");
}

TEST_F(ServerCoreTest, EmptyHeaderClosesTheConnection) {
    frame(1, "");
    expectClosed(1, "header of 0 bytes");
}

TEST_F(ServerCoreTest, LongHeaderIsAboveTheLimitOfTheFrame) {
    EXPECT_EQ(core_.frameLimit(1), 80U);
    frame(1, std::string(81, '\0'));
    expectClosed(1, "header of 81 bytes");
}

TEST_F(ServerCoreTest, SetAboveThePayloadLimitClosesTheConnection) {
    header(1, RequestType::setObject, 7, (6ULL << 40U) + 1, 0);
    expectClosed(1, "more than the limit");
}

TEST_F(ServerCoreTest, SetOfThePayloadLimitIsAccepted) {
    header(1, RequestType::setObject, 7, 6ULL << 40U, 0);
    EXPECT_EQ(core_.frameLimit(1), 6ULL << 40U);
    EXPECT_TRUE(outbox_.closed.empty());
}

TEST_F(ServerCoreTest, DuplicateOfAnotherSizeClosesTheConnection) {
    header(1, RequestType::duplicateObjectId, 7, 47, 0);
    expectClosed(1, "id of 47 bytes");
}

TEST_F(ServerCoreTest, ShortPayloadClosesTheConnection) {
    header(1, RequestType::setObject, 7, 7, 0);
    EXPECT_EQ(core_.frameLimit(1), 7U);
    frame(1, "short");
    expectClosed(1, "payload of 5 bytes instead of the announced 7");
    EXPECT_EQ(core_.gauges().totals.ids, 1U);
}

TEST_F(ServerCoreTest, ShortDuplicateClosesTheConnection) {
    header(1, RequestType::duplicateObjectId, 7, 48, 0);
    frame(1, "short");
    expectClosed(1, "payload of 5 bytes");
}

TEST_F(ServerCoreTest, MalformedObjectIdClosesTheConnection) {
    header(1, RequestType::duplicateObjectId, 7, 48, 0);
    frame(1, std::string(48, '\xaa'));
    expectClosed(1, "malformed object id");
}

TEST_F(ServerCoreTest, UnknownRequestTypeClosesTheConnection) {
    header(1, static_cast<RequestType>(6), 7, 0, 0);
    expectClosed(1, "unknown request type 6");
}

TEST_F(ServerCoreTest, DeleteOwnerWithTheIdOfAnObjectClosesTheConnection) {
    set(1, 7, "payload");
    takeAnswers();
    header(1, RequestType::deleteOwner, 7, 0, 0);
    expectClosed(1, "with the id of an object");
    get(2, 7);
    EXPECT_EQ(takeAnswers().at(0).payload, "payload");
}

TEST_F(ServerCoreTest, WholeRequestOfAnotherLengthClosesTheConnection) {
    whole(1, RequestType::setObject, 7, 8, ymq::Bytes::copy(std::string_view("payload")));
    expectClosed(1, "payload of 7 bytes");
    whole(1, RequestType::setObject, 7, 7, ymq::Bytes::copy(std::string_view("payload")));
    EXPECT_TRUE(takeAnswers().empty());
}

TEST_F(ServerCoreTest, WholeRequestWithAPayloadThatItCannotHaveClosesTheConnection) {
    whole(1, RequestType::getObject, 7, 7, ymq::Bytes::copy(std::string_view("payload")));
    expectClosed(1, "a payload behind");
}

TEST_F(ServerCoreTest, TooManyWaitingRequestsCloseTheConnection) {
    for (std::uint64_t number = 0; number <= 1000; ++number) {
        get(1, number);
    }
    expectClosed(1, "more than 1000 waiting requests");
}

TEST(WaitingLimit, IsOfAllConnectionsTogether) {
    RecordingOutbox outbox;
    ServerCore core({.waiting_limit_per_connection = 8, .waiting_limit = 10}, outbox);
    for (ConnectionId connection = 1; connection <= 3; ++connection) {
        core.onConnected(connection);
        for (std::uint64_t number = 0; number < 4; ++number) {
            core.onFrame(
                connection,
                ymq::Bytes::copy(writeRequestHeader({.object_id = id(number), .type = RequestType::getObject})), {});
        }
    }
    EXPECT_EQ(outbox.closed.size(), 1U);
    EXPECT_NE(outbox.closed[3].find("more than 10 waiting requests of all"), std::string::npos);
    EXPECT_EQ(core.gauges().waiting_requests, 8U);
    EXPECT_TRUE(core.check());
}

TEST(WaitingLimit, IsAShareOfTheMemoryLimit) {
    RecordingOutbox outbox;
    ServerCore::Options options;
    options.table.memory_limit_bytes = 1'000'000;
    ServerCore core(options, outbox);
    core.onConnected(1);
    for (std::uint64_t number = 0; outbox.closed.empty() && number < 100'000; ++number) {
        core.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.object_id = id(number), .type = RequestType::getObject})),
                     {});
    }
    EXPECT_NE(outbox.closed[1].find("more than 8192 waiting requests"), std::string::npos);
}

TEST_F(ServerCoreTest, FramesBehindARefusedOneAreIgnored) {
    frame(1, std::string(80, '\xaa'));
    set(1, 7, "payload");
    EXPECT_TRUE(takeAnswers().empty());
    EXPECT_EQ(info(2), (Figures{0, 0, 0}));
}

}  // namespace
}  // namespace scaler::object_storage
