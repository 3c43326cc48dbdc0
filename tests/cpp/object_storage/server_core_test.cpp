// Each test is a conversation of well-behaved peers.
#include "object_storage/server_core.h"

#include "object_storage/server_core_fixture.h"

namespace scaler::object_storage {
namespace {

using std::chrono::milliseconds;
using Figures = std::vector<std::uint64_t>;

TEST_F(ServerCoreTest, SetIsAnsweredWithItsId) {
    set(1, 7, "payload", 42);
    expectAnswers({{1, ResponseType::setOk, id(7), 42, ""}});
}

TEST_F(ServerCoreTest, GetReturnsAllOrTheFirstBytes) {
    set(1, 7, "payload");
    takeAnswers();
    get(1, 7, 1);
    get(1, 7, 2, 1);
    get(1, 7, 3, 7);
    get(1, 7, 4, 8);
    expectAnswers({{1, ResponseType::getOk, id(7), 1, "payload"},
                   {1, ResponseType::getOk, id(7), 2, "p"},
                   {1, ResponseType::getOk, id(7), 3, "payload"},
                   {1, ResponseType::getOk, id(7), 4, "payload"}});
}

TEST_F(ServerCoreTest, AnswersShareTheReceivedBuffer) {
    header(1, RequestType::setObject, 7, 7, 0);
    const ymq::Bytes received = ymq::Bytes::copy(std::string_view("payload"));
    core_.onFrame(1, received, now_);
    get(1, 7);
    get(2, 7, 0, 3);
    const std::vector<Answer> answers = takeAnswers();
    EXPECT_EQ(answers.at(1).memory, received.data());
    EXPECT_EQ(answers.at(2).memory, received.data());
}

TEST_F(ServerCoreTest, WholeRequestsAreHandledAsFramesAre) {
    const ymq::Bytes payload = ymq::Bytes::copy(std::string_view("payload"));
    get(2, 7, 5);
    whole(1, RequestType::setObject, 7, 7, payload);
    expectAnswers({{2, ResponseType::getOk, id(7), 5, "payload"}, {1, ResponseType::setOk, id(7), 1, ""}});
    whole(1, RequestType::duplicateObjectId, 8, kObjectIdMessageBytes, ymq::Bytes::copy(writeObjectIdMessage(id(7))));
    whole(1, RequestType::getObject, 8, 3);
    whole(1, RequestType::deleteObject, 7, 0);
    whole(1, RequestType::getObject, 9, kAll);
    set(2, 9, "later", 2);
    expectAnswers({{1, ResponseType::duplicateOk, id(8), 1, ""},
                   {1, ResponseType::getOk, id(8), 1, "pay"},
                   {1, ResponseType::deleteOk, id(7), 1, ""},
                   {1, ResponseType::getOk, id(9), 1, "later"},
                   {2, ResponseType::setOk, id(9), 2, ""}});
}

TEST_F(ServerCoreTest, LargeContentsAreFreedWhenThereIsNothingElseToDo) {
    struct Freed {
        static void note(void* flag) noexcept { *static_cast<bool*>(flag) = true; }
    };
    const std::string large(100'000, 'x');
    bool is_freed = false;
    header(1, RequestType::setObject, 7, large.size(), 0);
    core_.onFrame(1, ymq::Bytes::external(large.data(), large.size(), &Freed::note, &is_freed), now_);
    EXPECT_FALSE(core_.hasIdleWork());
    erase(1, 7);
    EXPECT_TRUE(core_.hasIdleWork());
    EXPECT_FALSE(is_freed);
    EXPECT_EQ(core_.gauges().totals.content_bytes, 0U);
    core_.onIdle();
    EXPECT_TRUE(is_freed);
    EXPECT_FALSE(core_.hasIdleWork());
}

TEST_F(ServerCoreTest, DeleteTellsWhetherTheObjectExisted) {
    erase(1, 7, 1);
    set(1, 7, "payload", 2);
    erase(1, 7, 3);
    erase(1, 7, 4);
    expectAnswers({{1, ResponseType::deleteNotExists, id(7), 1, ""},
                   {1, ResponseType::setOk, id(7), 2, ""},
                   {1, ResponseType::deleteOk, id(7), 3, ""},
                   {1, ResponseType::deleteNotExists, id(7), 4, ""}});
}

TEST_F(ServerCoreTest, RequestsAnswersBytesAndRefusalsAreCounted) {
    set(1, 7, "payload");
    get(1, 7, 1);
    get(2, 7, 2, 3);
    get(2, 8, 3);
    erase(1, 7);
    erase(1, 7);
    frame(3, "nonsense");
    header(2, static_cast<RequestType>(77), 1, 0, 4);
    const ServerCore::Counts counts = core_.gauges().counts;
    EXPECT_EQ(counts.requests, (std::array<std::uint64_t, kRequestTypes>{1, 3, 2, 0, 0, 0}));
    EXPECT_EQ(counts.answers, (std::array<std::uint64_t, kResponseTypes>{1, 2, 1, 1, 0, 0, 0, 0, 0}));
    EXPECT_EQ(counts.stored_bytes, 7U);
    EXPECT_EQ(counts.answered_bytes, 10U);
    EXPECT_EQ(counts.refused_connections, 2U);
    EXPECT_TRUE(core_.gauges().is_serving);
    EXPECT_FALSE(ServerCore::Gauges().is_serving);
}

TEST_F(ServerCoreTest, DeleteOwnerTakesEveryObjectOfTheOwner) {
    const auto frame_of = [](RequestType type, const ObjectId& object, std::uint64_t request_id) {
        return writeRequestHeader({.object_id = object, .request_id = request_id, .type = type});
    };
    const ObjectId owner{{7, 1, 0, 0}};
    set(1, 7, "payload");
    set(1, 8, "of another owner");
    frame(1, frame_of(RequestType::setObject, {{7, 1, 9, 9}}, 0));
    frame(1, "");
    takeAnswers();
    frame(2, frame_of(RequestType::deleteOwner, owner, 1));
    frame(2, frame_of(RequestType::deleteOwner, owner, 2));
    expectAnswers({{2, ResponseType::deleteOk, owner, 1, ""}, {2, ResponseType::deleteNotExists, owner, 2, ""}});
    EXPECT_EQ(info(1), (std::vector<std::uint64_t>{1, 1, 16}));
}

TEST_F(ServerCoreTest, DuplicateMakesASecondName) {
    set(1, 7, "payload");
    duplicate(1, 7, 8, 1);
    get(2, 8, 2);
    takeAnswers();
    set(1, 7, "changed");
    get(2, 8, 3);
    EXPECT_EQ(takeAnswers().at(1), (Answer{2, ResponseType::getOk, id(8), 3, "payload"}));
}

TEST_F(ServerCoreTest, EmptyObjectIsAnsweredWithoutAPayload) {
    set(1, 7, "", 1);
    get(1, 7, 2);
    set(1, 8, "payload", 3);
    get(1, 8, 4, 0);
    expectAnswers({{1, ResponseType::setOk, id(7), 1, ""},
                   {1, ResponseType::getOk, id(7), 2, ""},
                   {1, ResponseType::setOk, id(8), 3, ""},
                   {1, ResponseType::getOk, id(8), 4, ""}});
}

TEST_F(ServerCoreTest, SetReleasesADuplicateAndWhatWaitsForTheCopy) {
    get(1, 8, 1);
    duplicate(3, 7, 8, 2);
    EXPECT_TRUE(takeAnswers().empty());
    EXPECT_EQ(core_.gauges().waiting_requests, 2U);
    set(2, 7, "payload", 3);
    expectAnswers({{3, ResponseType::duplicateOk, id(8), 2, ""},
                   {1, ResponseType::getOk, id(8), 1, "payload"},
                   {2, ResponseType::setOk, id(7), 3, ""}});
    EXPECT_EQ(core_.gauges().waiting_requests, 0U);
}

TEST_F(ServerCoreTest, WaitingRequestsAreReleasedDepthFirstInTheOrderOfArrival) {
    get(1, 20, 1);            // waits for a copy of the copy
    duplicate(1, 10, 20, 2);  // waits for the copy
    get(1, 7, 3);
    duplicate(1, 7, 10, 4);
    get(1, 7, 5, 2);
    get(1, 10, 6);
    set(2, 7, "payload", 9);
    expectAnswers({{1, ResponseType::getOk, id(7), 3, "payload"},
                   {1, ResponseType::duplicateOk, id(10), 4, ""},
                   {1, ResponseType::duplicateOk, id(20), 2, ""},
                   {1, ResponseType::getOk, id(20), 1, "payload"},
                   {1, ResponseType::getOk, id(10), 6, "payload"},
                   {1, ResponseType::getOk, id(7), 5, "pa"},
                   {2, ResponseType::setOk, id(7), 9, ""}});
}

TEST_F(ServerCoreTest, ImmediateDuplicateReleasesBeforeItsOwnAnswer) {
    set(1, 7, "payload");
    get(2, 8, 1);
    takeAnswers();
    duplicate(1, 7, 8, 2);
    expectAnswers({{2, ResponseType::getOk, id(8), 1, "payload"}, {1, ResponseType::duplicateOk, id(8), 2, ""}});
}

TEST_F(ServerCoreTest, ChainOfCopiesDoesNotGrowTheCallStack) {
    constexpr std::uint64_t kLength = 200'000;
    ServerCore core({.waiting_limit_per_connection = kLength}, outbox_);
    core.onConnected(1);
    for (std::uint64_t number = 0; number < kLength; ++number) {
        core.onFrame(1,
                     ymq::Bytes::copy(writeRequestHeader({.object_id = id(number + 1),
                                                          .payload_length = kObjectIdMessageBytes,
                                                          .request_id = number,
                                                          .type = RequestType::duplicateObjectId})),
                     now_);
        core.onFrame(1, ymq::Bytes::copy(writeObjectIdMessage(id(number))), now_);
    }
    EXPECT_EQ(core.gauges().waiting_requests, kLength);
    core.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.object_id = id(0), .payload_length = 1})), now_);
    core.onFrame(1, ymq::Bytes::copy(std::string_view("x")), now_);
    EXPECT_EQ(takeAnswers().size(), kLength + 1);
    EXPECT_EQ(core.gauges().totals, (ObjectTable::Totals{kLength + 1, 1, 1}));
    EXPECT_EQ(core.gauges().waiting_requests, 0U);
}

TEST_F(ServerCoreTest, CircleOfCopiesEnds) {
    duplicate(1, 7, 8, 1);
    duplicate(1, 8, 7, 2);
    duplicate(1, 7, 7, 3);
    set(2, 7, "payload", 4);
    expectAnswers({{1, ResponseType::duplicateOk, id(8), 1, ""},
                   {1, ResponseType::duplicateOk, id(7), 2, ""},
                   {1, ResponseType::duplicateOk, id(7), 3, ""},
                   {2, ResponseType::setOk, id(7), 4, ""}});
    EXPECT_EQ(info(2), (Figures{2, 1, 7}));
}

TEST_F(ServerCoreTest, DuplicateOntoItselfKeepsTheObject) {
    set(1, 7, "payload", 1);
    duplicate(1, 7, 7, 2);
    get(1, 7, 3);
    expectAnswers({{1, ResponseType::setOk, id(7), 1, ""},
                   {1, ResponseType::duplicateOk, id(7), 2, ""},
                   {1, ResponseType::getOk, id(7), 3, "payload"}});
}

TEST_F(ServerCoreTest, WaitingGetDoesNotHoldBackLaterRequests) {
    get(1, 7, 1);
    set(1, 8, "other", 2);
    get(1, 8, 3);
    set(1, 7, "payload", 4);
    expectAnswers({{1, ResponseType::setOk, id(8), 2, ""},
                   {1, ResponseType::getOk, id(8), 3, "other"},
                   {1, ResponseType::getOk, id(7), 1, "payload"},
                   {1, ResponseType::setOk, id(7), 4, ""}});
}

TEST_F(ServerCoreTest, ClosedConnectionTakesItsWaitingRequestsAlong) {
    get(1, 7, 1);
    get(3, 7, 2);
    core_.onClosed(1);
    EXPECT_EQ(core_.gauges().waiting_requests, 1U);
    set(2, 7, "payload", 3);
    expectAnswers({{3, ResponseType::getOk, id(7), 2, "payload"}, {2, ResponseType::setOk, id(7), 3, ""}});
}

TEST_F(ServerCoreTest, HalfARequestGoesWithItsConnection) {
    header(1, RequestType::setObject, 7, 7, 0);
    core_.onClosed(1);
    core_.onConnected(1);
    EXPECT_EQ(core_.frameLimit(1), kHeaderBytes);
    get(1, 7, 1);
    set(1, 7, "payload", 2);
    expectAnswers({{1, ResponseType::getOk, id(7), 1, "payload"}, {1, ResponseType::setOk, id(7), 2, ""}});
}

TEST_F(ServerCoreTest, DeleteDoesNotTouchWaitingRequestsAndALaterGetWaits) {
    get(1, 7, 1);
    erase(2, 7, 2);
    set(2, 7, "old", 3);
    erase(2, 7, 4);
    get(1, 7, 5);
    takeAnswers();
    set(2, 7, "new", 6);
    expectAnswers({{1, ResponseType::getOk, id(7), 5, "new"}, {2, ResponseType::setOk, id(7), 6, ""}});
}

TEST_F(ServerCoreTest, InfoCountsIdsContentsAndBytes) {
    EXPECT_EQ(info(1), (Figures{0, 0, 0}));
    set(1, 7, "payload");
    takeAnswers();
    EXPECT_EQ(info(1), (Figures{1, 1, 7}));
    duplicate(1, 7, 8);
    takeAnswers();
    EXPECT_EQ(info(1), (Figures{2, 1, 7}));
    erase(1, 7);
    takeAnswers();
    EXPECT_EQ(info(1), (Figures{1, 1, 7}));
    erase(1, 8);
    takeAnswers();
    EXPECT_EQ(info(1), (Figures{0, 0, 0}));
}

TEST_F(ServerCoreTest, WaitingEndsAtTheDeadlineOfTheRequest) {
    get(1, 7, 1, kAll, 500);
    duplicate(1, 7, 8, 2, 100);
    get(1, 7, 3);
    EXPECT_EQ(core_.nextDeadline(), now_ + milliseconds(100));
    core_.onTime(now_ + milliseconds(99));
    EXPECT_TRUE(takeAnswers().empty());
    core_.onTime(now_ + milliseconds(100));
    expectAnswers({{1, ResponseType::timedOut, id(8), 2, ""}});
    core_.onTime(now_ + milliseconds(10'000));
    expectAnswers({{1, ResponseType::timedOut, id(7), 1, ""}});
    EXPECT_EQ(core_.nextDeadline(), std::nullopt);
    set(2, 7, "payload", 4);
    expectAnswers({{1, ResponseType::getOk, id(7), 3, "payload"}, {2, ResponseType::setOk, id(7), 4, ""}});
}

TEST_F(ServerCoreTest, DefaultTimeoutAppliesToRequestsWithoutOne) {
    ServerCore core({.default_timeout = milliseconds(50)}, outbox_);
    core.onConnected(1);
    core.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.request_id = 1, .type = RequestType::getObject})), now_);
    core.onFrame(1,
                 ymq::Bytes::copy(
                     writeRequestHeader({.request_id = 2, .type = RequestType::getObject, .timeout_milliseconds = 80})),
                 now_);
    EXPECT_EQ(core.nextDeadline(), now_ + milliseconds(50));
    core.onTime(now_ + milliseconds(60));
    EXPECT_EQ(takeAnswers().size(), 1U);
    EXPECT_EQ(core.nextDeadline(), now_ + milliseconds(80));
}

}  // namespace
}  // namespace scaler::object_storage
