// One event loop, and the baton that says which thread runs it.
//
// Design note. At any moment at most one thread runs the loop: its own I/O thread, or a user thread that waits for
// messages (a driver). A driver handles what it waits for itself, so that a message costs it one wake-up and no
// hand-over between threads.
//
// - Who may hold the baton: the I/O thread, and whoever has entered. All handlers run on the holder, which is what the
//   rest of this folder calls "the I/O thread". The mutex guards who holds it; it is the innermost lock, is held for a
//   few assignments, and never while the loop runs.
// - How it moves: a driver enters when nobody holds the baton, and leaves when it has what it waited for. The I/O
//   thread gives the baton up lazily, right after it has handed something to a waiting user thread, because that thread
//   will come back to wait. Meanwhile it sleeps on its alarm. It takes the baton back when the alarm rings and nobody
//   has driven since the last one; when somebody drives right now, it sleeps on without an alarm until that driver
//   leaves. So a thread that keeps waiting for messages costs the I/O thread one wake-up in `kPatience`, and everything
//   else on the loop (pings, timers, accepts) is at most that much late while nobody drives.
// - Who must not wait for the alarm's patience: whoever posts to the loop while nobody runs it, messages that are to
//   leave soon, and threads that wait without driving (followers, watched descriptors). For them the alarm rings at
//   once, or in time, and the I/O thread takes over. With a watched descriptor, or more than one follower, it never
//   gives the baton up, for it cannot know that all of them will come back.
// - How it stops: stop() ends the run of the holder, lets nobody enter any more, waits until a driver has left, and
//   joins the I/O thread.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <queue>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "ymq/alarm.h"

namespace scaler::ymq {

class IoLoop {
public:
    using Clock = std::chrono::steady_clock;

    // The longest time for which nobody runs the loop while nobody waits for it.
    static constexpr std::chrono::milliseconds kPatience{10};
    // A driver to which nothing happened for so long leaves the loop to the I/O thread, which can wait for ever.
    static constexpr std::chrono::milliseconds kIdle{1000};

    // Starts the I/O thread, which inherits the signal mask of the caller.
    IoLoop();
    ~IoLoop();
    IoLoop(const IoLoop&) = delete;
    IoLoop& operator=(const IoLoop&) = delete;

    boost::asio::io_context& context() noexcept { return context_; }

    // Lets the function be called by the holder, soon. On any thread.
    template <typename Function>
    void post(Function function) {
        ++posted_;
        boost::asio::post(context_, [this, called = std::move(function)]() mutable {
            --posted_;
            called();
        });
        urge();
    }

    // Takes the baton, unless somebody has it or the loop has stopped; the caller then drives until it leaves.
    bool enter();
    // Runs at most one handler; waits at most this long for it, and less when a signal comes or wake() is called.
    // Returns whether one was run. For the driver.
    bool runOne(std::chrono::microseconds timeout);
    // Gives the baton back. An idle driver leaves it to the I/O thread at once.
    void leave(bool idle);

    // Lets the driver return from runOne(); when there is no memory for it, that may take as long as kIdle.
    void wake() noexcept;

    // Between these the calling thread waits for what others do with the loop.
    void follow();
    void unfollow();
    // The same for a descriptor that an event loop watches.
    void watch();
    void unwatch();

    // Tells that a follower was woken; called on the holder.
    void onHandedOver() noexcept;

    // Somebody has to run the loop when the delay has passed, whatever happens till then.
    void comeWithin(std::chrono::nanoseconds delay);
    // What was to happen within a delay that has passed, has happened.
    void seenTo();

    // Memory that any connection may read into what is of no interest.
    std::span<std::byte> scratch() noexcept { return scratch_; }

    // Tells whether the calling thread is the holder.
    bool runsHere() const noexcept;

    // Ends the I/O thread; what is under way is dropped. Idempotent.
    void stop() noexcept;

private:
    enum class Holder { nobody, ioThread, driver };

    // brief: to see to what is due, while the threads that wait are likely to come back.
    enum class Turn { none, brief, full };

    void run();
    Turn awaitTurn(std::unique_lock<std::mutex>& lock);
    void runUntilHandedOver(std::unique_lock<std::mutex>& lock);
    bool mayGiveUpLocked() const noexcept;
    bool forgetPassedLocked();
    void urge();
    bool isNeededLocked() const noexcept;
    void setAlarmForLaterLocked();
    void setAlarmLocked(std::chrono::nanoseconds delay, bool urgent);

    // Handlers that were posted and have not run.
    std::atomic<int> posted_{0};

    std::mutex mutex_{};
    std::condition_variable left_{};
    Holder holder_{Holder::nobody};
    bool stopped_{false};
    // How often somebody has entered, now and when the alarm was set.
    std::uint64_t drives_{0};
    std::uint64_t drives_at_alarm_{0};
    std::uint64_t followings_{0};
    int followers_{0};
    int watchers_{0};
    Alarm alarm_{};
    Clock::time_point rings_at_{Clock::time_point::max()};
    // The alarm means business, whoever has driven meanwhile.
    bool urgent_{false};
    // When messages have to leave that wait for company, earliest first: at most one time of each socket.
    std::priority_queue<Clock::time_point, std::vector<Clock::time_point>, std::greater<>> due_{};

    // Of the holder.
    bool handed_over_{false};
    std::uint64_t followings_at_hand_over_{0};

    // Of the loop and not of a thread, for a read may be begun by one holder and ended by another.
    std::array<std::byte, 16 * 1024> scratch_{};

    // Destroyed before what is above, for handlers that are dropped with it use that.
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{context_.get_executor()};
    std::thread thread_{};
};

}  // namespace scaler::ymq
