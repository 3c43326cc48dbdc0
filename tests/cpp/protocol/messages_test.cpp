// Every hot message is decoded to what was encoded, in a frame of the computed size.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocol/codec_error.h"
#include "protocol/encoding.h"
#include "protocol/object_instruction.h"
#include "protocol/processor_initialized.h"
#include "protocol/task.h"
#include "protocol/task_cancel.h"
#include "protocol/task_cancel_confirm.h"
#include "protocol/task_log.h"
#include "protocol/task_result.h"

namespace scaler::protocol {
namespace {

using std::string_view;

TaskView sampleTask() {
    TaskView task;
    task.task_id = "0123456789abcdef";
    task.source = "Client|x";
    task.metadata = string_view("\x01\x00\x00\x00\x07\x00", 6);
    task.func_object_id = "ffffffffffffffffffffffffffffffff";
    task.function_args = {{1, "an object's id"}, {2, ""}, {2, "value"}};
    task.capabilities = {{"gpu", -1}, {"", 1}};
    task.attempt = 4294967295U;
    task.priority = -2147483647;
    task.deadline_milliseconds = 1;
    task.timeout_milliseconds = 2;
    task.retries = 3;
    task.level = 4;
    task.keyword_names = {"name", "12345678", ""};
    task.retry_on = "types";
    task.steps = {{"gggggggggggggggggggggggggggggggg", {{3, ""}, {2, "value"}}}, {"", {}}};
    return task;
}

TEST(Messages, TaskKeepsEveryField) {
    const auto task = sampleTask();
    Encoded frame(task);
    const FrameReader reader(frame.bytes());
    const auto decoded = decodeTask(reader);
    EXPECT_EQ(decoded.task_id, task.task_id);
    EXPECT_EQ(decoded.source, task.source);
    EXPECT_EQ(decoded.metadata, task.metadata);
    EXPECT_EQ(decoded.func_object_id, task.func_object_id);
    ASSERT_EQ(decoded.function_args.size(), 3U);
    EXPECT_EQ(decoded.function_args[0].type, 1);
    EXPECT_EQ(decoded.function_args[2].data, "value");
    ASSERT_EQ(decoded.capabilities.size(), 2U);
    EXPECT_EQ(decoded.capabilities[0].name, "gpu");
    EXPECT_EQ(decoded.capabilities[0].value, -1);
    EXPECT_EQ(decoded.attempt, task.attempt);
    EXPECT_EQ(decoded.priority, task.priority);
    EXPECT_EQ(decoded.deadline_milliseconds, 1U);
    EXPECT_EQ(decoded.timeout_milliseconds, 2U);
    EXPECT_EQ(decoded.retries, 3U);
    EXPECT_EQ(decoded.level, 4U);
    EXPECT_EQ(decoded.keyword_names, task.keyword_names);
    EXPECT_EQ(decoded.retry_on, "types");
    ASSERT_EQ(decoded.steps.size(), 2U);
    EXPECT_EQ(decoded.steps[0].func_object_id, task.steps[0].func_object_id);
    ASSERT_EQ(decoded.steps[0].function_args.size(), 2U);
    EXPECT_EQ(decoded.steps[0].function_args[1].data, "value");
    EXPECT_TRUE(decoded.steps[1].function_args.empty());
}

TEST(Messages, PeekingReadsWhatPlacesATask) {
    const auto task = sampleTask();
    Encoded frame(task);
    const FrameReader reader(frame.bytes());
    const auto peeked = peekTask(reader);
    EXPECT_EQ(peeked.task_id, task.task_id);
    EXPECT_EQ(peeked.capabilities.size(), 2U);
    EXPECT_EQ(peeked.level, 4U);
    EXPECT_TRUE(peeked.function_args.empty());
}

TEST(Messages, ObjectsOfATaskAreThoseOfAllItsSteps) {
    auto task = sampleTask();
    task.func_object_id = "function";
    task.function_args = {{0, "task"}, {1, "first"}, {2, "value"}, {1, "second"}};
    task.steps = {{"step", {{3, ""}, {1, "third"}}}, {"last", {}}};
    Encoded frame(task);
    const std::vector<string_view> expected{"function", "first", "second", "step", "third", "last"};
    EXPECT_EQ(objectsOfTask(FrameReader(frame.bytes())), expected);
}

TEST(Messages, ViewsPointIntoTheFrame) {
    Encoded frame(sampleTask());
    const auto bytes = frame.bytes();
    const FrameReader reader(bytes);
    const auto value = decodeTask(reader).function_args[2].data;
    EXPECT_GE(value.data(), reinterpret_cast<const char*>(bytes.data()));
    EXPECT_LE(value.data() + value.size(), reinterpret_cast<const char*>(bytes.data() + bytes.size()));
}

TEST(Messages, EmptyTaskIsTheSmallest) {
    Encoded frame(TaskView{});
    EXPECT_EQ(frame.bytes().size(), 8U * (1 + 1 + 2 + 3 + 9));
    const FrameReader reader(frame.bytes());
    EXPECT_TRUE(decodeTask(reader).task_id.empty());
}

TEST(Messages, TaskResultTellsAbsentFromEmpty) {
    TaskResultView result{"id", 1, "meta", {"first", ""}, 2, 3, string_view()};
    Encoded with_value(result);
    const FrameReader value_reader(with_value.bytes());
    const auto decoded = decodeTaskResult(value_reader);
    EXPECT_EQ(decoded.value, string_view());
    EXPECT_EQ(decoded.results, result.results);
    EXPECT_EQ(decoded.result_type, 1);
    EXPECT_EQ(decoded.metadata, "meta");
    EXPECT_EQ(decoded.attempt, 2U);
    EXPECT_EQ(decoded.cause, 3);
    EXPECT_FALSE(peekTaskResult(value_reader).value);

    result.value.reset();
    Encoded without_value(result);
    const FrameReader reader(without_value.bytes());
    EXPECT_FALSE(decodeTaskResult(reader).value);
}

TEST(Messages, SmallOnesKeepTheirFields) {
    Encoded cancel(TaskCancelView{"id", true});
    const FrameReader cancel_reader(cancel.bytes());
    EXPECT_TRUE(decodeTaskCancel(cancel_reader).force);
    EXPECT_EQ(decodeTaskCancel(cancel_reader).task_id, "id");

    Encoded confirm(TaskCancelConfirmView{"id", 2});
    const FrameReader confirm_reader(confirm.bytes());
    EXPECT_EQ(decodeTaskCancelConfirm(confirm_reader).cancel_confirm_type, 2);

    Encoded log(TaskLogView{"id", 1, "1234567"});
    const FrameReader log_reader(log.bytes());
    EXPECT_EQ(decodeTaskLog(log_reader).content, "1234567");
    EXPECT_EQ(decodeTaskLog(log_reader).log_type, 1);

    Encoded initialized(ProcessorInitializedView{});
    EXPECT_EQ(FrameReader(initialized.bytes()).kind(), MessageKind::PROCESSOR_INITIALIZED);
}

TEST(Messages, ObjectInstructionKeepsItsLists) {
    const ObjectInstructionView instruction{1, "user", {"a", "bb"}, {0, 1, 1, 0, 1}, {"name"}};
    Encoded frame(instruction);
    const FrameReader reader(frame.bytes());
    const auto decoded = decodeObjectInstruction(reader);
    EXPECT_EQ(decoded.instruction_type, 1);
    EXPECT_EQ(decoded.object_user, "user");
    EXPECT_EQ(decoded.object_ids, instruction.object_ids);
    EXPECT_EQ(decoded.object_types, instruction.object_types);
    EXPECT_EQ(decoded.object_names, instruction.object_names);
}

TEST(Messages, AnotherKindIsAnError) {
    Encoded frame(TaskCancelView{"id", false});
    const FrameReader reader(frame.bytes());
    EXPECT_THROW(decodeTask(reader), CodecError);
    EXPECT_THROW(peekTaskResult(reader), CodecError);
    EXPECT_THROW(decodeTaskLog(reader), CodecError);
}

TEST(Messages, TooLargeFieldsAreRefusedBeforeTheyAreCopied) {
    const string_view too_large("", std::size_t{1} << 29);  // never read: its size is enough
    EXPECT_THROW(encodedSizeBytes(TaskLogView{"id", 0, too_large}), CodecError);
    TaskResultView result;
    result.results.assign(16, string_view("", (std::size_t{1} << 29) - 8));
    EXPECT_THROW(encodedSizeBytes(result), CodecError);
}

}  // namespace
}  // namespace scaler::protocol
