// Says when the connections of a socket stop reading because too much waits to be taken, and when they go on.
#pragma once

#include <atomic>
#include <cstdint>

namespace scaler::ymq {

// Design note. The holder of the loop asks before it reads on, a user thread tells after it has taken, and neither
// waits for the other. The order of their steps matters: the holder closes the gate before it looks at the bytes again,
// a user thread looks at the gate after the bytes have gone. So at least one of them sees the other, and whoever of
// them opens the closed gate resumes all connections that have stopped, not only its own.
class InboundGate {
public:
    enum class Verdict { readOn, pause, resumeAll };

    explicit InboundGate(std::uint64_t bound_bytes) noexcept : bound_bytes_(bound_bytes) {}

    // What a connection has to do that has received something; `bytes` returns how many wait now. For the holder.
    template <typename Bytes>
    Verdict onReceived(Bytes bytes) {
        if (bytes() <= bound_bytes_) return Verdict::readOn;
        closed_ = true;
        if (bytes() > bound_bytes_ / 2) return Verdict::pause;
        // Somebody who has opened it meanwhile has all of them resumed, this one too.
        return closed_.exchange(false) ? Verdict::resumeAll : Verdict::pause;
    }

    // Tells whether the connections have to be resumed, after something was taken.
    template <typename Bytes>
    bool onTaken(Bytes bytes) {
        return closed_ && bytes() <= bound_bytes_ / 2 && closed_.exchange(false);
    }

private:
    const std::uint64_t bound_bytes_;
    std::atomic<bool> closed_{false};
};

}  // namespace scaler::ymq
