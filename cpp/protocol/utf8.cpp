// Telling whether bytes are UTF-8.
#include "protocol/utf8.h"

#include <cstddef>
#include <cstdint>

namespace scaler::protocol {

namespace {

struct Sequence {
    std::size_t length;     // in bytes, 0 when no sequence starts so
    std::uint32_t bits;     // of the first byte that belong to the code point
    std::uint32_t minimum;  // smaller code points have a shorter form
};

Sequence sequenceOf(std::uint8_t first) {
    if (first < 0x80) return {1, 0x7F, 0};
    if ((first & 0xE0) == 0xC0) return {2, 0x1F, 0x80};
    if ((first & 0xF0) == 0xE0) return {3, 0x0F, 0x800};
    if ((first & 0xF8) == 0xF0) return {4, 0x07, 0x10000};
    return {0, 0, 0};
}

bool isCharacter(std::uint32_t point, std::uint32_t minimum) {
    return point >= minimum && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

}  // namespace

bool isUtf8(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto first = static_cast<std::uint8_t>(bytes[0]);
        const auto sequence = sequenceOf(first);
        if (sequence.length == 0 || sequence.length > bytes.size()) {
            return false;
        }
        std::uint32_t point = first & sequence.bits;
        for (std::size_t i = 1; i < sequence.length; ++i) {
            const auto byte = static_cast<std::uint8_t>(bytes[i]);
            if ((byte & 0xC0) != 0x80) {
                return false;
            }
            point = point << 6 | (byte & 0x3F);
        }
        if (!isCharacter(point, sequence.minimum)) {
            return false;
        }
        bytes.remove_prefix(sequence.length);
    }
    return true;
}

}  // namespace scaler::protocol
