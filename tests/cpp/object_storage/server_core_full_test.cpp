// A server core whose memory limit leaves room for two ids and ten bytes.
#include "object_storage/server_core_fixture.h"

namespace scaler::object_storage {
namespace {

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

TEST_F(FullServerCore, WholeSetWhosePayloadWasNotTakenIsAnswered) {
    const auto header = ymq::Bytes::copy(writeRequestHeader({.payloadLength = 1'000'000}));
    core_.onRequest(1, header, ymq::Bytes(), {});
    EXPECT_EQ(lastType(), ResponseType::storageFull);
    EXPECT_TRUE(outbox_.closed.empty());
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

}  // namespace
}  // namespace scaler::object_storage
