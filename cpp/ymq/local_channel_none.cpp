// What stands in for local channels where sockets cannot be named without a file: everything goes by TCP.
#include "ymq/local_channel.h"

namespace scaler::ymq {

std::optional<Address> localChannelOf(const Address&) { return std::nullopt; }

std::optional<StreamEndpoint> localChannelOf(const StreamEndpoint&) { return std::nullopt; }

bool isTrusted(StreamSocket&) { return false; }

}  // namespace scaler::ymq
