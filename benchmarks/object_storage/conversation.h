// What a load generator says to a server and expects of it, prepared once: all that differs between protocols.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace scaler::benchmarks {

enum class Operation { set, get };

// One kind of request, sent again and again. Every answer has the same length, and the same first bytes.
struct Conversation {
    // Sent once, before the first request; the length of what the server says meanwhile is read from its first bytes.
    std::string greeting{};
    bool is_greeted = false;
    std::string request{};
    // Where the request holds eight bytes that are different each time, so that no content is stored twice; 0 if
    // nowhere.
    std::size_t counter_offset = 0;
    std::size_t answer_bytes = 0;
    std::string answer_prefix{};
};

// Objects of one id, in the plain framing of our storage.
Conversation storageConversation(Operation operation, std::size_t size_bytes);

// Values of one key, in the protocol of Redis.
Conversation redisConversation(Operation operation, std::size_t size_bytes);

}  // namespace scaler::benchmarks
