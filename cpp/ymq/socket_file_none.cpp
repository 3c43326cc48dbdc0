// What stands in for Unix sockets where the system has none that serve: everything goes by TCP.
#include "ymq/local_channel.h"
#include "ymq/socket_file.h"

namespace scaler::ymq {

Result<Descriptor> IpcSocketFile::listenAt(const Address& address) {
    return Error{ErrorCode::configurationError, address.toString() + ": " + std::string(kNoUnixSocketsText)};
}

void IpcSocketFile::remove() noexcept {}

std::optional<Address> localChannelOf(const Address&) { return std::nullopt; }

std::optional<StreamEndpoint> localChannelOf(const StreamEndpoint&) { return std::nullopt; }

bool isTrusted(StreamSocket&) { return false; }

}  // namespace scaler::ymq
