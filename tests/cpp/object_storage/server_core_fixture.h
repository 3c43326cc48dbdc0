// Conversations with a server core: frames in, answers and closed connections out.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "object_storage/server_core.h"

namespace scaler::object_storage {

inline constexpr std::uint64_t kAll = UINT64_MAX;

inline ObjectId id(std::uint64_t number) { return ObjectId{{number, 1, 2, 3}}; }

struct Answer {
    ConnectionId connection = 0;
    ResponseType type = ResponseType::setOk;
    ObjectId object_id;
    std::uint64_t response_id = 0;
    std::string payload;
    const std::byte* memory = nullptr;

    bool operator==(const Answer& other) const {
        return connection == other.connection && type == other.type && object_id == other.object_id &&
               response_id == other.response_id && payload == other.payload;
    }
};

inline std::ostream& operator<<(std::ostream& stream, const Answer& answer) {
    return stream << "connection " << answer.connection << " type " << static_cast<int>(answer.type) << " object "
                  << answer.object_id.fields[0] << " response " << answer.response_id << " payload '" << answer.payload
                  << "'";
}

class RecordingOutbox : public Outbox {
public:
    void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) override {
        const auto response = readResponseHeader(header);
        ASSERT_TRUE(response);
        ASSERT_EQ(response->payload_length, payload.size());
        ASSERT_EQ(payload.isNull(), response->payload_length == 0);
        if (const auto kept = unsent.find(connection); kept != unsent.end()) {
            kept->second = payload;
        }
        answers.push_back({connection, response->type, response->object_id, response->response_id,
                           std::string(payload.view()), payload.data()});
    }
    void close(ConnectionId connection, const std::string& reason) override {
        closed[connection] = reason;
        unsent.erase(connection);
    }
    void closeAfterAnswers(ConnectionId connection, const std::string& reason) override {
        closed_after_answers[connection] = reason;
    }

    void hold(ConnectionId connection) override { held.insert(connection); }
    void release(ConnectionId connection) override { EXPECT_EQ(held.erase(connection), 1U); }
    std::uint64_t receivedBytes(ConnectionId connection) const override {
        const auto found = received.find(connection);
        return found == received.end() ? 0 : found->second;
    }

    std::uint64_t unsentBytes(ConnectionId connection) const override {
        const auto found = unsent.find(connection);
        return found == unsent.end() ? 0 : found->second.size();
    }

    std::vector<Answer> answers;
    // The last payload for each connection that is to be kept, as if its peer did not read.
    std::map<ConnectionId, ymq::Bytes> unsent;
    std::set<ConnectionId> held;
    std::map<ConnectionId, std::uint64_t> received;
    std::map<ConnectionId, std::string> closed;
    std::map<ConnectionId, std::string> closed_after_answers;
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
                std::uint64_t request_id, std::uint32_t timeout_milliseconds = 0) {
        frame(connection, writeRequestHeader({.object_id = id(object),
                                              .payload_length = length,
                                              .request_id = request_id,
                                              .type = type,
                                              .timeout_milliseconds = timeout_milliseconds}));
    }
    void set(ConnectionId connection, std::uint64_t object, std::string_view content, std::uint64_t request_id = 0) {
        header(connection, RequestType::setObject, object, content.size(), request_id);
        frame(connection, content);
    }
    void get(ConnectionId connection, std::uint64_t object, std::uint64_t request_id = 0, std::uint64_t maximum = kAll,
             std::uint32_t timeout_milliseconds = 0) {
        header(connection, RequestType::getObject, object, maximum, request_id, timeout_milliseconds);
    }
    // A request as the local channel delivers it.
    void whole(ConnectionId connection, RequestType type, std::uint64_t object, std::uint64_t length,
               const ymq::Bytes& payload = ymq::Bytes()) {
        const RequestHeader header{.object_id = id(object), .payload_length = length, .request_id = 1, .type = type};
        core_.onRequest(connection, ymq::Bytes::copy(writeRequestHeader(header)), payload, now_);
    }
    void erase(ConnectionId connection, std::uint64_t object, std::uint64_t request_id = 0) {
        header(connection, RequestType::deleteObject, object, 0, request_id);
    }
    void duplicate(ConnectionId connection, std::uint64_t original, std::uint64_t copy, std::uint64_t request_id = 0,
                   std::uint32_t timeout_milliseconds = 0) {
        header(connection, RequestType::duplicateObjectId, copy, kObjectIdMessageBytes, request_id,
               timeout_milliseconds);
        frame(connection, writeObjectIdMessage(id(original)));
    }
    std::vector<std::uint64_t> info(ConnectionId connection) {
        header(connection, RequestType::infoGetTotal, 77, 0, 5);
        const Answer answer = takeAnswers().at(0);
        EXPECT_EQ(answer.type, ResponseType::infoGetTotalOk);
        EXPECT_EQ(answer.object_id, id(77));
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
        EXPECT_EQ(core_.gauges().waiting_requests, 0U);
    }

    RecordingOutbox outbox_;
    ServerCore::Options options_{.waiting_limit_per_connection = 1000};
    ServerCore core_{options_, outbox_};
    Time now_{std::chrono::hours(1)};
};

}  // namespace scaler::object_storage
