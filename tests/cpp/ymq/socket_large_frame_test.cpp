// Large frames that come in: how much of them, and of how many at once.
#include <atomic>
#include <string>
#include <thread>

#include "ymq/frame_budget.h"
#include "ymq/hand_made_peer.h"
#include "ymq/party.h"

namespace scaler::ymq {

using test::Event;
using test::frameOf;
using test::From;
using test::HandMadePeer;
using test::headerOf;
using test::Party;
using test::RawPeer;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;

bool comesToHold(Party& server, std::uint64_t bytes) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (server.socket.statistics().inbound_bytes < bytes) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        EXPECT_FALSE(server.message(1ms).has_value());
    }
    return true;
}

SocketOptions boundedBy(std::uint64_t inbound_bytes) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.inbound_bound_bytes = inbound_bytes;
    return options;
}

// A server of which the peer "first" has taken all room, with half of a frame that is above the bound.
class SocketLargeFrame : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(first_.writeFrame("first"));
        ASSERT_TRUE(first_.write(headerOf(2 * half_.size()) + half_));
        ASSERT_TRUE(comesToHold(server_, half_.size()));
    }

    const std::string half_ = std::string(8 * kMebibyte, 'h');
    Party server_{boundedBy(kMebibyte)};
    const std::uint16_t port_ = server_.bindPort();
    RawPeer first_ = RawPeer::connect(port_);
};

}  // namespace

TEST_F(SocketLargeFrame, AboveTheBoundOneAtATimeIsReceivedAndSmallOnesBesideIt) {
    RawPeer second = RawPeer::connect(port_);
    std::thread writing([&] {
        EXPECT_TRUE(second.writeFrame("second"));
        EXPECT_TRUE(second.write(headerOf(2 * half_.size()) + half_ + half_));
    });
    EXPECT_TRUE(comesToHold(server_, half_.size() + FrameBudget::kOwnBytes));
    RawPeer small = RawPeer::connect(port_);
    ASSERT_TRUE(small.writeFrame("small"));
    ASSERT_TRUE(small.writeFrame("passes"));
    EXPECT_EQ(server_.message(), (From{"small", "passes"}));
    EXPECT_FALSE(server_.message(100ms).has_value());
    EXPECT_LE(server_.socket.statistics().inbound_bytes, half_.size() + 3 * kMebibyte);

    ASSERT_TRUE(first_.write(half_));
    EXPECT_EQ(server_.message(), (From{"first", half_ + half_}));
    EXPECT_EQ(server_.message(), (From{"second", half_ + half_}));
    writing.join();
    EXPECT_EQ(server_.socket.statistics().inbound_bytes, 0U);
}

TEST_F(SocketLargeFrame, WhoIsHeldBackGoesOnWhenTheOtherIsGone) {
    Party client(SocketType::connector, "client");
    client.connect("tcp://127.0.0.1:" + std::to_string(port_));
    EXPECT_EQ(client.send(std::nullopt, half_ + half_), ErrorCode::uninit);
    EXPECT_TRUE(comesToHold(server_, half_.size() + FrameBudget::kOwnBytes));
    first_.close();
    EXPECT_EQ(server_.message(), (From{"client", half_ + half_}));
}

TEST(SocketFrameLimit, ATooLargeOneEndsTheSessionThatItCameIn) {
    std::atomic<int> warnings{0};
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.maximum_frame_bytes = 100'000;
    options.log = [&](LogLevel level, const std::string& text) {
        if (level == LogLevel::warning && text.find("more bytes than allowed") != std::string::npos) ++warnings;
    };
    Party server(options);
    const std::uint16_t port = server.bindPort();
    HandMadePeer other(port, "other");
    EXPECT_EQ(other.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"other", PeerEvent::connected}));
    HandMadePeer client(port, "client");
    EXPECT_EQ(client.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    ASSERT_TRUE(client.raw.write(headerOf(100'001)));
    EXPECT_TRUE(client.raw.isClosedWithin(5s));
    EXPECT_EQ(server.event(5s), (Event{"client", PeerEvent::lost}));
    ASSERT_TRUE(other.raw.write(frameOf("still here")));
    EXPECT_EQ(server.message(), (From{"other", "still here"}));
    EXPECT_EQ(warnings, 1);
}

}  // namespace scaler::ymq
