// The baton of an event loop: who runs it, and when it goes to somebody else.
#include "ymq/io_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <new>
#include <thread>

#include "ymq/drive.h"
#include "ymq/party.h"

namespace scaler::ymq::test {

namespace {

// Drives again and again without running anything, so that the I/O thread comes for what is due only.
void comeBackUntil(IoLoop& loop, const std::atomic<bool>& happened) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!happened) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        if (loop.enter()) loop.leave(false);
        std::this_thread::sleep_for(100us);
    }
}

}  // namespace

TEST(IoLoop, RunsWhatIsPostedWithoutAnyDriver) {
    IoLoop loop;
    for (int number = 0; number < 100; ++number) {
        std::promise<bool> called;
        loop.post([&] { called.set_value(loop.runsHere()); });
        auto answer = called.get_future();
        ASSERT_EQ(answer.wait_for(10s), std::future_status::ready);
        EXPECT_TRUE(answer.get());
    }
    EXPECT_FALSE(loop.runsHere());
}

TEST(IoLoop, GoesOnBehindAHandlerThatThrows) {
    IoLoop loop;
    const auto throwing = [] { throw std::bad_alloc(); };
    loop.post(throwing);
    std::promise<void> called;
    loop.post([&] { called.set_value(); });
    ASSERT_EQ(called.get_future().wait_for(10s), std::future_status::ready) << "on the I/O thread";
    enterWhenGivenUp(loop);
    loop.post(throwing);
    bool ran = false;
    loop.post([&] { ran = true; });
    while (!ran) loop.runOne(1s);  // by a driver
    loop.leave(false);
}

TEST(IoLoop, GivesTheLoopUpToAFollowerItHasWoken) {
    IoLoop loop;
    enterWhenGivenUp(loop);
    EXPECT_TRUE(loop.runsHere());
    EXPECT_FALSE(loop.enter()) << "one at a time";
    std::thread::id ran_on;
    loop.post([&] { ran_on = std::this_thread::get_id(); });
    while (ran_on == std::thread::id()) loop.runOne(1s);
    EXPECT_EQ(ran_on, std::this_thread::get_id());
    loop.leave(false);
    EXPECT_FALSE(loop.runsHere());
}

TEST(IoLoop, DriverIsWokenByOtherThreads) {
    IoLoop loop;
    enterWhenGivenUp(loop);
    std::thread waker([&] { loop.wake(); });
    const auto start = std::chrono::steady_clock::now();
    while (!loop.runOne(900ms)) {
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
    waker.join();
    loop.leave(false);
}

#ifndef _WIN32
TEST(IoLoop, DriverNoticesASignal) {
    IoLoop loop;
    const boost::asio::steady_timer timer(loop.context());  // as every loop with a socket has one
    enterWhenGivenUp(loop);
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, &before);
    const pthread_t driver = pthread_self();
    std::atomic<bool> noticed{false};
    // Again and again, for one that comes just before the wait does not end it.
    std::thread sender([&] {
        while (!noticed) {
            std::this_thread::sleep_for(1ms);
            pthread_kill(driver, SIGUSR1);
        }
    });
    for (int attempt = 0; attempt < 10 && !noticed; ++attempt) {
        const auto start = std::chrono::steady_clock::now();
        const bool has_run = loop.runOne(1s);
        noticed = !has_run && std::chrono::steady_clock::now() - start < 900ms;
    }
    EXPECT_TRUE(noticed);
    noticed = true;
    sender.join();
    sigaction(SIGUSR1, &before, nullptr);
    loop.leave(false);
}
#endif

TEST(IoLoop, TimersExpireWhenTheDriverHasLeft) {
    IoLoop loop;
    enterWhenGivenUp(loop);
    std::promise<void> expired;
    boost::asio::steady_timer timer(loop.context(), 1ms);
    timer.async_wait([&](const auto&) { expired.set_value(); });
    loop.leave(false);
    EXPECT_EQ(expired.get_future().wait_for(10s), std::future_status::ready);
}

TEST(IoLoop, WhatIsDueHappensAlthoughSomebodyKeepsComingBack) {
    IoLoop loop;
    enterWhenGivenUp(loop);
    std::atomic<bool> expired{false};
    boost::asio::steady_timer timer(loop.context(), 1ms);
    timer.async_wait([&](const auto&) { expired = true; });
    loop.leave(false);
    loop.comeWithin(1ms);
    comeBackUntil(loop, expired);
}

TEST(IoLoop, WhatIsDueLaterIsNotForgottenWithWhatWasSeenTo) {
    IoLoop loop;
    enterWhenGivenUp(loop);
    std::atomic<bool> expired{false};
    boost::asio::steady_timer timer(loop.context());
    // Once more when this thread did not run for so long that the later one had passed as well.
    do {
        timer.expires_after(20ms);
        loop.comeWithin(0ms);
        loop.comeWithin(20ms);
        loop.seenTo();
    } while (timer.expiry() <= IoLoop::Clock::now());
    timer.async_wait([&](const auto&) { expired = true; });
    loop.leave(false);
    comeBackUntil(loop, expired);
}

TEST(IoLoop, WhatIsDueLaterIsNotForgottenWithWhatTheAlarmRangFor) {
    IoLoop loop;
    enterWhenGivenUp(loop);
    std::atomic<bool> first{false};
    std::atomic<bool> second{false};
    boost::asio::steady_timer early(loop.context(), 1ms);
    boost::asio::steady_timer late(loop.context(), 20ms);
    early.async_wait([&](const auto&) { first = true; });
    late.async_wait([&](const auto&) { second = true; });
    loop.comeWithin(1ms);
    loop.comeWithin(20ms);
    loop.leave(false);
    comeBackUntil(loop, first);
    comeBackUntil(loop, second);
}

TEST(IoLoop, StopsWhileADriverWaits) {
    auto loop = std::make_unique<IoLoop>();
    std::atomic<bool> driving{false};
    std::thread driver([&] {
        enterWhenGivenUp(*loop);
        driving = true;
        while (!loop->context().stopped()) loop->runOne(1s);
        loop->leave(false);
    });
    while (!driving) std::this_thread::yield();
    loop->stop();
    EXPECT_FALSE(loop->enter());
    driver.join();
    loop.reset();
}

TEST(IoLoop, ManyThreadsWaitAtOneSocketEach) {
    // All on one loop: whoever drives receives for the others.
    constexpr int kPairs = 6;
    constexpr int kRounds = 300;
    Party binder(SocketType::binder, "binder");
    const std::string address = binder.bind();
    std::thread echo([&] {
        for (int left = kPairs * kRounds; left > 0;) {
            const auto message = binder.message();
            ASSERT_TRUE(message.has_value());
            binder.send(message->peer, message->text);
            --left;
        }
    });
    std::vector<std::thread> askers;
    for (int pair = 0; pair < kPairs; ++pair) {
        askers.emplace_back([&, pair] {
            Party asker(SocketType::connector, "asker" + std::to_string(pair));
            asker.connect(address);
            for (int round = 0; round < kRounds; ++round) {
                asker.send(std::nullopt, std::to_string(round));
                ASSERT_EQ(asker.message(), (From{"binder", std::to_string(round)}));
            }
        });
    }
    for (auto& asker : askers) asker.join();
    echo.join();
}

TEST(IoLoop, ASocketThatIsOnlyPolledReceives) {
    Party binder(SocketType::binder, "binder");
    Party connector(SocketType::connector, "connector");
    connector.connect(binder.bind());
    ASSERT_TRUE(binder.event());
    ASSERT_TRUE(connector.event());
    for (int number = 0; number < 20; ++number) {
        connector.send(std::nullopt, "x");
        const auto deadline = std::chrono::steady_clock::now() + 10s;
        while (binder.socket.take().empty()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            (void)binder.socket.wait(std::chrono::steady_clock::now());
        }
    }
}

TEST(IoLoop, WhatDoesNotFitIsWrittenWhileNobodyWaits) {
    // Contexts of their own, so that the receiving side does not run the loop of the sending one.
    Socket binder(std::make_shared<IoContext>(), Party::optionsOf(SocketType::binder, "binder"));
    Socket connector(std::make_shared<IoContext>(), Party::optionsOf(SocketType::connector, "connector"));
    ASSERT_TRUE(connector.connect(binder.bind("tcp://127.0.0.1:0").value().toString()));
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (connector.take().empty()) ASSERT_NE(connector.wait(deadline), Socket::Wait::timedOut);
    const std::string large(8 << 20, 'x');
    for (int number = 0; number < 4; ++number) connector.send(std::nullopt, Bytes::copy(large));
    std::size_t received = 0;
    while (received < 4 * large.size()) {
        ASSERT_NE(binder.wait(deadline), Socket::Wait::timedOut);
        for (const Received& item : binder.take()) received += item.payload.size();
    }
}

}  // namespace scaler::ymq::test
