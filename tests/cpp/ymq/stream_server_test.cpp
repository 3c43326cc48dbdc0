#include "ymq/stream_server.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "ymq/raw_peer.h"

#ifndef _WIN32
#include <sys/resource.h>
#endif

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;
using test::frameOf;
using test::headerOf;
using test::RawPeer;

// Records what happens; answers are the frames themselves when `echo` is set.
class Recorder : public StreamHandler {
public:
    void onConnected(ConnectionId connection, Bytes identity) override {
        record("connected " + std::to_string(connection) + " " + std::string(identity.view()));
    }
    std::uint64_t frameLimit(ConnectionId) override { return limit; }
    void onFrame(ConnectionId connection, Bytes frame) override {
        record("frame " + std::to_string(connection) + " " + std::string(frame.view().substr(0, 20)));
        if (on_frame) on_frame(connection, frame);
    }
    void onWritten(ConnectionId connection, std::uint64_t left) override {
        if (on_written) on_written(connection, left);
    }
    void onClosed(ConnectionId connection, const std::string& reason) override {
        record("closed " + std::to_string(connection) + " " + reason);
    }

    void record(std::string text) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(text));
        changed_.notify_all();
    }

    bool waitFor(const std::string& prefix, std::chrono::milliseconds timeout = 5s) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, timeout, [&] {
            return std::any_of(events_.begin(), events_.end(), [&](const auto& e) { return e.starts_with(prefix); });
        });
    }

    std::vector<std::string> events() {
        const std::lock_guard lock(mutex_);
        return events_;
    }

    std::uint64_t limit{1 << 30};
    std::function<void(ConnectionId, Bytes)> on_frame{};
    std::function<void(ConnectionId, std::uint64_t)> on_written{};

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> events_;
};

class StreamServerTest : public testing::Test {
protected:
    StreamServerTest() {
        StreamServerOptions options;
        options.identity = "server";
        options.greeting_progress = 300ms;
        options.greeting_total = 600ms;
        options.log = [this](LogLevel, const std::string& text) { recorder_.record("log " + text); };
        server_ = std::make_unique<StreamServer>(context_, recorder_, options);
        port_ = server_->listen(Address::parse("tcp://127.0.0.1:0").value()).value().port;
        thread_ = std::thread([this] { context_.run(); });
    }

    ~StreamServerTest() override {
        onIoThread([this] {
            server_.reset();
            guard_.reset();
        });
        thread_.join();
    }

    void onIoThread(std::function<void()> function) {
        std::promise<void> done;
        boost::asio::post(context_, [&] {
            function();
            done.set_value();
        });
        done.get_future().wait();
    }

    RawPeer greeted(std::string_view identity) {
        RawPeer peer = RawPeer::connect(port_);
        EXPECT_EQ(peer.readFrame(), "server");
        EXPECT_TRUE(peer.writeFrame(identity));
        return peer;
    }

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{context_.get_executor()};
    Recorder recorder_;
    std::unique_ptr<StreamServer> server_;
    std::uint16_t port_{0};
    std::thread thread_;
};

}  // namespace

TEST_F(StreamServerTest, EchoesFramesOfEverySize) {
    recorder_.on_frame = [this](ConnectionId connection, const Bytes& frame) {
        server_->send(connection, std::span(&frame, 1));
    };
    RawPeer peer = greeted("client");
    for (const std::size_t size : {0U, 1U, 5000U, 100'000U, 3'000'000U}) {
        const std::string payload(size, 'p');
        std::thread writer([&] { EXPECT_TRUE(peer.writeFrame(payload)); });
        EXPECT_EQ(peer.readFrame(), payload);
        writer.join();
    }
    peer.close();
    EXPECT_TRUE(recorder_.waitFor("closed 1 closed by the peer"));
}

TEST_F(StreamServerTest, AcceptsDataBehindThePipelinedIdentity) {
    RawPeer peer = RawPeer::connect(port_);
    EXPECT_TRUE(peer.write(frameOf("early") + frameOf("one") + frameOf("")));
    EXPECT_EQ(peer.readFrame(), "server");
    peer.close();
    EXPECT_TRUE(recorder_.waitFor("closed 1"));
    EXPECT_EQ(recorder_.events(), (std::vector<std::string>{"connected 1 early", "frame 1 one", "frame 1 ",
                                                            "closed 1 closed by the peer"}));
}

TEST_F(StreamServerTest, PeersOfOneIdentityAreServedByConnection) {
    recorder_.on_frame = [this](ConnectionId connection, const Bytes& frame) {
        server_->send(connection, std::span(&frame, 1));
    };
    RawPeer first = greeted("twin");
    RawPeer second = greeted("twin");
    EXPECT_TRUE(first.writeFrame("first"));
    EXPECT_TRUE(second.writeFrame("second"));
    EXPECT_EQ(second.readFrame(), "second");
    EXPECT_EQ(first.readFrame(), "first");
}

TEST_F(StreamServerTest, RefusesGreetingsOfOthersWithAReason) {
    RawPeer other = RawPeer::connect(port_);
    other.write("YMQ\x01");
    EXPECT_TRUE(other.isClosedWithin(2s));
    EXPECT_TRUE(recorder_.waitFor("log refused a connection from 127.0.0.1"));
    RawPeer hello = RawPeer::connect(port_);
    hello.write("YMQ\x10");
    EXPECT_TRUE(hello.isClosedWithin(2s));
    RawPeer web = RawPeer::connect(port_);
    web.write("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(web.isClosedWithin(2s));
    RawPeer giant = RawPeer::connect(port_);
    giant.write(headerOf(1025));
    EXPECT_TRUE(giant.isClosedWithin(2s));
}

TEST_F(StreamServerTest, WhoOnlyLooksWhetherSomebodyListensIsNotWarnedOf) {
    RawPeer::connect(port_);
    greeted("alice");
    ASSERT_TRUE(recorder_.waitFor("connected"));
    for (const std::string& event : recorder_.events()) EXPECT_FALSE(event.starts_with("log")) << event;
}

TEST_F(StreamServerTest, WhatIsThrownForAFrameCostsItsConnectionOnly) {
    RawPeer bob = greeted("bob");
    RawPeer alice = greeted("alice");
    recorder_.on_frame = [](ConnectionId, const Bytes& frame) {
        if (frame.view() == "too much") throw std::bad_alloc();
    };
    ASSERT_TRUE(alice.writeFrame("too much"));
    EXPECT_TRUE(recorder_.waitFor("closed 2"));
    EXPECT_EQ(alice.read(1), std::nullopt);
    ASSERT_TRUE(bob.writeFrame("one more"));
    EXPECT_TRUE(recorder_.waitFor("frame 1 one more"));
}

TEST_F(StreamServerTest, SlowGreetingEnds) {
    RawPeer silent = RawPeer::connect(port_);
    EXPECT_TRUE(silent.isClosedWithin(2s));
    RawPeer dripping = RawPeer::connect(port_);
    const auto start = std::chrono::steady_clock::now();
    dripping.write(headerOf(100));
    while (dripping.write("x") && !dripping.isClosedWithin(100ms)) {
        ASSERT_LT(std::chrono::steady_clock::now() - start, 3s);
    }
    EXPECT_GT(std::chrono::steady_clock::now() - start, 500ms) << "it made progress every 300 ms";
}

TEST_F(StreamServerTest, FrameBeyondTheLimitClosesByItsHeader) {
    recorder_.limit = 10;
    RawPeer peer = greeted("client");
    peer.writeFrame("0123456789");
    peer.write(headerOf(11));
    EXPECT_TRUE(peer.isClosedWithin(2s));
    EXPECT_TRUE(recorder_.waitFor("frame 1 0123456789"));
    EXPECT_TRUE(recorder_.waitFor("closed 1 a frame of more than the 10 bytes"));
}

TEST_F(StreamServerTest, HalfReceivedFrameEndsWithItsConnection) {
    RawPeer peer = greeted("client");
    peer.write(headerOf(100) + "half");
    peer.reset();
    EXPECT_TRUE(recorder_.waitFor("closed 1"));
    RawPeer again = greeted("client");
    again.writeFrame("whole");
    EXPECT_TRUE(recorder_.waitFor("frame 2 whole"));
}

TEST_F(StreamServerTest, PauseStopsFramesAndBackPressureIsVisible) {
    const std::string large(4 << 20, 'L');
    const Bytes answer = Bytes::copy(large);
    std::atomic<std::uint64_t> left{0};
    recorder_.on_frame = [&](ConnectionId connection, const Bytes&) {
        for (int count = 0; count < 8; ++count) server_->send(connection, std::span(&answer, 1));
        server_->pauseReading(connection);
    };
    recorder_.on_written = [&](ConnectionId connection, std::uint64_t bytes) {
        left = bytes;
        if (bytes == 0) server_->resumeReading(connection);
    };
    RawPeer peer = greeted("client");
    peer.write(frameOf("one") + frameOf("two"));
    EXPECT_TRUE(recorder_.waitFor("frame 1 one"));
    EXPECT_FALSE(recorder_.waitFor("frame 1 two", 200ms));
    EXPECT_GT(left, 0U);
    onIoThread([this] { EXPECT_GT(server_->outboundBytes(1), 0U); });
    for (int count = 0; count < 8; ++count) EXPECT_EQ(peer.readFrame(), large);
    EXPECT_TRUE(recorder_.waitFor("frame 1 two"));
    onIoThread([this] { server_->stop("the callbacks refer to this test"); });
}

TEST_F(StreamServerTest, CloseFromWithinACallbackIsToldOnceAndLater) {
    recorder_.on_frame = [this](ConnectionId connection, const Bytes&) {
        server_->close(connection, "because");
        recorder_.record("after");
    };
    RawPeer peer = greeted("client");
    peer.write(frameOf("one") + frameOf("two"));
    EXPECT_TRUE(peer.isClosedWithin(2s));
    EXPECT_TRUE(recorder_.waitFor("closed"));
    EXPECT_EQ(recorder_.events(),
              (std::vector<std::string>{"connected 1 client", "frame 1 one", "after", "closed 1 because"}));
}

#ifndef _WIN32
TEST_F(StreamServerTest, SurvivesRunningOutOfDescriptors) {
    rlimit saved{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &saved), 0);
    RawPeer waiting(Descriptor(::socket(AF_INET, SOCK_STREAM, 0)));
    const int lowest = ::dup(0);
    ::close(lowest);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port_);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const rlimit tight{static_cast<rlim_t>(lowest), saved.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    EXPECT_EQ(::connect(waiting.descriptor(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    const bool told = recorder_.waitFor("log cannot accept");
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &saved), 0);
    EXPECT_TRUE(told);
    EXPECT_EQ(waiting.readFrame(), "server");
}

TEST_F(StreamServerTest, ListensOnUnixSocketsAndReplacesAnAbandonedFile) {
    const std::string path = testing::TempDir() + "ymq_stream_server_test." + std::to_string(::getpid());
    const Address address = Address::parse("ipc://" + path).value();
    {
        const StreamEndpoint endpoint = ipcEndpoint(address);
        const Descriptor abandoned(::socket(AF_UNIX, SOCK_STREAM, 0));
        ASSERT_EQ(::bind(abandoned.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
    }
    onIoThread([&] {
        EXPECT_TRUE(server_->listen(address).has_value());
        const auto second = server_->listen(address);
        ASSERT_FALSE(second.has_value()) << "the address is in use";
        EXPECT_EQ(second.error().code, ErrorCode::configurationError);
    });
    onIoThread([&] { server_->stop("test"); });
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
}
#endif

}  // namespace scaler::ymq
