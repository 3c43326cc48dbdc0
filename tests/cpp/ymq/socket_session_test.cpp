// Sessions: resumption, duplicates, bounds, and the ends of silent or dead peers.
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <thread>

#include "ymq/party.h"
#include "ymq/process_name.h"
#include "ymq/tcp_proxy.h"

namespace scaler::ymq {

using test::Event;
using test::frameOf;
using test::From;
using test::headerOf;
using test::Party;
using test::RawPeer;
using test::TcpProxy;
using namespace std::chrono_literals;

namespace {

SocketOptions timed(SocketType type, std::string identity, std::chrono::milliseconds session) {
    SocketOptions options = Party::optionsOf(type, std::move(identity));
    options.session_timeout = session;
    options.ping_interval = 100ms;
    return options;
}

// Sends numbers both ways while the caller disturbs the link, and checks that each side gets them all in order.
void exchange(Party& server, Party& client, int count, const std::function<void(int)>& disturb) {
    ASSERT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    ASSERT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    for (int number = 0; number < count; ++number) {
        ASSERT_EQ(client.send(std::nullopt, "up " + std::to_string(number)), ErrorCode::uninit);
        ASSERT_EQ(server.send("client", "down " + std::to_string(number)), ErrorCode::uninit);
        disturb(number);
    }
    for (int number = 0; number < count; ++number) {
        ASSERT_EQ(server.message(), (From{"client", "up " + std::to_string(number)}));
        ASSERT_EQ(client.message(), (From{"server", "down " + std::to_string(number)}));
    }
    EXPECT_FALSE(server.message(20ms).has_value());
    EXPECT_FALSE(client.message(20ms).has_value());
}

// A hello peer spoken by hand.
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

// A child of a process with threads may not start threads under the thread sanitizer.
#ifdef __SANITIZE_THREAD__
constexpr bool kChildrenMayHaveThreads = false;
#else
constexpr bool kChildrenMayHaveThreads = true;
#endif

RefuseCode codeOf(const std::string& payload) {
    return decodeRefuse(std::as_bytes(std::span(payload))).value_or(Refuse{}).code;
}

}  // namespace

TEST(SocketSession, ResetsAreSilentAndLoseNothing) {
    Party server(SocketType::binder, "server");
    TcpProxy proxy(server.bindPort());
    Party client(SocketType::connector, "client");
    client.connect(proxy.address());
    exchange(server, client, 300, [&](int number) {
        if (number % 60 == 30) proxy.resetAll();
        if (number % 10 == 0) std::this_thread::sleep_for(1ms);
    });
    EXPECT_GT(proxy.connections(), 1);
    EXPECT_FALSE(server.event(20ms).has_value());
    EXPECT_FALSE(client.event(20ms).has_value());
}

TEST(SocketSession, MessageSentBeforeAResetIsAnsweredAfterIt) {
    Party server(SocketType::binder, "server");
    TcpProxy proxy(server.bindPort());
    Party client(SocketType::connector, "client");
    client.connect(proxy.address());
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    proxy.resetAll();
    EXPECT_EQ(client.send(std::nullopt, "sync"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "sync"}));
    EXPECT_EQ(server.send("client", "acknowledge"), ErrorCode::uninit);
    EXPECT_EQ(client.message(), (From{"server", "acknowledge"}));
}

TEST(SocketSession, CutInTheMiddleOfLargeMessagesInBothDirections) {
    Party server(SocketType::binder, "server");
    TcpProxy proxy(server.bindPort());
    proxy.setFaults({.cut_upstream_after = 700'000, .cut_downstream_after = 900'000});
    Party client(SocketType::connector, "client");
    client.connect(proxy.address());
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    for (int count = 0; count < 8; ++count) {
        const std::string large(300'000, static_cast<char>('a' + count));
        EXPECT_EQ(client.send(std::nullopt, large), ErrorCode::uninit);
        EXPECT_EQ(server.send("client", large), ErrorCode::uninit);
    }
    for (int count = 0; count < 8; ++count) {
        const std::string large(300'000, static_cast<char>('a' + count));
        EXPECT_TRUE(server.message() == (From{"client", large})) << count;
        EXPECT_TRUE(client.message() == (From{"server", large})) << count;
    }
    EXPECT_GT(proxy.connections(), 2);
}

class CutAtEveryByte : public testing::TestWithParam<bool> {};

TEST_P(CutAtEveryByte, OfAShortExchange) {
    const bool upstream = GetParam();
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    // The greeting, two small messages and an acknowledgement; later cuts hit later messages.
    for (std::size_t cut = 1; cut < 190; cut += 1) {
        TcpProxy proxy(port);
        TcpProxy::Faults faults;
        (upstream ? faults.cut_upstream_after : faults.cut_downstream_after) = cut;
        proxy.setFaults(faults);
        const std::string identity = "client" + std::to_string(cut);
        Party client(SocketType::connector, identity);
        client.connect(proxy.address());
        EXPECT_EQ(client.send(std::nullopt, "first"), ErrorCode::uninit);
        EXPECT_EQ(client.send(std::nullopt, "second"), ErrorCode::uninit);
        // The first connections are cut at the byte in question, until the fault is repaired.
        for (int tries = 0; tries < 200 && proxy.connections() == 0; ++tries) std::this_thread::sleep_for(1ms);
        proxy.setFaults({});
        // The goodbye of the one before may come now, or was cut off.
        std::optional<Event> event = server.event();
        if (event && event->second == PeerEvent::lost) event = server.event();
        ASSERT_EQ(event, (Event{identity, PeerEvent::connected})) << cut;
        EXPECT_EQ(server.send(identity, "answer"), ErrorCode::uninit);
        ASSERT_EQ(server.message(), (From{identity, "first"})) << cut;
        ASSERT_EQ(server.message(), (From{identity, "second"})) << cut;
        ASSERT_EQ(client.message(), (From{"server", "answer"})) << cut;
    }
    EXPECT_FALSE(server.message(20ms).has_value()) << "no duplicates";
}

INSTANTIATE_TEST_SUITE_P(Both, CutAtEveryByte, testing::Bool());

TEST(SocketSession, BlackHoleShorterThanTheTimeoutIsSilent) {
    Party server(timed(SocketType::binder, "server", 20s));
    TcpProxy proxy(server.bindPort());
    Party client(timed(SocketType::connector, "client", 20s));
    client.connect(proxy.address());
    exchange(server, client, 10, [&](int number) {
        if (number == 5) {
            proxy.setBlackHole(true);
            // Longer than the connector's patience with a silent connection.
            std::this_thread::sleep_for(2500ms);
            proxy.setBlackHole(false);
        }
    });
    EXPECT_GT(proxy.connections(), 1) << "the connector gave up the silent connection";
    EXPECT_FALSE(server.event(20ms).has_value());
}

TEST(SocketSession, BlackHoleLongerThanTheTimeoutLosesTheSessionOnBothSides) {
    Party server(timed(SocketType::binder, "server", 800ms));
    TcpProxy proxy(server.bindPort());
    Party client(timed(SocketType::connector, "client", 800ms));
    client.connect(proxy.address());
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    proxy.setBlackHole(true);
    EXPECT_EQ(client.send(std::nullopt, "lost"), ErrorCode::uninit);
    EXPECT_EQ(server.event(3s), (Event{"client", PeerEvent::lost}));
    EXPECT_EQ(client.event(3s), (Event{"server", PeerEvent::lost}));
    EXPECT_EQ(server.send("client", "x"), ErrorCode::peerUnknown);
    EXPECT_EQ(client.send(std::nullopt, "x"), ErrorCode::connectorSocketClosedByRemoteEnd);
    proxy.setBlackHole(false);
    client.connect(proxy.address());
    EXPECT_EQ(client.send(std::nullopt, "new"), ErrorCode::uninit);
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_EQ(server.message(), (From{"client", "new"}));
}

TEST(SocketSession, ResumptionThatComesTooLateIsALoss) {
    Party server(timed(SocketType::binder, "server", 20s));
    TcpProxy proxy(server.bindPort());
    Party client(timed(SocketType::connector, "client", 20s));
    client.connect(proxy.address());
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    // The server forgets the session although the client was told another time.
    server.socket.setSessionTimeout(Role::unknown, 1ms);
    EXPECT_EQ(client.event(5s), (Event{"server", PeerEvent::lost}));
}

TEST(SocketSession, AnIdleSessionStaysAlive) {
    Party server(timed(SocketType::binder, "server", 600ms));
    Party client(timed(SocketType::connector, "client", 600ms));
    client.connect(server.bind());
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_FALSE(server.event(2s).has_value());
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    EXPECT_FALSE(client.event(1ms).has_value());
}

TEST(SocketSession, SameKeyTakesTheSessionOverAndAnotherKeyIsRefused) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    HandMadePeer first(port, "twin");
    first.hello.key = {1};
    EXPECT_EQ(first.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"twin", PeerEvent::connected}));
    EXPECT_EQ(server.send("twin", "one"), ErrorCode::uninit);
    EXPECT_EQ(first.frame().second, "one");

    HandMadePeer other(port, "twin");
    other.hello.key = {2};
    const auto [kind, refusal] = other.greet();
    EXPECT_EQ(kind, FrameKind::refuse);
    EXPECT_EQ(codeOf(refusal), RefuseCode::identityInUse);
    EXPECT_TRUE(other.raw.isClosedWithin(2s));

    HandMadePeer again(port, "twin");
    again.hello.key = {1};
    again.hello.resume = true;
    EXPECT_EQ(again.greet().first, FrameKind::accept);
    EXPECT_TRUE(first.raw.isClosedWithin(2s));
    EXPECT_EQ(again.frame().second, "one") << "it said that it has nothing, so it is sent again";
    EXPECT_FALSE(server.event(20ms).has_value());
    EXPECT_EQ(server.socket.statistics().peers, 1U);
}

TEST(SocketSession, ALaterSessionOfTheSameProcessReplacesTheEarlierOne) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    HandMadePeer first(port, "twin");
    first.hello.key = {1};
    first.hello.process = thisProcess();
    EXPECT_EQ(first.greet().first, FrameKind::accept);
    HandMadePeer second(port, "twin");
    second.hello.key = {2};
    second.hello.epoch = 2;
    second.hello.process = thisProcess();
    EXPECT_EQ(second.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"twin", PeerEvent::connected}));
    EXPECT_EQ(server.event(), (Event{"twin", PeerEvent::lost}));
    EXPECT_EQ(server.event(), (Event{"twin", PeerEvent::connected}));
}

TEST(SocketSession, PlainPeersOfOneIdentityBothLive) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    RawPeer first = RawPeer::connect(port);
    first.write(frameOf("twin") + frameOf("first"));
    EXPECT_EQ(server.message(), (From{"twin", "first"}));
    RawPeer second = RawPeer::connect(port);
    second.write(frameOf("twin") + frameOf("second"));
    EXPECT_EQ(server.message(), (From{"twin", "second"}));
    EXPECT_EQ(server.send("twin", "to the newest"), ErrorCode::uninit);
    EXPECT_EQ(second.readFrame(), "server");
    EXPECT_EQ(second.readFrame(), "to the newest");
    first.writeFrame("still here");
    EXPECT_EQ(server.message(), (From{"twin", "still here"}));
}

TEST(SocketSession, RefusalsNameTheirReason) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.cluster_id = "blue";
    Party server(options);
    const std::uint16_t port = server.bindPort();
    HandMadePeer wrong(port, "a");
    wrong.hello.cluster_id = "red";
    EXPECT_EQ(codeOf(wrong.greet().second), RefuseCode::wrongCluster);
    HandMadePeer late(port, "b");
    late.hello.cluster_id = "blue";
    late.hello.resume = true;
    EXPECT_EQ(codeOf(late.greet().second), RefuseCode::sessionUnknown);
    HandMadePeer newer(port, "c");
    newer.hello.version = 2;
    EXPECT_EQ(codeOf(newer.greet().second), RefuseCode::version);
    HandMadePeer broken(port, "d");
    EXPECT_TRUE(broken.raw.readFrame().has_value());
    broken.raw.write("YMQ\x10" + frameOf("\x01 nonsense", FrameKind::hello));
    EXPECT_EQ(codeOf(broken.frame().second), RefuseCode::malformed);

    SocketOptions red = Party::optionsOf(SocketType::connector, "client");
    red.cluster_id = "red";
    Party client(red);
    client.connect("tcp://127.0.0.1:" + std::to_string(port));
    EXPECT_EQ(client.event(), (Event{"", PeerEvent::refused}));
    EXPECT_EQ(client.socket.refusal(), "this is another cluster");
    EXPECT_FALSE(server.event(20ms).has_value());
}

TEST(SocketSession, BindingConnectorTakesOnePeerOnly) {
    Party server(SocketType::connector, "server");
    const std::string address = server.bind();
    Party first(SocketType::connector, "first");
    first.connect(address);
    EXPECT_EQ(server.event(), (Event{"first", PeerEvent::connected}));
    Party second(SocketType::connector, "second");
    second.connect(address);
    EXPECT_EQ(second.event(), (Event{"", PeerEvent::refused}));
    EXPECT_TRUE(first.socket.close(5s));
    EXPECT_EQ(server.event(), (Event{"first", PeerEvent::lost}));
    second.connect(address);
    EXPECT_EQ(server.event(), (Event{"second", PeerEvent::connected}));
}

TEST(SocketSession, GarbageEndsItsConnectionOnly) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    for (const std::string& garbage :
         {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("YMQ\x01"), std::string(64, '\xff'),
          "YMQ\x10" + headerOf(std::uint64_t{1} << 40), "YMQ\x10" + headerOf(~std::uint64_t{0})}) {
        RawPeer peer = RawPeer::connect(port);
        peer.write(garbage);
        EXPECT_TRUE(peer.isClosedWithin(2s)) << garbage.substr(0, 4);
    }
    HandMadePeer liar(port, "liar");
    EXPECT_EQ(liar.greet().first, FrameKind::accept);
    liar.raw.write(frameOf(encodeCount(5), FrameKind::ack));
    EXPECT_TRUE(liar.raw.isClosedWithin(2s)) << "it acknowledges what was never sent";
    HandMadePeer unknown(port, "unknown");
    EXPECT_EQ(unknown.greet().first, FrameKind::accept);
    unknown.raw.write(headerOf(std::uint64_t{9} << 56));
    EXPECT_TRUE(unknown.raw.isClosedWithin(2s));
    RawPeer good = RawPeer::connect(port);
    good.write(frameOf("good") + frameOf("served"));
    EXPECT_EQ(server.message(), (From{"good", "served"}));
}

TEST(SocketSession, SlowDripOfAGreetingEnds) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.greeting_progress = 200ms;
    options.greeting_total = 500ms;
    Party server(options);
    RawPeer peer = RawPeer::connect(server.bindPort());
    peer.write("YMQ\x10" + headerOf((std::uint64_t{1} << 56) | 1000));
    const auto start = std::chrono::steady_clock::now();
    while (peer.write("x") && !peer.isClosedWithin(50ms)) {
        ASSERT_LT(std::chrono::steady_clock::now() - start, 3s);
    }
    EXPECT_GT(std::chrono::steady_clock::now() - start, 400ms);
}

TEST(SocketSession, AFullPeerDoesNotKeepOthersFromBeingServed) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.outbound_bound_bytes = 4 << 20;
    Party server(options);
    const std::uint16_t port = server.bindPort();
    RawPeer stuck = RawPeer::connect(port);
    stuck.write(frameOf("stuck") + frameOf("hello"));
    EXPECT_EQ(server.message(), (From{"stuck", "hello"}));
    Party good(SocketType::connector, "good");
    good.connect("tcp://127.0.0.1:" + std::to_string(port));
    const std::string piece(100'000, 'p');
    ErrorCode code = ErrorCode::uninit;
    for (int count = 0; count < 1000 && code == ErrorCode::uninit; ++count) code = server.send("stuck", piece);
    EXPECT_EQ(code, ErrorCode::peerQueueFull);
    EXPECT_EQ(good.send(std::nullopt, "hello"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"good", "hello"}));
    EXPECT_EQ(server.send("good", "served"), ErrorCode::uninit);
    EXPECT_EQ(good.message(), (From{"server", "served"}));
    EXPECT_LE(server.socket.statistics().outbound_bytes, 5U << 20);
}

TEST(SocketSession, InboundBoundPausesReadingAndKeepsTheSession) {
    SocketOptions options = timed(SocketType::binder, "server", 1500ms);
    options.inbound_bound_bytes = 1 << 20;
    Party server(options);
    SocketOptions sender = timed(SocketType::connector, "client", 1500ms);
    Party client(sender);
    client.connect(server.bind());
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    const std::string piece(100'000, 'p');
    for (int count = 0; count < 400; ++count) ASSERT_EQ(client.send(std::nullopt, piece), ErrorCode::uninit);
    std::this_thread::sleep_for(3s);
    EXPECT_LE(server.socket.statistics().inbound_bytes, 2U << 20);
    EXPECT_GT(client.socket.statistics().outbound_bytes, 10U << 20);
    EXPECT_FALSE(server.event(1ms).has_value());
    for (int count = 0; count < 400; ++count) ASSERT_TRUE(server.message().has_value()) << count;
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    EXPECT_FALSE(client.event(1ms).has_value()) << "a paused reader still gives signs of life";
}

TEST(SocketSession, AcknowledgementsEmptyTheSendersQueue) {
    Party server(SocketType::binder, "server");
    Party client(SocketType::connector, "client");
    client.connect(server.bind());
    EXPECT_EQ(client.send(std::nullopt, "x"), ErrorCode::uninit);
    EXPECT_TRUE(server.message().has_value());
    EXPECT_GT(client.socket.statistics().outbound_bytes, 0U);
    for (int tries = 0; tries < 100 && client.socket.statistics().outbound_bytes != 0; ++tries) {
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(client.socket.statistics().outbound_bytes, 0U);
}

TEST(SocketSession, DeathOfALocalProcessIsNoticedAtOnce) {
    if (!kChildrenMayHaveThreads) GTEST_SKIP();
    Party server(SocketType::binder, "server");
    const std::string address = server.bind();
    const pid_t child = ::fork();
    if (child == 0) {
        // Threads do not survive a fork, so the child makes its own context.
        Socket socket(std::make_shared<IoContext>(1), Party::optionsOf(SocketType::connector, "child"));
        (void)socket.connect(address);
        for (;;) ::pause();
    }
    EXPECT_EQ(server.event(), (Event{"child", PeerEvent::connected}));
    ::kill(child, SIGKILL);
    EXPECT_EQ(server.event(2s), (Event{"child", PeerEvent::lost}));
    ::waitpid(child, nullptr, 0);
}

TEST(SocketSession, DeathOfTheAcceptingProcessIsNoticedAtOnce) {
    if (!kChildrenMayHaveThreads) GTEST_SKIP();
    const std::string address = "ipc://@ymq_session_test_" + std::to_string(::getpid());
    const pid_t child = ::fork();
    if (child == 0) {
        Socket socket(std::make_shared<IoContext>(1), Party::optionsOf(SocketType::binder, "child"));
        (void)socket.bind(address);
        for (;;) ::pause();
    }
    Party client(SocketType::connector, "client");
    client.connect(address);
    EXPECT_EQ(client.event(), (Event{"child", PeerEvent::connected}));
    ::kill(child, SIGKILL);
    EXPECT_EQ(client.event(2s), (Event{"child", PeerEvent::lost}));
    ::waitpid(child, nullptr, 0);
}

TEST(SocketSession, NoDescriptorsAreLeaked) {
    const auto count = [] {
        const std::filesystem::directory_iterator entries("/proc/self/fd");
        return std::distance(begin(entries), end(entries));
    };
    Party server(SocketType::binder, "server");
    const std::string address = server.bind();
    const auto cycle = [&] {
        Party client(SocketType::connector, "client");
        client.connect(address);
        EXPECT_EQ(client.send(std::nullopt, "x"), ErrorCode::uninit);
        EXPECT_TRUE(server.message().has_value());
        EXPECT_TRUE(client.socket.close(5s));
        EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
        EXPECT_EQ(server.event(), (Event{"client", PeerEvent::lost}));
    };
    cycle();
    const auto before = count();
    for (int times = 0; times < 20; ++times) cycle();
    EXPECT_EQ(count(), before);
}

TEST(SocketSession, ManyThreadsSendAndEachOrderIsKept) {
    constexpr int kThreads = 4;
    constexpr int kMessages = 5000;
    Party server(SocketType::binder, "server");
    Party client(SocketType::connector, "client");
    client.connect(server.bind());
    std::vector<std::thread> senders;
    for (int sender = 0; sender < kThreads; ++sender) {
        senders.emplace_back([&, sender] {
            for (int number = 0; number < kMessages; ++number) {
                ASSERT_EQ(client.send(std::nullopt, std::to_string(sender) + " " + std::to_string(number)),
                          ErrorCode::uninit);
            }
        });
    }
    std::vector<int> next(kThreads, 0);
    for (int count = 0; count < kThreads * kMessages; ++count) {
        const auto message = server.message();
        ASSERT_TRUE(message.has_value());
        const int sender = message->text[0] - '0';
        ASSERT_EQ(std::stoi(message->text.substr(2)), next[static_cast<std::size_t>(sender)]++);
    }
    for (std::thread& sender : senders) sender.join();
}

}  // namespace scaler::ymq
