// Socket files of Unix.
#include "ymq/socket_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "ymq/socket_file_lock.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq {

namespace {

// Tells whether a socket file exists that no process listens on.
bool isAbandoned(const std::string& path, const StreamEndpoint& endpoint) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const Descriptor probe(openStreamSocket(AF_UNIX));
    return ::connect(probe.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
           errno == ECONNREFUSED;
}

}  // namespace

Result<Descriptor> IpcSocketFile::listenAt(const Address& address) {
    const StreamEndpoint endpoint = ipcEndpoint(address);
    // Held until the socket listens, for until then its file looks like one that nobody listens on any more.
    std::optional<SocketFileLock> lock;
    if (!address.isAbstract()) {
        lock.emplace(address.path);
        if (lock->failure() != 0) return listeningError(address, "lock", lock->failure());
        if (isAbandoned(address.path, endpoint)) ::unlink(address.path.c_str());
    }
    Descriptor socket(openStreamSocket(AF_UNIX));
    if (!socket.isOpen() || ::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
        return listeningError(address, "listen on", errno);
    }
    struct stat made {};
    if (!address.isAbstract() && ::stat(address.path.c_str(), &made) == 0) {
        path_ = address.path;
        device_ = static_cast<std::uint64_t>(made.st_dev);
        inode_ = made.st_ino;
    }
    if (::listen(socket.get(), SOMAXCONN) != 0) return listeningError(address, "listen on", errno);
    return socket;
}

void IpcSocketFile::remove() noexcept {
    struct stat now {};
    if (path_.empty() || ::stat(path_.c_str(), &now) != 0) return;
    if (static_cast<std::uint64_t>(now.st_dev) == device_ && now.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace scaler::ymq
