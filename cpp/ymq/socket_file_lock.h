// Lets one process at a time make the socket file of a path.
#pragma once

#include <string>

#include "ymq/stream_socket.h"

namespace scaler::ymq {

// Holds `<path>.lock` until it goes out of scope, and then removes it. Whoever has waited for a lock file that was
// removed meanwhile makes a new one, so none is left behind but by a process that was killed here; the next one takes
// that over.
class SocketFileLock {
public:
    // Waits for others, who hold it for a moment; a few seconds at most.
    explicit SocketFileLock(const std::string& path);
    ~SocketFileLock();
    SocketFileLock(const SocketFileLock&) = delete;
    SocketFileLock& operator=(const SocketFileLock&) = delete;

    // 0, or why the lock is not held.
    int failure() const noexcept { return failure_; }

private:
    bool tryOnce();

    const std::string path_;
    Descriptor file_{};
    int failure_{0};
};

}  // namespace scaler::ymq
