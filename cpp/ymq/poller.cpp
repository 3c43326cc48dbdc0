// Waiting for sockets and a descriptor at once.
#include "ymq/poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <system_error>

#include "ymq/socket_core.h"

namespace scaler::ymq {

namespace {

// Handlers that a look runs at most, so that it ends however much comes in.
constexpr int kHandlersOfLook = 64;

int checked(int descriptor, const char* what) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
    return descriptor;
}

}  // namespace

// The handler of the descriptor may run while the poller ends on another thread.
struct Poller::Watch {
    Watch(IoLoop& loop, int descriptor) : stream(loop.context(), descriptor) {}

    std::mutex mutex{};
    Poller* poller{nullptr};
    bool armed{false};
    boost::asio::posix::stream_descriptor stream;
};

Poller::Poller(const Socket& socket, int descriptor)
    : context_(socket.context_),
      loop_(socket.core_->loop()),
      descriptor_(descriptor),
      watch_(std::make_shared<Watch>(
          loop_, checked(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "cannot watch the descriptor of a poller"))),
      event_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "cannot make an event descriptor")) {
    watch_->poller = this;
}

Poller::~Poller() {
    {
        const std::lock_guard lock(watch_->mutex);
        watch_->poller = nullptr;
    }
    loop_.post([watch = watch_] {
        boost::system::error_code ignored;
        watch->stream.close(ignored);
    });
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
        int milliseconds = -1;
        if (deadline) {
            const auto left = *deadline - std::chrono::steady_clock::now();
            milliseconds = static_cast<int>(
                std::clamp<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 0, 3'600'000));
        }
        if (isReady()) {
            outcome = Wait::ready;
            break;
        }
        std::array<pollfd, 2> entries{pollfd{event_.get(), POLLIN, 0}, pollfd{descriptor_, POLLIN, 0}};
        const int ready = ::poll(entries.data(), entries.size(), milliseconds);
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
    std::uint64_t count = 0;
    (void)!::read(event_.get(), &count, sizeof(count));
}

void Poller::notify() noexcept {
    const std::lock_guard lock(mutex_);
    if (state_ == State::driving && !loop_.runsHere()) {
        loop_.wake();
    } else if (state_ == State::following && !std::exchange(signalled_, true)) {
        loop_.onHandedOver();
        const std::uint64_t one = 1;
        (void)!::write(event_.get(), &one, sizeof(one));
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
    watch->stream.async_wait(boost::asio::posix::descriptor_base::wait_read, [watch](const auto& failure) {
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
