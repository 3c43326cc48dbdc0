#include "ymq/outbox.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace scaler::ymq {

namespace {

constexpr std::size_t kNoLimit = SIZE_MAX;

MessagePart part(std::string_view text) { return MessagePart(Bytes::copy(text)); }

std::string encoded(std::string_view payload) {
    const FrameHeader header = encodeHeader(FrameKind::data, payload.size());
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + std::string(payload);
}

void append(Outbox& outbox, std::string_view text, std::uint64_t token = 0) {
    const MessagePart piece = part(text);
    outbox.append(std::span(&piece, 1), token);
}

// Writes at most `maximum` bytes, and returns them.
std::string write(Outbox& outbox, std::size_t maximum, std::vector<std::uint64_t>& tokens) {
    std::array<IoVector, 8> vectors;
    const std::size_t number = outbox.gather(vectors, maximum, false);
    std::string bytes;
    for (std::size_t index = 0; index < number; ++index) {
        bytes.append(static_cast<const char*>(vectors[index].iov_base), vectors[index].iov_len);
    }
    outbox.advance(bytes.size(), tokens);
    return bytes;
}

std::string writeAll(Outbox& outbox, std::size_t step = kNoLimit) {
    std::vector<std::uint64_t> tokens;
    std::string bytes;
    while (outbox.hasUnwritten()) bytes += write(outbox, step, tokens);
    return bytes;
}

}  // namespace

TEST(Outbox, GathersPartsIntoOneFrame) {
    Outbox outbox(Outbox::Keep::untilWritten);
    const std::string large(10'000, 'L');
    const std::array parts{part("head"), part(large), part(""), part("tail")};
    outbox.append(parts);
    EXPECT_EQ(writeAll(outbox), encoded("head" + large + "tail"));
    EXPECT_TRUE(outbox.empty());
    EXPECT_EQ(outbox.bytes(), 0U);
}

TEST(Outbox, ManySmallFramesLeaveInFewBuffers) {
    Outbox outbox(Outbox::Keep::untilWritten);
    for (int index = 0; index < 500; ++index) append(outbox, "0123456789");
    std::array<IoVector, 64> vectors;
    EXPECT_LE(outbox.gather(vectors, kNoLimit, false), 3U);
}

TEST(Outbox, KeepsUntilAcknowledgedAndRewinds) {
    Outbox outbox(Outbox::Keep::untilAcknowledged);
    for (const char* text : {"one", "two", "three"}) append(outbox, text);
    (void)writeAll(outbox);
    EXPECT_TRUE(outbox.acknowledge(1));
    EXPECT_TRUE(outbox.rewind(2));
    EXPECT_EQ(writeAll(outbox), encoded("three"));
    EXPECT_FALSE(outbox.rewind(1)) << "frame 2 is gone";
    EXPECT_FALSE(outbox.acknowledge(4)) << "there is no frame 4";
    EXPECT_TRUE(outbox.acknowledge(3));
    EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, TokensCompleteWhenTheFrameIsWritten) {
    Outbox outbox(Outbox::Keep::untilWritten);
    append(outbox, "one", 11);
    append(outbox, "two", 22);
    std::vector<std::uint64_t> tokens;
    (void)write(outbox, 10, tokens);
    EXPECT_TRUE(tokens.empty());
    (void)write(outbox, 2, tokens);
    EXPECT_EQ(tokens, (std::vector<std::uint64_t>{11}));
    EXPECT_EQ(outbox.clear(), (std::vector<std::uint64_t>{22}));
}

TEST(Outbox, CanStopBehindTheCurrentFrame) {
    Outbox outbox(Outbox::Keep::untilWritten);
    append(outbox, "one");
    append(outbox, "two");
    std::vector<std::uint64_t> tokens;
    (void)write(outbox, 9, tokens);
    std::array<IoVector, 8> vectors;
    ASSERT_EQ(outbox.gather(vectors, kNoLimit, true), 1U);
    EXPECT_EQ(vectors[0].iov_len, 2U);
}

TEST(Outbox, FrameForWhichThereIsNoMemoryLeavesNothing) {
    const std::array<std::byte, 8> some{};
    // More than any system has; nothing of it is read.
    const MessagePart impossible(std::span<const std::byte>(some.data(), std::size_t{1} << 60));
    const std::string large(Outbox::kReferredBytes, 'L');
    for (const std::string& first : {std::string(), std::string("first"), large, std::string(100'000, 'f')}) {
        for (const std::string& second : {std::string("second"), large, std::string(70'000, 's')}) {
            for (const bool is_written : {false, true}) {
                Outbox outbox(Outbox::Keep::untilAcknowledged);
                std::string expected = first.empty() ? "" : encoded(first);
                if (!first.empty()) append(outbox, first);
                std::string stream = is_written ? writeAll(outbox) : "";
                const std::array parts{part("head"), MessagePart(std::as_bytes(std::span(second))), part(second),
                                       impossible};
                EXPECT_THROW(outbox.append(parts, 7), std::bad_alloc);
                EXPECT_EQ(outbox.bytes(), expected.size());
                append(outbox, "third");
                stream += writeAll(outbox);
                EXPECT_EQ(stream, expected + encoded("third"));
            }
        }
    }
}

// The stream must be the same whatever the order of appends, partial writes, acknowledgements and rewinds.
TEST(Outbox, RandomOperationsKeepTheStream) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        Outbox outbox(Outbox::Keep::untilAcknowledged);
        std::vector<std::string> frames;
        std::size_t received = 0;
        std::string partial;
        std::vector<std::uint64_t> tokens;
        for (int step = 0; step < 300; ++step) {
            switch (random() % 5) {
                case 0:
                case 1: {
                    const std::size_t size = random() % 8 == 0 ? random() % 200'000 : random() % 300;
                    frames.emplace_back(size, static_cast<char>('a' + frames.size() % 26));
                    append(outbox, frames.back());
                    break;
                }
                case 2:
                case 3: {
                    partial += write(outbox, random() % 100'000, tokens);
                    while (received < frames.size() && partial.starts_with(encoded(frames[received]))) {
                        partial.erase(0, encoded(frames[received]).size());
                        ++received;
                    }
                    break;
                }
                default:
                    if (random() % 3 == 0) {
                        ASSERT_TRUE(outbox.rewind(received));
                        partial.clear();
                    } else {
                        ASSERT_TRUE(outbox.acknowledge(received - random() % (received - outbox.droppedFrames() + 1)));
                    }
            }
        }
        partial += writeAll(outbox);
        while (received < frames.size()) {
            ASSERT_TRUE(partial.starts_with(encoded(frames[received]))) << "seed " << seed;
            partial.erase(0, encoded(frames[received++]).size());
        }
        EXPECT_TRUE(partial.empty());
        ASSERT_TRUE(outbox.acknowledge(received));
        EXPECT_EQ(outbox.bytes(), 0U);
    }
}

}  // namespace scaler::ymq
