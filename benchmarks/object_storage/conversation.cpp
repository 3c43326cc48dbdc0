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

Conversation storageConversation(Operation operation, std::size_t sizeBytes) {
    Conversation conversation{.greeting = frame("load generator"), .isGreeted = true};
    if (operation == Operation::set) {
        conversation.request = frame(requestHeader(RequestType::setObject, sizeBytes));
        conversation.counterOffset = conversation.request.size() + sizeof(std::uint64_t);
        conversation.request += frame(std::string(sizeBytes, kFill));
        conversation.answerPrefix = frame(responseHeader(ResponseType::setOk, 0));
        conversation.answerBytes = conversation.answerPrefix.size();
    } else {
        conversation.request = frame(requestHeader(RequestType::getObject, UINT64_MAX));
        conversation.answerPrefix = frame(responseHeader(ResponseType::getOk, sizeBytes));
        conversation.answerBytes = conversation.answerPrefix.size() + sizeof(std::uint64_t) + sizeBytes;
    }
    return conversation;
}

Conversation redisConversation(Operation operation, std::size_t sizeBytes) {
    Conversation conversation;
    std::string length("$");
    length.append(std::to_string(sizeBytes)).append("\r\n");
    if (operation == Operation::set) {
        conversation.request = "*3\r\n$3\r\nSET\r\n$6\r\nobject\r\n" + length;
        conversation.counterOffset = conversation.request.size();
        conversation.request += std::string(sizeBytes, kFill) + "\r\n";
        conversation.answerPrefix = "+OK\r\n";
        conversation.answerBytes = conversation.answerPrefix.size();
    } else {
        conversation.request = "*2\r\n$3\r\nGET\r\n$6\r\nobject\r\n";
        conversation.answerPrefix = length;
        conversation.answerBytes = length.size() + sizeBytes + 2;
    }
    return conversation;
}

}  // namespace scaler::benchmarks
