// What stands in for socket files where the system has no Unix sockets: their addresses are refused before.
#include <cerrno>

#include "ymq/socket_file.h"

namespace scaler::ymq {

Result<Descriptor> IpcSocketFile::listenAt(const Address& address) {
    return listeningError(address, "listen on", EAFNOSUPPORT);
}

void IpcSocketFile::remove() noexcept {}

}  // namespace scaler::ymq
