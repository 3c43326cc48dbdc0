// A server of connections on one thread, when memory runs out somewhere in a turn: who is not served is closed, and all
// others are served as before.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "object_storage/failing_allocation.h"
#include "ymq/stream_server.h"

namespace scaler::object_storage {
namespace {

class Echo : public ymq::StreamHandler {
public:
    explicit Echo(boost::asio::io_context& context) : server(context, *this, {.identity = "server"}) {}

    void onConnected(ymq::ConnectionId, ymq::Bytes) override { ++open; }
    std::uint64_t frameLimit(ymq::ConnectionId) override { return UINT64_MAX; }
    void onFrame(ymq::ConnectionId connection, ymq::Bytes frame) override {
        server.send(connection, std::span(&frame, 1));
    }
    void onClosed(ymq::ConnectionId, const std::string&) override { --open; }

    int open = 0;
    ymq::StreamServer server;
};

// Speaks to a server of the same thread, so it never waits.
class Peer {
public:
    explicit Peer(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&name), sizeof(name)), 0);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;
    ~Peer() { ::close(socket_); }

    void sendFrame(std::string_view content) {
        const ymq::FrameHeader header = ymq::encodeHeader(ymq::FrameKind::data, content.size());
        std::string frame(reinterpret_cast<const char*>(header.data()), header.size());
        frame += content;
        (void)::send(socket_, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    // Adds what has come to what was received, and remembers whether the connection has ended.
    void look() {
        std::array<char, 64 * 1024> memory;
        ssize_t size = 0;
        while ((size = ::recv(socket_, memory.data(), memory.size(), MSG_DONTWAIT)) > 0) {
            received.append(memory.data(), static_cast<std::size_t>(size));
        }
        has_ended = has_ended || size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    }

    std::string received;
    bool has_ended = false;

private:
    const int socket_;
};

std::string frameOf(std::string_view content) {
    const ymq::FrameHeader header = ymq::encodeHeader(ymq::FrameKind::data, content.size());
    return std::string(reinterpret_cast<const char*>(header.data()), header.size()) + std::string(content);
}

class OutOfMemoryServer : public testing::Test {
protected:
    OutOfMemoryServer() { context_.poll(); }

    // What has been sent arrives at once on one machine, but the loop may have to be told twice of what follows.
    void turn() {
        for (int count = 0; count < 10; ++count) {
            context_.restart();
            context_.poll();
        }
    }
    void expectServed(std::string_view content) {
        Peer peer(port_);
        peer.sendFrame("identity");
        peer.sendFrame(content);
        turn();
        peer.look();
        EXPECT_EQ(peer.received, frameOf("server") + frameOf(content));
    }

    boost::asio::io_context context_{1};
    Echo echo_{context_};
    const std::uint16_t port_ = echo_.server.listen(*ymq::Address::parse("tcp://127.0.0.1:0"))->port;
};

TEST_F(OutOfMemoryServer, CostsConnectionsAndNothingElse) {
    for (const std::size_t size : {std::size_t{100}, std::size_t{50'000}}) {
        const std::string content(size, 'x');
        bool has_failed = true;
        for (int successes = 0; has_failed; ++successes) {
            SCOPED_TRACE("allocation " + std::to_string(successes) + " of a turn with frames of " +
                         std::to_string(size));
            std::vector<std::unique_ptr<Peer>> peers;
            for (int number = 0; number < 4; ++number) {
                peers.push_back(std::make_unique<Peer>(port_));
                peers.back()->sendFrame("identity");
            }
            turn();
            for (const auto& peer : peers) {
                peer->sendFrame(content);
            }
            {
                const FailingAllocation failing(successes);
                EXPECT_NO_THROW(turn());
                has_failed = failing.hasFailed();
            }
            turn();
            int ended = 0;
            for (const auto& peer : peers) {
                peer->look();
                ended += peer->has_ended ? 1 : 0;
                EXPECT_TRUE(peer->has_ended || peer->received == frameOf("server") + frameOf(content));
            }
            EXPECT_LE(ended, 1);
            EXPECT_EQ(echo_.open, 4 - ended);
            expectServed(content);
            peers.clear();
            turn();
            EXPECT_EQ(echo_.open, 0);
        }
    }
}

TEST_F(OutOfMemoryServer, WhileConnectionsComeAndGoCostsOneAtMost) {
    bool has_failed = true;
    for (int successes = 0; has_failed; ++successes) {
        SCOPED_TRACE("allocation " + std::to_string(successes));
        auto leaving = std::make_unique<Peer>(port_);
        leaving->sendFrame("identity");
        turn();
        leaving.reset();
        Peer coming(port_);
        coming.sendFrame("identity");
        {
            const FailingAllocation failing(successes);
            EXPECT_NO_THROW(turn());
            has_failed = failing.hasFailed();
        }
        turn();
        coming.look();
        EXPECT_TRUE(coming.has_ended || coming.received == frameOf("server"));
        EXPECT_EQ(echo_.open, coming.has_ended ? 0 : 1);
        expectServed("content");
    }
}

}  // namespace
}  // namespace scaler::object_storage
