// Socket files: who may replace and remove them.
#include "ymq/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <new>
#include <string>

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

class ListenerFile : public testing::Test {
protected:
    ListenerFile() {
        std::string pattern = (std::filesystem::temp_directory_path() / "ymq_listener_test_XXXXXX").string();
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    ~ListenerFile() override { std::filesystem::remove_all(folder_); }

    std::shared_ptr<Listener> listener() {
        return std::make_shared<Listener>(
            context_, [](StreamSocket, const std::string&) {}, Log());
    }

    std::string path() const { return (folder_ / "socket").string(); }
    Address address() const { return Address::parse("ipc://" + path()).value(); }
    bool isEmpty() const { return std::filesystem::is_empty(folder_); }

    bool accepts() const {
        const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM, 0));
        const StreamEndpoint endpoint = ipcEndpoint(address());
        return ::connect(probe.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
    }

    // Returns a socket that is bound to the file, and does not listen.
    Descriptor bound() const {
        Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
        const StreamEndpoint endpoint = ipcEndpoint(address());
        EXPECT_EQ(::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
        return socket;
    }

    boost::asio::io_context context_{};
    std::filesystem::path folder_{};
};

}  // namespace

TEST_F(ListenerFile, AcceptsTheNextConnectionAlsoWhenOneCannotBeServed) {
    int accepted = 0;
    std::string logged;
    const auto only = std::make_shared<Listener>(
        context_,
        [&](const StreamSocket&, const std::string&) {
            if (++accepted == 1) throw std::bad_alloc();
        },
        [&](LogLevel, const std::string& text) { logged = text; });
    ASSERT_TRUE(only->open(address()).has_value());
    only->start();
    for (int number = 1; number <= 2; ++number) {
        EXPECT_TRUE(accepts());
        while (accepted < number && context_.run_one_for(10s) != 0) {
        }
        EXPECT_EQ(accepted, number);
    }
    EXPECT_TRUE(logged.starts_with("dropped a new connection: ")) << logged;
    only->close();
}

TEST_F(ListenerFile, IsRemovedWithItsListenerAndNothingElseIsLeft) {
    const auto only = listener();
    ASSERT_TRUE(only->open(address()).has_value());
    EXPECT_TRUE(accepts());
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "the lock is gone";
    only->close();
    EXPECT_TRUE(isEmpty());
}

TEST_F(ListenerFile, IsReplacedWhenNobodyListens) {
    { const Descriptor dead = bound(); }
    const auto next = listener();
    EXPECT_TRUE(next->open(address()).has_value());
    EXPECT_TRUE(accepts());
    next->close();
}

TEST_F(ListenerFile, IsLeftAloneWhileSomebodyListens) {
    const auto first = listener();
    ASSERT_TRUE(first->open(address()).has_value());
    const auto second = listener();
    EXPECT_EQ(second->open(address()).error().code, ErrorCode::configurationError);
    second->close();
    EXPECT_TRUE(accepts());
    first->close();
}

TEST_F(ListenerFile, OfAnotherListenerIsLeftWhenTheFirstOneCloses) {
    const auto first = listener();
    ASSERT_TRUE(first->open(address()).has_value());
    std::filesystem::remove(path());
    const auto second = listener();
    ASSERT_TRUE(second->open(address()).has_value());
    first->close();
    EXPECT_TRUE(accepts());
    second->close();
    EXPECT_TRUE(isEmpty());
}

TEST_F(ListenerFile, IsNotReplacedBetweenItsBindAndItsListen) {
    Descriptor lock(::open((path() + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
    const Descriptor live = bound();
    const auto other = listener();
    std::future<Result<Address>> outcome = std::async(std::launch::async, [&] { return other->open(address()); });
    (void)outcome.wait_for(100ms);
    ASSERT_EQ(::listen(live.get(), 8), 0);
    lock = Descriptor();
    EXPECT_FALSE(outcome.get().has_value());
    other->close();
    EXPECT_TRUE(accepts());
}

TEST_F(ListenerFile, IsTakenByOneOfManyWhoComeAtOnce) {
    for (int round = 0; round < 50; ++round) {
        { const Descriptor dead = bound(); }
        std::vector<std::shared_ptr<Listener>> listeners;
        std::vector<std::future<bool>> opened;
        for (int count = 0; count < 4; ++count) listeners.push_back(listener());
        for (const auto& one : listeners) {
            opened.push_back(std::async(std::launch::async, [&] { return one->open(address()).has_value(); }));
        }
        int number = 0;
        for (auto& one : opened) number += one.get();
        EXPECT_EQ(number, 1);
        for (const auto& one : listeners) one->close();
        ASSERT_TRUE(isEmpty());
    }
}

}  // namespace scaler::ymq
