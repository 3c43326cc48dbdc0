// SipHash-2-4 with 128 bits of output, after Aumasson and Bernstein's description of the keyed hash.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace scaler::object_storage {

using SipHashKey = std::array<std::uint64_t, 2>;
using SipHashValue = std::array<std::uint64_t, 2>;

SipHashValue sipHash128(const SipHashKey& key, std::span<const std::byte> bytes);

}  // namespace scaler::object_storage
