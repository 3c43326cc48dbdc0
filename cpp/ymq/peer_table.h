// The live peers of a socket by identity.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ymq/peer.h"

namespace scaler::ymq {

// An identity has at most one session and any number of plain connections; answers go to the newest of them. Guarded by
// the lock of its socket.
class PeerTable {
public:
    void add(const PeerPointer& peer) {
        peers_[peer->name->identity].push_back(peer);
        ++size_;
    }

    void remove(const PeerPointer& peer) {
        const auto found = peers_.find(peer->name->identity);
        if (found == peers_.end()) return;
        size_ -= std::erase(found->second, peer);
        if (found->second.empty()) peers_.erase(found);
    }

    // Returns the newest peer of this identity, or null.
    PeerPointer find(std::string_view identity) const {
        const auto found = peers_.find(identity);
        return found == peers_.end() ? nullptr : found->second.back();
    }

    // Returns the session of this identity, or null.
    PeerPointer findSession(std::string_view identity) const {
        const auto found = peers_.find(identity);
        if (found == peers_.end()) return nullptr;
        for (const PeerPointer& peer : found->second) {
            if (!peer->plain) return peer;
        }
        return nullptr;
    }

    std::size_t size() const noexcept { return size_; }

    // Calls the function with every peer; it must not add or remove any.
    template <typename Function>
    void forEach(Function function) const {
        for (const auto& [identity, peers] : peers_) {
            for (const PeerPointer& peer : peers) function(peer);
        }
    }

    // Returns all peers, so that they may be removed while they are visited.
    std::vector<PeerPointer> all() const {
        std::vector<PeerPointer> result;
        result.reserve(size_);
        forEach([&](const PeerPointer& peer) { result.push_back(peer); });
        return result;
    }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    std::unordered_map<std::string, std::vector<PeerPointer>, Hash, std::equal_to<>> peers_{};
    std::size_t size_{0};
};

}  // namespace scaler::ymq
