#include "object_storage/conversation.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "object_storage/header.h"

namespace scaler::benchmarks {
namespace {

using object_storage::ObjectId;
using object_storage::RequestHeader;
using object_storage::RequestType;
using object_storage::ResponseHeader;
using object_storage::ResponseType;

constexpr ObjectId kObject{{1, 2, 3, 4}};
constexpr std::uint64_t kRequestId = 7;
constexpr char kFill = 'x';

std::string frame(std::string_view content) {
    const std::uint64_t length = content.size();
    std::string bytes(sizeof(length), '\0');
    std::memcpy(bytes.data(), &length, sizeof(length));
    return bytes.append(content);
}

std::string text(const object_storage::HeaderBytes& header) {
    return {std::bit_cast<std::array<char, object_storage::kHeaderBytes>>(header).data(), header.size()};
}

std::string requestHeader(RequestType type, std::uint64_t length) {
    return text(object_storage::writeRequestHeader(
        RequestHeader{.object_id = kObject, .payload_length = length, .request_id = kRequestId, .type = type}));
}

std::string responseHeader(ResponseType type, std::uint64_t length) {
    return text(object_storage::writeResponseHeader(
        ResponseHeader{.object_id = kObject, .payload_length = length, .response_id = kRequestId, .type = type}));
}

}  // namespace

Conversation storageConversation(Operation operation, std::size_t size_bytes) {
    Conversation conversation{.greeting = frame("load generator"), .is_greeted = true};
    if (operation == Operation::set) {
        conversation.request = frame(requestHeader(RequestType::setObject, size_bytes));
        conversation.counter_offset = conversation.request.size() + sizeof(std::uint64_t);
        conversation.request += frame(std::string(size_bytes, kFill));
        conversation.answer_prefix = frame(responseHeader(ResponseType::setOk, 0));
        conversation.answer_bytes = conversation.answer_prefix.size();
    } else {
        conversation.request = frame(requestHeader(RequestType::getObject, UINT64_MAX));
        conversation.answer_prefix = frame(responseHeader(ResponseType::getOk, size_bytes));
        conversation.answer_bytes = conversation.answer_prefix.size() + sizeof(std::uint64_t) + size_bytes;
    }
    return conversation;
}

Conversation redisConversation(Operation operation, std::size_t size_bytes) {
    Conversation conversation;
    std::string length("$");
    length.append(std::to_string(size_bytes)).append("\r\n");
    if (operation == Operation::set) {
        conversation.request = "*3\r\n$3\r\nSET\r\n$6\r\nobject\r\n" + length;
        conversation.counter_offset = conversation.request.size();
        conversation.request += std::string(size_bytes, kFill) + "\r\n";
        conversation.answer_prefix = "+OK\r\n";
        conversation.answer_bytes = conversation.answer_prefix.size();
    } else {
        conversation.request = "*2\r\n$3\r\nGET\r\n$6\r\nobject\r\n";
        conversation.answer_prefix = length;
        conversation.answer_bytes = length.size() + size_bytes + 2;
    }
    return conversation;
}

}  // namespace scaler::benchmarks
