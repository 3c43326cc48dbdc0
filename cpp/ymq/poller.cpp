// Waiting for sockets and a descriptor at once.
#include "ymq/poller.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "ymq/socket_core.h"
#include "ymq/watched_socket.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

// Handlers that a look runs at most, so that it ends however much comes in.
constexpr int kHandlersOfLook = 64;

constexpr std::chrono::nanoseconds kLongestWait = 1h;

Descriptor duplicateOf(NativeSocket descriptor) {
    Descriptor copy(duplicate(descriptor));
    if (!copy.isOpen()) {
        throw std::system_error(lastSocketError(), std::system_category(), "cannot watch the descriptor of a poller");
    }
    return copy;
}

}  // namespace

// The handler of the descriptor may run while the poller ends on another thread.
struct Poller::Watch {
    Watch(IoLoop& loop, Descriptor descriptor) : watched(loop.context()) { watched.assign(descriptor); }

    std::mutex mutex{};
    Poller* poller{nullptr};
    bool armed{false};
    WatchedSocket watched;
};

Poller::Poller(const Socket& socket, NativeSocket descriptor)
    : context_(socket.context_),
      loop_(socket.core_->loop()),
      descriptor_(descriptor),
      watch_(std::make_shared<Watch>(loop_, duplicateOf(descriptor))) {
    watch_->poller = this;
}

Poller::~Poller() {
    {
        const std::lock_guard lock(watch_->mutex);
        watch_->poller = nullptr;
    }
    loop_.post([watch = watch_] { watch->watched.close(); });
}

bool Poller::add(Socket& socket) {
    if (&socket.core_->loop() != &loop_) return false;
    sockets_.push_back(&socket);
    socket.core_->inbox().setPoller(this);
    return true;
}

void Poller::remove(Socket& socket) {
    if (std::erase(sockets_, &socket) != 0) socket.core_->inbox().setPoller(nullptr);
}

Poller::Wait Poller::wait(Deadline deadline) {
    rewatch(watch_);
    const bool has_time = !deadline || *deadline > std::chrono::steady_clock::now();
    if (isReady() || !has_time) {
        look();
        return endWait(isReady() ? Wait::ready : Wait::timedOut);
    }
    const std::optional<Wait> driven = drive(deadline);
    const Wait result = driven ? *driven : follow(deadline);
    setState(State::busy);
    return endWait(result);
}

// An interruption that comes before this is used up, and makes the wait ready.
Poller::Wait Poller::endWait(Wait result) noexcept { return interrupted_.exchange(false) ? Wait::ready : result; }

bool Poller::isReady() const {
    return descriptor_ready_ || interrupted_ ||
           std::ranges::any_of(sockets_, [](const Socket* socket) { return socket->core_->inbox().hasItems(); });
}

void Poller::look() {
    if (!loop_.enter()) {
        // Somebody else runs the loop: whether the descriptor is readable, its owner has to find out.
        descriptor_ready_ = true;
        return;
    }
    for (int handlers = 0; handlers < kHandlersOfLook && loop_.runOne(std::chrono::microseconds(0)); ++handlers) {
    }
    loop_.leave(false);
}

// Returns nothing when somebody else drives, or nothing happens.
std::optional<Poller::Wait> Poller::drive(Deadline deadline) {
    if (!loop_.enter()) return std::nullopt;
    setState(State::driving);
    const auto idle_at = std::chrono::steady_clock::now() + IoLoop::kIdle;
    const auto until = deadline ? std::min(*deadline, idle_at) : idle_at;
    std::optional<Wait> outcome;
    while (!outcome) {
        const auto left = until - std::chrono::steady_clock::now();
        if (isReady()) {
            outcome = Wait::ready;
        } else if (left.count() <= 0) {
            break;
        } else if (!loop_.runOne(std::chrono::ceil<std::chrono::microseconds>(left)) && !isReady() &&
                   std::chrono::steady_clock::now() < until) {
            outcome = Wait::signalled;
        }
    }
    const bool timed_out = !outcome && deadline && *deadline <= idle_at;
    loop_.leave(!outcome && !timed_out);
    return timed_out ? Wait::timedOut : outcome;
}

Poller::Wait Poller::follow(Deadline deadline) {
    setState(State::following);
    loop_.follow();
    std::optional<Wait> outcome;
    while (!outcome) {
        std::optional<std::chrono::nanoseconds> left;
        if (deadline) {
            left = std::clamp<std::chrono::nanoseconds>(*deadline - std::chrono::steady_clock::now(), 0s, kLongestWait);
        }
        if (isReady()) {
            outcome = Wait::ready;
            break;
        }
        std::array<PollEntry, 2> entries{PollEntry{event_.descriptor(), POLLIN, 0}, PollEntry{descriptor_, POLLIN, 0}};
        const int ready = waitReadable(entries, left);
        if (entries[0].revents != 0) setState(State::following);
        if (entries[1].revents != 0) descriptor_ready_ = true;
        if (ready < 0) {
            outcome = Wait::signalled;
        } else if (ready == 0 && deadline && std::chrono::steady_clock::now() >= *deadline) {
            outcome = isReady() ? Wait::ready : Wait::timedOut;
        }
    }
    loop_.unfollow();
    return *outcome;
}

void Poller::setState(State state) {
    const std::lock_guard lock(mutex_);
    state_ = state;
    if (!std::exchange(signalled_, false)) return;
    event_.clear();
}

void Poller::notify() noexcept {
    const std::lock_guard lock(mutex_);
    if (state_ == State::driving && !loop_.runsHere()) {
        loop_.wake();
    } else if (state_ == State::following && !std::exchange(signalled_, true)) {
        loop_.onHandedOver();
        event_.set();
    }
}

void Poller::interrupt() noexcept {
    interrupted_ = true;
    notify();
}

void Poller::rewatch(const std::shared_ptr<Watch>& watch) {
    {
        const std::lock_guard lock(watch->mutex);
        if (std::exchange(watch->armed, true)) return;
    }
    watch->watched.waitReadable([watch](const boost::system::error_code& failure) {
        const std::lock_guard lock(watch->mutex);
        watch->armed = false;
        if (!failure && watch->poller != nullptr) watch->poller->onDescriptorReady();
    });
}

void Poller::onDescriptorReady() noexcept {
    descriptor_ready_ = true;
    notify();
}

}  // namespace scaler::ymq
