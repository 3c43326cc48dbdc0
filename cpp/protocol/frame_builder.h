// Builds one frame in place: a single segment whose size is computed beforehand, so that nothing is allocated or
// copied.
#pragma once

#include <capnp/message.h>

#include <cstddef>
#include <span>

#include "message.capnp.h"

namespace scaler::protocol {

class FrameBuilder {
public:
    // `out` has exactly the bytes that FrameSize computed for the message.
    explicit FrameBuilder(std::span<std::byte> out);

    ::Message::Builder message() { return builder_.initRoot<::Message>(); }

    // Throws when the message did not fill the frame, that is when its size was computed wrongly.
    void finish() { builder_.requireFilled(); }

private:
    capnp::FlatMessageBuilder builder_;
};

}  // namespace scaler::protocol
