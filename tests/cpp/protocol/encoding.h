// Encodes a view into words, as callers do into their own memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scaler::protocol {

// Bytes that are aligned to words.
class Encoded {
public:
    template <class View>
    explicit Encoded(const View& view) : words_(encodedSizeBytes(view) / sizeof(std::uint64_t)) {
        encode(view, bytes());
    }

    std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words_)); }

private:
    std::vector<std::uint64_t> words_;
};

}  // namespace scaler::protocol
