#include "ymq/session.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace scaler::ymq {

namespace {

void send(Session& session, std::string_view text) {
    const MessagePart part(Bytes::copy(text));
    session.outbox().append(std::span(&part, 1));
}

void writeAll(Session& session) {
    std::vector<std::uint64_t> tokens;
    std::array<IoVector, 8> vectors;
    while (const std::size_t number = session.outbox().gather(vectors, SIZE_MAX, false)) {
        std::size_t size = 0;
        for (std::size_t index = 0; index < number; ++index) size += vectors[index].iov_len;
        session.outbox().advance(size, tokens);
    }
}

}  // namespace

TEST(Session, OwesAnAcknowledgementForEachFrameAndMustGiveItAfterMany) {
    Session session({}, 1, true);
    EXPECT_FALSE(session.owesAcknowledgement());
    session.onData(511, 1000);
    EXPECT_TRUE(session.owesAcknowledgement());
    EXPECT_FALSE(session.mustAcknowledge());
    session.onData(1, 1);
    EXPECT_TRUE(session.mustAcknowledge());
    EXPECT_EQ(session.acknowledgeNow(), 512U);
    EXPECT_FALSE(session.owesAcknowledgement());
    session.onData(1, 256 * 1024);
    EXPECT_TRUE(session.mustAcknowledge());
}

TEST(Session, SendsAgainBehindWhatTheOtherSideHas) {
    Session session({}, 1, true);
    for (const char* text : {"one", "two", "three"}) send(session, text);
    writeAll(session);
    EXPECT_TRUE(session.onAcknowledged(1));
    EXPECT_TRUE(session.onResumed(2));
    EXPECT_EQ(session.outbox().unwrittenBytes(), kHeaderBytes + 5);
    EXPECT_FALSE(session.onResumed(1)) << "that frame was acknowledged and is gone";
    EXPECT_FALSE(session.onAcknowledged(9)) << "that many were never sent";
}

TEST(Session, ThatIsNotReliableKeepsNothing) {
    Session session({}, 1, true);
    send(session, "one");
    session.adopt({}, 1, false);
    writeAll(session);
    EXPECT_TRUE(session.outbox().empty());
    session.onData(1000, 1 << 20);
    EXPECT_FALSE(session.owesAcknowledgement());
    session.adopt({}, 1, true);
    EXPECT_FALSE(session.reliable()) << "the less reliable side decides";
}

}  // namespace scaler::ymq
