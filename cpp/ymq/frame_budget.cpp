// Who may read on with a long frame.
#include "ymq/frame_budget.h"

#include <utility>

namespace scaler::ymq {

bool FrameBudget::hold(Share& share, std::uint64_t bytes) noexcept {
    const std::uint64_t before = std::exchange(share.bytes, bytes);
    bytes_ += bytes - before;
    if (bytes >= before) return false;
    if (carrier_ == &share) carrier_ = nullptr;
    endWait(share);
    return !waiting_.empty() && (carrier_ == nullptr || bytes_ <= bound_bytes_);
}

bool FrameBudget::mayReadOn(Share& share) {
    if (share.bytes <= kOwnBytes || carrier_ == &share) return true;
    if (bytes_ > bound_bytes_) {
        const bool is_next = waiting_.empty() || waiting_.front() == &share;
        if (carrier_ != nullptr || !is_next) {
            if (!share.waits) waiting_.push_back(&share);
            share.waits = true;
            return false;
        }
        carrier_ = &share;
    }
    endWait(share);
    return true;
}

void FrameBudget::endWait(Share& share) noexcept {
    if (std::exchange(share.waits, false)) std::erase(waiting_, &share);
}

}  // namespace scaler::ymq
