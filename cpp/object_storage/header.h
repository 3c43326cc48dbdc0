// The fixed byte layouts of the object protocol: the 80-byte header and the 48-byte object id message.
//
// Both are single Cap'n Proto messages of one segment, so their usual encoding has every field at a known offset. These
// functions read and write that layout directly; what is encoded otherwise is given to the generated reader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "object_storage/object_id.h"

namespace scaler::object_storage {

inline constexpr std::size_t kHeaderBytes = 80;
inline constexpr std::size_t kObjectIdMessageBytes = 48;

enum class RequestType : std::uint16_t {
    setObject = 0,
    getObject = 1,
    deleteObject = 2,
    duplicateObjectId = 3,
    infoGetTotal = 4,
    deleteOwner = 5,
};
inline constexpr std::size_t kRequestTypes = 6;

enum class ResponseType : std::uint16_t {
    setOk = 0,
    getOk = 1,
    deleteOk = 2,
    deleteNotExists = 3,
    duplicateOk = 4,
    infoGetTotalOk = 5,
    storageFull = 6,
    timedOut = 7,
    overTcp = 8,
};
inline constexpr std::size_t kResponseTypes = 9;

// The type may be one that this release does not know.
struct RequestHeader {
    ObjectId object_id{};
    std::uint64_t payload_length = 0;
    std::uint64_t request_id = 0;
    RequestType type = RequestType::setObject;
    std::uint32_t timeout_milliseconds = 0;

    bool operator==(const RequestHeader&) const = default;
};

struct ResponseHeader {
    ObjectId object_id{};
    std::uint64_t payload_length = 0;
    std::uint64_t response_id = 0;
    ResponseType type = ResponseType::setOk;

    bool operator==(const ResponseHeader&) const = default;
};

using ByteView = std::span<const std::byte>;
using HeaderBytes = std::array<std::byte, kHeaderBytes>;
using ObjectIdMessageBytes = std::array<std::byte, kObjectIdMessageBytes>;

// Reads return nothing when the bytes are not one message of exactly the fixed size.
std::optional<RequestHeader> readRequestHeader(ByteView bytes);
std::optional<ResponseHeader> readResponseHeader(ByteView bytes);
std::optional<ObjectId> readObjectIdMessage(ByteView bytes);

HeaderBytes writeRequestHeader(const RequestHeader& header);
HeaderBytes writeResponseHeader(const ResponseHeader& header);
ObjectIdMessageBytes writeObjectIdMessage(const ObjectId& id);

}  // namespace scaler::object_storage
