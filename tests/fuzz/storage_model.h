// What an object storage server must answer, kept as plainly as possible, and the outbox that compares it with what it
// does answer.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "object_storage/server_core.h"
#include "require.h"

namespace scaler::fuzz {

using namespace object_storage;

// Requests carry numbers that are unique over all connections. A step is one call of the core: begin(), the call,
// end().
class StorageModel : public Outbox {
public:
    struct Request {
        ConnectionId connection = 0;
        RequestHeader header{};
        ObjectId awaited{};
        std::string payload{};
        std::optional<Time> deadline{};
        // A request whose payload is still to come is not complete.
        bool is_complete = false;
    };

    explicit StorageModel(const ServerCore::Options& options) : options_(options) {}

    void connect(ConnectionId connection) { open_.insert(connection); }
    bool isOpen(ConnectionId connection) const { return open_.contains(connection); }
    // Whether the transport delivers nothing of it.
    bool isHeld(ConnectionId connection) const { return held_.contains(connection); }
    void disconnect(ConnectionId connection) {
        open_.erase(connection);
        held_.erase(connection);
        std::erase_if(requests_, [&](const auto& entry) { return entry.second.connection == connection; });
    }

    // Begins a step in which nothing is asked, or in which this request is made or completed.
    void begin(Time now) {
        now_ = now;
        own_.reset();
        answers_.clear();
    }
    void begin(Time now, Request request) {
        begin(now);
        request.deadline = deadlineOf(request.header);
        own_ = request.header.request_id;
        requests_.insert_or_assign(*own_, request);
    }

    // The request of this connection whose payload is the next frame, if there is one.
    std::optional<Request> incomplete(ConnectionId connection) const {
        for (const auto& [number, request] : requests_) {
            if (request.connection == connection && !request.is_complete) {
                return request;
            }
        }
        return std::nullopt;
    }

    void end(const ServerCore& core) {
        applyOwn();
        for (const Answered& answered : answers_) {
            if (answered.request.header.request_id != own_) {
                checkAnswer(answered);
            }
        }
        checkWaiting(core);
        checkTotals(core);
        require(core.check(), "the tables of the core agree");
    }

    void answer(ConnectionId connection, const HeaderBytes& header, const ymq::Bytes& payload) override {
        const auto response = readResponseHeader(header);
        require(response.has_value(), "an answer is well-formed");
        require(response->payload_length == payload.size(), "an answer announces its payload");
        require(payload.isNull() == (response->payload_length == 0), "an empty payload is not sent");
        require(open_.contains(connection), "only open connections are answered");
        const auto found = requests_.find(response->response_id);
        require(found != requests_.end(), "what was asked is answered once");
        require(found->second.connection == connection, "the answer goes to who asked");
        require(found->second.header.object_id == response->object_id, "the answer names the object of the request");
        answers_.push_back({found->second, response->type, std::string(payload.view())});
        requests_.erase(found);
    }
    void close(ConnectionId connection, const std::string& reason) override {
        require(!reason.empty(), "a refusal says why");
        require(open_.contains(connection), "a connection is closed once");
        disconnect(connection);
    }
    void closeAfterAnswers(ConnectionId connection, const std::string& reason) override { close(connection, reason); }
    void hold(ConnectionId connection) override {
        require(open_.contains(connection), "only open connections are held");
        require(held_.insert(connection).second, "a connection is held once");
        require(incomplete(connection).has_value(), "who is held has a payload to send");
    }
    void release(ConnectionId connection) override {
        require(held_.erase(connection) == 1, "only who is held is released");
    }
    std::uint64_t unsentBytes(ConnectionId connection) const override {
        require(open_.contains(connection), "only open connections are looked at");
        return 0;
    }
    std::uint64_t receivedBytes(ConnectionId connection) const override {
        require(open_.contains(connection) && !held_.contains(connection), "only who may send is looked at");
        return 0;
    }

private:
    struct Answered {
        Request request{};
        ResponseType type = ResponseType::setOk;
        std::string payload{};
    };

    std::optional<Time> deadlineOf(const RequestHeader& header) const {
        if (header.timeout_milliseconds > 0) {
            return now_ + std::chrono::milliseconds(header.timeout_milliseconds);
        }
        return options_.default_timeout.count() > 0 ? std::optional(now_ + options_.default_timeout) : std::nullopt;
    }

    // The effect of a request comes before the answers that it lets go, but its own answer comes behind them.
    void applyOwn() {
        const auto own = std::ranges::find_if(
            answers_, [&](const Answered& answered) { return answered.request.header.request_id == own_; });
        if (own != answers_.end()) {
            checkAnswer(*own);
        }
    }

    void checkAnswer(const Answered& answered) {
        const RequestHeader& header = answered.request.header;
        const bool exists = objects_.contains(header.object_id);
        switch (answered.type) {
            case ResponseType::setOk:
                require(header.type == RequestType::setObject, "a set is answered as a set");
                objects_[header.object_id] = answered.request.payload;
                return;
            case ResponseType::getOk:
                require(header.type == RequestType::getObject && exists, "only objects are given out");
                require(answered.payload == objects_[header.object_id].substr(
                                                0, std::min<std::uint64_t>(header.payload_length, SIZE_MAX)),
                        "an object is given out as it was stored");
                return;
            case ResponseType::deleteOk:
            case ResponseType::deleteNotExists:
                if (header.type == RequestType::deleteOwner) {
                    const auto is_owned = [&](const auto& entry) {
                        return ownerOf(entry.first) == ownerOf(header.object_id);
                    };
                    require((std::erase_if(objects_, is_owned) > 0) == (answered.type == ResponseType::deleteOk),
                            "a delete tells whether the owner had objects");
                    return;
                }
                require(header.type == RequestType::deleteObject, "a delete is answered as a delete");
                require(exists == (answered.type == ResponseType::deleteOk), "a delete tells whether there was one");
                objects_.erase(header.object_id);
                return;
            case ResponseType::duplicateOk:
                require(header.type == RequestType::duplicateObjectId, "a duplicate is answered as a duplicate");
                require(objects_.contains(answered.request.awaited), "only objects are duplicated");
                objects_[header.object_id] = std::string(objects_[answered.request.awaited]);
                return;
            case ResponseType::infoGetTotalOk:
                require(header.type == RequestType::infoGetTotal, "an info is answered as an info");
                require(answered.payload.size() == 3 * sizeof(std::uint64_t), "an info has three figures");
                info_ = answered.payload;
                return;
            case ResponseType::storageFull:
                require(options_.table.memory_limit_bytes > 0, "without a limit there is room");
                return;
            case ResponseType::timedOut:
                require(answered.request.deadline && *answered.request.deadline <= now_, "nothing times out early");
                return;
            case ResponseType::overTcp:
                break;  // the local channel answers so, never the core
        }
        require(false, "an answer is of a known type");
    }

    void checkWaiting(const ServerCore& core) {
        std::size_t waiting = 0;
        for (const auto& [number, request] : requests_) {
            require(open_.contains(request.connection), "what a connection waits for goes with it");
            if (!request.is_complete) {
                require(core.frameLimit(request.connection) == request.header.payload_length,
                        "the next frame may be as long as was announced");
                continue;
            }
            ++waiting;
            require(!objects_.contains(request.awaited), "nothing waits for what is there");
        }
        require(core.gauges().connections == open_.size(), "every open connection is known, and no other");
        require(core.gauges().waiting_requests == waiting, "what is not answered waits");
        require(core.nextDeadline() == nextDeadline() || (!held_.empty() && core.nextDeadline()),
                "the next deadline is that of what waits");
    }

    std::optional<Time> nextDeadline() const {
        std::optional<Time> next;
        for (const auto& [number, request] : requests_) {
            if (request.is_complete && request.deadline && (!next || *request.deadline < *next)) {
                next = request.deadline;
            }
        }
        return next;
    }

    void checkTotals(const ServerCore& core) {
        const ObjectTable::Totals totals = core.gauges().totals;
        std::uint64_t named_bytes = 0;
        for (const auto& [id, content] : objects_) {
            named_bytes += content.size();
        }
        require(totals.ids == objects_.size(), "the ids are those that were made");
        require(totals.contents <= totals.ids && totals.content_bytes <= named_bytes, "no content is held for nobody");
        require(options_.table.memory_limit_bytes == 0 ||
                    totals.content_bytes + totals.ids * ObjectTable::kBytesPerId <= options_.table.memory_limit_bytes,
                "the memory limit holds");
        if (const auto info = std::exchange(info_, std::nullopt)) {
            require(std::memcmp(info->data(), &totals, sizeof(totals)) == 0, "the figures are the totals");
        }
    }

    static_assert(sizeof(ObjectTable::Totals) == 3 * sizeof(std::uint64_t));

    const ServerCore::Options options_;
    Time now_{};
    std::optional<std::uint64_t> own_{};
    std::vector<Answered> answers_{};
    std::optional<std::string> info_{};
    std::set<ConnectionId> open_{};
    std::set<ConnectionId> held_{};
    std::map<std::uint64_t, Request> requests_{};
    std::map<ObjectId, std::string> objects_{};
};

}  // namespace scaler::fuzz
