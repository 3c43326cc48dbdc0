// Writes control bytes and an outbox to a non-blocking descriptor, from whichever thread holds the owner's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ymq/frame.h"
#include "ymq/outbox.h"

namespace scaler::ymq {

// Control bytes (greetings, acknowledgements) go before data, but never inside a frame.
class StreamWriter {
public:
    enum class Status { drained, blocked, more, failed };

    static constexpr std::size_t kMaximumVectors = 64;
    static constexpr std::size_t kMaximumBytes = 1024 * 1024;

    explicit StreamWriter(NativeSocket descriptor) noexcept : descriptor_(descriptor) {}

    // Data to be written from now on; null for none.
    void setOutbox(Outbox* outbox) noexcept { outbox_ = outbox; }

    void appendControl(std::span<const std::byte> bytes);
    void appendControlFrame(FrameKind kind, std::span<const std::byte> payload);

    // Writes until everything is written, the descriptor would block, or one budget of bytes is used up (`more`).
    // Tokens of written frames are appended to `completed`.
    Status write(std::vector<std::uint64_t>& completed);

    bool hasUnwritten() const noexcept {
        return control_offset_ != control_.size() || (outbox_ != nullptr && outbox_->hasUnwritten());
    }

    std::uint64_t unwrittenBytes() const noexcept {
        return control_.size() - control_offset_ + (outbox_ == nullptr ? 0 : outbox_->unwrittenBytes());
    }

    // Makes every later write fail; for when the descriptor is about to be closed.
    void invalidate() noexcept { descriptor_ = kNoSocket; }

    // kNoSocket once invalidated.
    NativeSocket descriptor() const noexcept { return descriptor_; }

    // Of the last write that failed; errorText() has its text.
    int failure() const noexcept { return failure_; }

private:
    void advance(std::size_t written, std::size_t control, std::vector<std::uint64_t>& completed);

    NativeSocket descriptor_;
    int failure_{0};
    Outbox* outbox_{nullptr};
    std::string control_{};
    std::size_t control_offset_{0};
};

}  // namespace scaler::ymq
