// Opens the bytes of one frame as a message of the schema.
//
// The bytes are hostile until proven otherwise: every limit follows from the length of the frame, so that no announced
// size makes us allocate or traverse more than a small multiple of what was received.
#pragma once

#include <capnp/serialize.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "message.capnp.h"

namespace scaler::protocol {

using MessageKind = ::Message::Which;

// Views that are read from it live as long as the reader and the frame do.
class FrameReader {
public:
    // Throws CodecError when the frame is not one whole message.
    explicit FrameReader(std::span<const std::byte> frame);
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;

    const ::Message::Reader& message() const { return root_; }
    MessageKind kind() const { return kind_; }

    // Throws CodecError unless the message is of this kind.
    void require(MessageKind kind) const;

private:
    static constexpr std::size_t kInlineWords = 128;

    kj::ArrayPtr<const capnp::word> aligned(std::span<const std::byte> frame);

    // Frames that are not aligned to words are copied: small ones in place, others to the heap.
    std::array<capnp::word, kInlineWords> inline_words_;
    std::unique_ptr<capnp::word[]> heap_words_;
    std::optional<capnp::FlatArrayMessageReader> reader_;
    ::Message::Reader root_;
    MessageKind kind_;
};

}  // namespace scaler::protocol
