// The encoded stream of outgoing frames.
#include "ymq/outbox.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace scaler::ymq {

void Outbox::append(std::span<const MessagePart> parts, std::uint64_t token) {
    appendFrame(FrameKind::data, parts, token);
}

void Outbox::appendFrame(FrameKind kind, std::span<const MessagePart> parts, std::uint64_t token) {
    const Mark before = mark();
    std::uint64_t length = 0;
    for (const MessagePart& part : parts) length += part.data.size();
    try {
        copyIn(encodeHeader(kind, length));
        for (const MessagePart& part : parts) {
            if (part.data.size() >= kReferredBytes && !part.owner.isNull()) {
                refer(part);
            } else {
                copyIn(part.data);
            }
        }
        frame_sizes_.push_back(kHeaderBytes + length);
        if (token != 0) tokens_.emplace_back(appendedFrames(), token);
    } catch (const std::bad_alloc&) {
        goBackTo(before);
        throw;
    }
    bytes_ += kHeaderBytes + length;
    unwritten_bytes_ += kHeaderBytes + length;
}

Outbox::Mark Outbox::mark() const noexcept {
    return {.frames = frame_sizes_.size(),
            .segments = segments_.size(),
            .last_segment_bytes = segments_.empty() ? 0 : segments_.back().size,
            .chunk_number = chunk_number_,
            .chunk_used = chunk_used_,
            .chunk_is_last = chunk_is_last_};
}

void Outbox::goBackTo(const Mark& before) noexcept {
    while (frame_sizes_.size() > before.frames) frame_sizes_.pop_back();
    while (segments_.size() > before.segments) segments_.pop_back();
    if (!segments_.empty()) segments_.back().size = before.last_segment_bytes;
    // Of a chunk that is new nothing is used any more.
    const bool is_same_chunk = chunk_number_ == before.chunk_number;
    chunk_used_ = is_same_chunk ? before.chunk_used : 0;
    chunk_is_last_ = is_same_chunk && before.chunk_is_last;
}

void Outbox::copyIn(std::span<const std::byte> data) {
    if (data.empty()) return;
    if (chunk_capacity_ - chunk_used_ < data.size()) openChunk(data.size());
    std::byte* target = chunk_memory_ + chunk_used_;
    std::memcpy(target, data.data(), data.size());
    if (chunk_is_last_) {
        segments_.back().size += data.size();
    } else {
        segments_.push_back({chunk_, target, data.size()});
        chunk_is_last_ = true;
    }
    chunk_used_ += data.size();
}

void Outbox::refer(const MessagePart& part) {
    segments_.push_back({part.owner, part.data.data(), part.data.size()});
    chunk_is_last_ = false;
}

void Outbox::openChunk(std::size_t least) {
    const std::size_t usual = segments_.empty() ? kFirstChunkBytes : kChunkBytes;
    const std::size_t capacity = std::max(usual, least);
    chunk_ = Bytes::allocate(capacity, chunk_memory_);
    chunk_capacity_ = capacity;
    ++chunk_number_;
    chunk_used_ = 0;
    chunk_is_last_ = false;
}

std::size_t Outbox::gather(std::span<IoVector> vectors, std::size_t maximum_bytes,
                           bool only_current_frame) const noexcept {
    if (!hasUnwritten()) return 0;
    std::uint64_t left = std::min<std::uint64_t>(maximum_bytes, unwritten_bytes_);
    if (only_current_frame) left = std::min(left, frame_sizes_[frame_index_] - frame_offset_);
    std::size_t number = 0;
    std::size_t offset = segment_offset_;
    for (std::size_t index = segment_index_; index < segments_.size() && number < vectors.size() && left != 0;
         ++index) {
        const Segment& segment = segments_[index];
        const std::size_t size = std::min<std::uint64_t>(segment.size - offset, left);
        if (size != 0) vectors[number++] = {const_cast<std::byte*>(segment.data + offset), size};
        left -= size;
        offset = 0;
    }
    return number;
}

void Outbox::advance(std::size_t size, std::vector<std::uint64_t>& completed) {
    moveCursor(size);
    while (!tokens_.empty() && tokens_.front().first <= writtenFrames()) {
        completed.push_back(tokens_.front().second);
        tokens_.pop_front();
    }
    if (keep_ == Keep::untilWritten) dropFrames(frame_index_);
}

void Outbox::moveCursor(std::size_t size) noexcept {
    unwritten_bytes_ -= size;
    for (std::uint64_t left = size; left != 0;) {
        const std::uint64_t rest = frame_sizes_[frame_index_] - frame_offset_;
        if (left < rest) {
            frame_offset_ += left;
            break;
        }
        left -= rest;
        frame_offset_ = 0;
        ++frame_index_;
    }
    for (std::size_t left = size; left != 0;) {
        const std::size_t rest = segments_[segment_index_].size - segment_offset_;
        if (left < rest) {
            segment_offset_ += left;
            break;
        }
        left -= rest;
        // The last segment may still grow, so the cursor stays at its end.
        if (segment_index_ + 1 == segments_.size()) {
            segment_offset_ = segments_[segment_index_].size;
            break;
        }
        segment_offset_ = 0;
        ++segment_index_;
    }
}

bool Outbox::acknowledge(std::uint64_t count) {
    if (count > writtenFrames()) return false;
    if (count > dropped_frames_) dropFrames(static_cast<std::size_t>(count - dropped_frames_));
    return true;
}

bool Outbox::rewind(std::uint64_t count) {
    if (count < dropped_frames_ || count > writtenFrames()) return false;
    dropFrames(static_cast<std::size_t>(count - dropped_frames_));
    frame_index_ = 0;
    frame_offset_ = 0;
    segment_index_ = 0;
    segment_offset_ = head_offset_;
    unwritten_bytes_ = bytes_;
    return true;
}

std::vector<std::uint64_t> Outbox::clear() {
    std::vector<std::uint64_t> tokens;
    for (const auto& [number, token] : tokens_) tokens.push_back(token);
    tokens_.clear();
    dropped_frames_ += frame_sizes_.size();
    frame_sizes_.clear();
    segments_.clear();
    bytes_ = unwritten_bytes_ = frame_offset_ = 0;
    head_offset_ = frame_index_ = segment_index_ = segment_offset_ = 0;
    releaseIdleMemory();
    return tokens;
}

void Outbox::dropFrames(std::size_t number) {
    std::uint64_t size = 0;
    for (std::size_t index = 0; index < number; ++index) size += frame_sizes_[index];
    frame_sizes_.erase(frame_sizes_.begin(), frame_sizes_.begin() + static_cast<std::ptrdiff_t>(number));
    dropped_frames_ += number;
    frame_index_ -= number;
    bytes_ -= size;
    for (std::uint64_t left = size + head_offset_; !segments_.empty();) {
        if (left < segments_.front().size) {
            head_offset_ = static_cast<std::size_t>(left);
            break;
        }
        // A segment at the cursor stays, for the cursor stands at its end and it may grow.
        if (segment_index_ == 0 && !frame_sizes_.empty()) {
            head_offset_ = static_cast<std::size_t>(left);
            break;
        }
        left -= segments_.front().size;
        segments_.pop_front();
        if (segment_index_ != 0) {
            --segment_index_;
        } else {
            segment_offset_ = 0;
        }
        head_offset_ = 0;
    }
    if (frame_sizes_.empty()) {
        segments_.clear();
        head_offset_ = segment_index_ = segment_offset_ = 0;
        releaseIdleMemory();
    }
}

void Outbox::releaseIdleMemory() noexcept {
    chunk_is_last_ = false;
    chunk_used_ = 0;
    if (chunk_capacity_ <= kFirstChunkBytes) return;
    chunk_ = Bytes();
    chunk_memory_ = nullptr;
    chunk_capacity_ = 0;
}

}  // namespace scaler::ymq
