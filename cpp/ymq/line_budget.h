// How many lines of a log may be written, so that no peer fills it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace scaler::ymq {

// Not thread-safe.
class LineBudget {
public:
    using Time = std::chrono::steady_clock::time_point;

    static constexpr int kLinesPerSecond = 10;

    // Returns how many lines were left out before this one; nothing when this one is to be left out too.
    std::optional<std::uint64_t> admit(Time now) noexcept {
        if (now - second_ >= std::chrono::seconds(1)) {
            second_ = now;
            written_ = 0;
        }
        if (written_ == kLinesPerSecond) {
            ++left_out_;
            return std::nullopt;
        }
        ++written_;
        return std::exchange(left_out_, 0);
    }

private:
    Time second_ = Time() - std::chrono::seconds(1);
    int written_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace scaler::ymq
