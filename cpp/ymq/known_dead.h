// Asks for the lives of many processes at one time, each only once.
#pragma once

#include <chrono>
#include <map>

#include "ymq/process_name.h"

namespace scaler::ymq {

class KnownDead {
public:
    using Clock = std::chrono::steady_clock;
    using Lookup = bool (*)(const ProcessName& process);

    explicit KnownDead(Lookup lookup = isKnownDead) noexcept : lookup_(lookup) {}

    // Tells whether the process is known to have ended; an answer holds for as long as the time does not change.
    bool at(Clock::time_point now, const ProcessName& process) {
        if (now != asked_at_) answers_.clear();
        asked_at_ = now;
        const auto [answer, is_new] = answers_.try_emplace(process, false);
        if (is_new) answer->second = lookup_(process);
        return answer->second;
    }

private:
    const Lookup lookup_;
    std::map<ProcessName, bool> answers_{};
    Clock::time_point asked_at_{};
};

}  // namespace scaler::ymq
