// What a frame may make the library do, and its words, copied where they are not aligned.
#include "protocol/frame_reader.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "protocol/guarded.h"

namespace scaler::protocol {

namespace {

// The deepest message nests half as deep: the resource of a processor of a worker of the worker manager's status.
constexpr int kNestingLimit = 16;
// Every word is read once by a decoder; the root is read twice. What aliases its words more often is not a message.
constexpr std::uint64_t kTraversalSlackWords = 16;

capnp::ReaderOptions optionsFor(std::size_t frame_words) {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = frame_words + kTraversalSlackWords;
    options.nestingLimit = kNestingLimit;
    return options;
}

}  // namespace

FrameReader::FrameReader(std::span<const std::byte> frame) {
    if (frame.size() < 2 * sizeof(capnp::word) || frame.size() % sizeof(capnp::word) != 0) {
        throw CodecError("malformed message: " + std::to_string(frame.size()) + " bytes are not a whole message");
    }
    guarded("malformed message", [&] {
        const auto words = aligned(frame);
        reader_.emplace(words, optionsFor(words.size()));
        if (reader_->getEnd() != words.end()) {
            throw CodecError("malformed message: more bytes than its segments have");
        }
        root_ = reader_->getRoot<::Message>();
        kind_ = root_.which();
    });
}

void FrameReader::require(MessageKind kind) const {
    if (kind_ != kind) {
        throw CodecError("expected a message of kind " + std::to_string(static_cast<int>(kind)) + ", but got kind " +
                         std::to_string(static_cast<int>(kind_)));
    }
}

kj::ArrayPtr<const capnp::word> FrameReader::aligned(std::span<const std::byte> frame) {
    const auto word_count = frame.size() / sizeof(capnp::word);
    if (reinterpret_cast<std::uintptr_t>(frame.data()) % alignof(capnp::word) == 0) {
        return kj::arrayPtr(reinterpret_cast<const capnp::word*>(frame.data()), word_count);
    }
    capnp::word* copy = inline_words_.data();
    if (word_count > kInlineWords) {
        heap_words_.reset(new capnp::word[word_count]);
        copy = heap_words_.get();
    }
    std::memcpy(copy, frame.data(), frame.size());
    return kj::arrayPtr(copy, word_count);
}

}  // namespace scaler::protocol
