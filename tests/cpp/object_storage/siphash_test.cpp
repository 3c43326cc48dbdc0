// The vectors were computed by OpenSSL's SIPHASH MAC with 16 bytes of output, one compression and three final rounds.
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
    // e77ebcb22788a5be fd62db6add303001
    EXPECT_EQ(hashOfFirst(0), (SipHashValue{0xbea58827b2bc7ee7, 0x013030dd6adb62fd}));
    // fc6f370460d3eda8 5e0573cc2b2ff063
    EXPECT_EQ(hashOfFirst(1), (SipHashValue{0xa8edd36004376ffc, 0x63f02f2bcc73055e}));
    // c17e5505b2bd526c 2921cdec1e7e0109
    EXPECT_EQ(hashOfFirst(15), (SipHashValue{0x6c52bdb205557ec1, 0x09017e1eeccd2129}));
    // 1253def24b4aa536 4ec8a759ba6a66c2
    EXPECT_EQ(hashOfFirst(64), (SipHashValue{0x36a54a4bf2de5312, 0xc2666aba59a7c84e}));
}

TEST(SipHash, DependsOnTheKey) {
    EXPECT_NE(sipHash128({1, 2}, {}), sipHash128({1, 3}, {}));
    EXPECT_NE(sipHash128({1, 2}, {}), sipHash128({0, 2}, {}));
}

}  // namespace
}  // namespace scaler::object_storage
