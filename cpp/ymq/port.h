// A socket as other native code uses it, between its I/O thread and its Python user.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "ymq/bytes.h"
#include "ymq/error.h"
#include "ymq/received.h"

namespace scaler::ymq {

class Port;

// Sees what a socket has received before its inbox does.
class InboundFilter {
public:
    virtual ~InboundFilter() = default;

    // Returns true when it has dealt with these messages, or this event: then they do not go to the inbox. Called on
    // the I/O thread with the lock of the socket, so it must neither wait nor send with this one; it may with others of
    // the same loop, for only that thread ever holds the locks of two.
    virtual bool takes(const Port& port, std::span<Received> items) noexcept = 0;
};

// All calls are virtual, so that an extension module can use a socket that another one has made.
class Port {
public:
    virtual ~Port() = default;

    // From now on the filter sees everything that is received, messages and events; null for none.
    virtual void setFilter(std::shared_ptr<InboundFilter> filter) = 0;

    // Tells whether the inbox has something, also what its filter has let pass this moment.
    virtual bool hasItems() = 0;

    // As Socket::send().
    virtual ErrorCode sendBytes(std::optional<std::string_view> address, Bytes payload, std::uint64_t token) = 0;

    // Ports of one loop have the same value.
    virtual const void* loopIdentity() const noexcept = 0;
};

}  // namespace scaler::ymq
