// A call of a function: what a client submits and a processor runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

struct ArgumentView {
    std::uint16_t type = 0;
    std::string_view data;
};

struct CapabilityView {
    std::string_view name;
    std::int64_t value = 0;
};

// A call that follows in the same run.
struct StepView {
    std::string_view func_object_id;
    std::vector<ArgumentView> function_args;
};

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct TaskView {
    std::string_view task_id;
    std::string_view source;
    std::string_view metadata;
    std::string_view func_object_id;
    std::vector<ArgumentView> function_args;
    std::vector<CapabilityView> capabilities;
    std::uint32_t attempt = 0;
    std::int32_t priority = 0;
    std::uint32_t deadline_milliseconds = 0;
    std::uint32_t timeout_milliseconds = 0;
    std::uint32_t retries = 0;
    std::uint32_t level = 0;
    std::vector<std::string_view> keyword_names;
    std::vector<StepView> steps;
    std::string_view retry_on;
};

std::size_t encodedSizeBytes(const TaskView& task);
void encode(const TaskView& task, std::span<std::byte> out);
TaskView decodeTask(const FrameReader& frame);

// Decodes only what places a task: everything but its arguments, metadata and limits.
TaskView peekTask(const FrameReader& frame);

// The objects that whoever runs the task fetches: its functions and the arguments that are objects, of all steps.
std::vector<std::string_view> objectsOfTask(const FrameReader& frame);

}  // namespace scaler::protocol
