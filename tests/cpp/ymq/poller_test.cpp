// Waiting for sockets and a descriptor at once.
#include "ymq/poller.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "ymq/party.h"

namespace scaler::ymq {

namespace {

using test::Event;
using test::Party;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A socket of a loop of its own with a peer of another one, and a poller for it.
struct Polled {
    Polled() {
        poller.add(socket);
        EXPECT_TRUE(peer.connect(socket.bind("tcp://127.0.0.1:0").value().toString()).has_value());
        await(socket);
    }
    ~Polled() { poller.remove(socket); }

    Poller::Wait wait() { return poller.wait(Clock::now() + 10s); }

    // Waits for the next items, and takes them.
    std::vector<Received> await(Socket& of) {
        const auto deadline = Clock::now() + 10s;
        while (!of.hasItems() && Clock::now() < deadline) (void)poller.wait(deadline);
        return of.take();
    }

    // Tells whether the descriptor is reported soon; it may be reported once too often.
    bool reportsDescriptor() {
        const auto deadline = Clock::now() + 10s;
        while (Clock::now() < deadline) {
            (void)poller.wait(deadline);
            if (poller.takeDescriptorReady()) return true;
        }
        return false;
    }

    // Waits in vain. A wait whose time is over before it looks reports the descriptor on suspicion, so it has some.
    Poller::Wait waitShortly() { return poller.wait(Clock::now() + 50ms); }

    // Takes what is reported of the descriptor until nothing is any more.
    void settle() {
        while (poller.takeDescriptorReady()) (void)waitShortly();
    }

    void signal() { event.set(); }
    void unsignal() { event.clear(); }

    std::shared_ptr<IoContext> context{std::make_shared<IoContext>(1)};
    EventFlag event{};
    Socket socket{context, Party::optionsOf(SocketType::binder, "binder")};
    Socket peer{test::sharedContext(), Party::optionsOf(SocketType::connector, "peer")};
    Poller poller{socket, event.descriptor()};
};

// While it lives another thread drives the loop of a socket, so that a poller has to follow.
class OtherDriver {
public:
    explicit OtherDriver(const std::shared_ptr<IoContext>& context)
        : socket_(context, Party::optionsOf(SocketType::binder, "other")) {
        // A descriptor that is watched keeps the loop on its own thread.
        (void)socket_.descriptor();
    }

private:
    Socket socket_;
};

class PollerWaits : public testing::TestWithParam<bool> {
protected:
    PollerWaits() {
        if (GetParam()) other_ = std::make_unique<OtherDriver>(polled_.context);
    }

    Polled polled_{};
    std::unique_ptr<OtherDriver> other_{};
};

}  // namespace

TEST_P(PollerWaits, EndsByAMessage) {
    for (int count = 0; count < 20; ++count) {
        ASSERT_EQ(polled_.peer.send(std::nullopt, Bytes::copy(std::string_view("x"))), ErrorCode::uninit);
        ASSERT_EQ(polled_.await(polled_.socket).size(), 1U);
    }
}

TEST_P(PollerWaits, EndsByItsDescriptorAsOftenAsThatIsReadable) {
    for (int count = 0; count < 20; ++count) {
        std::thread signaller([&] { polled_.signal(); });
        EXPECT_TRUE(polled_.reportsDescriptor());
        signaller.join();
        EXPECT_TRUE(polled_.reportsDescriptor()) << "it was not read";
        polled_.unsignal();
    }
}

TEST_P(PollerWaits, EndsByItsDeadline) {
    polled_.settle();
    const auto start = Clock::now();
    EXPECT_EQ(polled_.poller.wait(start + 30ms), Poller::Wait::timedOut);
    EXPECT_GE(Clock::now() - start, 30ms);
}

TEST_P(PollerWaits, EndsByAnInterruptionAndOnlyOnce) {
    std::thread interrupter([&] {
        std::this_thread::sleep_for(20ms);
        polled_.poller.interrupt();
    });
    const auto start = Clock::now();
    EXPECT_EQ(polled_.wait(), Poller::Wait::ready);
    EXPECT_LT(Clock::now() - start, 9s);
    interrupter.join();
    EXPECT_FALSE(polled_.socket.hasItems());
    polled_.settle();
    EXPECT_EQ(polled_.waitShortly(), Poller::Wait::timedOut) << "an interruption is used up";
    polled_.poller.interrupt();
    EXPECT_EQ(polled_.wait(), Poller::Wait::ready) << "one that nobody waited for ends the next wait";
    polled_.settle();
    EXPECT_EQ(polled_.waitShortly(), Poller::Wait::timedOut);
}

TEST_P(PollerWaits, EndsWhenASocketIsStopped) {
    std::thread stopper([&] {
        std::this_thread::sleep_for(20ms);
        polled_.socket.requestStop();
    });
    const auto start = Clock::now();
    EXPECT_EQ(polled_.wait(), Poller::Wait::ready);
    EXPECT_LT(Clock::now() - start, 9s);
    stopper.join();
}

INSTANTIATE_TEST_SUITE_P(DrivingAndFollowing, PollerWaits, testing::Bool());

TEST(Poller, LooksOnceAfterItsDeadline) {
    Polled polled;
    EXPECT_EQ(polled.peer.send(std::nullopt, Bytes::copy(std::string_view("x"))), ErrorCode::uninit);
    const auto deadline = Clock::now() + 10s;
    while (!polled.socket.hasItems() && Clock::now() < deadline) (void)polled.poller.wait(Clock::now());
    EXPECT_EQ(polled.socket.take().size(), 1U);
}

TEST(Poller, TakesSocketsOfItsLoopOnly) {
    Polled polled;
    Socket same(polled.context, Party::optionsOf(SocketType::binder, "same"));
    EXPECT_TRUE(polled.poller.add(same));
    polled.poller.remove(same);
    EXPECT_FALSE(polled.poller.add(polled.peer));
}

TEST(Poller, RefusesADescriptorThatCannotBeWatched) {
    Polled polled;
    EXPECT_THROW(Poller(polled.socket, kNoSocket), std::system_error);
    Descriptor closed(openDatagramSocket(AF_INET));
    const NativeSocket number = closed.get();
    closed = Descriptor();
    EXPECT_THROW(Poller(polled.socket, number), std::system_error);
}

}  // namespace scaler::ymq
