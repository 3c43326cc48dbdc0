// Greetings: who is taken, who is refused and why, and what garbage does.
#include <new>
#include <thread>

#include "ymq/hand_made_peer.h"
#include "ymq/party.h"
#include "ymq/process_name.h"

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

RefuseCode codeOf(const std::string& payload) {
    return decodeRefuse(std::as_bytes(std::span(payload))).value_or(Refuse{}).code;
}

}  // namespace

TEST(SocketGreeting, SameKeyTakesTheSessionOverAndAnotherKeyIsRefused) {
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

TEST(SocketGreeting, ALaterSessionOfTheSameProcessReplacesTheEarlierOne) {
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

TEST(SocketGreeting, PlainPeersOfOneIdentityBothLive) {
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

TEST(SocketGreeting, APlainPeerCannotTakeTheNameOfASession) {
    Party server(SocketType::binder, "server");
    const std::string address = server.bind();
    Party client(SocketType::connector, "client");
    client.connect(address);
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    RawPeer impostor = RawPeer::connect(Address::parse(address).value().port);
    impostor.write(frameOf("client") + frameOf("not from the client"));
    EXPECT_TRUE(impostor.isClosedWithin(5s));
    EXPECT_EQ(server.send("client", "for the client"), ErrorCode::uninit);
    EXPECT_EQ(client.message()->text, "for the client");
    EXPECT_EQ(client.send(std::nullopt, "from the client"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "from the client"}));
}

TEST(SocketGreeting, RefusalsNameTheirReason) {
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
    EXPECT_EQ(client.socket.connectFailure(), "this is another cluster");
    EXPECT_FALSE(server.event(20ms).has_value());
}

TEST(SocketGreeting, BindingConnectorTakesOnePeerOnly) {
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

TEST(SocketGreeting, ANewSessionThatCountsFramesIsRefusedAndCostsNobodyAnything) {
    Party server(SocketType::connector, "server");
    const std::uint16_t port = server.bindPort();
    ASSERT_EQ(server.send(std::nullopt, "for the first"), ErrorCode::uninit);
    HandMadePeer liar(port, "liar");
    liar.hello.received = 7;
    EXPECT_EQ(liar.greet().first, FrameKind::refuse);
    EXPECT_FALSE(server.event(20ms).has_value());
    HandMadePeer first(port, "first");
    EXPECT_EQ(first.greet().first, FrameKind::accept);
    EXPECT_EQ(server.event(), (Event{"first", PeerEvent::connected}));
    EXPECT_EQ(first.frame(), (std::pair{FrameKind::data, std::string("for the first")}));
}

TEST(SocketGreeting, ALiarDoesNotEndThePlainPeerOfItsName) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    RawPeer plain = RawPeer::connect(port);
    ASSERT_TRUE(plain.writeFrame("name"));
    EXPECT_EQ(server.event(), (Event{"name", PeerEvent::connected}));
    HandMadePeer liar(port, "name");
    liar.hello.received = 7;
    EXPECT_EQ(liar.greet().first, FrameKind::refuse);
    EXPECT_FALSE(server.event(20ms).has_value());
}

TEST(SocketGreeting, GarbageEndsItsConnectionOnly) {
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

TEST(SocketGreeting, WhatIsThrownWhileAConnectionIsReadEndsThatOne) {
    SocketOptions options = Party::optionsOf(SocketType::binder, "server");
    options.log = [](LogLevel, const std::string&) { throw std::bad_alloc(); };
    Party server(options);
    const std::uint16_t port = server.bindPort();
    RawPeer peer = RawPeer::connect(port);
    peer.write("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(peer.isClosedWithin(2s));
    RawPeer good = RawPeer::connect(port);
    good.write(frameOf("good") + frameOf("served"));
    EXPECT_EQ(server.message(), (From{"good", "served"}));
}

TEST(SocketGreeting, SlowDripOfAGreetingEnds) {
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

}  // namespace scaler::ymq
