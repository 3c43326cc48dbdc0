// The objects: a table from ids to immutable, reference-counted bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

#include "object_storage/object_id.h"
#include "object_storage/siphash.h"
#include "ymq/bytes.h"

namespace scaler::object_storage {

// Ids are independent names: a duplicate is a snapshot, and nothing done to one id changes what another one names.
//
// Equal contents are held once when they came to be by duplication, or when they are not larger than the sharing bound:
// those are found by a keyed hash and shared after comparing the bytes. Larger ones are not hashed, because that would
// hold up every other request while it reads the whole payload: 64 KiB take 27 microseconds, 1 GiB nearly half a
// second.
//
// Not thread-safe; one thread owns the table.
class ObjectTable {
public:
    struct Options {
        // Bound of the contents and the bookkeeping of ids together; 0 means none.
        std::uint64_t memory_limit_bytes = 0;
        std::size_t sharing_bound_bytes = 64 * 1024;
        SipHashKey hash_key{};
    };

    struct Totals {
        std::uint64_t ids = 0;
        std::uint64_t contents = 0;
        std::uint64_t content_bytes = 0;

        bool operator==(const Totals&) const = default;
    };

    // What one id is counted with against the memory limit, so that ids of empty objects are bounded too.
    static constexpr std::uint64_t kBytesPerId = 160;
    // How much freeSomeDropped() frees about, if that is more than one content.
    static constexpr std::uint64_t kFreedAtOnceBytes = std::uint64_t{8} << 20U;

    explicit ObjectTable(const Options& options);

    // Names the bytes, in place of what the id named before. Returns false, and changes nothing, when the memory limit
    // leaves no room. Throws std::bad_alloc, and changes nothing, when the system has no memory.
    bool set(const ObjectId& id, ymq::Bytes bytes);

    // Lets another id name what the original, which must exist, names now. Returns false as set does.
    bool duplicate(const ObjectId& original, const ObjectId& copy);

    // Returns whether the id existed.
    bool erase(const ObjectId& id);

    // Erases everything of one owner, at a cost that grows with that alone; returns whether there was something.
    bool eraseOwner(const OwnerHash& owner);

    // Returns nullptr when nothing has the id; the result is valid until the next change of the table.
    const ymq::Bytes* find(const ObjectId& id) const;

    // Gives the memory of some large contents back that nothing names any more. The system takes a tenth of a
    // millisecond for each MiB, which no answer should have to wait for; so it is not done before somebody calls this,
    // and of many contents not at once. Only when they and the others are above the memory limit they go before.
    void freeSomeDropped() noexcept;
    bool hasDropped() const { return !dropped_.empty(); }

    // Large contents that nothing names any more, and that others still refer to: answers that are not sent yet. They
    // are looked for, and counted, only when there is a memory limit; reclaimUnsent() drops those that are sent by now.
    std::uint64_t unsentBytes() const { return unsent_bytes_; }
    void reclaimUnsent() noexcept;

    Totals totals() const;

    // Returns the size of the largest object that could be held if the table were empty.
    std::uint64_t largestObjectBytes() const;
    bool canEverHold(std::uint64_t size_bytes) const;

    // Returns whether the parts of the table agree; for tests, its cost grows with the table.
    bool check() const;

private:
    struct Content {
        ymq::Bytes bytes;
        std::uint64_t uses = 0;
        bool is_shareable = false;
        SipHashValue hash{};
    };
    struct HashOfHash {
        std::size_t operator()(const SipHashValue& value) const noexcept { return static_cast<std::size_t>(value[0]); }
    };
    using Contents = std::list<Content>;

    // What an id names, and its neighbours in the ring of the ids of one owner.
    struct Named {
        Contents::iterator content{};
        std::pair<const ObjectId, Named>* next = nullptr;
        std::pair<const ObjectId, Named>* previous = nullptr;
    };
    // Its entries stay where they are, so they can be linked.
    using Objects = std::unordered_map<ObjectId, Named, ObjectIdHash>;
    using Entry = Objects::value_type;

    bool isRoomFor(const ObjectId& id, std::uint64_t added_bytes) const;
    void assign(const ObjectId& id, Contents::iterator content);
    void share(Contents::iterator content) noexcept;
    void release(Contents::iterator content) noexcept;
    void drop(Contents& from, Contents::iterator content) noexcept;
    void freeOneDropped() noexcept;
    void freeDroppedAboveLimit() noexcept;
    void link(Entry& entry);
    void unlink(Entry& entry);
    bool checkOwners() const;

    Options options_;
    Contents contents_;
    Objects objects_;
    // Any one of the entries of each owner that has some.
    std::unordered_map<OwnerHash, Entry*, ObjectIdHash> owners_;
    std::unordered_map<SipHashValue, Contents::iterator, HashOfHash> shareable_;
    std::uint64_t content_bytes_ = 0;
    // What is to be freed, the last one first.
    Contents dropped_;
    std::uint64_t dropped_bytes_ = 0;
    Contents unsent_;
    std::uint64_t unsent_bytes_ = 0;
};

}  // namespace scaler::object_storage
