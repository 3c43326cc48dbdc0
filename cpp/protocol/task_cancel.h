// The wish that a task does not run, or stops.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct TaskCancelView {
    std::string_view task_id;
    bool force = false;
};

std::size_t encodedSizeBytes(const TaskCancelView& cancel);
void encode(const TaskCancelView& cancel, std::span<std::byte> out);
TaskCancelView decodeTaskCancel(const FrameReader& frame);

}  // namespace scaler::protocol
