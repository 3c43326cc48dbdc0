// SipHash-1-3 with a result of 128 bits.
#include "object_storage/siphash.h"

#include <bit>
#include <cstring>

namespace scaler::object_storage {
namespace {

static_assert(std::endian::native == std::endian::little, "words of the message are little-endian");

constexpr int kRoundsPerWord = 1;
constexpr int kFinalRounds = 3;
constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

struct State {
    std::uint64_t v0, v1, v2, v3;

    void rounds(int count) {
        for (int round = 0; round < count; ++round) {
            v0 += v1;
            v1 = std::rotl(v1, 13) ^ v0;
            v0 = std::rotl(v0, 32);
            v2 += v3;
            v3 = std::rotl(v3, 16) ^ v2;
            v0 += v3;
            v3 = std::rotl(v3, 21) ^ v0;
            v2 += v1;
            v1 = std::rotl(v1, 17) ^ v2;
            v2 = std::rotl(v2, 32);
        }
    }

    void absorb(std::uint64_t word) {
        v3 ^= word;
        rounds(kRoundsPerWord);
        v0 ^= word;
    }

    std::uint64_t digest() const { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

SipHashValue sipHash128(const SipHashKey& key, std::span<const std::byte> bytes) {
    State state{
        .v0 = key[0] ^ 0x736f6d6570736575,
        .v1 = key[1] ^ 0x646f72616e646f6d ^ 0xee,
        .v2 = key[0] ^ 0x6c7967656e657261,
        .v3 = key[1] ^ 0x7465646279746573,
    };
    const std::size_t tail_bytes = bytes.size() % kWordBytes;
    const std::byte* const tail = bytes.data() + (bytes.size() - tail_bytes);
    for (const std::byte* position = bytes.data(); position != tail; position += kWordBytes) {
        std::uint64_t word;
        std::memcpy(&word, position, kWordBytes);
        state.absorb(word);
    }
    std::uint64_t last_word = static_cast<std::uint64_t>(bytes.size()) << 56U;
    for (std::size_t index = 0; index < tail_bytes; ++index) {
        last_word |= static_cast<std::uint64_t>(tail[index]) << (8U * index);
    }
    state.absorb(last_word);

    SipHashValue value{};
    state.v2 ^= 0xee;
    state.rounds(kFinalRounds);
    value[0] = state.digest();
    state.v1 ^= 0xdd;
    state.rounds(kFinalRounds);
    value[1] = state.digest();
    return value;
}

}  // namespace scaler::object_storage
