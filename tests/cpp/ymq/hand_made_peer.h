// A peer that speaks the hello framing by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

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

}  // namespace scaler::ymq::test
