// The packets of the local channel: how one is received and checked, and how an answer becomes one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "object_storage/header.h"
#include "object_storage/sealed_file.h"
#include "ymq/bytes.h"

namespace scaler::object_storage {

// Larger payloads travel as files.
inline constexpr std::size_t kInlineBytes = 128 * 1024;

struct LocalRequest {
    ymq::Bytes header{};
    // Null when there was none, or none that was taken.
    ymq::Bytes payload{};
};

struct ReceivedPacket {
    enum class Kind {
        request,
        none,    // nothing has arrived
        ended,   // the peer is gone
        refused  // the packet breaks the rules, as `reason` says
    };

    Kind kind = Kind::none;
    LocalRequest request{};
    std::string reason{};
};

// Receives a packet without waiting. The memory is scratch space of at least kPacketBytes. A file that would have to be
// copied, and is larger than the limit, is no payload.
inline constexpr std::size_t kPacketBytes = kHeaderBytes + kInlineBytes;
ReceivedPacket receivePacket(int socket, std::span<std::byte> memory, SealedFiles& files,
                             std::uint64_t copy_limit_bytes);

enum class SendOutcome { sent, wouldBlock, failed };

// Sends an answer without waiting: its payload inside the packet, or as a descriptor when it came as a file. What can
// travel in neither way is replaced by the answer overTcp.
SendOutcome sendPacket(int socket, const HeaderBytes& header, const ymq::Bytes& payload);

}  // namespace scaler::object_storage
