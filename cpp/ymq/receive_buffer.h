// The memory of one large frame while it arrives; it grows with the data, so that an announced length reserves nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>

#include "ymq/bytes.h"

namespace scaler::ymq {

class ReceiveBuffer {
public:
    static constexpr std::size_t kFirstStepBytes = std::size_t{1} << 20;

    ReceiveBuffer() noexcept = default;
    ReceiveBuffer(const ReceiveBuffer&) = delete;
    ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;
    ~ReceiveBuffer() { std::free(memory_); }

    // Begins a frame of this length; what was in the buffer is dropped.
    void begin(std::uint64_t total) noexcept {
        std::free(std::exchange(memory_, nullptr));
        total_ = total;
        filled_ = capacity_ = 0;
        active_ = true;
    }

    bool active() const noexcept { return active_; }
    bool complete() const noexcept { return filled_ == total_; }
    // 0 while it is not active.
    std::size_t filled() const noexcept { return filled_; }

    // Returns memory for what comes next; empty when the frame is complete or there is no memory.
    std::span<std::byte> room() noexcept {
        if (filled_ == capacity_ && filled_ < total_ && !grow()) return {};
        return {memory_ + filled_, capacity_ - filled_};
    }

    void advance(std::size_t size) noexcept { filled_ += size; }

    // Hands the complete frame over and becomes inactive.
    Bytes take() {
        Bytes bytes = Bytes::adopt(memory_, filled_);
        memory_ = nullptr;
        active_ = false;
        filled_ = capacity_ = 0;
        return bytes;
    }

private:
    bool grow() noexcept {
        const std::uint64_t wanted = std::min<std::uint64_t>(total_, std::max(kFirstStepBytes, capacity_ * 2));
        if (wanted > SIZE_MAX) return false;
        void* memory = std::realloc(memory_, static_cast<std::size_t>(wanted));
        if (memory == nullptr) return false;
        memory_ = static_cast<std::byte*>(memory);
        capacity_ = static_cast<std::size_t>(wanted);
        return true;
    }

    std::byte* memory_{nullptr};
    std::size_t capacity_{0};
    std::size_t filled_{0};
    std::uint64_t total_{0};
    bool active_{false};
};

}  // namespace scaler::ymq
