// Tells by its first four bytes how a connecting peer speaks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "ymq/frame.h"

namespace scaler::ymq {

enum class GreetingKind { unknown, plain, hello, other };

inline constexpr char kOtherReleaseText[] =
    "it opens as release 2.x of the reference does, which this release does not speak";

// `unknown` means that fewer than four bytes are there. The plain framing cannot be mistaken for the magic bytes, since
// these would announce an identity of more than 1 KiB.
inline GreetingKind greetingKind(std::span<const std::byte> first) noexcept {
    if (first.size() < kHelloMagic.size()) return GreetingKind::unknown;
    if (std::memcmp(first.data(), kHelloMagic.data(), kHelloMagic.size()) == 0) return GreetingKind::hello;
    if (std::memcmp(first.data(), kOtherMagic.data(), kOtherMagic.size()) == 0) return GreetingKind::other;
    return GreetingKind::plain;
}

}  // namespace scaler::ymq
