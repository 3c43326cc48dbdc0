// Time-outs as users write them: seconds, with a fraction.
#pragma once

#include <chrono>
#include <cmath>
#include <optional>

namespace scaler::object_storage {

inline constexpr double kMaximumSeconds = 1e9;

// Returns nothing for what is not between 0 and the maximum; parts of a millisecond are rounded up.
inline std::optional<std::chrono::milliseconds> millisecondsOf(double seconds) {
    constexpr double kMillisecondsPerSecond = 1000;
    if (!(seconds >= 0 && seconds <= kMaximumSeconds)) {
        return std::nullopt;
    }
    return std::chrono::milliseconds(std::llround(std::ceil(seconds * kMillisecondsPerSecond)));
}

}  // namespace scaler::object_storage
