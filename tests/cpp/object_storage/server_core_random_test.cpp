// Random conversations of several peers, some of them broken: whatever comes, the core's tables agree, every answered
// request was asked, and nothing is left when everybody has gone.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "object_storage/server_core.h"

namespace scaler::object_storage {
namespace {

using std::chrono::milliseconds;

class CheckingOutbox : public Outbox {
public:
    void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) override {
        const auto response = readResponseHeader(header);
        ASSERT_TRUE(response);
        EXPECT_EQ(response->payload_length, payload.size());
        EXPECT_EQ(open.erase({connection, response->response_id}), 1U) << "answered twice, or never asked";
    }
    void close(ConnectionId connection, const std::string& reason) override {
        EXPECT_FALSE(reason.empty());
        closed.insert(connection);
    }
    void closeAfterAnswers(ConnectionId connection, const std::string& reason) override { close(connection, reason); }

    void hold(ConnectionId connection) override { EXPECT_TRUE(held.insert(connection).second); }
    void release(ConnectionId connection) override { EXPECT_EQ(held.erase(connection), 1U); }
    std::uint64_t receivedBytes(ConnectionId) const override { return 0; }
    std::uint64_t unsentBytes(ConnectionId) const override { return 0; }

    std::set<ConnectionId> held;
    std::set<std::pair<ConnectionId, std::uint64_t>> open;
    std::set<ConnectionId> closed;
};

class Conversation {
public:
    explicit Conversation(std::uint64_t seed) : random_(seed), core_(options(), outbox_) {}

    void run(int steps) {
        for (int step = 0; step < steps; ++step) {
            now_ += milliseconds(random_() % 4);
            core_.onTime(now_);
            act(pick(6));
            ASSERT_TRUE(core_.check());
            dropClosed();
        }
        for (ConnectionId connection = 0; connection < 6; ++connection) {
            leave(connection);
        }
        EXPECT_EQ(core_.gauges().connections, 0U);
        EXPECT_EQ(core_.gauges().waiting_requests, 0U);
        EXPECT_EQ(core_.nextDeadline(), std::nullopt);
        EXPECT_LE(core_.gauges().totals.content_bytes, options().table.memory_limit_bytes);
        // Room that was taken by half-received payloads has been given back.
        core_.onConnected(100);
        core_.onFrame(100, bytes(writeRequestHeader({.object_id = {{99, 0, 0, 0}}, .payload_length = 1500})), now_);
        EXPECT_FALSE(outbox_.closed.contains(100));
        EXPECT_TRUE(outbox_.held.empty());
    }

private:
    static ServerCore::Options options() {
        ServerCore::Options result;
        result.table.memory_limit_bytes = 3000;
        result.table.sharing_bound_bytes = 20;
        result.droppable_payload_bytes = 100;
        result.waiting_limit_per_connection = 40;
        return result;
    }
    template <typename Content>
    static ymq::Bytes bytes(const Content& content) {
        return ymq::Bytes::copy(content);
    }
    std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }

    void act(ConnectionId connection) {
        if (!connected_.contains(connection)) {
            core_.onConnected(connection);
            connected_.insert(connection);
            return;
        }
        if (pick(60) == 0) {
            leave(connection);
        } else if (outbox_.held.contains(connection)) {
            return;
        } else if (pick(100) == 0) {
            const std::string garbage(pick(100), static_cast<char>(random_()));
            core_.onFrame(connection, bytes(std::string_view(garbage)), now_);
        } else {
            request(connection);
        }
    }

    void request(ConnectionId connection) {
        const auto type = static_cast<RequestType>(pick(6));
        RequestHeader header{.object_id = {{pick(2), 0, type == RequestType::deleteOwner ? 0 : pick(4), 0}},
                             .request_id = next_request_id_++,
                             .type = type,
                             .timeout_milliseconds = static_cast<std::uint32_t>(pick(3) * 20)};
        const bool is_set = type == RequestType::setObject;
        const bool is_duplicate = type == RequestType::duplicateObjectId;
        header.payload_length = is_set         ? pick(pick(4) == 0 ? 2000 : 30)
                                : is_duplicate ? kObjectIdMessageBytes
                                               : pick(50);
        outbox_.open.emplace(connection, header.request_id);
        core_.onFrame(connection, bytes(writeRequestHeader(header)), now_);
        if (outbox_.closed.contains(connection) || outbox_.held.contains(connection) || pick(40) == 0) {
            return;  // half a request: whatever comes next is taken for its payload
        }
        if (is_set) {
            const std::string content(header.payload_length, static_cast<char>('a' + pick(3)));
            core_.onFrame(connection, bytes(std::string_view(content)), now_);
        } else if (is_duplicate) {
            core_.onFrame(connection, bytes(writeObjectIdMessage({{pick(2), 0, pick(4), 0}})), now_);
        }
    }

    void leave(ConnectionId connection) {
        core_.onClosed(connection);
        forget(connection);
    }
    void forget(ConnectionId connection) {
        connected_.erase(connection);
        outbox_.held.erase(connection);
        std::erase_if(outbox_.open, [connection](const auto& each) { return each.first == connection; });
    }
    void dropClosed() {
        for (const ConnectionId connection : std::exchange(outbox_.closed, {})) {
            forget(connection);
        }
    }

    std::mt19937_64 random_;
    CheckingOutbox outbox_;
    ServerCore core_;
    Time now_{};
    std::set<ConnectionId> connected_;
    std::uint64_t next_request_id_ = 0;
};

TEST(ServerCoreRandom, TablesAgreeWhateverPeersDo) {
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        SCOPED_TRACE(seed);
        Conversation(seed).run(1500);
        if (HasFatalFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace scaler::object_storage
