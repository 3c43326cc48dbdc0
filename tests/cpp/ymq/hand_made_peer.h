// A peer that speaks the hello framing by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ymq/hello.h"
#include "ymq/raw_peer.h"

namespace scaler::ymq::test {

struct HandMadePeer {
    RawPeer raw;
    Hello hello{};

    HandMadePeer(std::uint16_t port, std::string identity) : raw(RawPeer::connect(port)) {
        hello.identity = std::move(identity);
        hello.reliable = true;
        hello.epoch = 1;
    }

    // Returns the kind and the payload of the answer.
    std::pair<FrameKind, std::string> greet() {
        EXPECT_TRUE(raw.readFrame().has_value());
        raw.write("YMQ\x10");
        raw.write(frameOf(encode(hello), FrameKind::hello));
        return frame();
    }

    std::pair<FrameKind, std::string> frame() {
        const auto header = raw.read(8);
        if (!header) return {FrameKind::goodbye, "closed"};
        std::uint64_t value = 0;
        std::memcpy(&value, header->data(), 8);
        return {static_cast<FrameKind>(value >> 56), raw.read(value & kLengthMask).value_or("cut")};
    }
};

// Connects so many peers, "client 0" and so on, and expects all of them to be accepted.
inline std::vector<HandMadePeer> greetedPeers(std::uint16_t port, int count) {
    std::vector<HandMadePeer> peers;
    for (int number = 0; number < count; ++number) {
        peers.emplace_back(port, "client " + std::to_string(number));
        EXPECT_EQ(peers.back().greet().first, FrameKind::accept);
    }
    return peers;
}

}  // namespace scaler::ymq::test
