// Connecting with retries, without a socket of ours around it.
#include "ymq/dialer.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <new>
#include <string>

namespace scaler::ymq {

namespace {

using namespace std::chrono_literals;

}  // namespace

TEST(Dialer, TriesAgainWhenAConnectionCannotBeServed) {
    boost::asio::io_context context;
    boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
    const std::string port = std::to_string(acceptor.local_endpoint().port());
    for (const char* host : {"127.0.0.1", "localhost"}) {
        int connected = 0;
        bool given_up = false;
        const auto dialer = std::make_shared<Dialer>(
            context, Address::parse("tcp://" + std::string(host) + ":" + port).value(),
            [&](const StreamSocket&) {
                if (++connected < 3) throw std::bad_alloc();
            },
            [&](const std::string&) { given_up = true; });
        dialer->start(std::chrono::steady_clock::now() + 30s);
        while (connected < 3 && !given_up && context.run_one_for(10s) != 0) {
        }
        EXPECT_EQ(connected, 3);
        dialer->stop();
    }
}

TEST(Dialer, GivesUpAtItsDeadlineWhileANameIsLookedUpAndNobodyWaitsForTheAnswer) {
    std::promise<void> answer;
    std::string reason;
    {
        boost::asio::io_context context;
        const auto dialer = std::make_shared<Dialer>(
            context, Address::parse("tcp://slow.example:1").value(), [](const StreamSocket&) { FAIL(); },
            [&](const std::string& why) { reason = why; },
            [future = answer.get_future().share()](const Address&) -> Endpoints {
                future.wait();
                return std::vector<StreamEndpoint>{};
            });
        dialer->start(std::chrono::steady_clock::now() + 200ms);
        while (reason.empty() && context.run_one_for(10s) != 0) {
        }
    }
    EXPECT_EQ(reason, "the name slow.example could not be looked up in time");
    answer.set_value();  // to a thread that nothing waits for
}

TEST(Dialer, SaysWhyANameHasNoAddress) {
    boost::asio::io_context context;
    std::string reason;
    const auto dialer = std::make_shared<Dialer>(
        context, Address::parse("tcp://none.example:1").value(), [](const StreamSocket&) { FAIL(); },
        [&](const std::string& why) { reason = why; },
        [](const Address&) -> Endpoints {
            return Error{ErrorCode::connectFailed, "no such name"};
        });
    dialer->start(std::chrono::steady_clock::now() + 100ms);
    while (reason.empty() && context.run_one_for(10s) != 0) {
    }
    EXPECT_EQ(reason, "no such name");
}

TEST(Dialer, GivesUpAtItsDeadlineAndSaysWhatWasThrown) {
    boost::asio::io_context context;
    boost::asio::ip::tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
    const std::string port = std::to_string(acceptor.local_endpoint().port());
    std::string reason;
    const auto dialer = std::make_shared<Dialer>(
        context, Address::parse("tcp://127.0.0.1:" + port).value(), [](const StreamSocket&) { throw std::bad_alloc(); },
        [&](const std::string& why) { reason = why; });
    dialer->start(std::chrono::steady_clock::now() + 300ms);
    while (reason.empty() && context.run_one_for(10s) != 0) {
    }
    EXPECT_NE(reason.find("bad_alloc"), std::string::npos) << reason;
}

}  // namespace scaler::ymq
