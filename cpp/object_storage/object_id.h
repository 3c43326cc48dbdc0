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

// The half of an id that all objects of one owner have in common.
using OwnerHash = std::array<std::uint64_t, 2>;

inline OwnerHash ownerOf(const ObjectId& id) { return {id.fields[0], id.fields[1]}; }

// Peers choose the ids, so the hash is keyed: nobody can make a table degenerate by choosing colliding ones.
struct ObjectIdHash {
    SipHashKey key{};

    std::size_t operator()(const ObjectId& id) const noexcept { return of(std::span(id.fields)); }
    std::size_t operator()(const OwnerHash& owner) const noexcept { return of(std::span(owner)); }

private:
    std::size_t of(std::span<const std::uint64_t> words) const noexcept {
        return static_cast<std::size_t>(sipHash128(key, std::as_bytes(words))[0]);
    }
};

}  // namespace scaler::object_storage
