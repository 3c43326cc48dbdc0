// SipHash-1-3 with 128 bits of output, after Aumasson and Bernstein's description of the keyed hash.
//
// Nobody sees the values, and what they find is compared byte by byte: the fewer rounds are enough to keep peers from
// making tables degenerate, and hash contents twice as fast as those of SipHash-2-4.
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
