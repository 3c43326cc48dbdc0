// Headers and object ids as bytes at fixed offsets.
#include "object_storage/header.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>
#include <object_storage.capnp.h>

#include <bit>
#include <cstring>

namespace scaler::object_storage {
namespace {

static_assert(std::endian::native == std::endian::little, "the layouts are read and written as they lie in memory");

// One segment of 9 words; the root is a struct of 3 data words and 1 pointer.
constexpr std::array<std::uint64_t, 2> kHeaderPrefix{0x00000009'00000000, 0x00010003'00000000};
// The pointer to the object id, a struct of 4 data words right behind.
constexpr std::uint64_t kObjectIdPointer = 0x00000004'00000000;
constexpr std::array<std::uint64_t, 2> kObjectIdMessagePrefix{0x00000005'00000000, kObjectIdPointer};

constexpr std::size_t kPayloadLengthOffset = 16;
constexpr std::size_t kRequestIdOffset = 24;
constexpr std::size_t kTypeOffset = 32;
constexpr std::size_t kTimeoutOffset = 36;
constexpr std::size_t kPointerOffset = 40;
constexpr std::size_t kObjectIdOffset = 48;
constexpr std::size_t kObjectIdMessageOffset = 16;

template <typename Value>
Value load(ByteView bytes, std::size_t offset) {
    Value value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
}

template <typename Value>
void store(std::span<std::byte> bytes, std::size_t offset, const Value& value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

bool hasHeaderLayout(ByteView bytes) {
    return load<std::array<std::uint64_t, 2>>(bytes, 0) == kHeaderPrefix &&
           load<std::uint64_t>(bytes, kPointerOffset) == kObjectIdPointer;
}

ObjectId fromReader(const protocol::ObjectID::Reader& reader) {
    return ObjectId{{reader.getField0(), reader.getField1(), reader.getField2(), reader.getField3()}};
}

// Reads another valid encoding with the generated reader, which throws at whatever does not fit.
template <typename Root, std::size_t kSizeBytes, typename Convert>
auto readAnyEncoding(ByteView bytes, Convert convert) -> std::optional<decltype(convert(typename Root::Reader()))> {
    std::array<capnp::word, kSizeBytes / sizeof(capnp::word)> words;
    std::memcpy(words.data(), bytes.data(), kSizeBytes);
    try {
        capnp::FlatArrayMessageReader reader(kj::arrayPtr(words.data(), words.size()));
        if (reader.getEnd() != words.data() + words.size()) {
            return std::nullopt;
        }
        return convert(reader.getRoot<Root>());
    } catch (const kj::Exception&) {
        return std::nullopt;
    }
}

HeaderBytes writeHeader(const ObjectId& id, std::uint64_t payload_length, std::uint64_t request_id, std::uint16_t type,
                        std::uint32_t timeout_milliseconds) {
    HeaderBytes bytes{};
    store(bytes, 0, kHeaderPrefix);
    store(bytes, kPayloadLengthOffset, payload_length);
    store(bytes, kRequestIdOffset, request_id);
    store(bytes, kTypeOffset, type);
    store(bytes, kTimeoutOffset, timeout_milliseconds);
    store(bytes, kPointerOffset, kObjectIdPointer);
    store(bytes, kObjectIdOffset, id.fields);
    return bytes;
}

}  // namespace

std::optional<RequestHeader> readRequestHeader(ByteView bytes) {
    if (bytes.size() != kHeaderBytes) {
        return std::nullopt;
    }
    if (hasHeaderLayout(bytes)) {
        return RequestHeader{
            .object_id = ObjectId{load<std::array<std::uint64_t, 4>>(bytes, kObjectIdOffset)},
            .payload_length = load<std::uint64_t>(bytes, kPayloadLengthOffset),
            .request_id = load<std::uint64_t>(bytes, kRequestIdOffset),
            .type = static_cast<RequestType>(load<std::uint16_t>(bytes, kTypeOffset)),
            .timeout_milliseconds = load<std::uint32_t>(bytes, kTimeoutOffset),
        };
    }
    return readAnyEncoding<protocol::ObjectRequestHeader, kHeaderBytes>(bytes, [](const auto& reader) {
        return RequestHeader{
            .object_id = fromReader(reader.getObjectID()),
            .payload_length = reader.getPayloadLength(),
            .request_id = reader.getRequestID(),
            .type = static_cast<RequestType>(reader.getRequestType()),
            .timeout_milliseconds = reader.getTimeoutMilliseconds(),
        };
    });
}

std::optional<ResponseHeader> readResponseHeader(ByteView bytes) {
    if (bytes.size() != kHeaderBytes) {
        return std::nullopt;
    }
    if (hasHeaderLayout(bytes)) {
        return ResponseHeader{
            .object_id = ObjectId{load<std::array<std::uint64_t, 4>>(bytes, kObjectIdOffset)},
            .payload_length = load<std::uint64_t>(bytes, kPayloadLengthOffset),
            .response_id = load<std::uint64_t>(bytes, kRequestIdOffset),
            .type = static_cast<ResponseType>(load<std::uint16_t>(bytes, kTypeOffset)),
        };
    }
    return readAnyEncoding<protocol::ObjectResponseHeader, kHeaderBytes>(bytes, [](const auto& reader) {
        return ResponseHeader{
            .object_id = fromReader(reader.getObjectID()),
            .payload_length = reader.getPayloadLength(),
            .response_id = reader.getResponseID(),
            .type = static_cast<ResponseType>(reader.getResponseType()),
        };
    });
}

std::optional<ObjectId> readObjectIdMessage(ByteView bytes) {
    if (bytes.size() != kObjectIdMessageBytes) {
        return std::nullopt;
    }
    if (load<std::array<std::uint64_t, 2>>(bytes, 0) == kObjectIdMessagePrefix) {
        return ObjectId{load<std::array<std::uint64_t, 4>>(bytes, kObjectIdMessageOffset)};
    }
    return readAnyEncoding<protocol::ObjectID, kObjectIdMessageBytes>(
        bytes, [](const auto& reader) { return fromReader(reader); });
}

HeaderBytes writeRequestHeader(const RequestHeader& header) {
    return writeHeader(header.object_id, header.payload_length, header.request_id,
                       static_cast<std::uint16_t>(header.type), header.timeout_milliseconds);
}

HeaderBytes writeResponseHeader(const ResponseHeader& header) {
    return writeHeader(header.object_id, header.payload_length, header.response_id,
                       static_cast<std::uint16_t>(header.type), 0);
}

ObjectIdMessageBytes writeObjectIdMessage(const ObjectId& id) {
    ObjectIdMessageBytes bytes{};
    store(bytes, 0, kObjectIdMessagePrefix);
    store(bytes, kObjectIdMessageOffset, id.fields);
    return bytes;
}

}  // namespace scaler::object_storage
