// How sessions and connections end: what is still written, and what is told.
#include <pthread.h>

#include <functional>
#include <thread>

#include "ymq/drive.h"
#include "ymq/hand_made_peer.h"
#include "ymq/party.h"

namespace scaler::ymq {

using test::enterWhenGivenUp;
using test::Event;
using test::frameOf;
using test::From;
using test::HandMadePeer;
using test::Party;
using test::RawPeer;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMoreThanTheKernelTakes = std::size_t{48} << 20;

// Runs the function on a thread whose memory is unmapped when it ends, for its stack is larger than what is kept.
void runOnPassingThread(std::function<void()> function) {
    pthread_attr_t attributes;
    ASSERT_EQ(::pthread_attr_init(&attributes), 0);
    ASSERT_EQ(::pthread_attr_setstacksize(&attributes, std::size_t{256} << 20), 0);
    pthread_t thread{};
    const auto run = [](void* argument) -> void* {
        (*static_cast<std::function<void()>*>(argument))();
        return nullptr;
    };
    ASSERT_EQ(::pthread_create(&thread, &attributes, run, &function), 0);
    ::pthread_join(thread, nullptr);
    ::pthread_attr_destroy(&attributes);
}

// Returns how many bytes come before the other side closes.
std::size_t readToEnd(RawPeer& peer, std::chrono::milliseconds pause = 0ms) {
    std::string buffer(1 << 20, '\0');
    std::size_t total = 0;
    for (;;) {
        if (!test::isReadableWithin(peer.descriptor(), 10s)) break;
        const std::ptrdiff_t size = test::receive(peer.descriptor(), buffer.data(), buffer.size());
        if (size <= 0) break;
        total += static_cast<std::size_t>(size);
        std::this_thread::sleep_for(pause);
    }
    return total;
}

RawPeer greeted(Party& server, std::uint16_t port) {
    RawPeer client = RawPeer::connect(port);
    client.write(frameOf("client") + frameOf("hello"));
    EXPECT_EQ(server.message(), (From{"client", "hello"}));
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_EQ(client.readFrame(), "server");
    return client;
}

}  // namespace

TEST(SocketEnd, ALeavingConnectionReadsAfterTheThreadThatDroveItHasEnded) {
    const auto context = std::make_shared<IoContext>(1);
    Socket server(context, Party::optionsOf(SocketType::binder, "server"));
    const std::string address = server.bind("tcp://127.0.0.1:0").value().toString();
    RawPeer client = RawPeer::connect(Address::parse(address).value().port);
    client.write(frameOf("client") + frameOf("hello"));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (server.statistics().received_messages == 0) ASSERT_NE(server.wait(deadline), Socket::Wait::timedOut);
    ASSERT_EQ(client.readFrame(), "server");
    runOnPassingThread([&] {
        IoLoop& loop = context->next();
        enterWhenGivenUp(loop);
        EXPECT_EQ(server.send("client", Bytes::copy(std::string(kMoreThanTheKernelTakes, 'x'))), ErrorCode::uninit);
        server.closeConnection("client");
        // The read under way ends with this; the one behind it is of a connection that leaves.
        client.write("of no interest");
        const auto enough = std::chrono::steady_clock::now() + 200ms;
        while (std::chrono::steady_clock::now() < enough) loop.runOne(10ms);
        loop.leave(true);
    });
    client.write("of no interest");
    // What comes in is read before there is room to write anything.
    (void)server.take();
    (void)server.wait(std::chrono::steady_clock::now() + 100ms);
    EXPECT_EQ(readToEnd(client), kMoreThanTheKernelTakes + kHeaderBytes);
}

TEST(SocketEnd, ASessionWithoutAConnectionIsLostOnce) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    HandMadePeer client(port, "client");
    client.hello.key = {1};
    EXPECT_EQ(client.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    client.raw.reset();
    const MessagePart part(Bytes::copy(std::string_view("x")));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    for (bool written = true; written && std::chrono::steady_clock::now() < deadline;) {
        ASSERT_EQ(server.socket.sendNow("client", std::span(&part, 1), 1, written), ErrorCode::uninit);
    }
    server.socket.closeConnection("client");
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::lost}));
    RawPeer other = RawPeer::connect(port);
    other.write(frameOf("other"));
    EXPECT_EQ(server.event(), (Event{"other", PeerEvent::connected}));
}

TEST(SocketEnd, ASessionWhoseLastMessagesDoNotLeaveIsLostOnce) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    RawPeer client = greeted(server, port);
    EXPECT_EQ(server.send("client", std::string(kMoreThanTheKernelTakes, 'x'), 7), ErrorCode::uninit);
    server.socket.closeConnection("client");
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::lost}));
    RawPeer again = greeted(server, port);
    client.reset();
    EXPECT_EQ(server.completion()->first, 7U);
    again.writeFrame("still here");
    EXPECT_EQ(server.message(), (From{"client", "still here"}));
    EXPECT_FALSE(server.event(1ms).has_value());
    EXPECT_EQ(server.socket.statistics().peers, 1U);
}

TEST(SocketEnd, ASlowReaderOfTheLastBytesGetsThemAll) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.leave_patience = 1s;
    Party server(options);
    RawPeer client = greeted(server, server.bindPort());
    EXPECT_EQ(server.send("client", std::string(kMoreThanTheKernelTakes, 'x')), ErrorCode::uninit);
    server.socket.closeConnection("client");
    // Two seconds at least.
    EXPECT_EQ(readToEnd(client, 40ms), kMoreThanTheKernelTakes + kHeaderBytes);
}

TEST(SocketEnd, AReaderThatStopsIsNotWaitedFor) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.leave_patience = 100ms;
    Party server(options);
    const RawPeer client = greeted(server, server.bindPort());
    EXPECT_EQ(server.send("client", std::string(kMoreThanTheKernelTakes, 'x'), 7), ErrorCode::uninit);
    server.socket.closeConnection("client");
    EXPECT_EQ(server.completion(),
              (std::pair<std::uint64_t, ErrorCode>{7, ErrorCode::sendMessageRequestCouldNotComplete}));
}

TEST(SocketEnd, AGreetingOfAnEarlierSessionEndsWithIt) {
    std::uint16_t port = 0;
    const Descriptor listener = test::listeningSocket(port, 8);
    SocketOptions options = Party::optionsOf(SocketType::connector, "client");
    options.session_timeout = 1s;
    Party client(options);
    client.connect("tcp://127.0.0.1:" + std::to_string(port));
    RawPeer first(test::acceptBlocking(listener));
    Accept accept;
    accept.reliable = true;
    first.write(frameOf("server") + frameOf(encode(accept), FrameKind::accept));
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    first.reset();
    // The next connection is made for the same session, which ends before its greeting does.
    RawPeer second(test::acceptBlocking(listener));
    second.writeFrame("server");
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::lost}));
    EXPECT_TRUE(second.isClosedWithin(2s));
}

TEST(SocketEnd, APeerThatPingsAndDoesNotReadIsOwedOneAnswer) {
    constexpr int kPings = 1'000'000;
    Party server(SocketType::binder, "server");
    HandMadePeer client(server.bindPort(), "client");
    EXPECT_EQ(client.greet().first, FrameKind::accept);
    std::string pings;
    for (int count = 0; count < 1000; ++count) pings += frameOf(encodeCount(0), FrameKind::ping);
    for (int count = 0; count < kPings; count += 1000) ASSERT_TRUE(client.raw.write(pings));
    ASSERT_TRUE(client.raw.write(frameOf("all sent")));
    ASSERT_EQ(server.message(60s), (From{"client", "all sent"}));
    EXPECT_EQ(server.send("client", "last"), ErrorCode::uninit);
    int pongs = 0;
    std::pair<FrameKind, std::string> frame = client.frame();
    for (; frame.first == FrameKind::pong || frame.first == FrameKind::ack; frame = client.frame()) ++pongs;
    EXPECT_EQ(frame.second, "last");
    EXPECT_GE(pongs, 1);
    EXPECT_LT(pongs, kPings / 10);
}

}  // namespace scaler::ymq
