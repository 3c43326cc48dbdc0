// Gather writes with a budget.
#include "ymq/stream_writer.h"

#include <algorithm>
#include <array>

namespace scaler::ymq {

void StreamWriter::appendControl(std::span<const std::byte> bytes) {
    control_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void StreamWriter::appendControlFrame(FrameKind kind, std::span<const std::byte> payload) {
    appendControl(encodeHeader(kind, payload.size()));
    appendControl(payload);
}

StreamWriter::Status StreamWriter::write(std::vector<std::uint64_t>& completed) {
    std::size_t total = 0;
    while (hasUnwritten()) {
        if (total >= kMaximumBytes) return Status::more;
        std::array<IoVector, kMaximumVectors> vectors;
        std::size_t number = 0;
        const std::size_t control = control_.size() - control_offset_;
        const bool inside_frame = control_offset_ == 0 && outbox_ != nullptr && !outbox_->atFrameBoundary();
        const bool control_first = control != 0 && !inside_frame;
        if (control_first) vectors[number++] = {control_.data() + control_offset_, control};
        if (outbox_ != nullptr) {
            const bool only_current = control != 0 && inside_frame;
            number += outbox_->gather(std::span(vectors).subspan(number), kMaximumBytes - total, only_current);
        }
        const std::ptrdiff_t written = sendVectors(descriptor_, std::span(vectors).first(number));
        if (written < 0) {
            const int failure = lastSocketError();
            if (isInterrupted(failure)) continue;
            if (isWouldBlock(failure)) return Status::blocked;
            failure_ = failure;
            return Status::failed;
        }
        advance(static_cast<std::size_t>(written), control_first ? control : 0, completed);
        total += static_cast<std::size_t>(written);
    }
    return Status::drained;
}

void StreamWriter::advance(std::size_t written, std::size_t control, std::vector<std::uint64_t>& completed) {
    const std::size_t of_control = std::min(written, control);
    control_offset_ += of_control;
    if (control_offset_ == control_.size()) {
        control_.clear();
        control_offset_ = 0;
    }
    if (written != of_control) outbox_->advance(written - of_control, completed);
}

}  // namespace scaler::ymq
