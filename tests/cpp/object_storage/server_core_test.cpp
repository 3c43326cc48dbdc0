// Each test is a conversation: frames in, answers and closed connections out.
#include "object_storage/server_core.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace scaler::object_storage {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kAll = UINT64_MAX;

ObjectId id(std::uint64_t number) { return ObjectId{{number, 1, 2, 3}}; }

struct Answer {
    ConnectionId connection = 0;
    ResponseType type = ResponseType::setOk;
    ObjectId objectId;
    std::uint64_t responseId = 0;
    std::string payload;
    const std::byte* memory = nullptr;

    bool operator==(const Answer& other) const {
        return connection == other.connection && type == other.type && objectId == other.objectId &&
               responseId == other.responseId && payload == other.payload;
    }
};

std::ostream& operator<<(std::ostream& stream, const Answer& answer) {
    return stream << "connection " << answer.connection << " type " << static_cast<int>(answer.type) << " object "
                  << answer.objectId.fields[0] << " response " << answer.responseId << " payload '" << answer.payload
                  << "'";
}

class RecordingOutbox : public Outbox {
public:
    void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) override {
        const auto response = readResponseHeader(header);
        ASSERT_TRUE(response);
        ASSERT_EQ(response->payloadLength, payload.size());
        ASSERT_EQ(payload.isNull(), response->payloadLength == 0);
        answers.push_back({connection, response->type, response->objectId, response->responseId,
                           std::string(payload.view()), payload.data()});
    }
    void close(ConnectionId connection, const std::string& reason) override { closed[connection] = reason; }
    void closeAfterAnswers(ConnectionId connection, const std::string& reason) override {
        closedAfterAnswers[connection] = reason;
    }

    std::vector<Answer> answers;
    std::map<ConnectionId, std::string> closed;
    std::map<ConnectionId, std::string> closedAfterAnswers;
};

class ServerCoreTest : public testing::Test {
protected:
    void SetUp() override {
        for (const ConnectionId connection : {1, 2, 3}) {
            core_.onConnected(connection);
        }
    }
    void TearDown() override { EXPECT_TRUE(core_.check()); }

    void frame(ConnectionId connection, ByteView bytes) { core_.onFrame(connection, ymq::Bytes::copy(bytes), now_); }
    void frame(ConnectionId connection, std::string_view bytes) { frame(connection, std::as_bytes(std::span(bytes))); }

    void header(ConnectionId connection, RequestType type, std::uint64_t object, std::uint64_t length,
                std::uint64_t requestId, std::uint32_t timeoutMilliseconds = 0) {
        frame(connection, writeRequestHeader({.objectId = id(object),
                                              .payloadLength = length,
                                              .requestId = requestId,
                                              .type = type,
                                              .timeoutMilliseconds = timeoutMilliseconds}));
    }
    void set(ConnectionId connection, std::uint64_t object, std::string_view content, std::uint64_t requestId = 0) {
        header(connection, RequestType::setObject, object, content.size(), requestId);
        frame(connection, content);
    }
    void get(ConnectionId connection, std::uint64_t object, std::uint64_t requestId = 0, std::uint64_t maximum = kAll,
             std::uint32_t timeoutMilliseconds = 0) {
        header(connection, RequestType::getObject, object, maximum, requestId, timeoutMilliseconds);
    }
    void erase(ConnectionId connection, std::uint64_t object, std::uint64_t requestId = 0) {
        header(connection, RequestType::deleteObject, object, 0, requestId);
    }
    void duplicate(ConnectionId connection, std::uint64_t original, std::uint64_t copy, std::uint64_t requestId = 0,
                   std::uint32_t timeoutMilliseconds = 0) {
        header(connection, RequestType::duplicateObjectId, copy, kObjectIdMessageBytes, requestId, timeoutMilliseconds);
        frame(connection, writeObjectIdMessage(id(original)));
    }
    std::vector<std::uint64_t> info(ConnectionId connection) {
        header(connection, RequestType::infoGetTotal, 77, 0, 5);
        const Answer answer = takeAnswers().at(0);
        EXPECT_EQ(answer.type, ResponseType::infoGetTotalOk);
        EXPECT_EQ(answer.objectId, id(77));
        EXPECT_EQ(answer.payload.size(), 24U);
        std::vector<std::uint64_t> figures(3);
        std::memcpy(figures.data(), answer.payload.data(), 24);
        return figures;
    }

    std::vector<Answer> takeAnswers() { return std::exchange(outbox_.answers, {}); }
    void expectAnswers(const std::vector<Answer>& expected) { EXPECT_EQ(takeAnswers(), expected); }
    void expectClosed(ConnectionId connection, std::string_view part) {
        ASSERT_TRUE(outbox_.closed.contains(connection));
        EXPECT_NE(outbox_.closed[connection].find(part), std::string::npos) << outbox_.closed[connection];
        EXPECT_TRUE(takeAnswers().empty());
        // The others are served as before, and nothing of the closed connection is left.
        set(2, 1000, "other");
        get(2, 1000);
        EXPECT_EQ(takeAnswers().size(), 2U);
        EXPECT_EQ(core_.gauges().connections, 2U);
        EXPECT_EQ(core_.gauges().waitingRequests, 0U);
    }

    RecordingOutbox outbox_;
    ServerCore::Options options_{.waitingLimitPerConnection = 1000};
    ServerCore core_{options_, outbox_};
    Time now_{std::chrono::hours(1)};
};

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
    EXPECT_EQ(core_.gauges().waitingRequests, 2U);
    set(2, 7, "payload", 3);
    expectAnswers({{3, ResponseType::duplicateOk, id(8), 2, ""},
                   {1, ResponseType::getOk, id(8), 1, "payload"},
                   {2, ResponseType::setOk, id(7), 3, ""}});
    EXPECT_EQ(core_.gauges().waitingRequests, 0U);
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
    ServerCore core({.waitingLimitPerConnection = kLength}, outbox_);
    core.onConnected(1);
    for (std::uint64_t number = 0; number < kLength; ++number) {
        core.onFrame(1,
                     ymq::Bytes::copy(writeRequestHeader({.objectId = id(number + 1),
                                                          .payloadLength = kObjectIdMessageBytes,
                                                          .requestId = number,
                                                          .type = RequestType::duplicateObjectId})),
                     now_);
        core.onFrame(1, ymq::Bytes::copy(writeObjectIdMessage(id(number))), now_);
    }
    EXPECT_EQ(core.gauges().waitingRequests, kLength);
    core.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.objectId = id(0), .payloadLength = 1})), now_);
    core.onFrame(1, ymq::Bytes::copy(std::string_view("x")), now_);
    EXPECT_EQ(takeAnswers().size(), kLength + 1);
    EXPECT_EQ(core.gauges().totals, (ObjectTable::Totals{kLength + 1, 1, 1}));
    EXPECT_EQ(core.gauges().waitingRequests, 0U);
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
    EXPECT_EQ(core_.gauges().waitingRequests, 1U);
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
    ServerCore core({.defaultTimeout = milliseconds(50)}, outbox_);
    core.onConnected(1);
    core.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.requestId = 1, .type = RequestType::getObject})), now_);
    core.onFrame(1,
                 ymq::Bytes::copy(
                     writeRequestHeader({.requestId = 2, .type = RequestType::getObject, .timeoutMilliseconds = 80})),
                 now_);
    EXPECT_EQ(core.nextDeadline(), now_ + milliseconds(50));
    core.onTime(now_ + milliseconds(60));
    EXPECT_EQ(takeAnswers().size(), 1U);
    EXPECT_EQ(core.nextDeadline(), now_ + milliseconds(80));
}

class FullServerCore : public testing::Test {
protected:
    static ServerCore::Options options() {
        ServerCore::Options result;
        result.table.memoryLimitBytes = 2 * ObjectTable::kBytesPerId + 10;
        result.droppablePayloadBytes = 50;
        return result;
    }
    void SetUp() override {
        core_.onConnected(1);
        core_.onConnected(2);
    }
    void set(std::uint64_t object, std::string_view content) {
        core_.onFrame(
            1, ymq::Bytes::copy(writeRequestHeader({.objectId = id(object), .payloadLength = content.size()})), {});
        core_.onFrame(1, ymq::Bytes::copy(content), {});
    }
    void get(std::uint64_t object) {
        core_.onFrame(1,
                      ymq::Bytes::copy(writeRequestHeader(
                          {.objectId = id(object), .payloadLength = kAll, .type = RequestType::getObject})),
                      {});
    }
    void duplicate(std::uint64_t original, std::uint64_t copy) {
        core_.onFrame(1,
                      ymq::Bytes::copy(writeRequestHeader({.objectId = id(copy),
                                                           .payloadLength = kObjectIdMessageBytes,
                                                           .type = RequestType::duplicateObjectId})),
                      {});
        core_.onFrame(1, ymq::Bytes::copy(writeObjectIdMessage(id(original))), {});
    }
    ResponseType lastType() { return outbox_.answers.back().type; }

    RecordingOutbox outbox_;
    ServerCore core_{options(), outbox_};
};

TEST_F(FullServerCore, SetIsAnsweredWithStorageFullAndTheRestGoesOn) {
    set(1, "12345678");
    set(2, "1234");
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    get(1);
    EXPECT_EQ(lastType(), ResponseType::getOk);
    set(1, "1234");
    EXPECT_EQ(lastType(), ResponseType::setOk);
    set(2, "5678");
    EXPECT_EQ(lastType(), ResponseType::setOk);
    duplicate(1, 3);
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_TRUE(outbox_.closed.empty());
    EXPECT_TRUE(core_.check());
}

TEST_F(FullServerCore, WaitingDuplicateIsAnsweredWithStorageFull) {
    duplicate(1, 3);
    set(2, "");
    set(1, "1");
    ASSERT_EQ(outbox_.answers.size(), 3U);
    EXPECT_EQ(outbox_.answers[1].type, ResponseType::storageFull);
    EXPECT_EQ(outbox_.answers[2].type, ResponseType::setOk);
}

TEST_F(FullServerCore, SetThatCanNeverFitIsAnsweredAndItsPayloadNotTaken) {
    core_.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.payloadLength = 1'000'000})), {});
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_NE(outbox_.closedAfterAnswers.at(1).find("memory limit"), std::string::npos);
    EXPECT_EQ(core_.gauges().connections, 1U);
}

TEST_F(FullServerCore, SmallPayloadIsReceivedBeforeItIsRefused) {
    set(1, "123");
    set(2, std::string(50, 'x'));
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_TRUE(outbox_.closedAfterAnswers.empty());
    get(1);
    EXPECT_EQ(lastType(), ResponseType::getOk);
}

TEST_F(FullServerCore, WhatIsBeingReceivedIsBoundedToo) {
    const auto announce = [this](ConnectionId connection, std::uint64_t length) {
        core_.onFrame(connection, ymq::Bytes::copy(writeRequestHeader({.objectId = id(9), .payloadLength = length})),
                      {});
    };
    core_.onConnected(3);
    announce(1, 80);
    announce(2, 80);
    EXPECT_TRUE(outbox_.answers.empty());
    announce(3, 80);
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_TRUE(outbox_.closedAfterAnswers.contains(3));
    core_.onClosed(1);
    core_.onConnected(4);
    announce(4, 80);
    EXPECT_EQ(outbox_.closedAfterAnswers.size(), 1U);
    core_.onFrame(4, ymq::Bytes::copy(std::string_view(std::string(80, 'x'))), {});
    EXPECT_EQ(lastType(), ResponseType::setOk);
}

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
    header(1, static_cast<RequestType>(5), 7, 0, 0);
    expectClosed(1, "unknown request type 5");
}

TEST_F(ServerCoreTest, TooManyWaitingRequestsCloseTheConnection) {
    for (std::uint64_t number = 0; number <= 1000; ++number) {
        get(1, number);
    }
    expectClosed(1, "more than 1000 waiting requests");
}

TEST_F(ServerCoreTest, FramesBehindARefusedOneAreIgnored) {
    frame(1, std::string(80, '\xaa'));
    set(1, 7, "payload");
    EXPECT_TRUE(takeAnswers().empty());
    EXPECT_EQ(info(2), (Figures{0, 0, 0}));
}

}  // namespace
}  // namespace scaler::object_storage
