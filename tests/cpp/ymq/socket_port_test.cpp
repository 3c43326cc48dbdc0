// A socket as other native code uses it: its filter sees what comes before the inbox does, and may send with another.
#include <atomic>

#include "ymq/party.h"
#include "ymq/port.h"

namespace scaler::ymq {

namespace {

using test::Event;
using test::From;
using test::Party;

// Takes messages that begin with "pass" and sends them to the peer "right" of another socket.
class Forwarder final : public InboundFilter {
public:
    explicit Forwarder(const std::shared_ptr<Port>& other) : other_(other) {}

    bool takes(const Port&, std::span<Received> items) noexcept override {
        if (items[0].kind == Received::Kind::event) ++events;
        if (items.size() != 1 || !items[0].payload.view().starts_with("pass")) return false;
        const auto other = other_.lock();
        return other != nullptr && other->sendBytes("right", items[0].payload, 0) == ErrorCode::uninit;
    }

    std::atomic<int> events{0};

private:
    const std::weak_ptr<Port> other_;
};

class SocketPort : public testing::Test {
protected:
    SocketPort() {
        left_.socket.port()->setFilter(forwarder_);
        left_peer_.connect(left_.bind());
        right_peer_.connect(right_.bind());
        EXPECT_EQ(right_.event(), (Event{"right", PeerEvent::connected}));
        EXPECT_EQ(left_.event(), (Event{"left", PeerEvent::connected}));
    }

    Party left_{SocketType::binder, "middle"};
    Party right_{SocketType::binder, "middle"};
    Party left_peer_{SocketType::connector, "left"};
    Party right_peer_{SocketType::connector, "right"};
    std::shared_ptr<Forwarder> forwarder_ = std::make_shared<Forwarder>(right_.socket.port());
};

TEST_F(SocketPort, WhatTheFilterTakesDoesNotComeToTheInbox) {
    left_peer_.send(std::nullopt, "pass one");
    EXPECT_EQ(right_peer_.message(), (From{"middle", "pass one"}));
    left_peer_.send(std::nullopt, "two");
    EXPECT_EQ(left_.message(), (From{"left", "two"}));
    EXPECT_FALSE(left_.socket.port()->hasItems());
}

TEST_F(SocketPort, TheFilterSeesEvents) {
    EXPECT_EQ(forwarder_->events, 1);
    left_peer_.socket.close(std::chrono::seconds(5));
    EXPECT_EQ(left_.event(), (Event{"left", PeerEvent::lost}));
    EXPECT_EQ(forwarder_->events, 2);
}

TEST_F(SocketPort, WithoutAFilterEverythingComesToTheInbox) {
    left_.socket.port()->setFilter(nullptr);
    left_peer_.send(std::nullopt, "pass one");
    EXPECT_EQ(left_.message(), (From{"left", "pass one"}));
}

TEST(SocketPortAlone, OutlivesTheSocketAndKeepsItsContext) {
    auto context = std::make_shared<IoContext>(1);
    const std::weak_ptr<IoContext> kept(context);
    std::shared_ptr<Port> port;
    {
        Socket socket(std::move(context), Party::optionsOf(SocketType::binder, "server"));
        ASSERT_TRUE(socket.bind("tcp://127.0.0.1:0").has_value());
        (void)socket.descriptor();
        port = socket.port();
    }
    EXPECT_FALSE(port->hasItems());
    EXPECT_EQ(port->sendBytes("client", Bytes::copy("x"), 0), ErrorCode::ioSocketStopRequested);
    ASSERT_FALSE(kept.expired()) << "it has the event loop that the port uses";
    port.reset();
    EXPECT_TRUE(kept.expired());
}

TEST_F(SocketPort, TheFilterOutlivesTheSocketItSendsWith) {
    right_.socket.close(std::chrono::milliseconds(0));
    left_peer_.send(std::nullopt, "pass one");
    EXPECT_EQ(left_.message(), (From{"left", "pass one"}));
}

}  // namespace

}  // namespace scaler::ymq
