// What operating systems call differently about sockets; native_socket_<system>.cpp have it.
#pragma once

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
// Behind the others, which they need.
#include <afunix.h>
#include <mstcpip.h>
#else
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#endif

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace scaler::ymq {

#ifdef _WIN32
using NativeSocket = SOCKET;
inline constexpr NativeSocket kNoSocket = INVALID_SOCKET;
inline constexpr bool kHasUnixSockets = false;
// In place of what POSIX has for gathering writes, with its names.
struct IoVector {
    void* iov_base;
    std::size_t iov_len;
};
// There are no signals to block.
struct SignalMask {};
using PollEntry = WSAPOLLFD;
#else
using NativeSocket = int;
inline constexpr NativeSocket kNoSocket = -1;
inline constexpr bool kHasUnixSockets = true;
using IoVector = iovec;
using SignalMask = sigset_t;
using PollEntry = pollfd;
#endif
// Whether Unix sockets may have names that are no files.
#ifdef __linux__
inline constexpr bool kHasAbstractNames = true;
#else
inline constexpr bool kHasAbstractNames = false;
#endif

// Why the last call of the calling thread failed: an errno, or what Winsock has in its place.
int lastSocketError() noexcept;
bool isWouldBlock(int failure) noexcept;
bool isInterrupted(int failure) noexcept;
// Tells whether accepting failed because of the connection and not because of the listener.
bool isOfOneConnection(int failure) noexcept;

inline void closeNative(NativeSocket socket) noexcept {
#ifdef _WIN32
    ::closesocket(socket);
#else
    ::close(socket);
#endif
}

// These return kNoSocket on failure. Sockets do not block, and no child inherits them.
NativeSocket openStreamSocket(int family) noexcept;
NativeSocket openDatagramSocket(int family) noexcept;
NativeSocket acceptFrom(NativeSocket listener) noexcept;
NativeSocket duplicate(NativeSocket socket) noexcept;

// Lets an address be listened on again at once; never one that somebody listens on.
bool allowNewListener(NativeSocket socket) noexcept;
void setOption(NativeSocket socket, int level, int name, int value) noexcept;
// Lets a silent connection of TCP be tried after 30 seconds, and three times in the next 30; Windows tries ten times.
void keepAlive(NativeSocket socket) noexcept;
// No more is sent; what is queued still leaves.
void shutDownSending(NativeSocket socket) noexcept;

// Sends what the kernel takes at once, and raises no signal; negative on failure.
std::ptrdiff_t sendVectors(NativeSocket socket, std::span<IoVector> vectors) noexcept;

// Bytes that the other side's kernel has not acknowledged; nothing where the system does not tell.
std::optional<std::uint64_t> unsentBytes(NativeSocket socket) noexcept;

// Waits until one of the sockets can be read; no time-out waits for ever. Returns how many can, negative on failure.
// With a mask, signals are let through meanwhile that it does not hold.
int waitReadable(std::span<PollEntry> entries, std::optional<std::chrono::nanoseconds> timeout,
                 const SignalMask* mask = nullptr) noexcept;

void nameThisThread(const char* name) noexcept;

}  // namespace scaler::ymq
