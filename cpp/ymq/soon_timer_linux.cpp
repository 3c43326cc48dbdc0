// The timer as one of the kernel, which wakes the loop when it expires and not when it is set.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

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
    Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.isOpen()) throw std::system_error(errno, std::generic_category(), "cannot make a timer");
    state_->timer.assign(timer);
}

SoonTimer::~SoonTimer() = default;

void SoonTimer::set(std::chrono::nanoseconds delay) noexcept {
    const auto nanoseconds = std::max<std::int64_t>(delay.count(), 1);
    itimerspec time{};
    time.it_value.tv_sec = nanoseconds / 1'000'000'000;
    time.it_value.tv_nsec = nanoseconds % 1'000'000'000;
    ::timerfd_settime(state_->timer.native(), 0, &time, nullptr);
}

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
