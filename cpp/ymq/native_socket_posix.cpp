// What Linux and macOS call alike about sockets.
#include <fcntl.h>

#include <cerrno>

#include "ymq/native_socket.h"

namespace scaler::ymq {

int lastSocketError() noexcept { return errno; }

bool isWouldBlock(int failure) noexcept { return failure == EAGAIN || failure == EWOULDBLOCK; }

bool isInterrupted(int failure) noexcept { return failure == EINTR; }

bool isOfOneConnection(int failure) noexcept {
    return failure == ECONNABORTED || failure == EINTR || failure == EPROTO || failure == EPERM ||
           failure == ENETDOWN || failure == EHOSTUNREACH || failure == ENETUNREACH || failure == ETIMEDOUT;
}

NativeSocket duplicate(NativeSocket socket) noexcept { return ::fcntl(socket, F_DUPFD_CLOEXEC, 3); }

bool allowNewListener(NativeSocket socket) noexcept {
    const int on = 1;
    return ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
}

void setOption(NativeSocket socket, int level, int name, int value) noexcept {
    // A connection without one of these options still works, so a failure is of no interest.
    (void)::setsockopt(socket, level, name, &value, sizeof(value));
}

void shutDownSending(NativeSocket socket) noexcept { ::shutdown(socket, SHUT_WR); }

}  // namespace scaler::ymq
