// The Unix socket beside a TCP socket that listens on a loopback address: the same bytes, without the network's work.
#pragma once

#include <optional>

#include "ymq/address.h"
#include "ymq/stream_socket.h"

namespace scaler::ymq {

// Design note. The name, in the abstract namespace, is that of the TCP address. So who dials the address of a proxy
// finds nothing under its name, and goes through the proxy. Both kinds of names belong to a network namespace, so
// neither leads to another container than the other. Any process may have taken a name, so a dialler accepts only a
// listener that is run by its own user or by root, and goes over TCP otherwise.

// Returns the address beside a TCP address with its real port; nothing unless that is a literal of the loopback.
std::optional<Address> localChannelOf(const Address& address);

// The same for the endpoint that a TCP address stands for.
std::optional<StreamEndpoint> localChannelOf(const StreamEndpoint& endpoint);

// Tells whether the process that listens at the other end may be trusted.
bool isTrusted(StreamSocket& socket);

}  // namespace scaler::ymq
