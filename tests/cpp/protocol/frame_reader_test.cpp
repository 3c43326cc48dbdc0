// Frames are opened only when they are one whole message, wherever they lie in memory.
#include "protocol/frame_reader.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "protocol/codec_error.h"
#include "protocol/encoding.h"
#include "protocol/object_instruction.h"
#include "protocol/task.h"
#include "protocol/task_cancel.h"
#include "protocol/task_log.h"
#include "protocol/task_result.h"
#include "protocol/validation.h"

namespace scaler::protocol {
namespace {

TaskView sampleTask(std::string_view value) {
    TaskView task;
    task.task_id = "0123456789abcdef";
    task.function_args = {{2, value}};
    task.capabilities = {{"gpu", 1}};
    task.keyword_names = {"name"};
    return task;
}

// Reads the frame in every way; malformed ones end in CodecError, and nothing else.
void readEverything(std::span<const std::byte> frame) {
    try {
        const FrameReader reader(frame);
        switch (reader.kind()) {
            case MessageKind::TASK:
                decodeTask(reader);
                break;
            case MessageKind::TASK_RESULT:
                decodeTaskResult(reader);
                break;
            case MessageKind::OBJECT_INSTRUCTION:
                decodeObjectInstruction(reader);
                break;
            case MessageKind::TASK_LOG:
                decodeTaskLog(reader);
                break;
            default:
                validate(reader);
        }
    } catch (const CodecError&) {
        return;
    }
}

TEST(FrameReader, RefusesWhatIsNotWhole) {
    Encoded frame(sampleTask("value"));
    const auto bytes = frame.bytes();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_THROW(FrameReader(bytes.first(size)), CodecError) << size;
    }
}

TEST(FrameReader, RefusesWhatIsBehindTheMessage) {
    Encoded frame(sampleTask("value"));
    std::vector<std::byte> longer(frame.bytes().begin(), frame.bytes().end());
    longer.resize(longer.size() + sizeof(capnp::word));
    EXPECT_THROW(FrameReader{longer}, CodecError);
}

TEST(FrameReader, ReadsUnalignedFramesOfAnySize) {
    for (const std::size_t size : {0U, 100U, 5000U}) {
        const std::string value(size, 'v');
        Encoded frame(sampleTask(value));
        for (std::size_t shift = 1; shift < sizeof(capnp::word); ++shift) {
            std::vector<std::byte> memory(frame.bytes().size() + shift);
            std::memcpy(memory.data() + shift, frame.bytes().data(), frame.bytes().size());
            const std::span<const std::byte> shifted(memory.data() + shift, frame.bytes().size());
            const FrameReader reader(shifted);
            EXPECT_EQ(decodeTask(reader).function_args[0].data, value);
        }
    }
}

TEST(FrameReader, SurvivesEveryFlippedBit) {
    Encoded frame(sampleTask("value"));
    auto bytes = frame.bytes();
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        const auto mask = static_cast<std::byte>(1U << bit % 8);
        bytes[bit / 8] ^= mask;
        readEverything(bytes);
        bytes[bit / 8] ^= mask;
    }
    const FrameReader reader(bytes);
    EXPECT_EQ(decodeTask(reader).function_args[0].data, "value");
}

TEST(FrameReader, SurvivesRandomChanges) {
    std::mt19937 random(1);
    Encoded task(sampleTask("value"));
    Encoded result(TaskResultView{"id", 0, "meta", {"a", "b"}, 0, 0, "value"});
    Encoded instruction(ObjectInstructionView{0, "user", {"a", "b"}, {1, 1}, {"x", "y"}});
    for (auto* original : {&task, &result, &instruction}) {
        for (int round = 0; round < 3000; ++round) {
            auto changed = *original;
            for (int change = 0; change < 4; ++change) {
                changed.bytes()[random() % changed.bytes().size()] = static_cast<std::byte>(random());
            }
            readEverything(changed.bytes());
        }
    }
}

TEST(FrameReader, ErrorsArePrintable) {
    Encoded frame(TaskLogView{"id", 0, "1234567"});
    auto bytes = frame.bytes();
    bytes.back() = static_cast<std::byte>(0x80);  // the zero byte behind the text
    try {
        const FrameReader reader(bytes);
        decodeTaskLog(reader);
        FAIL() << "a text without its zero byte was accepted";
    } catch (const CodecError& error) {
        for (const char* character = error.what(); *character != 0; ++character) {
            EXPECT_TRUE(*character >= ' ' && *character <= '~') << error.what();
        }
    }
}

}  // namespace
}  // namespace scaler::protocol
