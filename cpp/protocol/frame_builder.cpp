// Writing a message into the memory of its frame.
#include "protocol/frame_builder.h"

#include <cstdint>
#include <cstring>

namespace scaler::protocol {

namespace {

// The segment table of a message of one segment: the number of segments less one, and the words of the segment.
kj::ArrayPtr<capnp::word> prepare(std::span<std::byte> out) {
    std::memset(out.data(), 0, out.size());  // the builder takes for granted that its memory is zero
    const auto words = static_cast<std::uint32_t>(out.size() / sizeof(capnp::word) - 1);
    for (std::size_t i = 0; i < sizeof(words); ++i) {
        out[sizeof(std::uint32_t) + i] = static_cast<std::byte>(words >> (8 * i));
    }
    return kj::arrayPtr(reinterpret_cast<capnp::word*>(out.data()) + 1, words);
}

}  // namespace

FrameBuilder::FrameBuilder(std::span<std::byte> out) : builder_(prepare(out)) {}

}  // namespace scaler::protocol
