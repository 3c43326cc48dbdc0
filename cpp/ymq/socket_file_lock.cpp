// Taking and removing lock files.
#include "ymq/socket_file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;

// Tells whether the path still names the open file.
bool isFileOf(const std::string& path, int descriptor) noexcept {
    struct stat named {};
    struct stat open {};
    return ::stat(path.c_str(), &named) == 0 && ::fstat(descriptor, &open) == 0 && named.st_dev == open.st_dev &&
           named.st_ino == open.st_ino;
}

}  // namespace

SocketFileLock::SocketFileLock(const std::string& path) : path_(path + ".lock") {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!tryOnce()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            failure_ = EWOULDBLOCK;
            return;
        }
        std::this_thread::sleep_for(1ms);
    }
}

SocketFileLock::~SocketFileLock() {
    if (failure_ == 0) ::unlink(path_.c_str());
}

// Returns false when somebody else holds the lock, or has just removed it.
bool SocketFileLock::tryOnce() {
    file_ = Descriptor(::open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file_.get() < 0) {
        failure_ = errno;
        return true;
    }
    return ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 && isFileOf(path_, file_.get());
}

}  // namespace scaler::ymq
