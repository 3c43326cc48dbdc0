// The timer as one of the event loop.
//
// Setting it posts to the loop, which wakes whoever runs it. When nobody does, somebody comes when the delay has passed
// (IoLoop::comeWithin): so the delay counts from the setting, and has passed by then.
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ymq/soon_timer.h"

namespace scaler::ymq {

using Clock = std::chrono::steady_clock;

struct SoonTimer::State : std::enable_shared_from_this<State> {
    explicit State(boost::asio::io_context& io_context) : context(io_context), timer(io_context) {}

    void wait() {
        if (closed) return;
        timer.expires_at(expires_at);
        timer.async_wait([self = weak_from_this()](const boost::system::error_code& cancelled) {
            const auto state = self.lock();
            if (!cancelled && state != nullptr && !state->closed && state->on_expired) state->on_expired();
        });
    }

    boost::asio::io_context& context;
    boost::asio::steady_timer timer;
    std::atomic<Clock::time_point> expires_at{};
    std::function<void()> on_expired{};
    bool closed{false};
};

SoonTimer::SoonTimer(boost::asio::io_context& context) : state_(std::make_shared<State>(context)) {}

SoonTimer::~SoonTimer() = default;

void SoonTimer::set(std::chrono::nanoseconds delay) noexcept {
    state_->expires_at = Clock::now() + std::chrono::duration_cast<Clock::duration>(delay);
    boost::asio::post(state_->context, [state = state_] { state->wait(); });
}

void SoonTimer::start(std::function<void()> on_expired) { state_->on_expired = std::move(on_expired); }

void SoonTimer::close() {
    state_->closed = true;
    state_->timer.cancel();
}

}  // namespace scaler::ymq
