// A server core when memory runs out while a set releases what waits for the object.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string_view>

#include "object_storage/failing_allocation.h"
#include "object_storage/server_core.h"

namespace scaler::object_storage {
namespace {

constexpr ConnectionId kConnections = 6;

// Takes no memory.
class CountingOutbox : public Outbox {
public:
    void answer(ConnectionId connection, const HeaderBytes&, const ymq::Bytes&) override { ++answers.at(connection); }
    void close(ConnectionId connection, const std::string&) override { is_closed.at(connection) = true; }
    void closeAfterAnswers(ConnectionId connection, const std::string& reason) override { close(connection, reason); }

    void hold(ConnectionId) override {}
    void release(ConnectionId) override {}
    std::uint64_t receivedBytes(ConnectionId) const override { return 0; }
    std::uint64_t unsentBytes(ConnectionId) const override { return 0; }

    std::array<int, kConnections> answers{};
    std::array<bool, kConnections> is_closed{};
};

ObjectId id(std::uint64_t number) { return ObjectId{{number, 1, 2, 3}}; }

TEST(OutOfMemoryCore, WhoWaitsForAnObjectIsAnsweredOrClosed) {
    bool has_failed = true;
    for (int successes = 0; has_failed; ++successes) {
        SCOPED_TRACE("allocation " + std::to_string(successes));
        CountingOutbox outbox;
        ServerCore core({}, outbox);
        const auto request = [&](ConnectionId connection, const RequestHeader& header, std::string_view payload) {
            core.onFrame(connection, ymq::Bytes::copy(writeRequestHeader(header)), {});
            if (!payload.empty()) {
                core.onFrame(connection, ymq::Bytes::copy(payload), {});
            }
        };
        const auto get = [&](ConnectionId connection, std::uint64_t object) {
            request(connection, {.object_id = id(object), .payload_length = 9, .type = RequestType::getObject}, "");
        };
        const auto duplicate = [&](ConnectionId connection, std::uint64_t original, std::uint64_t copy) {
            const ObjectIdMessageBytes message = writeObjectIdMessage(id(original));
            request(connection,
                    {.object_id = id(copy), .payload_length = message.size(), .type = RequestType::duplicateObjectId},
                    {reinterpret_cast<const char*>(message.data()), message.size()});
        };
        for (ConnectionId connection = 0; connection < kConnections; ++connection) {
            core.onConnected(connection);
        }
        get(1, 1);
        duplicate(2, 1, 2);
        get(3, 2);
        duplicate(4, 2, 3);
        get(5, 1);
        core.onFrame(0, ymq::Bytes::copy(writeRequestHeader({.object_id = id(1), .payload_length = 4})), {});
        const ymq::Bytes content = ymq::Bytes::copy(std::string_view("1234"));
        bool is_stored = true;
        {
            const FailingAllocation failing(successes);
            try {
                core.onFrame(0, content, {});
            } catch (const std::bad_alloc&) {
                is_stored = false;
            }
            has_failed = failing.hasFailed();
        }
        EXPECT_TRUE(core.check());
        // What the failure has left of the chain waits for nothing that exists.
        for (const ConnectionId connection : {1, 2, 5}) {
            EXPECT_EQ(outbox.answers.at(connection) + (outbox.is_closed.at(connection) ? 1 : 0), is_stored ? 1 : 0);
        }
        const bool is_copied = is_stored && !outbox.is_closed[2];
        for (const ConnectionId connection : {3, 4}) {
            EXPECT_EQ(outbox.answers.at(connection) + (outbox.is_closed.at(connection) ? 1 : 0), is_copied ? 1 : 0);
        }
        EXPECT_EQ(outbox.answers[0], is_stored ? 1 : 0);
    }
}

}  // namespace
}  // namespace scaler::object_storage
