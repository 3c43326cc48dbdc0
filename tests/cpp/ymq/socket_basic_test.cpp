// What two ends must observe of each other when the network does what it should, and when peers do not.
#include <thread>

#include "ymq/party.h"
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

TEST(SocketBasic, ConnectorSendsAndClosesAtOnce) {
    Party server(SocketType::binder, "server");
    const std::string address = server.bind();
    {
        Party client(SocketType::connector, "client");
        client.connect(address);
        EXPECT_EQ(client.send(std::nullopt, "payload"), ErrorCode::uninit);
        EXPECT_TRUE(client.socket.close(5s));
    }
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_EQ(server.message(), (From{"client", "payload"}));
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::lost}));
}

TEST(SocketBasic, RawClient) {
    Party server(SocketType::binder, "server");
    RawPeer client = RawPeer::connect(server.bindPort());
    client.writeFrame("client");
    EXPECT_EQ(client.readFrame(), "server");
    client.writeFrame("hello");
    EXPECT_EQ(server.message(), (From{"client", "hello"}));
    EXPECT_EQ(server.send("client", "answer"), ErrorCode::uninit);
    EXPECT_EQ(client.readFrame(), "answer");
}

TEST(SocketBasic, RawClientThatClosesAtOnce) {
    Party server(SocketType::binder, "server");
    RawPeer client = RawPeer::connect(server.bindPort());
    client.write(frameOf("client") + frameOf("hello"));
    client.close();
    EXPECT_EQ(server.message(), (From{"client", "hello"}));
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::lost}));
}

TEST(SocketBasic, PlainClientAndRawServer) {
    std::uint16_t port = 0;
    const Descriptor listener = test::listeningSocket(port, 1);
    SocketOptions options = Party::optionsOf(SocketType::connector, "client");
    options.handshake = Handshake::plain;
    Party client(options);
    client.connect("tcp://127.0.0.1:" + std::to_string(port));
    EXPECT_EQ(client.send(std::nullopt, "hello"), ErrorCode::uninit);
    RawPeer server(test::acceptBlocking(listener));
    server.writeFrame("server");
    EXPECT_EQ(server.readFrame(), "client");
    EXPECT_EQ(server.readFrame(), "hello");
    server.writeFrame("answer");
    EXPECT_EQ(client.message(), (From{"server", "answer"}));
    server.close();
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::lost}));
    EXPECT_EQ(client.send(std::nullopt, "late"), ErrorCode::connectorSocketClosedByRemoteEnd);
}

TEST(SocketBasic, BigMessageOfARawClient) {
    constexpr std::size_t kSize = 500'000'000;
    Party server(SocketType::binder, "server");
    RawPeer client = RawPeer::connect(server.bindPort());
    std::thread writer([&] {
        client.write(frameOf("client") + headerOf(kSize));
        const std::string piece(1'000'000, 'b');
        for (std::size_t sent = 0; sent < kSize; sent += piece.size()) ASSERT_TRUE(client.write(piece));
    });
    const auto message = server.message(60s);
    writer.join();
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->text.size(), kSize);
}

TEST(SocketBasic, BigMessageOfAConnectorBeyondItsBound) {
    Party server(SocketType::binder, "server");
    SocketOptions options = Party::optionsOf(SocketType::connector, "client");
    options.outbound_bound_bytes = 1 << 20;
    Party client(options);
    client.connect(server.bind());
    const std::string big(50'000'000, 'b');
    EXPECT_EQ(client.send(std::nullopt, big, 7), ErrorCode::uninit) << "an empty queue takes one message of any size";
    EXPECT_EQ(client.send(std::nullopt, "next"), ErrorCode::peerQueueFull);
    EXPECT_EQ(client.completion(30s), (std::pair<std::uint64_t, ErrorCode>{7, ErrorCode::uninit}));
    const auto message = server.message(30s);
    ASSERT_TRUE(message.has_value());
    EXPECT_TRUE(message->text == big);
}

TEST(SocketBasic, SlowNetwork) {
    Party server(SocketType::binder, "server");
    RawPeer client = RawPeer::connect(server.bindPort());
    client.writeFrame("client");
    const std::string message = frameOf("0123456789");
    for (const auto& [part, pause] : {std::pair{message.substr(0, 4), 2s},
                                      {message.substr(4, 4), 3s},
                                      {message.substr(8, 5), 2s},
                                      {message.substr(13), 0s}}) {
        client.write(part);
        std::this_thread::sleep_for(pause);
    }
    EXPECT_EQ(server.message(), (From{"client", "0123456789"}));
}

TEST(SocketBasic, IncompleteIdentity) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    {
        RawPeer client = RawPeer::connect(port);
        client.write(headerOf(6) + "clie");
    }
    RawPeer client = RawPeer::connect(port);
    client.write(frameOf("client") + frameOf("second"));
    EXPECT_EQ(server.message(), (From{"client", "second"}));
}

TEST(SocketBasic, HugeHeader) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    RawPeer client = RawPeer::connect(port);
    client.write(frameOf("client") + headerOf(~std::uint64_t{0}));
    const auto start = std::chrono::steady_clock::now();
    while (client.write("more")) {
        ASSERT_LT(std::chrono::steady_clock::now() - start, 10s);
        std::this_thread::sleep_for(20ms);
    }
    RawPeer again = RawPeer::connect(port);
    again.write(frameOf("client") + frameOf("fine"));
    EXPECT_EQ(server.message(), (From{"client", "fine"}));
}

TEST(SocketBasic, GiantAnnouncementsReserveNothing) {
    Party server(SocketType::binder, "server");
    const std::uint16_t port = server.bindPort();
    std::vector<RawPeer> clients;
    for (int count = 0; count < 16; ++count) {
        clients.push_back(RawPeer::connect(port));
        clients.back().write(frameOf("client") + headerOf(std::uint64_t{2} << 30) + "x");
    }
    RawPeer other = RawPeer::connect(port);
    other.write(frameOf("other") + frameOf("served"));
    EXPECT_EQ(server.message(), (From{"other", "served"}));
    EXPECT_EQ(server.socket.statistics().inbound_bytes, 0U);
}

TEST(SocketBasic, EmptyMessages) {
    Party server(SocketType::binder, "server");
    Party client(SocketType::connector, "client");
    client.connect(server.bind());
    EXPECT_EQ(client.socket.send(std::nullopt, Bytes()), ErrorCode::uninit);
    EXPECT_EQ(client.socket.send(std::nullopt, Bytes::copy(std::string_view())), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", ""}));
    EXPECT_EQ(server.message(), (From{"client", ""}));
}

class PublishSubscribe : public testing::TestWithParam<std::pair<std::vector<std::string>, std::vector<std::string>>> {
};

TEST_P(PublishSubscribe, OnlyTheLastTopicMatches) {
    const auto& [identities, topics] = GetParam();
    Party publisher(SocketType::multicast, "publisher");
    const std::string address = publisher.bind();
    std::vector<std::unique_ptr<Party>> subscribers;
    for (const std::string& identity : identities) {
        subscribers.push_back(std::make_unique<Party>(SocketType::unicast, identity));
        subscribers.back()->connect(address);
        EXPECT_EQ(publisher.event(), (Event{identity, PeerEvent::connected}));
    }
    for (const std::string& topic : topics) EXPECT_EQ(publisher.send(topic, "to " + topic, 1), ErrorCode::uninit);
    for (std::size_t count = 0; count < topics.size(); ++count) {
        EXPECT_EQ(publisher.completion(), (std::pair<std::uint64_t, ErrorCode>{1, ErrorCode::uninit}));
    }
    for (const auto& subscriber : subscribers) {
        EXPECT_EQ(subscriber->message(), (From{"publisher", "to " + topics.back()}));
        EXPECT_EQ(subscriber->message(50ms), std::nullopt);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Topics, PublishSubscribe,
    testing::Values(std::pair{std::vector<std::string>{"mytopic_subscriber_0", "mytopic_subscriber_1"},
                              std::vector<std::string>{"xmytopic", "mytopicx", "mytopic"}},
                    std::pair{std::vector<std::string>{"abc", "def"}, std::vector<std::string>{"x", "x", ""}}));

// Both ends are connectors, and one of them binds.
class CloseEstablished : public testing::TestWithParam<bool> {};

TEST_P(CloseEstablished, TheOtherEndIsTold) {
    const bool stop_first = GetParam();
    Party server(SocketType::connector, "server");
    Party client(SocketType::connector, "client");
    client.connect(server.bind());
    EXPECT_EQ(client.send(std::nullopt, "0"), ErrorCode::uninit);
    EXPECT_EQ(server.send(std::nullopt, "1"), ErrorCode::uninit);
    EXPECT_EQ(client.message(), (From{"server", "1"}));
    EXPECT_EQ(server.message(), (From{"client", "0"}));
    if (stop_first) client.socket.requestStop();
    client.socket.closeConnection("server");
    client.socket.requestStop();
    EXPECT_TRUE(client.socket.close(5s));
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::connected}));
    EXPECT_EQ(server.event(), (Event{"client", PeerEvent::lost}));
    EXPECT_EQ(server.send(std::nullopt, "2"), ErrorCode::connectorSocketClosedByRemoteEnd);
}

INSTANTIATE_TEST_SUITE_P(Both, CloseEstablished, testing::Bool());

TEST(SocketBasic, CloseNonexistent) {
    Party party(SocketType::connector, "party");
    party.socket.closeConnection("nobody");
    party.socket.closeConnection("");
    EXPECT_TRUE(party.socket.close(5s));
    EXPECT_TRUE(party.socket.close(5s)) << "closing twice is allowed";
}

TEST(SocketBasic, CloseWhileConnecting) {
    for (const SocketType type : {SocketType::connector, SocketType::unicast, SocketType::binder}) {
        Party party(type, "party");
        party.connect("tcp://127.0.0.1:1");
        EXPECT_TRUE(party.socket.close(5s)) << "there is nothing to write";
    }
    Party waiting(SocketType::connector, "waiting");
    waiting.connect("tcp://127.0.0.1:1");
    EXPECT_EQ(waiting.send(std::nullopt, "never"), ErrorCode::uninit);
    EXPECT_FALSE(waiting.socket.close(100ms)) << "not all was written";
}

TEST(SocketBasic, RequestStopEndsReceiving) {
    Party party(SocketType::binder, "party");
    party.bind();
    std::thread stopper([&] {
        std::this_thread::sleep_for(100ms);
        party.socket.requestStop();
    });
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(party.next(5s).has_value());
    EXPECT_LT(std::chrono::steady_clock::now() - start, 200ms);
    EXPECT_TRUE(party.closed);
    stopper.join();
    party.closed = false;
    EXPECT_FALSE(party.next(5s).has_value());
    EXPECT_TRUE(party.closed) << "a later one ends too";
    EXPECT_EQ(party.send("peer", "late"), ErrorCode::ioSocketStopRequested);
}

TEST(SocketBasic, MisuseIsToldByCodes) {
    Party binder(SocketType::binder, "binder");
    const std::string address = binder.bind();
    EXPECT_EQ(binder.socket.bind(address).error().code, ErrorCode::multipleBindToNotSupported);
    EXPECT_EQ(binder.send(std::nullopt, "x"), ErrorCode::binderSendMessageWithNoAddress);
    EXPECT_EQ(binder.send("nobody", "x"), ErrorCode::peerUnknown);
    Party other(SocketType::binder, "other");
    EXPECT_EQ(other.socket.bind(address).error().code, ErrorCode::configurationError);
    EXPECT_EQ(other.socket.bind("tcp://nonsense").error().code, ErrorCode::invalidAddressFormat);
    EXPECT_EQ(other.socket.connect("tcp://host:x").error().code, ErrorCode::invalidPortFormat);
    EXPECT_TRUE(other.socket.connect(address).has_value());
    EXPECT_EQ(other.socket.connect(address).error().code, ErrorCode::multipleConnectToNotSupported);
    Party uninit(SocketType::uninit, "uninit");
    EXPECT_EQ(uninit.send(std::nullopt, "x"), ErrorCode::configurationError);
    SocketOptions options = Party::optionsOf(SocketType::connector, "small");
    options.maximum_frame_bytes = 3;
    Party small(options);
    EXPECT_EQ(small.send(std::nullopt, "1234"), ErrorCode::messageTooLarge);
}

TEST(SocketBasic, APublicationThatIsNotAcceptedIsToldOnce) {
    SocketOptions options = Party::optionsOf(SocketType::multicast, "publisher");
    options.maximum_frame_bytes = 3;
    Party publisher(options);
    Party subscriber(SocketType::unicast, "subscriber");
    subscriber.connect(publisher.bind());
    EXPECT_EQ(publisher.event(), (Event{"subscriber", PeerEvent::connected}));
    EXPECT_EQ(publisher.send("", "1234", 7), ErrorCode::messageTooLarge);
    EXPECT_FALSE(publisher.completion(20ms).has_value());
}

TEST(SocketBasic, InitialConnectGivesUp) {
    Party client(SocketType::connector, "client");
    EXPECT_EQ(client.send(std::nullopt, "waiting", 5), ErrorCode::uninit);
    EXPECT_TRUE(client.socket.connect("tcp://127.0.0.1:1", 300ms).has_value());
    EXPECT_EQ(client.completion(), (std::pair<std::uint64_t, ErrorCode>{5, ErrorCode::connectFailed}));
    EXPECT_EQ(client.event(), (Event{"", PeerEvent::lost}));
    EXPECT_EQ(client.socket.connectFailure(), "Connection refused");
    Party server(SocketType::binder, "server");
    client.connect(server.bind());
    EXPECT_EQ(client.send(std::nullopt, "again"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "again"}));
}

#ifndef __linux__
TEST(SocketBasic, SaysThatTheSystemHasNoSocketsOfThatKind) {
    Party party(SocketType::binder, "party");
    EXPECT_NE(party.socket.bind("ipc://@a").error().message().find("a tcp:// address"), std::string::npos);
    EXPECT_NE(party.socket.connect("ipc://@a").error().message().find("a tcp:// address"), std::string::npos);
}
#endif

#ifndef _WIN32
TEST(SocketBasic, ConnectsToAListenerThatComesLater) {
    const std::string address = "ipc://" + testing::TempDir() + "ymq_socket_test_" + std::to_string(::getpid());
    Party client(SocketType::connector, "client");
    client.connect(address);
    EXPECT_EQ(client.send(std::nullopt, "early"), ErrorCode::uninit);
    std::this_thread::sleep_for(120ms);
    Party server(SocketType::binder, "server");
    EXPECT_TRUE(server.socket.bind(address).has_value());
    EXPECT_EQ(server.message(), (From{"client", "early"}));
}
#endif

TEST(SocketBasic, ResolvesNames) {
    Party server(SocketType::binder, "server");
    const Result<Address> address = server.socket.bind("tcp://localhost:0");
    ASSERT_TRUE(address.has_value());
    Party client(SocketType::connector, "client");
    client.connect(address->toString());
    EXPECT_EQ(client.send(std::nullopt, "x"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "x"}));
    EXPECT_FALSE(server.socket.bind("tcp://no-such-host.invalid:0").has_value());
}

TEST(SocketBasic, SendSoonIsWrittenAfterItsDelayOrWithTheNext) {
    Party server(SocketType::binder, "server");
    Party client(SocketType::connector, "client");
    client.connect(server.bind());
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    const MessagePart soon(Bytes::copy(std::string_view("soon")));
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(client.socket.sendSoon(std::nullopt, std::span(&soon, 1), 100ms), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "soon"}));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 95ms);
    EXPECT_EQ(client.socket.sendSoon(std::nullopt, std::span(&soon, 1), 1h), ErrorCode::uninit);
    EXPECT_EQ(client.send(std::nullopt, "next"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "soon"}));
    EXPECT_EQ(server.message(), (From{"client", "next"}));
}

TEST(SocketBasic, PassesThroughAProxyThatSplitsAndDelays) {
    // Packets cannot be dropped without rights over the network; TCP turns drops into delays, which is what is done
    // here.
    Party server(SocketType::binder, "server");
    TcpProxy proxy(server.bindPort());
    proxy.setFaults({.piece_bytes = 3, .piece_delay = 2ms});
    Party client(SocketType::connector, "client");
    client.connect(proxy.address());
    EXPECT_EQ(client.send(std::nullopt, "through the proxy"), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", "through the proxy"}));
    EXPECT_TRUE(client.socket.close(5s));
}

}  // namespace scaler::ymq
