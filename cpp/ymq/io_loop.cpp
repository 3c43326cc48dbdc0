// The baton of an event loop.
#include "ymq/io_loop.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "ymq/native_socket.h"

namespace scaler::ymq {

namespace {

// So much later than a timer of the loop the alarm rings, for the timer shall have expired by then.
constexpr std::chrono::microseconds kTimerSlack{50};

thread_local const IoLoop* running_here = nullptr;

// asio reads the clock before and after each of its waits, and waits again as long as there is time. This clock has no
// time left at the second reading: a driver wants to know when a signal has ended its wait.
struct OneWait {
    using duration = std::chrono::microseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<OneWait>;
    [[maybe_unused]] static constexpr bool is_steady = false;

    static time_point now() noexcept { return std::exchange(has_waited, true) ? time_point::max() : time_point{}; }

    static thread_local bool has_waited;
};

thread_local bool OneWait::has_waited = false;

// Runs handlers. One that throws, for lack of memory or of what the system gives, costs what it was about to do;
// whoever runs the loop goes on. Handlers that others depend on see to it themselves: this is for what they do not
// foresee, and no logger is known here.
template <typename Run>
std::size_t contained(const Run& run) {
    try {
        return run();
    } catch (const std::exception& error) {
        const std::string line = std::string("scaler.ymq: a step failed: ") + error.what() + "\n";
        std::fputs(line.c_str(), stderr);
        return 1;
    }
}

}  // namespace

IoLoop::IoLoop() {
    setAlarmLocked(std::chrono::nanoseconds(0), true);
    thread_ = std::thread([this] {
        nameThisThread("scaler-ymq");
        run();
    });
}

IoLoop::~IoLoop() { stop(); }

void IoLoop::stop() noexcept {
    guard_.reset();
    context_.stop();
    {
        std::unique_lock lock(mutex_);
        stopped_ = true;
        setAlarmLocked(std::chrono::nanoseconds(0), true);
        left_.wait(lock, [this] { return holder_ != Holder::driver; });
    }
    if (thread_.joinable()) thread_.join();
}

bool IoLoop::runsHere() const noexcept { return running_here == this; }

// --- drivers

bool IoLoop::enter() {
    const std::lock_guard lock(mutex_);
    if (stopped_ || holder_ != Holder::nobody) return false;
    holder_ = Holder::driver;
    ++drives_;
    running_here = this;
    return true;
}

bool IoLoop::runOne(std::chrono::microseconds timeout) {
    if (timeout.count() <= 0) return contained([this] { return context_.poll_one(); }) != 0;
    OneWait::has_waited = false;
    return contained([&] { return context_.run_one_until(OneWait::time_point(timeout)); }) != 0;
}

void IoLoop::leave(bool idle) {
    running_here = nullptr;
    const std::lock_guard lock(mutex_);
    holder_ = Holder::nobody;
    if (stopped_) {
        left_.notify_all();
    } else if (idle || isNeededLocked()) {
        setAlarmLocked(std::chrono::nanoseconds(0), true);
    } else {
        setAlarmForLaterLocked();
    }
}

void IoLoop::wake() noexcept {
    try {
        boost::asio::post(context_, [] {});
    } catch (const std::exception&) {  // of lack of memory; the driver comes back by itself
    }
}

// --- who depends on others

void IoLoop::follow() {
    const std::lock_guard lock(mutex_);
    ++followers_;
    ++followings_;
    if (holder_ == Holder::nobody) setAlarmLocked(std::chrono::nanoseconds(0), true);
}

void IoLoop::unfollow() {
    const std::lock_guard lock(mutex_);
    --followers_;
}

void IoLoop::watch() {
    const std::lock_guard lock(mutex_);
    ++watchers_;
    if (holder_ == Holder::nobody) setAlarmLocked(std::chrono::nanoseconds(0), true);
}

void IoLoop::unwatch() {
    const std::lock_guard lock(mutex_);
    --watchers_;
}

void IoLoop::onHandedOver() noexcept {
    if (!runsHere()) return;
    handed_over_ = true;
    const std::lock_guard lock(mutex_);
    followings_at_hand_over_ = followings_;
}

void IoLoop::comeWithin(std::chrono::nanoseconds delay) {
    const std::lock_guard lock(mutex_);
    due_.push(Clock::now() + delay);
    if (holder_ == Holder::nobody) setAlarmForLaterLocked();
}

void IoLoop::seenTo() {
    const std::lock_guard lock(mutex_);
    (void)forgetPassedLocked();
}

// Tells whether anything was due.
bool IoLoop::forgetPassedLocked() {
    const auto now = Clock::now();
    const bool any = !due_.empty() && due_.top() <= now;
    while (!due_.empty() && due_.top() <= now) due_.pop();
    return any;
}

// Without this, what was posted while nobody runs the loop would wait for the alarm.
void IoLoop::urge() {
    const std::lock_guard lock(mutex_);
    if (holder_ == Holder::nobody) setAlarmLocked(std::chrono::nanoseconds(0), true);
}

// --- the I/O thread

void IoLoop::run() {
    std::unique_lock lock(mutex_);
    for (Turn turn = awaitTurn(lock); turn != Turn::none; turn = awaitTurn(lock)) {
        holder_ = Holder::ioThread;
        lock.unlock();
        running_here = this;
        if (turn == Turn::brief) {
            contained([this] { return context_.poll(); });
            lock.lock();
        } else {
            runUntilHandedOver(lock);
        }
        running_here = nullptr;
        holder_ = Holder::nobody;
        if (turn == Turn::brief && isNeededLocked()) {
            setAlarmLocked(std::chrono::nanoseconds(0), true);
        } else {
            setAlarmForLaterLocked();
        }
    }
}

IoLoop::Turn IoLoop::awaitTurn(std::unique_lock<std::mutex>& lock) {
    while (!stopped_) {
        lock.unlock();
        alarm_.wait();
        lock.lock();
        rings_at_ = Clock::time_point::max();
        const bool is_urgent = std::exchange(urgent_, false);
        if (holder_ == Holder::driver || stopped_) continue;
        if (is_urgent) return Turn::full;
        if (forgetPassedLocked()) return Turn::brief;
        if (drives_ == drives_at_alarm_) return Turn::full;
        setAlarmForLaterLocked();
    }
    return Turn::none;
}

// Returns with the lock, which the caller keeps until the baton is given up: whoever posts or follows in between would
// take it for granted that this thread goes on.
void IoLoop::runUntilHandedOver(std::unique_lock<std::mutex>& lock) {
    for (;;) {
        handed_over_ = false;
        contained([this] { return context_.run_one(); });
        const bool stopped = context_.stopped();
        if (!handed_over_ && !stopped) continue;
        lock.lock();
        if (stopped || mayGiveUpLocked()) return;
        lock.unlock();
    }
}

bool IoLoop::mayGiveUpLocked() const noexcept {
    return watchers_ == 0 && followers_ <= 1 && followings_ == followings_at_hand_over_ && posted_ == 0;
}

bool IoLoop::isNeededLocked() const noexcept { return posted_ != 0 || followers_ + watchers_ != 0; }

void IoLoop::setAlarmForLaterLocked() {
    if (!due_.empty()) {
        const auto left = std::max<Clock::duration>(due_.top() - Clock::now(), Clock::duration::zero());
        if (left < kPatience) {
            setAlarmLocked(left + kTimerSlack, false);
            return;
        }
    }
    if (rings_at_ == Clock::time_point::max()) setAlarmLocked(kPatience, false);
}

void IoLoop::setAlarmLocked(std::chrono::nanoseconds delay, bool urgent) {
    urgent_ = urgent_ || urgent;
    const auto rings_at = Clock::now() + delay;
    if (rings_at >= rings_at_) return;
    rings_at_ = rings_at;
    drives_at_alarm_ = drives_;
    alarm_.set(delay);
}

}  // namespace scaler::ymq
