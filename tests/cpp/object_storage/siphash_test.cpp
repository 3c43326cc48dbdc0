// The vectors were computed by OpenSSL's SIPHASH MAC with 16 bytes of output.
#include "object_storage/siphash.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace scaler::object_storage {
namespace {

constexpr SipHashKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

SipHashValue hashOfFirst(std::size_t count) {
    std::vector<std::byte> bytes(count);
    for (std::size_t index = 0; index < count; ++index) {
        bytes[index] = static_cast<std::byte>(index);
    }
    return sipHash128(kKey, bytes);
}

TEST(SipHash, MatchesKnownVectors) {
    // a3817f04ba25a8e6 6df67214c7550293
    EXPECT_EQ(hashOfFirst(0), (SipHashValue{0xe6a825ba047f81a3, 0x930255c71472f66d}));
    // da87c1d86b99af44 347659119b22fc45
    EXPECT_EQ(hashOfFirst(1), (SipHashValue{0x44af996bd8c187da, 0x45fc229b11597634}));
    // 5493e99933b0a811 7e08ec0f97cfc3d9
    EXPECT_EQ(hashOfFirst(15), (SipHashValue{0x11a8b03399e99354, 0xd9c3cf970fec087e}));
    // 1eaf077dc0d4cd3f 8cad4d383658a74b
    EXPECT_EQ(hashOfFirst(64), (SipHashValue{0x3fcdd4c07d07af1e, 0x4ba75836384dad8c}));
}

TEST(SipHash, DependsOnTheKey) {
    EXPECT_NE(sipHash128({1, 2}, {}), sipHash128({1, 3}, {}));
    EXPECT_NE(sipHash128({1, 2}, {}), sipHash128({0, 2}, {}));
}

}  // namespace
}  // namespace scaler::object_storage
