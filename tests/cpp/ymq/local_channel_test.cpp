// Who finds the Unix socket beside a loopback address, and who goes over TCP.
#include "ymq/local_channel.h"

#include "ymq/party.h"
#include "ymq/tcp_proxy.h"

namespace scaler::ymq {

using test::Event;
using test::From;
using test::Party;
using test::TcpProxy;
using namespace std::chrono_literals;

namespace {

std::string channelOf(std::string_view address) {
    const std::optional<Address> channel = localChannelOf(Address::parse(address).value());
    return channel ? channel->toString() : "none";
}

SocketOptions withoutChannel(std::string identity) {
    SocketOptions options = Party::optionsOf(SocketType::binder, std::move(identity));
    options.local_channel = false;
    return options;
}

std::optional<Event> firstEventOf(std::string_view address) {
    Party client(SocketType::connector, "client");
    client.connect(address);
    return client.event();
}

bool isListenedOn(const Address& channel) {
    const StreamEndpoint endpoint = ipcEndpoint(channel);
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(probe.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
}

}  // namespace

TEST(LocalChannel, IsNamedByLoopbackAddressesOnly) {
    EXPECT_EQ(channelOf("tcp://127.0.0.1:80"), "ipc://@scaler-ymq-127.0.0.1:80");
    EXPECT_EQ(channelOf("tcp://127.0.0.2:80"), "ipc://@scaler-ymq-127.0.0.2:80");
    EXPECT_EQ(channelOf("tcp://[::1]:80"), "ipc://@scaler-ymq-::1:80");
    EXPECT_EQ(channelOf("tcp://127.0.0.1:0"), "none");
    EXPECT_EQ(channelOf("tcp://0.0.0.0:80"), "none");
    EXPECT_EQ(channelOf("tcp://[::]:80"), "none");
    EXPECT_EQ(channelOf("tcp://10.0.0.1:80"), "none");
    EXPECT_EQ(channelOf("tcp://localhost:80"), "none");
    EXPECT_EQ(channelOf("ipc://@127.0.0.1:80"), "none");
}

TEST(LocalChannel, IsTakenByWhoDialsTheAddress) {
    Party over_tcp(withoutChannel("over tcp"));
    const std::string address = over_tcp.bind();
    EXPECT_EQ(firstEventOf(address), (Event{"over tcp", PeerEvent::connected}));
    {
        Party local(SocketType::binder, "local");
        ASSERT_TRUE(local.socket.bind(channelOf(address)).has_value());
        EXPECT_EQ(firstEventOf(address), (Event{"local", PeerEvent::connected}));
    }
    EXPECT_EQ(firstEventOf(address), (Event{"over tcp", PeerEvent::connected}));
}

TEST(LocalChannel, IsOpenAsLongAsItsSocketIsBound) {
    const Address address = [] {
        Party server(SocketType::binder, "server");
        const Address bound = Address::parse(server.bind()).value();
        EXPECT_TRUE(isListenedOn(*localChannelOf(bound)));
        EXPECT_TRUE(server.socket.close(5s));
        return bound;
    }();
    EXPECT_FALSE(isListenedOn(*localChannelOf(address)));
}

TEST(LocalChannel, IsNotOpenedWhenItIsNotWanted) {
    Party server(withoutChannel("server"));
    EXPECT_FALSE(isListenedOn(*localChannelOf(Address::parse(server.bind()).value())));
}

TEST(LocalChannel, IsDoneWithoutWhenItsNameIsTaken) {
    Party server(withoutChannel("server"));
    const std::string address = server.bind();
    Party taker(SocketType::binder, "taker");
    ASSERT_TRUE(taker.socket.bind(channelOf(address)).has_value());
    EXPECT_TRUE(server.socket.close(5s));
    Party next(SocketType::binder, "next");
    EXPECT_TRUE(next.socket.bind(address).has_value());
}

TEST(LocalChannel, IsNotFoundThroughAProxy) {
    Party server(SocketType::binder, "server");
    TcpProxy proxy(server.bindPort());
    Party client(SocketType::connector, "client");
    client.connect(proxy.address());
    EXPECT_EQ(client.event(), (Event{"server", PeerEvent::connected}));
    EXPECT_GE(proxy.connections(), 1);
}

TEST(LocalChannel, CarriesMessagesBothWays) {
    Party server(SocketType::binder, "server");
    Party client(SocketType::connector, "client");
    client.connect(server.bind());
    EXPECT_EQ(client.send(std::nullopt, std::string(1U << 22U, 'x')), ErrorCode::uninit);
    EXPECT_EQ(server.message(), (From{"client", std::string(1U << 22U, 'x')}));
    EXPECT_EQ(server.send("client", "answer"), ErrorCode::uninit);
    EXPECT_EQ(client.message(), (From{"server", "answer"}));
}

}  // namespace scaler::ymq
