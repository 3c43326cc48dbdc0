// The inbound queue.
#include "ymq/inbox.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

namespace scaler::ymq {

Inbox::Inbox() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_.get() < 0) throw std::runtime_error("cannot make an event descriptor: " + errorText(errno));
}

void Inbox::push(Received item) {
    const std::lock_guard lock(mutex_);
    bytes_ += item.payload.size();
    items_.push_back(std::move(item));
    if (wantsSignalLocked()) signalLocked();
}

void Inbox::push(std::vector<Received>& items) {
    if (items.empty()) return;
    {
        const std::lock_guard lock(mutex_);
        for (Received& item : items) {
            bytes_ += item.payload.size();
            items_.push_back(std::move(item));
        }
        if (wantsSignalLocked()) signalLocked();
    }
    items.clear();
}

std::vector<Received> Inbox::take(std::size_t maximum) {
    const std::lock_guard lock(mutex_);
    const auto number = static_cast<std::ptrdiff_t>(std::min(maximum, items_.size()));
    std::vector<Received> taken(std::make_move_iterator(items_.begin()),
                                std::make_move_iterator(items_.begin() + number));
    items_.erase(items_.begin(), items_.begin() + number);
    for (const Received& item : taken) bytes_ -= item.payload.size();
    if (items_.empty()) unsignalLocked();
    return taken;
}

Inbox::Wait Inbox::wait(std::optional<std::chrono::steady_clock::time_point> deadline) {
    std::unique_lock lock(mutex_);
    if (!items_.empty()) return Wait::received;
    if (closed_) return Wait::closed;
    if (std::exchange(interrupt_next_, false)) return Wait::interrupted;
    const std::uint64_t interruptions = interruptions_;
    ++waiters_;
    Wait result = Wait::timedOut;
    for (;;) {
        if (!items_.empty()) {
            result = Wait::received;
        } else if (interruptions_ != interruptions) {
            result = Wait::interrupted;
        } else if (closed_) {
            result = Wait::closed;
        } else {
            int milliseconds = -1;
            if (deadline) {
                const auto left = *deadline - std::chrono::steady_clock::now();
                if (left.count() <= 0) break;
                milliseconds = static_cast<int>(
                    std::min<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 3'600'000));
            }
            lock.unlock();
            pollfd entry{event_.get(), POLLIN, 0};
            const bool interrupted_by_signal = ::poll(&entry, 1, milliseconds) < 0 && errno == EINTR;
            lock.lock();
            if (!interrupted_by_signal || !items_.empty()) continue;
            result = Wait::signalled;
        }
        break;
    }
    --waiters_;
    if (interruptions_ != interruptions) --to_interrupt_;
    if (items_.empty()) unsignalLocked();
    return result;
}

void Inbox::interrupt() {
    const std::lock_guard lock(mutex_);
    if (waiters_ == 0) {
        interrupt_next_ = true;
        return;
    }
    ++interruptions_;
    to_interrupt_ = waiters_;
    signalLocked();
}

void Inbox::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (wantsSignalLocked()) signalLocked();
}

int Inbox::descriptor() {
    const std::lock_guard lock(mutex_);
    watched_ = true;
    if (!items_.empty()) signalLocked();
    return event_.get();
}

std::uint64_t Inbox::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

void Inbox::signalLocked() noexcept {
    if (signalled_) return;
    signalled_ = true;
    const std::uint64_t one = 1;
    // Cannot fail: the counter is 0 or 1.
    (void)!::write(event_.get(), &one, sizeof(one));
}

void Inbox::unsignalLocked() noexcept {
    if (!signalled_ || to_interrupt_ != 0 || (closed_ && waiters_ != 0)) return;
    signalled_ = false;
    std::uint64_t count = 0;
    (void)!::read(event_.get(), &count, sizeof(count));
}

}  // namespace scaler::ymq
