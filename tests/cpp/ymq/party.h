// A socket with the waiting that tests need, each with a deadline.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ymq/raw_peer.h"
#include "ymq/socket.h"

namespace scaler::ymq::test {

using namespace std::chrono_literals;

inline std::shared_ptr<IoContext> sharedContext() {
    static const auto context = std::make_shared<IoContext>(1);
    return context;
}

struct From {
    std::string peer;
    std::string text;

    bool operator==(const From&) const = default;
};

class Party {
public:
    explicit Party(SocketOptions options) : socket(sharedContext(), std::move(options)) {}

    Party(SocketType type, std::string identity) : Party(optionsOf(type, std::move(identity))) {}

    static SocketOptions optionsOf(SocketType type, std::string identity) {
        SocketOptions options;
        options.type = type;
        options.identity = std::move(identity);
        return options;
    }

    std::string bind() { return socket.bind("tcp://127.0.0.1:0").value().toString(); }

    std::uint16_t bindPort() { return Address::parse(bind()).value().port; }

    void connect(std::string_view address) { EXPECT_TRUE(socket.connect(address).has_value()); }

    ErrorCode send(std::optional<std::string_view> peer, std::string_view text, std::uint64_t token = 0) {
        return socket.send(peer, Bytes::copy(text), token);
    }

    // Returns the next item of any kind.
    std::optional<Received> next(std::chrono::milliseconds timeout = 10s) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        while (waiting_.empty()) {
            auto items = socket.take();
            for (Received& item : items) waiting_.push_back(std::move(item));
            if (!waiting_.empty()) break;
            const Socket::Wait outcome = socket.wait(deadline);
            if (outcome != Socket::Wait::received && outcome != Socket::Wait::signalled) {
                closed = outcome == Socket::Wait::closed;
                return std::nullopt;
            }
        }
        Received item = std::move(waiting_.front());
        waiting_.pop_front();
        return item;
    }

    // Returns the next message; what comes before it is kept for the others.
    std::optional<From> message(std::chrono::milliseconds timeout = 10s) {
        const auto item = nextOf(Received::Kind::message, timeout);
        if (!item) return std::nullopt;
        return From{item->peer->identity, std::string(item->payload.view())};
    }

    std::optional<std::pair<std::string, PeerEvent>> event(std::chrono::milliseconds timeout = 10s) {
        const auto item = nextOf(Received::Kind::event, timeout);
        if (!item) return std::nullopt;
        return std::pair{item->peer->identity, item->event};
    }

    std::optional<std::pair<std::uint64_t, ErrorCode>> completion(std::chrono::milliseconds timeout = 10s) {
        const auto item = nextOf(Received::Kind::completion, timeout);
        if (!item) return std::nullopt;
        return std::pair{item->token, item->code};
    }

    Socket socket;
    // The last wait ended because the socket was stopped.
    bool closed{false};

private:
    std::optional<Received> nextOf(Received::Kind kind, std::chrono::milliseconds timeout) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        for (auto item = skipped_.begin(); item != skipped_.end(); ++item) {
            if (item->kind != kind) continue;
            Received found = std::move(*item);
            skipped_.erase(item);
            return found;
        }
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            if (left.count() < 0) return std::nullopt;
            std::optional<Received> item = next(left);
            if (!item || item->kind == kind) return item;
            skipped_.push_back(std::move(*item));
        }
    }

    std::deque<Received> waiting_{};
    std::deque<Received> skipped_{};
};

using Event = std::pair<std::string, PeerEvent>;

}  // namespace scaler::ymq::test
