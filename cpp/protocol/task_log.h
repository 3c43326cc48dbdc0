// Text that a task has written to its standard output or error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct TaskLogView {
    std::string_view task_id;
    std::uint16_t log_type = 0;
    std::string_view content;
};

std::size_t encodedSizeBytes(const TaskLogView& log);
void encode(const TaskLogView& log, std::span<std::byte> out);
TaskLogView decodeTaskLog(const FrameReader& frame);

}  // namespace scaler::protocol
