// The 32-byte name of an object, as the four numbers that travel in messages.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "object_storage/siphash.h"

namespace scaler::object_storage {

// Each field is one big-endian group of eight bytes of the id's byte string.
struct ObjectId {
    std::array<std::uint64_t, 4> fields{};

    auto operator<=>(const ObjectId&) const = default;
};

// Peers choose the ids, so the hash is keyed: nobody can make a table degenerate by choosing colliding ones.
struct ObjectIdHash {
    SipHashKey key{};

    std::size_t operator()(const ObjectId& id) const noexcept {
        return static_cast<std::size_t>(sipHash128(key, std::as_bytes(std::span(id.fields)))[0]);
    }
};

}  // namespace scaler::object_storage
