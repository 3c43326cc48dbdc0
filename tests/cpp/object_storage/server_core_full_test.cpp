// A server core whose memory limit leaves room for two ids and ten bytes.
#include "object_storage/server_core_fixture.h"

namespace scaler::object_storage {
namespace {

class FullServerCore : public testing::Test {
protected:
    static ServerCore::Options options() {
        ServerCore::Options result;
        result.table.memory_limit_bytes = 2 * ObjectTable::kBytesPerId + 10;
        result.droppable_payload_bytes = 50;
        return result;
    }
    void SetUp() override {
        core_.onConnected(1);
        core_.onConnected(2);
    }
    void set(std::uint64_t object, std::string_view content) {
        core_.onFrame(
            1, ymq::Bytes::copy(writeRequestHeader({.object_id = id(object), .payload_length = content.size()})), {});
        core_.onFrame(1, ymq::Bytes::copy(content), {});
    }
    void get(std::uint64_t object) {
        core_.onFrame(1,
                      ymq::Bytes::copy(writeRequestHeader(
                          {.object_id = id(object), .payload_length = kAll, .type = RequestType::getObject})),
                      {});
    }
    void duplicate(std::uint64_t original, std::uint64_t copy) {
        core_.onFrame(1,
                      ymq::Bytes::copy(writeRequestHeader({.object_id = id(copy),
                                                           .payload_length = kObjectIdMessageBytes,
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
    core_.onFrame(1, ymq::Bytes::copy(writeRequestHeader({.payload_length = 1'000'000})), {});
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_NE(outbox_.closed_after_answers.at(1).find("memory limit"), std::string::npos);
    EXPECT_EQ(core_.gauges().connections, 1U);
}

TEST_F(FullServerCore, WholeSetWhosePayloadWasNotTakenIsAnswered) {
    const auto header = ymq::Bytes::copy(writeRequestHeader({.payload_length = 1'000'000}));
    core_.onRequest(1, header, ymq::Bytes(), {});
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_TRUE(outbox_.closed.empty());
}

TEST_F(FullServerCore, SmallPayloadIsReceivedBeforeItIsRefused) {
    set(1, "123");
    set(2, std::string(50, 'x'));
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_TRUE(outbox_.closed_after_answers.empty());
    get(1);
    EXPECT_EQ(lastType(), ResponseType::getOk);
}

// What is on its way to a server whose limit leaves room for one large set of 170 bytes, and small ones of 82 in all.
class Arrivals : public FullServerCore {
protected:
    void SetUp() override {
        for (ConnectionId connection = 1; connection <= 5; ++connection) {
            core_.onConnected(connection);
        }
    }
    void TearDown() override { EXPECT_TRUE(core_.check()); }

    void announce(ConnectionId connection, std::uint64_t length) {
        core_.onFrame(connection, ymq::Bytes::copy(writeRequestHeader({.object_id = id(9), .payload_length = length})),
                      now_);
    }
    void send(ConnectionId connection, std::size_t length) {
        core_.onFrame(connection, ymq::Bytes::copy(std::string(length, 'x')), now_);
    }
    // As the shell does, which asks at the times it is told.
    void pass(std::chrono::seconds time) {
        const Time end = now_ + time;
        while (core_.nextDeadline() && *core_.nextDeadline() <= end) {
            now_ = *core_.nextDeadline();
            core_.onTime(now_);
        }
        now_ = end;
    }
    using Connections = std::set<ConnectionId>;

    Time now_{std::chrono::hours(1)};
};

TEST_F(Arrivals, LargeSetsWaitUntilThereIsRoomForThem) {
    announce(1, 80);
    announce(2, 80);
    EXPECT_TRUE(outbox_.held.empty());
    announce(3, 80);
    announce(4, 60);
    EXPECT_EQ(outbox_.held, (Connections{3, 4}));
    send(1, 80);
    EXPECT_EQ(outbox_.held, (Connections{4}));
    core_.onClosed(2);
    EXPECT_TRUE(outbox_.held.empty());
    send(3, 80);
    send(4, 60);
    EXPECT_EQ(outbox_.answers.size(), 3U);
    EXPECT_TRUE(outbox_.closed.empty());
}

TEST_F(Arrivals, SmallSetsAreBoundedToo) {
    announce(1, 50);
    announce(2, 50);
    EXPECT_EQ(outbox_.held, (Connections{2}));
    announce(3, 170);
    EXPECT_EQ(outbox_.held, (Connections{2})) << "large ones have another room";
    send(1, 50);
    EXPECT_TRUE(outbox_.held.empty());
}

TEST_F(Arrivals, WhoGoesWhileItWaitsForRoomLeavesNothing) {
    announce(1, 160);
    announce(2, 160);
    announce(3, 160);
    core_.onClosed(2);
    outbox_.held.erase(2);
    EXPECT_EQ(outbox_.held, (Connections{3}));
    core_.onClosed(1);
    EXPECT_TRUE(outbox_.held.empty());
    core_.onClosed(3);
    pass(std::chrono::seconds(2));
    EXPECT_EQ(core_.nextDeadline(), std::nullopt);
}

TEST_F(Arrivals, SetThatNeverComesGivesWayToAnother) {
    announce(1, 160);
    pass(std::chrono::hours(1));
    announce(2, 160);
    EXPECT_EQ(outbox_.held, (Connections{2}));
    pass(std::chrono::seconds(9));
    EXPECT_TRUE(outbox_.closed.empty());
    pass(std::chrono::seconds(3));
    EXPECT_NE(outbox_.closed[1].find("others need the room"), std::string::npos);
    EXPECT_TRUE(outbox_.held.empty());
    send(2, 160);
    EXPECT_EQ(outbox_.closed.size(), 1U);
    EXPECT_EQ(core_.nextDeadline(), std::nullopt);
}

TEST_F(Arrivals, SetThatNeverComesKeepsItsRoomWhenNobodyNeedsIt) {
    announce(1, 160);
    pass(std::chrono::hours(1));
    send(1, 160);
    EXPECT_EQ(outbox_.answers.size(), 1U);
    EXPECT_TRUE(outbox_.closed.empty());
}

TEST_F(Arrivals, SetThatComesSlowlyKeepsItsRoom) {
    announce(1, 160);
    announce(2, 160);
    for (std::uint64_t count = 0; count < 10; ++count) {
        outbox_.received[1] = count;
        pass(std::chrono::seconds(8));
    }
    EXPECT_TRUE(outbox_.closed.empty());
    EXPECT_EQ(outbox_.held, (Connections{2}));
}

// Deleted contents that answers to peers that do not read keep, with a limit of a little more than one of them.
class Unread : public Arrivals {
protected:
    static constexpr std::size_t kSizeBytes = 100'000;

    Unread() : core_{options(), outbox_} {}
    static ServerCore::Options options() {
        ServerCore::Options result;
        result.table.memory_limit_bytes = kSizeBytes * 3 / 2;
        return result;
    }
    void SetUp() override {
        for (ConnectionId connection = 1; connection <= 5; ++connection) {
            core_.onConnected(connection);
        }
    }
    void TearDown() override { EXPECT_TRUE(core_.check()); }
    void request(ConnectionId connection, RequestType type, std::uint64_t length, const std::string& payload = "") {
        core_.onFrame(
            connection,
            ymq::Bytes::copy(writeRequestHeader({.object_id = id(1), .payload_length = length, .type = type})), now_);
        if (!payload.empty()) {
            core_.onFrame(connection, ymq::Bytes::copy(payload), now_);
        }
    }
    // Lets a peer ask for an object that then is deleted, and not read it.
    void keep(ConnectionId reader) {
        outbox_.unsent[reader] = ymq::Bytes();
        request(1, RequestType::setObject, kSizeBytes, std::string(kSizeBytes, 'x'));
        request(reader, RequestType::getObject, kAll);
        request(1, RequestType::deleteObject, 0);
    }
    void pass(std::chrono::seconds time) {
        const Time end = now_ + time;
        while (core_.nextDeadline() && *core_.nextDeadline() <= end) {
            now_ = *core_.nextDeadline();
            core_.onTime(now_);
        }
        now_ = end;
    }

    ServerCore core_;
};

TEST_F(Unread, AnswersGiveWayWhenTheirRoomIsNeeded) {
    keep(2);
    keep(3);
    pass(std::chrono::hours(1));
    request(4, RequestType::setObject, 10);
    EXPECT_EQ(outbox_.held, (Connections{4}));
    pass(std::chrono::seconds(5));
    outbox_.unsent[3] = outbox_.unsent[3].slice(0, kSizeBytes - 1);  // reads a little at times
    pass(std::chrono::seconds(4));
    EXPECT_TRUE(outbox_.closed.empty());
    pass(std::chrono::seconds(3));
    ASSERT_EQ(outbox_.closed.size(), 1U);
    EXPECT_NE(outbox_.closed[2].find("read nothing"), std::string::npos);
    pass(std::chrono::seconds(1));
    EXPECT_TRUE(outbox_.held.empty());
}

TEST_F(Unread, WholeSetIsRefusedUntilAnswersHaveGivenWay) {
    const auto set = [this] {
        core_.onRequest(4, ymq::Bytes::copy(writeRequestHeader({.object_id = id(5), .payload_length = 3})),
                        ymq::Bytes::copy(std::string_view("abc")), now_);
        return lastType();
    };
    keep(2);
    keep(3);
    pass(std::chrono::hours(1));
    EXPECT_EQ(set(), ResponseType::storageFull);
    pass(std::chrono::seconds(12));
    ASSERT_EQ(outbox_.closed.size(), 1U);
    EXPECT_EQ(set(), ResponseType::setOk);
}

TEST_F(Unread, AnswersThatAreReadMakeRoomByThemselves) {
    keep(2);
    keep(3);
    request(4, RequestType::setObject, 10);
    EXPECT_EQ(outbox_.held, (Connections{4}));
    outbox_.unsent.clear();
    pass(std::chrono::seconds(1));
    EXPECT_TRUE(outbox_.held.empty());
    EXPECT_TRUE(core_.hasIdleWork());
    EXPECT_EQ(core_.nextDeadline(), std::nullopt);
    EXPECT_TRUE(outbox_.closed.empty());
}

TEST_F(Unread, AnswersWithinTheLimitAreKeptAsLongAsTheyAreNotRead) {
    keep(2);
    pass(std::chrono::hours(1));
    request(4, RequestType::setObject, 3, "abc");
    pass(std::chrono::hours(1));
    EXPECT_TRUE(outbox_.held.empty());
    EXPECT_TRUE(outbox_.closed.empty());
}

}  // namespace
}  // namespace scaler::object_storage
