// Shares what frames may take that were received in part among the connections of a socket.
#pragma once

#include <cstdint>
#include <deque>

namespace scaler::ymq {

// Design note. What has arrived of a frame is of no use before its end, so a bound for all of them together must not
// stop all of them: none would ever end. So up to kOwnBytes a connection reads on in any case, which keeps whoever
// sends small frames out of this; and once the bound is used up, of those that hold more just one reads on, the
// carrier, until its frame ends or its connection does. The others wait, and become the carrier in the order in which
// they came. So the socket holds no more than the bound, one frame, and kOwnBytes for each connection. Guarded by the
// lock of the socket.
class FrameBudget {
public:
    static constexpr std::uint64_t kOwnBytes = std::uint64_t{1} << 20;

    // That of one connection; it must not be destroyed while it holds anything.
    struct Share {
        std::uint64_t bytes{0};
        bool waits{false};
    };

    explicit FrameBudget(std::uint64_t bound_bytes) noexcept : bound_bytes_(bound_bytes) {}

    // Of its frame, a connection holds this much from now on. Returns whether those that wait have to ask again.
    bool hold(Share& share, std::uint64_t bytes) noexcept;

    // Tells whether a connection may read on; when it may not, it waits until it is to ask again.
    bool mayReadOn(Share& share);

    std::uint64_t bytes() const noexcept { return bytes_; }

private:
    void endWait(Share& share) noexcept;

    const std::uint64_t bound_bytes_;
    std::uint64_t bytes_{0};
    const Share* carrier_{nullptr};
    std::deque<Share*> waiting_{};
};

}  // namespace scaler::ymq
