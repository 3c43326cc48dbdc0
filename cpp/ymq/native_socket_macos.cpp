// Sockets of macOS.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "ymq/native_socket.h"

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

// There is no call that lets signals through and waits at once: one that comes in between is noticed after so long.
constexpr std::chrono::nanoseconds kLongestWait = 500ms;

// There are no flags for this, neither of calls that make a socket nor of those that send.
NativeSocket prepared(NativeSocket socket) noexcept {
    if (socket == kNoSocket) return socket;
    const int on = 1;
    if (::fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(socket, F_SETFL, O_NONBLOCK) == 0 &&
        ::setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) == 0) {
        return socket;
    }
    const int failure = errno;
    ::close(socket);
    errno = failure;
    return kNoSocket;
}

}  // namespace

NativeSocket openStreamSocket(int family) noexcept { return prepared(::socket(family, SOCK_STREAM, 0)); }

NativeSocket openDatagramSocket(int family) noexcept { return prepared(::socket(family, SOCK_DGRAM, 0)); }

NativeSocket acceptFrom(NativeSocket listener) noexcept {
    const NativeSocket accepted = ::accept(listener, nullptr, nullptr);
    if (accepted == kNoSocket) return kNoSocket;
    const NativeSocket socket = prepared(accepted);
    // A connection that has ended already takes no options.
    if (socket == kNoSocket) errno = ECONNABORTED;
    return socket;
}

void keepAlive(NativeSocket socket) noexcept {
    setOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    setOption(socket, IPPROTO_TCP, TCP_KEEPALIVE, 30);
    setOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    setOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

std::ptrdiff_t sendVectors(NativeSocket socket, std::span<IoVector> vectors) noexcept {
    if (vectors.size() == 1) return ::send(socket, vectors.front().iov_base, vectors.front().iov_len, MSG_DONTWAIT);
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = static_cast<int>(vectors.size());
    return ::sendmsg(socket, &message, MSG_DONTWAIT);
}

std::optional<std::uint64_t> unsentBytes(NativeSocket socket) noexcept {
    int unsent = 0;
    socklen_t size = sizeof(unsent);
    if (::getsockopt(socket, SOL_SOCKET, SO_NWRITE, &unsent, &size) != 0) return 0;
    return static_cast<std::uint64_t>(unsent);
}

int waitReadable(std::span<PollEntry> entries, std::optional<std::chrono::nanoseconds> timeout,
                 const SignalMask* mask) noexcept {
    const bool is_cut = mask != nullptr && (!timeout || *timeout > kLongestWait);
    int milliseconds = -1;
    if (is_cut || timeout) {
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(is_cut ? kLongestWait : *timeout);
        milliseconds = static_cast<int>(std::min<std::int64_t>(wait.count(), std::numeric_limits<int>::max()));
    }
    SignalMask before{};
    if (mask != nullptr) ::pthread_sigmask(SIG_SETMASK, mask, &before);
    const int ready = ::poll(entries.data(), static_cast<nfds_t>(entries.size()), milliseconds);
    const int failure = errno;
    if (mask != nullptr) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = ready == 0 && is_cut ? EINTR : failure;
    return ready == 0 && is_cut ? -1 : ready;
}

void nameThisThread(const char* name) noexcept { ::pthread_setname_np(name); }

}  // namespace scaler::ymq
