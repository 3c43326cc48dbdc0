// A processor is ready for tasks. The message has no fields.
#pragma once

#include <cstddef>
#include <span>

#include "protocol/frame_reader.h"

namespace scaler::protocol {

struct ProcessorInitializedView {};

std::size_t encodedSizeBytes(const ProcessorInitializedView& initialized);
void encode(const ProcessorInitializedView& initialized, std::span<std::byte> out);

}  // namespace scaler::protocol
