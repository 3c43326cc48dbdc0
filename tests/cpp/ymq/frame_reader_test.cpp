#include "ymq/frame_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace scaler::ymq {

namespace {

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

std::string encoded(std::string_view payload, FrameKind kind = FrameKind::data) {
    const FrameHeader header = encodeHeader(kind, payload.size());
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + std::string(payload);
}

// Feeds at most `step` bytes at a time and collects the frames.
std::vector<std::string> readAll(FrameReader& reader, std::string_view stream, std::size_t step) {
    std::vector<std::string> payloads;
    Frame frame;
    while (!stream.empty()) {
        const std::span<std::byte> memory = reader.prepare();
        const std::size_t size = std::min({memory.size(), stream.size(), step});
        std::memcpy(memory.data(), stream.data(), size);
        stream.remove_prefix(size);
        reader.commit(size);
        while (reader.next(kNoLimit, frame) == FrameReader::Status::frame) {
            payloads.emplace_back(frame.payload.view());
        }
    }
    return payloads;
}

std::string patterned(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t index = 0; index < size; ++index) text[index] = static_cast<char>(index * 31 + index / 256);
    return text;
}

void feed(FrameReader& reader, std::string_view bytes) {
    std::memcpy(reader.prepare().data(), bytes.data(), bytes.size());
    reader.commit(bytes.size());
}

}  // namespace

class FrameReaderSteps : public testing::TestWithParam<std::size_t> {};

TEST_P(FrameReaderSteps, CutsFramesOfEverySizeAtEveryStep) {
    std::vector<std::string> expected{"", "a", patterned(1000), patterned(9000), patterned(65535), patterned(65536)};
    expected.insert(expected.end(), {patterned(65537), "", patterned(300'000), patterned(3'000'000), "end"});
    std::string stream;
    for (const std::string& payload : expected) stream += encoded(payload);
    FrameReader reader(FrameReader::Mode::plain);
    EXPECT_EQ(readAll(reader, stream, GetParam()), expected);
    EXPECT_FALSE(reader.insideFrame());
}

INSTANTIATE_TEST_SUITE_P(All, FrameReaderSteps, testing::Values(1, 7, 1000, 65544, 1 << 20, 1 << 24));

TEST(FrameReader, AnnouncedLengthReservesNothing) {
    FrameReader reader(FrameReader::Mode::plain);
    feed(reader, std::string("\0\0\0\0\0\1\0\0", 8));
    Frame frame;
    EXPECT_EQ(reader.next(kNoLimit, frame), FrameReader::Status::needMore);
    EXPECT_LE(reader.prepare().size(), ReceiveBuffer::kFirstStepBytes);
}

TEST(FrameReader, BlockIsSmallAgainBehindALargeFrame) {
    FrameReader reader(FrameReader::Mode::plain);
    const std::string small = encoded(patterned(1000));
    std::string many;
    for (int count = 0; count < 2000; ++count) many += small;
    EXPECT_EQ(readAll(reader, many, many.size()).size(), 2000U);
    EXPECT_GT(reader.prepare().size(), FrameReader::kSmallestBlockBytes);
    EXPECT_EQ(readAll(reader, encoded(patterned(2'000'000)), many.size()).size(), 1U);
    EXPECT_EQ(reader.prepare().size(), FrameReader::kSmallestBlockBytes);
}

TEST(FrameReader, RefusesByTheHeader) {
    FrameReader reader(FrameReader::Mode::plain);
    feed(reader, encoded("12345"));
    Frame frame;
    EXPECT_EQ(reader.next(4, frame), FrameReader::Status::tooLarge);
    EXPECT_EQ(reader.next(5, frame), FrameReader::Status::frame);
}

TEST(FrameReader, KindIsInTheTopByteOfTheHelloFramingOnly) {
    FrameReader kinds(FrameReader::Mode::kinds);
    feed(kinds, encoded("x", FrameKind::ping));
    Frame frame;
    ASSERT_EQ(kinds.next(kNoLimit, frame), FrameReader::Status::frame);
    EXPECT_EQ(frame.kind, FrameKind::ping);
    FrameReader plain(FrameReader::Mode::plain);
    feed(plain, encoded("x", FrameKind::ping));
    EXPECT_EQ(plain.next(1 << 20, frame), FrameReader::Status::tooLarge);
}

TEST(FrameReader, RefusesUnknownKinds) {
    FrameReader reader(FrameReader::Mode::kinds);
    feed(reader, std::string("\0\0\0\0\0\0\0\x08", 8));
    Frame frame;
    EXPECT_EQ(reader.next(kNoLimit, frame), FrameReader::Status::unknownKind);
}

}  // namespace scaler::ymq
