// Encoding and decoding of ProcessorInitialized.
#include "protocol/processor_initialized.h"

#include "protocol/frame_builder.h"
#include "protocol/frame_size.h"
#include "protocol/guarded.h"

namespace scaler::protocol {

std::size_t encodedSizeBytes(const ProcessorInitializedView&) {
    return FrameSize().addStruct<::ProcessorInitialized>().bytes();
}

void encode(const ProcessorInitializedView&, std::span<std::byte> out) {
    guarded("cannot encode a ProcessorInitialized", [&] {
        FrameBuilder frame(out);
        frame.message().initProcessorInitialized();
        frame.finish();
    });
}

}  // namespace scaler::protocol
