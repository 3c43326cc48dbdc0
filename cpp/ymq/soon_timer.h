// The timer of messages that wait for company: setting it must not wake the thread that runs the loop, if it can be
// helped.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace scaler::ymq {

// set() may be called on any thread, by one at a time, between open and close; everything else is for the thread that
// runs the io context.
class SoonTimer {
public:
    // Throws std::system_error when the system has no room for it.
    explicit SoonTimer(boost::asio::io_context& context);
    ~SoonTimer();
    SoonTimer(const SoonTimer&) = delete;
    SoonTimer& operator=(const SoonTimer&) = delete;

    // Lets it expire after the delay.
    void set(std::chrono::nanoseconds delay) noexcept;

    // From now on calls the function, once, each time that the timer has expired. Call once; the function must not
    // own the timer.
    void start(std::function<void()> on_expired);

    // No call follows. Idempotent.
    void close();

private:
    struct State;

    const std::shared_ptr<State> state_;
};

}  // namespace scaler::ymq
