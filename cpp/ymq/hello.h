// What two of our own peers tell each other before the first message.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ymq/bytes.h"

namespace scaler::ymq {

enum class Role : std::uint8_t {
    unknown = 0,
    client = 1,
    worker = 2,
    processor = 3,
    scheduler = 4,
    storage = 5,
    monitor = 6,
};

inline constexpr std::uint8_t kLastRole = static_cast<std::uint8_t>(Role::monitor);
inline constexpr std::uint8_t kHelloVersion = 1;

using SessionKey = std::array<std::uint8_t, 16>;
using HostId = std::array<std::uint8_t, 16>;

// Names one process for as long as its machine runs.
struct ProcessName {
    HostId host{};
    std::uint32_t pid{0};
    // Ticks since boot; tells a process from a later one of the same number.
    std::uint64_t start_time{0};

    auto operator<=>(const ProcessName&) const = default;
};

struct Hello {
    std::uint8_t version{kHelloVersion};
    Role role{Role::unknown};
    bool reliable{false};
    bool resume{false};
    std::uint32_t epoch{0};
    SessionKey key{};
    std::uint64_t received{0};
    ProcessName process{};
    std::string cluster_id{};
    std::string identity{};
    std::string authentication{};
};

// The last two fields are optional on the wire: an accept without them is of a peer that does not tell them.
struct Accept {
    std::uint64_t received{0};
    std::uint32_t epoch{0};
    std::uint32_t session_timeout_milliseconds{0};
    ProcessName process{};
    bool reliable{true};
};

enum class RefuseCode : std::uint16_t {
    version = 1,
    malformed = 2,
    identityInUse = 3,
    sessionUnknown = 4,
    wrongCluster = 5,
    authenticationRequired = 6,
    tooManyPeers = 7,
};

struct Refuse {
    RefuseCode code{RefuseCode::malformed};
    std::string text{};
};

std::string encode(const Hello& hello);
std::string encode(const Accept& accept);
std::string encode(const Refuse& refuse);
std::string encodeCount(std::uint64_t count);

// Nothing for bytes that are no such message. A hello of another version is decoded as far as its version.
std::optional<Hello> decodeHello(std::span<const std::byte> bytes);
std::optional<Accept> decodeAccept(std::span<const std::byte> bytes);
std::optional<Refuse> decodeRefuse(std::span<const std::byte> bytes);
std::optional<std::uint64_t> decodeCount(std::span<const std::byte> bytes);

}  // namespace scaler::ymq
