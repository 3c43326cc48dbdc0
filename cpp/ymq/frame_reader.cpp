// The incremental reader of frames.
#include "ymq/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace scaler::ymq {

std::span<std::byte> FrameReader::prepare() {
    if (large_.active()) {
        const std::span<std::byte> room = large_.room();
        out_of_memory_ = room.empty();
        return room.first(std::min(room.size(), kLargestReadBytes));
    }
    std::size_t wanted = std::max(capacity_, kSmallestBlockBytes);
    if (filled_up_) wanted = std::min(wanted * 2, kLargestBlockBytes);
    makeRoom(std::max(wanted, expected_));
    return {block_.get() + end_, capacity_ - end_};
}

void FrameReader::makeRoom(std::size_t wanted) {
    const std::size_t kept = end_ - begin_;
    if (wanted > capacity_) {
        std::unique_ptr<std::byte[]> block(new std::byte[wanted]);
        if (kept != 0) std::memcpy(block.get(), block_.get() + begin_, kept);
        block_ = std::move(block);
        capacity_ = wanted;
    } else if (kept != 0 && begin_ != 0) {
        std::memmove(block_.get(), block_.get() + begin_, kept);
    }
    begin_ = 0;
    end_ = kept;
}

void FrameReader::commit(std::size_t size) noexcept {
    if (large_.active()) {
        large_.advance(size);
        return;
    }
    end_ += size;
    filled_up_ = end_ == capacity_;
}

FrameReader::Status FrameReader::next(std::uint64_t limit, Frame& frame) {
    if (out_of_memory_) return Status::outOfMemory;
    if (large_.active()) {
        if (!large_.complete()) return Status::needMore;
        frame = {large_kind_, large_.take()};
        return Status::frame;
    }
    expected_ = 0;
    const std::size_t available = end_ - begin_;
    if (available < kHeaderBytes) return Status::needMore;

    std::uint64_t length = 0;
    std::memcpy(&length, block_.get() + begin_, kHeaderBytes);
    frame.kind = FrameKind::data;
    if (mode_ == Mode::kinds) {
        const auto kind = static_cast<std::uint8_t>(length >> 56);
        if (kind > kLastFrameKind) return Status::unknownKind;
        frame.kind = static_cast<FrameKind>(kind);
        length &= kLengthMask;
        if (frame.kind != FrameKind::data) limit = std::min(limit, kMaximumControlBytes);
    }
    if (length > limit) return Status::tooLarge;
    if (length > available - kHeaderBytes) {
        if (length > kLargeFrameBytes) {
            large_kind_ = frame.kind;
            return startLarge(length);
        }
        expected_ = kHeaderBytes + static_cast<std::size_t>(length);
        return Status::needMore;
    }
    const auto size = static_cast<std::size_t>(length);
    frame.payload = Bytes::copy(std::span<const std::byte>(block_.get() + begin_ + kHeaderBytes, size));
    begin_ += kHeaderBytes + size;
    return Status::frame;
}

FrameReader::Status FrameReader::startLarge(std::uint64_t length) {
    large_.begin(length);
    std::span<const std::byte> rest = buffered().subspan(kHeaderBytes);
    while (!rest.empty()) {
        const std::span<std::byte> room = large_.room();
        if (room.empty()) {
            out_of_memory_ = true;
            return Status::outOfMemory;
        }
        const std::size_t size = std::min(room.size(), rest.size());
        std::memcpy(room.data(), rest.data(), size);
        large_.advance(size);
        rest = rest.subspan(size);
    }
    // A small block again: what of the next large frame arrives together with its header has to be copied out of it.
    block_.reset();
    capacity_ = begin_ = end_ = 0;
    filled_up_ = false;
    return Status::needMore;
}

}  // namespace scaler::ymq
