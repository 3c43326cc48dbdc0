// The verdict on a cancellation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct TaskCancelConfirmView {
    std::string_view task_id;
    std::uint16_t cancel_confirm_type = 0;
};

std::size_t encodedSizeBytes(const TaskCancelConfirmView& confirm);
void encode(const TaskCancelConfirmView& confirm, std::span<std::byte> out);
TaskCancelConfirmView decodeTaskCancelConfirm(const FrameReader& frame);

}  // namespace scaler::protocol
