// Why something ends, said also when there is no memory left to say it.
#pragma once

#include <exception>
#include <string>

namespace scaler::ymq {

// Returns what `text` returns, or something short when there is no memory for it.
template <typename Text>
std::string reasonOf(const Text& text) noexcept {
    try {
        return text();
    } catch (const std::exception&) {
        return "out of memory";  // fits into a string as it is
    }
}

inline std::string copyOfReason(const std::string& reason) noexcept {
    return reasonOf([&reason] { return reason; });
}

}  // namespace scaler::ymq
