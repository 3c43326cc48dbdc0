// Computes the exact size of a frame from the sizes of its parts.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "message.capnp.h"
#include "protocol/codec_error.h"

namespace scaler::protocol {

// Starts with what every frame has: the segment table, the pointer to the message, and the message.
class FrameSize {
public:
    // Adds a struct of the schema.
    template <class Struct>
    FrameSize& addStruct() {
        words_ += structWords<Struct>();
        return *this;
    }

    // Throws CodecError when the bytes are more than a field can hold.
    FrameSize& addData(std::size_t bytes) {
        if (bytes > kFieldLimitBytes) {
            throw CodecError("a field of " + std::to_string(bytes) + " bytes is larger than a message may hold");
        }
        words_ += wordsOf(bytes);
        return *this;
    }

    // Text ends with a zero byte.
    FrameSize& addText(std::size_t bytes) { return addData(bytes + 1); }

    // Adds a list of Data, with its elements.
    FrameSize& addDataList(std::span<const std::string_view> elements) {
        words_ += elements.size();
        for (const auto& element : elements) {
            addData(element.size());
        }
        return *this;
    }

    // Adds a list of Text, with its elements.
    FrameSize& addTextList(std::span<const std::string_view> elements) {
        words_ += elements.size();
        for (const auto& element : elements) {
            addText(element.size());
        }
        return *this;
    }

    FrameSize& addEnumList(std::size_t elements) { return addData(2 * elements); }

    // Adds a list of structs without what they point to. An empty one is not written at all.
    template <class Struct>
    FrameSize& addStructList(std::size_t elements) {
        if (elements > 0) {
            words_ += 1 + elements * structWords<Struct>();
        }
        return *this;
    }

    // Throws CodecError when the frame would be larger than a segment may be.
    std::size_t bytes() const {
        if (words_ > kSegmentLimitWords) {
            throw CodecError("a message of " + std::to_string(words_) + " words is too large");
        }
        return words_ * sizeof(capnp::word);
    }

private:
    static constexpr std::size_t kFieldLimitBytes = (std::size_t{1} << 29) - 2;  // a text's zero byte included
    static constexpr std::size_t kSegmentLimitWords = (std::size_t{1} << 29) - 1;

    template <class Struct>
    static constexpr std::size_t structWords() {
        return capnp::sizeInWords<Struct>();
    }

    static constexpr std::size_t wordsOf(std::size_t bytes) {
        return (bytes + sizeof(capnp::word) - 1) / sizeof(capnp::word);
    }

    std::size_t words_ = 2 + structWords<::Message>();
};

}  // namespace scaler::protocol
