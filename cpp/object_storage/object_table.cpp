// Keeping contents, ids and owners in step, also when memory runs out on the way.
#include "object_storage/object_table.h"

#include <cstring>
#include <iterator>
#include <new>
#include <span>
#include <utility>

namespace scaler::object_storage {
namespace {

constexpr std::size_t kLargeBytes = 64 * 1024;

bool areEqual(const ymq::Bytes& left, const ymq::Bytes& right) {
    return left.size() == right.size() &&
           (left.size() == 0 || std::memcmp(left.data(), right.data(), left.size()) == 0);
}

}  // namespace

ObjectTable::ObjectTable(const Options& options)
    : options_(options), objects_(0, ObjectIdHash{options.hash_key}), owners_(0, ObjectIdHash{options.hash_key}) {}

bool ObjectTable::set(const ObjectId& id, ymq::Bytes bytes) {
    const std::size_t size_bytes = bytes.size();
    const bool is_small = size_bytes <= options_.sharing_bound_bytes;
    SipHashValue hash{};
    if (is_small) {
        hash = sipHash128(options_.hash_key, std::as_bytes(std::span(bytes.data(), size_bytes)));
        const auto found = shareable_.find(hash);
        if (found != shareable_.end() && areEqual(found->second->bytes, bytes)) {
            if (!isRoomFor(id, 0)) {
                return false;
            }
            assign(id, found->second);
            return true;
        }
    }
    if (!isRoomFor(id, size_bytes)) {
        return false;
    }
    Contents added;  // goes again when there is no memory for the id
    added.push_front(Content{.bytes = std::move(bytes), .hash = hash});
    assign(id, added.begin());
    contents_.splice(contents_.begin(), added);
    content_bytes_ += size_bytes;
    if (is_small) {
        share(contents_.begin());
    }
    freeDroppedAboveLimit();
    return true;
}

bool ObjectTable::duplicate(const ObjectId& original, const ObjectId& copy) {
    const auto content = objects_.at(original).content;
    if (!isRoomFor(copy, 0)) {
        return false;
    }
    assign(copy, content);
    return true;
}

bool ObjectTable::erase(const ObjectId& id) {
    const auto found = objects_.find(id);
    if (found == objects_.end()) {
        return false;
    }
    const auto content = found->second.content;
    unlink(*found);
    objects_.erase(found);
    release(content);
    return true;
}

bool ObjectTable::eraseOwner(const OwnerHash& owner) {
    const auto found = owners_.find(owner);
    if (found == owners_.end()) {
        return false;
    }
    Entry* const first = found->second;
    owners_.erase(found);
    for (Entry* entry = first; entry != nullptr;) {
        Entry* const next = entry->second.next == first ? nullptr : entry->second.next;
        const auto content = entry->second.content;
        const ObjectId id = entry->first;  // a copy, because it goes with its entry
        objects_.erase(id);
        release(content);
        entry = next;
    }
    return true;
}

const ymq::Bytes* ObjectTable::find(const ObjectId& id) const {
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : &found->second.content->bytes;
}

ObjectTable::Totals ObjectTable::totals() const { return {objects_.size(), contents_.size(), content_bytes_}; }

std::uint64_t ObjectTable::largestObjectBytes() const {
    if (options_.memory_limit_bytes == 0) {
        return UINT64_MAX;
    }
    return options_.memory_limit_bytes > kBytesPerId ? options_.memory_limit_bytes - kBytesPerId : 0;
}

bool ObjectTable::canEverHold(std::uint64_t size_bytes) const {
    const bool is_id_possible = options_.memory_limit_bytes == 0 || options_.memory_limit_bytes >= kBytesPerId;
    return is_id_possible && size_bytes <= largestObjectBytes();
}

bool ObjectTable::isRoomFor(const ObjectId& id, std::uint64_t added_bytes) const {
    if (options_.memory_limit_bytes == 0) {
        return true;
    }
    std::uint64_t ids = objects_.size() + 1;
    std::uint64_t content_bytes = content_bytes_ + added_bytes;
    const auto found = objects_.find(id);
    if (found != objects_.end()) {
        --ids;
        if (found->second.content->uses == 1) {
            content_bytes -= found->second.content->bytes.size();  // replacing the last id frees the content
        }
    }
    const std::uint64_t needed_bytes = content_bytes + ids * kBytesPerId;
    // What does not grow the table is always possible, or replacing in a full table would fail.
    return needed_bytes <= options_.memory_limit_bytes ||
           needed_bytes <= content_bytes_ + objects_.size() * kBytesPerId;
}

void ObjectTable::assign(const ObjectId& id, Contents::iterator content) {
    const auto [entry, isNew] = objects_.try_emplace(id, Named{.content = content});
    if (isNew) {
        try {
            link(*entry);
        } catch (const std::bad_alloc&) {
            objects_.erase(entry);
            throw;
        }
    }
    ++content->uses;  // before the old content is released, which may be the same one
    if (!isNew) {
        release(std::exchange(entry->second.content, content));
    }
}

// Lets equal contents find this one. It is held on its own when another content has its hash, or memory is short.
void ObjectTable::share(Contents::iterator content) noexcept {
    try {
        content->is_shareable = shareable_.try_emplace(content->hash, content).second;
    } catch (const std::bad_alloc&) {
        content->is_shareable = false;
    }
}

void ObjectTable::link(Entry& entry) {
    const auto [owner, isFirst] = owners_.try_emplace(ownerOf(entry.first), &entry);
    Entry* const next = isFirst ? &entry : owner->second;
    Entry* const previous = isFirst ? &entry : next->second.previous;
    entry.second.next = next;
    entry.second.previous = previous;
    previous->second.next = &entry;
    next->second.previous = &entry;
}

void ObjectTable::unlink(Entry& entry) {
    Entry* const next = entry.second.next;
    next->second.previous = entry.second.previous;
    entry.second.previous->second.next = next;
    const auto owner = owners_.find(ownerOf(entry.first));
    if (next == &entry) {
        owners_.erase(owner);
    } else if (owner->second == &entry) {
        owner->second = next;
    }
}

void ObjectTable::release(Contents::iterator content) noexcept {
    if (--content->uses > 0) {
        return;
    }
    content_bytes_ -= content->bytes.size();
    if (content->is_shareable) {
        shareable_.erase(content->hash);
    }
    const std::size_t size_bytes = content->bytes.size();
    if (size_bytes < kLargeBytes) {
        contents_.erase(content);
    } else if (options_.memory_limit_bytes > 0 && content->bytes.isShared()) {
        unsent_bytes_ += size_bytes;
        unsent_.splice(unsent_.begin(), contents_, content);
    } else {
        drop(contents_, content);
    }
}

void ObjectTable::drop(Contents& from, Contents::iterator content) noexcept {
    dropped_bytes_ += content->bytes.size();
    dropped_.splice(dropped_.begin(), from, content);
}

void ObjectTable::reclaimUnsent() noexcept {
    for (auto content = unsent_.begin(); content != unsent_.end();) {
        const auto next = std::next(content);
        if (!content->bytes.isShared()) {
            unsent_bytes_ -= content->bytes.size();
            drop(unsent_, content);
        }
        content = next;
    }
}

void ObjectTable::freeOneDropped() noexcept {
    dropped_bytes_ -= dropped_.back().bytes.size();
    dropped_.pop_back();
}

void ObjectTable::freeSomeDropped() noexcept {
    const std::uint64_t before = dropped_bytes_;
    while (!dropped_.empty() && before - dropped_bytes_ < kFreedAtOnceBytes) {
        freeOneDropped();
    }
}

void ObjectTable::freeDroppedAboveLimit() noexcept {
    while (options_.memory_limit_bytes > 0 && !dropped_.empty() &&
           content_bytes_ + dropped_bytes_ > options_.memory_limit_bytes) {
        freeOneDropped();
    }
}

bool ObjectTable::check() const {
    std::unordered_map<const Content*, std::uint64_t> uses;
    for (const auto& [id, named] : objects_) {
        ++uses[&*named.content];
    }
    std::uint64_t sum_bytes = 0;
    std::size_t shareable_count = 0;
    for (auto content = contents_.begin(); content != contents_.end(); ++content) {
        if (content->uses == 0 || uses[&*content] != content->uses) {
            return false;
        }
        sum_bytes += content->bytes.size();
        if (content->is_shareable) {
            ++shareable_count;
            const auto found = shareable_.find(content->hash);
            if (found == shareable_.end() || &*found->second != &*content) {
                return false;
            }
        }
    }
    return sum_bytes == content_bytes_ && shareable_count == shareable_.size() && uses.size() == contents_.size() &&
           checkOwners();
}

bool ObjectTable::checkOwners() const {
    std::size_t linked_count = 0;
    for (const auto& [owner, first] : owners_) {
        const Entry* entry = first;
        do {
            if (ownerOf(entry->first) != owner || entry->second.next->second.previous != entry) {
                return false;
            }
            ++linked_count;
            entry = entry->second.next;
        } while (entry != first && linked_count <= objects_.size());
    }
    return linked_count == objects_.size();
}

}  // namespace scaler::object_storage
