// The order in which peers come up.
#include "ymq/peer_agenda.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace scaler::ymq {

namespace {

Clock::time_point at(int time) { return Clock::time_point(std::chrono::milliseconds(time)); }

PeerPointer newPeer() { return std::make_shared<Peer>(SessionKey{}, 1, true); }

}  // namespace

TEST(PeerAgenda, PeersComeUpWhenTheirTimeHasComeAndTheEarliestFirst) {
    PeerAgenda agenda;
    EXPECT_EQ(agenda.next(), Clock::time_point::max());
    EXPECT_EQ(agenda.takeDue(Clock::time_point::max()), nullptr);
    const PeerPointer first = newPeer();
    const PeerPointer second = newPeer();
    agenda.add(second, at(20));
    agenda.add(first, at(10));
    EXPECT_EQ(agenda.next(), at(10));
    EXPECT_EQ(agenda.takeDue(at(9)), nullptr);
    EXPECT_EQ(agenda.takeDue(at(10)), first);
    EXPECT_EQ(agenda.takeDue(at(10)), nullptr);
    EXPECT_EQ(agenda.next(), at(20));
    EXPECT_EQ(agenda.takeDue(at(30)), second);
    EXPECT_EQ(agenda.next(), Clock::time_point::max());
}

TEST(PeerAgenda, APeerStandsInItOnceAtTheEarliestOfItsTimes) {
    PeerAgenda agenda;
    const PeerPointer peer = newPeer();
    agenda.add(peer, at(20));
    agenda.add(peer, at(10));
    agenda.add(peer, at(30));
    EXPECT_EQ(agenda.takeDue(at(40)), peer);
    EXPECT_EQ(agenda.takeDue(at(40)), nullptr);
    agenda.add(peer, at(50));
    EXPECT_EQ(agenda.next(), at(50)) << "it may come again";
}

TEST(PeerAgenda, WhoIsRemovedDoesNotComeUpAndIsNotKept) {
    PeerAgenda agenda;
    const PeerPointer peer = newPeer();
    agenda.remove(*peer);
    agenda.add(peer, at(10));
    agenda.remove(*peer);
    agenda.remove(*peer);
    EXPECT_EQ(agenda.takeDue(at(20)), nullptr);
    EXPECT_EQ(peer.use_count(), 1);
}

TEST(PeerAgenda, ManyPeersKeepTheirOrderWhateverComesAndGoes) {
    PeerAgenda agenda;
    std::mt19937 random(7);
    std::vector<PeerPointer> peers(300);
    std::ranges::generate(peers, newPeer);
    std::map<PeerPointer, int> expected;
    for (int step = 0; step < 20'000; ++step) {
        const PeerPointer& peer = peers[random() % peers.size()];
        const int time = static_cast<int>(random() % 1000);
        switch (random() % 4) {
            case 0:
                agenda.remove(*peer);
                expected.erase(peer);
                break;
            case 1: {
                const PeerPointer due = agenda.takeDue(at(time / 50));
                ASSERT_EQ(due != nullptr,
                          std::ranges::any_of(expected, [&](const auto& entry) { return entry.second <= time / 50; }));
                if (due == nullptr) break;
                for (const auto& [other, when] : expected) ASSERT_LE(expected.at(due), when);
                expected.erase(due);
                break;
            }
            default: {
                agenda.add(peer, at(time));
                const auto [entry, is_new] = expected.try_emplace(peer, time);
                entry->second = std::min(entry->second, time);
            }
        }
    }
    int previous = 0;
    while (const PeerPointer due = agenda.takeDue(at(1000))) {
        EXPECT_LE(previous, expected.at(due));
        previous = expected.at(due);
        expected.erase(due);
    }
    EXPECT_TRUE(expected.empty());
}

}  // namespace scaler::ymq
