#include "object_storage/header.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace scaler::object_storage {
namespace {

std::vector<std::byte> fromHex(std::string_view text) {
    std::vector<std::byte> bytes;
    std::string digits;
    for (const char letter : text) {
        if (letter != ' ') {
            digits += letter;
        }
    }
    for (std::size_t index = 0; index + 1 < digits.size(); index += 2) {
        bytes.push_back(static_cast<std::byte>(std::stoul(digits.substr(index, 2), nullptr, 16)));
    }
    return bytes;
}

const ObjectId k_id{{0x0001020304050607, 0x08090a0b0c0d0e0f, 0x1011121314151617, 0x18191a1b1c1d1e1f}};

constexpr std::string_view kHeaderHex =
    "00000000 09000000 00000000 0300 0100 8877665544332211 0807060504030201 0300 000000000000 00000000 0400 0000"
    "0706050403020100 0f0e0d0c0b0a0908 1716151413121110 1f1e1d1c1b1a1918";

constexpr std::string_view kObjectIdHex =
    "00000000 05000000 00000000 0400 0000"
    "0706050403020100 0f0e0d0c0b0a0908 1716151413121110 1f1e1d1c1b1a1918";

// The same message with its parts in another order: the
// object id first, the root's data behind it.
constexpr std::string_view kOtherEncodingHex =
    "00000000 09000000 10000000 0300 0100 0706050403020100 0f0e0d0c0b0a0908 1716151413121110 1f1e1d1c1b1a1918"
    "8877665544332211 0807060504030201 0300 0000 2a000000 e0ffffff 0400 0000";

RequestHeader expectedRequest() {
    return {.object_id = k_id,
            .payload_length = 0x1122334455667788,
            .request_id = 0x0102030405060708,
            .type = RequestType::duplicateObjectId,
            .timeout_milliseconds = 0};
}

TEST(Header, ReadsAndWritesTheFixedLayout) {
    const std::vector<std::byte> bytes = fromHex(kHeaderHex);
    ASSERT_EQ(bytes.size(), kHeaderBytes);
    EXPECT_EQ(readRequestHeader(bytes), expectedRequest());
    const HeaderBytes written = writeRequestHeader(expectedRequest());
    EXPECT_TRUE(std::equal(written.begin(), written.end(), bytes.begin(), bytes.end()));
}

TEST(Header, ResponseSharesTheLayout) {
    const ResponseHeader response{.object_id = k_id,
                                  .payload_length = 0x1122334455667788,
                                  .response_id = 0x0102030405060708,
                                  .type = ResponseType::deleteNotExists};
    const std::vector<std::byte> bytes = fromHex(kHeaderHex);
    const HeaderBytes written = writeResponseHeader(response);
    EXPECT_TRUE(std::equal(written.begin(), written.end(), bytes.begin(), bytes.end()));
    EXPECT_EQ(readResponseHeader(bytes), response);
}

TEST(Header, CarriesTheTimeout) {
    RequestHeader header = expectedRequest();
    header.timeout_milliseconds = 0xdeadbeef;
    EXPECT_EQ(readRequestHeader(writeRequestHeader(header)), header);
}

TEST(Header, ReadsAnotherValidEncoding) {
    const std::vector<std::byte> bytes = fromHex(kOtherEncodingHex);
    ASSERT_EQ(bytes.size(), kHeaderBytes);
    RequestHeader expected = expectedRequest();
    expected.timeout_milliseconds = 42;
    EXPECT_EQ(readRequestHeader(bytes), expected);
}

TEST(Header, RefusesOtherSizes) {
    std::vector<std::byte> bytes = fromHex(kHeaderHex);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(readRequestHeader(std::span(bytes).first(size)));
        EXPECT_FALSE(readResponseHeader(std::span(bytes).first(size)));
    }
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(readRequestHeader(bytes));
}

TEST(Header, RefusesGarbage) {
    for (const int value : {0x00, 0xaa, 0xff, 0x01, 0x7f}) {
        const std::vector<std::byte> bytes(kHeaderBytes, static_cast<std::byte>(value));
        EXPECT_FALSE(readRequestHeader(bytes)) << value;
        EXPECT_FALSE(readResponseHeader(bytes)) << value;
        EXPECT_FALSE(readObjectIdMessage(std::span(bytes).first(kObjectIdMessageBytes))) << value;
    }
}

// Whatever single byte is damaged, the result is a header or a refusal, never a read outside (the sanitizers watch).
TEST(Header, SurvivesAnyDamagedByte) {
    const std::vector<std::byte> original = fromHex(kHeaderHex);
    std::size_t refused = 0;
    for (std::size_t position = 0; position < original.size(); ++position) {
        for (int value = 0; value < 256; ++value) {
            std::vector<std::byte> bytes = original;
            bytes[position] = static_cast<std::byte>(value);
            refused += readRequestHeader(bytes) ? 0U : 1U;
        }
    }
    EXPECT_GT(refused, 0U);
}

TEST(ObjectIdMessage, ReadsAndWritesTheFixedLayout) {
    const std::vector<std::byte> bytes = fromHex(kObjectIdHex);
    ASSERT_EQ(bytes.size(), kObjectIdMessageBytes);
    EXPECT_EQ(readObjectIdMessage(bytes), k_id);
    const ObjectIdMessageBytes written = writeObjectIdMessage(k_id);
    EXPECT_TRUE(std::equal(written.begin(), written.end(), bytes.begin(), bytes.end()));
    EXPECT_FALSE(readObjectIdMessage(std::span(bytes).first(47)));
}

}  // namespace
}  // namespace scaler::object_storage
