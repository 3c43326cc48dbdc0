// What becomes of objects: they are created, deleted, or cleared with their owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

// Views bytes that others own: the frame it was decoded from, or the values that are to be encoded.
struct ObjectInstructionView {
    std::uint16_t instruction_type = 0;
    std::string_view object_user;
    std::vector<std::string_view> object_ids;
    std::vector<std::uint16_t> object_types;
    std::vector<std::string_view> object_names;
};

std::size_t encodedSizeBytes(const ObjectInstructionView& instruction);
void encode(const ObjectInstructionView& instruction, std::span<std::byte> out);
ObjectInstructionView decodeObjectInstruction(const FrameReader& frame);

}  // namespace scaler::protocol
