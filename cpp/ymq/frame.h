// The header in front of every frame, and the kinds of frame of the hello framing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "ymq/bytes.h"

namespace scaler::ymq {

static_assert(std::endian::native == std::endian::little, "headers are copied as they are");

inline constexpr std::size_t kHeaderBytes = 8;
inline constexpr std::uint64_t kMaximumIdentityBytes = 1024;
// Of every frame that is not data; the longest is a hello.
inline constexpr std::uint64_t kMaximumControlBytes = 4096;
inline constexpr std::uint64_t kLengthMask = (std::uint64_t{1} << 56) - 1;

// What our own peers open with, and what release 2.x of the reference opens with.
inline constexpr std::array<std::uint8_t, 4> kHelloMagic{0x59, 0x4D, 0x51, 0x10};
inline constexpr std::array<std::uint8_t, 4> kOtherMagic{0x59, 0x4D, 0x51, 0x01};

enum class FrameKind : std::uint8_t {
    data = 0,
    hello = 1,
    accept = 2,
    refuse = 3,
    ack = 4,
    ping = 5,
    pong = 6,
    goodbye = 7,
};

inline constexpr std::uint8_t kLastFrameKind = static_cast<std::uint8_t>(FrameKind::goodbye);

struct Frame {
    FrameKind kind{FrameKind::data};
    Bytes payload{};
};

using FrameHeader = std::array<std::byte, kHeaderBytes>;

inline FrameHeader encodeHeader(FrameKind kind, std::uint64_t length) noexcept {
    const std::uint64_t value = (static_cast<std::uint64_t>(kind) << 56) | length;
    FrameHeader header;
    std::memcpy(header.data(), &value, sizeof(value));
    return header;
}

}  // namespace scaler::ymq
