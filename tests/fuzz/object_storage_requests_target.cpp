// The core of the object storage server under conversations of several peers, well-formed and broken ones: every step
// is compared with a model, and when everybody has gone nothing is left but the objects.
#include <chrono>
#include <string>

#include "input.h"
#include "object_storage/server_core.h"
#include "require.h"
#include "storage_model.h"
#include "target.h"

namespace scaler::fuzz {
namespace {

constexpr std::size_t kLargestPayloadBytes = 4096;
constexpr std::size_t kMostSteps = 400;
constexpr ConnectionId kConnections = 4;

ServerCore::Options optionsFrom(Input& input) {
    const auto flags = input.number<std::uint8_t>();
    ServerCore::Options options;
    options.table.memory_limit_bytes = (flags & 1) != 0 ? 3000 : 0;
    options.table.sharing_bound_bytes = 20;
    options.default_timeout = std::chrono::milliseconds((flags & 2) != 0 ? 50 : 0);
    options.payload_limit_bytes = (flags & 4) != 0 ? 2000 : 6ULL << 40U;
    options.droppable_payload_bytes = 100;
    options.waiting_limit_per_connection = 8;
    return options;
}

class Conversation {
public:
    explicit Conversation(Input input)
        : input_(input), options_(optionsFrom(input_)), model_(options_), core_(options_, model_) {}

    void run() {
        for (std::size_t step = 0; step < kMostSteps && !input_.empty(); ++step) {
            const auto action = input_.number<std::uint8_t>();
            act(action & 15, (action >> 4) % kConnections);
        }
        for (ConnectionId connection = 0; connection < kConnections; ++connection) {
            leave(connection);
        }
        checkThatRoomIsGivenBack();
    }

private:
    void act(int action, ConnectionId connection) {
        if (action == 0) {
            return leave(connection);
        }
        if (action == 1) {
            return pass(std::chrono::milliseconds(input_.number<std::uint16_t>()));
        }
        if (!model_.isOpen(connection)) {
            model_.connect(connection);
            core_.onConnected(connection);
        }
        const ObjectId id = objectId();
        switch (action) {
            case 2:
            case 3:
                header(connection, RequestType::setObject, id, input_.number<std::uint8_t>());
                return payload(connection);
            case 4:
                return header(connection, RequestType::setObject, id, input_.number<std::uint64_t>());
            case 5:
                return header(connection, RequestType::getObject, id, UINT64_MAX);
            case 6:
                return header(connection, RequestType::getObject, id, input_.number<std::uint8_t>());
            case 7:
                return header(connection, RequestType::deleteObject, id, 0);
            case 8:
            case 9: {
                header(connection, RequestType::duplicateObjectId, id, kObjectIdMessageBytes);
                return frame(connection, ymq::Bytes::copy(writeObjectIdMessage(objectId())));
            }
            case 10:
                return header(connection, RequestType::infoGetTotal, id, 0);
            case 11:
                return payload(connection);
            case 12:
                return header(connection, static_cast<RequestType>(input_.number<std::uint16_t>()), id,
                              input_.number<std::uint64_t>());
            case 13:
                return header(connection, RequestType::deleteOwner, ObjectId{{id.fields[0], 0, 0, 0}}, 0);
            case 14:
                return whole(connection, id);
            default:
                return frame(connection, ymq::Bytes::copy(input_.bytes(input_.number<std::uint8_t>())));
        }
    }

    // One of the eight of either owner.
    ObjectId objectId() {
        const std::uint64_t number = input_.number<std::uint8_t>();
        return {{number / 8 % 2, 0, number % 8, 0}};
    }

    void leave(ConnectionId connection) {
        model_.begin(now_);
        model_.disconnect(connection);
        core_.onClosed(connection);
        model_.end(core_);
    }

    void pass(std::chrono::milliseconds duration) {
        now_ += duration;
        model_.begin(now_);
        core_.onTime(now_);
        model_.end(core_);
        require(!core_.nextDeadline() || *core_.nextDeadline() > now_, "what is due has been answered");
    }

    void header(ConnectionId connection, RequestType type, const ObjectId& id, std::uint64_t length) {
        const auto timeout = input_.number<std::uint8_t>();
        frame(connection, ymq::Bytes::copy(writeRequestHeader({.object_id = id,
                                                               .payload_length = length,
                                                               .request_id = 0,
                                                               .type = type,
                                                               .timeout_milliseconds = timeout & 127U})));
    }

    // Sends what was announced, or as much of it as a test may.
    void payload(ConnectionId connection) {
        if (model_.isOpen(connection)) {
            const std::size_t size = std::min<std::uint64_t>(core_.frameLimit(connection), kLargestPayloadBytes);
            frame(connection, ymq::Bytes::copy(std::string(size, static_cast<char>(input_.number<std::uint8_t>()))));
        }
    }

    void frame(ConnectionId connection, const ymq::Bytes& bytes) {
        if (!model_.isOpen(connection) || model_.isHeld(connection)) {
            return;
        }
        if (bytes.size() > core_.frameLimit(connection)) {
            return leave(connection);  // the transport does not deliver such a frame
        }
        if (const auto request = model_.incomplete(connection)) {
            deliverPayload(*request, bytes);
        } else {
            deliverHeader(connection, bytes);
        }
    }

    // Sends a header together with a payload, as the local channel does; they fit together, or do not.
    void whole(ConnectionId connection, const ObjectId& id) {
        if (model_.incomplete(connection)) {
            return;
        }
        const auto type = static_cast<RequestType>(input_.number<std::uint8_t>() % 8);
        const auto flags = input_.number<std::uint8_t>();
        ymq::Bytes payload = ymq::Bytes::copy(input_.bytes(flags / 4));
        if ((flags & 1) != 0 && type == RequestType::duplicateObjectId) {
            payload = ymq::Bytes::copy(writeObjectIdMessage(objectId()));
        }
        const RequestHeader header{.object_id = id,
                                   .payload_length = payload.size() + (flags >> 1 & 1),
                                   .request_id = ++last_request_id_,
                                   .type = type,
                                   .timeout_milliseconds = flags & 127U};
        StorageModel::Request request{.connection = connection, .header = header, .awaited = id, .is_complete = true};
        request.payload = payload.view();
        if (type == RequestType::duplicateObjectId) {
            request.awaited = readObjectIdMessage(payload.span()).value_or(ObjectId());
        }
        model_.begin(now_, request);
        core_.onRequest(connection, ymq::Bytes::copy(writeRequestHeader(header)),
                        payload.empty() ? ymq::Bytes() : payload, now_);
        model_.end(core_);
    }

    void deliverPayload(StorageModel::Request request, const ymq::Bytes& bytes) {
        request.is_complete = true;
        request.payload = bytes.view();
        bool is_whole = bytes.size() == request.header.payload_length;
        if (request.header.type == RequestType::duplicateObjectId) {
            const auto original = readObjectIdMessage(bytes.span());
            request.awaited = original.value_or(ObjectId());
            is_whole = is_whole && original;
        }
        model_.begin(now_, request);
        core_.onFrame(request.connection, bytes, now_);
        model_.end(core_);
        require(is_whole || !model_.isOpen(request.connection),
                "a payload that was not announced costs the connection");
    }

    void deliverHeader(ConnectionId connection, const ymq::Bytes& bytes) {
        std::optional<RequestHeader> header = readRequestHeader(bytes.span());
        if (!header) {
            model_.begin(now_);
            core_.onFrame(connection, bytes, now_);
            model_.end(core_);
            require(!model_.isOpen(connection), "a malformed header costs the connection");
            return;
        }
        header->request_id = ++last_request_id_;
        const bool has_payload =
            header->type == RequestType::setObject || header->type == RequestType::duplicateObjectId;
        model_.begin(
            now_,
            {.connection = connection, .header = *header, .awaited = header->object_id, .is_complete = !has_payload});
        core_.onFrame(connection, ymq::Bytes::copy(writeRequestHeader(*header)), now_);
        model_.end(core_);
    }

    // With everybody gone, no half-received payload counts any more: the largest that fits is taken.
    void checkThatRoomIsGivenBack() {
        require(core_.gauges().connections == 0 && core_.gauges().waiting_requests == 0, "nothing is left");
        require(!core_.nextDeadline(), "no deadline is left");
        if (options_.table.memory_limit_bytes > 0) {
            const ConnectionId connection = kConnections;
            const std::uint64_t largest = options_.table.memory_limit_bytes - ObjectTable::kBytesPerId;
            model_.connect(connection);
            core_.onConnected(connection);
            const RequestHeader header{.payload_length = std::min(largest, options_.payload_limit_bytes)};
            deliverHeader(connection, ymq::Bytes::copy(writeRequestHeader(header)));
            require(model_.isOpen(connection) && !model_.isHeld(connection),
                    "the room of payloads that never came is given back");
        }
    }

    Input input_;
    const ServerCore::Options options_;
    StorageModel model_;
    ServerCore core_;
    Time now_{std::chrono::hours(1)};
    std::uint64_t last_request_id_ = 0;
};

}  // namespace
}  // namespace scaler::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    scaler::fuzz::Conversation(scaler::fuzz::Input(data, size)).run();
    return 0;
}
