// How a task ended, with its result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct TaskResultView {
    std::string_view task_id;
    std::uint16_t result_type = 0;
    std::string_view metadata;
    std::vector<std::string_view> results;
    std::uint32_t attempt = 0;
    std::uint16_t cause = 0;
    std::optional<std::string_view> value;  // an empty value is one, too
};

std::size_t encodedSizeBytes(const TaskResultView& result);
void encode(const TaskResultView& result, std::span<std::byte> out);
TaskResultView decodeTaskResult(const FrameReader& frame);

// Decodes everything but the value.
TaskResultView peekTaskResult(const FrameReader& frame);

}  // namespace scaler::protocol
