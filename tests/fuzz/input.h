// Takes numbers and bytes from the front of a fuzzer's input; behind its end there are zeros.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace scaler::fuzz {

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(std::as_bytes(std::span(data, size))) {}

    bool empty() const { return rest_.empty(); }

    template <typename Number>
    Number number() {
        static_assert(std::is_unsigned_v<Number>);
        Number value = 0;
        const auto taken = bytes(sizeof(value));
        if (!taken.empty()) {
            std::memcpy(&value, taken.data(), taken.size());
        }
        return value;
    }

    // Fewer than asked for when there are no more.
    std::span<const std::byte> bytes(std::size_t size) {
        const auto taken = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

    std::span<const std::byte> rest() { return bytes(rest_.size()); }

private:
    std::span<const std::byte> rest_;
};

}  // namespace scaler::fuzz
