// Sockets of Linux.
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "ymq/native_socket.h"

namespace scaler::ymq {

NativeSocket openStreamSocket(int family) noexcept {
    return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

NativeSocket openDatagramSocket(int family) noexcept {
    return ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

NativeSocket acceptFrom(NativeSocket listener) noexcept {
    return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

void keepAlive(NativeSocket socket) noexcept {
    setOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    setOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    setOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
    setOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

std::ptrdiff_t sendVectors(NativeSocket socket, std::span<IoVector> vectors) noexcept {
    constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (vectors.size() == 1) return ::send(socket, vectors.front().iov_base, vectors.front().iov_len, kFlags);
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = vectors.size();
    return ::sendmsg(socket, &message, kFlags);
}

std::optional<std::uint64_t> unsentBytes(NativeSocket socket) noexcept {
    int unsent = 0;
    if (::ioctl(socket, SIOCOUTQ, &unsent) != 0) return 0;
    return static_cast<std::uint64_t>(unsent);
}

int waitReadable(std::span<PollEntry> entries, std::optional<std::chrono::nanoseconds> timeout,
                 const SignalMask* mask) noexcept {
    timespec left{};
    if (timeout) left = {.tv_sec = timeout->count() / 1'000'000'000, .tv_nsec = timeout->count() % 1'000'000'000};
    return ::ppoll(entries.data(), entries.size(), timeout ? &left : nullptr, mask);
}

void nameThisThread(const char* name) noexcept { pthread_setname_np(pthread_self(), name); }

}  // namespace scaler::ymq
