// The outgoing frames of one peer as one encoded stream, with a cursor of what was written and an end of what is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "ymq/bytes.h"
#include "ymq/frame.h"
#include "ymq/native_socket.h"

namespace scaler::ymq {

// A piece of a message: bytes, and their owner if they may be referred to instead of copied.
struct MessagePart {
    std::span<const std::byte> data{};
    Bytes owner{};

    MessagePart() = default;
    explicit MessagePart(std::span<const std::byte> bytes) : data(bytes) {}
    explicit MessagePart(Bytes bytes) : data(bytes.span()), owner(std::move(bytes)) {}
};

// Small frames are copied one behind the other into chunks, so that many of them leave in one buffer; large ones are
// referred to. Frames are numbered from 1. With `Keep::untilAcknowledged` they stay until acknowledge(), and rewind()
// lets them be written again; otherwise they are dropped once written.
class Outbox {
public:
    enum class Keep { untilWritten, untilAcknowledged };

    static constexpr std::size_t kReferredBytes = 4 * 1024;
    static constexpr std::size_t kFirstChunkBytes = 4 * 1024;
    static constexpr std::size_t kChunkBytes = 64 * 1024;

    explicit Outbox(Keep keep) : keep_(keep) {}
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    // Appends one data frame of these parts. A token other than 0 is given back by advance() once the frame is written.
    // Throws std::bad_alloc, and appends nothing, when there is no memory.
    void append(std::span<const MessagePart> parts, std::uint64_t token = 0);

    // Appends the frame that ends a session on purpose; nothing may be appended behind it.
    void appendGoodbye() { appendFrame(FrameKind::goodbye, {}, 0); }

    // Fills vectors with what is to be written next and returns their number; stops behind the frame at the cursor when
    // `only_current_frame` is set.
    std::size_t gather(std::span<IoVector> vectors, std::size_t maximum_bytes, bool only_current_frame) const noexcept;

    // Moves the cursor; tokens of frames that are now written are appended to `completed`.
    void advance(std::size_t size, std::vector<std::uint64_t>& completed);

    // Drops the frames up to this number; false when they were not all written, which is a lie of the peer.
    bool acknowledge(std::uint64_t count);

    // Drops the frames up to this number and lets the rest be written again; false when there is no such number.
    bool rewind(std::uint64_t count);

    // Drops everything that is not written, and returns the tokens that will not complete.
    std::vector<std::uint64_t> clear();

    // From now on drops frames once they are written.
    void dropWritten() {
        keep_ = Keep::untilWritten;
        dropFrames(frame_index_);
    }

    bool atFrameBoundary() const noexcept { return frame_offset_ == 0; }
    bool hasUnwritten() const noexcept { return frame_index_ != frame_sizes_.size(); }
    bool empty() const noexcept { return frame_sizes_.empty(); }
    std::uint64_t bytes() const noexcept { return bytes_; }
    std::uint64_t unwrittenBytes() const noexcept { return unwritten_bytes_; }
    std::uint64_t appendedFrames() const noexcept { return dropped_frames_ + frame_sizes_.size(); }
    std::uint64_t writtenFrames() const noexcept { return dropped_frames_ + frame_index_; }
    // Number of the last frame that was dropped, which for a keeping outbox is the last acknowledged one.
    std::uint64_t droppedFrames() const noexcept { return dropped_frames_; }

private:
    void appendFrame(FrameKind kind, std::span<const MessagePart> parts, std::uint64_t token);

    struct Segment {
        Bytes block;
        const std::byte* data;
        std::size_t size;
    };

    // The end of what has been appended.
    struct Mark {
        std::size_t frames;
        std::size_t segments;
        std::size_t last_segment_bytes;
        std::uint64_t chunk_number;
        std::size_t chunk_used;
        bool chunk_is_last;
    };

    Mark mark() const noexcept;
    void goBackTo(const Mark& before) noexcept;
    void copyIn(std::span<const std::byte> data);
    void refer(const MessagePart& part);
    void openChunk(std::size_t least);
    void dropFrames(std::size_t number);
    void moveCursor(std::size_t size) noexcept;
    void releaseIdleMemory() noexcept;

    Keep keep_;
    std::deque<Segment> segments_{};
    std::deque<std::uint64_t> frame_sizes_{};
    std::deque<std::pair<std::uint64_t, std::uint64_t>> tokens_{};
    std::uint64_t bytes_{0};
    std::uint64_t unwritten_bytes_{0};
    std::uint64_t dropped_frames_{0};
    // Bytes of the first segment that belong to dropped frames.
    std::size_t head_offset_{0};
    // Of the frame and of the segment to be written next.
    std::size_t frame_index_{0};
    std::uint64_t frame_offset_{0};
    std::size_t segment_index_{0};
    std::size_t segment_offset_{0};
    // The chunk small frames are copied into; it is the last segment's block when `chunk_is_last_`.
    Bytes chunk_{};
    std::byte* chunk_memory_{nullptr};
    std::size_t chunk_capacity_{0};
    std::size_t chunk_used_{0};
    std::uint64_t chunk_number_{0};
    bool chunk_is_last_{false};
};

}  // namespace scaler::ymq
