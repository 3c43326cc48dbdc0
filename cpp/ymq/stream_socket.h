// The connected socket both TCP and Unix connections use, and what is set on it.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ymq/address.h"
#include "ymq/descriptor.h"
#include "ymq/error.h"

namespace scaler::ymq {

using StreamSocket = boost::asio::generic::stream_protocol::socket;
using StreamEndpoint = boost::asio::generic::stream_protocol::endpoint;

// Sets no-delay and keep-alive on a TCP connection, and does nothing for others.
void setConnectionOptions(NativeSocket descriptor, int family) noexcept;

// Says why this system cannot use an address of that kind; nothing when it can.
std::optional<Error> refusalOf(const Address& address);

// Returns the endpoint of an ipc address.
StreamEndpoint ipcEndpoint(const Address& address);

// Returns the endpoints of a tcp address; asks the resolver, and therefore may block, unless the host is a literal.
Result<std::vector<StreamEndpoint>> resolve(const Address& address);

// Tells whether resolve() returns without asking anybody.
bool isLiteral(const Address& address) noexcept;

// Returns a name of the other side for the log.
std::string describePeer(NativeSocket descriptor);

// Returns the text of what lastSocketError() returned, or of an errno.
std::string errorText(int number);

}  // namespace scaler::ymq
