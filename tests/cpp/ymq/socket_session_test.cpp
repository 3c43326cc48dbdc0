// Sessions: resumption, duplicates, bounds, and the ends of silent or dead peers.
#ifndef _WIN32
#include <signal.h>
#include <sys/wait.h>
#endif

#include <filesystem>
#include <thread>

#include "ymq/party.h"
#include "ymq/process_name.h"
#include "ymq/tcp_proxy.h"

namespace scaler::ymq {

using test::Event;
using test::frameOf;
using test::From;
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

// A child of a process with threads may not start threads under the thread sanitizer.
#ifdef __SANITIZE_THREAD__
constexpr bool kChildrenMayHaveThreads = false;
#else
constexpr bool kChildrenMayHaveThreads = true;
#endif

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
    // A connection that is always cut may never carry a whole message, so the cuts end; two happen in any case.
    for (int tries = 0; tries < 5000 && proxy.connections() < 3; ++tries) std::this_thread::sleep_for(1ms);
    proxy.setFaults({});
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

// Other processes are made and looked at as Unix does.
#ifndef _WIN32
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
    const std::string path = testing::TempDir() + "ymq_session_test_" + std::to_string(::getpid());
    const std::string address = "ipc://" + path;
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
    ::unlink(path.c_str());
}

TEST(SocketSession, DeathOfAProcessThatLeftItsConnectionOpenIsNoticedByItsSilence) {
    if (!kChildrenMayHaveThreads) GTEST_SKIP();
    Party server(timed(SocketType::binder, "server", 60s));
    const std::string address = server.bind();
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        Socket socket(std::make_shared<IoContext>(1), timed(SocketType::connector, "child", 60s));
        (void)socket.connect(address);
        (void)socket.wait(std::nullopt);
        const pid_t grandchild = ::fork();
        if (grandchild != 0) (void)!::write(pipe_ends[1], &grandchild, sizeof(grandchild));
        for (;;) ::pause();
    }
    pid_t grandchild = 0;
    ASSERT_EQ(::read(pipe_ends[0], &grandchild, sizeof(grandchild)), static_cast<ssize_t>(sizeof(grandchild)));
    EXPECT_EQ(server.event(), (Event{"child", PeerEvent::connected}));
    ::kill(child, SIGKILL);
    EXPECT_EQ(server.event(5s), (Event{"child", PeerEvent::lost}));
    ::waitpid(child, nullptr, 0);
    ::kill(grandchild, SIGKILL);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
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
    // Counted before there is any connection: the I/O thread closes one a moment after its end is told.
    const auto before = count();
    for (int times = 0; times < 20; ++times) cycle();
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (count() > before && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
    EXPECT_LE(count(), before);
}
#endif

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
