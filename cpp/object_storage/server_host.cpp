// The states of a hosted server: claimed, listening, ended.
#include "object_storage/server_host.h"

#include <algorithm>
#include <exception>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

namespace scaler::object_storage {
namespace {

constexpr std::chrono::milliseconds kInterruptCheckInterval{100};

// Returns whether the run was interrupted. It ends in any case, and its thread with it.
bool runUntilInterrupted(Server& server, const ServerHost::IsInterrupted& is_interrupted) {
    const std::future<void> ended = std::async(std::launch::async, [&server] { server.run(); });
    try {
        while (ended.wait_for(kInterruptCheckInterval) != std::future_status::ready) {
            if (is_interrupted()) {
                server.shutdown();
                return true;
            }
        }
        return false;
    } catch (...) {
        server.shutdown();  // the future waits for its thread
        throw;
    }
}

}  // namespace

ServerHost::RunEnd ServerHost::run(const Make& make, const IsInterrupted& is_interrupted) {
    claimRun();
    std::shared_ptr<Server> made;
    try {
        made = make();
    } catch (const std::exception& error) {
        announce(nullptr, error.what());
        throw;
    }
    if (!announce(made, "")) {
        return RunEnd::stopped;  // shutdown() came first
    }
    bool was_interrupted = false;
    try {
        was_interrupted = runUntilInterrupted(*made, is_interrupted);
    } catch (...) {
        announce(nullptr, "");
        throw;
    }
    announce(nullptr, "");
    return was_interrupted ? RunEnd::interrupted : RunEnd::stopped;
}

ServerHost::Readiness ServerHost::waitUntilReady(Clock::time_point limit, const IsInterrupted& is_interrupted) {
    const auto is_decided = [this] { return server_ != nullptr || has_ended_; };
    while (true) {
        {
            std::unique_lock lock(mutex_);
            if (changed_.wait_until(lock, std::min(limit, Clock::now() + kInterruptCheckInterval), is_decided)) {
                return server_ == nullptr ? Readiness::ended : Readiness::ready;
            }
        }
        if (is_interrupted()) {
            return Readiness::interrupted;
        }
        if (Clock::now() >= limit) {
            return Readiness::late;
        }
    }
}

std::string ServerHost::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

std::uint16_t ServerHost::port() const {
    const std::shared_ptr<Server> current = server();
    return current == nullptr ? std::uint16_t{0} : current->address().port;
}

void ServerHost::shutdown() {
    std::shared_ptr<Server> current;
    {
        const std::lock_guard lock(mutex_);
        is_shutdown_wanted_ = true;
        current = server_;
    }
    if (current != nullptr) {
        current->shutdown();
    }
}

ServerCore::Gauges ServerHost::gauges() {
    const std::shared_ptr<Server> current = server();
    return current == nullptr ? ServerCore::Gauges() : current->gauges();
}

void ServerHost::claimRun() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_claimed_, true)) {
        throw std::runtime_error("an object storage server runs once");
    }
}

// Tells those who wait that the server listens, or that it does not, and why. Returns whether to serve.
bool ServerHost::announce(std::shared_ptr<Server> server, const std::string& failure) {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    has_ended_ = server == nullptr || is_shutdown_wanted_;
    server_ = has_ended_ ? nullptr : std::move(server);
    changed_.notify_all();
    return !has_ended_;
}

std::shared_ptr<Server> ServerHost::server() const {
    const std::lock_guard lock(mutex_);
    return server_;
}

}  // namespace scaler::object_storage
