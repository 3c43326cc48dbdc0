// Listening at ipc addresses: making the socket file of a path, and removing it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ymq/address.h"
#include "ymq/descriptor.h"
#include "ymq/error.h"

namespace scaler::ymq {

// A socket file that nobody listens on any more is replaced.
class IpcSocketFile {
public:
    // Returns a socket that listens, at an address that is not refused on this system.
    Result<Descriptor> listenAt(const Address& address);

    // Only the own one: somebody may have removed it and made another. Idempotent.
    void remove() noexcept;

private:
    std::string path_{};
    // The file as it was made.
    std::uint64_t device_{0};
    std::uint64_t inode_{0};
};

// What listening fails with.
Error listeningError(const Address& address, const char* call, int failure);

}  // namespace scaler::ymq
