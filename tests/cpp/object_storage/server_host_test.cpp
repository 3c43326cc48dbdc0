// The states of a hosted server, and that nobody is called with its lock held.
#include "object_storage/server_host.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>
#include <vector>

namespace scaler::object_storage {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience{10};

std::shared_ptr<Server> makeServer() {
    return std::make_shared<Server>(Server::Options{.address = {.host = "127.0.0.1"}},
                                    std::make_shared<const Logger>(LogLevel::critical, "", std::vector<std::string>()));
}

bool never() { return false; }

ServerHost::Clock::time_point soon() { return ServerHost::Clock::now() + kPatience; }

// Calls what takes the lock, on another thread, and returns whether it came back.
bool isUnlocked(ServerHost& host) {
    return std::async(std::launch::async, [&host] { return host.port(); }).wait_for(kPatience) ==
           std::future_status::ready;
}

TEST(ServerHost, ServesUntilShutdown) {
    ServerHost host;
    EXPECT_EQ(host.port(), 0);
    auto run = std::async(std::launch::async, [&host] { return host.run(&makeServer, &never); });
    EXPECT_EQ(host.waitUntilReady(soon(), &never), ServerHost::Readiness::ready);
    EXPECT_GT(host.port(), 0);
    EXPECT_EQ(host.gauges().connections, 0U);
    host.shutdown();
    EXPECT_EQ(run.get(), ServerHost::RunEnd::stopped);
    EXPECT_EQ(host.waitUntilReady(soon(), &never), ServerHost::Readiness::ended);
    EXPECT_EQ(host.failure(), "");
    EXPECT_EQ(host.port(), 0);
    EXPECT_THROW(host.run(&makeServer, &never), std::runtime_error);
}

TEST(ServerHost, ShutdownBeforeRunEndsTheRun) {
    ServerHost host;
    host.shutdown();
    EXPECT_EQ(host.run(&makeServer, &never), ServerHost::RunEnd::stopped);
    EXPECT_EQ(host.waitUntilReady(soon(), &never), ServerHost::Readiness::ended);
}

TEST(ServerHost, WhatCannotBeMadeIsToldToThoseWhoWait) {
    ServerHost host;
    const auto fail = []() -> std::shared_ptr<Server> { throw BindError("in use"); };
    EXPECT_THROW(host.run(fail, &never), BindError);
    EXPECT_EQ(host.waitUntilReady(soon(), &never), ServerHost::Readiness::ended);
    EXPECT_EQ(host.failure(), "in use");
}

TEST(ServerHost, WaitingEndsAtItsLimitOrWhenInterrupted) {
    ServerHost host;
    EXPECT_EQ(host.waitUntilReady(ServerHost::Clock::now(), &never), ServerHost::Readiness::late);
    EXPECT_EQ(host.waitUntilReady(soon(), [] { return true; }), ServerHost::Readiness::interrupted);
}

TEST(ServerHost, IsUnlockedWhileItCallsOthers) {
    ServerHost host;
    EXPECT_EQ(host.waitUntilReady(soon(), [&host] { return isUnlocked(host); }), ServerHost::Readiness::interrupted);
    const auto make = [&host] { return isUnlocked(host) ? makeServer() : throw std::logic_error("locked"); };
    EXPECT_EQ(host.run(make, [&host] { return isUnlocked(host); }), ServerHost::RunEnd::interrupted);
}

}  // namespace
}  // namespace scaler::object_storage
