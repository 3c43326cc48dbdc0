// What a socket owes its peers in time.
#include <string>

#include "ymq/hand_made_peer.h"
#include "ymq/party.h"

namespace scaler::ymq {

using test::Event;
using test::frameOf;
using test::greetedPeers;
using test::HandMadePeer;
using test::Party;
using namespace std::chrono_literals;

TEST(SocketLiveness, WhoStopsReadingGivesSignsOfLifeAtOnce) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.inbound_bound_bytes = 1024;
    Party server(options);
    HandMadePeer client(server.bindPort(), "client");
    ASSERT_EQ(client.greet().first, FrameKind::accept);
    // In one read, and acknowledged at once, so that nothing else is due.
    std::string frames;
    for (int count = 0; count < 600; ++count) frames += frameOf("x");
    ASSERT_TRUE(client.raw.write(frames));
    ASSERT_EQ(client.frame().first, FrameKind::ack);
    for (int count = 0; count < 2; ++count) {
        const auto pong = client.raw.readFrame(3s);
        ASSERT_TRUE(pong.has_value()) << "sign of life " << count;
    }
}

TEST(SocketLiveness, EachOfManyPeersIsAcknowledgedInTime) {
    constexpr int kPeers = 50;
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    std::vector<HandMadePeer> clients = greetedPeers(port, kPeers);
    for (std::uint64_t round = 1; round <= 2; ++round) {
        for (HandMadePeer& client : clients) ASSERT_TRUE(client.raw.write(frameOf("x")));
        for (HandMadePeer& client : clients) {
            const auto [kind, payload] = client.frame();
            EXPECT_EQ(kind, FrameKind::ack);
            EXPECT_EQ(payload, encodeCount(round));
        }
    }
}

TEST(SocketLiveness, APeerWithoutASignOfLifeIsLostAtItsTimeAndOthersAreNot) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    Party server(options);
    const std::uint16_t port = server.bindPort();
    HandMadePeer silent(port, "silent");
    silent.hello.role = Role::client;
    ASSERT_EQ(silent.greet().first, FrameKind::accept);
    HandMadePeer other(port, "other");
    other.hello.role = Role::worker;
    ASSERT_EQ(other.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"silent", PeerEvent::connected}));
    EXPECT_EQ(server.event(), (Event{"other", PeerEvent::connected}));
    // Shorter than what the agenda has for it.
    server.socket.setSessionTimeout(Role::client, 200ms);
    EXPECT_EQ(server.event(5s), (Event{"silent", PeerEvent::lost}));
    EXPECT_FALSE(server.event(50ms).has_value());
}

}  // namespace scaler::ymq
