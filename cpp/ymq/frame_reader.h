// Cuts a stream of bytes into frames without doing any I/O itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ymq/frame.h"
#include "ymq/receive_buffer.h"

namespace scaler::ymq {

// Use: read into prepare(), tell commit() how much came, then call next() until it returns something else than `frame`.
//
// Small frames are copied out of one block into allocations of their exact size, so that a frame that is kept does not
// keep the block. Larger ones are read straight into their own memory, which grows with the data. The block starts
// small, for the sake of many idle connections, and grows while reads fill it.
class FrameReader {
public:
    enum class Mode { plain, kinds };
    enum class Status { frame, needMore, tooLarge, unknownKind, outOfMemory };

    static constexpr std::size_t kSmallestBlockBytes = 8 * 1024;
    static constexpr std::size_t kLargestBlockBytes = 256 * 1024;
    static constexpr std::size_t kLargeFrameBytes = 64 * 1024;
    static constexpr std::size_t kLargestReadBytes = 1024 * 1024;

    explicit FrameReader(Mode mode) noexcept : mode_(mode) {}

    // Changes how the header of the next frame is read.
    void setMode(Mode mode) noexcept { mode_ = mode; }

    // Returns memory for the next read; empty only when memory has run out, which next() then reports.
    std::span<std::byte> prepare();

    // Tells that the first `size` bytes of the prepared memory were filled.
    void commit(std::size_t size) noexcept;

    // Takes the next frame. A frame longer than the limit is refused by its header, before anything is allocated.
    Status next(std::uint64_t limit, Frame& frame);

    // Returns what has arrived and was not taken yet; for looking at the first bytes of a connection.
    std::span<const std::byte> buffered() const noexcept { return {block_.get() + begin_, end_ - begin_}; }

    // Drops bytes that were seen through buffered().
    void discard(std::size_t size) noexcept { begin_ += size; }

    // What has arrived of a large frame that is not complete.
    std::size_t largeBytes() const noexcept { return large_.filled(); }

    // Returns how much has arrived and was not taken yet.
    std::size_t receivedBytes() const noexcept { return large_.active() ? large_.filled() : end_ - begin_; }

    // Tells whether a frame has been received in part.
    bool insideFrame() const noexcept { return large_.active() || begin_ != end_; }

private:
    void makeRoom(std::size_t wanted);
    Status startLarge(std::uint64_t length);

    Mode mode_;
    bool filled_up_{false};
    bool out_of_memory_{false};
    FrameKind large_kind_{FrameKind::data};
    std::unique_ptr<std::byte[]> block_{};
    std::size_t capacity_{0};
    std::size_t begin_{0};
    std::size_t end_{0};
    // Whole size of the small frame that has begun in the block, 0 when not known.
    std::size_t expected_{0};
    ReceiveBuffer large_{};
};

}  // namespace scaler::ymq
