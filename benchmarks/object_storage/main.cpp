// storage_load_generator storage|redis set|get PORT SIZE CONNECTIONS REQUESTS: prints one line of JSON.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "object_storage/load_generator.h"

namespace {

using scaler::benchmarks::Conversation;
using scaler::benchmarks::LoadResult;
using scaler::benchmarks::Operation;

template <typename Number>
Number number(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
        throw std::invalid_argument("not a positive number: " + std::string(text));
    }
    return value;
}

void run(std::span<const char* const> arguments) {
    if (arguments.size() != 6) {
        throw std::invalid_argument(
            "usage: storage_load_generator storage|redis set|get PORT SIZE CONNECTIONS REQUESTS");
    }
    const std::string_view protocol = arguments[0];
    const Operation operation = arguments[1] == std::string_view("set") ? Operation::set : Operation::get;
    const auto port = number<std::uint16_t>(arguments[2]);
    const auto size_bytes = std::max(number<std::size_t>(arguments[3]), sizeof(std::uint64_t));
    const auto make =
        protocol == "redis" ? scaler::benchmarks::redisConversation : scaler::benchmarks::storageConversation;
    scaler::benchmarks::runLoad(port, make(Operation::set, size_bytes), 1, 1);  // there is something to get
    const Conversation conversation = make(operation, size_bytes);
    LoadResult result = scaler::benchmarks::runLoad(port, conversation, number<std::size_t>(arguments[4]),
                                                    number<std::size_t>(arguments[5]));
    std::vector<std::int64_t>& latencies = result.latencies_nanoseconds;
    std::sort(latencies.begin(), latencies.end());
    const auto microseconds = [&](std::size_t percent) {
        return static_cast<double>(latencies[(latencies.size() - 1) * percent / 100]) / 1000.0;
    };
    std::printf("{\"seconds\": %.6f, \"requests_per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
                result.seconds, static_cast<double>(latencies.size()) / result.seconds, microseconds(50),
                microseconds(99));
}

}  // namespace

int main(int count, char** values) {
    try {
        run(std::span<const char* const>(values, static_cast<std::size_t>(count)).subspan(1));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
