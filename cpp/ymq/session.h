// The state of one session that outlives its connections: what to send again, what was received, when to acknowledge.
#pragma once

#include <cstdint>

#include "ymq/hello.h"
#include "ymq/outbox.h"

namespace scaler::ymq {

// Sans-IO. A session that is not reliable (plain peers, publishers and subscribers) neither keeps nor acknowledges.
class Session {
public:
    static constexpr std::uint64_t kAcknowledgeBytes = 256 * 1024;
    static constexpr std::uint64_t kAcknowledgeFrames = 512;

    Session(const SessionKey& key, std::uint32_t epoch, bool reliable) noexcept
        : key_(key),
          epoch_(epoch),
          reliable_(reliable),
          outbox_(reliable ? Outbox::Keep::untilAcknowledged : Outbox::Keep::untilWritten) {}

    // Takes over what the other side chose; only before anything was received.
    void adopt(const SessionKey& key, std::uint32_t epoch, bool reliable) {
        key_ = key;
        epoch_ = epoch;
        if (reliable_ && !reliable) outbox_.dropWritten();
        reliable_ = reliable_ && reliable;
    }

    const SessionKey& key() const noexcept { return key_; }
    std::uint32_t epoch() const noexcept { return epoch_; }
    bool reliable() const noexcept { return reliable_; }
    Outbox& outbox() noexcept { return outbox_; }
    const Outbox& outbox() const noexcept { return outbox_; }
    std::uint64_t received() const noexcept { return received_; }

    void onData(std::uint64_t frames, std::uint64_t bytes) noexcept {
        received_ += frames;
        unacknowledged_bytes_ += bytes;
    }

    // The other side has this many frames; false when that cannot be.
    bool onAcknowledged(std::uint64_t count) { return !reliable_ || outbox_.acknowledge(count); }

    // A new connection serves the session, and the other side has this many frames; false when that cannot be.
    bool onResumed(std::uint64_t count) { return outbox_.rewind(count); }

    bool owesAcknowledgement() const noexcept { return reliable_ && received_ != acknowledged_; }

    // Enough was received to acknowledge at once.
    bool mustAcknowledge() const noexcept {
        return owesAcknowledgement() &&
               (unacknowledged_bytes_ >= kAcknowledgeBytes || received_ - acknowledged_ >= kAcknowledgeFrames);
    }

    // Returns the number to send in an acknowledgement, a ping or a pong that is written now.
    std::uint64_t acknowledgeNow() noexcept {
        acknowledged_ = received_;
        unacknowledged_bytes_ = 0;
        return received_;
    }

private:
    SessionKey key_;
    std::uint32_t epoch_;
    bool reliable_;
    Outbox outbox_;
    std::uint64_t received_{0};
    std::uint64_t acknowledged_{0};
    std::uint64_t unacknowledged_bytes_{0};
};

}  // namespace scaler::ymq
