// What a socket looks at when something is due: this program says itself which processes live, and counts the
// questions.
#include <atomic>
#include <thread>
#include <vector>

#include "ymq/hand_made_peer.h"
#include "ymq/party.h"
#include "ymq/process_name.h"

namespace scaler::ymq {

namespace {

std::atomic<int> visits{0};
std::atomic<int> lookups{0};
std::atomic<bool> all_dead{false};

}  // namespace

// Both take the place of those in the library. Whoever looks at a peer asks whether it is of this machine.
ProcessName thisProcess() {
    ++visits;
    return {HostId{1}, 1, 1};
}

bool isKnownDead(const ProcessName&) {
    ++lookups;
    return all_dead;
}

using test::frameOf;
using test::greetedPeers;
using test::HandMadePeer;
using test::Party;
using namespace std::chrono_literals;

TEST(SocketTick, AMessageCostsTheSameWithManyPeers) {
    constexpr int kPeers = 50;
    constexpr int kMessages = 5;
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    std::vector<HandMadePeer> clients = greetedPeers(port, kPeers);
    visits = 0;
    for (int count = 0; count < kMessages; ++count) {
        ASSERT_TRUE(clients[0].raw.write(frameOf("x")));
        ASSERT_EQ(clients[0].frame().first, FrameKind::ack);
    }
    EXPECT_LT(visits, 5 * kMessages);
}

TEST(SocketTick, ProcessesThatLiveOnAreLookedForEverLessOften) {
    constexpr int kPeers = 20;
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    for (int number = 0; number < kPeers; ++number) {
        HandMadePeer client(port, "client " + std::to_string(number));
        client.hello.process = {HostId{1}, 2, 1};
        ASSERT_EQ(client.greet().first, FrameKind::accept);
    }
    std::this_thread::sleep_for(1500ms);
    // After 50, 100, 200 ... ms each; every 50 ms this would be 600.
    EXPECT_GE(lookups, 5);
    EXPECT_LE(lookups, kPeers * 7);
    all_dead = true;
    for (int lost = 0; lost < kPeers;) {
        const auto event = server.event(10s);
        ASSERT_TRUE(event.has_value());
        if (event->second == PeerEvent::lost) ++lost;
    }
}

}  // namespace scaler::ymq
