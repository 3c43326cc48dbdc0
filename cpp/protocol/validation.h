// Proves that a message of any kind can be read to its last field.
#pragma once

#include "protocol/frame_reader.h"

namespace scaler::protocol {

// Reads every field. Throws CodecError when one is malformed, a text is not UTF-8, or the message's kind is unknown.
void validate(const FrameReader& frame);

}  // namespace scaler::protocol
