// The timer as one of the kernel, which wakes the loop when it expires and not when it is set.
#include <unistd.h>

#include <cstdint>

#include "ymq/kernel_timer_linux.h"
#include "ymq/soon_timer.h"
#include "ymq/watched_socket.h"

namespace scaler::ymq {

struct SoonTimer::State : std::enable_shared_from_this<State> {
    explicit State(boost::asio::io_context& context) : timer(context) {}

    void wait() {
        timer.waitReadable([self = weak_from_this()](const boost::system::error_code& failure) {
            const auto state = self.lock();
            if (failure || state == nullptr || state->closed) return;
            std::uint64_t count = 0;
            (void)!::read(state->timer.native(), &count, sizeof(count));
            state->on_expired();
            if (!state->closed) state->wait();
        });
    }

    WatchedSocket timer;
    std::function<void()> on_expired{};
    bool closed{false};
};

SoonTimer::SoonTimer(boost::asio::io_context& context) : state_(std::make_shared<State>(context)) {
    Descriptor timer = makeKernelTimer(TFD_NONBLOCK);
    state_->timer.assign(timer);
}

SoonTimer::~SoonTimer() = default;

void SoonTimer::set(std::chrono::nanoseconds delay) noexcept { setKernelTimer(state_->timer.native(), delay); }

void SoonTimer::start(std::function<void()> on_expired) {
    if (state_->closed) return;
    state_->on_expired = std::move(on_expired);
    state_->wait();
}

void SoonTimer::close() {
    state_->closed = true;
    state_->timer.close();
}

}  // namespace scaler::ymq
