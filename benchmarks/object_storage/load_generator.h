// Connections that each keep one request in flight, all in one thread, as redis-benchmark does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "object_storage/conversation.h"

namespace scaler::benchmarks {

struct LoadResult {
    double seconds = 0;
    // One for each request, in no order.
    std::vector<std::int64_t> latencies_nanoseconds{};
};

// Sends that many requests over that many connections to a port of this machine. Throws std::runtime_error when the
// server closes a connection or answers what was not expected.
LoadResult runLoad(std::uint16_t port, const Conversation& conversation, std::size_t connections, std::size_t requests);

}  // namespace scaler::benchmarks
