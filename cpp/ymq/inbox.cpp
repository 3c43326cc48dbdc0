// The inbound queue.
#include "ymq/inbox.h"

#include <algorithm>

#include "ymq/io_loop.h"
#include "ymq/poller.h"

namespace scaler::ymq {

namespace {

// Handlers that are run at most by who does not wait.
constexpr int kHandlersOfLook = 64;

// What an item costs: messages without a payload are not free.
std::uint64_t bytesOf(const Received& item) noexcept { return sizeof(Received) + item.payload.size(); }

}  // namespace

Inbox::Inbox(IoLoop* loop) : loop_(loop) {}

Inbox::~Inbox() { setWatchedLocked(false); }

void Inbox::push(Received item) { push(std::span(&item, 1)); }

void Inbox::push(std::span<Received> items) {
    if (items.empty()) return;
    const std::lock_guard lock(mutex_);
    for (Received& item : items) {
        bytes_ += bytesOf(item);
        items_.push_back(std::move(item));
    }
    notifyLocked();
}

std::vector<Received> Inbox::take(std::size_t maximum) {
    const std::lock_guard lock(mutex_);
    const auto number = static_cast<std::ptrdiff_t>(std::min(maximum, items_.size()));
    std::vector<Received> taken(std::make_move_iterator(items_.begin()),
                                std::make_move_iterator(items_.begin() + number));
    items_.erase(items_.begin(), items_.begin() + number);
    for (const Received& item : taken) bytes_ -= bytesOf(item);
    if (items_.empty()) unsignalLocked();
    return taken;
}

template <typename Waiting>
Inbox::Wait Inbox::waitLocked(Waiting waiting) {
    if (const auto outcome = outcomeLocked(interruptions_)) return *outcome;
    if (std::exchange(interrupt_next_, false)) return Wait::interrupted;
    const std::uint64_t interruptions = interruptions_;
    ++waiters_;
    const Wait result = waiting(interruptions);
    --waiters_;
    if (interruptions_ != interruptions) --to_interrupt_;
    if (items_.empty()) unsignalLocked();
    return result;
}

Inbox::Wait Inbox::wait(Deadline deadline) {
    std::unique_lock lock(mutex_);
    return waitLocked([&](std::uint64_t interruptions) {
        const std::optional<Wait> driven = drive(lock, interruptions, deadline);
        return driven ? *driven : follow(lock, interruptions, deadline, nullptr);
    });
}

Inbox::Wait Inbox::sleep(Deadline deadline, const SignalMask& mask) {
    std::unique_lock lock(mutex_);
    return waitLocked([&](std::uint64_t interruptions) { return follow(lock, interruptions, deadline, &mask); });
}

std::optional<Inbox::Wait> Inbox::outcomeLocked(std::uint64_t interruptions) const noexcept {
    if (!items_.empty()) return Wait::received;
    if (interruptions_ != interruptions) return Wait::interrupted;
    if (closed_) return Wait::closed;
    return std::nullopt;
}

// Returns nothing when somebody else drives, or nothing happens.
std::optional<Inbox::Wait> Inbox::drive(std::unique_lock<std::mutex>& lock, std::uint64_t interruptions,
                                        Deadline deadline) {
    if (loop_ == nullptr || !loop_->enter()) return std::nullopt;
    driven_ = true;
    const auto idle_at = std::chrono::steady_clock::now() + IoLoop::kIdle;
    const auto until = deadline ? std::min(*deadline, idle_at) : idle_at;
    std::optional<Wait> outcome;
    bool has_run = true;
    int looks = 0;
    while (!(outcome = outcomeLocked(interruptions))) {
        const auto left = until - std::chrono::steady_clock::now();
        // Who does not wait at all still looks, for it might be the only one that ever does.
        if (left.count() <= 0 && (!has_run || ++looks > kHandlersOfLook)) break;
        lock.unlock();
        has_run = loop_->runOne(std::chrono::ceil<std::chrono::microseconds>(left));
        lock.lock();
        if (has_run || !items_.empty() || std::chrono::steady_clock::now() >= until) continue;
        outcome = Wait::signalled;
        break;
    }
    driven_ = false;
    const bool timed_out = !outcome && deadline && *deadline <= idle_at;
    loop_->leave(!outcome && !timed_out);
    return timed_out ? Wait::timedOut : outcome;
}

Inbox::Wait Inbox::follow(std::unique_lock<std::mutex>& lock, std::uint64_t interruptions, Deadline deadline,
                          const SignalMask* mask) {
    if (loop_ != nullptr) loop_->follow();
    std::optional<Wait> outcome;
    while (!(outcome = outcomeLocked(interruptions))) {
        std::optional<std::chrono::nanoseconds> left;
        if (deadline) {
            left = *deadline - std::chrono::steady_clock::now();
            if (left->count() <= 0) break;
        }
        lock.unlock();
        PollEntry entry{event_.descriptor(), POLLIN, 0};
        const bool interrupted_by_signal =
            waitReadable(std::span(&entry, 1), left, mask) < 0 && isInterrupted(lastSocketError());
        lock.lock();
        if (!interrupted_by_signal || !items_.empty()) continue;
        outcome = Wait::signalled;
        break;
    }
    if (loop_ != nullptr) loop_->unfollow();
    return outcome.value_or(Wait::timedOut);
}

void Inbox::interrupt() {
    const std::lock_guard lock(mutex_);
    if (waiters_ == 0) {
        interrupt_next_ = true;
        return;
    }
    ++interruptions_;
    to_interrupt_ = waiters_;
    notifyLocked();
}

void Inbox::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    notifyLocked();
    if (poller_ != nullptr) poller_->interrupt();
}

NativeSocket Inbox::descriptor() {
    const std::lock_guard lock(mutex_);
    if (poller_ == nullptr) setWatchedLocked(true);
    if (watched_ && !items_.empty()) signalLocked();
    return event_.descriptor();
}

void Inbox::setPoller(Poller* poller) {
    const std::lock_guard lock(mutex_);
    poller_ = poller;
    setWatchedLocked(false);
}

void Inbox::setWatchedLocked(bool watched) {
    if (watched_ == watched) return;
    watched_ = watched;
    if (loop_ == nullptr) return;
    if (watched) {
        loop_->watch();
    } else {
        loop_->unwatch();
    }
}

bool Inbox::hasItems() const {
    const std::lock_guard lock(mutex_);
    return !items_.empty();
}

std::uint64_t Inbox::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

void Inbox::notifyLocked() noexcept {
    if (watched_ || waiters_ > (driven_ ? 1U : 0U)) signalLocked();
    if (driven_ && !loop_->runsHere()) loop_->wake();
    if (poller_ != nullptr) poller_->notify();
}

void Inbox::signalLocked() noexcept {
    if (signalled_) return;
    if (loop_ != nullptr) loop_->onHandedOver();
    signalled_ = true;
    event_.set();
}

void Inbox::unsignalLocked() noexcept {
    if (!signalled_ || to_interrupt_ != 0 || (closed_ && waiters_ != 0)) return;
    signalled_ = false;
    event_.clear();
}

}  // namespace scaler::ymq
